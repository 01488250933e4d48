"""Finds shorts of a Li/Cu cell: copper that gives back more lithium than was plated, and overvoltages that collapse.

Plating is a discharge, stripping a charge. The resistance of such a cell has no floor and spans decades between film,
plating and stripping, so that nothing of the rule for Li/Li cells holds here; what holds is the balance of charge. The
lithium on the copper is what was plated less what was stripped. Once all of it has come back the copper rises to the
cutoff within seconds; where it does not, metal carries the current (docs/shorts.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.shorts.cell import StepFacts
from orchestrator.shorts.collapse import Collapse
from orchestrator.shorts.findings import Reason, ShortFinding, ShortKind
from orchestrator.shorts.other_thresholds import PLATING, PlatingThresholds

_STRIP_V = 1.0
_AT_CUTOFF = 0.98


@dataclass(frozen=True, slots=True)
class _Place:
    """A record: time of the run, set current, cycle, charge passed in all and in the step."""

    time_s: float
    set_a: float
    cycle: int
    passed_ah: float
    step_ah: float


class PlatingWatch:
    """The state machine of one run of a Li/Cu cell; charges in ampere-hours.

    The lithium on the copper is unknown (None) where a run begins with a strip, and behind records that are missing.
    """

    def __init__(self, area_cm2: float | None = None, thresholds: PlatingThresholds = PLATING) -> None:
        self._area_cm2, self._thresholds = area_cm2, thresholds
        self._found: list[ShortFinding] = []
        self._collapse = Collapse(thresholds)
        self._step = StepFacts(None)
        self._is_told = self._has_begun = False
        self._lithium_ah: float | None = 0.0
        # What the last strip has left of it: dead from the next one on.
        self._left_ah = 0.0
        self._plated_ah = self._passed_ah = self._step_ah = self._before_ah = 0.0
        self._even = 0
        # The record at which the overvoltage collapsed, and the one at which more had come back than was there.
        self._collapsed: _Place | None = None
        self._over: _Place | None = None
        self._last: tuple[float, float, float, float] | None = None

    def copy(self) -> PlatingWatch:
        """Return a copy of the state; feeding one leaves the other as it is."""
        twin = object.__new__(PlatingWatch)
        twin.__dict__.update(self.__dict__)
        twin._found, twin._collapse = self._found.copy(), self._collapse.copy()
        return twin

    def enter(self, step: StepFacts, *, follows: bool, is_whole: bool = True) -> None:
        """End the step before and begin the next one; ``is_whole``: no record between the two is missing."""
        del follows
        self._end_step()
        if not is_whole:
            self._lithium_ah = None
        self._step, self._last, self._step_ah = step, None, 0.0
        self._before_ah = self._lithium_ah or 0.0
        self._over = None
        self._collapse.enter()

    def feed(self, time_s: float, step_s: float, voltage_v: float, current_a: float) -> None:
        """Judge the next record of the step; one that is no number is left out."""
        if voltage_v != voltage_v or current_a != current_a:
            return
        if current_a and not self._has_begun:
            self._has_begun = True
            if current_a > 0.0:
                # It strips what another run has plated.
                self._lithium_ah = None
        last, self._last = self._last, (time_s, step_s, voltage_v, current_a)
        if last is None:
            return
        charge_ah = 0.5 * (last[3] + current_a) * (step_s - last[1]) / 3600.0
        self._step_ah += charge_ah
        self._passed_ah += abs(charge_ah)
        if charge_ah < 0.0:
            self._plated_ah -= charge_ah
        if self._lithium_ah is not None:
            self._lithium_ah -= charge_ah
        if self._is_told or self._step.is_check:
            return
        if current_a > 0.0:
            self._judge_strip(time_s, voltage_v)
        if self._step.set_a:
            self._judge_collapse(time_s, step_s, voltage_v, current_a)

    def _judge_strip(self, time_s: float, voltage_v: float) -> None:
        """Hold what has come back against what was there."""
        t, lithium = self._thresholds, self._lithium_ah
        if lithium is None:
            return
        over_ah = -lithium
        if over_ah <= 0.0:
            return
        if self._over is None:
            self._over = self._here(time_s)
        needed_ah = max(t.over * self._plated_ah, t.least_ah_per_cm2 * (self._area_cm2 or 1.0))
        cutoff_v = self._step.cutoff_v if self._step.cutoff_v is not None else _STRIP_V
        if over_ah > needed_ah and voltage_v < t.low * cutoff_v:
            self._tell_hard(Reason.OVERDRAWN, time_s)

    def _judge_collapse(self, time_s: float, step_s: float, voltage_v: float, current_a: float) -> None:
        collapse = self._collapse
        kind = collapse.feed(time_s, step_s, voltage_v, current_a)
        if self._collapsed is None and collapse.since_s is not None:
            self._collapsed = self._here(time_s)
        if kind is ShortKind.HARD:
            self._tell_hard(Reason.METAL_STEP, time_s)
        elif kind is not None and self._collapsed is not None:
            self._tell(kind, self._collapsed, time_s, None, self._seen_collapse())
        if kind is ShortKind.DEEP_SOFT:
            collapse.close()
            self._collapsed = None

    def _here(self, time_s: float) -> _Place:
        step = self._step
        return _Place(time_s, step.set_a or 0.0, step.cycle, self._passed_ah, abs(self._step_ah))

    def _seen_collapse(self) -> str:
        collapse = self._collapse
        return f"overvoltage from {collapse.before_v * 1e3:.3g} to {collapse.after_v * 1e3:.3g} mV"

    def _end_step(self) -> None:
        """Judge how a strip ended, and what it has left on the copper."""
        last, lithium, t = self._last, self._lithium_ah, self._thresholds
        cutoff_v = self._step.cutoff_v
        if last is None or self._step_ah <= 0.0 or self._step.is_check:
            return
        is_cut = cutoff_v is not None and last[2] >= _AT_CUTOFF * cutoff_v
        if is_cut:
            self._even = 0
            if lithium is None:
                self._lithium_ah = self._left_ah = self._plated_ah = 0.0
            elif self._step_ah >= t.emptied * (self._before_ah - self._left_ah):
                # What it has left may still come back; what was left before it is dead.
                self._lithium_ah = self._left_ah = max(0.0, lithium - self._left_ah)
                self._plated_ah = 0.0
        elif cutoff_v is not None and lithium is not None and not self._is_told and self._plated_ah > 0.0:
            self._judge_even(last, lithium)

    def _judge_even(self, last: tuple[float, float, float, float], lithium_ah: float) -> None:
        t = self._thresholds
        # Of what the strip before has left little is alive, unless it was cut off early.
        dead_ah = min(self._left_ah, t.over * self._plated_ah)
        if lithium_ah - dead_ah > (1.0 - t.even) * self._plated_ah:
            self._even = 0
            return
        self._even += 1
        if self._even >= t.even_in_a_row:
            self._tell_hard(Reason.OVERDRAWN, last[0])
        else:
            since = self._over or self._here(last[0])
            self._tell(ShortKind.SOFT_SUSPECTED, since, last[0], None, self._seen_strip())

    def _seen_strip(self) -> str:
        came_mah, there_mah = self._step_ah * 1e3, self._before_ah * 1e3
        return f"{came_mah:.4g} mAh came back of {there_mah:.4g} mAh on the copper, below the cutoff: it began before"

    def _tell_hard(self, reason: Reason, told_s: float) -> None:
        self._is_told = True
        if self._collapsed is not None:
            self._tell(ShortKind.HARD, self._collapsed, told_s, reason, self._seen_collapse())
        else:
            self._tell(ShortKind.HARD, self._over or self._here(told_s), told_s, reason, self._seen_strip())

    def _tell(self, kind: ShortKind, since: _Place, told_s: float, reason: Reason | None, seen: str) -> None:
        self._found.append(
            ShortFinding(
                kind=kind,
                time_s=since.time_s,
                told_s=told_s,
                cycle=since.cycle,
                current_a=since.set_a,
                density_a_per_cm2=None if self._area_cm2 is None else abs(since.set_a) / self._area_cm2,
                charge_ah=since.passed_ah,
                step_charge_ah=since.step_ah,
                before_ohm=None,
                after_ohm=0.0,
                reason=reason,
                seen=seen,
            )
        )

    def finish(self) -> None:
        """Judge the last step at the end of the run."""
        self._end_step()
        self._last = None

    def take(self) -> list[ShortFinding]:
        """Return the findings since the last call."""
        found, self._found = self._found, []
        return found
