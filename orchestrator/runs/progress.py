"""How far a run is in its program: which segment, and where in it, however many tests that has taken."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from drivers.interfaces import Sample
from orchestrator.judging.cycles import CycleBuilder
from orchestrator.judging.resuming import Position, in_original, position, what_is_left
from orchestrator.judging.steps import ExecutedStep
from protocols.program import CyclingSegment, MeasurementSegment, Program


class Course:
    """A run's way through its segments. The first is cycling: a program begins on the tester.

    ``segment`` is what the present test runs: the segment at ``index``, or what an interruption left of it. Cycles
    count through all segments.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self.index = 0
        self.segment = program.cycling[0]
        self.cycles = CycleBuilder(self.segment, program.cell)
        self.cycles_before = 0
        # Where in the whole segment the present test began, and where the next one would.
        self._base = self._next = Position()
        self._has_test = False

    @property
    def is_over(self) -> bool:
        """Whether every segment has been carried out."""
        return self.index >= len(self._program.segments)

    @property
    def measures(self) -> bool:
        """Whether any segment is a measurement."""
        return len(self._program.segments) > len(self._program.cycling)

    @property
    def measurement(self) -> MeasurementSegment | None:
        """The measurement that is due; None where the tester is, or at the end."""
        part = None if self.is_over else self._program.segments[self.index]
        return part if isinstance(part, MeasurementSegment) else None

    def cycle(self, last: Sample | None) -> int:
        """Give the cycle that the run is in at a test's last sample; between segments, how many are behind it."""
        if not self._has_test or last is None:
            return self.cycles.count
        return self.cycles_before + last.cycle

    def advance(self) -> None:
        """Go to the next segment, from its beginning."""
        self.index += 1
        self._has_test = False
        self._base = self._next = Position()
        self.cycles_before = self.cycles.count
        if not self.is_over and self.measurement is None:
            self.segment = self._whole
            self.cycles = CycleBuilder(self.segment, self._program.cell, self.cycles.count)

    def begin_test(self) -> Callable[[ExecutedStep], ExecutedStep | None]:
        """Begin a test of ``segment`` where the one before it ended; give what numbers its steps as the program's."""
        self._base = self._next
        self._has_test = True
        return partial(in_original, self._whole, self._base, self.segment)

    def look_ahead(self, last: Sample | None) -> None:
        """Take in how far the present test has got."""
        if self._has_test and self.measurement is None and not self.is_over:
            self._next = position(self._whole, self._base, self.segment, last)

    def what_is_left(self) -> CyclingSegment | None:
        """Give what is still to do of a cycling segment; None when nothing is."""
        return what_is_left(self._whole, self._next)

    @property
    def _whole(self) -> CyclingSegment:
        part = self._program.segments[self.index]
        if not isinstance(part, CyclingSegment):
            raise TypeError(f"segment {self.index + 1} is a measurement, which no tester runs")
        return part
