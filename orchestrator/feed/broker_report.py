"""Has control store that the broker is away, and that it is back: people see it where they look, not in a log alone.

Only control writes into the store. A broker that is back within a minute, as after a restart, is not worth an event.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from orchestrator.api.report_path import NOTICE_REPORTS_PATH
from orchestrator.clock.durations import duration_words
from orchestrator.events import EventKind
from orchestrator.web.control_link import ControlLink, ControlSilent

# So long is a broker away before it is told; in seconds.
TOLD_AFTER_S = 60.0

_LOST = (
    "the MQTT broker at {where} cannot be reached ({words}): displays and scripts behind it see nothing new. See that "
    "it runs, and that its name, port and password in [mqtt] are right; nothing is lost, all waits in the store"
)


# Has an event stored, and says whether it was.
Stored = Callable[[EventKind, str], Awaitable[bool]]


class BrokerReport:
    """What was told of the broker at ``where``; each loss is told once, and its end if the loss was told."""

    def __init__(self, stored: Stored, where: str) -> None:
        self._stored, self._where = stored, where
        self._lost_s: float | None = None
        self._is_told = False

    async def lost(self, words: str) -> None:
        """Take note of a connection that was lost or refused; ``words`` say why."""
        now_s = asyncio.get_running_loop().time()
        if self._lost_s is None:
            self._lost_s = now_s
        if not self._is_told and now_s - self._lost_s >= TOLD_AFTER_S:
            sentence = _LOST.format(where=self._where, words=words)
            self._is_told = await self._stored(EventKind.BROKER_LOST, sentence)

    async def back(self) -> None:
        """Take note of a connection."""
        lost_s, self._lost_s = self._lost_s, None
        if not self._is_told or lost_s is None:
            return
        away = duration_words(asyncio.get_running_loop().time() - lost_s)
        sentence = f"the MQTT broker at {self._where} is back after {away}; what waited is sent now"
        self._is_told = not await self._stored(EventKind.BROKER_BACK, sentence)


def stored_by(link: ControlLink) -> Stored:
    """Return what has control store an event; where it does not answer, that is tried at the next occasion."""

    async def stored(kind: EventKind, sentence: str) -> bool:
        body = json.dumps({"kind": kind.value, "sentence": sentence}).encode()
        try:
            answer = await link.ask("POST", NOTICE_REPORTS_PATH, [(b"content-type", b"application/json")], body)
        except ControlSilent:
            return False
        return answer.status < 400

    return stored
