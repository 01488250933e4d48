"""Sudden changes inside a step of a Li/Li cell, and the resistances of a step with which the next one is compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

_VALUES = 128
_LAST = 3


@dataclass(frozen=True, slots=True)
class Edge:
    """A sudden change inside a step: run time, time in the step, set current, relative size (a fall is negative).

    ``charge_ah`` is what all steps before its own have passed.
    """

    time_s: float
    step_s: float
    step: int
    set_a: float
    cycle: int
    size: float
    before_ohm: float
    after_ohm: float
    charge_ah: float


@dataclass(slots=True)
class StepProfile:
    """The resistances of a step, evenly in time and at most 128 of them; the next value is ``due_s``."""

    due_s: float = 0.0
    stride_s: float = 30.0
    values: list[tuple[float, float]] = field(default_factory=list)

    def copy(self) -> StepProfile:
        """Return a copy that shares nothing that changes."""
        return StepProfile(self.due_s, self.stride_s, self.values.copy())

    def add(self, step_s: float, ohm: float) -> None:
        """Add the value that is due."""
        self.values.append((step_s, ohm))
        if len(self.values) == _VALUES:
            self.values = self.values[::2]
            self.stride_s *= 2.0
        self.due_s = step_s + self.stride_s

    def end(self) -> float | None:
        """Return the middle of the last values in ohm; None for too short a step."""
        if len(self.values) < _LAST:
            return None
        return sorted(ohm for _, ohm in self.values[-_LAST:])[_LAST // 2]

    def fall(self, from_s: float, to_s: float) -> float:
        """Return the largest fall between two values next to each other in a span, as a part of the level above."""
        within = [ohm for at_s, ohm in self.values if from_s <= at_s <= to_s]
        return max((1.0 - b / a for a, b in pairwise(within) if a > 0.0), default=0.0)
