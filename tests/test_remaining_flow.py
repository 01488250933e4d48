"""The order of executions and the raw cycle numbers are those that real data files show (reference 5.5, 7.2)."""

from __future__ import annotations

import doctest
import sys
from collections import deque
from itertools import islice
from time import process_time

import pytest
from hypothesis import given

from protocols import CyclingSegment, Loop, Place, Rest, Step, Until, flow, place
from tests.segments import segments, unrolled

_REST = Rest(Until(time_s=1.0))


@pytest.mark.parametrize("module", ["execution_order", "program_steps", "remaining_steps"])
def test_sessions_in_the_docstrings_run(module: str) -> None:
    """What the docstrings show is what happens."""
    found = doctest.testmod(sys.modules[f"protocols.{module}"])
    assert found.attempted > 0
    assert found.failed == 0


def test_measured_example_is_reproduced() -> None:
    """The reference's data file: 150 passes of 1-3, ten of 5-7, which bear the number of the inner pass before them."""
    steps = (_REST, _REST, _REST, Loop(1, 15), _REST, _REST, _REST, Loop(1, 10))
    places = list(flow(steps))
    assert sum(step == 1 for step, _ in places) == 150
    assert [cycle for step, cycle in places if step == 5] == list(range(15, 151, 15))
    assert places[-1] == Place(7, 150)


@given(segments())
def test_flow_is_the_unrolled_list(segment: CyclingSegment) -> None:
    """Whatever the nesting, counters and recursion agree, and the cycle grows by one at every jump."""
    assert list(flow(segment.steps)) == unrolled(segment.steps)


@given(segments())
def test_any_place_is_found_without_going_there(segment: CyclingSegment) -> None:
    """Arithmetic gives for every count what the flow gives."""
    places = list(flow(segment.steps))
    assert [place(segment.steps, count) for count in range(1, len(places) + 1)] == places


def test_largest_program_is_neither_expanded_nor_waited_for() -> None:
    """Three loops of 65535 passes each: the first executions and the last come at once."""
    steps = (_REST, Loop(1, 65535), _REST, Loop(1, 65535), Loop(1, 65535))
    assert list(islice(flow(steps), 2)) == [Place(1, 1), Place(1, 2)]
    assert place(steps, 65535**3 + 65535**2) == Place(3, 65535**3)


def test_flow_goes_through_a_hundred_thousand_executions_in_well_under_a_second() -> None:
    """Of processor time, through three loops; a recipe of 600 h has about 600."""
    steps = (_REST, Loop(1, 50), _REST, Loop(1, 50), Loop(1, 50))
    began_s = process_time()
    assert deque(flow(steps), maxlen=1).pop() == Place(3, 50**3)
    assert process_time() - began_s < 0.8


@pytest.mark.parametrize("count", [-1, 0, 6])
def test_execution_that_does_not_exist_has_no_place(count: int) -> None:
    """Counts run from 1 to the number of executions."""
    with pytest.raises(ValueError, match=f"execution {count} of a program that has 5"):
        place((_REST, Loop(1, 5)), count)


@pytest.mark.parametrize(
    "steps",
    [
        (Loop(1, 2),),
        (_REST, Loop(2, 2)),
        (_REST, Loop(0, 2)),
        (_REST, Loop(1, 0)),
        (_REST, _REST, Loop(1, 2), _REST, Loop(2, 2)),
        (_REST, Loop(1, 2), Loop(2, 2)),
    ],
    ids=["nothing before", "to itself", "before the first", "no pass", "crossing", "to a loop"],
)
def test_jump_that_no_tester_accepts_is_refused(steps: tuple[Step, ...]) -> None:
    """With the step it is at."""
    with pytest.raises(ValueError, match="step"):
        next(flow(steps))
