"""What drivers at a spoiled wire have in common in tests: the instrument is in memory, and so is the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from typing import Any

from drivers.testing import SpoiledWire, Wired, WireFacts
from drivers.testing.spoiled_wire import Connect, Handler
from simulators.memory_streams import connect_memory

NO_CHECKSUM = {"wrong checksum": "the wire has none"}
ONE_MASTER = {"a second master": "a socket, or a serial line with two ends"}
Make = Callable[[], AbstractAsyncContextManager[Wired]]

QUICK = {"reconnect_first_s": 0.2, "reconnect_longest_s": 1.0}


def reach(handler: Handler) -> Connect:
    """Return how an instrument in memory is reached."""

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(handler)

    return connect


class InMemory:
    """What the rows of this file have in common: the instrument is in memory, and nothing but its wire is spoiled."""

    def __init__(self, facts: WireFacts, handler: Handler) -> None:
        self.facts = facts
        self.wire = SpoiledWire(reach(handler), facts.cut, is_cable=facts.is_cable, late_s=facts.late_s)
        self.connect = self.wire.through(connect_memory)
        self.steps = count(1)

    async def begin(self) -> None:
        """Have it as it is."""

    async def drive(self) -> None:
        """Give no current."""

    async def order(self) -> None:
        """Order nothing."""

    def is_obeyed(self) -> bool:
        """Say yes."""
        return True

    async def make_safe(self) -> None:
        """Change nothing."""

    def is_safe(self) -> bool:
        """Say yes."""
        return True

    def joined(self, handler: Handler) -> Connect:
        """Reach a stranger in memory."""
        return reach(handler)


@asynccontextmanager
async def fresh(make: Callable[[], Any]) -> AsyncIterator[Wired]:
    """Make one, and close it with its wire."""
    it = make()
    try:
        yield it
    finally:
        it.wire.plug()
        it.wire.mend()
        await it.close()
        await it.wire.close()
