"""A run of very many samples exported, beside polars that writes the same table from memory to the same disk.

Each happens in a process of its own, by turns, and ends when the bytes are on the disk. What is compared is the time
from a store to a file with that from a table in memory to a file; where the time goes is told by a third, in which our
writer writes from memory too.
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

# Steps of an hour by turns in both directions, with noise of a tester: what a compressor meets.
_SAMPLES = """
WITH RECURSIVE more (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM more WHERE n + 1 < :rows)
INSERT INTO sample
SELECT :test, n + 1, n, n % :step_rows, :step + n / :step_rows % 2, 1 + n / :step_rows, 1 + n / :step_rows / 2,
    iif(n / :step_rows % 2, 'dc', 'cc'),
    round(iif(n / :step_rows % 2, -0.04, 0.04) + (random() & 1023) * 1e-6, 6),
    round(iif(n / :step_rows % 2, -157e-6, 157e-6) + (random() & 255) * 1e-9, 9),
    round(n % :step_rows * 157e-6 / 3600, 10), round(n % :step_rows * 157e-6 * 0.04 / 3600, 12),
    1767571200 + n, round(25 + (random() & 127) * 1e-2, 2)
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
        for name, aim in _FORMATS.items():
            found: dict[str, list[dict[str, Any]]] = {who: [] for who in _WHO}
            for _ in range(turns):
                for who in _WHO:
                    found[who].append(_in_a_process(who, store, run_id, name, folder))
            wall_s = {who: min(turn["wall_s"] for turn in done) for who, done in found.items()}
            what = f"{rows:,} samples to {name}"
            figures += [
                Figure(f"{what}: export", wall_s["export"], "s"),
                Figure(f"{what}: the same, written from memory", wall_s["writer"], "s"),
                Figure(f"{what}: polars, from memory", wall_s["polars"], "s"),
                Figure(f"{what}: polars / export", wall_s["polars"] / wall_s["export"], "x", Aim(aim, at_most=False)),
                Figure(f"{what}: polars / written from memory", wall_s["polars"] / wall_s["writer"], "x"),
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


def _export(store_path: Path, run_id: str, name: str, out: Path) -> float:
    """Time an export, from the store to the disk."""
    from orchestrator.export.exporting import export_runs
    from orchestrator.export.formats import find_format

    with open_store(store_path, read_only=True) as store:
        return _timed(lambda: export_runs(store, [run_id], find_format(name), out, force=True))


def _writer(store_path: Path, run_id: str, name: str, out: Path) -> float:
    """Time our writer alone, from batches in memory to the disk."""
    from orchestrator.export.formats import find_format
    from orchestrator.export.output import Output
    from orchestrator.export.source import RunSource

    class InMemory(RunSource):
        def batches(self, rows: int = 0) -> Iterator[pl.DataFrame]:
            """Give the batches that are there."""
            yield from frames

    with open_store(store_path, read_only=True) as store:
        frames = list(RunSource(store, run_id).batches())

        def write_frames() -> None:
            with Output(out.parent, force=True) as output:
                find_format(name).write(InMemory(store, run_id), output, out.name)

        return _timed(write_frames)


def _polars(store_path: Path, run_id: str, name: str, out: Path) -> float:
    """Time polars: from one table in memory to the disk."""
    from orchestrator.tables.bdf import OWN_COLUMNS, to_bdf
    from orchestrator.tables.sample_table import sample_table

    with open_store(store_path, read_only=True) as store:
        frame: pl.DataFrame = to_bdf(sample_table(store, run_id), OWN_COLUMNS if name == "bdf-parquet" else ())

    def write_frame() -> None:
        if name == "bdf-parquet":
            frame.write_parquet(out)
        else:
            frame.write_csv(out)
        with out.open("rb+") as file:
            os.fsync(file.fileno())

    return _timed(write_frame)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak_mib() -> float | None:
    """Give the most memory that this process has held, None where the system does not tell it in a file."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except FileNotFoundError:
        return None
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _main(who: str, store: str, run_id: str, name: str, folder: str) -> dict[str, Any]:
    import polars  # noqa: F401 - imports are no part of an export
    import pyarrow.parquet  # noqa: F401 - as above

    out = Path(folder) / f"{who}.{name.removeprefix('bdf-')}"
    timed = {"export": _export, "writer": _writer, "polars": _polars}[who]
    wall_s = timed(Path(store), run_id, name, out)
    return {"wall_s": wall_s, "peak_mib": _peak_mib()}


if __name__ == "__main__":
    print(json.dumps(_main(*sys.argv[1:])))
