"""Where a watch for an open circuit says nothing, and values that meet its bounds to the last bit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.interfaces import EndReason
from orchestrator.judging.limits import Action
from orchestrator.judging.open_circuit import (
    JUMP,
    NO_CURRENT,
    NO_HELD_CURRENT,
    OpenCircuitWatch,
    Passage,
    passage,
)
from orchestrator.judging.steps import ExecutedStep
from protocols.program import ConstantCurrent, PoweredStep, Until, VoltageBand
from tests.open_circuit_steps import (
    DOWN,
    GONE_DOWN,
    GONE_UP,
    GUARDS,
    HELD_DOWN,
    HELD_UP,
    IDLE_DOWN,
    IDLE_UP,
    LIMITS,
    ONCE_DOWN,
    ONCE_UP,
    SEGMENT,
    UP,
    WHOLE_DOWN,
    WHOLE_UP,
    A,
    actions,
    fed,
    in_a_row,
    ran,
    shows,
)

FREE = replace(HELD_UP, current_limit_a=None)
ONCE = [ONCE_UP, ONCE_DOWN] * 2
# Seconds of which an hour is a power of two, so that mean currents are exact.
BRIEF_S = 3600 / 1024
Row = tuple[PoweredStep, ExecutedStep]


def whole(part: float = 1.0, apart_v: float = 0.2, lasts_s: float = 3600.0) -> list[Row]:
    """Give a charge and a discharge at a part of the current, whose mean voltages lie apart."""
    return [
        (replace(step, current_a=step.current_a * part), ran(lasts_s, mean_v=3.5 + sign * apart_v / 2))
        for step, sign in ((UP, 1), (DOWN, -1))
    ]


def once(part: float) -> list[Row]:
    """Give half-cycles in both directions, twice, that met their cutoffs at once at a part of the current."""
    return [(replace(step, current_a=step.current_a * part), executed) for step, executed in ONCE]


def test_bounds_of_a_current_belong_to_none() -> None:
    """A mean current on the bound is no current, in a step with a cutoff and at a held voltage."""
    a = 2.0**-10
    up, held = replace(UP, current_a=a), replace(HELD_UP, current_limit_a=a)
    on_the_bound = replace(ran(BRIEF_S), capacity_ah=NO_CURRENT * a / 1024)
    assert on_the_bound.capacity_ah * 3600 / BRIEF_S == NO_CURRENT * a
    assert shows(up, on_the_bound) is Passage.NO_CURRENT
    idle = replace(ran(3600.0, EndReason.TIME), capacity_ah=NO_HELD_CURRENT * a)
    assert idle.capacity_ah * 3600 / 3600.0 == NO_HELD_CURRENT * a
    assert shows(held, idle) is Passage.HELD_IDLE
    # The resistance, in contrast, must need more than the absolute limit.
    ohm = LIMITS.absolute.high_v / (NO_CURRENT * a)
    assert ohm * NO_CURRENT * a == LIMITS.absolute.high_v
    assert passage(up, replace(ran(0.1, ohm=ohm), capacity_ah=0.0), GUARDS, LIMITS) is Passage.AT_ONCE


@pytest.mark.parametrize(
    ("step", "executed"),
    [
        (FREE, ran(3600.0, EndReason.TIME, mean_a=5e-4)),
        (replace(HELD_UP, until=Until(0.5)), ran(0.5, EndReason.TIME)),
        (ConstantCurrent(A, Until(voltage_v=4.0)), ran(3600.0)),
    ],
)
def test_step_that_passed_a_current_has_passed(step: PoweredStep, executed: ExecutedStep) -> None:
    """Without a limit of its current, in less than a second, and where nothing tells how long it takes."""
    assert shows(step, executed) is Passage.PASSED
    assert actions((step, executed), *ONCE) == ([Action.STOP] if step is FREE else [Action.MARK])


@pytest.mark.parametrize(
    "rows",
    [
        [ONCE_UP] * 5,
        [WHOLE_UP, WHOLE_DOWN, *[ONCE_UP] * 5],
        [GONE_UP, GONE_DOWN, (DOWN, ran(0.1, EndReason.EXTERNAL, mean_a=0.0))],
    ],
)
def test_one_direction_and_what_somebody_ended_tell_nothing(rows: list[Row]) -> None:
    """A full cell meets one cutoff ever again; not even a mark is made of it."""
    assert actions(*rows, segment=in_a_row(3)) == []


def test_weak_cell_is_told_at_a_current_of_one_ampere() -> None:
    """No current is taken for one that was told before."""
    rows = [(step, replace(executed, capacity_ah=executed.capacity_ah / A)) for step, executed in once(1 / A)]
    assert actions(*whole(1 / A, apart_v=0.9), *rows) == [Action.MARK]


@pytest.mark.parametrize(
    ("rows", "stops"),
    [
        # What is known of a cell at one current, or the same one: to the last bit of 95 %.
        ([*whole(0.95), *ONCE], True),
        ([*whole(0.95), *whole(apart_v=0.2, lasts_s=360.0) * 2, *once(0.95)], False),
        # Two that were cut show nothing of smaller currents, and one direction nothing of the other.
        ([*whole(0.5), *whole(lasts_s=360.0) * 2, *once(0.5)], True),
        ([WHOLE_UP, WHOLE_DOWN, *[whole(lasts_s=360.0)[0]] * 2, WHOLE_UP, *ONCE], True),
        # From exactly a fifth of its time on a half-cycle is whole.
        ([WHOLE_UP, WHOLE_DOWN, *whole(lasts_s=720.0) * 2, *ONCE], True),
        # The newest tells, whether or not it was at the same current.
        ([*whole(apart_v=0.9), *whole(2.0, apart_v=0.9), *whole(), *ONCE], True),
        ([*whole(), *whole(2.0, apart_v=0.9), *ONCE], False),
        # A contact is lost up to exactly half of the cutoffs' distance.
        ([*whole(apart_v=JUMP), *ONCE], True),
        # A whole half-cycle whose voltage is not known tells nothing of the cell.
        ([(step, ran(3600.0, EndReason.TIME, mean_v=None)) for step in (UP, DOWN)] + ONCE, False),
    ],
)
def test_what_passed_before_decides_by_current_direction_and_age(rows: list[Row], stops: bool) -> None:
    """Far from both cutoffs at such a current, and nothing newer that says otherwise: the contact is lost."""
    assert actions(*rows) == [Action.STOP if stops else Action.MARK]


def test_distance_of_the_cutoffs_is_that_of_the_steps() -> None:
    """Voltages 0.8 V apart are near cutoffs 1 V apart and far from those 2 V apart; with none between nothing is."""
    for low_v, expected in ((3.0, Action.MARK), (2.0, Action.STOP), (4.0, Action.MARK)):
        down = replace(DOWN, until=replace(DOWN.until, voltage_v=low_v))
        rows = [(down if step == DOWN else step, executed) for step, executed in (*whole(apart_v=0.8), *ONCE)]
        assert actions(*rows) == [expected]


@pytest.mark.parametrize("part", [0.95, 1.0])
def test_nothing_has_passed_at_the_smallest_current_of_the_recipe(part: float) -> None:
    """It is compared with the smallest of the row, and 95 % of it are the same current."""
    large = replace(UP, current_a=2 * A)
    segment = replace(SEGMENT, steps=(large, DOWN, ConstantCurrent(-part * A, Until(60.0))))
    assert actions(*[(large, ran(0.1)), ONCE_DOWN] * 2, segment=segment) == [Action.STOP]


def test_voltages_are_held_apart_by_exactly_a_twentieth_and_zero_volts_are_a_voltage() -> None:
    """An eighth of a volt in a window of 2.5 V; a discharge that holds 0 V lies below a charge."""
    segment = replace(SEGMENT, limits=replace(LIMITS, host=VoltageBand(2.0, 4.5)))
    assert Action.STOP in actions(*[IDLE_UP, (replace(HELD_DOWN, voltage_v=3.875), IDLE_DOWN[1])] * 2, segment=segment)
    up, down = (replace(step, voltage_v=volts) for step, volts in ((HELD_UP, 0.5), (HELD_DOWN, 0.0)))
    assert Action.STOP in actions(*[(up, IDLE_UP[1]), (down, IDLE_DOWN[1])] * 2)


def test_sentence_of_a_mixed_row_tells_of_its_cutoffs() -> None:
    """One held voltage between does not hide that both cutoffs were met at once."""
    for before, words in (([], "none has passed in this run yet"), ([WHOLE_UP, WHOLE_DOWN], "far from these before")):
        (finding,) = fed(*before, ONCE_UP, ONCE_DOWN, IDLE_UP, segment=in_a_row(3))
        assert words in finding.message


def test_contact_check_without_a_limit_of_its_current_tells_nothing() -> None:
    """It is no half-cycle at any current, and later ones are judged as ever."""
    watch = OpenCircuitWatch()
    watch.learn_check(FREE, ran(5.0))
    assert [finding.action for finding in fed(*ONCE, watch=watch)] == [Action.STOP]


def test_what_is_undone_twice_is_forgotten_twice() -> None:
    """A store that refuses the same steps again finds the watch as it was each time."""
    watch = OpenCircuitWatch()
    fed(*whole(), watch=watch)
    for _ in range(2):
        undo = watch.undo()
        assert [it.action for it in fed(*whole(apart_v=0.9), *ONCE, watch=watch)] == [Action.MARK]
        undo()
    assert [it.action for it in fed(*ONCE, watch=watch)] == [Action.STOP]
