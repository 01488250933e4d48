"""Li/Li cells drawn by hand, step by step, and fed to the rule for shorts."""

from __future__ import annotations

import math
from collections.abc import Callable

from orchestrator.shorts import ShortFinding, ShortKind, ShortWatch, StepFacts, SymmetricCell

AREA_CM2 = 0.785
CURRENT_A = 1.6e-4
FAST_OHM, GRADIENT_OHM, GRADIENT_S = 120.0, 180.0, 140.0
HALF_S = 3600.0

Ohm = Callable[[float], float]


class Trace:
    """A run of steps; ``at_s`` is the run's time. ``zero_v`` is how far the tester's zero is off."""

    def __init__(self, electrolyte_ohm: float | None = None, zero_v: float = 0.0, every_s: float = 30.0) -> None:
        self.watch = ShortWatch(SymmetricCell(AREA_CM2, 60.0, electrolyte_ohm))
        self.found: list[ShortFinding] = []
        self.at_s = 0.0
        self.cycle = 1
        self.follows = False
        self._zero_v, self._every_s = zero_v, every_s

    def step(self, set_a: float, lasts_s: float, ohm: Ohm, *, is_check: bool = False) -> None:
        """Pass a current for some time; ``ohm`` gives the cell's resistance from the time in the step."""
        cutoff_v = math.copysign(0.5, set_a) if set_a else None
        self.watch.enter(StepFacts(set_a, cutoff_v, self.cycle, is_check), follows=self.follows)
        step_s = 0.0
        while True:
            volts = self._zero_v + (set_a * ohm(step_s) if set_a else 0.0)
            self.watch.feed(self.at_s + step_s, step_s, volts, set_a)
            if step_s >= lasts_s:
                break
            step_s = min(step_s + self._every_s, lasts_s)
        self.at_s += lasts_s
        self.follows = True
        self.found += self.watch.take()

    def rest(self, lasts_s: float = 600.0) -> None:
        """Leave the circuit open."""
        self.step(0.0, lasts_s, lambda _: 0.0)

    def begin(self, ohm: float = FAST_OHM, current_a: float = CURRENT_A) -> None:
        """Rest and check the contact, as every program does."""
        self.rest()
        for sign in (1, -1):
            self.step(sign * current_a, 5.0, lambda _: ohm, is_check=True)

    def cycles(self, count: int, ohm: Ohm, current_a: float = CURRENT_A, half_s: float = HALF_S) -> None:
        """Pass half-cycles both ways."""
        for _ in range(count):
            for sign in (1, -1):
                self.step(sign * current_a, half_s, ohm)
            self.cycle += 1

    def finish(self) -> None:
        """End the run."""
        self.watch.finish()
        self.found += self.watch.take()

    def of(self, kind: ShortKind) -> list[ShortFinding]:
        """Give the findings of one kind."""
        return [found for found in self.found if found.kind is kind]


def sound(factor: float = 1.0, contact_ohm: float = 0.0) -> Ohm:
    """Give a polymer cell behind a reversal: the old gradient drives the new current, then drags it."""

    def ohm(step_s: float) -> float:
        gradient = GRADIENT_OHM * (1.0 - 2.0 * math.exp(-step_s / GRADIENT_S))
        return contact_ohm + factor * (FAST_OHM + gradient)

    return ohm


def first(step_s: float) -> float:
    """Give the same cell in its first half-cycle: no gradient yet, and a spike where plating begins."""
    spike = 60.0 * math.exp(-step_s / 60.0)
    return FAST_OHM + spike + GRADIENT_OHM * (1.0 - math.exp(-step_s / GRADIENT_S))


def then(before: Ohm, at_s: float, after_ohm: float) -> Ohm:
    """Give a cell that another resistance takes the place of, at a time in the step."""
    return lambda step_s: before(step_s) if step_s < at_s else after_ohm


def metal(ohm: float = 3.5) -> Ohm:
    """Give a wire."""
    return lambda _: ohm
