"""The bus: sends run updates and events to any number of listeners; no listener can delay or end the sender.

Telling appends to a bounded queue for each listener and returns. Listeners are called elsewhere
(``orchestrator.events.listening``), so that nothing of them is ever inside a poll, a commit or a stop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from orchestrator.events.inbox import QUEUE_LENGTH
from orchestrator.events.listening import Listener, Subscription, subscription
from orchestrator.events.values import Told

logger = logging.getLogger(__name__)

# How long the end of a run or service waits for listeners that still have something to do.
DRAIN_S = 1.0


class Sink(Protocol):
    """Receives updates and events at once; ``put`` neither waits nor fails."""

    def put(self, told: Told) -> None:
        """Receive an update or an event."""


class Bus:
    """Sends every run update and every stored event to all listeners."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._subscriptions: list[Subscription] = []
        self._sinks: list[Sink] = []
        self._is_listening = False
        # Whether there is anybody to tell.
        self.is_heard = False
        for listener in listeners:
            self.subscribe(listener)

    def subscribe(self, listener: Listener, name: str = "", length: int = QUEUE_LENGTH) -> Subscription:
        """Call a listener with every update and event from now on, as long as the bus is ``listening``.

        A coroutine function is called in a task, any other callable on a thread of its own.
        """
        added = subscription(listener, name, length)
        self._subscriptions.append(added)
        self.is_heard = True
        if self._is_listening:
            added.start()
        return added

    def attach(self, sink: Sink) -> None:
        """Send every update and event from now on to a sink of our own as well, at once."""
        self._sinks.append(sink)
        self.is_heard = True

    def detach(self, sink: Sink) -> None:
        """Stop sending to a sink."""
        self._sinks.remove(sink)
        self.is_heard = bool(self._sinks or self._subscriptions)

    def tell(self, told: Told) -> None:
        """Queue an update or an event for every listener; it never waits and never fails."""
        for added in self._subscriptions:
            added.put(told)
        for sink in self._sinks:
            sink.put(told)

    @property
    def dropped(self) -> int:
        """The number of updates and events that found no room in a listener's queue, over all listeners."""
        return sum(added.inbox.dropped for added in self._subscriptions)

    @property
    def troubles(self) -> list[str]:
        """Sentences on the listeners that are no longer called because they failed too often."""
        return [added.told_off for added in self._subscriptions if added.told_off]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Call the listeners during the ``with`` block; after it they have a second to empty their queues."""
        self._is_listening = True
        for added in self._subscriptions:
            added.start()
        try:
            yield
        finally:
            self._is_listening = False
            await self.drained()
            for added in self._subscriptions:
                await added.end()
                if added.inbox.dropped:
                    updates, events = added.inbox.dropped_updates, added.inbox.dropped_events
                    logger.warning("listener %s was too slow for %d updates, %d events", added.name, updates, events)

    async def drained(self, timeout_s: float = DRAIN_S) -> bool:
        """Wait until every listener has handled everything sent so far; False when that takes too long."""
        return all(await asyncio.gather(*(added.drained(timeout_s) for added in self._subscriptions)))
