"""What must hold of runs that measure: one energiser a cell, spectra whole and once, no cell forgotten at the leads."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from orchestrator.states import RunState
from protocols.program import MeasurementSegment, Program
from simulators.bench import SimulatedBench
from simulators.neware.memory import StoredTest
from simulators.neware.step_machine import Status
from tests.chaos.corner import Stay
from tests.chaos.host import Host
from tests.chaos.orders import says_leads
from tests.chaos.programs import rows_of

# The tester counts in tenths of a second.
_TICK_S = 0.2
# Wall times are stored to less than a microsecond.
_ROUNDED_S = 1e-3


class AtLeads:
    """Compares where the leads have been, and what the tester did then, with what is stored."""

    def __init__(self, bench: SimulatedBench, query: Callable[..., list[Any]], foreign: set[tuple[str, int]]) -> None:
        self._bench = bench
        self._query = query
        self._foreign = foreign
        self.stays: list[Stay] = []
        self.broken: list[str] = []

    # At every event

    def hear(self, channel: str | None) -> None:
        """Check when the leads come to a cell; what is broken is raised by the next look."""
        if channel is None:
            return
        sql = "SELECT count(*) FROM intent WHERE channel = ? AND command = 'measure' AND outcome IS NULL"
        if not self._query(sql, channel)[0][0]:
            self.broken.append(f"the cell of {channel} comes to the leads without an intent in the store")
        self._check_one_energiser()

    def look(self) -> None:
        """Check that nobody but somebody else drives the cell at the leads."""
        self._check_one_energiser()
        assert not self.broken, "; ".join(self.broken)

    def _check_one_energiser(self) -> None:
        name = self._bench.leads.channel
        if name is None:
            return
        channel = self._bench.tester.channel(name)
        test = channel.test(0)
        if channel.machine.status is Status.WORKING and test and (name, test.test_id) not in self._foreign:
            self.broken.append(f"two energisers: {test.barcode} works on {name}, whose cell is at the leads")

    # Around a kill

    def whole(self) -> None:
        """Check that each spectrum is there with all its rows, as asked for, and none without its measurement."""
        sql = (
            "SELECT test.id, test.barcode, test.program_json, (SELECT count(*) FROM spectrum WHERE test = test.id), "
            "(SELECT count(*) FROM measurement WHERE test = test.id) FROM test WHERE tester_test_id IS NULL"
        )
        for test, barcode, program_json, rows, measurements in self._query(sql):
            segment = MeasurementSegment.from_json(program_json)
            wanted = (0, 0) if barcode.endswith("-missing") else (rows_of(segment), 1)
            assert (rows, measurements) == wanted, f"{barcode}, test {test}, has {rows} of {wanted[0]} rows"
        strays = self._query("SELECT DISTINCT test FROM spectrum WHERE test NOT IN (SELECT test FROM measurement)")
        assert not strays, f"rows of spectra without a measurement: {strays}"
        twice = self._query(
            "SELECT run_id, segment, group_concat(barcode) FROM test WHERE tester_test_id IS NULL "
            "GROUP BY run_id, segment HAVING count(*) > 1"
        )
        assert not twice, f"one segment was measured twice: {twice}"

    # In a calm

    def order(self, host: Host) -> None:
        """Check that a cell at the leads is being measured, or that the run that brought it there says that it is."""
        name = self._bench.leads.channel
        if name is None or host.service is None:
            return
        runs = [run for run in host.service.runs if run.request.channel == name]
        if any(run.state is RunState.RUNNING and run.progress.measurement is not None for run in runs):
            return
        brought = self._query(
            "SELECT run.run_id, run.state, run.reason FROM intent JOIN run ON run.run_id = intent.run_id "
            "WHERE intent.channel = ? AND intent.command = 'measure' ORDER BY intent.id DESC LIMIT 1",
            name,
        )
        # A person stopped it while the switch did not answer, and was told; the next start there asks the switch first.
        told = [row for row in brought if says_leads(*row[1:]) or "take the leads" in row[2]]
        assert told, f"the cell of {name} is left at the leads, and its run does not say so: {brought}"

    # In the morning

    def end(self) -> None:
        """Check every spectrum and every stay at the leads of the night."""
        self.whole()
        self._check_stays()
        for run_id, state, program_json in self._query("SELECT run_id, state, program_json FROM run"):
            self._check_complete(run_id, RunState(state), Program.from_json(program_json))
        for row in self._query(
            "SELECT test.run_id, test.channel, measurement.started_unix_s, measurement.ended_unix_s, test.id "
            "FROM measurement JOIN test ON test.id = measurement.test"
        ):
            self._check_measured(*row)

    def _check_stays(self) -> None:
        """Check that no test of ours was under way while its cell was at the leads."""
        for name, channel in self._bench.tester.channels.items():
            stays = [stay for stay in self.stays if stay.channel == name]
            for test in channel.tests:
                if (name, test.test_id) in self._foreign:
                    continue
                began_s, ended_s = test.start_tick / 10, _end_tick(test) / 10
                for stay in stays:
                    apart = ended_s <= stay.began_s + _TICK_S or stay.ended_s <= began_s + _TICK_S
                    assert apart, f"{test.barcode} ran from {began_s} to {ended_s} s, its cell was at the leads: {stay}"

    def _check_complete(self, run_id: str, state: RunState, program: Program) -> None:
        """Check that a completed run has each spectrum of its program, or says which is missing."""
        wanted = [n for n, part in enumerate(program.segments) if isinstance(part, MeasurementSegment)]
        sql = "SELECT segment, barcode FROM test WHERE run_id = ? AND tester_test_id IS NULL ORDER BY segment"
        found = self._query(sql, run_id)
        if state is RunState.COMPLETED:
            assert [segment for segment, _ in found] == wanted, f"{run_id} is completed, and has {found} of {wanted}"
        missing = [segment for segment, barcode in found if barcode.endswith("-missing")]
        sql = "SELECT effect FROM deviation WHERE run_id = ? AND effect LIKE 'eis is missing here%'"
        told = self._query(sql, run_id)
        assert len(told) == len(missing), f"{run_id} misses segments {missing}, its deviations say {told}"

    def _check_measured(self, run_id: str, channel: str, started_unix_s: float, ended_unix_s: float, test: int) -> None:
        """Check that a spectrum is that of the run's own cell from its beginning to its end."""
        epoch_unix_s = self._bench.tester.epoch_unix_s
        began_s, ended_s = started_unix_s - epoch_unix_s, ended_unix_s - epoch_unix_s
        own = [stay for stay in self.stays if stay.channel == channel]
        there = [stay for stay in own if stay.began_s - _ROUNDED_S <= began_s and ended_s <= stay.ended_s + _ROUNDED_S]
        near = [s for s in self.stays if s.ended_s >= began_s - 60.0 and s.began_s <= ended_s + 60.0]
        assert there, f"the spectrum of {run_id} ({began_s:.1f} to {ended_s:.1f} s) is not all of {channel}: {near}"
        rows = self._query("SELECT frequency_hz, z_real_ohm, z_imag_ohm FROM spectrum WHERE test = ?", test)
        assert all(isfinite(value) for row in rows for value in row)


def _end_tick(test: StoredTest) -> int:
    return test.steps[-1].end_tick if test.steps else test.start_tick
