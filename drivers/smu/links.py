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
from typing import Protocol

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, NoReply
from drivers.smu.wire import text_of
from drivers.transport.line import Streams
from drivers.transport.line_framer import LineFramer

logger = logging.getLogger(__name__)

_CHUNK = 4096
_CLOSE_S = 1.0
_SHOWN = 80


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

    async def free(self) -> bool:
        """Make a closed port usable again that holds on to a client that died; False where nothing can be done."""

    async def send(self, line: str, timeout_s: float) -> None:
        """Send an order that is not answered. Raises NoReply, LinkClosed, BadReply."""

    async def ask(self, line: str, timeout_s: float) -> str:
        """Send a line and return the one that answers it. Raises NoReply, LinkClosed, BadReply."""

    async def clear(self) -> None:
        """Free an instrument that takes no commands, where the link can; a raw socket cannot."""

    def shout(self, line: str) -> None:
        """Send an order at once, from any thread, without waiting for anything; no reply to it is read."""


class StreamLink:
    """A pair of asyncio streams. A task reads all the time, so that bytes nobody asked for are seen."""

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
        self._writer: asyncio.StreamWriter | None = None
        self._socket: socket.socket | None = None
        self._pump: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[str] | None = None
        self._fault: ConnectionFailed | None = None

    @property
    def keeps_time(self) -> bool:
        """Whether there is a real socket, which a thread can write to."""
        return self._socket is not None

    async def open(self) -> None:
        """Connect, and begin to read."""
        try:
            reader, writer = await self._connect()
        except OSError as err:
            raise ConnectionFailed(
                f"nobody answers at {self.name} ({err.strerror or err}): is it switched on, its network cable plugged "
                "in, and no other program connected to it?"
            ) from err
        self._writer, self._fault = writer, None
        own = writer.get_extra_info("socket")
        self._socket = None if own is None else own.dup()
        self._pump = asyncio.get_running_loop().create_task(self._read(reader), name=f"read {self.name}")

    async def close(self) -> None:
        """Close both directions."""
        pump, self._pump = self._pump, None
        writer, self._writer = self._writer, None
        own, self._socket = self._socket, None
        if own is not None:
            own.close()
        if pump is not None:
            pump.cancel()
        if writer is not None:
            writer.close()
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(_CLOSE_S):
                    await writer.wait_closed()
        if pump is not None:
            await asyncio.wait({pump})

    async def free(self) -> bool:
        """Visit the port that makes the instrument let go, where the settings name one."""
        if self._free is None:
            return False
        await self._free()
        return True

    async def send(self, line: str, timeout_s: float) -> None:
        """Send an order."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._write(line)
        except TimeoutError as err:
            raise NoReply(f"{self.name} takes no bytes for {timeout_s:g} s") from err

    async def ask(self, line: str, timeout_s: float) -> str:
        """Send a line and wait for one."""
        self._answer = answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await self._write(line)
                text: str = await answer
        except TimeoutError as err:
            raise NoReply(f"{self.name} gave no reply to {line!r} in {timeout_s:g} s") from err
        finally:
            self._answer = None
        logger.debug("%s <- %s", self.name, text)
        return text

    async def clear(self) -> None:
        """Do nothing: a raw socket has no device clear."""

    def shout(self, line: str) -> None:
        """Write to the socket beside the loop; a line that was cut off is ended first."""
        data = f"\n{line}{self._line_end}".encode("ascii")
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(data)
        elif self._writer is not None:
            self._writer.write(data)

    async def _write(self, line: str) -> None:
        if self._fault is not None:
            raise self._fault
        if self._writer is None:
            raise LinkClosed(f"{self.name} is not open")
        logger.debug("%s -> %s", self.name, line)
        try:
            self._writer.write((line + self._line_end).encode("ascii"))
            await self._writer.drain()
        except OSError as err:
            raise LinkClosed(f"the line to {self.name} broke: {err}") from err

    async def _read(self, reader: asyncio.StreamReader) -> None:
        framer = LineFramer()
        try:
            while data := await reader.read(_CHUNK):
                lines = framer.feed(data)
                if len(lines) > 1 or (lines and framer.pending):
                    raise BadReply(f"{self.name} sent {data[:_SHOWN]!r} where one line belongs")
                for line in lines:
                    self._take(text_of(line))
            raise LinkClosed(f"{self.name} closed the connection; {framer.pending} bytes of a reply were left")
        except ConnectionFailed as err:
            self._break(err)
        except OSError as err:
            self._break(LinkClosed(f"the line to {self.name} broke: {err}"))

    def _take(self, text: str) -> None:
        if self._answer is None or self._answer.done():
            raise BadReply(f"{self.name} sent {text!r}, which nobody asked for")
        self._answer.set_result(text)

    def _break(self, fault: ConnectionFailed) -> None:
        self._fault = fault
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(fault)
