"""A bounded queue for one listener: when full it drops the least important entry, and counts dropped entries.

Events stay longest. To make room, an update goes that a newer update of the same run supersedes: at first the oldest of
the run that the new update is of, else the oldest of the run with the most waiting. Only a queue that holds nothing but
events drops one, the oldest, for a new event; a new update is dropped there itself.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from orchestrator.events.values import Event, RunUpdate, Told

QUEUE_LENGTH = 1024


class Inbox:
    """The waiting updates and events of one listener, in the order of sending. It belongs to one thread at a time."""

    def __init__(self, length: int = QUEUE_LENGTH) -> None:
        self._length = length
        self._put = 0
        self._waiting: OrderedDict[int, Told] = OrderedDict()
        # Numbers of what waits, the oldest first: the updates of each run, and the events.
        self._updates: dict[str, deque[int]] = {}
        self._events: deque[int] = deque()
        self.dropped_updates = 0
        self.dropped_events = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def dropped(self) -> int:
        """The number of updates and events that were dropped because the queue was full."""
        return self.dropped_updates + self.dropped_events

    def put(self, told: Told) -> None:
        """Queue an update or an event in constant time; it never waits and never fails."""
        if len(self._waiting) >= self._length and not self._make_room(told):
            self.dropped_updates += 1
            return
        self._put += 1
        self._waiting[self._put] = told
        if isinstance(told, Event):
            self._events.append(self._put)
        else:
            self._updates.setdefault(told.run_id, deque()).append(self._put)

    def take(self) -> Told | None:
        """Remove and return the oldest entry; None when the queue is empty."""
        if not self._waiting:
            return None
        _, told = self._waiting.popitem(last=False)
        if isinstance(told, Event):
            self._events.popleft()
        else:
            self._forget_update(told.run_id)
        return told

    def _make_room(self, told: Told) -> bool:
        """Drop one waiting entry; False when the new update must be dropped instead."""
        if self._updates:
            if isinstance(told, RunUpdate) and told.run_id in self._updates:
                most = told.run_id
            else:
                most = max(self._updates, key=lambda run_id: len(self._updates[run_id]))
            del self._waiting[self._forget_update(most)]
            self.dropped_updates += 1
            return True
        if isinstance(told, Event):
            del self._waiting[self._events.popleft()]
            self.dropped_events += 1
            return True
        return False

    def _forget_update(self, run_id: str) -> int:
        """Remove the number of a run's oldest update from the run's list and return it."""
        row = self._updates[run_id]
        number = row.popleft()
        if not row:
            del self._updates[run_id]
        return number
