"""Serves a simulated instrument over TCP in real or scaled time, for clients in any language."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from simulators.bench import SimulatedBench, read_cells

_CATCH_UP_S = 0.5
"""How often the rack is brought to now when nobody asks, so that no question finds weeks to be computed."""


async def serve_ct4008(
    host: str = "127.0.0.1",
    port: int = 502,
    units: int = 1,
    speed: float = 1.0,
    seed: int = 1,
    negative_voltage: bool = False,
    cells_file: str | Path | None = None,
    announce: Callable[[str], None] = lambda address: None,
    idle_exit_s: float | None = None,
) -> None:
    """Serve a CT-4008 until cancelled, or until nobody has been connected for `idle_exit_s`.

    `speed` is simulated seconds per real second, port 0 picks a free one, and `announce` is called with
    `host:port` once clients can connect.
    """
    if not speed > 0.0:
        raise ValueError(f"speed is {speed}, expected simulated seconds per real second above 0")
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    bench = SimulatedBench(
        clock=lambda: (loop.time() - start_s) * speed,
        epoch_unix_s=time.time(),
        units=units,
        cells=None if cells_file is None else read_cells(cells_file, seed),
        seed=seed,
        negative_voltage=negative_voltage,
    )
    connections: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        try:
            await bench.handle(reader, writer)
        finally:
            connections.discard(writer)

    server = await asyncio.start_server(handle, host, port)
    try:
        bound_host, bound_port = server.sockets[0].getsockname()[:2]
        announce(f"{bound_host}:{bound_port}")
        used_s = loop.time()
        while idle_exit_s is None or loop.time() - used_s < idle_exit_s:
            used_s = loop.time() if connections else used_s
            bench.tester.advance()
            await asyncio.sleep(_CATCH_UP_S)
    finally:
        server.close()
        for writer in tuple(connections):
            writer.close()
        await server.wait_closed()
