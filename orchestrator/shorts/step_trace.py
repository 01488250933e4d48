"""What is kept of the step that runs: what is expected of its next record, and a value a minute of those before."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import inf
from statistics import median

from orchestrator.shorts.thresholds import Thresholds

MINUTE_S = 60.0
_LEVELS = 64
_MINUTES = 31
_STEADY = 3
# A cell's own level: none of the last half-hour was above the first, and the last minutes were within the second.
_HIGHEST, _ALIKE = 1.3, 0.15
# A fall from one record to the next to at most this part, behind a change to no less than that, is no decay.
_SHARP, _SMOOTH = 0.5, 0.7
# A part of what is expected below which a falling gradient may lie.
_LEAST_PART = 0.1
# Noise that a comparison by a factor of three bears.
_BEARABLE = 6.0


class StepTrace:
    """The resistances of one constant-current step, with constant memory.

    ``local`` is the highest of the last three to four minutes, or of three records where these are rarer. ``known`` is
    what is known from elsewhere (0: nothing); the less of both is ``expected``, with ``high`` and ``low`` as parts of
    it, ``half`` as one of ``local``. ``high_s`` is when the cell last stood high, ``half_since`` since when it has
    stood below half.
    """

    __slots__ = (
        "_base",
        "_bearable_ohm",
        "_lagging",
        "_lagging_ohm",
        "_levels",
        "_minutes",
        "_older",
        "_older_last",
        "_recent",
        "_stride_s",
        "_thresholds",
        "_until_s",
        "expected",
        "half",
        "half_since",
        "has_jumped",
        "high",
        "high_s",
        "known",
        "lag_ohm",
        "last",
        "local",
        "low",
        "minute",
        "roll_s",
    )

    def __init__(self, thresholds: Thresholds, known: float = 0.0, noise_ohm: float = 0.0) -> None:
        self._thresholds = thresholds
        self._bearable_ohm = _BEARABLE * noise_ohm
        self._older = (0.0, 0.0, 0.0)
        self._older_last = 0.0
        self._minutes: deque[tuple[float, float]] = deque(maxlen=_MINUTES)
        # The same minutes once more: those too young to be compared with, those compared with, and these by resistance.
        self._recent: deque[tuple[float, float]] = deque()
        self._lagging: deque[tuple[float, float]] = deque()
        self._lagging_ohm: list[float] = []
        self._levels: list[float] = []
        self._stride_s, self._until_s = MINUTE_S, MINUTE_S
        self.roll_s = MINUTE_S
        self.lag_ohm: float | None = None
        self.known = self._base = known
        self.local = self.minute = self.last = 0.0
        self.expected = self.high = self.half = 0.0
        self.low = -inf
        self.high_s = -inf
        self.has_jumped = False
        self.half_since: float | None = None

    def copy(self) -> StepTrace:
        """Return a copy that shares nothing that changes."""
        twin = StepTrace(self._thresholds)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        for name in ("_minutes", "_levels", "_recent", "_lagging", "_lagging_ohm"):
            setattr(twin, name, getattr(self, name).copy())
        return twin

    def begin(self, ohm: float, time_s: float) -> None:
        """Take the first record, or the first behind a low stretch."""
        self.last = self.local = self.minute = ohm
        self.half_since = None
        self.high_s = time_s
        self.expect()

    def take(self, time_s: float, step_s: float, ohm: float) -> float:
        """Take the next record; return it, or minus infinity where it lies so low that a stretch may begin."""
        before = self.last
        if ohm > self.local:
            if ohm > self._thresholds.jump * before > 0.0:
                self._jump(before)
            self.local = ohm
            if step_s < self.roll_s:
                self.expect()
        if step_s >= self.roll_s:
            self.roll(step_s, ohm)
        elif ohm > self.minute:
            self.minute = ohm
        self.last = ohm
        if ohm >= self.half:
            self.half_since = None
        elif self.half_since is None:
            self.half_since = time_s
        elif ohm <= _SHARP * before and _SMOOTH * self._older_last < before:
            # A spike had decayed to below half of where it stood, and then it fell.
            self.half_since = time_s
        self._older_last = before
        if ohm >= self.high:
            self.high_s = time_s
            return ohm
        return -inf if ohm <= self.low else ohm

    def expect(self) -> None:
        """Work out what is expected, and its parts."""
        t, known, local = self._thresholds, self.known, self.local
        e = local if not known or local < known else known
        self.expected, self.high = e, t.high * e
        # A short is dated by where the cell stood, which may be above what is expected; not by where a contact stood.
        self.half = t.half * (e if self.has_jumped else local)
        self.low = t.fall * e if e > self._bearable_ohm and e > _LEAST_PART * known else -inf

    def can_judge(self, ohm: float) -> bool:
        """Return whether noise, or what is left of a gradient that drives against the current, hides no such level."""
        return ohm > self._bearable_ohm and ohm > _LEAST_PART * self.known

    def has_halved(self, ohm: float) -> bool:
        """Return whether a record lies below half of the last minutes, where noise hides no such fall."""
        return ohm <= self._thresholds.half * self.local and self.can_judge(self.local)

    def _jump(self, before: float) -> None:
        """Keep where the cell stood before a record that jumped up, which is a contact's."""
        if self._is_steady_at(before):
            self._base = min(self._base, before) if self._base else before
            self.known = min(self.known, before) if self.known else before
            self.has_jumped = True

    def roll(self, step_s: float, ohm: float) -> None:
        """Begin the next minute."""
        minute, (before, earlier, _) = self.minute, self._older
        self._older = minute, before, earlier
        self.minute = ohm
        self.roll_s = step_s + MINUTE_S
        self._minutes.append((step_s, ohm))
        self._recent.append((step_s, ohm))
        if step_s >= self._until_s:
            self._levels.append(ohm)
            self._until_s = step_s + self._stride_s
            if len(self._levels) == _LEVELS:
                self._levels = self._levels[::2]
                self._stride_s *= 2.0
        if step_s >= self._thresholds.lag_from_s:
            self._lag(step_s)
        self.local = max(minute, before, earlier, ohm)
        self.expect()

    def _lag(self, step_s: float) -> None:
        """Take the median of what the step had ``lag_s`` ago, among the minutes that are kept, as what is known."""
        lag_s = self._thresholds.lag_s
        most_s = self._thresholds.lag_part * lag_s
        recent, lagging, in_order = self._recent, self._lagging, self._lagging_ohm
        while recent and step_s - recent[0][0] - lag_s >= -most_s:
            lagging.append(recent.popleft())
            insort(in_order, lagging[-1][1])
        oldest_s = self._minutes[0][0]
        while lagging and (step_s - lagging[0][0] - lag_s > most_s or lagging[0][0] < oldest_s):
            del in_order[bisect_left(in_order, lagging.popleft()[1])]
        if in_order:
            lag = self.lag_ohm = in_order[len(in_order) // 2]
            self.known = self._base
            if lag > 0.0 and (not self.known or lag < self.known):
                self.known = lag

    def level(self) -> float:
        """Return the lower quartile of the values behind the first minute (arcs stand above it)."""
        values = sorted(self._levels)
        return values[len(values) // 4] if values else self.last

    def end(self) -> float:
        """Return the median of the last values."""
        return median([ohm for _, ohm in list(self._minutes)[-3:]]) if self._minutes else self.last

    def is_settled(self, step_s: float, before_ohm: float, check_ohm: float | None) -> bool:
        """Return whether the values before a fall were so steady, or so like the check's, that no first spike is it."""
        t = self._thresholds
        if check_ohm is not None and abs(before_ohm - check_ohm) <= t.like_check * check_ohm:
            return True
        if step_s >= t.settled_s or self._lie_within(step_s - 2.0 * t.steady_s, t.like_before, before_ohm):
            return True
        return step_s >= t.spike_s and self._lie_within(step_s - t.spike_s, t.steady, before_ohm)

    def _lie_within(self, since_s: float, factor: float, before_ohm: float) -> bool:
        """Return whether at least three values since a time lie within a factor; the fall itself is left out."""
        values = [ohm for at_s, ohm in self._minutes if at_s >= since_s and ohm > self._thresholds.high * before_ohm]
        return len(values) >= _STEADY and max(values) <= factor * min(values)

    def _is_steady_at(self, ohm: float) -> bool:
        """Return whether a value is that of the last minutes, and no end of a fall: it is the cell's own level."""
        values = [value for _, value in self._minutes]
        if len(values) < _STEADY or max(values) > _HIGHEST * ohm:
            return False
        return all(abs(value - ohm) <= _ALIKE * ohm for value in values[-_STEADY:])
