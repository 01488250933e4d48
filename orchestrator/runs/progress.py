"""The progress of a run: its present segment and its position there, over all tests of that segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from drivers.interfaces import Sample
from orchestrator.judging.cycles import Cycle, CycleBuilder
from orchestrator.judging.resuming import Placement, Position, position, remaining_segment
from orchestrator.judging.steps import ExecutedStep
from orchestrator.judging.time_left import StepTimes
from protocols.execution_order import length, nest, place
from protocols.half_cycles import CycleNumbers
from protocols.program import CyclingSegment, MeasurementSegment, Program

_BEGINNING = Position()


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run through its segments, as one immutable value. The first segment is cycling.

    ``as_run`` is the program without the segments that the run has left out, which are empty in it.
    ``segment`` is what the present test runs, or the next one is to run: the segment at ``index``, or what an
    interruption left of it. ``tested`` is what the present test runs, None before it: a start that is refused leaves
    it unchanged. ``cycles`` builds the cycles of the whole run, ``times`` knows how long its steps take; the present
    test began at ``before_s`` of its time. The present test began at the position ``base`` of the whole segment; the
    next one would begin at ``next``. ``since_unix_s``: when the present test began; without one, when the segment was
    reached.
    """

    program: Program
    segment: CyclingSegment
    cycles: CycleBuilder
    times: StepTimes
    as_run: Program
    index: int = 0
    base: Position = _BEGINNING
    next: Position = _BEGINNING
    tested: CyclingSegment | None = None
    before_s: float = 0.0
    since_unix_s: float = 0.0
    # Segments with the values that the run has measured, by index; ``program`` has the expected ones.
    measured: Mapping[int, CyclingSegment] = field(default_factory=dict)

    @classmethod
    def at_start(cls, program: Program) -> Progress:
        """Return the progress of a run that has not begun."""
        return cls(program, program.cycling[0], CycleBuilder(program), StepTimes(program), program)

    @property
    def is_over(self) -> bool:
        """Whether every segment has been carried out."""
        return self.index >= len(self.program.segments)

    @property
    def is_in_last(self) -> bool:
        """Whether no segment follows the present one."""
        return self.index + 1 >= len(self.program.segments)

    @property
    def measures(self) -> bool:
        """Whether any segment is a measurement."""
        return len(self.program.segments) > len(self.program.cycling)

    @property
    def measurement(self) -> MeasurementSegment | None:
        """The measurement that is due; None while a cycling segment is due, or at the end."""
        part = None if self.is_over else self.program.segments[self.index]
        return part if isinstance(part, MeasurementSegment) else None

    def cycle(self, last: Sample | None) -> int:
        """Return the cycle of the run at a test's last sample; between segments, that of the last half-cycle."""
        if self.tested is None or last is None:
            return self._numbers.cycle_before(self.index)
        return self.cycle_of(last.step_count)

    def cycle_of(self, step_count: int) -> int:
        """Return the run's cycle of a step of the present test."""
        nearest = self._placement.nearest(step_count)
        return self._numbers.at(self._numbers.steps_before(self.index) + nearest).cycle

    def step(self, last: Sample) -> int:
        """Return the number in the whole segment of the step of a sample of the present test; 0 for none of its own."""
        if self.tested is None:
            return 0
        # The usual case first, by identity: every poll asks.
        if self.tested is self.whole:
            return last.step
        own = self._placement.count(last.step_count)
        return place(self.whole.steps, own).step if own and own <= length(nest(self.whole.steps)) else 0

    @property
    def _numbers(self) -> CycleNumbers:
        return CycleNumbers.of(self.as_run)

    @property
    def _placement(self) -> Placement:
        return Placement(self.whole, self.base, self.tested or self.segment)

    def number(self, steps: Sequence[ExecutedStep]) -> tuple[list[ExecutedStep], list[Cycle]]:
        """Feed steps of the present test to the cycles; return them with the run's cycle numbers, and whole cycles."""
        if not steps:
            return [], []
        test, before, most = self._placement, self._numbers.steps_before(self.index), length(nest(self.whole.steps))
        numbered: list[ExecutedStep] = []
        cycles: list[Cycle] = []
        for executed in steps:
            own = test.count(executed.step_count)
            if own is not None and own <= most:
                cycles += self.cycles.feed(before + own, replace(executed, start_s=executed.start_s + self.before_s))
                self.times.feed(before + own, executed)
            numbered.append(replace(executed, cycle=self.cycle_of(executed.step_count)))
        return numbered, cycles

    def aside(self) -> Progress:
        """Return a copy; feeding it does not change this one."""
        return replace(self, cycles=copy(self.cycles), times=copy(self.times))

    def advanced(self, at_unix_s: float = 0.0) -> Progress:
        """Return the progress at the beginning of the next segment, which was reached at this time."""
        there = replace(
            self, index=self.index + 1, base=_BEGINNING, next=_BEGINNING, tested=None, since_unix_s=at_unix_s
        )
        if there.is_over or there.measurement is not None:
            return there
        return replace(there, segment=there.whole)

    def leaving_out(self, to: int, at_unix_s: float = 0.0) -> Progress:
        """Return the progress at the segment ``to``; the present one and those up to it, not begun, are left out."""
        left_out = range(self.index, to)
        if not left_out:
            return self
        as_run = self.as_run.leaving_out(left_out)
        cycles, times = self.cycles.going_by(as_run), copy(self.times)
        times.go_by(as_run, left_out)
        there = replace(self, as_run=as_run, cycles=cycles, times=times, index=to, since_unix_s=at_unix_s)
        return there if there.is_over or there.measurement is not None else replace(there, segment=there.whole)

    def reached(self, segment: int, at_unix_s: float) -> Progress:
        """Return the progress at a segment that a later test is of: those between, which have no test, are left out."""
        there = self if self.tested is None else self.advanced(at_unix_s)
        if self.program.decides:
            return there.leaving_out(segment, at_unix_s)
        while there.index < segment:
            there = there.advanced(at_unix_s)
        return there

    def visited(self, until_unix_s: float) -> Progress:
        """Return the progress at the segment behind a measurement, which took until this time."""
        times = copy(self.times)
        times.visited(self.index, until_unix_s - self.since_unix_s)
        return replace(self, times=times).advanced(until_unix_s)

    def reached_unix_s(self, last: Sample | None) -> float:
        """Return when the present test made its last record; without one, when it or the segment began."""
        return self.since_unix_s + (last.time_s if self.tested is not None and last is not None else 0.0)

    def begun(self, last: Sample | None) -> tuple[int, float]:
        """Return how many steps of the whole run have begun, and for how long the last of them has gone on (s).

        A measurement that is due has begun when its segment was reached: the cell rests for it. Of a run that has
        carried out everything, one more step than there are.
        """
        before = self._numbers.steps_before(self.index)
        if self.is_over or self.measurement is not None:
            return before + 1, 0.0
        there = self.next if self.tested is None else position(self.whole, self.base, self.tested, last)
        # Before a segment's first record its first step is the next one: that of the segment before is over.
        return before + max(1, there.begun), there.step_time_s

    def running(self, segment: CyclingSegment) -> Progress:
        """Return the progress with ``segment``, a part of the present segment, as the program of the next test."""
        return replace(self, segment=segment)

    def with_test(self, before_s: float = 0.0, at_unix_s: float = 0.0) -> Progress:
        """Return the progress with a test of ``segment`` that begins where the one before ended, at this run time."""
        return replace(self, base=self.next, tested=self.segment, before_s=before_s, since_unix_s=at_unix_s)

    def after(self, last: Sample | None) -> Progress:
        """Return the progress with ``next`` at the position that the present test reached with its last sample.

        ``segment`` is then what that test runs: what was to follow it did not start.
        """
        if self.tested is None or self.measurement is not None or self.is_over:
            return self
        there = position(self.whole, self.base, self.tested, last)
        return replace(self, next=there, segment=self.tested)

    def remaining_segment(self) -> CyclingSegment | None:
        """Return the part of a cycling segment that is not done yet; None when all of it is done."""
        return remaining_segment(self.whole, self.next)

    @property
    def whole(self) -> CyclingSegment:
        """The present cycling segment as the program has it. Raises TypeError where a measurement is due."""
        return self.whole_at(self.index)

    def whole_at(self, index: int) -> CyclingSegment:
        """Return a cycling segment as it runs, whole. Raises TypeError for a measurement."""
        part = self.measured.get(index) or self.program.segments[index]
        if not isinstance(part, CyclingSegment):
            raise TypeError(f"segment {index + 1} is a measurement, which no tester runs")
        return part

    def with_measured(self, segments: Mapping[int, CyclingSegment]) -> Progress:
        """Return the progress with segments whose values the run has measured, by index."""
        there = replace(self, measured={**self.measured, **segments})
        if there.is_over or there.measurement is not None or self.index not in segments:
            return there
        return replace(there, segment=there.whole)
