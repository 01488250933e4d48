"""Statistics of the cycles of ten million samples out of a data frame, beside a plain polars group-by of the same.

The frame is that of a run of an LFP cell that was recorded each second: 1,400 cycles of an hour each way. The group-by
computes of each step only what polars has ready: last and largest values, means and a sum. Each is done in a process
of its own, so that the memory that it takes is its own; the frame itself is in it, and is not counted. A busy machine
shows in the time that passed and not in that of the processor, of which polars uses all cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Aim, Figure, Size
from benchmarks.measured_command import own_bytes

if TYPE_CHECKING:
    import polars as pl

_STEP_ROWS = 3600
_BATCH = 200_000


def frame_of(rows: int) -> pl.DataFrame:
    """Give the sample table of a run of so many records, made by polars alone."""
    import polars as pl

    n = pl.int_range(rows, dtype=pl.Int64)
    count, in_step = n // _STEP_ROWS, n % _STEP_ROWS
    sign = pl.when(count % 2 == 0).then(1.0).otherwise(-1.0)
    return pl.select(
        pl.lit("R000001").alias("run_id"),
        (n * 0 + 1).alias("test"),
        (n + 1).alias("sequence"),
        n.cast(pl.Float64).alias("test_time_s"),
        (count // 2 + 1).alias("cycle"),
        (count % 2 + 1).alias("step"),
        (count + 1).alias("step_count"),
        in_step.cast(pl.Float64).alias("step_time_s"),
        pl.when(count % 2 == 0).then(pl.lit("cc")).otherwise(pl.lit("dc")).alias("mode"),
        (3.4 + sign * (in_step / _STEP_ROWS * 0.6 - 0.2)).alias("voltage_v"),
        (sign * 1e-3).alias("current_a"),
        (in_step * 1e-3 / 3600).alias("capacity_ah"),
    )


def statistics(frame: pl.DataFrame) -> int:
    """Compute the cycle table at once; give the number of cycles."""
    from orchestrator import analysis

    return len(analysis.cycle_table(frame, analysis.CellFacts("made", "lfp", active_mass_mg=2.0)))


def in_pieces(frame: pl.DataFrame) -> int:
    """Compute the cycle table as from a file that is read in batches."""
    from orchestrator import analysis

    cycles = analysis.CycleTable(analysis.CellFacts("made", "lfp", active_mass_mg=2.0))
    for first in range(0, len(frame), _BATCH):
        cycles.feed(frame[first : first + _BATCH])
    return len(cycles.rows())


def group_by(frame: pl.DataFrame) -> int:
    """Group the frame by cycle and direction with polars alone."""
    import polars as pl

    charging = pl.col("current_a") > 0
    steps = frame.group_by("cycle", "step_count", charging.alias("charging"), maintain_order=True).agg(
        pl.col("capacity_ah").last(),
        pl.col("voltage_v").mean().alias("mean_v"),
        pl.col("voltage_v").min().alias("lowest_v"),
        pl.col("voltage_v").max().alias("highest_v"),
        (pl.col("voltage_v") * pl.col("current_a")).sum().alias("power"),
        pl.col("test_time_s").first(),
    )
    return steps["cycle"].n_unique()


_WAYS: dict[str, Callable[[pl.DataFrame], int]] = {
    "at once": statistics,
    "in batches of 200,000": in_pieces,
    "polars group-by": group_by,
}


def measure(size: Size) -> list[Figure]:
    """Time each way in a process of its own."""
    rows = size.of(10_000_000, 2_000_000, 20_000)
    # Whether it runs at all needs no process of its own.
    found = {way: _timed(way, rows) if size is Size.SMOKE else _measured(way, rows) for way in _WAYS}
    assert all(told["cycles"] == -(-rows // (2 * _STEP_ROWS)) for told in found.values()), found
    what = f"{rows:,} samples"
    bound_s = Aim(3.0, at_most=True) if size is Size.FULL else None
    figures = [
        Figure(f"{what}: cycle statistics, at once", found["at once"]["wall_s"], "s", bound_s),
        Figure(f"{what}: cycle statistics, in batches", found["in batches of 200,000"]["wall_s"], "s", bound_s),
        Figure(f"{what}: plain polars group-by", found["polars group-by"]["wall_s"], "s"),
    ]
    figures += [Figure(f"{what}: time of the processor, {way}", told["cpu_s"], "s") for way, told in found.items()]
    known = {way: told["peak_bytes"] / 2**20 for way, told in found.items() if told["peak_bytes"]}
    return figures + [Figure(f"{what}: peak memory beyond the frame, {way}", mib, "MiB") for way, mib in known.items()]


def _measured(way: str, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.analysis", way, str(rows)]
    told: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return told


def _peak_bytes() -> int:
    """Give the peak of this process's memory since ``_forget_peak``; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _forget_peak() -> None:
    """Let the system measure the peak anew, where it can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def _timed(way: str, rows: int) -> dict[str, float]:
    _WAYS[way](frame_of(5000))  # everything is imported
    frame = frame_of(rows)
    _forget_peak()
    held = own_bytes() or 0
    began, began_cpu = time.perf_counter(), time.process_time()
    cycles = _WAYS[way](frame)
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    peak_bytes = max(0, _peak_bytes() - held)
    return {"cycles": cycles, "wall_s": wall_s, "cpu_s": cpu_s, "peak_bytes": peak_bytes}


if __name__ == "__main__":
    print(json.dumps(_timed(sys.argv[1], int(sys.argv[2]))))
