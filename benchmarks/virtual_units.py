"""Simulated units of eight channels in virtual time, as many as a benchmark needs, behind the CT-4008's driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.programs import CELL
from drivers.interfaces import BatteryTester
from drivers.neware.opening import open_tester
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S, wall_time
from simulators.bench import SimulatedBench, cell_seed
from simulators.cells import load_cell
from simulators.memory_streams import connect_memory
from simulators.neware.tester import Unit


@asynccontextmanager
async def open_units(
    numbers: Collection[int], folder: Path, poll_period_s: float
) -> AsyncIterator[tuple[BatteryTester, SimulatedBench]]:
    """Open units of coated Li/Li cells by their numbers; step files go into ``folder``."""
    units = [Unit(subdevid=n) for n in numbers]
    cells = {name: load_cell(CELL, seed=cell_seed(1, name)) for unit in units for name in unit.names()}
    loop = asyncio.get_running_loop()
    bench = SimulatedBench(loop.time, DEMO_EPOCH_UNIX_S, units, cells, seed=1, negative_voltage=True)
    settings = NewareSettings(
        step_files=folder,
        step_files_on_bts_pc=str(folder),
        poll_period_s=poll_period_s,
        units=tuple(UnitSettings(devid=21, subdevid=n, voltage_low_v=-5.0) for n in numbers),
    )

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(bench.handle)

    async with open_tester(settings, wall_time, connect) as tester:
        yield tester, bench
