"""The drift of a resting cell's voltage, by a straight line through the records of a window.

The window is as long as a drift needs to move the voltage by what a tester resolves, so that noise is not taken for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

RESOLVED_V = 0.0005
"""A drift is looked for over the time in which it moves the voltage by so much: a few counts of a 5 V range."""
LEAST_WINDOW_S = 60.0
MOST_WINDOW_S = 7200.0
_LEAST_RECORDS = 3


def window_s(drift_v_per_h: float) -> float:
    """Return over how many seconds a drift (V/h) is looked for.

    >>> window_s(0.001)
    1800.0
    """
    return min(MOST_WINDOW_S, max(LEAST_WINDOW_S, RESOLVED_V / drift_v_per_h * 3600.0))


def drift_v_per_h(times_s: Sequence[float], volts: Sequence[float]) -> float | None:
    """Return the slope of the voltage by least squares, in V/h; None of too few records, or where one is no number.

    >>> round(drift_v_per_h((0.0, 1800.0, 3600.0), (3.400, 3.401, 3.402)), 6)
    0.002
    """
    count = len(times_s)
    if count < _LEAST_RECORDS or not all(map(isfinite, volts)):
        return None
    mean_s, mean_v = sum(times_s) / count, sum(volts) / count
    spread = sum((time_s - mean_s) ** 2 for time_s in times_s)
    if spread <= 0.0:
        return None
    together = sum((t - mean_s) * (v - mean_v) for t, v in zip(times_s, volts, strict=True))
    return together / spread * 3600.0
