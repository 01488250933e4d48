"""Restores the digits of time that a text file's short numbers lost (reference chi660e, 9.3).

With four figures a time of ten hours is known to ten seconds, so that rows recorded every second bear equal times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise

# Half a unit of the fourth figure, and a little.
_FIGURES = 0.00051


def rebuilt(printed_s: Sequence[float], interval_s: float) -> tuple[float, ...]:
    """Return strictly rising times for printed ones: those of the interval's grid, if they fit the printed digits.

    The program doubles the interval when its memory is full, so multiples by powers of two are tried. Where no even
    grid fits, equal times are spread evenly to the next one. Raises ValueError for times that fall.
    """
    if any(later < earlier for earlier, later in pairwise(printed_s)):
        raise ValueError("times fall")
    for doubling in range(12):
        step_s = interval_s * 2**doubling
        even = _even(printed_s, step_s)
        if even is not None:
            return even
    return _spread(printed_s, interval_s)


def _even(printed_s: Sequence[float], step_s: float) -> tuple[float, ...] | None:
    if not printed_s or not 0 <= printed_s[0] <= step_s * 1.5:
        return None
    start = round(printed_s[0] / step_s)
    even = tuple((start + n) * step_s for n in range(len(printed_s)))
    fits = all(
        abs(seen - meant) <= _FIGURES * meant + 0.02 * step_s for seen, meant in zip(printed_s, even, strict=True)
    )
    return even if fits else None


def _spread(printed_s: Sequence[float], interval_s: float) -> tuple[float, ...]:
    runs = [(value, len(list(group))) for value, group in groupby(printed_s)]
    ends = [value for value, _ in runs[1:]] + [runs[-1][0] + interval_s * runs[-1][1]]
    return tuple(
        value + (end - value) * n / count for (value, count), end in zip(runs, ends, strict=True) for n in range(count)
    )


def spacing_s(times_s: Sequence[float], interval_s: float) -> float:
    """Return the distance of the last two rows, the interval where there is only one."""
    return times_s[-1] - times_s[-2] if len(times_s) > 1 else max(interval_s, times_s[-1])


def covers(times_s: Sequence[float], duration_s: float, interval_s: float) -> bool:
    """Return whether rows reach the end of a measurement: the last one that fits into the duration is there."""
    step_s = spacing_s(times_s, interval_s)
    last_s = math.floor(duration_s / step_s + 1e-6) * step_s
    return times_s[-1] >= last_s - 0.5 * step_s - _FIGURES * last_s * (step_s != interval_s)
