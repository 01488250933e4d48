"""Segments with nested loops, drawn at random, and the order of their steps found another way than by counting."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import strategies as st

from protocols import (
    Ceiling,
    ConstantCurrent,
    CyclingSegment,
    Limits,
    Loop,
    Place,
    Purpose,
    Record,
    Rest,
    Step,
    Until,
    VoltageBand,
)

BAND = VoltageBand(-1.0, 1.0)
CHECKS = (
    ConstantCurrent(0.001, Until(time_s=5.0, voltage_v=0.5), Ceiling(capacity_ah=2e-6), purpose=Purpose.CHECK),
    ConstantCurrent(-0.001, Until(time_s=5.0, voltage_v=-0.5), Ceiling(capacity_ah=2e-6), purpose=Purpose.CHECK),
)


def segment_of(*steps: Step) -> CyclingSegment:
    """Give a segment with these steps."""
    return CyclingSegment(steps, Record(every_s=10.0), Limits(BAND, BAND, BAND, 1.0, 1.1, 1.2))


def unrolled(steps: Sequence[Step]) -> list[Place]:
    """Give what ``flow`` should: loops unrolled by recursion, a cycle more wherever a number does not rise."""

    def block(first: int, last: int) -> list[int]:
        out: list[int] = []
        for number in range(first, last + 1):
            step = steps[number - 1]
            out += block(step.back_to, number - 1) * (step.times - 1) if isinstance(step, Loop) else [number]
        return out

    numbers = block(1, len(steps))
    cycles = [1]
    for before, after in pairwise(numbers):
        cycles.append(cycles[-1] + (after <= before))
    return [Place(number, cycle) for number, cycle in zip(numbers, cycles, strict=True)]


@st.composite
def segments(draw: st.DrawFn, most: int = 2) -> CyclingSegment:
    """Draw up to ``most`` steps or loops in a row, up to three loops deep, some behind a contact check.

    Steps end by time alone, on the tester's grid of 0.1 s, and no two are alike.
    """
    steps: list[Step] = list(CHECKS) if draw(st.booleans()) else []
    _fill(draw, steps, 0, most)
    return segment_of(*steps)


def _fill(draw: st.DrawFn, steps: list[Step], depth: int, most: int) -> None:
    for _ in range(draw(st.integers(1, most))):
        if depth < 3 and draw(st.booleans()):
            back_to = len(steps) + 1
            _fill(draw, steps, depth + 1, most)
            steps.append(Loop(back_to, draw(st.integers(1, 3))))
            continue
        until = Until(time_s=draw(st.integers(1, 50)) / 10)
        if draw(st.booleans()):
            steps.append(Rest(until, record=Record(every_s=float(len(steps)))))
        else:
            current_a = draw(st.sampled_from((1, -1))) * (len(steps) + 1) / 1000
            steps.append(ConstantCurrent(current_a, until, Ceiling(capacity_ah=1.0)))
