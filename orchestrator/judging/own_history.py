"""Tells a value of a run that rises above the run's own: within a few half-cycles, or over the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from orchestrator.judging.trouble_thresholds import BASELINE, DEVIATION, IN_A_ROW, LEAST_RECENT, RECENT, SCATTER


@dataclass(frozen=True, slots=True)
class Rise:
    """A rise to ``now``, the last value, from ``before``; ``is_slow``: over the whole run, from its beginning."""

    before: float
    now: float
    is_slow: bool

    @property
    def factor(self) -> float:
        """How many times as large the value is."""
        return self.now / self.before


@dataclass(frozen=True, slots=True)
class OwnHistory:
    """The earlier values of one quantity under the same conditions: those of the run's beginning, and the last ones.

    ``first`` has the value in which surfaces form as its first.
    """

    first: tuple[float, ...] = ()
    recent: tuple[float, ...] = ()

    def with_value(self, value: float) -> OwnHistory:
        """Return the history with one more value."""
        first = self.first if len(self.first) > BASELINE else (*self.first, value)
        return OwnHistory(first, (*self.recent, value)[-RECENT - IN_A_ROW :])

    def rise(self, fast: float, slow: float, least: float) -> Rise | None:
        """Return the rise that the last values show in a row, by a factor and by ``least``; None for none."""
        now, before = self.recent[-IN_A_ROW:], self.recent[:-IN_A_ROW]
        if len(before) < LEAST_RECENT:
            return None
        lowest, usual = min(now), median(before)
        scatter = DEVIATION * median(abs(value - usual) for value in before)
        if lowest > fast * usual and lowest - usual > max(least, SCATTER * scatter):
            return Rise(usual, now[-1], is_slow=False)
        if len(self.first) > BASELINE:
            begun = median(self.first[1:])
            if lowest > slow * begun and lowest - begun > least:
                return Rise(begun, now[-1], is_slow=True)
        return None
