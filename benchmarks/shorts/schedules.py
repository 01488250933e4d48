"""The kinds of test that a Li/Li cell is put through, as lists of steps in absolute units."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

CUTOFF_V = 0.5
CHECK_S, FIRST_REST_S = 5.0, 600.0


class TestKind(StrEnum):
    """The kind of a test."""

    __test__ = False

    CYCLING = "cycling"
    RESTS = "with rests, gaps, resumptions"
    UNEQUAL = "unequal rates"
    RAMP = "critical-current ramps"
    PLATING = "one long plating"


SHARES = {
    TestKind.CYCLING: 0.35,
    TestKind.RESTS: 0.15,
    TestKind.UNEQUAL: 0.15,
    TestKind.RAMP: 0.20,
    TestKind.PLATING: 0.15,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its signed current density in A/cm2, 0 for a rest, and its duration.

    ``gap_s`` passes without records before it: then it begins a new test.
    """

    density: float
    duration_s: float
    cycle: int
    is_check: bool = False
    gap_s: float = 0.0


def log_uniform(draws: random.Random, least: float, most: float) -> float:
    """Draw evenly in the logarithm."""
    return float(least * (most / least) ** draws.random())


def drawn_kind(draws: random.Random) -> TestKind:
    """Draw the kind of a test."""
    return draws.choices(list(SHARES), weights=list(SHARES.values()))[0]


def drawn_test(draws: random.Random, kind: TestKind, density: float) -> list[Step]:
    """Draw a test at a density, in front of it a rest and a contact check."""
    steps = _check(density)
    sign = draws.choice((-1.0, 1.0))
    if kind is TestKind.RAMP:
        return steps + _ramp(draws, sign, density)
    if kind is TestKind.PLATING:
        long_s = draws.choice((5.0, 10.0, 20.0)) * 3600.0
        steps.append(Step(sign * density, long_s, 1))
        if draws.random() < 0.4:
            steps.append(Step(-sign * density, 0.5 * long_s, 1))
        return steps
    half_s = log_uniform(draws, 900.0, 7200.0)
    cycles = int(log_uniform(draws, 6.0, 40.99))
    cycles = max(6, min(cycles, int(30.0 * 3600.0 / half_s)))
    if kind is TestKind.UNEQUAL:
        return steps + _unequal(draws, sign, density, half_s, cycles)
    for cycle in range(1, cycles + 1):
        for direction in (sign, -sign):
            steps.append(Step(direction * density, half_s, cycle))
            if kind is TestKind.RESTS and draws.random() < 0.6:
                steps.append(Step(0.0, log_uniform(draws, 60.0, 1800.0), cycle))
        if kind is TestKind.RESTS and draws.random() < 0.12:
            steps += _check(density, gap_s=log_uniform(draws, 1800.0, 36000.0), cycle=cycle)
    return steps


def _check(density: float, gap_s: float = 0.0, cycle: int = 0) -> list[Step]:
    return [
        Step(0.0, FIRST_REST_S, cycle, gap_s=gap_s),
        Step(density, CHECK_S, cycle, is_check=True),
        Step(-density, CHECK_S, cycle, is_check=True),
    ]


def _ramp(draws: random.Random, sign: float, density: float) -> list[Step]:
    count = draws.randint(8, 18)
    half_s = log_uniform(draws, 300.0, 3600.0)
    factor = draws.uniform(1.15, 1.4)
    linear = draws.random() < 0.5
    steps = []
    for n in range(count):
        size = density * (n + 1) if linear else density * factor**n
        steps += [Step(sign * size, half_s, n + 1), Step(-sign * size, half_s, n + 1)]
    return steps


def _unequal(draws: random.Random, sign: float, density: float, half_s: float, cycles: int) -> list[Step]:
    steps = []
    in_blocks = draws.random() < 0.5
    ratio = log_uniform(draws, 0.25, 3.0)
    for cycle in range(1, cycles + 1):
        factors = (1.0, ratio)
        if in_blocks:
            block = (1.0, 2.0, 4.0, 0.3)[(cycle - 1) * 4 // cycles]
            factors = (block, block)
        for direction, factor in zip((sign, -sign), factors, strict=True):
            steps.append(Step(direction * density * factor, half_s / factor**0.5, cycle))
    return steps


def highest(steps: list[Step]) -> float:
    """Return the largest current density of a test."""
    return max(abs(step.density) for step in steps)
