"""Watches the last step of a segment for an end that the host orders: a collapse of the voltage, a rest at rest.

The same samples give the same finding again, however they are cut into batches. A step that has ended is not watched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import isfinite

from drivers.interfaces import Sample
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.judging.rest_drift import drift_v_per_h, window_s
from protocols.branches import HostEnd, Watched
from protocols.program import CyclingSegment

IN_A_ROW = 2
"""So many records in a row must show a collapse: one alone may be a spike on the lead."""
_LOOKS = 20
"""A drift is computed so many times in the time of its window."""


class HostEndWatch:
    """Watches one test of a segment; what it finds is found once."""

    def __init__(self, segment: CyclingSegment) -> None:
        self._step = len(segment.steps)
        self._ends = [_Watch(end) for end in segment.ends]
        self._is_found = False

    def feed(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge samples in order, and return the end that they ask for."""
        if not self._ends or self._is_found:
            return []
        for sample in samples:
            if sample.step != self._step or not isfinite(sample.voltage_v):
                continue
            for watch in self._ends:
                value = watch.value(sample)
                if value is not None:
                    self._is_found = True
                    return [_finding(watch.end, value, sample)]
        return []


class _Watch:
    """One end, with what it has to remember of the step."""

    def __init__(self, end: HostEnd) -> None:
        self.end = end
        self._largest_v = 0.0
        self._in_a_row = 0
        self._window_s = window_s(end.below) if end.watched is Watched.REST_DRIFT else 0.0
        self._kept: deque[tuple[float, float]] = deque()
        self._looked_s = 0.0

    def value(self, sample: Sample) -> float | None:
        """Return the watched value where a sample asks for the end of the step, else None."""
        if sample.step_time_s < self.end.after_s:
            return None
        if self.end.watched is Watched.REST_DRIFT:
            return self._drift(sample)
        value = abs(sample.voltage_v)
        if self.end.watched is Watched.COLLAPSE:
            self._largest_v = max(self._largest_v, value)
            value = value / self._largest_v if self._largest_v > 0 else 1.0
        self._in_a_row = self._in_a_row + 1 if value < self.end.below else 0
        return value if self._in_a_row >= IN_A_ROW else None

    def _drift(self, sample: Sample) -> float | None:
        self._kept.append((sample.step_time_s, sample.voltage_v))
        while len(self._kept) > 1 and self._kept[1][0] <= sample.step_time_s - self._window_s:
            self._kept.popleft()
        is_full = sample.step_time_s - self._kept[0][0] >= self._window_s
        if not is_full or sample.step_time_s - self._looked_s < self._window_s / _LOOKS:
            return None
        self._looked_s = sample.step_time_s
        drift = drift_v_per_h([at_s for at_s, _ in self._kept], [volts for _, volts in self._kept])
        return abs(drift) if drift is not None and abs(drift) < self.end.below else None


def _finding(end: HostEnd, value: float, sample: Sample) -> Finding:
    data = {"watched": end.watched.value, "value": value, "below": end.below, "step_time_s": sample.step_time_s}
    message = f"{end.held_told(value)}, {sample.step_time_s / 3600:.2f} h into the step"
    return Finding(FindingKind.HOST_END, Action.END_SEGMENT, message, sample.time_s, data)
