"""A simulated rack with its driver, in virtual time, over memory or TCP: what tests of the whole path stand on."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drivers.interfaces import Sample, TestIdentity
from drivers.neware.client import NewareClient, tcp
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S, wall_time
from protocols.loading import load_cell as load_cell_file
from protocols.loading import load_recipe
from protocols.program import ConstantCurrent, CyclingSegment, Loop, Program, Record, Rest, Until
from protocols.resolve import resolve
from simulators.bench import SimulatedBench
from simulators.cells import load_cell
from simulators.memory_streams import connect_memory
from simulators.neware.settings import Quirks
from simulators.neware.tester import Unit
from tests.spoiled import SpoiledTester

CHANNEL = "21-1-3"


@dataclass
class Rig:
    """A driver and the simulated rack behind it, which another process would reach at a port of this machine."""

    tester: SpoiledTester
    bench: SimulatedBench
    port: int = field(default=0, kw_only=True)


@asynccontextmanager
async def open_rig(
    transport: str = "memory",
    *,
    cells: Mapping[str, str] | None = None,
    quirks: Quirks | None = None,
    seed: int = 1,
    negative_voltage: bool = True,
    devid: int = 21,
    **settings: Any,  # noqa: ANN401 - fields of NewareSettings
) -> AsyncIterator[Rig]:
    """Open one unit of eight channels, with coated Li/Li cells unless told otherwise; ``transport`` memory or tcp."""
    loop = asyncio.get_running_loop()
    names = {f"{devid}-1-{n}": "coated-li-li" for n in range(1, 9)} | dict(cells or {})
    bench = SimulatedBench(
        loop.time,
        getattr(loop, "epoch_unix_s", DEMO_EPOCH_UNIX_S),
        [Unit(devid=devid, subdevid=1)],
        {channel: load_cell(name, seed=seed) for channel, name in names.items()},
        seed=seed,
        negative_voltage=negative_voltage,
        quirks=quirks,
    )

    async def over_memory() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(bench.handle)

    connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await bench.handle(reader, writer)
        finally:
            writer.close()
            connections.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    with tempfile.TemporaryDirectory() as folder:
        own = NewareSettings(
            step_files=Path(folder),
            step_files_on_bts_pc=folder,
            units=(UnitSettings(devid=devid, subdevid=1, voltage_low_v=-5.0 if negative_voltage else 0.025),),
            **settings,
        )
        connect = over_memory if transport == "memory" else tcp(host, port)
        client = NewareClient(connect, own.username, own.password, own.reply_timeout_s)
        tester = SpoiledTester(own, client, wall_time)
        try:
            await tester.open()
            yield Rig(tester, bench, port=port)
        finally:
            await tester.close()
            server.close()
            for task in tuple(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            await server.wait_closed()


def li_li_program(cycles: int = 3, half_cycle_s: float = 3600.0, recipe: str = "li-li-0.2") -> Program:
    """Give a shipped Li/Li recipe for the coated cell, cut to fewer or shorter cycles."""
    program = resolve(load_recipe(recipe), load_cell_file("coated-li-li"))
    (segment,) = program.cycling
    steps = tuple(
        replace(step, times=cycles)
        if isinstance(step, Loop)
        else replace(step, until=replace(step.until, time_s=min(half_cycle_s, step.until.time_s or half_cycle_s)))
        if isinstance(step, ConstantCurrent)
        else step
        for step in segment.steps
    )
    return replace(program, segments=(replace(segment, steps=steps),))


def short_segment(rest_s: float = 20.0) -> CyclingSegment:
    """Give a segment that takes little over a minute: rest, charge, discharge."""
    (segment,) = li_li_program().cycling
    steps = (
        Rest(Until(time_s=rest_s)),
        ConstantCurrent(157.08e-6, Until(time_s=30.0, voltage_v=0.5)),
        ConstantCurrent(-157.08e-6, Until(time_s=30.0, voltage_v=-0.5)),
    )
    return replace(segment, steps=steps, record=Record(every_s=5.0))


def same_rows(bench: SimulatedBench, samples: list[Sample], test_id: int, channel: str = CHANNEL) -> None:
    """Assert that samples equal the tester's own memory, row for row and value for value."""
    rows = bench.tester.records(channel, test_id)
    assert len(samples) == len(rows)
    for sample, row in zip(samples, rows, strict=True):
        mine = (
            sample.sequence,
            sample.step,
            sample.tester_cycle,
            round(sample.step_time_s * 1000),
            round(sample.time_s * 10),
        )
        assert mine == (row.seq, row.step, row.cycle, row.step_time_ms, row.tick - rows[0].tick)
        for name in ("voltage_v", "current_a", "capacity_ah", "energy_wh"):
            assert getattr(sample, name) == float(f"{getattr(row, name):.15g}"), (sample.sequence, name)


async def started(rig: Rig, rest_s: float = 20.0) -> TestIdentity:
    """Load and start the short segment."""
    return await rig.tester.start(await rig.tester.load(CHANNEL, short_segment(rest_s), "R000001"), "R000001")
