"""Ends, protections, and what a unit can force: the step machine stops where the real tester stops."""

from __future__ import annotations

import pytest

from simulators.cells.model import CellModel
from simulators.cells.terminals import PulledOutCell, ShortedCell
from simulators.neware.memory import StoredTest
from simulators.neware.schedule import Protection, RecordRules, Schedule, Step, StepKind, UnitRatings
from simulators.neware.settings import LogCodes, Noise, Trouble
from simulators.neware.step_machine import Status, StepMachine
from tests.transcripts.cells import CapacitorCell, RelaxingCell, SourceCell

BOTH_WAYS = UnitRatings(negative_voltage=True)
ONE_WAY = UnitRatings(negative_voltage=False)
CODES = LogCodes()


def begin(
    cell: CellModel, *steps: Step, ratings: UnitRatings = BOTH_WAYS, noise: float = 0.0
) -> tuple[StepMachine, StoredTest]:
    """Start a schedule of these steps and an end."""
    plan = Schedule((*steps, Step(len(steps) + 1, StepKind.END)))
    plan.check(ratings)
    machine = StepMachine(cell, ratings, "seed", 0, CODES, Noise(scale=noise))
    test = StoredTest(1, "limits", 0)
    machine.start(plan, test, 0)
    return machine, test


def codes(test: StoredTest) -> list[int]:
    """Give the event codes."""
    return [row.code for row in test.log]


def test_cutoff_ends_a_step_at_the_first_tenth_of_a_second_beyond_it() -> None:
    """1 mA into 1 F climbs 0.1 mV a sample: from 3.25 to 3.3003 V takes 50.3 s."""
    machine, test = begin(CapacitorCell(), Step(1, StepKind.CC_CHARGE, current_a=1e-3, stop_voltage_v=3.30025))
    machine.advance_to(10_000)
    assert test.steps[0].step_time_ms == 50_300
    assert codes(test)[-3:] == [CODES.ended_by_voltage, CODES.step_finished, CODES.test_finished]


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_last_record_of_a_cutoff_reads_at_or_beyond_it(noise: float) -> None:
    """The tester ends on what it measures, so noise never shows a cutoff that was not reached (1.4)."""
    machine, test = begin(
        CapacitorCell(farad=100.0),
        Step(1, StepKind.CC_CHARGE, current_a=1e-2, stop_voltage_v=4.2),
        Step(2, StepKind.CC_DISCHARGE, current_a=1e-2, stop_voltage_v=2.75),
        noise=noise,
    )
    machine.advance_to(10**6)
    assert 4.2 - 1e-7 <= test.steps[0].end_voltage_v < 4.20003
    assert 2.75 + 1e-7 >= test.steps[1].end_voltage_v > 2.74997


def test_capacity_ends_a_step() -> None:
    """0.2 mAh at 1 mA are 720 s."""
    machine, test = begin(SourceCell(), Step(1, StepKind.CC_CHARGE, current_a=1e-3, capacity_ah=2e-4))
    machine.advance_to(10_000)
    assert test.steps[0].step_time_ms == 720_000
    assert CODES.ended_by_capacity in codes(test)


def test_cccv_switches_and_ends_on_taper() -> None:
    """Constant current to 4.2 V, the switch in the log, then the current decays to its cutoff."""
    machine, test = begin(
        RelaxingCell(rest_v=4.0, farad=10.0),
        Step(1, StepKind.CCCV_CHARGE, current_a=2e-3, voltage_v=4.2, stop_current_a=2e-4, records=RecordRules(100)),
    )
    machine.advance_to(10**6)
    assert [c for c in codes(test) if c in (CODES.switch_to_cv, CODES.ended_by_current)] == [
        CODES.switch_to_cv,
        CODES.ended_by_current,
    ]
    assert test.steps[0].end_voltage_v == pytest.approx(4.2, abs=1e-6)
    assert 1.95e-4 < test.steps[0].end_current_a <= 2e-4
    currents = [row.current_a for row in test.rows()]
    assert max(currents) <= 2e-3 * 1.000001


def test_held_voltage_passes_the_charge_that_theory_says() -> None:
    """A capacitor behind a resistor held at 0.2 V above it takes C x dV, and the decay is exponential."""
    machine, test = begin(
        CapacitorCell(rest_v=4.0, resistance_ohm=50.0, farad=10.0),
        Step(1, StepKind.CV_CHARGE, voltage_v=4.2, duration_ticks=50_000, records=RecordRules(1000)),
    )
    machine.advance_to(10**6)
    assert test.steps[0].capacity_ah * 3600 == pytest.approx(2.0, rel=2e-3)
    rows = list(test.rows())
    assert rows[5].current_a / rows[0].current_a == pytest.approx(2.718281828**-1, rel=5e-3)


def test_cv_discharge_and_cccv_discharge_sink() -> None:
    """Types 19 and 20 pull the cell down to the voltage with negative current."""
    machine, test = begin(
        CapacitorCell(rest_v=4.0, farad=1.0),
        Step(1, StepKind.CV_DISCHARGE, voltage_v=3.9, current_a=1e-3, stop_current_a=1e-4),
        Step(2, StepKind.CCCV_DISCHARGE, voltage_v=3.5, current_a=1e-3, stop_current_a=1e-4),
    )
    machine.advance_to(10**6)
    assert machine.status is Status.FINISH
    assert [round(row.end_voltage_v, 4) for row in test.steps] == [3.9, 3.5]
    assert all(-1.01e-4 < row.end_current_a < 0.0 for row in test.steps)


def test_protection_waits_for_its_delay() -> None:
    """3.3 V is passed at 50 s; with 5 s delay the channel protects at 55 s, flag and last record there."""
    limits = Protection(upper_voltage_v=3.3, delay_ticks=50)
    machine, test = begin(
        CapacitorCell(), Step(1, StepKind.CC_CHARGE, current_a=1e-3, stop_voltage_v=4.0, protection=limits)
    )
    machine.advance_to(540)
    assert machine.status.value == "working"
    machine.advance_to(560)
    assert machine.status is Status.PROTECT
    assert test.complete
    assert test.row(len(test)).tick in (550, 551)
    assert codes(test)[-1] == CODES.protect


def test_protection_forgives_a_violation_shorter_than_its_delay() -> None:
    """A step that ends within the delay leaves no protection behind."""
    limits = Protection(upper_voltage_v=3.3, delay_ticks=50)
    machine, test = begin(
        CapacitorCell(),
        Step(1, StepKind.CC_CHARGE, current_a=1e-3, duration_ticks=530, protection=limits),
        Step(2, StepKind.REST, duration_ticks=1000, protection=limits),
    )
    machine.advance_to(10_000)
    assert machine.status is Status.FINISH
    assert CODES.protect not in codes(test)


def test_pulled_out_cell_ends_every_half_cycle_at_once() -> None:
    """Compliance voltage passes the cutoff in one sample: 600 half-cycles take a minute."""
    protect = Protection(upper_voltage_v=0.6, lower_voltage_v=-0.6, delay_ticks=50)
    machine, test = begin(
        PulledOutCell(SourceCell(0.0)),
        Step(1, StepKind.CC_CHARGE, current_a=1e-4, duration_ticks=36_000, stop_voltage_v=0.5, protection=protect),
        Step(2, StepKind.CC_DISCHARGE, current_a=1e-4, duration_ticks=36_000, stop_voltage_v=-0.5, protection=protect),
        Step(3, StepKind.LOOP, loop_start=1, loop_count=300),
    )
    machine.advance_to(610)
    assert machine.status is Status.FINISH
    assert {row.step_time_ms for row in test.steps} == {100}
    assert test.steps[0].end_voltage_v == pytest.approx(5.1, abs=1e-4)
    assert abs(test.steps[0].end_current_a) < 1e-7


def test_pulling_a_cell_out_in_mid_step_ends_the_step_within_a_sample() -> None:
    """The hand at the holder acts at its moment, not at the next record."""
    machine, test = begin(
        RelaxingCell(), Step(1, StepKind.CC_CHARGE, current_a=1e-3, duration_ticks=36_000, stop_voltage_v=4.2)
    )
    machine.advance_to(1000)
    machine.exchange(PulledOutCell(machine.drive.cell), 1005)
    machine.advance_to(2000)
    assert test.steps[0].step_time_ms == 100_600


def test_unit_without_negative_voltage_protects_before_it_forces_a_cell_below() -> None:
    """A Li/Li cell rests at 0 V unharmed; the first discharge that needs a negative voltage is protected."""
    machine, test = begin(
        SourceCell(0.0),
        Step(1, StepKind.REST, duration_ticks=100),
        Step(2, StepKind.CC_CHARGE, current_a=1e-3, duration_ticks=100, stop_voltage_v=0.5),
        Step(3, StepKind.CC_DISCHARGE, current_a=1e-3, duration_ticks=100, stop_voltage_v=-0.5),
        ratings=ONE_WAY,
    )
    machine.advance_to(1000)
    assert machine.status is Status.PROTECT
    assert [row.step for row in test.steps] == [1, 2, 3]
    assert test.steps[2].step_time_ms == 100


def test_unit_with_negative_voltage_runs_the_same_cell() -> None:
    """The capability is all that differs."""
    machine, _ = begin(
        SourceCell(0.0), Step(1, StepKind.CC_DISCHARGE, current_a=1e-3, duration_ticks=100, stop_voltage_v=-0.5)
    )
    machine.advance_to(1000)
    assert machine.status is Status.FINISH


def test_short_in_a_held_voltage_falls_back_to_the_current_limit() -> None:
    """A shorted cell draws the limit, not what the short would take."""
    machine, test = begin(
        CapacitorCell(rest_v=4.19, farad=100.0),
        Step(1, StepKind.CCCV_CHARGE, current_a=2e-3, voltage_v=4.2, duration_ticks=6000, records=RecordRules(10)),
    )
    machine.advance_to(1000)
    machine.exchange(ShortedCell(machine.drive.cell, 1.0), 1000)
    machine.advance_to(3000)
    last = test.row(len(test))
    assert last.current_a == pytest.approx(2e-3, rel=1e-3)
    assert last.voltage_v < 0.2


def test_goto_and_pause_and_resume_keep_the_books() -> None:
    """A jump closes its step; a resumed step goes on counting its time."""
    machine, test = begin(
        SourceCell(),
        Step(1, StepKind.REST, duration_ticks=1000),
        Step(2, StepKind.CC_CHARGE, current_a=1e-3, duration_ticks=1000),
    )
    machine.goto(2, 305)
    machine.pause(405)
    assert machine.status.value == "pause"
    machine.resume(5000)
    machine.advance_to(10_000)
    assert machine.status is Status.FINISH
    assert [(row.step, row.step_time_ms) for row in test.steps] == [(1, 30_500), (2, 100_000)]
    assert test.steps[1].capacity_ah == pytest.approx(1e-3 * 100 / 3600, rel=1e-6)


def test_reset_adds_a_record_and_keeps_the_step_time() -> None:
    """Logs 100215, 100213, 100007, one more record 0.1 s after the last, step time goes on (4.12)."""
    machine, test = begin(SourceCell(), Step(1, StepKind.REST, duration_ticks=1000, records=RecordRules(100)))
    longer = Step(1, StepKind.REST, duration_ticks=2000, records=RecordRules(100))
    machine.replace_schedule(Schedule((longer, Step(2, StepKind.END))), 300)
    machine.advance_to(10_000)
    ticks = [row.tick for row in test.rows()]
    assert ticks == [0, 100, 200, 300, 301, *range(400, 2001, 100)]
    assert [row.step_time_ms for row in test.rows()] == [tick * 100 for tick in ticks]
    assert codes(test)[2:5] == [CODES.reset_before, CODES.reset_after, CODES.schedule_set]


def test_reset_to_rest_and_end_ends_a_test() -> None:
    """The last rung of a ladder that stops a channel: a running step 2 meets End."""
    machine, test = begin(
        SourceCell(),
        Step(1, StepKind.REST, duration_ticks=10),
        Step(2, StepKind.CC_CHARGE, current_a=1e-3, duration_ticks=10_000),
    )
    machine.replace_schedule(Schedule((Step(1, StepKind.REST, duration_ticks=10), Step(2, StepKind.END))), 300)
    assert machine.status is Status.FINISH
    assert test.complete


def test_a_channel_in_trouble_runs_past_its_end() -> None:
    """A step that never ends although its condition is met climbs to compliance (fault B06)."""
    machine, _ = begin(CapacitorCell(farad=0.1), Step(1, StepKind.CC_CHARGE, current_a=1e-3, stop_voltage_v=4.2))
    machine.trouble = Trouble(ignore_end_conditions=True)
    machine.advance_to(10_000)
    assert machine.status is Status.WORKING
    assert machine.drive.voltage_v == pytest.approx(5.1)
