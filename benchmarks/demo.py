"""The demo as a user runs it: wall time and peak memory of a child process, and how many records it stored.

Then once more inside this process with every part timed: at one poll in ten minutes and a record every half minute,
its time goes elsewhere than that of long blocks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, Size
from benchmarks.time_shares import by_part
from orchestrator.demo import run_demo
from orchestrator.store import open_store

# A store of the demo holds this file (``orchestrator.demo``).
_STORE = "cellrig.db"
# One of its cells for two cycles, which is enough to see that the benchmark runs: tests run the whole demo anyway.
_SHORT = ("run", "li-li-0.4", "--cell", "bare-li-li", "--channel", "21-1-1", "--simulate", "--json")
_CYCLES = ("--set", "recipe.steps[2].times=2")


def cellrig() -> str:
    """Give the path of the installed command, next to the interpreter that runs this."""
    found = shutil.which("cellrig", path=str(Path(sys.executable).parent))
    if found is None:
        raise SystemExit("the cellrig command is not installed beside this interpreter; run: make test")
    return found


def measure(size: Size) -> list[Figure]:
    """Run the demo three times, or once, and keep the fastest: others' work only ever adds time."""
    is_whole = size is not Size.SMOKE
    runs = [_run(is_whole=is_whole) for _ in range(size.of(3, 1, 1))]
    wall_s = min(run[0] for run in runs)
    peak, records = runs[0][1], runs[0][2]
    figures = [
        Figure("wall time", wall_s, "s"),
        Figure("records stored", records, "records"),
        Figure("records per second of wall time", records / wall_s, "records/s"),
    ]
    if peak is not None:
        figures.append(Figure("peak memory", peak / 2**20, "MiB"))
    shares = _shares() if is_whole else {}
    return [*figures, *(Figure(f"time: {part}", 100 * share, "%") for part, share in shares.items())]


def _run(*, is_whole: bool) -> tuple[float, int | None, int]:
    """Give wall time, peak memory and the number of records of one demo; not whole, of two cycles of one cell."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _STORE
        words = ["demo", "--json", "--out", folder] if is_whole else [*_SHORT, *_CYCLES, "--store", str(path)]
        command = [sys.executable, "-m", "benchmarks.measured_command", cellrig(), *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        found = json.loads(done.stdout)
        with open_store(path, read_only=True) as store:
            records = sum(store.sample_count(test.id) for run in store.runs() for test in store.tests(run.run_id))
    assert records > 0, "the demo stored nothing"
    return found["wall_s"], found["peak_bytes"], records


def _shares() -> dict[str, float]:
    """Give each part's share of the demo's time."""
    with tempfile.TemporaryDirectory() as folder, by_part() as parts:
        began = time.perf_counter()
        run_demo(Path(folder), 1)
        return parts.shares(time.perf_counter() - began)
