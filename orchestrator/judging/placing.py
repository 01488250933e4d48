"""Gives each executed step of a run its place in the whole run, through all its segments, tests and interruptions.

Fed the steps in the order in which they ran; what is said of a step never changes with what comes later. A run that is
read from the store and one that goes on are counted by the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from drivers.interfaces import Sample
from orchestrator.judging.cycles import CycleBuilder
from orchestrator.judging.resuming import Placement, Position
from orchestrator.judging.steps import ExecutedStep
from protocols.current_sign import Direction
from protocols.execution_order import length, nest, place, place_or_last
from protocols.program import CyclingSegment, Loop, PoweredStep, Program, Purpose


@dataclass(frozen=True, slots=True)
class RunPlace:
    """The place of an executed step in its run.

    ``segment`` is the index in the original ``program.segments``, ``step`` the number of the step there, from 1.
    ``count`` counts the executed steps of the original program from 1, through all segments. A contact check that was
    repeated after an interruption, and the rest behind it, are not in the original, nor is what a jump back at the
    tester adds: their step and count are 0.
    ``cycle`` is the run's one cycle number; a measurement bears that of the last cycle before it, 0 on a fresh cell.
    ``half_cycle`` counts from 1 the stretches of powered steps in one direction; 0 for rests, checks and measurements.
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
        self._index = 0
        self._steps_before = 0
        self._next = Position()
        self._count = self._part = self._half = 0
        # Direction and cycle of the half-cycle that the newest powered step belongs to.
        self._way: tuple[Direction, int] | None = None
        self._cycles = CycleBuilder(program.cycling[0], program.cell)
        self._test = Placement(program.cycling[0], self._next, program.cycling[0])

    def begin(self, index: int, segment: CyclingSegment) -> None:
        """Begin a test of the program's segment ``index``; ``segment`` is the loaded program, perhaps only a part."""
        self._reach(index)
        self._test = Placement(self._original(index), self._next, segment)

    def place(self, executed: ExecutedStep) -> RunPlace:
        """Return the place of the test's next step."""
        test = self._test
        own = test.count(executed.step_count)
        if own is None:
            return RunPlace(self._index, 0, 0, self._cycles.number(test.beginning), 0, 1)
        if own > length(nest(test.original.steps)):
            last = self._cycles.number(place_or_last(test.original.steps, own))
            return RunPlace(self._index, 0, 0, last, 0, 1)
        there = place(test.original.steps, own)
        step = test.original.steps[there.step - 1]
        cycle = self._cycles.number(there)
        count, half, part = self._steps_before + own, 0, 1
        if not isinstance(step, Loop) and step.purpose is Purpose.CHECK and count <= self._count:
            # A contact check that was cut is made again from its beginning: it never goes on.
            return RunPlace(self._index, 0, 0, cycle, 0, 1)
        if not isinstance(step, Loop) and step.purpose is Purpose.RECIPE:
            part = self._part + 1 if count == self._count else 1
            half = self._half_cycle(step, cycle) if isinstance(step, PoweredStep) else 0
        self._cycles.feed([replace(executed, step=there.step, cycle=there.cycle)])
        self._count, self._part = count, part
        return RunPlace(self._index, there.step, count, cycle, half, part)

    def _half_cycle(self, step: PoweredStep, cycle: int) -> int:
        if (way := (step.direction, cycle)) != self._way:
            self._way, self._half = way, self._half + 1
        return self._half

    def end(self, last: Sample | None) -> None:
        """End a test with its last sample; None when it has none."""
        self._next = self._test.end(last)

    def measurement(self, index: int, cycle: int) -> RunPlace:
        """Return the place of the measurement in segment ``index`` of the program, after ``cycle`` cycles."""
        self._reach(index)
        return RunPlace(index, 1, self._steps_before + 1, cycle, 0, 1)

    def _reach(self, index: int) -> None:
        """Leave the segments before ``index``: they are done."""
        while self._index < index:
            left = self._program.segments[self._index]
            self._steps_before += length(nest(left.steps)) if isinstance(left, CyclingSegment) else 1
            self._index, self._next = self._index + 1, Position()
            self._cycles.finish()
            if isinstance(self._program.segments[self._index], CyclingSegment):
                self._cycles = CycleBuilder(self._original(self._index), self._program.cell, self._cycles.count)

    def _original(self, index: int) -> CyclingSegment:
        part = self._program.segments[index]
        if not isinstance(part, CyclingSegment):
            raise TypeError(f"segment {index + 1} is a measurement, which no tester runs")
        return part
