"""The step machine makes records where the real tester does (reference 7.3), whoever asks and however often."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.cells import load_cell
from simulators.cells.model import CellModel
from simulators.cells.terminals import SharedCell
from simulators.neware.memory import LogRow, RecordRow, StoredTest
from simulators.neware.schedule import RecordRules, Schedule, Step, StepKind, UnitRatings
from simulators.neware.settings import LogCodes, Noise
from simulators.neware.step_machine import StepMachine
from tests.transcripts.cells import CapacitorCell, RelaxingCell, SourceCell

RATINGS = UnitRatings()
QUIET = Noise(scale=0.0)


def begin(cell: CellModel, *steps: Step, noise: Noise = QUIET) -> tuple[StepMachine, StoredTest]:
    """Start a schedule of these steps and an end."""
    plan = Schedule((*steps, Step(len(steps) + 1, StepKind.END)))
    plan.check(RATINGS)
    machine = StepMachine(cell, RATINGS, "seed", 0, LogCodes(), noise)
    test = StoredTest(1, "records", 0)
    machine.start(plan, test, 0)
    return machine, test


def seconds(test: StoredTest, step: int) -> list[float]:
    """Give the step times of a step's records."""
    return [row.step_time_ms / 1000 for row in test.rows() if row.step == step]


def test_first_and_last_record_of_steps_share_their_moment() -> None:
    """A step's first record has step time 0 and the absolute time of the record before it (7.3.1, 7.3.4)."""
    machine, test = begin(
        SourceCell(),
        Step(1, StepKind.REST, duration_ticks=255, records=RecordRules(100)),
        Step(2, StepKind.CC_CHARGE, current_a=1e-3, duration_ticks=100, records=RecordRules(100)),
    )
    machine.advance_to(10_000)
    assert seconds(test, 1) == [0.0, 10.0, 20.0, 25.5]
    assert seconds(test, 2) == [0.0, 10.0]
    rows = list(test.rows())
    assert rows[3].tick == rows[4].tick == 255
    assert rows[4].capacity_ah == rows[4].energy_wh == 0.0
    assert rows[4].current_a > 0.0


def test_event_records_do_not_shift_the_time_grid() -> None:
    """0, T, 2T, ... goes on whatever is recorded in between (7.3.2)."""
    machine, test = begin(
        CapacitorCell(farad=1.0),
        Step(1, StepKind.CC_CHARGE, current_a=1e-3, duration_ticks=400, records=RecordRules(100, voltage_v=0.0075)),
    )
    machine.advance_to(1000)
    assert seconds(test, 1) == [0.0, 7.5, 10.0, 15.0, 20.0, 22.5, 30.0, 37.5, 40.0]


def test_voltage_anchor_moves_with_event_records_only() -> None:
    """Each voltage event lies one threshold, and at most one sample more, from the one before (7.3.3)."""
    machine, test = begin(
        CapacitorCell(farad=0.01),
        Step(1, StepKind.CC_CHARGE, current_a=1e-3, stop_voltage_v=4.2, records=RecordRules(None, voltage_v=0.05)),
    )
    machine.advance_to(100_000)
    voltages = [row.voltage_v for row in test.rows()][:-1]
    gaps = [b - a for a, b in itertools.pairwise(voltages)]
    assert len(gaps) > 10
    assert all(0.05 - 1e-6 <= gap < 0.05 + 0.0101 for gap in gaps)


def test_current_events_follow_a_held_voltage_down() -> None:
    """With 5 mA the records fall on 5 mA steps of the decaying current (7.3.3)."""
    machine, test = begin(
        CapacitorCell(rest_v=4.0, resistance_ohm=10.0, farad=10.0),
        Step(1, StepKind.CV_CHARGE, voltage_v=4.2, stop_current_a=1e-3, records=RecordRules(None, current_a=5e-3)),
    )
    machine.advance_to(100_000)
    currents = [row.current_a for row in test.rows()]
    assert len(currents) == 5
    for at, expected in zip(currents, (0.020, 0.015, 0.010, 0.005, 0.001), strict=True):
        assert expected - 1.5e-4 < at <= expected + 1e-6


def test_charge_and_energy_count_from_zero_in_each_step_and_are_positive() -> None:
    """A discharge shows a negative current and positive capacity and energy (7.1)."""
    machine, test = begin(
        SourceCell(3.2, 0.001),
        Step(1, StepKind.CC_CHARGE, current_a=1e-3, duration_ticks=36_000),
        Step(2, StepKind.CC_DISCHARGE, current_a=1e-3, duration_ticks=18_000),
    )
    machine.advance_to(100_000)
    first, second = test.steps
    assert abs(first.capacity_ah - 1e-3) < 1e-9
    assert abs(second.capacity_ah - 0.5e-3) < 1e-9
    assert abs(second.energy_wh - 1.6e-3) < 1e-6
    assert second.end_current_a < 0.0


def test_events_at_a_step_end_come_in_the_order_of_the_real_log() -> None:
    """Reason, step finished on the last record, then step started with the first record's number plus one (6.3)."""
    machine, test = begin(
        SourceCell(),
        Step(1, StepKind.REST, duration_ticks=10),
        Step(2, StepKind.CC_CHARGE, current_a=1e-3, duration_ticks=10),
    )
    machine.advance_to(100)
    assert test.log == [
        LogRow(1, 100000, 0), LogRow(2, 100012, 0), LogRow(2, 102001, 10), LogRow(2, 100056, 10), LogRow(4, 100012, 10),
        LogRow(4, 102001, 20), LogRow(4, 100056, 20), LogRow(4, 100001, 20),
    ]  # fmt: skip


def test_source_starts_a_little_low_and_settles() -> None:
    """The first record of a CC step shows 99.85 to 99.97 % of the set current, records after 10 s all of it (1.4)."""
    machine, test = begin(
        SourceCell(), Step(1, StepKind.CC_CHARGE, current_a=22.5e-3, duration_ticks=600), noise=Noise()
    )
    machine.advance_to(1000)
    rows = list(test.rows())
    assert 0.9984 < rows[0].current_a / 22.5e-3 < 0.9998
    assert all(abs(row.current_a / 22.5e-3 - 1.0) < 2e-4 for row in rows[10:])


def test_rest_reads_exactly_no_current_and_microvolts_of_noise() -> None:
    """Current 0.0, voltage steady within tens of microvolts but not frozen (1.4)."""
    machine, test = begin(SourceCell(), Step(1, StepKind.REST, duration_ticks=6000), noise=Noise())
    machine.advance_to(10_000)
    rows = list(test.rows())
    assert {row.current_a for row in rows} == {0.0}
    assert 1e-6 < max(row.voltage_v for row in rows) - min(row.voltage_v for row in rows) < 1e-4


def busy_test(polls: Sequence[int]) -> tuple[list[RecordRow], list[LogRow]]:
    """Run a schedule with everything in it, asking at these ticks and then at the end."""
    rules = RecordRules(300, voltage_v=0.005, current_a=2e-4)
    machine, test = begin(
        RelaxingCell(farad=20.0),
        Step(1, StepKind.REST, duration_ticks=1234, records=rules),
        Step(2, StepKind.CCCV_CHARGE, current_a=2e-3, voltage_v=3.6, stop_current_a=2e-4, records=rules),
        Step(3, StepKind.CC_DISCHARGE, current_a=1e-3, stop_voltage_v=3.3, capacity_ah=5e-3, records=rules),
        Step(4, StepKind.LOOP, loop_start=2, loop_count=3),
        Step(5, StepKind.REST, duration_ticks=7777, records=RecordRules(600)),
        noise=Noise(),
    )
    for tick in (*sorted(polls), 400_000):
        machine.advance_to(tick)
        machine.drive.between(tick)
    assert test.complete
    return list(test.rows()), test.log


ONCE = busy_test([])


@given(st.lists(st.integers(0, 400_000), max_size=60))
def test_any_set_of_polling_times_leaves_the_same_rows(polls: list[int]) -> None:
    """Looking changes nothing: records and events are equal to the last bit."""
    assert busy_test(polls) == ONCE


def test_polling_every_second_and_once_an_hour_leave_the_same_rows() -> None:
    """The two extremes of a driver's patience store one and the same test."""
    assert busy_test(range(0, 400_000, 10)) == busy_test(range(0, 400_000, 36_000)) == ONCE


@given(st.integers(0, 200_000), st.lists(st.integers(0, 200_000), max_size=10))
def test_a_stop_leaves_the_rows_up_to_it_untouched(stop: int, polls: list[int]) -> None:
    """What was computed ahead and not reached never was: the rows before the stop are the uninterrupted ones."""
    rules = RecordRules(300, voltage_v=0.005)
    machine, test = begin(
        RelaxingCell(farad=20.0),
        Step(1, StepKind.REST, duration_ticks=1234, records=rules),
        Step(2, StepKind.CC_CHARGE, current_a=2e-3, stop_voltage_v=3.9, records=rules),
        Step(3, StepKind.CC_DISCHARGE, current_a=1e-3, stop_voltage_v=3.3, records=rules),
        noise=Noise(),
    )
    whole, whole_test = begin(
        RelaxingCell(farad=20.0),
        Step(1, StepKind.REST, duration_ticks=1234, records=rules),
        Step(2, StepKind.CC_CHARGE, current_a=2e-3, stop_voltage_v=3.9, records=rules),
        Step(3, StepKind.CC_DISCHARGE, current_a=1e-3, stop_voltage_v=3.3, records=rules),
        noise=Noise(),
    )
    whole.advance_to(10**6)
    for tick in sorted(poll for poll in polls if poll <= stop):
        machine.advance_to(tick)
    machine.stop(stop)
    machine.advance_to(10**6)
    before = [row for row in whole_test.rows() if row.tick <= stop]
    rows = list(test.rows())
    assert rows[: len(before)] == before
    assert len(rows) <= len(before) + 1
    assert rows[-1].tick <= stop


@given(st.integers(1, 500), st.integers(1, 5000))
def test_time_records_lie_on_the_grid_and_at_the_end(interval: int, duration: int) -> None:
    """Every multiple of T and the exact end, nothing else."""
    machine, test = begin(SourceCell(), Step(1, StepKind.REST, duration_ticks=duration, records=RecordRules(interval)))
    machine.advance_to(10**6)
    assert [row.tick for row in test.rows()] == sorted({*range(0, duration, interval), duration})


@pytest.mark.parametrize("stop_v", [None, 0.15])
@settings(max_examples=15)
@given(st.sampled_from([200, 300, 450, 600, 700]), st.lists(st.integers(0, 60_000), max_size=5))
def test_records_are_those_of_intervals_taken_one_by_one(stop_v: float | None, interval: int, polls: list[int]) -> None:
    """A cell that walks from record to record leaves the rows of one whose every interval is looked at."""
    rules = RecordRules(interval, voltage_v=0.01)
    steps = (
        Step(1, StepKind.REST, duration_ticks=1234, records=RecordRules(interval)),
        Step(2, StepKind.CC_CHARGE, current_a=4e-4, duration_ticks=24_321, stop_voltage_v=stop_v, records=rules),
        Step(3, StepKind.CC_DISCHARGE, current_a=4e-4, duration_ticks=24_321, records=RecordRules(interval)),
    )
    cells: list[CellModel] = [load_cell("bare-li-li", seed=5), SharedCell(load_cell("bare-li-li", seed=5))]
    assert [hasattr(cell, "walk") for cell in cells] == [True, False]
    rows = []
    for cell in cells:
        machine, test = begin(cell, *steps, noise=Noise())
        for tick in (*sorted(polls), 60_000):
            machine.advance_to(tick)
        rows.append(list(test.rows()))
    assert rows[0] == rows[1]
    assert len(rows[0]) > 40
