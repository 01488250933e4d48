"""A broker in memory for the MQTT feed in virtual time, which refuses, hangs, breaks and answers as a seed says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiomqtt

from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.feed.broker import BrokerLost, Link
from orchestrator.feed.messages import Message

# Of a hundred connections, and of a thousand messages of one.
_REFUSES, _HANGS, _BREAKS = 30, 20, 30


class MemoryBroker:
    """Has what was delivered, in its order; a connection breaks before or behind the message that does it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"broker/{seed}")
        self.is_well = False
        self.got: list[tuple[str, dict[str, Any]]] = []

    @asynccontextmanager
    async def connected(self, settings: MqttSettings, client_id: str, will: Message) -> AsyncIterator[Link]:
        """Connect, or refuse."""
        del settings, client_id, will
        await asyncio.sleep(0.01)
        if self.refuses():
            raise BrokerLost("no connection: refused")
        yield Link(_Connection(self))

    def refuses(self) -> bool:
        """Tell whether the next connection is refused."""
        return not self.is_well and self.random.randrange(100) < _REFUSES

    def draws(self, of_thousand: int) -> bool:
        """Tell whether something bad happens at this message."""
        return not self.is_well and self.random.randrange(1000) < of_thousand

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a kind, in the order in which they came."""
        return [body for topic, body in self.got if topic.endswith(f"/{kind}")]


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
        # The loss is noticed a while after it.
        await asyncio.sleep(self._broker.random.uniform(0.0, 20.0))
        if self._broken.is_set():
            raise aiomqtt.MqttError("broken")
        yield None

    async def publish(self, topic: str, payload: bytes, qos: int, retain: bool, *, timeout: float) -> None:  # noqa: ASYNC109 - the library's
        """Deliver a message and answer, or what goes wrong instead."""
        del retain, timeout
        if self._broken.is_set():
            # What left into a connection that is lost, and not known to be, raises nothing at QoS 0.
            if qos:
                await asyncio.Event().wait()
            return
        is_delivered = True
        if self._broker.draws(_BREAKS):
            self._broken.set()
            is_delivered = self._broker.random.random() < 0.5
        if self._broker.draws(_HANGS):
            self._hangs = True
        if is_delivered:
            self._broker.got.append((topic, json.loads(payload)))
        if qos and (self._hangs or self._broken.is_set()):
            await asyncio.Event().wait()
        await asyncio.sleep(0.001)
