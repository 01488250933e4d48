"""Concludes from an oven's readings what its controller does not tell: a frozen sensor, a stuck heater, a door.

Pure: fed with readings in order of time, without a clock or an instrument. The rules are those of reference
smu-and-ovens, section 23; controller's alarms may be configured away (section 24), so that these do without them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from math import inf

from drivers.temperatures import OvenFault, OvenReading

FROZEN_S = 600.0
"""A sensor that works shows another last digit within ten minutes when the heater's output changes."""
FROZEN_OUTPUT_PERCENT = 5.0
FROZEN_BESIDE_K = 0.15
"""A display of tenths shows an oven that has settled as one value for long, while the walls still warm and the output
falls: ten minutes are suspicious only beside the set point, where the output moves because the value does not."""
FROZEN_AT_SET_POINT_S = 3600.0
FINE_K = 0.02
STILL_S = 1800.0
"""Where a value was seen to change by hundredths, the noise of a sensor moves its last digit, whatever the output does.
With noise of a quarter of a digit (standard deviation) in the middle of it a reading is that digit 95 times in 100: 360
in a row, half an hour at a reading in 5 s, are once in 20 million half hours, and with more noise never. A display of
tenths shows a settled oven as one value for days, and is judged so only where the oven's settings give a time."""
STUCK_S = 120.0
STUCK_OUTPUT_PERCENT = 1.0
STUCK_K_PER_MIN = 0.5
"""A heater gives off for about a minute what it holds; rising for two minutes without power is somebody's current."""
DOOR_S = 30.0
DOOR_DROP_K = 3.0
HEATER_OPEN_S = 300.0
HEATER_OPEN_OUTPUT_PERCENT = 95.0
HEATER_OPEN_DROP_K = 0.3
"""What is called falling: three steps of a display of tenths."""
DOOR_LONGEST_S = 1800.0
"""An oven that has not come back half an hour after a door was opened may have another fault, which an open door hides:
it is not told as a door any longer, and whoever tells people says that the heat is not back."""
_KEPT_S = FROZEN_S + 60.0
_LEAST_READINGS = 3


class FaultJudge:
    """Judges one oven. ``feed`` returns the faults that its readings up to now show.

    ``still_s`` is how long its sensor may show one value to the last digit; None is ``STILL_S`` where it was seen to
    change by ``FINE_K`` or less, and any time where not.
    """

    def __init__(self, still_s: float | None = None) -> None:
        self._still_s = still_s
        # The smallest change of the value that was ever seen.
        self._digit_k = inf
        self._kept: deque[OvenReading] = deque()
        # The first of the readings with the present value, and the lowest and highest output since.
        self._same: OvenReading | None = None
        self._outputs: tuple[float, float] | None = None
        # The temperature before a door was opened, and when that was.
        self._before_door: tuple[float, float] | None = None

    def forget(self) -> None:
        """Begin anew, as after a gap in the readings."""
        self._kept.clear()
        self._same = self._outputs = self._before_door = None

    @property
    def _longest_same_s(self) -> float:
        """Return how long one value may be shown, whatever the output does."""
        if self._still_s is not None:
            return self._still_s
        return STILL_S if self._digit_k <= FINE_K else inf

    def feed(self, reading: OvenReading) -> frozenset[OvenFault]:
        """Add a reading and return the faults that are concluded from it and those before it."""
        if reading.temperature_degc is None:
            self.forget()
            return frozenset()
        if self._kept and reading.unix_time_s - self._kept[-1].unix_time_s > HEATER_OPEN_S:
            self.forget()
        self._kept.append(reading)
        while self._kept[0].unix_time_s < reading.unix_time_s - _KEPT_S:
            self._kept.popleft()
        door = self._is_door_open(reading)
        found = {
            OvenFault.SENSOR_FROZEN: self._is_frozen(reading),
            OvenFault.HEATER_STUCK: self._is_stuck(),
            OvenFault.DOOR_OPEN: door,
            # A door takes more than the heater gives.
            OvenFault.HEATER_OPEN: not door and self._does_not_heat(),
        }
        return frozenset(fault for fault, is_there in found.items() if is_there)

    def _is_frozen(self, reading: OvenReading) -> bool:
        """Say whether the value is identical for ten minutes although the output has changed, or for too long."""
        if self._same is None or self._same.temperature_degc != reading.temperature_degc:
            if self._same is not None:
                self._digit_k = min(self._digit_k, round(abs(_degc(reading) - _degc(self._same)), 6))
            self._same, self._outputs = reading, None
        output = reading.output_percent
        if output is not None:
            low, high = self._outputs or (output, output)
            self._outputs = min(low, output), max(high, output)
        low, high = self._outputs or (0.0, 0.0)
        is_beside = abs(_degc(reading) - reading.working_degc) > FROZEN_BESIDE_K
        longest_s = FROZEN_S if is_beside else FROZEN_AT_SET_POINT_S
        same_s = reading.unix_time_s - self._same.unix_time_s
        is_held_against = same_s > longest_s and high - low > FROZEN_OUTPUT_PERCENT
        return is_held_against or same_s > self._longest_same_s

    def _is_stuck(self) -> bool:
        """Say whether the temperature has risen for two minutes while the heater is told to give nothing."""
        span = self._span(STUCK_S, lambda one: (one.output_percent or 0.0) < STUCK_OUTPUT_PERCENT)
        if not span or any(one.output_percent is None for one in span):
            return False
        minutes = (span[-1].unix_time_s - span[0].unix_time_s) / 60.0
        half = span[len(span) // 2]
        late_s = span[-1].unix_time_s - half.unix_time_s
        # The second half too: what a heater still gives off grows less and less.
        return (
            _degc(span[-1]) - _degc(span[0]) > STUCK_K_PER_MIN * minutes
            and _degc(span[-1]) - _degc(half) > STUCK_K_PER_MIN * late_s / 60.0
        )

    def _does_not_heat(self) -> bool:
        """Say whether the temperature has fallen for five minutes at full output."""
        span = self._span(HEATER_OPEN_S, lambda one: (one.output_percent or 0.0) > HEATER_OPEN_OUTPUT_PERCENT)
        if not span:
            return False
        thirds = [_degc(span[len(span) * n // 3]) for n in range(3)] + [_degc(span[-1])]
        return thirds[0] - thirds[-1] > HEATER_OPEN_DROP_K and all(a >= b for a, b in pairwise(thirds))

    def _is_door_open(self, reading: OvenReading) -> bool:
        """Say whether heat is lost as through a door, until it has come back."""
        now = _degc(reading)
        recent = [one for one in self._kept if one.unix_time_s >= reading.unix_time_s - DOOR_S]
        highest = max(map(_degc, recent))
        # A chamber that cools by itself falls as fast, above its set point.
        if highest - now > DOOR_DROP_K and now < reading.working_degc:
            if self._before_door is None:
                self._before_door = highest, reading.unix_time_s
        elif self._before_door is not None:
            before, since_s = self._before_door
            back = now > min(before, reading.working_degc) - DOOR_DROP_K
            if back or reading.unix_time_s - since_s > DOOR_LONGEST_S:
                self._before_door = None
        return self._before_door is not None

    def _span(self, duration_s: float, holds: Callable[[OvenReading], bool]) -> list[OvenReading]:
        """Return the last readings, at least ``duration_s`` of them, if a condition held in all; else none."""
        end_s = self._kept[-1].unix_time_s
        span: list[OvenReading] = []
        for one in reversed(self._kept):
            if not holds(one):
                return []
            span.append(one)
            if end_s - one.unix_time_s >= duration_s:
                return span[::-1] if len(span) >= _LEAST_READINGS else []
        return []


def _degc(reading: OvenReading) -> float:
    """Return the temperature of a reading that has one, as all that are kept do."""
    return reading.temperature_degc if reading.temperature_degc is not None else 0.0
