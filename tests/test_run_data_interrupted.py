"""A real run on the simulated rack, interrupted twice and measured once, beside the same run that nothing interrupted.

What an interruption changes: the contact check and the rest behind it are made again (70 s of test time each), the last
seconds before it may be unknown and are passed again (up to one record, 15 s), and the cell relaxes while it waits, so
that its voltage needs minutes to be again what it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from orchestrator.analysis.half_cycle_slices import half_cycles_of
from orchestrator.analysis.soft_short_edges import Verdict, assess
from orchestrator.analysis.summary import summarize
from orchestrator.clock.virtual import run_virtual
from orchestrator.rack.service import Service
from orchestrator.report import figures
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from orchestrator.tables.run_data import RunData
from tests.rig import CHANNEL
from tests.station_rig import StationRig, eis_request, measuring_service, open_station_rig

_CYCLES = """
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 20 min, voltage: 0.5 V}}
      - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 20 min, voltage: -0.5 V}}
"""
RECIPE = f"""
name: two-and-two
title: Two cycles, a spectrum, two cycles
for: [li-li]
record: {{every: 15 s}}
potentiostat: {{rest: 10 min, drift_per_min: 1 mV}}
steps:
  - {{step: rest, until: {{time: 2 min}}}}{_CYCLES}
  - {{step: eis, high: 100 kHz, low: 1 Hz}}{_CYCLES}
"""
HALF_S = 1200.0
RECORD_S = 15.0
# Two currents of 5 s and the rest of a minute, once for each resumption.
CHECK_S = 70.0


async def _until(run: Run, state: RunState) -> None:
    async with asyncio.timeout(100_000.0):
        while run.state is not state:  # noqa: ASYNC110 - a run's state is looked at, as a person does
            await asyncio.sleep(5.0)


async def _resume_after_power_cut(rig: StationRig, service: Service, run: Run) -> None:
    """Let the tester lose its program, and a person resume the run an hour later."""
    if rig.bench.tester.channel(CHANNEL).busy:
        rig.bench.tester.reboot(keep_program=False)
    await _until(run, RunState.HOLDING)
    await asyncio.sleep(3600.0)
    await service.resume(run.run_id, "ada")


async def _interrupted(rig: StationRig, store: Store) -> None:
    async with measuring_service(rig, store) as service:
        run_id = service.submit(eis_request(text=RECIPE), "ada").run_id
        # In the middle of the first discharge, behind the check, the rest and the first charge.
        await asyncio.sleep(130.0 + HALF_S + 607.0)
    rig.bench.tester.reboot(keep_program=False)
    await asyncio.sleep(1800.0)
    async with measuring_service(rig, store) as service:
        await asyncio.sleep(90.0)
        _, run = service.find(run_id)
        await _resume_after_power_cut(rig, service, run)
        while not store.measurements(run_id):  # noqa: ASYNC110 - as a person does
            await asyncio.sleep(30.0)
        # In the middle of the charge of cycle 4, the second behind the spectrum.
        await asyncio.sleep(2 * HALF_S + 731.0)
        await _resume_after_power_cut(rig, service, run)
        await _until(run, RunState.COMPLETED)


async def _undisturbed(rig: StationRig, store: Store) -> None:
    async with measuring_service(rig, store) as service:
        await _until(service.submit(eis_request(text=RECIPE), "ada"), RunState.COMPLETED)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunData, RunData]]:
    """Give the run that was interrupted and the one that was not, of cells alike."""
    folder: Path = tmp_path_factory.mktemp("runs")

    async def main(path: Path, *, interrupted: bool) -> None:
        async with open_station_rig() as rig:
            with open_store(path) as store:
                await (_interrupted if interrupted else _undisturbed)(rig, store)

    with ExitStack() as stack:
        found = []
        for name in ("interrupted", "undisturbed"):
            run_virtual(main(folder / f"{name}.db", interrupted=name == "interrupted"))
            store = stack.enter_context(open_store(folder / f"{name}.db", read_only=True))
            found.append(RunData(store, "R000001"))
        yield found[0], found[1]


def test_time_axis_goes_on_through_interruptions(both: tuple[RunData, RunData]) -> None:
    """The interrupted run is longer by its two repeated checks and what passed twice, and each step begins as late."""
    cut, whole = both
    assert [len(data.tests) for data in both] == [5, 3]
    assert np.all(np.diff(cut.columns("time_s")["time_s"]) >= 0)
    late_s = [
        mine[0].start_s - other[0].start_s for mine, other in zip(cut.whole_steps, whole.whole_steps, strict=True)
    ]
    assert late_s == sorted(late_s)
    assert set(np.round(np.array(late_s) / CHECK_S)) == {0.0, 1.0, 2.0}
    assert cut.duration_s - whole.duration_s == pytest.approx(2 * CHECK_S, abs=2 * RECORD_S)


def test_steps_and_half_cycles_are_those_of_the_run_without_interruption(both: tuple[RunData, RunData]) -> None:
    """Same places, ends and durations; charge and resistance agree."""
    cut, whole = both
    assert [parts[0].place for parts in cut.whole_steps] == [parts[0].place for parts in whole.whole_steps]
    assert [len(parts) for parts in cut.whole_steps].count(2) == 2
    for mine, other in zip(cut.whole_steps, whole.whole_steps, strict=True):
        one, two = cut.joined(mine), whole.joined(other)
        assert (one.mode, one.end_reason) == (two.mode, two.end_reason)
        assert one.duration_s == pytest.approx(two.duration_s, abs=0.11)
        assert one.capacity_ah == pytest.approx(two.capacity_ah, rel=1e-3)
        if one.resistance_ohm is not None and mine[0].place.half_cycle:
            assert one.resistance_ohm == pytest.approx(two.resistance_ohm, rel=0.1 if len(mine) > 1 else 0.03)
    halves = [list(half_cycles_of(data)) for data in both]
    assert [half.cycle for half in halves[0]] == [half.cycle for half in halves[1]] == [1, 1, 2, 2, 3, 3, 4, 4]
    for half, expected in zip(*halves, strict=True):
        assert len(half.parts_ohm) == len(expected.parts_ohm) > 0
        assert np.median(np.array(half.parts_ohm) / np.array(expected.parts_ohm)) == pytest.approx(1.0, rel=0.03)


def test_cycles_and_spectra_are_those_of_the_run_without_interruption(both: tuple[RunData, RunData]) -> None:
    """Cycle numbers, capacities, mean voltages and ends agree; the spectrum belongs to the same cycle in both."""
    cut, whole = both
    assert [cycle.cycle for cycle in cut.cycles] == [cycle.cycle for cycle in whole.cycles] == [1, 2, 3, 4]
    for one, other in zip(cut.cycles, whole.cycles, strict=True):
        assert one.charge_capacity_ah == pytest.approx(other.charge_capacity_ah, rel=1e-3)
        assert one.discharge_capacity_ah == pytest.approx(other.discharge_capacity_ah, rel=1e-3)
        assert one.polarisation_v == pytest.approx(other.polarisation_v, rel=0.05)
        assert (one.charge_end_reason, one.discharge_end_reason) == (
            other.charge_end_reason,
            other.discharge_end_reason,
        )
    assert [spectrum.cycle for spectrum in cut.spectra] == [spectrum.cycle for spectrum in whole.spectra] == [2]


def test_interruption_is_no_sign_of_a_short(both: tuple[RunData, RunData]) -> None:
    """A cell relaxes while its run is held; the jump of its voltage inside a half-cycle raises no suspicion."""
    cut, _ = both
    halves = list(half_cycles_of(cut))
    assert [half.was_cut for half in halves] == [False, True, False, False, False, False, True, False]
    assert assess(halves).verdict is Verdict.HEALTHY


def test_figures_and_summary_are_those_of_the_run_without_interruption(both: tuple[RunData, RunData]) -> None:
    """The voltage trace without repeated checks and the curves of each cycle lie on each other; the summary agrees."""
    cut, whole = both
    names = ("step_count", "step_time_s", "voltage_v", "current_a", "cycle", "half_cycle", "repeated_check")
    mine, other = cut.columns(*names), whole.columns(*names)
    assert set(mine["step_count"]) == set(other["step_count"]) | {0}
    for count in set(other["step_count"]):
        one, two = mine["step_count"] == count, other["step_count"] == count
        # A while after the interruption the cell is again where it was.
        late = mine["step_time_s"][one] > 1100.0
        expected = np.interp(mine["step_time_s"][one], other["step_time_s"][two], other["voltage_v"][two])
        assert mine["voltage_v"][one][late] == pytest.approx(expected[late], rel=0.03)
        for name in ("cycle", "half_cycle"):
            assert set(mine[name][one]) == set(other[name][two])
    for cycle in range(1, 5):
        curves = [figures.half_cycles(data.store, data.run.run_id, cycle) for data in both]
        assert [len(found) for found in curves] == [2, 2]
        for (_, volts), (_, expected_v) in zip(*curves, strict=True):
            assert np.median(volts) == pytest.approx(np.median(expected_v), rel=0.06)
    summaries = [summarize(data.store, data.run.run_id) for data in both]
    assert summaries[0].cycles == summaries[1].cycles == 4
    assert (summaries[0].state, summaries[0].ended_because) == (summaries[1].state, summaries[1].ended_because)
    assert summaries[0].hours == pytest.approx(summaries[1].hours + 2 * CHECK_S / 3600, abs=2 * RECORD_S / 3600)


def test_only_gaps_tell_the_two_apart(both: tuple[RunData, RunData]) -> None:
    """Both have those around the spectrum; the interrupted run two more, an hour or longer, with who resumed it."""
    cut, whole = both
    planned = [[not gap.deviations for gap in data.gaps] for data in both]
    assert [found.count(True) for found in planned] == [2, 2]
    unplanned = [gap for gap in cut.gaps if gap.deviations]
    assert all(gap.ended_unix_s - gap.started_unix_s > 3600 for gap in unplanned)
    assert ["resumed by ada" in "".join(row.effect for row in gap.deviations) for gap in unplanned] == [True, True]
    assert [gap.time_s for gap in cut.gaps] == [test.start_s for test in cut.tests[1:]]
    assert not any(gap.lost for data in (cut, whole) for gap in data.gaps)
