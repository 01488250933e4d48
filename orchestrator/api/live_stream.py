"""Sends live values to clients by server-sent events: each has a short queue, and a slow client loses old values.

Nothing that a client does or fails to do can hold up the supervisors: publishing is appending to a list.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import isfinite

from orchestrator.api.models import RunNow
from orchestrator.clock.scaled import in_loop_time
from orchestrator.events import Bus, Inbox, RunUpdate, Told

QUEUE_LENGTH = 256
MOST_CLIENTS = 64
# So often a stream says at least that the service is there: three times that is silence
# (``orchestrator.web.live_fan``), no longer than what the MQTT feed says of a channel is valid by default.
KEEP_ALIVE_S = 5.0


class TooManyClients(Exception):
    """The largest number of live clients of one service is connected already."""


class LiveClient:
    """One client's queue, and the number of values dropped from it."""

    def __init__(self, length: int = QUEUE_LENGTH) -> None:
        self._inbox = Inbox(length)
        self._news = asyncio.Event()
        self._closed = False

    @property
    def dropped(self) -> int:
        """The number of values that were dropped because the client was too slow."""
        return self._inbox.dropped

    def put(self, told: Told) -> None:
        """Queue a run's values; an older value of the same run is dropped if the queue is full."""
        if isinstance(told, RunUpdate):
            self._inbox.put(told)
            self._news.set()

    def close(self) -> None:
        """End the client's stream."""
        self._closed = True
        self._news.set()

    async def take(self, timeout_s: float) -> list[RunUpdate] | None:
        """Return the waiting values, none after ``timeout_s``, None when the stream is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return []
        self._news.clear()
        taken = list(iter(self._inbox.take, None))
        return None if self._closed else [update for update in taken if isinstance(update, RunUpdate)]


class LiveClients:
    """The clients of live values: every run update of the bus is sent to each."""

    def __init__(self, bus: Bus) -> None:
        self.dropped = 0
        self._bus = bus
        self._clients: set[LiveClient] = set()

    @property
    def clients(self) -> int:
        """The number of connected clients."""
        return len(self._clients)

    @contextmanager
    def client(self, length: int = QUEUE_LENGTH) -> Iterator[LiveClient]:
        """Connect a client for the duration of the ``with`` block. Raises TooManyClients."""
        if len(self._clients) >= MOST_CLIENTS:
            raise TooManyClients(f"{MOST_CLIENTS} clients watch already; close some of them")
        client = LiveClient(length)
        self._clients.add(client)
        self._bus.attach(client)
        try:
            yield client
        finally:
            self._clients.discard(client)
            self._bus.detach(client)
            self.dropped += client.dropped

    def close(self) -> None:
        """End every stream."""
        for client in self._clients:
            client.close()


async def stream(live: LiveClients, now: list[RunUpdate]) -> AsyncGenerator[str, None]:
    """Yield the text of a client's stream: the present state of every run, then each change."""
    with live.client() as client:
        told = 0
        for update in now:
            yield _run_event(update)
        while (updates := await client.take(in_loop_time(KEEP_ALIVE_S))) is not None:
            for update in updates:
                yield _run_event(update)
            if client.dropped > told:
                told = client.dropped
                yield _event("dropped", {"dropped": told})
            if not updates:
                yield ": alive\n\n"


@lru_cache(maxsize=MOST_CLIENTS)
def _run_event(update: RunUpdate) -> str:
    """Return the text of an update: made once, whoever follows."""
    return _event("run", RunNow.model_validate(update).model_dump(mode="json"))


def _event(kind: str, data: dict[str, object]) -> str:
    # JSON has no word for what is no number, and one such value must not end the stream.
    told = {key: None if isinstance(value, float) and not isfinite(value) else value for key, value in data.items()}
    return f"event: {kind}\ndata: {json.dumps(told, allow_nan=False)}\n\n"
