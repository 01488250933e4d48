"""Serves connections over TCP, and hangs up on all of them in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

_TURNS_TO_END = 10
"""Within so many turns of the loop whoever serves a client sees the end of its stream, and ends in order."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What serves one connection until its end."""


class Listener:
    """A server and who is connected to it."""

    def __init__(self) -> None:
        self.address = ""
        self.writers: set[asyncio.StreamWriter] = set()

    @property
    def connected(self) -> bool:
        """Whether any client is connected."""
        return bool(self.writers)


@asynccontextmanager
async def listening(handle: Handler, host: str, port: int) -> AsyncIterator[Listener]:
    """Serve connections at an address (port 0 picks a free one); hang up on all of them in the end."""
    listener = Listener()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.writers.add(writer)
        try:
            await handle(reader, writer)
        finally:
            listener.writers.discard(writer)

    server = await asyncio.start_server(serve, host, port)
    bound_host, bound_port = server.sockets[0].getsockname()[:2]
    listener.address = f"{bound_host}:{bound_port}"
    try:
        yield listener
    finally:
        server.close()
        for writer in tuple(listener.writers):
            writer.close()
        for _ in range(_TURNS_TO_END):
            if not listener.writers:
                break
            await asyncio.sleep(0)
        await server.wait_closed()
