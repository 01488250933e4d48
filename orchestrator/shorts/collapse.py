"""A sudden collapse of the overvoltage of a Li/Cu cell at constant current, and whether metal explains it."""

from __future__ import annotations

from collections import deque
from statistics import median

from orchestrator.shorts.findings import ShortKind
from orchestrator.shorts.other_thresholds import PlatingThresholds

_MINUTE_S = 60.0
_MINUTES = 10
_STEADY = 5


class Collapse:
    """The overvoltages of the last minutes of a step, in volts and positive in both directions, and an open collapse.

    ``since_s`` is its first record, None without one; ``before_v`` and ``after_v`` are the overvoltages around it.
    """

    def __init__(self, thresholds: PlatingThresholds) -> None:
        self._thresholds = thresholds
        self._minutes: deque[float] = deque(maxlen=_MINUTES)
        self._next_s = 0.0
        self._last_v = 0.0
        self.since_s: float | None = None
        self.before_v = self.after_v = 0.0
        self._records = self._above = 0
        self._is_told = False
        # The resistances of the low records of this step, and of the last step of each direction.
        self._low_ohm: list[float] = []
        self._levels: dict[bool, float] = {}

    def copy(self) -> Collapse:
        """Return a copy that shares nothing that changes."""
        twin = object.__new__(Collapse)
        twin.__dict__.update(self.__dict__)
        twin._minutes, twin._low_ohm = self._minutes.copy(), self._low_ohm.copy()
        twin._levels = dict(self._levels)
        return twin

    def enter(self) -> None:
        """Begin the next step."""
        self._minutes.clear()
        self._next_s, self._last_v, self._low_ohm = 0.0, 0.0, []

    def close(self) -> None:
        """End the collapse."""
        self.since_s, self._records, self._above, self._is_told = None, 0, 0, False
        self._levels = {}

    def feed(self, time_s: float, step_s: float, voltage_v: float, current_a: float) -> ShortKind | None:
        """Judge a record; return what is to be told of the collapse, of a step at constant current."""
        over_v = voltage_v if current_a > 0.0 else -voltage_v
        if self.since_s is None:
            self._watch(time_s, step_s, over_v)
            return None
        return self._judge(time_s, step_s, over_v, current_a)

    def _watch(self, time_s: float, step_s: float, over_v: float) -> None:
        t, minutes = self._thresholds, self._minutes
        if len(minutes) >= _STEADY:
            level = median(minutes)
            is_steady = level >= t.least_v and 0.0 < max(minutes) <= t.steady * min(minutes)
            if is_steady and 0.0 <= over_v <= t.fall * level and self._last_v >= t.high * level:
                self.since_s, self.before_v, self.after_v = time_s, self._last_v, over_v
                self._records, self._above = 1, 0
                return
        if step_s >= self._next_s:
            minutes.append(over_v)
            self._next_s = step_s + _MINUTE_S
        self._last_v = over_v

    def _judge(self, time_s: float, step_s: float, over_v: float, current_a: float) -> ShortKind | None:
        t = self._thresholds
        if over_v > t.back * self.before_v:
            self._above += 1
            return ShortKind.DEEP_SOFT if self._above == 2 else None
        self._above = 0
        self._records += 1
        self.after_v = over_v
        if step_s >= self._next_s:
            self._next_s = step_s + _MINUTE_S
            self._low_ohm.append(over_v / abs(current_a))
            if self._is_metal(current_a > 0.0):
                return ShortKind.HARD
        since_s = self.since_s if self.since_s is not None else time_s
        is_long = time_s - since_s >= t.confirm_s and self._records >= t.confirm_records
        if is_long and not self._is_told:
            self._is_told = True
            return ShortKind.SOFT_SUSPECTED
        return None

    def _is_metal(self, is_charge: bool) -> bool:
        """Return whether both directions were flat and alike, at the resistance of a thread."""
        t, low = self._thresholds, self._low_ohm
        if len(low) * _MINUTE_S < t.metal_s:
            return False
        middle = median(low)
        if max(low) - min(low) > t.flat * middle or middle > t.thread_ohm:
            return False
        self._levels[is_charge] = middle
        other = self._levels.get(not is_charge)
        return other is not None and abs(other - middle) <= t.flat * max(other, middle)
