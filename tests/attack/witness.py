"""Compares what a service says with what the simulated tester does, which cannot lie, all through a case."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import isnan
from typing import TYPE_CHECKING

from drivers.interfaces import Sample
from orchestrator.events import EventKind, Severity
from orchestrator.rack.service import Service
from orchestrator.rack.stop_orders import StopReport
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store, TesterTestRow
from simulators.bench import SimulatedBench
from simulators.neware.memory import RecordRow
from simulators.neware.step_machine import Status
from tests.attack.lies import Place
from tests.attack.proxy import Proxy, Spoil

if TYPE_CHECKING:
    from tests.attack.life import Case, Outcome

LOOK_S = 5.0
WATCHED_LOOK_S = 30.0
# What is not seen any more, and what contradicts itself, is told within so many seconds of virtual time: three polls
# without an answer, each of which may take the time-outs of two connections.
TOLD_WITHIN_S = 240.0
# After a restart, or a lie about another channel, a channel is seen again within so many seconds.
NEIGHBOUR_SEEN_WITHIN_S = 90.0
# A start that comes after it was given up is stopped within so many seconds of its arrival.
LATE_STOPPED_WITHIN_S = 120.0
_AT_REST = frozenset({RunState.COMPLETED, RunState.STOPPED, RunState.FAILED, RunState.HOLDING, RunState.QUEUED})
# The attribute of a record, and what is stored of it.
_COLUMNS = {
    "volt": "voltage_v",
    "curr": "current_a",
    "cap": "capacity_ah",
    "eng": "energy_wh",
    "testtime": "time",
    "stepid": "step",
    "cycleid": "cycle",
    "seqid": "sequence",
}


class Witness:
    """Looks at one case every few seconds, and adds what is wrong to its outcome."""

    def __init__(
        self,
        bench: SimulatedBench,
        store: Store,
        proxy: Proxy,
        channel: str,
        other: str,
        case: Case,
        outcome: Outcome,
    ) -> None:
        self._bench, self._store, self._proxy = bench, store, proxy
        self._channel, self._other = channel, other
        self._case, self._outcome = case, outcome
        self.run_id = ""
        self._behind_s: dict[str, float] = {}
        self._known_s: dict[str, float] = {}
        self._rests_s: float | None = None
        self._unseen_s = 0.0

    def wrong(self, what: str) -> None:
        """Note a violation, each once."""
        if what not in self._outcome.wrong:
            self._outcome.wrong.append(what)

    async def watch(self, service: Callable[[], Service]) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self._look(service())
            except AttributeError:
                continue

    def is_over(self) -> bool:
        """Tell whether both runs have come to rest."""
        return all(run.state.is_over or run.state.is_left_to_a_person for run in self._store.runs())

    # While it goes on

    def _look(self, service: Service) -> None:
        now_s = asyncio.get_running_loop().time()
        for channel in self._bench.tester.channels.values():
            if len(channel.tests) > 1:
                self.wrong(f"two starts: channel {channel.name} has {len(channel.tests)} tests")
        if now_s % WATCHED_LOOK_S < LOOK_S:
            self._check_watched(service, now_s)
        for run in service.runs:
            self._check_lag(run, now_s, service)
            self._check_neighbour(run, now_s)
            if run.request.channel == self._channel:
                self._check_rest(run, now_s, service)
        if self._proxy.first_s is not None and self._outcome.told_after_s is None and self._is_told(service):
            self._outcome.told_after_s = now_s - self._proxy.first_s

    def _check_watched(self, service: Service, now_s: float) -> None:
        """Check that each run that is not over is known to the service, or said to be undecided."""
        known = {run.run_id for run in service.runs} | {row.run_id for _, row in service.undecided_rows()}
        for row in self._store.runs():
            if row.run_id in known or row.state.is_over or service.troubles:
                self._known_s[row.run_id] = now_s
            elif now_s - self._known_s.setdefault(row.run_id, now_s) > TOLD_WITHIN_S:
                self.wrong(f"{row.run_id} is {row.state.value} in the store, and the service does not know it")

    def _check_neighbour(self, run: Run, now_s: float) -> None:
        """Check that what is said of one channel does not blind the watch over another."""
        if run.request.channel != self._other or run.state is not RunState.UNSEEN or not self._lies_of_one_row():
            self._unseen_s = now_s
        elif now_s - self._unseen_s > NEIGHBOUR_SEEN_WITHIN_S:
            self.wrong(f"the other channel is not seen either: {run.reason}")

    def _lies_of_one_row(self) -> bool:
        """Tell whether all that is spoiled is said of the attacked channel, which concerns no other."""
        places = {field.place for field, _ in self._case.attack.lies}
        commands = {field.command for field, _ in self._case.attack.lies}
        return bool(places) and places <= {Place.ROW, Place.ECHO, Place.DATA} and "getdevinfo" not in commands

    def _says_another_test(self) -> bool:
        return {"barcode", "testid"} <= {field.name for field, _ in self._case.attack.lies}

    def _check_rest(self, run: Run, now_s: float, service: Service) -> None:
        """Check that a run is not said to be over, or held, while the tester works under its barcode."""
        channel = self._bench.tester.channel(self._channel)
        works = channel.machine.status is Status.WORKING and channel.tests[-1].barcode.startswith(run.run_id)
        if not works or run.state not in _AT_REST or run.status.start_is_unknown or run.status.stop_is_pending:
            self._rests_s = None
            return
        if self._says_another_test() and service.supervisors[0].watch.words(self._channel):
            # Barcode and test id say so together: the channel is shown as working, and not by us.
            return
        self._rests_s = now_s if self._rests_s is None else self._rests_s
        # A start that reaches the tester after it was given up is found at the next look.
        given_up = run.state is RunState.FAILED and self._store.start_was_sent(run.run_id)
        # What is held as somebody else's is looked at, and shown as working, at the next poll.
        allowed_s = NEIGHBOUR_SEEN_WITHIN_S if self._says_another_test() else 0.0
        if now_s - self._rests_s > (LATE_STOPPED_WITHIN_S if given_up else allowed_s):
            self.wrong(f"{run.state.value} while the tester works: {run.reason}")

    def _check_lag(self, run: Run, now_s: float, service: Service) -> None:
        """Check that a run that is said to go on is recorded."""
        channel = self._bench.tester.channel(run.request.channel)
        is_behind = bool(channel.tests) and len(channel.tests[-1]) > run.stored
        quietly = run.state is RunState.RUNNING and not run.reason and not service.troubles
        stored = self._behind_s.get(run.run_id)
        if not is_behind or not quietly:
            self._behind_s[run.run_id] = now_s
        elif stored is not None and channel.tests:
            first = channel.tests[-1].row(run.stored + 1)
            waits_s = now_s - first.tick / 10
            quiet_s = now_s - stored
            if min(waits_s, quiet_s) > TOLD_WITHIN_S:
                self.wrong(f"silently running: {run.request.label} has no record for {TOLD_WITHIN_S:g} s")

    def _is_told(self, service: Service) -> bool:
        if service.troubles or service.undecided_rows():
            return True
        for run in service.runs:
            if run.request.channel != self._channel:
                continue
            if run.reason or run.state not in {RunState.QUEUED, RunState.PREFLIGHT, RunState.ARMED, RunState.RUNNING}:
                return run.state is not RunState.COMPLETED or bool(self._warned(run.run_id))
        return bool(self._warned(self.run_id))

    def _warned(self, run_id: str) -> bool:
        since = 0.0 if self._proxy.first_s is None else self._proxy.first_s
        epoch_s = self._bench.tester.epoch_unix_s
        return any(
            event.at_unix_s - epoch_s >= since
            and (kind := EventKind.known(event.kind)) is not None
            and kind.severity.is_at_least(Severity.WARNING)
            for event in self._store.events(run_id)
        )

    def check_answer(self, report: StopReport, took_s: float, within_s: float) -> None:
        """Check what was answered to a stop by name."""
        if took_s > within_s:
            self.wrong(f"a stop was answered after {took_s:g} s")
        if not report.words.strip():
            self.wrong("a stop was answered without a word")
        if report.is_off and self._bench.tester.channel(self._channel).busy:
            self.wrong(f"a stop was answered 'off' and the tester works: {report.words}")

    # At the end

    def note_end(self, service: Service) -> None:
        """Note how the attacked run ended, and what the tester did."""
        outcome, channel = self._outcome, self._bench.tester.channel(self._channel)
        outcome.starts = len(channel.tests)
        outcome.stops = self._proxy.asked.get("stop", 0)
        outcome.working = channel.busy
        outcome.spoiled = self._proxy.spoiled
        for row in self._store.runs():
            if row.run_id == self.run_id:
                outcome.state = row.state.value
            elif row.state is not RunState.COMPLETED:
                self.wrong(f"the other channel's run is {row.state.value}: {row.reason}")
        now = next((run for run in service.runs if run.run_id == self.run_id), None)
        if now is not None and now.state is RunState.RUNNING and not channel.busy:
            self.wrong("running, and the tester has long ended")
        if outcome.state == RunState.COMPLETED and channel.tests and not channel.tests[-1].complete:
            self.wrong("completed, and the tester has not come to its end")

    def compare(self) -> None:
        """Compare what is stored of each test with the tester's own memory."""
        for run in self._store.runs():
            for test in self._store.tests(run.run_id):
                self._compare(test, run.state)

    def _compare(self, test: TesterTestRow, state: RunState) -> None:
        samples = list(self._store.samples(test.id))
        there = self._bench.tester.channel(test.channel).tests
        own = next((it for it in there if it.test_id == test.tester_test_id), None)
        if own is None:
            self.wrong(f"test {test.tester_test_id} is stored, and the tester never had it")
            return
        rows = list(own.rows())
        if len(samples) > len(rows):
            self.wrong(f"{len(samples)} records are stored and the tester has {len(rows)}")
        if len(samples) < len(rows) and state.is_over:
            self.wrong(f"{state.value} with {len(samples)} records of {len(rows)}")
        lied = {field.name for field, _ in self._case.attack.lies if field.place is Place.DATA}
        allowed = {_COLUMNS[name] for name in lied if name in _COLUMNS}
        if self._case.attack.spoil is Spoil.GARBLED and self._case.attack.command == "download":
            # The wire has no checksum (reference neware-ct4008, section 2.2): one digit for another is what was said.
            allowed = set(_COLUMNS.values())
        if test.channel != self._channel:
            allowed = set()
        for sample, row in zip(samples, rows, strict=False):
            if differs := _differences(sample, row):
                if differs <= allowed:
                    self._outcome.believed += 1
                else:
                    self.wrong(f"record {row.seq} of {test.channel} is not the tester's: {', '.join(sorted(differs))}")
                    return


def _differences(sample: Sample, row: RecordRow) -> set[str]:
    found = {
        name
        for name in ("voltage_v", "current_a", "capacity_ah", "energy_wh")
        if not _same(getattr(sample, name), float(f"{getattr(row, name):.15g}"))
    }
    if sample.sequence != row.seq:
        found.add("sequence")
    if sample.step != row.step:
        found.add("step")
    if sample.tester_cycle != row.cycle:
        found.add("cycle")
    if round(sample.step_time_s * 1000) != row.step_time_ms:
        found.add("time")
    return found


def _same(mine: float, its: float) -> bool:
    return mine == its or (isnan(mine) and isnan(its))
