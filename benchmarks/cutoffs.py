"""How far a cell is past a cutoff in the last record of a step, on a CT-4008, a CHI660E and a stepped source meter.

Every instrument charges and discharges the same simulated LFP cells by the same programs, in virtual time, with its own
noise and resolution. Each half-cycle is a test of its own, because a CHI660E goes on after no limit; it shows no row
after one either, so that its last record lies before the cutoff: how far is a figure of its own. What an instrument
does between two readings no record shows; the source of voltage of a stepped tester lets no cell past its level.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Size, percentile_99
from drivers.interfaces import BatteryTester, ChannelState
from drivers.neware.opening import open_tester
from drivers.neware.settings import NewareSettings, UnitSettings
from drivers.smu import SmuModel, SmuSettings, SmuUnitSettings, build_tester
from orchestrator.bench.simulated import SIMULATED_CHI, SIMULATED_CHI_CELL, open_simulated_cycler
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S, run_virtual, wall_time
from protocols.program import Ceiling, CellFacts, ConstantCurrent, CyclingSegment, Limits, Program, Record, Until
from protocols.program import VoltageBand as Band
from simulators.bench import SimulatedBench
from simulators.cells import CellModel, load_cell
from simulators.memory_streams import connect_memory
from simulators.neware.tester import Unit
from simulators.smu import SimulatedSmu

CELL = "bare-lfp"
CHARGE_V, DISCHARGE_V = 3.8, 2.5
# One to five times the capacity in an hour: the faster, the steeper is the end.
LEAST_A, MOST_A = 2e-4, 9e-4
INTERVAL_S = 0.25
# So far from its cutoff a half-cycle begins.
NEAR_V = 0.1
_LIMITS = Limits(Band(2.2, 4.1), Band(2.1, 4.2), Band(1.5, 5.0), 1.05e-3, 1.1e-3, 1.2e-3)
_SMU, _SERIAL = "smu-1", "4000001"

Opened = Callable[[CellModel], AbstractAsyncContextManager[tuple[BatteryTester, str]]]


def half_cycle(current_a: float) -> Program:
    """Give a program of one step to its cutoff."""
    cutoff_v = CHARGE_V if current_a > 0 else DISCHARGE_V
    # A CHI660E takes no step that ends at a voltage only.
    step = ConstantCurrent(current_a, Until(voltage_v=cutoff_v, time_s=3600.0), Ceiling(capacity_ah=1e-3))
    segment = CyclingSegment((step,), Record(every_s=1.0), _LIMITS)
    return Program("cutoffs", "", CellFacts(CELL, "lfp"), (segment,))


@asynccontextmanager
async def ct4008(cell: CellModel) -> AsyncIterator[tuple[BatteryTester, str]]:
    """Open a CT-4008 with a cell in its first channel."""
    with tempfile.TemporaryDirectory(prefix="cellrig-cutoffs-") as folder:
        unit = UnitSettings(devid=21, subdevid=1, voltage_low_v=-5.0)
        settings = NewareSettings(step_files=Path(folder), step_files_on_bts_pc=folder, units=(unit,))
        bench = _bench(cell)

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return connect_memory(bench.handle)

        async with open_tester(settings, wall_time, connect) as tester:
            yield tester, SIMULATED_CHI_CELL


@asynccontextmanager
async def chi660e(cell: CellModel) -> AsyncIterator[tuple[BatteryTester, str]]:
    """Open a CHI660E with its leads on a cell."""
    async with open_simulated_cycler(_bench(cell), 60.0) as tester:
        yield tester, SIMULATED_CHI


def _bench(cell: CellModel) -> SimulatedBench:
    clock, units = asyncio.get_running_loop().time, [Unit(devid=21, subdevid=1)]
    return SimulatedBench(clock, DEMO_EPOCH_UNIX_S, units, {SIMULATED_CHI_CELL: cell}, negative_voltage=True)


def source_meter(model: SmuModel) -> Opened:
    """Return what opens a stepped source meter of a model."""

    @asynccontextmanager
    async def opened(cell: CellModel) -> AsyncIterator[tuple[BatteryTester, str]]:
        """Open a source meter with its leads on a cell."""
        unit = SimulatedSmu(model, asyncio.get_running_loop().time, cell, seed="1", serial=_SERIAL)
        channel = SmuUnitSettings(channel=_SMU, model=model, resource="TCPIP::127.0.0.1::5025::SOCKET", serial=_SERIAL)
        settings = SmuSettings(units=(channel,), interval_s=INTERVAL_S, accept_unknown_host_loss=True)

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return connect_memory(unit.handle)

        tester = build_tester(settings, wall_time, {_SMU: connect})
        await tester.open()
        try:
            yield tester, _SMU
        finally:
            await tester.close()

    return opened


INSTRUMENTS: dict[str, Opened] = {
    "CT-4008": ct4008,
    "CHI660E": chi660e,
    **{model.value: source_meter(model) for model in SmuModel},
}


async def overshoots_mv(opened: Opened, count: int) -> list[float]:
    """Give how far each of so many half-cycles was past its cutoff in its last record; negative before it."""
    draw, found = random.Random("cutoffs"), list[float]()
    for number in range(count):
        current_a = draw.uniform(LEAST_A, MOST_A) * (1 if number % 2 else -1)
        cell = load_cell(CELL, seed=number)
        _bring_near(cell, abs(current_a), CHARGE_V - NEAR_V)
        if current_a < 0:
            _bring_near(cell, current_a, DISCHARGE_V + NEAR_V)
        async with opened(cell) as (tester, channel):
            found.append(await _overshoot_mv(tester, channel, current_a))
    return found


def _bring_near(cell: CellModel, current_a: float, voltage_v: float) -> None:
    """Charge or discharge a cell to a voltage, so that the end alone is measured."""
    sign = 1 if current_a > 0 else -1
    while (voltage_v - cell.voltage_v(current_a)) * sign > 0:
        cell.advance(1.0, current_a)


async def _overshoot_mv(tester: BatteryTester, channel: str, current_a: float) -> float:
    program = half_cycle(current_a)
    if problems := tester.problems(channel, program):
        raise RuntimeError(f"{tester.name}: {problems}")
    (segment,) = program.cycling
    barcode = f"R{abs(current_a) * 1e9:06.0f}"
    identity = await tester.start(await tester.load(channel, segment, barcode), barcode)
    while (status := (await tester.status([channel]))[channel]).state is ChannelState.WORKING:  # noqa: ASYNC110 -- as a host does
        await asyncio.sleep(20.0)
    count = await tester.record_count(identity)
    size, last = tester.traits.block_size, None
    for first in range(0, count, size):
        last = (await tester.records(identity, last, min(size, count - first)))[-1]
    if last is None or status.state not in {ChannelState.FINISHED, ChannelState.PROTECTED}:
        raise RuntimeError(f"{tester.name}: {status}")
    cutoff_v = CHARGE_V if current_a > 0 else DISCHARGE_V
    return (last.voltage_v - cutoff_v) * (1 if current_a > 0 else -1) * 1000


def measure(size: Size) -> list[Figure]:
    """Measure every instrument on the same cells."""
    count = size.of(full=40, quick=10, smoke=2)
    figures: list[Figure] = []
    for name, opened in INSTRUMENTS.items():
        found = run_virtual(overshoots_mv(opened, count))
        before = [-value for value in found if value < 0]
        found = [max(0.0, value) for value in found]
        figures.append(Figure(f"past a cutoff, p50 of {count}: {name}", median(found), "mV"))
        figures.append(Figure(f"past a cutoff, p99 of {count}: {name}", percentile_99(found), "mV"))
        if before:
            figures.append(Figure(f"before it, at most: {name}", max(before), "mV"))
    return figures
