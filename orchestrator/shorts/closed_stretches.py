"""Low stretches of a Li/Li cell that have closed, and what they tell of the next one."""

from __future__ import annotations

from orchestrator.shorts.soft_thresholds import SOFT
from orchestrator.shorts.stretch import Stretch
from orchestrator.shorts.thresholds import Thresholds

_KEPT = 4


class ClosedStretches:
    """The last stretch that closed, and where in their steps the last deep soft shorts lay."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._last: Stretch | None = None
        # Number of the powered step, its signed current, time in the step in seconds.
        self._deep: list[tuple[int, float, float]] = []

    def copy(self) -> ClosedStretches:
        """Return a copy that shares nothing that changes."""
        twin = ClosedStretches(self._thresholds)
        twin._last, twin._deep = self._last, self._deep.copy()
        return twin

    def forget(self) -> None:
        """Forget the last stretch: what it began has ended."""
        self._last = None

    def keep(self, stretch: Stretch, now_s: float) -> None:
        """Keep a stretch that closes now, with its begin in the one before if only a contact had opened in between."""
        if stretch.recent:
            self.date(stretch)
            stretch.back_s = now_s
            self._last = stretch

    def date(self, stretch: Stretch) -> None:
        """Begin a stretch where the last one began, if it fell to the same level soon after that closed."""
        last, t = self._last, self._thresholds
        if last is not None and stretch.opened_s - last.back_s <= t.blip_s:
            stretch.date_as(last, max(t.same_part * stretch.level(), t.slight * stretch.before))

    def recurs(self, stretch: Stretch, powered: int) -> bool:
        """Return whether one of the last steps of this direction fell at the same time: the shape of the deposit.

        ``powered`` is the number of the powered step.
        """
        near_s = max(SOFT.near_s, SOFT.near_part * stretch.since_step_s)
        recurs = any(
            0 < powered - number <= SOFT.twin_steps
            and set_a * stretch.set_a > 0.0
            and abs(step_s - stretch.since_step_s) <= near_s
            for number, set_a, step_s in self._deep
        )
        self._deep = [*self._deep[1 - _KEPT :], (powered, stretch.set_a, stretch.since_step_s)]
        return recurs
