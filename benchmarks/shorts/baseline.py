"""The rule that cellrig had before: three half-cycles below 0.35 of the median of the ten before."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from statistics import median

from benchmarks.shorts.recording import RecordedStep

_HISTORY, _RATIO, _IN_A_ROW = 10, 0.35, 3


class HalfCycleRule:
    """Judges whole half-cycles; ``hard_s`` is the run time since which it takes the cell for shorted."""

    def __init__(self) -> None:
        self.hard_s: float | None = None
        self._healthy: dict[float, deque[float]] = {}
        self._shorted: list[float] = []

    def feed(self, done: RecordedStep) -> None:
        """Judge a step."""
        if self.hard_s is not None or not done.set_a or done.step.is_check or not done.records:
            return
        history = self._healthy.setdefault(abs(done.set_a), deque(maxlen=_HISTORY))
        seen = _resistance_ohm(done)
        if len(history) == _HISTORY and seen < _RATIO * median(history):
            self._shorted.append(done.records[0][0])
            if len(self._shorted) == _IN_A_ROW:
                self.hard_s = self._shorted[0]
            return
        self._shorted = []
        history.append(seen)


def _resistance_ohm(done: RecordedStep) -> float:
    half_s = done.records[-1][1] / 2
    tail = [record for record in done.records if record[1] >= half_s]
    volt_s = 0.0
    for a, b in pairwise(tail):
        volt_s += (abs(a[2]) + abs(b[2])) / 2 * (b[1] - a[1])
    lasts_s = tail[-1][1] - tail[0][1]
    volts = volt_s / lasts_s if lasts_s > 0 else abs(tail[-1][2])
    return volts / abs(done.set_a)
