"""The ways through the segments of a program: each leads forward, and ends.

>>> from protocols.branches import Branch, Measure
>>> Ways([_Shown(()), _Shown((Branch(Measure.SHORT, to=3),)), _Shown(()), _Shown(())]).passed_over
frozenset({2})
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite
from typing import Protocol

from protocols.branches import Branch
from protocols.program import CyclingSegment, Segment
from protocols.proof.findings import Rule, unproven


class Leaving(Protocol):
    """What is left by branches: a segment."""

    @property
    def after(self) -> tuple[Branch, ...]:
        """Its branches."""


@dataclass(frozen=True, slots=True)
class _Shown:
    after: tuple[Branch, ...]


class Ways:
    """The ways through segments: where each may lead, and which segments a run may pass over.

    Raises Unproven for a branch that leads back, or nowhere, or that asks for what can never be.
    """

    def __init__(self, segments: Sequence[Leaving]) -> None:
        self._count = len(segments)
        self._leads = [self._of(index, segment) for index, segment in enumerate(segments)]
        # A branch passes over every segment between its own and the one that it leads to.
        furthest = accumulate((leads[-1] for leads in self._leads), max, initial=0)
        self.passed_over = frozenset(
            index for index, reach in zip(range(self._count), furthest, strict=False) if reach > index
        )

    def behind(self, index: int) -> tuple[int, ...]:
        """Give the indices of the segments that may follow a segment; none where only the end does."""
        return tuple(to for to in self._leads[index] if to < self._count)

    def _of(self, index: int, segment: Leaving) -> tuple[int, ...]:
        for branch in segment.after:
            _sound(index, branch, self._count)
        return tuple(sorted({index + 1, *(branch.to for branch in segment.after)}))


def host_ends(where: str, segment: Segment) -> None:
    """See that what the host watches in a segment means something. Raises Unproven."""
    if not isinstance(segment, CyclingSegment):
        return
    for band in (segment.temperature_end, segment.temperature_limit):
        low, high = (None, None) if band is None else (band.low_degc, band.high_degc)
        if any(end is not None and not isfinite(end) for end in (low, high)) or (
            low is not None and high is not None and low >= high
        ):
            raise unproven(Rule.VALUES, where, f"a temperature of {low} to {high} degC", "No temperature is between.")
    for end in segment.ends:
        if not (isfinite(end.below) and end.below > 0 and isfinite(end.after_s) and end.after_s >= 0):
            what = f"watched for a value below {end.below:g} after {end.after_s:g} s"
            raise unproven(Rule.VALUES, where, what, "It is a magnitude: nothing is below zero.")


def _sound(index: int, branch: Branch, count: int) -> None:
    where = f"test {index + 1}"
    if not index < branch.to <= count:
        what = f"goes to test {branch.to + 1} where {branch.told}"
        raise unproven(Rule.WAY, where, what, f"A run goes forward only, to one of {count} tests or to the end.")
    threshold = branch.below if branch.below is not None else branch.above
    if branch.measure.is_number and (threshold is None or not isfinite(threshold)):
        raise unproven(Rule.VALUES, where, f"asks for {branch.told}", "No value is ever compared with that.")
    if not 0 <= branch.since <= index:
        what = f"counts from test {branch.since + 1}"
        raise unproven(Rule.WAY, where, what, "The run has not been there when it asks.")
