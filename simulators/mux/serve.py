"""Serves a simulated switch to any client: over TCP, or as a serial port where the system has pseudo-terminals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from simulators.listening import listening
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
    async with listening(mux.handle, host, port) as listener:
        announce(listener.address)
        await asyncio.Event().wait()
