"""A run of very many samples packed, verified, archived and brought back, each step as its command does it.

The store's file before and after tells what an archive is for; bytes a record, what a package costs on the disk.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.export import write
from benchmarks.figures import Figure, Size
from orchestrator.judging.steps import StepBuilder
from orchestrator.packaging.archiving import archive_run, unarchive_run
from orchestrator.packaging.space import give_back
from orchestrator.packaging.verifying import Progress, verify
from orchestrator.store import Store, open_store
from protocols.program import CyclingSegment

T = TypeVar("T")


def measure(size: Size) -> list[Figure]:
    """Write a run by SQL, archive it, verify its package, bring it back; give the times and sizes."""
    rows = size.of(1_000_000, 200_000, 10_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.db"
        run_id = write(path, rows)
        with open_store(path) as store:
            _end(store, run_id)
            before = path.stat().st_size
            archive_s, archived = _timed(
                lambda: archive_run(store, run_id, Path(folder) / "kept", 0.0, _untold, [], pictures=False)
            )
            space_s, kept = _timed(lambda: give_back(store))
            assert not kept
            after = path.stat().st_size
            package = archived.path(path)
            verify_s, verdict = _timed(lambda: verify(package))
            assert verdict.is_sound
            back_s, _ = _timed(lambda: unarchive_run(store, run_id, None, _untold("")))
            assert sum(store.sample_count(test.id) for test in store.tests(run_id)) == rows
    what = f"{rows:,} samples"
    return [
        Figure(f"{what}: archive, verified", archive_s, "s"),
        Figure(f"{what}: space given back", space_s, "s"),
        Figure(f"{what}: verify", verify_s, "s"),
        Figure(f"{what}: unarchive", back_s, "s"),
        Figure(f"{what}: store before", before / 1e6, "MB"),
        Figure(f"{what}: store after", after / 1e6, "MB"),
        Figure(f"{what}: package", archived.size_bytes / rows, "bytes a record"),
    ]


def _end(store: Store, run_id: str) -> None:
    """Make the steps of the records, as a run does that is over."""
    for test in store.tests(run_id):
        builder = StepBuilder(CyclingSegment.from_json(test.program_json))
        steps = builder.feed(list(store.samples(test.id)))
        store.add_steps(test.id, steps + builder.finish())
    store.set_run_state(run_id, "completed", "all steps done", time.time())


def _untold(_part: str) -> Progress:
    return lambda _done, _all: None


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result
