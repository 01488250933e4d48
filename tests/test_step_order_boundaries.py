"""The very edges of the order of steps: how much must be known of a step before the one behind it is called void."""

from __future__ import annotations

from dataclasses import replace
from math import nextafter

import pytest

from protocols.current_sign import Direction
from protocols.program import ConstantCurrent, ConstantVoltage, Until
from protocols.program_steps import PoweredStep
from protocols.voltage_order import Drive, Event, OrderFlaw, Passes, Pause, flaws, step_flaws

UP, DOWN = Direction.CHARGE, Direction.DISCHARGE
FULL = Drive(1, UP, 4.2, first=1.0, last=0.1, holds=True, is_sure=True)
LESS = Drive(2, UP, 3.9, first=0.1, last=0.1)
BEHIND_FULL = OrderFlaw(2, UP, 3.9, 4.2, 1, UP, True)
A, HOUR_S = 1e-3, 3600.0
TO_FULL = ConstantCurrent(A, Until(voltage_v=4.2))
HELD = ConstantVoltage(UP, 4.2, Until(current_a=A / 10), A)
TO_LESS = ConstantCurrent(A, Until(voltage_v=3.9))


@pytest.mark.parametrize(
    ("events", "is_certain"),
    [
        ((FULL, LESS), True),
        # A current that is less than that of the end before, or not known on either side, leaves the cell less far.
        ((FULL, replace(LESS, first=nextafter(0.1, 0))), False),
        ((FULL, replace(LESS, first=None)), False),
        ((replace(FULL, last=None), LESS), False),
        ((FULL, Pause(), LESS), False),
        # A hold lowers its current: it passes some where a constant current ended.
        ((FULL, replace(LESS, holds=True)), True),
        ((replace(FULL, holds=False), LESS), True),
        ((replace(FULL, holds=False), replace(LESS, holds=True)), False),
        # What goes on in the same direction without a target leaves the cell at least as far.
        ((FULL, Drive(3, UP, is_sure=True), LESS), True),
        ((FULL, Drive(3, UP, 4.3), LESS), True),
        ((Drive(1, DOWN, 2.0, first=1.0, last=0.1, is_sure=True), Drive(2, DOWN, 2.5, first=0.1)), True),
    ],
)
def test_smaller_target_behind_a_met_one_is_void_and_certain_where_the_cell_cannot_be_back(
    events: tuple[Event, ...], is_certain: bool
) -> None:
    """It ends as it begins in any case that is doubtful too, and refuses only where no cell could pass current."""
    (flaw,) = flaws(events)
    assert (flaw.key, flaw.behind, flaw.is_certain, flaw.is_unsound) == (2, 1, is_certain, is_certain)


@pytest.mark.parametrize(
    "events",
    [
        (replace(FULL, is_sure=False), LESS),
        (Drive(1, UP, 4.2), LESS),
        (Drive(1, UP, is_sure=True), LESS),
        (FULL, replace(LESS, target_v=4.2)),
        (FULL, replace(LESS, target_v=nextafter(4.2, 5))),
        (FULL, replace(LESS, ends_by_itself=False)),
        (FULL, Pause(moves=True), LESS),
        (FULL, Drive(3, DOWN), LESS),
        (FULL, Drive(3, DOWN, 3.0), LESS),
        # Of a discharge without a target nobody knows where it ends.
        (Drive(1, DOWN, 3.5), Drive(3, DOWN), Drive(2, UP, 3.0)),
    ],
)
def test_nothing_is_said_of_a_step_that_may_pass_current(events: tuple[Event, ...]) -> None:
    """The step before need not have met its target, a target is as far or farther, or something moved the cell."""
    assert flaws(events) == []


def test_flaw_is_told_with_the_place_of_its_step() -> None:
    """By its key as a path: a number of a step is a path of one."""
    assert (flaws((FULL, LESS)), BEHIND_FULL.path) == ([BEHIND_FULL], (2,))
    (flaw,) = flaws((FULL, replace(LESS, key=("steps", 1, "until"))))
    assert flaw.path == ("steps", 1, "until")


def test_loop_of_one_pass_is_walked_once_and_another_one_from_where_it_ended() -> None:
    """A charge that only a second pass would begin too far is sound in the loop that has none."""
    body = (Drive(1, UP, 2.0), Drive(2, UP, 4.2), Drive(3, DOWN, 3.5))
    assert flaws((Passes(body, 1),)) == []
    assert flaws((Passes(body, 2),)) == [OrderFlaw(1, UP, 2.0, 3.5, 3, DOWN, True, False)]


def test_loops_in_loops_cost_no_more_for_their_depth() -> None:
    """Two passes of each of sixty would be more steps than a computer walks in a lifetime."""
    loop: Event = Passes((Drive(1, UP, 4.2), Drive(2, DOWN, 3.0)), 2)
    for _ in range(60):
        loop = Passes((loop,), 2)
    assert flaws((loop,)) == []


@pytest.mark.parametrize(
    ("first", "full_ah", "is_sure"),
    [
        (TO_FULL, None, True),
        (HELD, None, True),
        # A step that its time or its charge may end before meets its target if that would fill the cell.
        (replace(TO_FULL, until=Until(HOUR_S, 4.2)), A, True),
        (replace(TO_FULL, until=Until(HOUR_S, 4.2)), nextafter(A, 1), False),
        (replace(TO_FULL, until=Until(HOUR_S, 4.2)), None, False),
        (replace(TO_FULL, until=Until(None, 4.2, None, A)), A, True),
        (replace(TO_FULL, until=Until(None, 4.2, None, A)), nextafter(A, 1), False),
        (replace(TO_FULL, until=Until(2 * HOUR_S, 4.2, None, A / 2)), A, False),
        (replace(TO_FULL, until=Until(HOUR_S / 2, 4.2, None, 2 * A)), A, False),
        (replace(HELD, until=Until(HOUR_S, current_a=A / 10), current_limit_a=None), A / 2, False),
        # A hold that only its time ends tells nothing of where the cell rests behind it.
        (replace(HELD, until=Until(HOUR_S)), A / 2, False),
    ],
)
def test_step_of_a_program_meets_its_target_where_nothing_else_ends_it_before(
    first: PoweredStep, full_ah: float | None, is_sure: bool
) -> None:
    """To the last bit of the charge that fills the cell; the step behind it ends as it begins only then."""
    assert [flaw.key for flaw in step_flaws((first, TO_LESS), full_ah=full_ah)] == ([2] if is_sure else [])


@pytest.mark.parametrize(
    ("steps", "certain"),
    [
        # At the end of a hold flows its taper's current, at that of a constant current this one.
        ((HELD, replace(TO_LESS, current_a=A / 10)), [True]),
        ((HELD, replace(TO_LESS, current_a=A / 11)), [False]),
        ((TO_FULL, TO_LESS), [True]),
        ((TO_FULL, replace(TO_LESS, current_a=A / 2)), [False]),
        ((TO_FULL, replace(HELD, voltage_v=3.9)), [False]),
        ((HELD, replace(HELD, voltage_v=3.9)), [True]),
        # One that holds a voltage for a time alone ends then and not before.
        ((HELD, ConstantVoltage(UP, 3.9, Until(HOUR_S), A)), []),
    ],
)
def test_currents_of_a_programs_steps_tell_whether_it_is_certain(
    steps: tuple[PoweredStep, ...], certain: list[bool]
) -> None:
    """The current with which a step ends is compared with the one with which the next begins."""
    assert [flaw.is_certain for flaw in step_flaws(steps)] == certain
