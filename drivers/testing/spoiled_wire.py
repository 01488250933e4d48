"""A wire between a driver and an instrument that spoils replies, is pulled out, and leads to another instrument.

It knows neither side: bytes go through it, replies one by one. The command has reached the instrument by the time its
reply is spoiled, as it has in a laboratory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from drivers.testing.messages import Cut

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Passing:
    """A reply on its way to the driver, and the two that a fault may put in its place.

    ``first`` is the first reply that ever came over this wire, ``before`` the one before this to the same driver;
    ``late_s`` is longer than the driver waits.
    """

    reply: bytes
    first: bytes
    before: bytes
    late_s: float
    send: Callable[[bytes], None]
    """Lets bytes arrive at the driver: on a cable also at one that has opened the port anew meanwhile."""
    wire: SpoiledWire


Spoil = Callable[[Passing], Awaitable[None]]


class SpoiledWire:
    """The way between a driver and the instrument that ``connect`` reaches.

    ``handle`` serves the driver's end: in memory, behind a TCP server or a pseudo-terminal. ``is_cable``: what the
    instrument sends arrives at whoever has the port open, as on a serial line, also what an earlier question left.
    """

    def __init__(self, connect: Connect, cut: Cut, *, is_cable: bool, late_s: float) -> None:
        self.requests: list[bytes] = []
        """What the driver has sent, one item for each time that it wrote."""
        self.asked_after: list[int] = []
        """After how many replies each of them was sent."""
        self.replies = 0
        """How many replies have come from the instrument."""
        self._asked = asyncio.Event()
        self._connect, self._cut = connect, cut
        self._is_cable = is_cable
        self._late_s = late_s
        self._is_plugged = True
        self._drivers: list[asyncio.StreamWriter] = []
        self._peers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._first = self._before = b""
        self._spoil: Spoil | None = None
        self._spared, self._times = 0, 0
        self._late: set[asyncio.Task[None]] = set()

    @property
    def destination(self) -> Connect:
        """How the instrument is reached that the wire leads to."""
        return self._connect

    # What a test does ------------------------------------------------------------------------------------------

    def spoil(self, spoil: Spoil, *, spared: int = 0, for_good: bool = False) -> None:
        """Spoil the next reply but so many, or every one from there on."""
        self._spoil, self._spared, self._times = spoil, spared, -1 if for_good else 1

    def mend(self) -> None:
        """Spoil nothing any more; what is late still comes."""
        self._spoil = None

    def say(self, data: bytes) -> None:
        """Let bytes that nobody asked for arrive at the driver."""
        if self._drivers:
            _write(self._drivers[-1], data)

    async def next_question(self, at_most_s: float) -> None:
        """Wait until the driver sends something again, at most for so long."""
        self._asked.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._asked.wait()

    def hang_up(self) -> None:
        """Break the connections that there are."""
        for driver in tuple(self._drivers):
            driver.transport.abort()
        if not self._is_cable:
            self._leave_peers()

    def unplug(self) -> None:
        """Pull the plug: the connection breaks, and no new one is made."""
        self._is_plugged = False
        self.hang_up()

    def plug(self) -> None:
        """Put the plug in again."""
        self._is_plugged = True

    def lead_to(self, connect: Connect, cut: Cut = len) -> None:
        """Lead to another instrument from the next connection on; the present one breaks."""
        self.hang_up()
        self._leave_peers()
        self._connect, self._cut = connect, cut

    async def close(self) -> None:
        """End everything that is under way."""
        self.unplug()
        self._leave_peers()
        for task in tuple(self._late):
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    # What a driver sees ----------------------------------------------------------------------------------------

    def through(self, join: Callable[[Handler], Streams]) -> Connect:
        """Return how the driver connects; ``join`` makes two ends in memory and serves one of them."""

        async def connect() -> Streams:
            if not self._is_plugged:
                raise ConnectionRefusedError(111, "Connection refused")
            return join(self.handle)

        return connect

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the driver until either side ends it."""
        if not self._is_plugged:
            writer.close()
            return
        self._drivers.append(writer)
        peer: asyncio.StreamWriter | None = None
        try:
            peer = await self._reach_peer(writer)
            while data := await reader.read(_CHUNK):
                self.requests.append(data)
                self.asked_after.append(self.replies)
                self._asked.set()
                peer.write(data)
                await peer.drain()
        except OSError:
            pass  # either side is gone
        finally:
            self._drivers.remove(writer)
            if peer is not None and not self._is_cable:
                self._leave(peer)
            writer.close()

    # The other side --------------------------------------------------------------------------------------------

    async def _reach_peer(self, driver: asyncio.StreamWriter) -> asyncio.StreamWriter:
        """Connect to the instrument; on a cable only where nobody has before."""
        for peer in tuple(self._peers) if self._is_cable else ():
            if not peer.is_closing():
                return peer
            self._leave(peer)
        reader, peer = await self._connect()
        to = None if self._is_cable else driver
        self._peers[peer] = asyncio.get_running_loop().create_task(self._bring(reader, to), name="spoiled wire")
        return peer

    def _leave(self, peer: asyncio.StreamWriter) -> None:
        if (pump := self._peers.pop(peer, None)) is not None:
            pump.cancel()
        peer.close()

    def _leave_peers(self) -> None:
        for peer in tuple(self._peers):
            self._leave(peer)

    async def _bring(self, reader: asyncio.StreamReader, driver: asyncio.StreamWriter | None) -> None:
        """Bring what the instrument sends, one whole reply after another; without ``driver`` to whoever is there."""
        buffer = b""
        send = self.say if driver is None else partial(_write, driver)
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                buffer += data
                while size := self._cut(buffer):
                    reply, buffer = buffer[:size], buffer[size:]
                    await self._pass(reply, send)
        send(buffer)
        for one in tuple(self._drivers) if driver is None else (driver,):
            one.close()

    async def _pass(self, reply: bytes, send: Callable[[bytes], None]) -> None:
        passing = Passing(reply, self._first or reply, self._before or reply, self._late_s, send, self)
        self.replies += 1
        self._first, self._before = self._first or reply, reply
        spoil = self._due()
        if spoil is None:
            self.say(reply)
        else:
            # What takes time holds up no later reply.
            task = asyncio.ensure_future(spoil(passing))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            await asyncio.sleep(0)

    def _due(self) -> Spoil | None:
        if self._spoil is None:
            return None
        if self._spared:
            self._spared -= 1
            return None
        spoil = self._spoil
        if self._times > 0:
            self._spoil = None
        return spoil


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if data and not writer.is_closing():
        writer.write(data)
