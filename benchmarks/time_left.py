"""How far the time left that runs tell of themselves is from what they then took, over the shipped recipes.

All run at once on the simulated rack, in virtual time, and are looked at as they go on: at the beginning, when there
is only the forecast, then at 10, 25, 50 and 75 % of what the run took. An error is the time left that was told less the
true one, in percent of the whole run: positive says that it was told too long. A run that its cell's short ends tells a
bound, and its error is how far that lies behind the short.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Aim, Figure, Size
from orchestrator.bench.simulated import SimulatedRack, open_simulated_rack, open_simulated_station
from orchestrator.clock.virtual import run_virtual, wall_time
from orchestrator.events import Bus
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.store import Store, open_store
from protocols.loading import load_cell, load_recipe
from protocols.resolve import resolve

QUICK = (("lfp-200mA-g", "bare-lfp"), ("lfp-200mA-g", "coated-lfp"), ("li-cu-reservoir", "bare-li-cu"))
ALL = (
    *QUICK,
    ("li-cu-efficiency", "bare-li-cu"),
    ("li-plating-1.0", "coated-li-li"),
    ("li-li-0.4", "coated-li-li"),
    ("li-li-eis", "coated-li-li"),
    ("li-li-0.4", "bare-li-li"),
)
PARTS = (0.0, 0.1, 0.25, 0.5, 0.75)
LOOK_S = 300.0
# So often an update is made to time it; the fastest of all looks counts, as others' work only adds time.
_UPDATES = 200


@dataclass
class _Told:
    """What one run told: moments (unix) with the time left then, and when it began and ended."""

    looks: list[tuple[float, float]] = field(default_factory=list)
    ended_unix_s: float = 0.0

    def error_percent(self, part: float) -> float:
        """Give the error of the time left at a part of the run, in percent of the whole."""
        began_unix_s = self.looks[0][0]
        whole_s = self.ended_unix_s - began_unix_s
        at_unix_s, left_s = next(look for look in self.looks if look[0] >= began_unix_s + part * whole_s)
        return 100 * (left_s - (self.ended_unix_s - at_unix_s)) / whole_s


def measure(size: Size) -> list[Figure]:
    """Run the recipes once, and give the errors of each, and what an update costs."""
    cases = size.of(ALL, QUICK, QUICK[2:])
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "cellrig.db") as store:
        told, update_us = run_virtual(_run_all(store, cases))
    figures = [
        Figure(f"{recipe}, {cell}: error at {part:.0%}", found.error_percent(part), "% of the run")
        for (recipe, cell), found in zip(cases, told, strict=True)
        for part in PARTS
    ]
    return [*figures, Figure("an update of a run with its time left", update_us, "us", Aim(100.0, at_most=True))]


async def _run_all(store: Store, cases: tuple[tuple[str, str], ...]) -> tuple[list[_Told], float]:
    channels = [f"21-1-{n}" for n in range(1, len(cases) + 1)]
    rack = SimulatedRack(dict(zip(channels, (cell for _, cell in cases), strict=True)))
    requests = [
        RunRequest(resolve(load_recipe(recipe), load_cell(cell)), channel, f"{recipe} {cell}", simulated=True)
        for channel, (recipe, cell) in zip(channels, cases, strict=True)
    ]
    async with contextlib.AsyncExitStack() as stack:
        tester, simulated = await stack.enter_async_context(open_simulated_rack(rack))
        measures = any(len(request.program.segments) > 1 for request in requests)
        station = await stack.enter_async_context(open_simulated_station(simulated)) if measures else None
        supervisor = Supervisor(store, tester, Bus(), station)
        told = [_Told() for _ in cases]
        costs: list[float] = []
        watching = asyncio.ensure_future(_watch(supervisor.runs, told, costs))
        try:
            await supervisor.run(requests)
        finally:
            watching.cancel()
    for run, found in zip(supervisor.runs, told, strict=True):
        found.ended_unix_s = store.run(run.run_id).state_unix_s
    return told, min(costs)


async def _watch(runs: list[Run], told: list[_Told], costs: list[float]) -> None:
    """Note what every run tells, again and again; and once in the middle, how long a run takes to tell it."""
    while True:
        for run, found in zip(runs, told, strict=False):
            left_s = run.update().time_left_s
            if left_s is not None:
                found.looks.append((wall_time(), left_s))
            if len(found.looks) % 50 == 1:
                began_s = time.perf_counter()
                for _ in range(_UPDATES):
                    run.update()
                costs.append(1e6 * (time.perf_counter() - began_s) / _UPDATES)
        await asyncio.sleep(LOOK_S)
