"""Follows the one live stream of control, and fans it out to all clients: they cost control nothing.

When control is lost every client's stream ends, as that of a service that ends does; a new one is refused until control
is back.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from orchestrator.api import browser
from orchestrator.api.live_stream import KEEP_ALIVE_S, LiveClients
from orchestrator.events import Bus, RunUpdate
from orchestrator.web.control_link import SILENT, ControlLink, ControlSilent

logger = logging.getLogger(__name__)

_LIVE = f"{browser.API}/live"
# What clients are told is more: it is made of these.
_FIELDS = tuple(field.name for field in fields(RunUpdate))
_UPDATE = TypeAdapter(RunUpdate)
# From the loss of control to the next look for it, in seconds.
_RETRY_S = 0.2
# A control that hangs keeps its connection: three of its signs of life that do not come are silence.
_SILENT_S = 3 * KEEP_ALIVE_S


class LiveFan:
    """The live values of control, for any number of clients."""

    def __init__(self, link: ControlLink) -> None:
        self._link = link
        self._bus = Bus()
        self._runs: dict[str, RunUpdate] = {}
        self._heard_s = float("-inf")
        # Set while control tells what happens.
        self.followed = asyncio.Event()
        self.clients = LiveClients(self._bus)
        # Called when control is lost.
        self.lost: Callable[[], None] = lambda: None

    def runs(self) -> list[RunUpdate]:
        """Return every run as control told it last."""
        return list(self._runs.values())

    def now(self) -> list[RunUpdate]:
        """Return every run as it is now. Raises ControlSilent while control does not answer."""
        if not self.followed.is_set():
            raise ControlSilent(SILENT)
        return self.runs()

    @property
    def quiet_s(self) -> float:
        """The time since control was heard: one that hangs keeps its connection, and says nothing."""
        return asyncio.get_running_loop().time() - self._heard_s

    async def run(self) -> None:
        """Follow control, and whoever comes after it, until cancelled."""
        while True:
            try:
                async with self._link.follow(_LIVE) as lines:
                    self._runs.clear()
                    self._heard_s = asyncio.get_running_loop().time()
                    self.followed.set()
                    await self._pass_on(lines)
            except ControlSilent as err:
                if self.followed.is_set():
                    logger.warning("%s", err)
            finally:
                self.followed.clear()
                self.clients.close()
                self.lost()
            await asyncio.sleep(_RETRY_S)

    async def _pass_on(self, lines: Any) -> None:  # noqa: ANN401 - an asynchronous iterator
        kind = b""
        while True:
            async with asyncio.timeout(_SILENT_S):
                line = await anext(lines, None)
            if line is None:
                return
            self._heard_s = asyncio.get_running_loop().time()
            name, _, value = line.partition(b": ")
            if name == b"event":
                kind = value
            elif name == b"data" and kind == b"run":
                self._tell(json.loads(value))
            elif name == b"data" and kind == b"dropped":
                logger.warning(
                    "control has left out values for this process, which read too slowly: %s", value.decode()
                )

    def _tell(self, told: dict[str, Any]) -> None:
        update = _UPDATE.validate_python({name: told.get(name) for name in _FIELDS})
        self._runs[update.run_id] = update
        self._bus.tell(update)
