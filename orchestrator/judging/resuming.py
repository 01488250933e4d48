"""Finds the position of a run in its original program after interruptions, from all of its tests.

A position counts the record-making steps of the original that have begun. Each test after the first carries out what
was left at some position, behind a repeated contact check; its own step counts lead back to positions from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isfinite

from drivers.interfaces import EndReason, Sample
from orchestrator.judging.steps import end_reason
from protocols.by_identity import Same
from protocols.execution_order import length, nest, place
from protocols.program import CyclingSegment, Loop, Purpose
from protocols.remaining_steps import original_place, remaining


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a program: steps of the original that have begun, and time (s) and charge (Ah) in the last."""

    begun: int = 0
    step_time_s: float = 0.0
    passed_ah: float = 0.0


def remaining_segment(original: CyclingSegment, at: Position) -> CyclingSegment | None:
    """Return the part of a segment after a position as a segment of its own; None when all of it is done."""
    if at.begun > length(nest(original.steps)):
        return None
    return remaining(original, at.begun, at.step_time_s, at.passed_ah)


def position(original: CyclingSegment, base: Position, segment: CyclingSegment, last: Sample | None) -> Position:
    """Return the position after a test's last sample; ``base`` is the test's begin, ``segment`` its program."""
    if last is None:
        return base
    begun = original_count(original, base, segment, last.step_count)
    if begun is None:
        return base
    if end_reason(segment, last) in {EndReason.VOLTAGE, EndReason.CURRENT}:
        return Position(begun + 1)
    joined = begun == base.begun
    time_s = last.step_time_s + (base.step_time_s if joined else 0.0)
    return Position(begun, time_s, _charge_ah(segment, last) + (base.passed_ah if joined else 0.0))


def _charge_ah(segment: CyclingSegment, last: Sample) -> float:
    """Return the charge of the step that a sample is in, in Ah; where the tester did not say, what its current gives.

    That is the step's own current, exact while it is constant: less would let a step that ends by its capacity pass
    more than was ordered, after an interruption. A step that bounds no current counts with the sample's.
    """
    if isfinite(last.capacity_ah):
        return last.capacity_ah
    step = segment.steps[last.step - 1]
    bound_a = None if isinstance(step, Loop) else step.largest_a
    current_a = abs(last.current_a) if bound_a is None else bound_a
    return current_a * last.step_time_s / 3600 if isfinite(current_a) else 0.0


def original_count(original: CyclingSegment, base: Position, segment: CyclingSegment, count: int) -> int | None:
    """Return the number in the original of a test's ``count``-th executed step; None for a repeated contact check."""
    if base.begun == 0:
        return count
    before = _before(Same(original), base, Same(segment))
    if before is None:
        return count
    checks, ahead = before
    return None if count <= checks else count + ahead


@lru_cache(maxsize=256)
def _before(original: Same[CyclingSegment], base: Position, segment: Same[CyclingSegment]) -> tuple[int, int] | None:
    """Return a test's repeated contact checks, and how far its count is behind the original's; None for the original.

    Found once for a test: every poll asks where its run is.
    """
    whole = original.value
    if segment.value == whole:
        return None
    checks = _leading_checks(segment.value)
    first = original_place(whole, base.begun, base.step_time_s, base.passed_ah, checks + 1)
    goes_on = base.begun <= length(nest(whole.steps)) and first == place(whole.steps, base.begun)
    return checks, base.begun - checks - (1 if goes_on else 0)


@dataclass(frozen=True, slots=True)
class Placement:
    """One test of an original segment: the position where it began, and the segment that it runs."""

    original: CyclingSegment
    base: Position
    segment: CyclingSegment

    def count(self, step_count: int) -> int | None:
        """Return the number in the original of a step of the test; None for a repeated contact check."""
        return original_count(self.original, self.base, self.segment, step_count)

    def nearest(self, step_count: int) -> int:
        """Return the number of a step in the original, also of one that is not in it.

        That is the step at which the test begins, for a repeated contact check, and the last one for a step beyond the
        original, which a jump back at the tester makes.
        """
        own = self.count(step_count)
        return min(max(self.base.begun if own is None else own, 1), length(nest(self.original.steps)))

    def end(self, last: Sample | None) -> Position:
        """Return the position at which the next test of the segment begins, if this one ends with its last sample."""
        return position(self.original, self.base, self.segment, last)


def _leading_checks(segment: CyclingSegment) -> int:
    count = 0
    for step in segment.steps:
        if isinstance(step, Loop) or step.purpose is not Purpose.CHECK:
            break
        count += 1
    return count
