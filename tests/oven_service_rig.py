"""A service whose channels are inside a simulated oven that heats in virtual time, and what tests order from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from drivers.temperatures import TemperatureProbe, TemperatureReading
from orchestrator.bench.station import Station
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.ovens import BenchOvens
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.store import Store
from protocols.temperature import CellTemperature
from simulators.oven.cells_inside import CellsInside
from simulators.oven.oven import OvenQuirks, SimulatedOven
from tests.oven_rig import EUROTHERM, OvenRig
from tests.rig import CHANNEL, Rig, li_li_program

OTHER, OUTSIDE = "21-1-5", "21-1-6"
OVEN = f"{EUROTHERM}-oven"
# Soaked for a minute, where the oven is warm before the test begins.
WARM = CellTemperature(60.0, soak_s=60.0)
_SETTLES_S = 5400.0


class Beside:
    """A thermometer beside the cells of an oven; ``degc`` may be set, and None is a broken one."""

    name = "beside"

    def __init__(self, read: Callable[[], float | None], place: str = OVEN) -> None:
        self.read_degc, self.place = read, place

    def places(self) -> tuple[str, ...]:
        """Return its one place."""
        return (self.place,)

    async def open(self) -> None:
        """Be there."""

    async def close(self) -> None:
        """Be there still."""

    async def read(self) -> dict[str, TemperatureReading]:
        """Measure."""
        return {self.place: TemperatureReading(self.read_degc(), wall_time())}


@dataclass
class WarmRack:
    """A service, and the oven around two of its channels."""

    service: Service
    oven: SimulatedOven
    driver_rig: OvenRig

    def events(self, kind: str) -> list[str]:
        """Give the messages of a kind of event, in order."""
        return [row.message for row in self.service.store.events() if row.kind == kind]


@asynccontextmanager
async def warm_rack(
    rig: Rig,
    store: Store,
    probe: TemperatureProbe | None = None,
    *,
    is_cold: bool = False,
    station: Station | None = None,
    quirks: OvenQuirks | None = None,
    **changed: Any,  # noqa: ANN401 - settings of the oven
) -> AsyncIterator[WarmRack]:
    """Serve a rack whose channels 3 and 5 are in an oven that is at 60 degC, or ``is_cold``."""
    ovens = OvenRig(quirks=quirks, places=[CHANNEL, OTHER], **changed)
    if not is_cold:
        ovens.oven.order(60.0, volatile=False)
        await asyncio.sleep(_SETTLES_S)
    probes = () if probe is None else ((5.0, probe),)
    bench = BenchOvens(tuple(zip(ovens.settings, ovens.drivers, strict=True)), probes)
    service = Service(store, [rig.tester], station=station, ovens=bench)
    cells = CellsInside(ovens.oven, rig.bench.tester, [CHANNEL, OTHER])
    tasks = [asyncio.ensure_future(service.run()), asyncio.ensure_future(cells.follow())]
    await asyncio.sleep(10.0)
    try:
        yield WarmRack(service, ovens.oven, ovens)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await ovens.close()


@asynccontextmanager
async def served_again(rig: Rig, store: Store, ovens: OvenRig) -> AsyncIterator[Service]:
    """Serve the same rack by another process, after the one before has died."""
    again = OvenRig(places=[CHANNEL, OTHER])
    again.line = ovens.line
    again.handle = ovens.handle
    bench = BenchOvens(tuple(zip(again.settings, again.drivers, strict=True)))
    service = Service(store, [rig.tester], ovens=bench)
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(10.0)
    try:
        yield service
    finally:
        task.cancel()
        await asyncio.wait({task})
        await again.close()


def warm(channel: str = CHANNEL, wanted: CellTemperature | None = WARM, cycles: int = 3) -> RunRequest:
    """Give a short Li/Li run at a temperature."""
    program = li_li_program(cycles, 1200.0)
    segments = tuple(replace(segment, temperature=wanted) for segment in program.segments)
    return RunRequest(replace(program, segments=segments), channel, channel)


async def until(is_so: Callable[[], bool], within_s: float, step_s: float = 5.0) -> float:
    """Wait until something is so, and return how long that took; fails after ``within_s``."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while not is_so():
        assert loop.time() - began_s <= within_s, "it did not happen in time"
        await asyncio.sleep(step_s)
    return loop.time() - began_s


async def running(rack: WarmRack, request: RunRequest | None = None) -> Run:
    """Order a run and wait until its oven has soaked and it runs."""
    run = rack.service.submit(request or warm(), "ada")
    await until(lambda: run.state.is_live, 7200.0, 30.0)
    return run
