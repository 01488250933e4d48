"""Judges a tester's clock against this machine's from both times of each poll's newest record (faults B04).

A record that a poll brings first was made between the poll before and this one, and at most a record interval ago, by
this machine's clock; the tester says when by its own, in whole seconds. Each such record therefore bounds how far the
tester's clock is ahead, from below and from above. What no straight line within all bounds can explain is certain:
nothing is judged by the age of a record, which may be a whole record interval at every poll and creep as clocks do.

::

    judge = ClockDrift(lag_s=5.0)
    judge.feed("R000001", asked_unix_s, heard_unix_s, newest.unix_time_s)      # at every poll; mostly None
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

DAY_S = 86_400.0
# More than this is marked, in seconds a day.
LIMIT_S_PER_DAY = 1.0
# The API's times are whole seconds, rounded down.
_RESOLUTION_S = 1.0
# The best bounds of so long stand for all of it, and a month of them is remembered.
_SPAN_S = DAY_S / 4
_REMEMBERED = 120
# A clock that was set looks like one that drifts until this many spans tell them apart.
_ENOUGH = 5


@dataclass(frozen=True, slots=True)
class ClockFinding:
    """A mark: the drift in seconds a day (0 where the clock was set), how far it is ahead now, and a sentence."""

    drift_s_per_day: float
    ahead_s: float
    message: str


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The tester's clock was at least ``low_s`` ahead at one time, and at most ``high_s`` at another."""

    low_s: float = -inf
    low_at_s: float = 0.0
    high_s: float = inf
    high_at_s: float = 0.0

    def with_record(self, low_s: float, high_s: float, at_s: float) -> _Bounds:
        """Return the narrower bounds."""
        low = (low_s, at_s) if low_s > self.low_s else (self.low_s, self.low_at_s)
        high = (high_s, at_s) if high_s < self.high_s else (self.high_s, self.high_at_s)
        return _Bounds(*low, *high)

    @property
    def middle_s(self) -> float:
        """The best estimate of how far the clock was ahead: the middle of the bounds."""
        return (self.low_s + self.high_s) / 2


class ClockDrift:
    """The drift of one tester's clock, estimated from the records of all its channels."""

    def __init__(self, limit_s_per_day: float = LIMIT_S_PER_DAY, lag_s: float = 0.0) -> None:
        """Begin with no bounds. A record may be seen ``lag_s`` later than it was made."""
        self._limit = limit_s_per_day / DAY_S
        self._lag_s = lag_s
        # When each test was asked about last, and the time of its newest record then.
        self._polls: dict[Hashable, tuple[float, float]] = {}
        self._now = _Bounds()
        self._began_s = -inf
        self._spans: deque[_Bounds] = deque(maxlen=_REMEMBERED)
        # The last bounds before the clock was set.
        self._before: _Bounds | None = None
        self._marked_s = -inf

    def feed(
        self, test: Hashable, asked_s: float, heard_s: float, tester_s: float, every_s: float = inf
    ) -> ClockFinding | None:
        """Add the newest record of a test at one poll; return a finding at most once a day.

        ``asked_s`` and ``heard_s`` are this machine's clock before the poll left and after its reply was here,
        ``tester_s`` the record's own time, all in unix seconds; ``every_s`` is the record interval of a channel that
        works. Feed a test only when nothing of it is missing.
        """
        before = self._polls.get(test)
        self._polls[test] = (asked_s, tester_s)
        found = None
        if heard_s - self._began_s >= _SPAN_S:
            found = self._close(heard_s)
        if before is not None and before[1] != tester_s:
            made_after_s = max(before[0], asked_s - every_s) - self._lag_s
            high_s = tester_s + _RESOLUTION_S - made_after_s
            self._now = self._now.with_record(tester_s - heard_s, high_s, heard_s)
        return found

    def _close(self, now_s: float) -> ClockFinding | None:
        """End a span of time and judge all spans."""
        bounds, self._now, self._began_s = self._now, _Bounds(), now_s
        self._polls = {test: poll for test, poll in self._polls.items() if now_s - poll[0] < DAY_S}
        if bounds.low_s == -inf:
            return None
        self._spans.append(bounds)
        least, most = drift_range(self._spans)
        if least > most:
            # No line fits: a clock was set. When within this span is not known, so that the next one begins anew.
            self._before = self._spans[-2] if len(self._spans) > 1 else None
            self._spans.clear()
            return None
        if self._before is not None:
            before, self._before = self._before, None
            # Bounds that contradict each other are of a span in which the clock was set.
            return self._set(before, bounds) if before.low_s <= before.high_s else None
        within = -self._limit <= most and least <= self._limit
        if within or len(self._spans) < _ENOUGH or now_s - self._marked_s < DAY_S:
            return None
        self._marked_s = now_s
        return _drifts(least * DAY_S, most * DAY_S, bounds)

    def _set(self, before: _Bounds, after: _Bounds) -> ClockFinding | None:
        """Return the finding that a clock was set, None if the bounds on both sides fit a clock that was not set."""
        if after.low_s <= before.high_s and before.low_s <= after.high_s:
            return None
        message = (
            f"the tester's clock moved by about {after.middle_s - before.middle_s:+.0f} s against this machine's: one "
            "of them was set; times in UTC before and after do not fit, step times do"
        )
        return ClockFinding(0.0, after.middle_s, message)


def drift_range(spans: Iterable[_Bounds]) -> tuple[float, float]:
    """Return the least and the most drift (seconds per second) of all straight lines within the bounds.

    The least is above the most where no line is.
    """
    kept = list(spans)
    least, most = -inf, inf
    for first in kept:
        for later in kept:
            if (lasts_s := later.low_at_s - first.high_at_s) > 0:
                least = max(least, (later.low_s - first.high_s) / lasts_s)
            if (lasts_s := later.high_at_s - first.low_at_s) > 0:
                most = min(most, (later.high_s - first.low_s) / lasts_s)
    return least, most


def _drifts(least: float, most: float, now: _Bounds) -> ClockFinding:
    drift = (least + most) / 2
    # The bound that comes last in a span whose drift goes that way.
    ahead_s = now.low_s if drift > 0 else now.high_s
    ahead = f"{abs(ahead_s):.0f} s {'ahead' if ahead_s >= 0 else 'behind'}"
    message = (
        f"the tester's clock drifts by {drift:+.1f} s a day against this machine's (between {least:+.1f} and "
        f"{most:+.1f}) and is {ahead}; set it, or let it be set by a time server"
    )
    return ClockFinding(drift, ahead_s, message)
