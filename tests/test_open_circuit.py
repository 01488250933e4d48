"""What tells a pulled-out cell from a full, an empty, a weak and an aged one, by executed steps and by records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import pytest

from drivers.interfaces import EndReason, Sample
from orchestrator.judging.guards import StepWatch
from orchestrator.judging.limits import Action, Finding, FindingKind, LimitWatch
from orchestrator.judging.steps import ExecutedStep
from orchestrator.judging.vanishing import VanishingWatch
from protocols.channel_envelope import ChannelEnvelope, CurrentRange
from protocols.current_sign import Direction
from protocols.program import (
    CcCv,
    CellFacts,
    ConstantCurrent,
    ConstantVoltage,
    CyclingSegment,
    Guards,
    Limits,
    Purpose,
    Record,
    Rest,
    Until,
    VoltageBand,
)
from tests.executed import executed_step

C_A = 2e-4
LIMITS = Limits(VoltageBand(2.7, 4.1), VoltageBand(2.5, 4.2), VoltageBand(2.0, 4.3), 1.1e-3, 1.2e-3, 1.3e-3)
CELL = CellFacts("x", "lfp", nominal_capacity_ah=C_A)
STEPS = (
    ConstantCurrent(C_A, Until(3600.0, 4.0)),
    ConstantCurrent(-C_A, Until(3600.0, 2.8)),
    ConstantCurrent(5 * C_A, Until(720.0, 4.0)),
    ConstantCurrent(-5 * C_A, Until(720.0, 2.8)),
    CcCv(C_A, 4.0, Until(time_s=7200.0, current_a=C_A / 20)),
    CcCv(-C_A, 2.8, Until(time_s=7200.0, current_a=C_A / 20)),
    Rest(Until(3600.0)),
    ConstantVoltage(Direction.CHARGE, 4.0, Until(time_s=36000.0), C_A),
)
SEGMENT = CyclingSegment(STEPS, Record(30.0), LIMITS)


class Ran(NamedTuple):
    """One executed step of ``STEPS``, by its number: for how long, with which part of its current, at which voltage."""

    step: int
    lasts_s: float = 0.1
    flows: float = 1.0
    mean_v: float = 3.4


FULL, EMPTY = Ran(1), Ran(2)
FULL_5C, EMPTY_5C = Ran(3), Ran(4)
CHARGED, DISCHARGED = Ran(1, 3000.0, mean_v=3.5), Ran(2, 3000.0, mean_v=3.3)
OPEN_UP, OPEN_DOWN = Ran(1, flows=0.0), Ran(2, flows=0.0)
IDLE_UP, IDLE_DOWN = Ran(5, flows=0.02), Ran(6, flows=0.02)


def judged(rows: Iterable[Ran], guards: Guards = SEGMENT.guards) -> list[Finding]:
    """Give the findings of executed steps."""
    segment = replace(SEGMENT, guards=guards)
    return StepWatch(segment).feed(_executed(row, number) for number, row in enumerate(rows, 1))


def _executed(row: Ran, number: int) -> ExecutedStep:
    step = STEPS[row.step - 1]
    assert isinstance(step, ConstantCurrent | CcCv)
    current_a = row.flows * abs(step.current_a)
    reason = EndReason.CURRENT if isinstance(step, CcCv) else EndReason.VOLTAGE
    ohm = row.mean_v / current_a if current_a else None
    mean_v = row.mean_v if current_a else None
    return executed_step(
        row.step, row.lasts_s, reason, current_a, mean_v, ohm, count=number, cycle=number, start_s=3600.0 * number
    )


CYCLES = [CHARGED, DISCHARGED] * 3


@pytest.mark.parametrize(
    ("rows", "stops"),
    [
        pytest.param([CHARGED] + [FULL] * 30 + [DISCHARGED], False, id="GITT goes on at the end of charge"),
        pytest.param([*CYCLES] + [FULL_5C, EMPTY_5C] * 5 + CYCLES, False, id="nothing passes at 5C"),
        pytest.param([FULL_5C, EMPTY_5C] * 5 + CYCLES, False, id="a fast cycle first, slower ones to come"),
        pytest.param([FULL, EMPTY] * 2, True, id="nothing has passed, and no smaller current is to come"),
        pytest.param([*CYCLES, OPEN_UP, OPEN_DOWN, OPEN_UP], True, id="no current in either direction"),
        pytest.param([OPEN_UP] * 3, True, id="no current in a first charge by pulses"),
        pytest.param([*CYCLES, FULL, EMPTY, FULL], True, id="at once at a current that passed, far from both cutoffs"),
        pytest.param([*CYCLES, FULL_5C, EMPTY_5C, FULL, EMPTY, FULL], True, id="pulled out at 5C, seen at 1C"),
        pytest.param([Ran(1, 3000.0, mean_v=3.95), Ran(2, 3000.0, mean_v=2.9)] + [FULL, EMPTY] * 9, False, id="aged"),
        pytest.param([*CYCLES, *[Ran(1, 60.0), Ran(2, 60.0)] * 3] + [FULL, EMPTY] * 9, False, id="shorter and shorter"),
        pytest.param(
            [*CYCLES, FULL, Ran(2, 9.0, mean_v=2.81)] + [FULL, EMPTY] * 9, False, id="aged within one half-cycle"
        ),
        pytest.param([*CYCLES] + [IDLE_UP] * 20, False, id="a charge at constant voltage, ever again"),
        pytest.param([*CYCLES] + [IDLE_UP, EMPTY_5C] * 5, False, id="full, and weak at 5C"),
        pytest.param([*CYCLES, IDLE_UP, IDLE_DOWN, IDLE_UP], True, id="no current at two held voltages"),
        pytest.param([*CYCLES, IDLE_UP, OPEN_DOWN, IDLE_UP], True, id="held, and without current"),
    ],
)
def test_only_a_pulled_out_cell_is_stopped(rows: list[Ran], stops: bool) -> None:
    """Both cutoffs at once, without current or where the cell had been far from them; not one side, not one current."""
    assert [found.kind for found in judged(rows) if found.action is Action.STOP] == [FindingKind.EARLY_CUTOFF] * stops


def test_weak_cell_is_marked_once_for_a_current() -> None:
    """That nothing passes at 5C is told, and why the run goes on."""
    (mark,) = judged([*CYCLES] + [FULL_5C, EMPTY_5C] * 5)
    assert mark.action is Action.MARK
    assert "the run goes on, because it passed no half-cycle at such a current" in mark.message


def test_cell_put_back_before_the_stop_is_told() -> None:
    """A step without current and then charge again: somebody had the cell out."""
    (mark,) = judged([*CYCLES, OPEN_UP, DISCHARGED])
    assert (mark.action, mark.message.split(":")[-1]) == (
        Action.MARK,
        " was the cell taken out and put back, or a contact lost for a while?",
    )


def test_run_that_ends_before_it_is_stopped_says_so() -> None:
    """Two half-cycles without current are too few for a stop, and enough for a doubt at the end."""
    for rows, count in (([*CYCLES, IDLE_UP, OPEN_DOWN], 1), ([*CYCLES, FULL], 0), ([*CYCLES, FULL_5C, EMPTY_5C], 0)):
        watch = StepWatch(SEGMENT)
        assert watch.feed(_executed(row, number) for number, row in enumerate(rows, 1)) == []
        assert [found.action for found in watch.finish()] == [Action.MARK] * count


def test_guard_counts_as_its_recipe_says_or_not_at_all() -> None:
    """Narrowed to five in a row, three are not enough; switched off, nothing is."""
    rows = [*CYCLES, OPEN_UP, OPEN_DOWN, OPEN_UP]
    assert judged(rows, Guards(early_cutoff_in_a_row=5)) == []
    assert judged([*rows, OPEN_DOWN, OPEN_UP], Guards(early_cutoff_in_a_row=5)) != []
    assert judged([*rows, OPEN_DOWN, OPEN_UP], Guards(early_cutoff_off=True)) == []


def test_aged_cell_passes_the_contact_check_that_comes_back() -> None:
    """A film grown past the window is no bad contact where the half-cycle before showed as much."""
    check = ConstantCurrent(1e-4, Until(5.0, 0.5))
    band = VoltageBand(-0.55, 0.55)
    guards = Guards(resistance_low_ohm=10, resistance_high_ohm=1500)
    steps = (replace(check, purpose=Purpose.CHECK), replace(check, until=Until(3600.0, 0.5)))
    segment = CyclingSegment(steps, Record(30.0), replace(LIMITS, host=band), guards)

    def ran(step: int, ohm: float, lasts_s: float) -> ExecutedStep:
        row = _executed(Ran(1, lasts_s), step)
        return replace(row, step=step, resistance_ohm=ohm, end_reason=EndReason.TIME)

    for before, kinds in ((1700.0, []), (400.0, [FindingKind.CHECK_FAILED])):
        watch = StepWatch(segment, is_symmetric=True)
        assert watch.feed([ran(1, 300.0, 5.0), ran(2, before, 3600.0)]) == []
        assert [found.kind for found in watch.feed([ran(1, 1600.0, 5.0)])] == kinds


def records(step: int, values: Iterable[tuple[float, float, float]]) -> list[Sample]:
    """Give records of one step out of time, voltage and current."""
    return [Sample(n, t, t, step, step, 1, "", v, i, 1e-4, 0.0, 0.0) for n, (t, v, i) in enumerate(values)]


def relaxing(until_s: int, tau_s: float = 3000.0) -> list[tuple[float, float, float]]:
    """Give a current that relaxes at 4.0 V from a tenth of C, every 30 s."""
    return [(float(t), 4.0, 0.1 * C_A * 2.718 ** (-t / tau_s)) for t in range(0, until_s, 30)]


def gone(from_s: int, until_s: int) -> list[tuple[float, float, float]]:
    """Give what a tester shows that holds the voltage of an empty holder."""
    return [(float(t), 4.0, 4e-9) for t in range(from_s, until_s, 30)]


def vanished(samples: list[Sample], segment: CyclingSegment = SEGMENT) -> list[Finding]:
    """Give the findings of records within a step."""
    watch = VanishingWatch(CELL)
    watch.enter(segment, 7200.0)
    return watch.feed(samples)


def test_current_that_vanishes_from_a_float_stops_the_run() -> None:
    """It had hardly fallen, and is gone from one record to the next, for good."""
    (stop,) = vanished(records(8, relaxing(3600) + gone(3600, 9000)))
    assert (stop.kind, stop.action, stop.time_s) == (FindingKind.CELL_GONE, Action.STOP, 7200.0 + 3600.0)


def test_cell_put_back_into_a_float_is_told() -> None:
    """Out for two minutes: the run goes on, and the data say so."""
    (mark,) = vanished(records(8, relaxing(3600) + gone(3600, 3720) + [(3720.0, 4.0, 6e-6), (3750.0, 4.0, 5e-6)]))
    assert mark.action is Action.MARK
    assert "gone for 120 s from 3.000 h on, and is back" in mark.message


@pytest.mark.parametrize("tau_s", [7.0, 110.0, 3000.0])
def test_current_that_relaxes_is_no_cell_that_is_gone(tau_s: float) -> None:
    """However fast a cell fills up and however small its current gets, a float or a taper runs on."""
    assert vanished(records(8, relaxing(20_000, tau_s))) == []
    at_constant_current = [(float(t), 3.5 + t / 7200, C_A) for t in range(0, 3600, 30)]
    after = [(3600.0 + t, v, i) for t, v, i in relaxing(20_000, tau_s)]
    assert vanished(records(5, at_constant_current + after)) == []
    as_fast_as_before = [(10.0 * n, 4.0, 0.9 * C_A * 0.015**n) for n in range(100)]
    assert vanished(records(8, as_fast_as_before)) == []


def test_stripping_that_ends_at_once_is_judged_only_where_no_metal_ends() -> None:
    """A Li/Cu cell held at its stripping voltage has no lithium left from one record to the next."""
    crossing = replace(SEGMENT, limits=replace(LIMITS, host=VoltageBand(-0.5, 4.1)))
    samples = records(8, relaxing(3600) + gone(3600, 9000))
    assert (len(vanished(samples)), vanished(samples, crossing)) == (1, [])


def test_voltage_that_is_gone_at_rest_stops_the_run() -> None:
    """A cell that stood at 3.4 V does not stand at 0 V a record later; a single such record is a contact's."""
    rest = [(float(t), 3.4, 0.0) for t in range(0, 600, 30)]
    none = [(float(t), 0.002, 0.0) for t in range(600, 900, 30)]
    (stop,) = vanished(records(7, rest + none))
    assert (stop.kind, stop.action) == (FindingKind.CELL_GONE, Action.STOP)
    (mark,) = vanished(records(7, [*rest, none[0], (630.0, 3.4, 0.0)]))
    assert mark.action is Action.MARK


def test_stripped_copper_may_fall_to_zero_at_rest() -> None:
    """What is left of the lithium takes its voltage; only one that comes back where it was had its cell out."""
    crossing = replace(SEGMENT, limits=replace(LIMITS, host=VoltageBand(-0.5, 4.1)))
    falls = [(0.0, 1.0, 0.0), *((float(t), 0.01, 0.0) for t in range(30, 3600, 30)), (3600.0, 0.6, 0.0)]
    assert vanished(records(7, falls), crossing) == []
    (mark,) = vanished(records(7, [(0.0, 2.9, 0.0), (30.0, 0.0, 0.0), (60.0, 2.9, 0.0)]), crossing)
    assert mark.action is Action.MARK


def test_overshoot_before_the_testers_first_look_is_no_run_away() -> None:
    """A weak cell shows what current and resistance make at once; a step that goes on beyond the limit trips."""
    envelope = ChannelEnvelope(0.0, 5.0, (CurrentRange(0.0, 1e-3),))
    weak = [records(step, [(0.0, volts, sign * 5 * C_A), (0.1, volts, sign * 5 * C_A)])
            for step, volts, sign in ((3, 4.15, 1.0), (4, 2.65, -1.0)) * 3]  # fmt: skip
    found = LimitWatch(SEGMENT, envelope).feed([sample for step in weak for sample in step])
    assert {finding.action for finding in found} == {Action.MARK}
    goes_on = records(3, [(0.0, 4.15, 5 * C_A), (0.1, 4.15, 5 * C_A), (30.0, 4.15, 5 * C_A)])
    assert [finding.action for finding in LimitWatch(SEGMENT, envelope).feed(goes_on)][-1] is Action.TRIP
