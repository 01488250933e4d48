"""Hands control the trace of refused requests: the web process cannot write into the store."""

from __future__ import annotations

import asyncio
import json
import logging

from orchestrator.api.refusals import REFUSALS_PATH
from orchestrator.web.control_link import ControlLink, ControlSilent

logger = logging.getLogger(__name__)

# ``Refusals`` lets twenty through in a minute; while control is away some of them wait.
_WAITING = 64


class TraceToControl:
    """The waiting sentences; one that finds no room, or no control, is only logged."""

    def __init__(self, link: ControlLink) -> None:
        self._link = link
        self._waiting: asyncio.Queue[str] = asyncio.Queue(_WAITING)

    def __call__(self, sentence: str) -> None:
        """Queue a sentence."""
        logger.warning("%s", sentence)
        if not self._waiting.full():
            self._waiting.put_nowait(sentence)

    async def run(self) -> None:
        """Hand over what is queued, until cancelled."""
        while True:
            body = json.dumps({"sentence": await self._waiting.get()}).encode()
            try:
                await self._link.ask("POST", REFUSALS_PATH, [(b"content-type", b"application/json")], body)
            except ControlSilent:
                logger.warning("control does not answer: the refusal above is not stored")
