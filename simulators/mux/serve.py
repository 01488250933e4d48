"""Serves a simulated switch to any client: over TCP, or as a serial port where the system has pseudo-terminals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from simulators.mux.server import SimulatedMux
from simulators.mux.terminal import PseudoTerminal


async def serve_mux(
    host: str = "127.0.0.1",
    port: int = 5025,
    ports: int = 8,
    announce: Callable[[str], None] = lambda address: None,
    on_select: Callable[[int | None], None] = lambda port: None,
    terminal: Path | None = None,
) -> None:
    """Serve a switch with ``ports`` relays until cancelled.

    ``announce`` is called with ``host:port`` (port 0 picks a free one) once clients can connect, or with the path of
    ``terminal`` when a serial port of that name is asked for instead of TCP.
    """
    mux = SimulatedMux(ports, on_select)
    if terminal is not None:
        async with PseudoTerminal(terminal, mux.handle):
            announce(str(terminal))
            await asyncio.Event().wait()
    connections: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        try:
            await mux.handle(reader, writer)
        finally:
            connections.discard(writer)

    server = await asyncio.start_server(handle, host, port)
    try:
        bound_host, bound_port = server.sockets[0].getsockname()[:2]
        announce(f"{bound_host}:{bound_port}")
        await asyncio.Event().wait()
    finally:
        server.close()
        for writer in tuple(connections):
            writer.close()
        await server.wait_closed()
