"""A broker in memory for the MQTT feed in virtual time: it is well, or fails as its health and a seed say.

It does what a real one does (docs/decisions/0023): what has left before a connection breaks, or before the feed gives
up, is delivered all the same when the broker gets to it, in the order of leaving; a new connection of the same client
ends the one before.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum, auto
from random import Random
from typing import Any

import aiomqtt

from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.feed.broker import ANSWER_S, BrokerLost, Link
from orchestrator.feed.messages import Message

# Of a hundred connections, and of a thousand messages of one, of a flaky broker.
_REFUSES, _HANGS, _BREAKS = 30, 20, 30
# What a broker takes for a message, and a slow one at most.
_WORKS_S, _SLOW_S = 0.001, 3.0
# The loss of a connection is noticed so long after it at most.
_NOTICED_S = 20.0


class Health(Enum):
    """What the broker does."""

    WELL = auto()
    # It refuses connections, breaks them and leaves messages without an answer now and then.
    FLAKY = auto()
    # It is dead: what it had not got to is gone.
    GONE = auto()
    REFUSES = auto()
    SLOW = auto()
    # It takes what comes, and gets to nothing of it until it goes on.
    STOPPED = auto()
    # It answers, and throws away.
    FULL = auto()


class MemoryBroker:
    """Has what was delivered, in its order; ``thrown`` counts what it has answered and thrown away."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"broker/{seed}")
        self._health = Health.FLAKY
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.thrown = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._works = False
        self._connections: list[_Connection] = []

    @property
    def health(self) -> Health:
        """What it does now."""
        return self._health

    @health.setter
    def health(self, health: Health) -> None:
        self._health = health
        if health is Health.GONE:
            self._waiting.clear()
            self.end_connections()
        self._go_on()

    @asynccontextmanager
    async def connected(self, settings: MqttSettings, client_id: str, will: Message) -> AsyncIterator[Link]:
        """Connect, or refuse."""
        del settings, client_id, will
        await asyncio.sleep(0.01)
        if self._health in {Health.GONE, Health.REFUSES} or self.draws(10 * _REFUSES):
            raise BrokerLost("no connection: refused")
        accepted = asyncio.Event()
        connection = _Connection(self)

        def accept() -> None:
            self.end_connections()
            self._connections.append(connection)
            accepted.set()

        self.take(accept)
        try:
            async with asyncio.timeout(ANSWER_S):
                await accepted.wait()
        except TimeoutError:
            raise BrokerLost("no connection: no answer") from None
        yield Link(connection)

    def take(self, act: Callable[[], None]) -> None:
        """Do something when it is its turn."""
        self._waiting.append(act)
        self._go_on()

    def draws(self, of_thousand: int) -> bool:
        """Tell whether something bad happens to a flaky broker now."""
        return self._health is Health.FLAKY and self.random.randrange(1000) < of_thousand

    def deliver(self, topic: str, payload: bytes, sent_s: float) -> None:
        """Give a message that left at a time to whoever reads."""
        del sent_s
        self.got.append((topic, json.loads(payload)))

    def throw_away(self, topic: str, payload: bytes) -> None:
        """Give a message to nobody."""
        del topic, payload
        self.thrown += 1

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a kind, in the order in which they came."""
        return [body for topic, body in self.got if topic.endswith(f"/{kind}")]

    def end_connections(self) -> None:
        """Break the connections there are."""
        for connection in self._connections:
            connection.break_off()
        self._connections.clear()

    def _go_on(self) -> None:
        if self._works or not self._waiting or self._health is Health.STOPPED:
            return
        self._works = True
        takes_s = self.random.uniform(0.0, _SLOW_S) if self._health is Health.SLOW else _WORKS_S
        asyncio.get_running_loop().call_later(takes_s, self._do_next)

    def _do_next(self) -> None:
        self._works = False
        if self._waiting and self._health is not Health.STOPPED:
            self._waiting.popleft()()
        self._go_on()


class _Connection:
    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._broken = asyncio.Event()
        self._hangs = False

    @property
    def messages(self) -> AsyncIterator[object]:
        return self._until_broken()

    async def _until_broken(self) -> AsyncIterator[object]:
        await self._broken.wait()
        await asyncio.sleep(self._broker.random.uniform(0.0, _NOTICED_S))
        if self._broken.is_set():
            raise aiomqtt.MqttError("broken")
        yield None

    def break_off(self) -> None:
        """Read nothing more of it, and let the other end hear of that after a while."""
        self._broken.set()

    async def publish(self, topic: str, payload: bytes, qos: int, retain: bool, *, timeout: float) -> None:  # noqa: ASYNC109 - the library's
        """Let a message leave, and wait for its answer."""
        del retain, timeout
        answered = asyncio.Event()
        sent_s = asyncio.get_running_loop().time()
        self._broker.take(lambda: self._handle(topic, payload, sent_s, answered))
        # What leaves into a connection that is lost, and not known to be, raises nothing at QoS 0.
        if qos:
            await answered.wait()

    def _handle(self, topic: str, payload: bytes, sent_s: float, answered: asyncio.Event) -> None:
        if self._broken.is_set():
            return
        broker = self._broker
        is_read = True
        if broker.draws(_BREAKS):
            self._broken.set()
            is_read = broker.random.random() < 0.5
        if broker.draws(_HANGS):
            self._hangs = True
        if is_read and broker.health is Health.FULL:
            broker.throw_away(topic, payload)
        elif is_read:
            broker.deliver(topic, payload, sent_s)
        if not (self._hangs or self._broken.is_set()):
            answered.set()
