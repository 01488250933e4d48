"""A simulated rack whose replies take 50 to 500 ms, as a process: ``python -m benchmarks.late_rack UNITS SEED``.

It says where it listens. Replies are prompt until it is told ``late``, so that a benchmark need not wait for starts.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from random import Random

from simulators.bench import SimulatedBench, cell_seed
from simulators.cells import load_cell
from simulators.faults import Wire
from simulators.neware.tester import Unit

LEAST_S, MOST_S = 0.05, 0.5


class LateWire(Wire):
    """Holds every reply back for a while, as long as its seed says."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.is_late = False
        self._random = Random(f"late/{seed}")

    async def send(self, writer: asyncio.StreamWriter, command: str, data: bytes, cuts: Sequence[int] = ()) -> bool:
        """Send a reply late."""
        if self.is_late:
            await asyncio.sleep(self._random.uniform(LEAST_S, MOST_S))
        return await super().send(writer, command, data, cuts)


async def serve(units: int, seed: int) -> None:
    """Serve until stdin ends."""
    built = [Unit(subdevid=n) for n in range(1, units + 1)]
    cells = {name: load_cell("coated-li-li", seed=cell_seed(seed, name)) for unit in built for name in unit.names()}
    bench = SimulatedBench(asyncio.get_running_loop().time, time.time(), built, cells, seed=seed, negative_voltage=True)
    wire = bench.bts.wire = bench.wire = LateWire(seed)
    async with await asyncio.start_server(bench.handle, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        while word := await asyncio.to_thread(sys.stdin.readline):
            wire.is_late = word.strip() == "late"


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
