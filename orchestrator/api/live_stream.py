"""Live values to clients by server-sent events: each client has a short queue, and a slow one loses old values.

Nothing that a client does or fails to do can hold up the supervisors: publishing is appending to a list.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from orchestrator.clock.scaled import in_loop_time
from orchestrator.events import Bus, Inbox, RunUpdate, Told

QUEUE_LENGTH = 256
MOST_CLIENTS = 64
KEEP_ALIVE_S = 15.0


class TooManyClients(Exception):
    """There are as many live clients as one service feeds."""


class LiveClient:
    """One client's queue, and how many values it was too slow for."""

    def __init__(self, length: int = QUEUE_LENGTH) -> None:
        self._inbox = Inbox(length)
        self._news = asyncio.Event()
        self._closed = False

    @property
    def dropped(self) -> int:
        """How many values it was too slow for."""
        return self._inbox.dropped

    def put(self, told: Told) -> None:
        """Queue a run's values; older ones of the same run make room."""
        if isinstance(told, RunUpdate):
            self._inbox.put(told)
            self._news.set()

    def close(self) -> None:
        """Let the client's stream end."""
        self._closed = True
        self._news.set()

    async def take(self, timeout_s: float) -> list[RunUpdate] | None:
        """Give what has come, nothing after ``timeout_s``, None when the stream is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return []
        self._news.clear()
        taken = list(iter(self._inbox.take, None))
        return None if self._closed else [update for update in taken if isinstance(update, RunUpdate)]


class LiveClients:
    """The clients that watch live: every run update of the bus goes to each."""

    def __init__(self, bus: Bus) -> None:
        self.dropped = 0
        self._bus = bus
        self._clients: set[LiveClient] = set()

    @property
    def clients(self) -> int:
        """How many clients listen."""
        return len(self._clients)

    @contextmanager
    def client(self, length: int = QUEUE_LENGTH) -> Iterator[LiveClient]:
        """Connect a client for as long as the block lasts. Raises TooManyClients."""
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


async def stream(live: LiveClients, now: list[RunUpdate]) -> AsyncIterator[str]:
    """Give the text of a client's stream: every run as it is now, then what changes."""
    with live.client() as client:
        told = 0
        for update in now:
            yield _event("run", asdict(update))
        while (updates := await client.take(in_loop_time(KEEP_ALIVE_S))) is not None:
            for update in updates:
                yield _event("run", asdict(update))
            if client.dropped > told:
                told = client.dropped
                yield _event("dropped", {"dropped": told})
            if not updates:
                yield ": alive\n\n"


def _event(kind: str, data: object) -> str:
    return f"event: {kind}\ndata: {json.dumps(data, allow_nan=False)}\n\n"
