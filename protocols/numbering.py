"""Loops of a program's flat step list: which are sound, how deep they nest, how often a step is executed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from protocols.program import Loop, Step


def loops(steps: Sequence[Step]) -> Iterator[tuple[int, Loop]]:
    """Give each loop with its own step number."""
    return ((number, step) for number, step in enumerate(steps, 1) if isinstance(step, Loop))


def executions(steps: Sequence[Step], number: int) -> int:
    """Tell how often step ``number`` is executed in a whole run, by the loops around it."""
    return prod(loop.times for own, loop in loops(steps) if loop.back_to <= number < own)


def depth(steps: Sequence[Step]) -> int:
    """Tell how deep loops nest: 0 without loops."""
    spans = [(loop.back_to, own) for own, loop in loops(steps)]
    return max((sum(first <= inner and own >= last for first, own in spans) for inner, last in spans), default=0)


def crossings(steps: Sequence[Step]) -> list[tuple[int, int]]:
    """Give the pairs of loops, by step number, of which each holds a part of the other."""
    spans = [(loop.back_to, own) for own, loop in loops(steps)]
    return [(own, later) for first, own in spans for start, later in spans if first < start <= own < later]
