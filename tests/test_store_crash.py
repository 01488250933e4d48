"""A process that is killed leaves whole ticks, and every tick that it had acknowledged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.store import Durability, open_store
from tests.storing import add_run, add_test, samples

ROOT = Path(__file__).resolve().parent.parent
ROWS = 40

# Writes ticks of three tests for ever, and says after each commit which one it was.
WRITER = f"""
import sys
from orchestrator.store import Durability, open_store
from tests.storing import samples
with open_store(sys.argv[1], durability=Durability(sys.argv[2])) as store:
    tests = [row.id for row in store.tests("R000001")]
    tick = 0
    while True:
        store.tick({{test: samples(1 + tick * {ROWS}, {ROWS}) for test in tests}})
        tick += 1
        print(tick, flush=True)
"""

# Writes one tick, stays inside the next one's transaction, and says so.
STUCK = f"""
import sys
from orchestrator.store import open_store
from tests.storing import samples
with open_store(sys.argv[1]) as store:
    tests = [row.id for row in store.tests("R000001")]
    store.tick({{test: samples(1, {ROWS}) for test in tests}})
    with store.transaction():
        store.tick({{test: samples(1 + {ROWS}, 100 * {ROWS}) for test in tests}})
        print("inside", flush=True)
        sys.stdin.read()
"""


@contextmanager
def writing(program: str, path: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Give a process that writes to a store; it is dead afterwards, whatever happened."""
    command = [sys.executable, "-c", program, str(path), *more]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def crash_path(store_path: Path) -> Path:
    """Give a store with one run of three tests, closed."""
    with open_store(store_path) as store:
        run_id = add_run(store)
        for number in (51, 52, 53):
            add_test(store, run_id, number)
    return store_path


@pytest.mark.parametrize(
    ("acknowledged", "durability"),
    [
        (1, Durability.POWER_CUT),
        (8, Durability.KILLED_PROCESS),
        (30, Durability.POWER_CUT),
        (80, Durability.KILLED_PROCESS),
    ],
)
def test_killed_writer_leaves_whole_ticks(crash_path: Path, acknowledged: int, durability: Durability) -> None:
    """Killed somewhere in its work, the writer has kept all that it acknowledged, and the same ticks of each test.

    One that does not wait for the disk keeps it too, also after the log was folded back.

    Faults E05.
    """
    with writing(WRITER, crash_path, durability) as process:
        assert process.stdout is not None
        heard = [process.stdout.readline() for _ in range(acknowledged)]
        process.kill()
        heard += process.stdout.readlines()
    said = sum(line.endswith("\n") for line in heard)
    with open_store(crash_path) as store:
        kept = [list(store.samples(row.id)) for row in store.tests("R000001")]
        ticks = len(kept[0]) // ROWS
        assert said <= ticks <= said + 1
        assert kept == [samples(1, ticks * ROWS)] * 3
        assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_writer_killed_inside_a_transaction_leaves_nothing_of_it(crash_path: Path) -> None:
    """A tick whose commit never came is gone as a whole, and the lock with it: the next writer starts at once."""
    with writing(STUCK, crash_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inside\n"
        process.kill()
    with open_store(crash_path, busy_timeout_s=0.0) as store:
        tests = [row.id for row in store.tests("R000001")]
        assert [store.sample_count(test) for test in tests] == [ROWS] * 3
        assert store.tick({test: samples(1, 2 * ROWS) for test in tests}).inserted == 3 * ROWS
