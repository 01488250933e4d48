"""Serves a simulated instrument over TCP in real or scaled time, for clients in any language."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from simulators.bench import SimulatedBench, read_cells
from simulators.chi660e.control import BenchControl

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
    chi_port: int | None = None,
    chi_channel: str | None = None,
    announce_chi: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve a CT-4008 until cancelled, or until nobody has been connected for `idle_exit_s`.

    `speed` is simulated seconds per real second, port 0 picks a free one, and `announce` is called with
    `host:port` once clients can connect. With `chi_port` (0: a free one) a CHI660E stands beside the rack:
    `announce_chi` is then called with the address of its control socket, and its leads are on `chi_channel`.
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
        speed=speed,
    )
    if chi_channel is not None and chi_channel not in bench.tester.channels:
        raise ValueError(f"no channel {chi_channel}; there are {', '.join(bench.tester.channels)}")
    bench.clip(chi_channel)
    control = BenchControl(bench.leads)
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
        if chi_port is not None:
            announce_chi(await control.start(chi_port))
        used_s = loop.time()
        while idle_exit_s is None or loop.time() - used_s < idle_exit_s:
            used_s = loop.time() if connections or control.connected else used_s
            bench.tester.advance()
            await asyncio.sleep(_CATCH_UP_S)
    finally:
        await control.close()
        server.close()
        for writer in tuple(connections):
            writer.close()
        await server.wait_closed()
