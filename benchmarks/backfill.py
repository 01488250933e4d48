"""A thousand records from request to commit, as after a lost link: once by the whole path, once bare, by turns."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.bare_codecs import Bare
from benchmarks.figures import Aim, Figure, Size, percentile_99
from benchmarks.programs import BLOCK_SIZE, CELL, CHANNELS, RECORDS_PER_CYCLE, add_test, seconds_program
from drivers.interfaces import BatteryTester, Sample, TestIdentity
from orchestrator.bench.simulated import SimulatedRack, open_simulated_rack
from orchestrator.clock.virtual import run_virtual
from orchestrator.store import open_store
from protocols.program import Program

_FSYNC_BYTES = 128 * 1024
"""About what the commit of a thousand rows appends to the write-ahead log."""


def measure(size: Size) -> list[Figure]:
    """Fetch and commit blocks of one long test, each from the driver's request to the end of the commit."""
    with tempfile.TemporaryDirectory() as folder:
        whole_ms, bare_ms = run_virtual(_blocks(Path(folder), size.of(200, 60, 3)))
        fsync_ms = _fsync_ms(Path(folder) / "fsync", size.of(50, 50, 3))
    return [
        Figure(f"{BLOCK_SIZE} records, request to commit, median", median(whole_ms), "ms", Aim(30, at_most=True)),
        Figure(f"{BLOCK_SIZE} records, request to commit, p99", percentile_99(whole_ms), "ms"),
        Figure("the same codecs and commit alone, median", median(bare_ms), "ms"),
        Figure("whole / alone, median", median(w / b for w, b in zip(whole_ms, bare_ms, strict=True)), "x"),
        Figure("fsync of 128 KiB on this disk, median", median(fsync_ms), "ms"),
    ]


async def _start(tester: BatteryTester, program: Program, channel: str) -> TestIdentity:
    loaded = await tester.load(channel, program.cycling[0], "backfill")
    return await tester.start(loaded, "backfill")


async def _blocks(folder: Path, repeats: int) -> tuple[list[float], list[float]]:
    """Let a tester record unseen, then fetch what it has; give milliseconds per block, whole and bare."""
    channel = CHANNELS[0]
    program = seconds_program(repeats * BLOCK_SIZE // RECORDS_PER_CYCLE + 1)
    whole_ms, bare_ms = [], []
    async with open_simulated_rack(SimulatedRack({channel: CELL})) as (tester, bench):
        identity = await _start(tester, program, channel)
        await asyncio.sleep(repeats * BLOCK_SIZE)
        assert (await tester.status([channel]))[channel].record_count >= repeats * BLOCK_SIZE
        with open_store(folder / "whole.db") as store, open_store(folder / "bare.db") as other:
            test, bare_test = add_test(store, program, channel), add_test(other, program, channel)
            bare = Bare(bench, other)
            last: Sample | None = None
            for _ in range(repeats):
                began = time.perf_counter()
                samples = await tester.records(identity, last, BLOCK_SIZE)
                store.tick({test: samples})
                whole_ms.append((time.perf_counter() - began) * 1e3)
                before_s = bare.total_s
                same = bare.fetch(channel, identity.test_id, last, BLOCK_SIZE)
                bare.commit({bare_test: same})
                bare_ms.append((bare.total_s - before_s) * 1e3)
                assert same == samples
                last = samples[-1]
            assert store.sample_count(test) == other.sample_count(bare_test) == repeats * BLOCK_SIZE
    return whole_ms, bare_ms


def _fsync_ms(path: Path, repeats: int) -> list[float]:
    """Append and fsync, which every commit waits for."""
    data, times = bytes(_FSYNC_BYTES), []
    with path.open("wb", buffering=0) as file:
        for _ in range(repeats):
            began = time.perf_counter()
            file.write(data)
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1e3)
    return times
