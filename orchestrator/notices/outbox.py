"""The notices that wait for one person: a few are sent at once, a flood becomes digests. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from orchestrator.notices.values import Entry

_WINDOW_S = 60.0
# The last messages of a full minute are kept for what a flood brings after its beginning, evenly spaced.
_KEPT_BACK = 2
# What is no alarm waits so long for its kin; after a digest, longer: a flood is told once a minute.
_GATHER_S, _GATHER_FLOOD_S = 10.0, 60.0
# From a failure of a whole route to its next trial, in seconds; then twice as long each time, an alarm not so long.
_RETRY_S, _LONGEST_RETRY_S, _LONGEST_ALARM_RETRY_S = 30.0, 600.0, 120.0
# A night of a rack that floods; what is dropped is counted.
_MOST_WAITING = 2_000


class Outbox:
    """The waiting notices of one route; ``is_urgent``: they are alarms, and wait for nothing but a flood's pace."""

    def __init__(self, *, is_urgent: bool, most_a_minute: int) -> None:
        self._is_urgent = is_urgent
        self._most = most_a_minute
        self._quick = max(1, most_a_minute - _KEPT_BACK)
        # By the numbers of their notices, in the order of their coming.
        self._waiting: dict[int, Entry] = {}
        self._dropped = 0
        self._since_s = 0.0
        self._sent_s: deque[float] = deque(maxlen=most_a_minute)
        self._was_digest = False
        self._not_before_s = float("-inf")
        self._retry_s = _RETRY_S
        self.is_sending = False

    @property
    def waiting(self) -> tuple[Entry, ...]:
        """The entries that wait, in the order of their coming."""
        return tuple(self._waiting.values())

    def add(self, entry: Entry, now_s: float) -> None:
        """Let an entry wait, in the place of one for the same notice; of too many the oldest is dropped and counted."""
        if not self._waiting:
            self._since_s = now_s
        self._waiting.pop(entry.notice.number, None)
        if len(self._waiting) >= _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self._dropped += 1
        self._waiting[entry.notice.number] = entry

    def drop(self, is_done: Callable[[Entry], bool]) -> None:
        """Take entries out that need not be told any more."""
        self._waiting = {number: entry for number, entry in self._waiting.items() if not is_done(entry)}

    def take(self, now_s: float) -> tuple[tuple[Entry, ...], int]:
        """Return all that is to be sent now, with the count of dropped entries; nothing before its time has come."""
        if self.is_sending or not self._waiting or now_s < self.due_s():
            return (), 0
        taken, dropped = self.waiting, self._dropped
        self._waiting.clear()
        self._dropped = 0
        self._sent_s.append(now_s)
        self._was_digest = len(taken) > 1
        self.is_sending = True
        return taken, dropped

    def due_s(self) -> float:
        """Return the time from which the waiting entries may be sent."""
        gather_s = 0.0 if self._is_urgent else _GATHER_FLOOD_S if self._was_digest else _GATHER_S
        return max(self._since_s + gather_s, self._pace_s(), self._not_before_s)

    def delivered(self) -> None:
        """Note that what was taken has been delivered."""
        self.is_sending = False
        self._retry_s, self._not_before_s = _RETRY_S, float("-inf")

    def failed(self, entries: Iterable[Entry], dropped: int, now_s: float) -> None:
        """Let what was taken wait again, before what has come since, for a later trial."""
        self.is_sending = False
        came = self.waiting
        self._waiting.clear()
        for entry in [*entries, *came]:
            self.add(entry, now_s)
        self._dropped += dropped
        self._not_before_s = now_s + self._retry_s
        self._retry_s = min(_LONGEST_ALARM_RETRY_S if self._is_urgent else _LONGEST_RETRY_S, 2 * self._retry_s)

    def _pace_s(self) -> float:
        """Return when one more message keeps to the most of a minute: some at once, the others spaced."""
        if len(self._sent_s) < self._quick:
            return float("-inf")
        # Free again when the oldest of those that may follow one another at once is a minute old.
        quick_s = self._sent_s[-self._quick] + _WINDOW_S
        if self._most == self._quick:
            return quick_s
        spaced_s = self._sent_s[-1] + _WINDOW_S / (self._most - self._quick + 1)
        full_s = self._sent_s[0] + _WINDOW_S if len(self._sent_s) == self._most else float("-inf")
        return min(quick_s, max(spaced_s, full_s))
