"""Decides whether a service may start runs: not while its disk is full, nor for a time when it dies again and again.

A start of the service counts when the service before it died: it had not written that it was ended. However often a
person ends and starts it in order, nothing counts, and who does so after deaths has looked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import pairwise

from orchestrator.clock.local_time import local_time
from orchestrator.clock.scaled import in_loop_time
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.supervisor import Supervisor
from orchestrator.store import Store

logger = logging.getLogger(__name__)

DEATHS = 2
"""So many deaths within ``WINDOW_S``, and the start after the last one only observes (faults E07)."""

WINDOW_S = 600.0
"""The time in which deaths are counted, and for which the service then observes. A machine that restarts twice in a
night does not fill it, a program that dies of what it starts does: a service manager restarts it within seconds."""

# Starts and ends of the service in so few rows that no store takes long; a loop has far fewer in its window.
_MOST_ROWS = 1000
_NEWEST = """
    SELECT kind, at_unix_s FROM event WHERE run_id IS NULL AND kind IN (?, ?) ORDER BY id DESC LIMIT ?
"""


def note_start(store: Store, now_unix_s: float, window_s: float = WINDOW_S) -> int:
    """Record this start of the service, and return the number of deaths by which it only observes; 0 if it may start.

    ``window_s`` is in the seconds of ``now_unix_s``.
    """
    sought = (EventKind.SERVICE_STARTED.value, EventKind.SERVICE_STOPPED.value, _MOST_ROWS)
    rows = store.connection.execute(_NEWEST, sought).fetchall()
    store.add_event(None, EventKind.SERVICE_STARTED, "the service was started", now_unix_s)
    starts = [(EventKind.SERVICE_STARTED.value, now_unix_s), *rows]
    followed_a_death = [
        at_unix_s for (kind, at_unix_s), (before, _) in pairwise(starts) if kind == before == EventKind.SERVICE_STARTED
    ]
    if not rows or rows[0][0] != EventKind.SERVICE_STARTED:
        return 0
    deaths = sum(1 for at_unix_s in followed_a_death if now_unix_s - at_unix_s <= window_s)
    return deaths if deaths >= DEATHS else 0


class StartGate:
    """The reasons for which a service starts nothing at present, told to its supervisors."""

    def __init__(self, supervisors: Sequence[Supervisor]) -> None:
        # Until when nothing is started, because the service has died again and again; None when it may start runs.
        self.observes_until_unix_s: float | None = None
        self._supervisors = supervisors
        self._deaths: str | None = None
        self._no_room: str | None = None

    @property
    def refusal(self) -> str | None:
        """Why nothing is started at present, in a sentence; None when nothing speaks against it."""
        return self._deaths or self._no_room

    def note_start(self, store: Store) -> None:
        """Record a start of the service, which only observes if it has died again and again."""
        window_s, now_unix_s = in_loop_time(WINDOW_S), wall_time()
        if deaths := note_start(store, now_unix_s, window_s):
            self.observes_until_unix_s = now_unix_s + window_s
            self._deaths = (
                f"the service died {deaths} times within {WINDOW_S / 60:g} minutes: it only observes until "
                f"{local_time(self.observes_until_unix_s)}, then it starts runs again by itself. Find out why in its "
                "log; who has done so may end it in order and start it again"
            )
            logger.warning("%s", self._deaths)
        self._tell()

    async def observe_to_the_end(self) -> None:
        """Leave the observing when its time is over: what waits is started."""
        if self.observes_until_unix_s is not None:
            await asyncio.sleep(max(0.0, self.observes_until_unix_s - wall_time()))
            self.observes_until_unix_s = self._deaths = None
            logger.info("the service has not died again, and starts runs again")
            self._tell()
            for supervisor in self._supervisors:
                supervisor.wake()

    def refuse(self, no_room: str | None) -> None:
        """Refuse starts for a reason of the disk, None: for none."""
        self._no_room = no_room
        self._tell()

    def _tell(self) -> None:
        for supervisor in self._supervisors:
            supervisor.permit.refusal = self.refusal or ""
