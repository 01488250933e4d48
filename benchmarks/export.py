"""A run of very many samples exported, beside polars that writes the same table from memory to the same disk.

Each happens in a process of its own, by turns, and ends when the bytes are on the disk. What is compared is the time
from a store to a file with that from a table in memory to a file; where the time goes is told by a third, in which our
writer writes from memory too. Those two take the table from a file that is made once: to read it from the store before
each turn took longer than all that is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Aim, Figure, Size
from orchestrator.store import open_store
from protocols.loading import load_cell, load_recipe
from protocols.program import CyclingSegment, Loop
from protocols.resolve import resolve

if TYPE_CHECKING:
    import polars as pl

_STEP_ROWS = 3600
_FORMATS = {"bdf-parquet": 0.5, "bdf-csv": 0.7}
_MOST_MIB = 400
_WHO = ("export", "writer", "polars")
_TABLE = "table.arrow"

# Steps of an hour by turns in both directions, with noise of a tester: what a compressor meets. A quotient of two whole
# numbers is the double that is next to the decimal, and takes SQLite a quarter of the time of round().
_SAMPLES = """
WITH RECURSIVE more (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM more WHERE n + 1 < :rows)
INSERT INTO sample
SELECT :test, n + 1, n, n % :step_rows, :step + n / :step_rows % 2, 1 + n / :step_rows, 1 + n / :step_rows / 2,
    iif(n / :step_rows % 2, 'dc', 'cc'),
    (iif(n / :step_rows % 2, -40000, 40000) + (random() & 1023)) / 1e6,
    (iif(n / :step_rows % 2, -157000, 157000) + (random() & 255)) / 1e9,
    n % :step_rows * 436 / 1e10, n % :step_rows * 1744 / 1e12,
    1767571200 + n, (2500 + (random() & 127)) / 1e2
FROM more
"""
_STEPS = """
INSERT INTO step
SELECT test, step_count, min(step), min(tester_cycle), min(mode), min(time_s), max(step_time_s), max(capacity_ah),
    max(energy_wh), NULL, NULL, 'time', min(sequence), max(sequence) FROM sample WHERE test = ? GROUP BY step_count
"""


def measure(size: Size) -> list[Figure]:
    """Write a store by SQL, export its run in turns with polars; give the times, their ratios and the memory."""
    rows, turns = size.of(10_000_000, 1_000_000, 20_000), size.of(3, 2, 1)
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "export.db"
        run_id = write(store, rows)
        _in_a_process("table", store, run_id, "", folder)
        for name, aim in _FORMATS.items():
            found: dict[str, list[dict[str, Any]]] = {who: [] for who in _WHO}
            for _ in range(turns):
                for who in _WHO:
                    found[who].append(_in_a_process(who, store, run_id, name, folder))
            wall_s = {who: min(turn["wall_s"] for turn in done) for who, done in found.items()}
            cpu_s = {who: min(turn["cpu_s"] for turn in done) for who, done in found.items()}
            what = f"{rows:,} samples to {name}"
            figures += [
                Figure(f"{what}: export", wall_s["export"], "s"),
                Figure(f"{what}: the same, written from memory", wall_s["writer"], "s"),
                Figure(f"{what}: polars, from memory", wall_s["polars"], "s"),
                Figure(f"{what}: polars / export", wall_s["polars"] / wall_s["export"], "x", Aim(aim, at_most=False)),
                Figure(f"{what}: polars / written from memory", wall_s["polars"] / wall_s["writer"], "x"),
                # On a busy machine two processes get more of it than one: this says what both have used.
                Figure(f"{what}: processor time of the export", cpu_s["export"], "s"),
                Figure(f"{what}: the same of polars", cpu_s["polars"], "s"),
                Figure(f"{what}: polars / export, processor time", cpu_s["polars"] / cpu_s["export"], "x"),
            ]
            if found["export"][0]["peak_mib"] is not None:
                most = max(turn["peak_mib"] for turn in found["export"])
                figures.append(Figure(f"{what}: memory at most", most, "MiB", Aim(_MOST_MIB, at_most=True)))
    return figures


def write(path: Path, rows: int) -> str:
    """Write a run with one test of ``rows`` records, one a second, by SQL; give its id."""
    program = resolve(load_recipe("li-li-0.2"), load_cell("coated-li-li"))
    (segment,) = program.cycling
    loop = next(step for step in segment.steps if isinstance(step, Loop))
    with open_store(path) as store:
        run_id = store.add_run(
            recipe=program.recipe,
            cell=program.cell.name,
            channel="21-1-3",
            program_json=program.to_json(),
            program_sha256=program.sha256,
            created_unix_s=1767571200.0,
        )
        test = store.add_test(
            run_id=run_id,
            segment=0,
            instrument="made",
            channel="21-1-3",
            tester_test_id=1,
            barcode=run_id,
            started_unix_s=1767571200.0,
            program_json=CyclingSegment.to_json(segment),
        )
        with store.transaction() as connection:
            values = {"rows": rows, "test": test, "step_rows": _STEP_ROWS, "step": loop.back_to}
            connection.execute(_SAMPLES, values)
            connection.execute(_STEPS, (test,))
    return run_id


def _in_a_process(who: str, store: Path, run_id: str, name: str, folder: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.export", who, str(store), run_id, name, folder]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return found


def _export(store_path: Path, run_id: str, name: str, out: Path) -> dict[str, float]:
    """Time an export, from the store to the disk."""
    from orchestrator.export.exporting import export_runs
    from orchestrator.export.formats import find_format

    with open_store(store_path, read_only=True) as store:
        return _timed(lambda: export_runs(store, [run_id], find_format(name), out, force=True))


def _writer(store_path: Path, run_id: str, name: str, out: Path) -> dict[str, float]:
    """Time our writer alone, from batches in memory to the disk."""
    from orchestrator.export.formats import find_format
    from orchestrator.export.output import Output
    from orchestrator.export.source import RunSource
    from orchestrator.tables.sample_table import BATCH_ROWS

    class InMemory(RunSource):
        def batches(self, rows: int = 0) -> Iterator[pl.DataFrame]:
            """Give the batches that are there."""
            yield from frames

    with open_store(store_path, read_only=True) as store:
        frames = list(_table(out.parent).iter_slices(BATCH_ROWS))

        def write_frames() -> None:
            with Output(out.parent, force=True) as output:
                find_format(name).write(InMemory(store, run_id), output, out.name)

        return _timed(write_frames)


def _polars(_store_path: Path, _run_id: str, name: str, out: Path) -> dict[str, float]:
    """Time polars: from one table in memory to the disk."""
    from orchestrator.tables.bdf import OWN_COLUMNS, to_bdf

    frame = to_bdf(_table(out.parent), OWN_COLUMNS if name == "bdf-parquet" else ())

    def write_frame() -> None:
        if name == "bdf-parquet":
            frame.write_parquet(out)
        else:
            frame.write_csv(out)
        with out.open("rb+") as file:
            os.fsync(file.fileno())

    return _timed(write_frame)


def _make_table(store_path: Path, run_id: str, _name: str, out: Path) -> dict[str, float]:
    """Leave the whole table in a file, for those that begin with it in memory."""
    from orchestrator.tables.sample_table import sample_table

    with open_store(store_path, read_only=True) as store:
        # Read back, its parts are copied into one.
        return _timed(lambda: sample_table(store, run_id).write_ipc(out.with_name(_TABLE), record_batch_size=100_000))


def _table(folder: Path) -> pl.DataFrame:
    """Give the whole table, in memory: the parts of the file are copied into one."""
    import polars as pl

    return pl.read_ipc(folder / _TABLE).rechunk()


def _timed(work: Callable[[], object]) -> dict[str, float]:
    """Give the time that work takes, and that of processors, here and in processes that it begins and ends."""
    began_s, used_s = time.perf_counter(), sum(os.times()[:4])
    work()
    return {"wall_s": time.perf_counter() - began_s, "cpu_s": sum(os.times()[:4]) - used_s}


def _peak_mib() -> float | None:
    """Give the most memory that this process and the largest of those it began have held, None where nobody tells it.

    What is told of those counts what this one held when it began them, if that was more.
    """
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except FileNotFoundError:
        return None
    import resource

    begun_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return begun_mib + next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _main(who: str, store: str, run_id: str, name: str, folder: str) -> dict[str, Any]:
    import polars  # noqa: F401 - imports are no part of an export
    import pyarrow.parquet  # noqa: F401 - as above

    out = Path(folder) / f"{who}.{name.removeprefix('bdf-')}"
    timed = {"export": _export, "writer": _writer, "polars": _polars, "table": _make_table}[who]
    return {**timed(Path(store), run_id, name, out), "peak_mib": _peak_mib()}


if __name__ == "__main__":
    print(json.dumps(_main(*sys.argv[1:])))
