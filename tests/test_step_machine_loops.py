"""The step machine executes loops and counts cycles as real data files show it (reference 5.5, 7.2)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.neware.loops import LoopCounters
from simulators.neware.memory import StoredTest
from simulators.neware.schedule import Schedule, ScheduleError, Step, StepKind, UnitRatings
from simulators.neware.settings import LogCodes, Noise
from simulators.neware.step_machine import Status, StepMachine
from tests.transcripts.cells import SourceCell


def schedule(*parts: object) -> Schedule:
    """Build rests of 0.1 s from "r", loops from (start, count), and the end."""
    steps = []
    for number, part in enumerate(parts, 1):
        if isinstance(part, tuple):
            steps.append(Step(number, StepKind.LOOP, loop_start=part[0], loop_count=part[1]))
        else:
            steps.append(Step(number, StepKind.REST, duration_ticks=1))
    return Schedule((*steps, Step(len(steps) + 1, StepKind.END)))


def run(plan: Schedule, ticks: int = 10**6) -> StoredTest:
    """Execute a schedule to its end."""
    plan.check(UnitRatings())
    machine = StepMachine(SourceCell(), UnitRatings(), "seed", 0, LogCodes(), Noise())
    test = StoredTest(1, "loops", 0)
    machine.start(plan, test, 0)
    machine.advance_to(ticks)
    assert machine.status is Status.FINISH
    return test


def test_count_is_the_number_of_passes_not_of_repeats() -> None:
    """1-3, loop(1, 5) gives five passes and ends in cycle 5."""
    test = run(schedule("r", "r", "r", (1, 5)))
    assert [row.step for row in test.steps] == [1, 2, 3] * 5
    assert [row.cycle for row in test.steps][::3] == [1, 2, 3, 4, 5]


def test_inner_counter_restarts_on_every_outer_pass() -> None:
    """The reference's measured example: 150 passes of 1-3, ten of 5-7, last cycle number 150."""
    test = run(schedule("r", "r", "r", (1, 15), "r", "r", "r", (1, 10)))
    assert sum(row.step == 1 for row in test.steps) == 150
    assert sum(row.step == 5 for row in test.steps) == 10
    assert test.steps[-1].cycle == 150
    assert next(row.cycle for row in test.steps if row.step == 5) == 15


def test_loop_and_end_leave_no_trace() -> None:
    """Cycle and End steps make no record and no step row."""
    test = run(schedule("r", (1, 3)))
    assert {row.step for row in test.rows()} == {1}
    assert {row.step for row in test.steps} == {1}


def expanded(parts: list[object]) -> list[int]:
    """Unroll loops by recursion on the text, another way than counting."""

    def block(first: int, last: int) -> list[int]:
        out: list[int] = []
        for number in range(first, last + 1):
            part = parts[number - 1]
            if isinstance(part, tuple):
                start, count = part
                inside = block(start, number - 1)
                out += inside * (count - 1)
            else:
                out.append(number)
        return out

    return block(1, len(parts))


@st.composite
def nested(draw: st.DrawFn) -> list[object]:
    """Draw steps with up to three loops round one another and others beside them."""
    parts: list[object] = []
    for _ in range(draw(st.integers(1, 3))):
        begin = len(parts) + 1
        parts += ["r"] * draw(st.integers(1, 2))
        starts = sorted(draw(st.lists(st.integers(begin, len(parts)), min_size=0, max_size=3)), reverse=True)
        for start in starts:
            parts.append((start, draw(st.integers(1, 3))))
    return parts


@given(nested())
def test_nested_loops_unroll_to_the_same_steps_as_their_text(parts: list[object]) -> None:
    """Whatever the nesting, counters and recursion agree, and the cycle grows by one at every jump."""
    test = run(schedule(*parts))
    steps = [row.step for row in test.steps]
    assert steps == expanded(parts)
    jumps = [after <= before for before, after in itertools.pairwise(steps)]
    assert test.steps[-1].cycle == 1 + sum(jumps)


@pytest.mark.parametrize(
    "parts",
    [
        ("r", (2, 3)),
        ("r", (0, 3)),
        ("r", (1, 0)),
        ("r", (1, 65536)),
        ("r", "r", (1, 2), "r", (2, 2)),
        ("r", (1, 2), (1, 2), (1, 2), (1, 2)),
    ],
    ids=["to itself", "before the first", "no pass", "too many passes", "crossing", "four deep"],
)
def test_bad_loops_are_refused(parts: tuple[object, ...]) -> None:
    """A loop jumps back, 1 to 65535 times, at most three deep, and crosses no other."""
    with pytest.raises(ScheduleError):
        schedule(*parts).check(UnitRatings())


def test_counters_begin_anew_after_a_loop_is_through() -> None:
    """A finished loop that is reached again counts from one."""
    loop = Step(2, StepKind.LOOP, loop_start=1, loop_count=2)
    counters = LoopCounters()
    assert [counters.after(loop) for _ in range(4)] == [(1, 1), (3, 0), (1, 1), (3, 0)]
