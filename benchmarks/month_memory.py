"""What weeks do to the memory of the service: units of eight channels in virtual time, in a process of its own.

Every channel runs one program a day after another, so that what a finished run leaves behind counts too. The simulated
tester lives in the same process; its tests of the days before are taken from it, so that its memory stays as it is.
The store's cache of pages is cut short: filling up to its 32 MiB, weeks long, it would look like a leak and hide one.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import linear_regression

from benchmarks.figures import Aim, Figure, Size
from benchmarks.measured_command import own_bytes
from benchmarks.virtual_units import open_units
from orchestrator.clock.virtual import run_virtual
from orchestrator.rack.mounted_cells import Terms
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.store import Store, open_store
from protocols.loading import load_cell, load_recipe
from protocols.program import Loop, Program
from protocols.resolve import resolve

_DAY_S = 86_400.0
_POLL_S = 600.0
_RECORD_S = 300.0
_CHANNELS_A_UNIT = 8
# Of two hours each; the rest of the day the channel is free.
_CYCLES = 11
# So many more days caches fill and the store's first pages come: the slope is that of the days after them.
_WARM_DAYS = 3


def measure(size: Size) -> list[Figure]:
    """Live through a month of 64 channels, or less of eight, and give what the memory grows by a day."""
    days, units = size.of((30, 8), (8, 1), (5, 1))
    channels = _CHANNELS_A_UNIT * units
    command = [sys.executable, "-m", "benchmarks.month_memory", str(days), str(units)]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    assert found["polls"] > 0.85 * days * _DAY_S / _POLL_S, f"there were only {found['polls']} polls"
    assert found["records"] > 0.85 * channels * days * _DAY_S / _RECORD_S, f"only {found['records']} records came"
    assert set(found["states"]) == {"completed"}, f"some runs did not complete: {found['states']}"
    month = f"{days} simulated days"
    figures = [
        Figure(f"{month}: polls of {channels} channels", found["polls"], "polls"),
        Figure(f"{month}: records stored", found["records"], "records"),
        Figure(f"{month}: runs completed", found["states"]["completed"], "runs"),
        Figure(f"{month}: wall time", found["wall_s"], "s"),
    ]
    if mib := found["mib"]:
        slope, _ = linear_regression(range(len(mib) - _WARM_DAYS), mib[_WARM_DAYS:])
        aim = Aim(5.0, at_most=True) if size is Size.FULL else None
        figures += [
            Figure(f"{month}: memory after the first day", mib[0], "MiB"),
            Figure(f"{month}: memory at the end, more than that", mib[-1] - mib[0], "MiB", aim),
            Figure(f"{month}: memory grows by (a run a day on each)", slope, "MiB/day"),
            Figure(f"{month}: memory grows by", slope * 1024 / channels, "KiB/run"),
        ]
    return figures


def day_program() -> Program:
    """Give the shipped recipe li-li-0.2, cut to a day, with a record every five minutes and every 5 mV."""
    program = resolve(load_recipe("li-li-0.2"), load_cell("coated-li-li"))
    (segment,) = program.cycling
    steps = tuple(replace(step, times=_CYCLES) if isinstance(step, Loop) else step for step in segment.steps)
    record = replace(segment.record, every_s=_RECORD_S)
    return replace(program, segments=(replace(segment, steps=steps, record=record),))


async def _live(days: int, units: int, folder: Path) -> dict[str, object]:
    """Let a service live through the days; give what it did, and its memory each day in MiB."""
    mib: list[float] = []
    async with open_units(range(1, units + 1), folder, _POLL_S) as (tester, bench):
        with open_store(folder / "month.db") as store:
            store.connection.execute("PRAGMA cache_size = -1024").close()
            service = Service(store, [tester])
            serving = asyncio.ensure_future(service.run())
            await asyncio.sleep(60)
            program = day_program()
            for _ in range(days):
                for channel in tester.channel_names():
                    service.submit(RunRequest(program, channel, channel), "benchmark", Terms(mounted=channel))
                    del bench.tester.channels[channel].tests[:-1]
                await asyncio.sleep(_DAY_S)
                gc.collect()
                if (held := own_bytes()) is not None:
                    mib.append(held / 2**20)
            serving.cancel()
            await asyncio.wait({serving})
            polls = sum(supervisor.ticks for supervisor in service.supervisors)
            return {"polls": polls, "mib": mib} | _stored(store)


def _stored(store: Store) -> dict[str, object]:
    ask = store.connection.execute
    states = dict(ask("SELECT state, count(*) FROM run GROUP BY state").fetchall())
    return {"records": ask("SELECT count(*) FROM sample").fetchone()[0], "states": states}


def main(days: int, units: int) -> None:
    """Live through the days and print what was found as JSON."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = run_virtual(_live(days, units, Path(folder)))
    print(json.dumps({"wall_s": time.perf_counter() - began, **found}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
