"""Connects a client and a server in one process by byte streams in memory, without the kernel and without delay.

Both ends are asyncio's own ``StreamReader`` and ``StreamWriter`` over an in-memory transport, so that framing, flow
control and end of file are the real ones while a virtual-time loop runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

_HIGH_WATER_BYTES = 1 << 18

_running: set[asyncio.Task[None]] = set()
"""Server ends at work: the loop itself keeps only weak references to tasks."""


class MemoryTransport(asyncio.Transport):
    """One end of a byte stream; what is written arrives at the peer's protocol in the loop's next turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol, name: str) -> None:
        """Belong to ``protocol``; ``name`` is this end's address."""
        super().__init__({"peername": ("memory", 0), "sockname": (name, 0)})
        self._loop = loop
        self._protocol = protocol
        self._peer: MemoryTransport | None = None
        self._inbox = bytearray()
        self._reading_paused = False
        self._writing_paused = False
        self._scheduled = False
        self._ending = False
        self._sent_eof = False
        self._got_eof = False
        self._eof_delivered = False
        self._closing = False
        self._lost = False

    def join(self, peer: MemoryTransport) -> None:
        """Write to ``peer`` from now on."""
        self._peer = peer

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Deliver to another protocol from now on."""
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError(f"{protocol} takes no stream of bytes")
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol that is delivered to."""
        return self._protocol

    # Writing ---------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes; after a close they are dropped, as a socket transport does."""
        peer = self._peer
        if self._closing or self._sent_eof or peer is None or not data:
            return
        peer.take(bytes(data))

    def can_write_eof(self) -> bool:
        """Say that one direction can be ended alone."""
        return True

    def write_eof(self) -> None:
        """End this direction."""
        if not self._sent_eof and self._peer is not None:
            self._sent_eof = True
            self._peer.take_eof()

    def get_write_buffer_size(self) -> int:
        """Return the bytes the other end has not read."""
        return len(self._peer.waiting) if self._peer is not None else 0

    # Arriving --------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bytearray:
        """Return the bytes that have arrived and not been delivered."""
        return self._inbox

    def take(self, data: bytes) -> None:
        """Accept bytes from the peer."""
        if self._lost:
            return
        self._inbox += data
        if len(self._inbox) > _HIGH_WATER_BYTES and self._peer is not None:
            self._peer.pause_writing()
        self._schedule()

    def take_eof(self) -> None:
        """Accept the end of the peer's direction."""
        self._got_eof = True
        self._schedule()

    def pause_writing(self) -> None:
        """Report to our protocol that the peer is full."""
        if not self._writing_paused:
            self._writing_paused = True
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Report to our protocol that the peer has room again."""
        if self._writing_paused:
            self._writing_paused = False
            self._protocol.resume_writing()

    def pause_reading(self) -> None:
        """Hold arriving bytes back."""
        self._reading_paused = True

    def resume_reading(self) -> None:
        """Deliver the bytes that were held back."""
        self._reading_paused = False
        self._schedule()

    def is_reading(self) -> bool:
        """Return whether bytes are delivered as they come."""
        return not self._reading_paused and not self._closing

    def _schedule(self) -> None:
        if not self._scheduled and not self._lost:
            self._scheduled = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        if self._reading_paused or self._lost or self._closing:
            return
        if self._inbox:
            data = bytes(self._inbox)
            self._inbox.clear()
            self._protocol.data_received(data)
            if self._peer is not None:
                self._peer.resume_writing()
        if self._got_eof and not self._inbox and not self._eof_delivered:
            self._eof_delivered = True
            if not self._protocol.eof_received():
                self.close()

    # Ending ----------------------------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        """Return whether this end is closed or about to be."""
        return self._closing

    def close(self) -> None:
        """Close this end; the peer still reads what was sent, then sees the end."""
        if self._closing:
            return
        self._closing = True
        self.write_eof()
        self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        """Break the stream: the peer loses it at once, unread bytes are gone."""
        peer = self._peer
        self._closing = True
        self._loop.call_soon(self._lose, None)
        if peer is not None and not peer.is_closing():
            peer.reset()

    def reset(self) -> None:
        """Lose the stream because the peer has broken it."""
        self._closing = True
        self._loop.call_soon(self._lose, ConnectionResetError("the other end has broken the stream"))

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._inbox.clear()
            if self._peer is not None:
                self._peer.resume_writing()
            self._protocol.connection_lost(error)


def connect_memory(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to ``handler``, which serves the other end in a task of its own; return the client's streams.

    What the handler raises goes to the loop's exception handler, and the client sees the end of the stream.
    """
    loop = asyncio.get_running_loop()
    ends = []
    for name in ("client", "server"):
        reader = asyncio.StreamReader(limit=1 << 20, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport = MemoryTransport(loop, protocol, name)
        protocol.connection_made(transport)
        ends.append((reader, asyncio.StreamWriter(transport, protocol, reader, loop), transport))
    (reader, writer, near), (far_reader, far_writer, far) = ends
    near.join(far)
    far.join(near)
    task = loop.create_task(_serve(handler, far_reader, far_writer), name="memory stream server")
    _running.add(task)
    task.add_done_callback(_running.discard)
    return reader, writer


async def _serve(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Run the server's end; whatever happens, its stream is closed and an error is reported."""
    try:
        await handler(reader, writer)
    except Exception as error:  # noqa: BLE001 -- a task's root: reported to the loop, never lost
        asyncio.get_running_loop().call_exception_handler(
            {"message": "the handler of an in-memory stream failed", "exception": error}
        )
    finally:
        writer.close()
