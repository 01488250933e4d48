"""The one reader of a run: whatever interrupted it, time, steps, half-cycles and cycles are those of the whole run."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from itertools import pairwise
from math import nan
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.analysis.half_cycle_slices import half_cycles_of
from orchestrator.analysis.summary import details, summarize
from orchestrator.judging.placing import RunPlace
from orchestrator.report import figures
from orchestrator.store import Store, StoreError
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_columns import COLUMNS
from protocols.half_cycles import CycleNumbers
from protocols.program import CyclingSegment, Program, Segment
from tests.run_maker import AWAY_S, CHARGE, CUTS_S, PROGRAM, SPECTRUM, START_UNIX_S, RunMaker, program_of
from tests.segments import CHECKS, segment_of, segments


def made(store: Store, cuts_s: tuple[float, ...] = (), program: Program = PROGRAM) -> RunData:
    """Write a run with these cuts and read it."""
    return RunData(store, RunMaker(store, program).run(cuts_s))


def places(data: RunData) -> list[RunPlace]:
    """Give where the run was, one after another, without repeated contact checks."""
    return [parts[0].place for parts in data.whole_steps]


def test_cut_run_has_the_steps_half_cycles_and_cycles_of_the_whole_one(store: Store) -> None:
    """Two cuts in one half-cycle and one behind a spectrum change neither numbers nor what a step passed."""
    whole, cut = made(store), made(store, CUTS_S)
    assert [len(data.tests) for data in (whole, cut)] == [3, 6]
    assert places(cut) == places(whole)
    assert [place.cycle for place in places(whole) if place.half_cycle] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [place.half_cycle for place in places(whole) if place.half_cycle] == list(range(1, 11))
    assert [place.count for place in places(whole)] == [*range(1, 10), *range(11, 18)]
    for parts, expected in zip(cut.whole_steps, whole.whole_steps, strict=True):
        one, other = cut.joined(parts), whole.joined(expected)
        assert (one.step, one.step_count, one.cycle, one.end_reason) == (
            other.step,
            other.step_count,
            other.cycle,
            other.end_reason,
        )
        for name in ("duration_s", "capacity_ah", "energy_wh", "mean_voltage_v", "resistance_ohm"):
            assert getattr(one, name) == pytest.approx(getattr(other, name)), name
    assert max(len(parts) for parts in cut.whole_steps) == 3


def test_cut_run_has_the_cycles_of_the_whole_one(store: Store) -> None:
    """Each cycle's charges are those of the whole run, and it begins where its first half begins on the time axis."""
    whole, cut = made(store), made(store, CUTS_S)
    assert [cycle.cycle for cycle in cut.cycles] == [1, 2, 3, 4, 5]
    for one, other in zip(cut.cycles, whole.cycles, strict=True):
        assert one.charge_capacity_ah == pytest.approx(other.charge_capacity_ah)
        assert one.discharge_capacity_ah == pytest.approx(other.discharge_capacity_ah)
    for data in (whole, cut):
        for cycle in data.cycles:
            first = next(s for s in data.steps if s.place.cycle == cycle.cycle and s.place.half_cycle)
            assert cycle.start_s == pytest.approx(first.start_s)


@pytest.mark.parametrize("name", ["capacity_ah", "energy_wh"])
def test_step_without_a_last_reading_of_its_charge_or_energy_leaves_the_run_readable(store: Store, name: str) -> None:
    """The tester sent no number there: nothing is said of it, and the rest is as ever."""
    whole, cut = made(store, CUTS_S), made(store, CUTS_S)
    test = cut.tests[0].row.id
    missing: dict[str, Any] = {name: nan}
    step = replace(store.steps(test)[-1], **missing)
    store.add_steps(test, [step])
    assert places(cut) == places(whole)
    shown = details(store, cut.run.run_id, 100)["steps"]
    json.dumps(shown, allow_nan=False)
    assert [row["step_count"] for row in shown if row[name] is None] == [step.step_count]
    assert list(cut.columns("time_s")["time_s"]) == list(whole.columns("time_s")["time_s"])


def test_run_time_never_goes_back(store: Store) -> None:
    """The time axis of a run that was resumed three times goes on, as long as its tests took (it jumped back to 0)."""
    data = made(store, CUTS_S)
    hours, volts = figures.times_and_voltages(store, data.run.run_id)
    assert len(hours) == len(volts) == sum(store.sample_count(test.row.id) for test in data.tests)
    assert np.all(np.diff(hours) >= 0)
    tests = [test.last.time_s for test in data.tests if test.last]
    assert hours[-1] * 3600 == pytest.approx(sum(tests))
    assert summarize(store, data.run.run_id).hours * 3600 == pytest.approx(sum(tests))


def test_curve_of_a_cut_cycle_is_that_of_the_whole_one(store: Store) -> None:
    """Voltage over capacity goes on through the cuts of a half-cycle (it raised IndexError on a resumed run)."""
    whole, cut = made(store), made(store, CUTS_S)
    for cycle in range(1, 6):
        curves = figures.half_cycles(store, cut.run.run_id, cycle)
        expected = figures.half_cycles(store, whole.run.run_id, cycle)
        assert len(curves) == len(expected) == 2
        for (charge, volts), (whole_charge, whole_volts) in zip(curves, expected, strict=True):
            assert all(b >= a for a, b in pairwise(charge))
            assert charge[-1] == pytest.approx(whole_charge[-1])
            assert set(volts) == set(whole_volts)


def test_half_cycles_of_a_cut_run_name_the_right_cycles(store: Store) -> None:
    """Verdicts on soft shorts stand on the stored cycle numbers and on whole half-cycles (cycle 3 was called 2)."""
    whole, cut = (list(half_cycles_of(made(store, cuts_s))) for cuts_s in ((), CUTS_S))
    assert [half.cycle for half in cut] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for one, other in zip(cut, whole, strict=True):
        assert (one.current_a, one.end_reason) == (other.current_a, other.end_reason)
        assert one.duration_s == pytest.approx(other.duration_s)
        assert one.resistance_ohm == pytest.approx(other.resistance_ohm)
        assert one.parts_ohm == pytest.approx(other.parts_ohm)


def test_columns_tell_every_sample_its_place(store: Store) -> None:
    """Each row bears the numbers of its step; the rows of a repeated contact check are marked and count for nothing."""
    data = made(store, CUTS_S)
    columns = data.columns()
    assert list(columns) == list(COLUMNS)
    assert {name: values.dtype for name, values in columns.items()} == {n: np.dtype(t) for n, t in COLUMNS.items()}
    checks = columns["repeated_check"]
    assert set(columns["test"][checks]) == {test.row.id for test in data.tests if test.row.barcode[-1] in "236"}
    assert not np.any(columns["step_count"][checks])
    assert not np.any(columns["half_cycle"][checks])
    counts = columns["step_count"][~checks]
    assert np.all(np.diff(counts) >= 0)
    assert set(counts) == {place.count for place in places(data)}
    for parts in data.whole_steps:
        mine = columns["step_count"] == parts[0].place.count
        step = data.joined(parts)
        assert set(columns["cycle"][mine]) == {step.cycle}
        assert set(columns["step"][mine]) == {step.step}
        assert columns["capacity_ah"][mine][-1] == pytest.approx(step.capacity_ah)
        assert columns["step_time_s"][mine][-1] == pytest.approx(step.duration_s)
        assert set(columns["part"][mine]) == set(range(1, len(parts) + 1))


@pytest.mark.parametrize("rows", [1, 7, 100_000])
def test_chunks_are_the_whole_columns(store: Store, rows: int) -> None:
    """However small the chunks, they hold every row once and in order, and none is longer than was asked."""
    data = made(store, CUTS_S)
    names = ("time_s", "test", "sequence", "voltage_v", "mode", "cycle")
    chunks = list(data.chunks(names, rows))
    assert max(len(chunk["test"]) for chunk in chunks) <= rows
    assert all(tuple(chunk) == tuple(name for name in COLUMNS if name in names) for chunk in chunks)
    for name, values in data.columns(*names).items():
        assert np.array_equal(np.concatenate([chunk[name] for chunk in chunks]), values)


def test_reading_in_chunks_takes_the_memory_of_one_chunk(store: Store) -> None:
    """Ten times as many samples, also of a step that still runs, take no more memory while they are read."""
    data = RunData(store, RunMaker(store, program_of(segment_of(CHARGE))).run())
    test, last = data.tests[0].row.id, data.tests[0].last
    assert last is not None
    peaks = []
    for rows in (4_000, 40_000):
        with store.transaction() as connection:
            connection.execute("DELETE FROM step")
            connection.execute(
                "WITH RECURSIVE more (n) AS (VALUES (?1) UNION ALL SELECT n + 1 FROM more WHERE n < ?2) "
                "INSERT INTO sample SELECT test, n, n, n, step, step_count, tester_cycle, mode, voltage_v, current_a, "
                "capacity_ah, energy_wh, unix_time_s, NULL FROM sample, more WHERE test = ?3 AND sequence = 1",
                (store.sample_count(test) + 1, rows, test),
            )
        tracemalloc.start()
        read = sum(len(chunk["time_s"]) for chunk in RunData(store, data.run.run_id).chunks(rows=1000))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert read == rows
    assert peaks[1] < 1.2 * peaks[0] < 2 * 2**20


def test_readings_that_are_missing_are_not_numbers(store: Store) -> None:
    """A voltage that the tester did not give is NaN in the columns, never zero."""
    data = made(store)
    test = data.tests[0]
    assert test.last is not None
    store.tick({test.row.id: [test.last._replace(sequence=test.last.sequence + 1, voltage_v=float("nan"))]})
    voltage_v = RunData(store, data.run.run_id).columns("test", "voltage_v")
    assert np.isnan(voltage_v["voltage_v"][voltage_v["test"] == test.row.id][-1])


def test_what_is_not_there_is_told(store: Store) -> None:
    """An unknown run and an unknown column are refused by name; a run without tests is empty."""
    with pytest.raises(StoreError, match="R000009"):
        RunData(store, "R000009")
    data = RunData(store, RunMaker(store, PROGRAM).run_id)
    assert (data.steps, data.cycles, data.gaps, data.duration_s) == ([], [], [], 0.0)
    assert [len(values) for values in data.columns().values()] == [0] * len(COLUMNS)
    with pytest.raises(ValueError, match="'ampere'"):
        data.columns("ampere")


def test_gaps_tell_from_when_to_when_and_why(store: Store) -> None:
    """Each cut is a gap as long as the tester was away, with its deviation; the spectrum is one without."""
    data = made(store, CUTS_S)
    assert [[row.category.value for row in gap.deviations] for gap in data.gaps] == [
        ["power_outage"],
        ["power_outage"],
        [],
        ["power_outage"],
    ]
    assert data.gaps[0].started_unix_s == pytest.approx(START_UNIX_S + 230, abs=1.0)
    assert data.gaps[0].ended_unix_s - data.gaps[0].started_unix_s == pytest.approx(AWAY_S, abs=2.0)
    # The spectrum follows the third test at once; the fifth begins when the spectrum is over and the cell back.
    assert [gap.time_s for gap in data.gaps] == [data.tests[n].start_s for n in (1, 2, 4, 5)]
    assert made(store).gaps[0].deviations == ()


def test_trace_of_a_potentiostat_has_its_place_on_the_time_axis(store: Store) -> None:
    """Its samples are one step between the cycles, bear the cycle behind them, and are no step of a tester."""
    data = made(store)
    trace = [
        sample._replace(step=1, step_count=1, tester_cycle=1)
        for sample in store.samples(data.tests[0].row.id, limit=100)
    ]
    store.tick({data.tests[1].row.id: trace})
    after = RunData(store, data.run.run_id)
    assert after.duration_s == pytest.approx(data.duration_s + trace[-1].time_s)
    assert after.tests[2].start_s == pytest.approx(data.tests[2].start_s + trace[-1].time_s)
    columns = after.columns()
    mine = columns["test"] == data.tests[1].row.id
    assert np.count_nonzero(mine) == 100
    one = {name: set(columns[name][mine]) for name in ("segment", "step", "step_count", "cycle", "half_cycle")}
    assert one == {"segment": {1}, "step": {1}, "step_count": {10}, "cycle": {3}, "half_cycle": {0}}
    assert np.all(np.diff(columns["time_s"]) >= 0)
    assert [step.place for step in after.steps] == [step.place for step in data.steps]


def test_records_that_were_lost_are_a_gap(store: Store) -> None:
    """Sequence numbers that are missing inside a test are told with their place on the time axis (faults D07)."""
    data = made(store, CUTS_S)
    test = data.tests[1].row.id
    with store.transaction() as connection:
        connection.execute("DELETE FROM sample WHERE test = ? AND sequence BETWEEN 31 AND 40", (test,))
    (gap,) = [gap for gap in RunData(store, data.run.run_id).gaps if gap.lost]
    (before,) = store.samples(test, 29, 1)
    assert gap.lost == 10
    assert gap.time_s == pytest.approx(data.tests[1].start_s + before.time_s)


def test_step_that_still_runs_has_its_place(store: Store) -> None:
    """Samples whose step is not stored yet bear the numbers that they will have when it is."""
    data = made(store, CUTS_S)
    before = data.columns("step_count", "cycle", "half_cycle", "part")
    last = data.tests[-1].row.id
    with store.transaction() as connection:
        connection.execute("DELETE FROM step WHERE test = ? AND step_count > 2", (last,))
    data = RunData(store, data.run.run_id)
    for name, values in data.columns(*before).items():
        assert np.array_equal(values, before[name]), name
    assert len([step for step in data.steps if step.test == last]) == 2


def test_steps_are_shown_in_the_run_s_own_terms(store: Store) -> None:
    """``cellrig show`` has run time, original numbers, a repeated contact check as step 0, and gaps with reasons."""
    shown = details(store, made(store, CUTS_S).run.run_id, 1000)
    steps: list[dict[str, Any]] = json.loads(json.dumps(shown["steps"]))
    starts = [step["start_s"] for step in steps]
    assert starts == sorted(starts)
    assert [step["cycle"] for step in steps] == sorted(step["cycle"] for step in steps)
    assert sum(step["step"] == 0 for step in steps) == 3 * (len(CHECKS) + 1)
    assert shown["gaps"][0]["effects"] == ["the tester lost its power"]


# The runs of all examples lie in one store.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.one_of(segments(), st.just(SPECTRUM)), min_size=1, max_size=3),
    cuts_s=st.lists(st.integers(0, 600), max_size=4),
)
def test_any_cuts_of_any_program_leave_its_numbers(store: Store, pieces: list[Segment], cuts_s: list[int]) -> None:
    """Nested loops, checks, spectra in between, cuts anywhere: steps are counted through and pass what is set."""
    first = [] if isinstance(pieces[0], CyclingSegment) else [segment_of(CHARGE)]
    program = program_of(*first, *pieces)
    whole, cut = made(store, (), program), made(store, tuple(cut / 10 for cut in cuts_s), program)
    seen, wanted = (
        [parts for parts in data.whole_steps if not _is_check(program, parts[0].place)] for data in (cut, whole)
    )
    assert [parts[0].place for parts in seen] == [parts[0].place for parts in wanted]
    for one, other in zip(seen, wanted, strict=True):
        assert cut.joined(one).duration_s == pytest.approx(whole.joined(other).duration_s, abs=0.06)
    assert [c.cycle for c in cut.cycles] == [c.cycle for c in whole.cycles]
    numbers = CycleNumbers.of(program)
    for data in (whole, cut):
        for cycle in data.cycles:
            mine = [s for s in data.steps if s.place.half_cycle and s.place.cycle == cycle.cycle]
            if any(numbers.at(step.place.count).pulse for step in data.steps if step.place.count):
                # What pulses beside a half-cycle pass is counted net (tests/test_cycles.py).
                continue
            passed_ah = sum(step.executed.capacity_ah for step in mine)
            assert passed_ah == pytest.approx((cycle.charge_capacity_ah or 0.0) + (cycle.discharge_capacity_ah or 0.0))


def _is_check(program: Program, place: RunPlace) -> bool:
    """Tell whether a step is a contact check: one that was cut is made again from its beginning."""
    segment = program.segments[place.segment]
    return isinstance(segment, CyclingSegment) and segment.steps[place.step - 1] in CHECKS
