"""Watches one run of a Li/Li cell for shorts of every kind: records go to both rules, findings come in one list.

>>> from orchestrator.shorts import ShortWatch, StepFacts, SymmetricCell
>>> watch = ShortWatch(SymmetricCell(area_cm2=0.785))
>>> watch.enter(StepFacts(set_a=1e-4, cycle=1), follows=False)
>>> for second in range(0, 7200, 30):
...     watch.feed(second, second, 0.03 if second < 3600 else 0.0004, 1e-4)
>>> [(found.kind.value, round(found.time_s)) for found in watch.take() if found.kind is ShortKind.HARD]
[('hard short', 3600)]
"""

from __future__ import annotations

from math import isnan

from orchestrator.shorts.cell import StepFacts, SymmetricCell
from orchestrator.shorts.findings import ShortFinding, ShortKind
from orchestrator.shorts.hard import HardShortWatch
from orchestrator.shorts.neatness import Neatness
from orchestrator.shorts.smoothing import NOISE_RECORDS, ZERO_RECORDS, measured_noise_v
from orchestrator.shorts.soft import SoftShortWatch
from orchestrator.shorts.thresholds import DEFAULT, Thresholds


class ShortWatch:
    """Both rules on one run; it can be copied, and is restored by feeding it the same records again.

    Findings of soft shorts are left out from a hard one on.
    """

    def __init__(self, cell: SymmetricCell, thresholds: Thresholds = DEFAULT) -> None:
        self._thresholds = thresholds
        self._hard = HardShortWatch(cell, thresholds)
        self._soft = SoftShortWatch(cell.area_cm2)
        self._neat = Neatness(cell.area_cm2, thresholds)
        self._step = StepFacts(None)
        self._is_soft_judged = False
        # The voltages at the end of the rest in front of the first current.
        self._rest: list[float] | None = []
        self._rest_s = 0.0

    def copy(self) -> ShortWatch:
        """Return a copy of the state; feeding one leaves the other as it is."""
        twin = object.__new__(ShortWatch)
        twin.__dict__.update(self.__dict__)
        twin._hard, twin._soft, twin._neat = self._hard.copy(), self._soft.copy(), self._neat.copy()
        twin._rest = None if self._rest is None else self._rest.copy()
        return twin

    def __deepcopy__(self, memo: object) -> ShortWatch:
        """Copy it in the one way in which it is copied."""
        return self.copy()

    def enter(self, step: StepFacts, *, follows: bool, is_whole: bool = True) -> None:
        """Begin the next step; ``follows``: it came directly behind the one before, in the same test.

        Records that are missing in between (not ``is_whole``) are a gap, and levels outlast it.
        """
        del is_whole
        is_powered = bool(step.set_a) and not step.is_check
        if is_powered and self._rest is not None:
            self._set_zero()
        if step.set_a == 0.0 and self._rest is not None:
            self._rest, self._rest_s = [], 0.0
        self._step = step
        self._hard.enter(step, follows=follows)
        self._settle()
        self._soft.enter(step)
        self._neat.enter(step)
        self._is_soft_judged = is_powered

    def _set_zero(self) -> None:
        """Take the tester's zero and noise from the end of the rest in front of the first current."""
        t, rest = self._thresholds, self._rest or []
        if len(rest) >= 2 and self._rest_s >= t.zero_rest_s:
            last = rest[-ZERO_RECORDS:]
            zero_v = sum(last) / len(last)
            if abs(zero_v) <= t.zero_v:
                self._hard.zero_v = zero_v
            self._hard.noise_v = self._soft.noise_v = self._neat.noise_v = measured_noise_v(rest, t)
        self._rest = None

    def feed(self, time_s: float, step_s: float, voltage_v: float, current_a: float) -> None:
        """Judge the next record of the step; one that is no number is left out."""
        if voltage_v != voltage_v or current_a != current_a:
            return
        if self._rest is not None and self._step.set_a == 0.0:
            self._rest_s = step_s
            self._rest = [*self._rest[1 - NOISE_RECORDS :], voltage_v]
        hard = self._hard
        hard.feed(time_s, step_s, voltage_v, current_a)
        if hard.closed_as is not None:
            self._settle()
        if self._is_soft_judged and current_a and not hard.is_told:
            ohm = (voltage_v - hard.zero_v) / current_a
            self._soft.feed(time_s, step_s, ohm)
            if not hard.is_low:
                self._neat.feed(time_s, step_s, ohm, hard.fast_ohm)

    def _settle(self) -> None:
        """Pass on how a low stretch has closed: what was suspected at its begin is told already, or was a contact."""
        kind, self._hard.closed_as = self._hard.closed_as, None
        if kind is ShortKind.MENDED:
            self._soft.mend()
        elif kind is ShortKind.DEEP_SOFT:
            self._soft.settle()

    def feed_intercept(self, ohm: float) -> None:
        """Use the high-frequency intercept of a spectrum for the floor from here on."""
        if not isnan(ohm):
            self._hard.feed_intercept(ohm)

    def finish(self) -> None:
        """Judge what is open at the end of the run."""
        self._hard.finish()

    def take(self) -> list[ShortFinding]:
        """Return the findings since the last call, in the order in which they were given."""
        hard, soft, neat = self._hard.take(), self._soft.take(), self._neat.take()
        if self._hard.is_told:
            since = [found.time_s for found in hard if found.kind is ShortKind.HARD]
            soft = [found for found in soft if since and found.told_s < since[0]]
            neat = []
        return sorted([*hard, *soft, *neat], key=lambda found: found.told_s)
