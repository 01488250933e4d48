"""A pseudo-terminal with a simulated instrument at its far end: a serial port that can be pulled out (POSIX only)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class PseudoTerminal:
    """A serial port at ``link``, as the system would name an adapter, served by ``handler``.

    ::

        async with PseudoTerminal(folder / "ttyUSB0", mux.handle) as terminal:
            ...                     # a client opens folder / "ttyUSB0"
            terminal.pull_out()     # its reads and writes fail from now on

    A client may close the port and open it again. When the handler ends, the adapter is pulled out.
    """

    def __init__(self, link: Path, handler: Handler) -> None:
        """Choose the port's name; nothing is opened yet."""
        self.link = link
        self._handler = handler
        self._task: asyncio.Task[None] | None = None
        self._transports: list[asyncio.BaseTransport] = []
        self._port_side: int | None = None
        self._device = Path()

    async def __aenter__(self) -> PseudoTerminal:
        """Plug in."""
        if sys.platform == "win32":
            raise OSError("pseudo-terminals need a POSIX system; use TCP")
        import pty
        import tty

        near, far = pty.openpty()
        tty.setraw(far)
        # Held open, so that a client that closes the port does not end the terminal.
        self._port_side = far
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        incoming, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader, loop=loop), os.fdopen(os.dup(near), "rb", 0)
        )
        outgoing, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), loop=loop), os.fdopen(near, "wb", 0)
        )
        self._transports = [incoming, outgoing]
        writer = asyncio.StreamWriter(outgoing, protocol, reader, loop)
        # Replaced as a link, so that a name which another adapter had goes to this one.
        self.link.unlink(missing_ok=True)
        self._device = Path(os.ttyname(far))
        self.link.symlink_to(self._device)
        self._task = loop.create_task(self._serve(reader, writer), name=f"pseudo-terminal {self.link.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Pull out and wait until the far end has noticed."""
        self.pull_out()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def pull_out(self) -> None:
        """Break the line at once, whatever is on it (fault A01); the port's name goes as well."""
        for transport in self._transports:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
            else:
                transport.close()
        self._transports = []
        if self._port_side is not None:
            if self.link.is_symlink() and self.link.readlink() == self._device:
                self.link.unlink()
            os.close(self._port_side)
            self._port_side = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._handler(reader, writer)
        finally:
            self.pull_out()
