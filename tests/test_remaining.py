"""What remains of an interrupted segment passes, together with what was stored, what the whole segment passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import (
    CyclingSegment,
    Loop,
    Place,
    PoweredStep,
    Purpose,
    Rest,
    Step,
    Until,
    cycles_done,
    flow,
    original_place,
    place,
    remaining,
)
from protocols.program_steps import depth
from tests.segments import CHECKS, segment_of, segments


class _Passed(NamedTuple):
    """Seconds and signed ampere-seconds, exactly."""

    time_s: Decimal
    charge_as: Decimal


def _at(segment: CyclingSegment, number: int) -> Rest | PoweredStep:
    step = segment.steps[number - 1]
    assert not isinstance(step, Loop)
    return step


def _executed(segment: CyclingSegment) -> list[Rest | PoweredStep]:
    """Give the recipe's steps in the order in which they are executed, without checks and the rest after them."""
    steps = (_at(segment, number) for number, _ in flow(segment.steps))
    return [step for step in steps if step.purpose is Purpose.RECIPE]


def _points(segment: CyclingSegment) -> Iterator[tuple[int, Place]]:
    """Give every execution of the recipe's steps with its count from 1."""
    for count, found in enumerate(flow(segment.steps), 1):
        if _at(segment, found.step).purpose is Purpose.RECIPE:
            yield count, found


def _exact(value: float | None) -> Decimal:
    return Decimal(str(value))


def _passed(steps: Iterable[Rest | PoweredStep]) -> _Passed:
    """Sum up steps that end by time."""
    time_s = charge_as = Decimal(0)
    for step in steps:
        time_s += _exact(step.until.time_s)
        charge_as += _exact(getattr(step, "current_a", 0)) * _exact(step.until.time_s)
    return _Passed(time_s, charge_as)


def _same(left: Rest | PoweredStep, right: Rest | PoweredStep) -> bool:
    """Tell whether two steps differ at most in their time, charge and ceilings."""
    if isinstance(left, Rest) or isinstance(right, Rest):
        return isinstance(left, Rest) and isinstance(right, Rest) and left.record == right.record
    return replace(left, until=right.until, ceiling=right.ceiling) == right


@given(segments())
def test_remaining_flow_is_the_suffix_of_the_flow_from_every_point(segment: CyclingSegment) -> None:
    """With half a tick of the interrupted step passed, it and all that follow it come once each, in order."""
    whole = _executed(segment)
    for index, (count, _) in enumerate(_points(segment)):
        rest = remaining(segment, count, 0.05, 0.0)
        assert rest is not None
        first, *others = _executed(rest)
        assert _same(first, whole[index])
        assert _exact(first.until.time_s) == _exact(whole[index].until.time_s) - _exact(0.05)
        assert others == whole[index + 1 :]


@given(segments())
def test_remaining_flow_begins_with_the_next_step_where_one_has_ended(segment: CyclingSegment) -> None:
    """A step whose time is over is left out, and after the last nothing remains."""
    whole = _executed(segment)
    for index, (count, found) in enumerate(_points(segment)):
        rest = remaining(segment, count, _at(segment, found.step).until.time_s or 0.0, 0.0)
        assert (_executed(rest) if rest else []) == whole[index + 1 :]
        assert rest == remaining(segment, count + 1, 0.0, 0.0)


@given(segments(), st.integers(0, 10**6), st.integers(0, 50))
def test_stored_and_remaining_charge_and_time_are_those_of_the_recipe(
    segment: CyclingSegment, where: int, tenths: int
) -> None:
    """For steps that end by time the sums are equal to the last digit, wherever on its grid the tester stopped."""
    points = list(_points(segment))
    index = where % len(points)
    count, found = points[index]
    step = _at(segment, found.step)
    step_time_s = min(tenths / 10, step.until.time_s or 0.0)
    passed_ah = abs(getattr(step, "current_a", 0.0)) * step_time_s / 3600
    rest = remaining(segment, count, step_time_s, passed_ah)
    whole = _executed(segment)
    before = _passed([*whole[:index], replace(step, until=Until(time_s=step_time_s))])
    after = _passed(_executed(rest) if rest else [])
    assert _Passed(before.time_s + after.time_s, before.charge_as + after.charge_as) == _passed(whole)


@given(segments(), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 50))
def test_second_interruption_is_as_good_as_the_first(
    segment: CyclingSegment, first: int, second: int, tenths: int
) -> None:
    """What remains of what remained is what remains of the whole, and has no second check and rest in front."""
    count, _ = list(_points(segment))[first % len(_executed(segment))]
    rest = remaining(segment, count, 0.0, 0.0)
    assert rest is not None
    again, found = list(_points(rest))[second % len(_executed(rest))]
    step_time_s = min(tenths / 10, _at(rest, found.step).until.time_s or 0.0)
    left = remaining(rest, again, step_time_s, 0.0)
    whole = remaining(segment, count + second % len(_executed(rest)), step_time_s, 0.0)
    assert (left is None) == (whole is None)
    if left and whole:
        assert _executed(left) == _executed(whole)
        checks = [step for step in left.steps if not isinstance(step, Loop) and step.purpose is Purpose.CHECK]
        assert len(checks) in (0, 3)


@given(segments())
def test_every_execution_finds_its_place_in_the_original(segment: CyclingSegment) -> None:
    """Step and raw cycle number go on where they stopped, although the new test counts both from 1."""
    points = list(_points(segment))
    for index, (count, _) in enumerate(points):
        rest = remaining(segment, count, 0.0, 0.0)
        assert rest is not None
        lead = 3 if segment.steps[0] == CHECKS[0] else 0
        executions = len(list(flow(rest.steps)))
        found = [original_place(segment, count, 0.0, 0.0, own) for own in range(1, executions + 1)]
        assert found[:lead] == [None] * lead
        assert found[lead:] == [place for _, place in points[index:]]


@given(segments())
def test_raw_cycles_of_the_new_test_lag_by_one_for_each_pass_finished_first(segment: CyclingSegment) -> None:
    """No jump leads from the interrupted pass to the loop after it: the offset alone is short by three at most."""
    for count, _ in _points(segment):
        rest = remaining(segment, count, 0.05, 0.0)
        assert rest is not None
        offset = cycles_done(segment, count)
        for own, (_, cycle) in enumerate(flow(rest.steps), 1):
            original = original_place(segment, count, 0.05, 0.0, own)
            assert original is None or 0 <= original.cycle - (cycle + offset) <= 3


@given(segments(most=3), st.integers(0, 10**6))
def test_remaining_program_is_at_most_a_copy_for_each_loop_longer(segment: CyclingSegment, where: int) -> None:
    """So a recipe of sixty steps fits into 254 however deep its loops, and loops get no deeper."""
    points = list(islice(_points(segment), 500))
    rest = remaining(segment, points[where % len(points)][0], 0.05, 0.0)
    assert rest is not None
    assert len(rest.steps) <= len(segment.steps) * (1 + depth(segment.steps)) + 1
    assert depth(rest.steps) <= depth(segment.steps)
    assert all(step.times > 1 for step in rest.steps if isinstance(step, Loop))


def test_pass_that_has_not_begun_needs_no_copy() -> None:
    """The loop goes on with the passes that are left."""
    body = (Rest(Until(time_s=10.0)), Rest(Until(time_s=20.0)))
    rest = remaining(segment_of(*body, Loop(1, 5)), 4, 20.0, 0.0)
    assert rest is not None
    assert rest.steps == (*body, Loop(1, 3))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_run_that_did_not_get_past_its_check_starts_anew(count: int) -> None:
    """Whole and unchanged, from the first cycle."""
    segment = segment_of(*CHECKS, Rest(Until(time_s=10.0)), Loop(3, 5))
    assert remaining(segment, count, 2.0, 1e-6) is segment
    assert cycles_done(segment, count) == 0
    assert original_place(segment, count, 2.0, 1e-6, 4) == place(segment.steps, 4)


def test_check_is_made_again_with_a_rest_after_it() -> None:
    """The rest counts as part of the check, so that it is neither repeated nor taken for the recipe's."""
    body: tuple[Step, ...] = (Rest(Until(time_s=10.0)), Loop(3, 5))
    rest = remaining(segment_of(*CHECKS, *body), 4, 4.0, 0.0)
    assert rest is not None
    pause = Rest(Until(time_s=60.0), purpose=Purpose.CHECK)
    assert rest.steps == (*CHECKS, pause, Rest(Until(time_s=6.0)), Rest(Until(time_s=10.0)), Loop(5, 3))


def test_check_among_the_recipes_steps_is_not_taken_for_the_start() -> None:
    """Only what stands in front is made again, so that no charge is passed twice."""
    rest = remaining(segment_of(Rest(Until(time_s=10.0)), *CHECKS), 2, 5.0, 0.0)
    assert rest is not None
    assert rest.steps == CHECKS[1:]


@pytest.mark.parametrize(
    ("count", "step_time_s", "passed_ah"),
    [
        (-1, 0.0, 0.0),
        (7, 0.0, 0.0),
        (1, -0.1, 0.0),
        (1, 0.0, -1e-9),
        (1, float("nan"), 0.0),
        (1, 0.0, float("nan")),
        (1, float("inf"), 0.0),
    ],
)
def test_numbers_that_no_record_holds_are_refused(count: int, step_time_s: float, passed_ah: float) -> None:
    """A missing reading, above all: it would be taken for nothing passed."""
    with pytest.raises(ValueError, match=r"executed|passed"):
        remaining(segment_of(Rest(Until(time_s=10.0)), Loop(1, 5)), count, step_time_s, passed_ah)


@pytest.mark.parametrize("count", [-1, 0, 4])
def test_execution_that_the_remaining_segment_lacks_has_no_place(count: int) -> None:
    """Three of five are left."""
    with pytest.raises(ValueError, match=f"execution {count} of a remaining segment that has 3"):
        original_place(segment_of(Rest(Until(time_s=10.0)), Loop(1, 5)), 3, 1.0, 0.0, count)
