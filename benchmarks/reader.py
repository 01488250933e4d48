"""A run of very many samples read out of its store by columns, beside a plain SELECT of the same rows.

The run has three tests, the last two behind interruptions. Reading happens in a process of its own, so that the memory
that it takes is that of reading alone, and is measured in time of the processor: nothing is waited for.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Aim, Figure, Size
from benchmarks.measured_command import own_bytes
from drivers.interfaces import Sample
from orchestrator.judging.resuming import Position, position, remaining_segment
from orchestrator.judging.steps import StepBuilder
from orchestrator.store import Store, open_store
from orchestrator.tables.run_data import RunData
from protocols.loading import load_cell, load_recipe
from protocols.program import CyclingSegment, Loop
from protocols.resolve import resolve

_STEP_ROWS = 3600
_BATCH = 20_000


def measure(size: Size) -> list[Figure]:
    """Write a run once and read it in chunks; give rows a second, beside SQLite alone, and memory."""
    rows = size.of(1_000_000, 200_000, 5_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reader.db"
        run_id = write(path, rows)
        command = [sys.executable, "-m", "benchmarks.reader", str(path), run_id]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    assert found["rows"] == rows, f"{found['rows']} rows were read"
    run = f"{rows:,} samples of a run"
    figures = [
        Figure(f"{run}: all columns, in chunks", rows / found["chunks_s"], "rows/s"),
        Figure(f"{run}: time and voltage, in chunks", rows / found["two_s"], "rows/s"),
        Figure(f"{run}: plain SELECT of the stored columns", rows / found["select_s"], "rows/s"),
        Figure(
            f"{run}: all columns / plain SELECT, time", found["chunks_s"] / found["select_s"], "x", Aim(3, at_most=True)
        ),
    ]
    if found["grown_mib"] is not None:
        figures.append(Figure(f"{run}: memory that reading adds", found["grown_mib"], "MiB", Aim(64, at_most=True)))
    return figures


def write(path: Path, rows: int) -> str:
    """Write a run of a long recipe whose samples come every second, in three tests; give its id."""
    program = resolve(load_recipe("li-li-0.2"), load_cell("coated-li-li"))
    (segment,) = program.cycling
    part, at = segment, Position()
    with open_store(path) as store:
        run_id = store.add_run(
            recipe=program.recipe,
            cell=program.cell.name,
            channel="21-1-3",
            program_json=program.to_json(),
            program_sha256=program.sha256,
            created_unix_s=0.0,
        )
        for number in (1, 2, 3):
            share = rows // 3 if number < 3 else rows - 2 * (rows // 3)
            at = position(segment, at, part, _write_test(store, run_id, number, part, share))
            left = remaining_segment(segment, at)
            assert left is not None
            part = left
    return run_id


def _write_test(store: Store, run_id: str, number: int, segment: CyclingSegment, rows: int) -> Sample | None:
    test = store.add_test(
        run_id=run_id,
        segment=0,
        instrument="made",
        channel="21-1-3",
        tester_test_id=number,
        barcode=f"{run_id}.{number}",
        started_unix_s=number * 1e7,
        program_json=segment.to_json(),
    )
    builder = StepBuilder(segment)
    steps = [index for index, step in enumerate(segment.steps, 1) if not isinstance(step, Loop)]
    for first in range(0, rows, _BATCH):
        samples = [_sample(n, steps, number) for n in range(first, min(first + _BATCH, rows))]
        with store.transaction():
            store.tick({test: samples})
            store.add_steps(test, builder.feed(samples))
    store.add_steps(test, builder.finish())
    return store.last_sample(test)


def _sample(n: int, steps: list[int], test: int) -> Sample:
    count, in_step = divmod(n, _STEP_ROWS)
    step = steps[count] if count < len(steps) else steps[-2 + (count - len(steps)) % 2]
    current_a = 157e-6 if count % 2 else -157e-6
    passed_ah = abs(current_a) * in_step / 3600
    return Sample(
        sequence=n + 1,
        time_s=float(n),
        step_time_s=float(in_step),
        step=step,
        step_count=count + 1,
        tester_cycle=1 + count // 2,
        mode="cc_charge" if count % 2 else "cc_discharge",
        voltage_v=current_a * 260 + in_step * 1e-6,
        current_a=current_a,
        capacity_ah=passed_ah,
        energy_wh=passed_ah * 0.04,
        unix_time_s=test * 1e7 + n,
    )


def _time_reading(path: Path, run_id: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    with open_store(path, read_only=True) as store:
        data = RunData(store, run_id)
        for _ in data.chunks(("time_s",)):  # numpy is imported, the file is in the system's cache
            pass
        before = own_bytes()
        most = before or 0
        began = time.process_time()
        rows = 0
        for chunk in data.chunks():
            rows += len(chunk["time_s"])
            most = max(most, own_bytes() or 0)
        found |= {"rows": rows, "chunks_s": time.process_time() - began}
        found["grown_mib"] = None if before is None else (most - before) / 2**20
        began = time.process_time()
        for _ in data.chunks(("time_s", "voltage_v")):
            pass
        found["two_s"] = time.process_time() - began
        found["select_s"] = _select(store, data)
    return found


def _select(store: Store, data: RunData) -> float:
    """Read the stored columns of all samples by SQLite alone and drop them."""
    columns = (
        "sequence, time_s, step_time_s, mode, voltage_v, current_a, capacity_ah, energy_wh, unix_time_s, step, "
        "step_count, tester_cycle"
    )
    began = time.process_time()
    for test in data.tests:
        cursor = store.connection.execute(f"SELECT {columns} FROM sample WHERE test = ?", (test.row.id,))  # noqa: S608 - names of ours
        while cursor.fetchmany(_BATCH):
            pass
    return time.process_time() - began


if __name__ == "__main__":
    print(json.dumps(_time_reading(Path(sys.argv[1]), sys.argv[2])))
