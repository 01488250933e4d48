"""Lines to a source meter by asyncio streams: a raw socket, or memory while time is virtual.

One command line out, at most one reply line back (reference smu-and-ovens, section 4). A byte that nobody asked for
shows that question and answer are no longer in step: the link refuses to go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, NoReply
from drivers.smu.wire import text_of
from drivers.transport.alarm import Alarm
from drivers.transport.line import Streams
from drivers.transport.line_framer import LineFramer

logger = logging.getLogger(__name__)

_CHUNK = 4096
_CLOSE_S = 1.0
_SHOWN = 80


class Unreachable(ConnectionFailed):
    """No connection was made at all."""


class Link(Protocol):
    """A line to one instrument. After any error, also a cancelled call, only ``close`` and ``open`` make sense."""

    name: str
    is_bound: bool
    """Whether no other instrument can come to stand at an open connection's far end, as at a serial port it can."""

    @property
    def keeps_time(self) -> bool:
        """Whether ``shout`` works beside a stuck event loop."""

    async def open(self) -> None:
        """Open the port. Raises ConnectionFailed."""

    async def close(self) -> None:
        """Close the port, waiting at most a second; it may be open, half open or closed already."""

    async def set_aside(self) -> None:
        """Part with a connection that has lost a reply: it can still be shouted at while another is opened."""

    async def let_go(self) -> None:
        """Close the connection that was set aside, if there is one."""

    @property
    def has_aside(self) -> bool:
        """Whether a connection is set aside, whose far end is known."""

    async def free(self) -> bool:
        """Make a closed port usable again that holds on to a client that died; False where nothing can be done."""

    async def send(self, line: str, timeout_s: float) -> None:
        """Send an order that is not answered. Raises NoReply, LinkClosed, BadReply."""

    async def ask(self, line: str, timeout_s: float) -> str:
        """Send a line and return the one that answers it. Raises NoReply, LinkClosed, BadReply."""

    async def clear(self) -> None:
        """Free an instrument that takes no commands, where the link can; a raw socket cannot."""

    def shout(self, line: str) -> None:
        """Send an order at once, from any thread, without waiting for anything; no reply to it is read.

        It goes to the connection that was set aside, where there is one.
        """


@dataclass(frozen=True, slots=True)
class _Way:
    """A connection: its writer, what it brings, and its socket for other threads, where there is one."""

    writer: asyncio.StreamWriter
    received: _Received
    socket: socket.socket | None

    def end(self) -> None:
        """Take nothing more: what an old connection still brings is no answer on the next."""
        name = self.received.name
        self.received.fault = self.received.fault or LinkClosed(f"{name} is closed")

    async def close(self) -> None:
        """Close both directions, waiting at most a second."""
        self.end()
        if self.socket is not None:
            self.socket.close()
        self.writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self.received.over.wait()


class StreamLink:
    """A pair of asyncio streams, of which each line is taken as it comes: bytes nobody asked for are seen."""

    is_bound = True

    def __init__(
        self,
        name: str,
        connect: Callable[[], Awaitable[Streams]],
        line_end: str = "\n",
        free: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self._connect, self._free = connect, free
        self._line_end = line_end
        self._way: _Way | None = None
        self._aside: _Way | None = None
        self._answer: asyncio.Future[str] | None = None
        self._late = Alarm(self._give_up)

    @property
    def keeps_time(self) -> bool:
        """Whether there is a real socket, which a thread can write to."""
        return self._way is not None and self._way.socket is not None

    @property
    def has_aside(self) -> bool:
        """Whether a connection is set aside."""
        return self._aside is not None

    async def open(self) -> None:
        """Connect, and begin to take lines."""
        try:
            reader, writer = await self._connect()
        except OSError as err:
            raise Unreachable(
                f"nobody answers at {self.name} ({err.strerror or err}): is it switched on, its network cable plugged "
                "in, and no other program connected to it?"
            ) from err
        own = writer.get_extra_info("socket")
        received = _Received(self.name, self._take)
        self._way = _Way(writer, received, None if own is None else own.dup())
        writer.transport.set_protocol(received)
        # What came before that, or the end of the line, is in the reader.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                received.take_early(await reader.read(_CHUNK))

    async def close(self) -> None:
        """Close both directions."""
        way, self._way = self._way, None
        self._late.close()
        if way is not None:
            await way.close()

    async def set_aside(self) -> None:
        """Keep the present way in the place of one that was kept before; nothing that it brings is taken any more."""
        if self._way is not None:
            await self.let_go()
            self._aside, self._way = self._way, None
            self._aside.end()

    async def let_go(self) -> None:
        """Close what was kept."""
        aside, self._aside = self._aside, None
        if aside is not None:
            await aside.close()

    async def free(self) -> bool:
        """Visit the port that makes the instrument let go, where the settings name one."""
        if self._free is None:
            return False
        await self._free()
        return True

    async def send(self, line: str, timeout_s: float) -> None:
        """Send an order; it waits for nothing: what takes no bytes gives no reply to the next question."""
        self._write(line)

    async def ask(self, line: str, timeout_s: float) -> str:
        """Send a line and wait for one."""
        self._answer = answer = asyncio.get_running_loop().create_future()
        self._late.set(timeout_s)
        try:
            self._write(line)
            text: str = await answer
        except TimeoutError as err:
            raise NoReply(f"{self.name} gave no reply to {line!r} in {timeout_s:g} s") from err
        finally:
            self._late.clear()
            self._answer = None
        logger.debug("%s <- %s", self.name, text)
        return text

    async def clear(self) -> None:
        """Do nothing: a raw socket has no device clear."""

    def shout(self, line: str) -> None:
        """Write to the socket beside the loop; a line that was cut off is ended first."""
        data = f"\n{line}{self._line_end}".encode("ascii")
        way = self._aside or self._way
        if way is not None and way.socket is not None:
            with contextlib.suppress(OSError):
                way.socket.send(data)
        elif way is not None:
            way.writer.write(data)

    def _write(self, line: str) -> None:
        if self._way is None:
            raise LinkClosed(f"{self.name} is not open")
        if self._way.received.fault is not None:
            raise self._way.received.fault
        logger.debug("%s -> %s", self.name, line)
        self._way.writer.write((line + self._line_end).encode("ascii"))

    def _take(self, got: str | ConnectionFailed) -> bool:
        """Answer the question that waits by a line or a fault; returns whether one did."""
        if self._answer is None or self._answer.done():
            return False
        if isinstance(got, str):
            self._answer.set_result(got)
        else:
            self._answer.set_exception(got)
        return True

    def _give_up(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(TimeoutError())


class _Received(asyncio.Protocol):
    """What one connection brings: lines, each handed on at once, until a ``fault``; ``over`` when it is closed.

    A task that reads, in its place, would cost a turn of the event loop more for each reply.
    """

    def __init__(self, name: str, take: Callable[[str | ConnectionFailed], bool]) -> None:
        self.fault: ConnectionFailed | None = None
        self.over = asyncio.Event()
        self.name, self._take = name, take
        self._framer = LineFramer()

    def take_early(self, data: bytes) -> None:
        """Take in what came before this protocol did; no bytes are the end of the line."""
        if data:
            self.data_received(data)
        else:
            self.eof_received()

    def data_received(self, data: bytes) -> None:
        """Hand a line on. Whatever is more than that, or not asked for, breaks the connection."""
        if self.fault is not None:
            return
        try:
            lines = self._framer.feed(data)
            if len(lines) > 1 or (lines and self._framer.pending):
                raise BadReply(f"{self.name} sent {data[:_SHOWN]!r} where one line belongs")
            for line in lines:
                if not self._take(text := text_of(line)):
                    raise BadReply(f"{self.name} sent {text!r}, which nobody asked for")
        except BadReply as err:
            self._break(err)

    def eof_received(self) -> None:
        """End the connection."""
        self._break(LinkClosed(f"{self.name} closed the connection; {self._framer.pending} bytes of a reply were left"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing comes any more."""
        self._break(LinkClosed(f"the line to {self.name} broke: {exc}" if exc else f"{self.name} is closed"))
        self.over.set()

    def _break(self, fault: ConnectionFailed) -> None:
        if self.fault is None:
            self.fault = fault
            self._take(fault)
