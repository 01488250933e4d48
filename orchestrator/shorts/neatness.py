"""Doubts a Li/Li cell whose first half-cycles show no transient at all: it may have been shunted from the start."""

from __future__ import annotations

from orchestrator.shorts.cell import StepFacts
from orchestrator.shorts.findings import ShortFinding, ShortKind

# So many half-cycles, of which both directions, are looked at: by then a sound cell has shown its gradient.
_STEPS = 4
# Spread and fast step of a neat half-cycle lie within this part of its end.
_NEAT = 0.04
# In a shorter half-cycle no gradient has to form.
_LEAST_S = 600.0


class Neatness:
    """Looks at the first four half-cycles, both ways; it asks a question once and never gives a verdict."""

    def __init__(self, area_cm2: float | None = None) -> None:
        self._area_cm2 = area_cm2
        self._found: list[ShortFinding] = []
        self._is_over = self._is_judged = False
        self._signs: set[bool] = set()
        self._count = 0
        self._step = StepFacts(None)
        self._low = self._high = self._last = self._at_s = self._step_s = 0.0
        self._fast: float | None = None

    def copy(self) -> Neatness:
        """Return a copy of the state."""
        twin = object.__new__(Neatness)
        twin.__dict__.update(self.__dict__)
        twin._found, twin._signs = self._found.copy(), self._signs.copy()
        return twin

    def enter(self, step: StepFacts) -> None:
        """Begin the next step."""
        if self._is_over:
            return
        if self._is_judged and self._last > 0.0:
            self._end_step()
        self._step = step
        self._is_judged = bool(step.set_a) and not step.is_check
        self._last = 0.0

    def _end_step(self) -> None:
        fast = self._fast
        spread = self._high - self._low
        is_neat = spread <= _NEAT * self._last and fast is not None and abs(fast - self._last) <= _NEAT * self._last
        if not is_neat or self._step_s < _LEAST_S:
            self._is_over = True
            return
        self._count += 1
        self._signs.add((self._step.set_a or 0.0) > 0.0)
        if self._count < _STEPS:
            return
        self._is_over = True
        if len(self._signs) == 2:
            self._tell()

    def _tell(self) -> None:
        size_a = abs(self._step.set_a or 0.0)
        self._found.append(
            ShortFinding(
                kind=ShortKind.DOUBTFUL,
                time_s=self._at_s,
                told_s=self._at_s,
                cycle=self._step.cycle,
                current_a=self._step.set_a or 0.0,
                density_a_per_cm2=None if self._area_cm2 is None else size_a / self._area_cm2,
                charge_ah=0.0,
                step_charge_ah=0.0,
                before_ohm=None,
                after_ohm=self._last,
            )
        )

    def feed(self, time_s: float, step_s: float, ohm: float, fast_ohm: float | None) -> None:
        """Add a record of the step."""
        if self._is_over:
            return
        if self._last == 0.0:
            self._low = self._high = ohm
            self._fast = fast_ohm
        elif ohm < self._low:
            self._low = ohm
        elif ohm > self._high:
            self._high = ohm
        self._last, self._at_s, self._step_s = ohm, time_s, step_s

    def take(self) -> list[ShortFinding]:
        """Return the findings since the last call."""
        found, self._found = self._found, []
        return found
