"""Channel-hours a second: a rack of Li/Li cells through cell model, tester, wire, driver, run and store.

Every channel cycles as the shipped recipe li-li-0.2 does, for 1,000 h with a record a minute, in virtual time. The rack
is polled when each channel has almost a block of records. Runs in virtual time do not wait for the disk (decision 22).
Beside it stands what PyBaMM takes to solve the same schedule and do nothing else (``benchmarks.pybamm_schedule``).
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import pybamm_schedule
from benchmarks.figures import Aim, Figure, Size
from benchmarks.programs import seconds_program
from benchmarks.time_shares import by_part
from benchmarks.virtual_units import open_units
from orchestrator.clock.virtual import run_virtual
from orchestrator.events import RunUpdate
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Durability, open_store
from protocols.program import Program, Record

_HOURS_A_CYCLE = 2
_RECORD_S = 60.0
# 960 records and those at the ends of 16 steps: a little less than a download brings.
_POLL_PERIOD_S = 16 * 3600.0


def measure(size: Size) -> list[Figure]:
    """Run eight units for 1,000 h, or one unit for less, once."""
    units, hours = size.of((8, 1000), (1, 100), (1, 10))
    with tempfile.TemporaryDirectory() as folder, by_part() as parts:
        began, began_cpu = time.perf_counter(), time.process_time()
        updates = run_virtual(_run(minutes_program(hours // _HOURS_A_CYCLE), range(1, units + 1), Path(folder)))
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        shares = parts.shares(wall_s)
    assert all(update.state is RunState.COMPLETED for update in updates), {update.reason for update in updates}
    aim = Aim(100, at_most=True) if size is Size.FULL else None
    records, done = sum(update.samples for update in updates), len(updates) * hours
    return [
        Figure(f"{len(updates)} channels, {hours} h each: wall time", wall_s, "s", aim),
        Figure("CPU time", cpu_s, "s"),
        Figure("records stored", records, "records"),
        Figure("records per second of CPU time", records / cpu_s, "records/s"),
        Figure("channel-hours per second of wall time", done / wall_s, "h/s"),
        Figure("channel-hours per second of CPU time", done / cpu_s, "h/s"),
        *(Figure(f"time: {part}", 100 * share, "%") for part, share in shares.items()),
        *_beside(hours),
    ]


def _beside(hours: int) -> list[Figure]:
    """Give what PyBaMM takes to solve the schedule of one channel, and nothing else, where it is at hand."""
    found = pybamm_schedule.solved(hours)
    if found is None:
        return []
    figures = []
    for model, taken in found["models"].items():
        alone = f"PyBaMM {found['version']}, {model} alone: channel-hours per second of"
        figures.append(Figure(f"{alone} wall time", hours / taken["wall_s"], "h/s"))
        figures.append(Figure(f"{alone} CPU time", hours / taken["cpu_s"], "h/s"))
    return figures


def minutes_program(cycles: int) -> Program:
    """Give the shipped recipe li-li-0.2 with so many cycles, recorded every minute and on nothing else."""
    program = seconds_program(cycles)
    (segment,) = program.cycling
    return replace(program, segments=(replace(segment, record=Record(every_s=_RECORD_S)),))


async def _run(program: Program, units: range, folder: Path) -> list[RunUpdate]:
    with open_store(folder / "rack.db", durability=Durability.KILLED_PROCESS) as store:
        async with open_units(units, folder, _POLL_PERIOD_S) as (tester, _):
            requests = [RunRequest(program, channel, channel, simulated=True) for channel in tester.channel_names()]
            return [run.update() for run in await Supervisor(store, tester).run(requests)]
