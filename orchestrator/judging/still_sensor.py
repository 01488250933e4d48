"""Judges whether a sensor shows one value to the last digit while the heater's output is changed.

Pure: fed with readings in order of time. Such a sensor may be frozen: no run begins on its word, though it takes an
hour beside the set point until that is told as a fault (docs/ovens.md).
"""

from __future__ import annotations

_STILL_S = 300.0
_STILL_PERCENT = 2.0
# Over hours the output of a well oven that shows one value moves with the room: it is looked at anew.
_ANEW_S = 1800.0


class StillSensor:
    """One sensor; ``stands_still`` is true from when it may be frozen until it moves."""

    def __init__(self) -> None:
        self.stands_still = False
        # What it shows without moving by a digit: the value, since when, and the lowest and highest output meanwhile.
        self._still: tuple[float, float, float, float] | None = None

    def feed(self, degc: float, output_percent: float | None, unix_s: float) -> None:
        """Add a reading."""
        output = 0.0 if output_percent is None else output_percent
        before = self._still
        if before is None or before[0] != degc:
            self.stands_still, before = False, None
        if before is None or (unix_s - before[1] > _ANEW_S and not self.stands_still):
            before = degc, unix_s, output, output
        _, since, low, high = before
        self._still = degc, since, min(low, output), max(high, output)
        self.stands_still |= unix_s - since > _STILL_S and max(high, output) - min(low, output) > _STILL_PERCENT
