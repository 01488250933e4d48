"""The tester's zero and noise as a rest shows them, and medians of records where noise hides single ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import sqrt

from orchestrator.shorts.thresholds import Thresholds

# Standard deviation of normal noise in the median of its magnitudes.
SCATTER_OF_MEDIAN = 1.48
ZERO_RECORDS = 5
NOISE_RECORDS = 24
_LEAST_DIFFERENCES = 8
_LEAST_KEPT = 24
# Variance of a median in that of a mean: pi / 2 for normal noise.
_MEDIAN_VARIANCE = 1.6
# Records that may show two levels: two of each.
_LEAST_FOR_LEVELS = 4
# What is too small a difference for a step of a converter: rounding of decimal numbers.
_ROUNDING_V = 1e-9


def measured_noise_v(rest_v: Sequence[float], t: Thresholds) -> float:
    """Return the noise of one record in volts, from successive records of a rest, so that a slow drift adds little.

    Never above ``noise_v`` nor below ``least_noise_v``. A converter whose steps hide the noise adds half a step; where
    no two records differ, nothing is known of it.
    """
    differences = [abs(b - a) for a, b in pairwise(rest_v)]
    steps = [size for size in differences if size > _ROUNDING_V]
    if len(differences) < _LEAST_DIFFERENCES or not steps:
        return t.noise_v
    variance = sum(size * size for size in differences) / (2.0 * len(differences))
    seen = max(t.noise_factor * sqrt(variance), 0.5 * min(steps))
    return min(t.noise_v, max(t.least_noise_v, seen))


class Smoothing:
    """The median of the last ``count`` records of a step, of twice as many it keeps times and values in ohm."""

    __slots__ = ("_records", "count")

    def __init__(self, noise_part: float, t: Thresholds) -> None:
        """Take as many records as make the noise, given as a part of what is compared, ``judged_noise`` or less."""
        self.count = 1
        if noise_part > t.judged_noise:
            self.count = min(int(_MEDIAN_VARIANCE * (noise_part / t.judged_noise) ** 2) + 1, t.most_smoothed)
        self._records: deque[tuple[float, float]] = deque(maxlen=max(2 * self.count, _LEAST_KEPT))

    def copy(self) -> Smoothing:
        """Return a copy that shares nothing that changes."""
        twin = object.__new__(Smoothing)
        twin.count, twin._records = self.count, self._records.copy()
        return twin

    @property
    def is_full(self) -> bool:
        """Whether as many records as are wanted have come."""
        return len(self._records) >= self.count

    def take(self, time_s: float, ohm: float) -> float:
        """Add a record, and return the median."""
        records = self._records
        records.append((time_s, ohm))
        values = [value for _, value in records]
        if len(values) > self.count:
            del values[: -self.count]
        values.sort()
        return values[len(values) // 2]

    def fell_s(self) -> float | None:
        """Return the time of the record at which two levels describe the kept ones best; None for too few records."""
        values = [ohm for _, ohm in self._records]
        count = len(values)
        if count < _LEAST_FOR_LEVELS:
            return None
        sums = list(accumulate(values))
        total = sums[-1]

        def explained(split: int) -> float:
            """Give what two levels explain of the squares, and nothing where it rises."""
            before, after = sums[split - 1] / split, (total - sums[split - 1]) / (count - split)
            return before * before * split + after * after * (count - split) if before > after else -1.0

        return self._records[max(range(1, count), key=explained)][0]
