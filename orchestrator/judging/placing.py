"""Gives each executed step of a run its place in the whole run, through all its segments, tests and interruptions.

Fed the steps in the order in which they ran; what is said of a step never changes with what comes later. A run that is
read from the store and one that goes on are counted by the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.interfaces import Sample
from orchestrator.judging.resuming import Placement, Position
from orchestrator.judging.steps import ExecutedStep
from protocols.execution_order import length, nest, place
from protocols.half_cycles import CycleNumbers
from protocols.program import CyclingSegment, Loop, Program, Purpose


@dataclass(frozen=True, slots=True)
class RunPlace:
    """The place of an executed step in its run.

    ``segment`` is the index in the original ``program.segments``, ``step`` the number of the step there, from 1.
    ``count`` counts the executed steps of the original program from 1, through all segments. A contact check that was
    repeated after an interruption, and the rest behind it, are not in the original, nor is what a jump back at the
    tester adds: their step and count are 0.
    ``cycle`` is the run's one cycle number (``protocols.half_cycles``): a rest and a measurement bear that of the
    half-cycle before them; a measurement on a fresh cell bears 0.
    ``half_cycle`` counts the half-cycles from 1; 0 for rests, checks, measurements and pulses beside a half-cycle.
    ``part`` is 1, and 2 or more for what an interruption left of the same step.
    """

    segment: int
    step: int
    count: int
    cycle: int
    half_cycle: int
    part: int

    @property
    def is_repeated_check(self) -> bool:
        """Whether the step is a contact check repeated after an interruption, or the rest that follows such a check."""
        return self.count == 0


class ProgramWalk:
    """Places the steps of a run's tests, in order, in the original program.

    For each test: ``begin``, ``place`` for each of its steps, ``end``.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._numbers = CycleNumbers.of(program)
        self._index = 0
        self._begun = {0}
        self._next = Position()
        self._count = self._part = 0
        self._whole: dict[int, CyclingSegment] = {}
        self._test = Placement(program.cycling[0], self._next, program.cycling[0])

    def begin(self, index: int, segment: CyclingSegment) -> None:
        """Begin a test of the program's segment ``index``; ``segment`` is the loaded program, perhaps only a part."""
        self._reach(index)
        if self._next == Position() and self._original(index).measured:
            # The first test of a segment has the values that were measured: the program has the expected ones.
            self._whole[index] = segment
        self._test = Placement(self._whole.get(index) or self._original(index), self._next, segment)

    def place(self, executed: ExecutedStep) -> RunPlace:
        """Return the place of the test's next step."""
        test, before = self._test, self._numbers.steps_before(self._index)
        own = test.count(executed.step_count)
        there = self._numbers.at(before + test.nearest(executed.step_count))
        again = RunPlace(self._index, 0, 0, there.cycle, 0, 1)
        if own is None or own > length(nest(test.original.steps)):
            return again
        number = place(test.original.steps, own).step
        step = test.original.steps[number - 1]
        count, half, part = before + own, 0, 1
        if not isinstance(step, Loop) and step.purpose is Purpose.CHECK and count <= self._count:
            # A contact check that was cut is made again from its beginning: it never goes on.
            return again
        if not isinstance(step, Loop) and step.purpose is Purpose.RECIPE:
            part = self._part + 1 if count == self._count else 1
            half = there.half if there.pulse is None else 0
        self._count, self._part = count, part
        return RunPlace(self._index, number, count, there.cycle, half, part)

    def cycle_of(self, step_count: int) -> int:
        """Return the cycle of any step of the test."""
        return self._numbers.at(self._numbers.steps_before(self._index) + self._test.nearest(step_count)).cycle

    def end(self, last: Sample | None) -> None:
        """End a test with its last sample; None when it has none."""
        self._next = self._test.end(last)

    def measurement(self, index: int) -> RunPlace:
        """Return the place of the measurement in segment ``index`` of the program."""
        self._reach(index)
        return RunPlace(index, 1, self._numbers.steps_before(index) + 1, self._numbers.cycle_before(index), 0, 1)

    def _reach(self, index: int) -> None:
        """Leave the segments before ``index``: they are done, or the run has left them out."""
        if index <= self._index:
            return
        self._begun.add(index)
        if index > self._index + 1:
            self._numbers = CycleNumbers.of(self._program.as_begun(self._begun))
        self._index, self._next = index, Position()

    def _original(self, index: int) -> CyclingSegment:
        part = self._program.segments[index]
        if not isinstance(part, CyclingSegment):
            raise TypeError(f"segment {index + 1} is a measurement, which no tester runs")
        return part
