"""Doubts a Li/Li cell whose half-cycles show no transient at all: metal may carry its current.

A cell that has none from its first half-cycle on may have been shunted before. One that lost its transients, and nearly
all of its resistance with them, may have been shunted so slowly that no fall was sudden.
"""

from __future__ import annotations

from orchestrator.shorts.cell import StepFacts
from orchestrator.shorts.findings import ShortFinding, ShortKind
from orchestrator.shorts.thresholds import DEFAULT, Thresholds

# So many half-cycles, of which both directions, are looked at: by then a sound cell has shown its gradient.
_STEPS = 4
# Spread and fast step of a neat half-cycle lie within this part of its end.
_NEAT = 0.04
# In a shorter half-cycle no gradient has to form.
_LEAST_S = 600.0
# Highest and lowest of some hundred records lie six times their noise apart.
_NOISES = 6.0


class Neatness:
    """Looks at four half-cycles in a row, both ways; it asks a question once and never gives a verdict.

    ``noise_v`` is the tester's. At the level of a lithium thread noise may hide what is neat: there it is allowed for.
    """

    def __init__(self, area_cm2: float | None = None, thresholds: Thresholds = DEFAULT) -> None:
        self._area_cm2 = area_cm2
        self._thresholds = thresholds
        self.noise_v = thresholds.noise_v
        self._found: list[ShortFinding] = []
        self._is_over = self._is_judged = False
        self._signs: set[bool] = set()
        self._count = 0
        # The highest level of a step that had transients; 0 before the first one.
        self._lively_ohm = 0.0
        self._step = StepFacts(None)
        self._low = self._high = self._last = self._at_s = self._step_s = 0.0
        self._fast: float | None = None
        # Charge of all steps, and what is told of a first neat one: time, cycle, set current and charge before it.
        self._charge_ah = 0.0
        self._first = (0.0, 0, 0.0, 0.0)

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
        set_a = self._step.set_a or 0.0
        if self._step_s < _LEAST_S or not self._is_neat(abs(set_a)):
            self._count = 0
            self._signs.clear()
            if self._step_s >= _LEAST_S:
                self._lively_ohm = max(self._lively_ohm, self._last)
        elif self._is_low():
            if not self._count:
                self._first = self._at_s - self._step_s, self._step.cycle, set_a, self._charge_ah
            self._count += 1
            self._signs.add(set_a > 0.0)
            if self._count >= _STEPS and len(self._signs) == 2:
                self._is_over = True
                self._tell()
        self._charge_ah += abs(set_a) * self._step_s / 3600.0

    def _is_neat(self, size_a: float) -> bool:
        noise_ohm = _NOISES * self.noise_v / size_a if self._last <= self._thresholds.thread_ohm else 0.0
        most = max(_NEAT * self._last, min(noise_ohm, self._thresholds.moving_part * self._last))
        fast = self._fast
        return self._high - self._low <= most and fast is not None and abs(fast - self._last) <= most

    def _is_low(self) -> bool:
        """Return whether the cell had no transients from the first step on, or has lost nearly all that it had."""
        t, before = self._thresholds, self._lively_ohm
        return not before or self._last <= min(t.thread_ohm, t.first_fall * before)

    def _tell(self) -> None:
        time_s, cycle, set_a, charge_ah = self._first
        self._found.append(
            ShortFinding(
                kind=ShortKind.CREPT if self._lively_ohm else ShortKind.DOUBTFUL,
                time_s=time_s,
                told_s=self._at_s,
                cycle=cycle,
                current_a=set_a,
                density_a_per_cm2=None if self._area_cm2 is None else abs(set_a) / self._area_cm2,
                charge_ah=charge_ah,
                step_charge_ah=0.0,
                before_ohm=self._lively_ohm or None,
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
