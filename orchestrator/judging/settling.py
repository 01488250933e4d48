"""Decides when a cell has rested long enough for the potentiostat: by a time, and by the drift of its voltage."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.program import MeasurementSegment

# Live voltages are rounded to 0.1 mV (reference neware-ct4008): over five minutes that is 0.02 mV/min.
DRIFT_SPAN_S = 300.0


@dataclass(slots=True)
class Settling:
    """The rest of one cell: its open-circuit voltages, and their drift over the last ``DRIFT_SPAN_S`` or longer."""

    segment: MeasurementSegment
    began_s: float
    _seen: list[tuple[float, float]] = field(default_factory=list)

    def feed(self, now_s: float, voltage_v: float) -> None:
        """Add a reading of the open-circuit voltage."""
        self._seen.append((now_s, voltage_v))
        while len(self._seen) > 2 and now_s - self._seen[1][0] >= DRIFT_SPAN_S:
            del self._seen[0]

    @property
    def voltage_v(self) -> float:
        """The last voltage seen; NaN before the first."""
        return self._seen[-1][1] if self._seen else float("nan")

    @property
    def drift_v_per_min(self) -> float | None:
        """The drift of the voltage, as a magnitude; None before there are enough readings."""
        if not self._seen:
            return None
        (first_s, first_v), (last_s, last_v) = self._seen[0], self._seen[-1]
        return abs(last_v - first_v) / (last_s - first_s) * 60 if last_s - first_s >= DRIFT_SPAN_S else None

    def left_s(self, now_s: float) -> float:
        """Return the remaining seconds of the set rest time."""
        return max(0.0, self.began_s + self.segment.rest_s - now_s)

    def is_settled(self, now_s: float) -> bool:
        """Return whether the set time is over and the voltage, seen lately, drifts less than the limit."""
        drift = self.drift_v_per_min
        is_fresh = bool(self._seen) and now_s - self._seen[-1][0] < DRIFT_SPAN_S
        return self.left_s(now_s) <= 0 and is_fresh and drift is not None and drift < self.segment.drift_v_per_min

    def is_hopeless(self, now_s: float) -> bool:
        """Return whether the voltage has drifted for longer than the recipe allows."""
        return now_s - self.began_s > max(self.segment.settle_max_s, self.segment.rest_s + 2 * DRIFT_SPAN_S)
