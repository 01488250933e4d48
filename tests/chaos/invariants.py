"""What must hold at every moment, in every calm and in the morning, whatever has happened (docs/faults.md)."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from orchestrator.events import RunUpdate, Told
from orchestrator.states import RunState
from protocols.execution_order import flow
from protocols.program import CyclingSegment, Loop, Program
from simulators.bench import SimulatedBench
from simulators.neware.memory import StoredTest
from simulators.neware.step_machine import Status
from tests.chaos.host import Host
from tests.chaos.programs import charge_allowed_ah
from tests.chaos.reader import Reader
from tests.chaos.spectra import AtLeads

_ACTIVE = ("preflight", "armed", "running", "unseen")
# Tests of the simulated tester: source meters beside it have their own (tests/chaos/at_instruments.py).
_TESTED = "tester_test_id IS NOT NULL AND channel NOT LIKE 'smu-%'"
_RECORD_S = 30.0
_LATE_S = 60.0


class Invariants:
    """Compares the tester's own memory, which cannot lie, with the store as any reader sees it."""

    def __init__(self, bench: SimulatedBench, store_file: Path) -> None:
        self._bench = bench
        self._file = store_file
        self.reader = Reader(store_file)
        self.query = self.reader.query
        # Tests that somebody else has started; times in which a channel did not do as it was told.
        self.foreign: set[tuple[str, int]] = set()
        self.crooked: list[tuple[str, float, float]] = []
        self.broken: list[str] = []
        self._seen = dict.fromkeys(bench.tester.channels, 0)
        self._barcodes: set[str] = set()
        self._states: dict[str, RunState] = {}
        self._starts: Counter[str] = Counter()
        self.at_leads = AtLeads(bench, self.query, self.foreign)

    # At every event

    async def hear(self, update: Told) -> None:
        """Check after whatever the service has just done; what is broken is raised by the next ``look``."""
        if not isinstance(update, RunUpdate) or update.channel not in self._bench.tester.channels:
            return
        try:
            self._check_new_tests(update.channel)
            if self._states.get(update.run_id) is not update.state:
                self._states[update.run_id] = update.state
                self._check_owners()
        except AssertionError as err:
            self.broken.append(str(err))

    def look(self, host: Host) -> None:
        """Check everything that needs no waiting. Raises AssertionError."""
        broken = self.broken + self.at_leads.broken
        assert not broken, "; ".join(broken)
        process = host.process
        if process is not None and process.task.done():
            process.task.result()
            raise AssertionError("the service has ended by itself")
        for channel in self._bench.tester.channels:
            self._check_new_tests(channel)
        self._check_owners()
        self.at_leads.look()

    def _check_owners(self) -> None:
        marks = ", ".join("?" * len(_ACTIVE))
        sql = f"SELECT channel, group_concat(run_id) FROM run WHERE state IN ({marks}) GROUP BY channel"  # noqa: S608 - question marks only
        twice = self.query(f"{sql} HAVING count(*) > 1", *_ACTIVE)
        assert not twice, f"two active runs on one channel: {twice}"

    def _check_new_tests(self, channel: str) -> None:
        """Check each test that the tester has begun since the last look."""
        tests = self._bench.tester.channel(channel).tests
        for test in tests[self._seen[channel] :]:
            self._seen[channel] += 1
            if (channel, test.test_id) in self.foreign or test.barcode == "somebody":
                continue
            assert test.barcode not in self._barcodes, f"{test.barcode} was started twice"
            self._barcodes.add(test.barcode)
            began_unix_s = self._bench.tester.unix_s(test.start_tick)
            (intents,) = self.query(
                "SELECT count(*) FROM intent WHERE run_id = ? AND command = 'start' AND opened_unix_s <= ?",
                test.barcode.partition("-")[0],
                began_unix_s + 0.1,
            )[0]
            self._starts[test.barcode.partition("-")[0]] += 1
            assert intents >= self._starts[test.barcode.partition("-")[0]], (
                f"{test.barcode} works without an intent in the store"
            )
            if self._is_late(test.barcode, began_unix_s):
                continue  # it was sent long ago, before whatever happened since; the next calm finds it stopped
            latched = self.query(
                "SELECT run_id FROM run WHERE channel = ? AND state = 'tripped' AND state_unix_s < ?",
                channel,
                began_unix_s - 0.1,
            )
            assert not latched, f"{test.barcode} was started on a tripped channel: {latched}"
            self._check_word(channel, test.barcode, began_unix_s)

    def _is_late(self, barcode: str, began_unix_s: float) -> bool:
        """Tell whether a start has been on its way for longer than a link takes that is only slow."""
        sql = "SELECT max(opened_unix_s) FROM intent WHERE run_id = ? AND command = 'start' AND opened_unix_s <= ?"
        ((sent_unix_s,),) = self.query(sql, re.split("[.-]", barcode)[0], began_unix_s + 0.1)
        return bool(sent_unix_s is not None and began_unix_s - sent_unix_s > _LATE_S)

    def _check_word(self, channel: str, barcode: str, began_unix_s: float) -> None:
        """Check that no stop or trip of the channel came between a person's last word on a run and its test."""
        run_id = barcode.partition("-")[0]
        word = "SELECT max(at_unix_s) FROM event WHERE run_id = ? AND kind = 'command'"
        ((said_unix_s,),) = self.query(word, run_id)
        between = self.query(
            "SELECT run_id, reason FROM run WHERE channel = ? AND state = 'stopped' AND state_unix_s > ? "
            "AND state_unix_s < ? AND EXISTS (SELECT 1 FROM test WHERE test.run_id = run.run_id)",
            channel,
            said_unix_s or 0.0,
            began_unix_s - 0.1,
        )
        assert not between, f"{barcode} was started without a word after {between}"

    # Around a kill

    def stored(self) -> dict[int, tuple[int, int, int]]:
        """Give count, first and last sequence of the latest tests."""
        if not self._file.exists():
            return {}
        sql = (
            "SELECT test, count(*), min(sequence), max(sequence) FROM sample "
            "WHERE test > (SELECT coalesce(max(id), 0) FROM test) - 40 GROUP BY test"
        )
        return {row[0]: row[1:] for row in self.query(sql)}

    def survived(self, before: dict[int, tuple[int, int, int]]) -> None:
        """Check that a killed process has left a sound store with all that was in it."""
        assert self.query("PRAGMA integrity_check") == [("ok",)]
        after = self.stored()
        for test, found in before.items():
            assert after[test] >= found, f"samples of test {test} are gone"
        for test, (count, first, last) in after.items():
            assert (first, last) == (1, count), f"test {test} has gaps: {count} samples, {first} to {last}"
        self.at_leads.whole()

    # In a calm

    def order(self, host: Host) -> None:
        """Check that everything has come to order: link good, nothing broken, service up for some polls."""
        assert host.service is not None, "the service did not come up"
        unsettled = self.query("SELECT run_id, channel, state, reason FROM run WHERE state IN ('unknown', 'unseen')")
        assert not unsettled, f"not settled: {unsettled}"
        running = {row[0]: row[1:] for row in self.query(
            "SELECT run.channel, run.run_id, test.barcode, test.tester_test_id, run.state FROM run "
            "LEFT JOIN test ON test.id = (SELECT max(id) FROM test WHERE test.run_id = run.run_id "
            "AND tester_test_id IS NOT NULL) "
            "WHERE state IN ('running', 'armed', 'preflight')"
        )}  # fmt: skip
        looked_after = {run.run_id for run in host.service.runs}
        between = {run.run_id for run in host.service.runs if run.status.is_between}
        for name in self._bench.tester.channels:
            channel = self._bench.tester.channel(name)
            test = channel.test(0)
            run = running.get(name)
            if channel.machine.status is Status.WORKING and test and (name, test.test_id) not in self.foreign:
                assert run, f"{name} works on {test.barcode}, and no run looks after it: {self._tell(test.barcode)}"
            if run and run[3] == "running":
                assert run[0] in looked_after, f"{run} runs, and the service does not look after it"
                assert test, f"{run} runs on {name}, which has no test"
                ours = (test.barcode, test.test_id) == run[1:3]
                # Between two segments nobody drives the cell; somebody's test is noticed at the latest before the next.
                is_off = run[0] in between and (not channel.busy or (name, test.test_id) in self.foreign)
                assert ours or is_off, f"{run} runs, but {name} shows {test.barcode}"
        self._check_tests(strictly=True)
        self.at_leads.order(host)

    def _tell(self, barcode: str) -> list[Any]:
        return self.query("SELECT run_id, state, reason FROM run WHERE run_id = ?", barcode.partition("-")[0])

    def _check_tests(self, *, strictly: bool) -> None:
        """Check that the tests started by us and the store's are the same."""
        ours = {
            (name, test.test_id, test.barcode)
            for name, channel in self._bench.tester.channels.items()
            for test in channel.tests
            if (name, test.test_id) not in self.foreign
        }
        cycled = f"SELECT channel, tester_test_id, barcode FROM test WHERE {_TESTED}"  # noqa: S608 - a constant
        known = set(self.query(cycled))
        assert known <= ours, f"the tester knows nothing of {known - ours}"
        open_runs = {row[0] for row in self.query("SELECT run_id FROM intent WHERE outcome IS NULL")}
        lost = {test for test in ours - known if strictly or test[2].partition(".")[0] not in open_runs}
        assert not lost, f"the store knows nothing of {lost}: {[self._tell(test[2]) for test in lost]}"

    # In the morning

    def end(self, host: Host) -> None:
        """Check all tests and runs of the night, row for row and charge for charge."""
        self.survived(self.stored())
        self._check_tests(strictly=True)
        for number, channel, test_id, program_json in self.query(
            f"SELECT id, channel, tester_test_id, program_json FROM test WHERE {_TESTED}"  # noqa: S608 - a constant
        ):
            test = self._bench.tester.channel(channel).test(test_id)
            assert test is not None
            self._check_rows(number, test)
            self._check_flow(CyclingSegment.from_json(program_json), test)
        for run_id, program_json in self.query("SELECT run_id, program_json FROM run WHERE channel NOT LIKE 'smu-%'"):
            self._check_charge(run_id, Program.from_json(program_json))
        self.at_leads.end()

    def _check_rows(self, number: int, test: StoredTest) -> None:
        sql = (
            "SELECT sequence, step, tester_cycle, round(step_time_s * 1000), voltage_v, current_a, capacity_ah, "
            "energy_wh FROM sample WHERE test = ? ORDER BY sequence"
        )
        stored = self.query(sql, number)
        assert len(stored) == len(test), (
            f"{test.barcode}: {len(stored)} of {len(test)} rows are stored: {self._tell(test.barcode)}"
        )
        for mine, row in zip(stored, test.rows(), strict=True):
            values = (row.voltage_v, row.current_a, row.capacity_ah, row.energy_wh)
            same = all(abs(a - b) <= 1e-14 * abs(b) for a, b in zip(mine[4:], values, strict=True))
            alike = same and mine[:4] == (row.seq, row.step, row.cycle, row.step_time_ms)
            assert alike, f"{test.barcode}: stored {mine}, the tester has {row}"

    def _check_flow(self, segment: CyclingSegment, test: StoredTest) -> None:
        """Check that no step was repeated or left out; after the last rung of a stop another schedule holds."""
        codes = self._bench.tester.quirks.log_codes
        reset_seq = min((log.seq for log in test.log if log.code == codes.reset_before), default=1 << 30)
        done = [(step.step, step.cycle) for step in test.steps if step.last_seq < reset_seq]
        if done and done[-1][0] > len(segment.steps):
            done.pop()
        planned = [(place.step, place.cycle) for place in islice(flow(segment.steps), len(done))]
        assert done == planned, f"{test.barcode} did {done}, its program is {planned}"

    def _check_charge(self, run_id: str, program: Program) -> None:
        sql = "SELECT channel, tester_test_id, program_json FROM test WHERE run_id = ? AND tester_test_id IS NOT NULL"
        tests = self.query(sql, run_id)
        passed = {1: 0.0, -1: 0.0}
        for channel, test_id, program_json in tests:
            test = self._bench.tester.channel(channel).test(test_id)
            assert test is not None
            if self._is_crooked(channel, test):
                return
            segment = CyclingSegment.from_json(program_json)
            for row in test.steps:
                step = segment.steps[row.step - 1] if row.step <= len(segment.steps) else None
                if step is not None and not isinstance(step, Loop) and step.purpose == "recipe":
                    passed[1 if row.start_current_a > 0 else -1] += row.capacity_ah
        largest_a = max(segment.limits.host_current_a for segment in program.cycling) / 1.05
        rest_ah = largest_a * (_RECORD_S + 1.0) / 3600 * max(0, len(tests) - 1)
        for direction, charge_ah in passed.items():
            allowed_ah = charge_allowed_ah(program, direction) * 1.001 + rest_ah
            assert charge_ah <= allowed_ah, (
                f"{run_id} passed {charge_ah * 1e3:.5f} mAh in direction {direction} in {len(tests)} tests; "
                f"its program allows {allowed_ah * 1e3:.5f}"
            )

    def _is_crooked(self, channel: str, test: StoredTest) -> bool:
        from_s = test.start_tick / 10
        to_s = test.steps[-1].end_tick / 10 if test.steps else from_s
        return any(name == channel and begin <= to_s and from_s <= end for name, begin, end in self.crooked)
