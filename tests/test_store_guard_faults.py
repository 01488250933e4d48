"""Locks, readers that never finish, and a disk that fails: the writer is told in time, and goes on afterwards."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from orchestrator.store import (
    BackupFailed,
    CheckpointMode,
    Refused,
    Store,
    StoreBusy,
    WriteFailed,
    back_up,
    checkpoint,
    open_store,
    wal_size_bytes,
    watch_wal,
)
from orchestrator.store.connection import BUSY_TIMEOUT_S
from tests.storing import add_run, add_test, samples

CAP = 200_000


@pytest.fixture
def test(store: Store) -> int:
    """Give the number of a test with two thousand samples in the open store."""
    number = add_test(store, add_run(store))
    store.tick({number: samples(1, 2000)})
    return number


def write_much(store: Store, test: int, first: int) -> None:
    """Write more than the cap of the log in small ticks."""
    for start in range(first, first + 4000, 200):
        store.tick({test: samples(start, 200)})


def test_wait_for_a_lock_is_bounded(store: Store, store_path: Path, test: int) -> None:
    """F02: a second by default; and then StoreBusy, with nothing written and the write to be tried again as it is."""
    assert store.connection.execute("PRAGMA busy_timeout").fetchone() == (BUSY_TIMEOUT_S * 1000,)
    with open_store(store_path, busy_timeout_s=0.0) as writer, closing(sqlite3.connect(store_path)) as viewer:
        viewer.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(StoreBusy, match="close that program, or wait and try again") as caught:
                writer.tick({test: samples(2001, 100)})
            assert caught.value.retry_writes
        viewer.execute("ROLLBACK")
        assert writer.tick({test: samples(2001, 100)}).inserted == 100


def test_lock_that_lasts_for_hours_is_waited_for_once_a_minute_at_most(
    store: Store, store_path: Path, test: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F02: of a write in each second the first waits, then ever fewer; once one was written, the next one in 5 s."""
    now_s = 0.0
    # The system's own clock, which no virtual loop moves.
    monkeypatch.setattr("orchestrator.store.transactions.time.monotonic", lambda: now_s)

    def waits_in(seconds: int) -> int:
        nonlocal now_s
        asked: list[str] = []
        writer.connection.set_trace_callback(asked.append)
        for _ in range(seconds):
            now_s += 1.0
            with pytest.raises(StoreBusy):
                writer.tick({test: samples(2001, 1)})
        return asked.count("BEGIN IMMEDIATE") - asked.count("PRAGMA busy_timeout = 0")

    with open_store(store_path, busy_timeout_s=0.001) as writer, closing(sqlite3.connect(store_path)) as viewer:
        viewer.execute("BEGIN IMMEDIATE")
        assert (waits_in(5), waits_in(10), waits_in(20)) == (1, 1, 1)
        assert waits_in(300) <= 6
        viewer.execute("ROLLBACK")
        writer.tick({test: samples(2001, 1)})
        viewer.execute("BEGIN IMMEDIATE")
        now_s += 60.0
        assert (waits_in(5), waits_in(5)) == (1, 1)


def test_checkpoint_never_waits_and_leaves_the_wait_as_it_was(store: Store, test: int) -> None:
    """The next write waits for a lock as long as before, and a checkpoint inside a transaction is refused."""
    before = store.connection.execute("PRAGMA busy_timeout").fetchone()
    assert not checkpoint(store, CheckpointMode.TRUNCATE).held_up
    assert store.connection.execute("PRAGMA busy_timeout").fetchone() == before
    with store.transaction(), pytest.raises(Refused, match="between two commits"):
        checkpoint(store)


def test_log_is_folded_back_above_its_cap(store: Store, store_path: Path, test: int) -> None:
    """Below the cap it is left alone; above, it is empty afterwards."""
    write_much(store, test, 2001)
    size = wal_size_bytes(store_path)
    assert size > CAP
    assert watch_wal(store, size).size_bytes == size
    report = watch_wal(store, CAP)
    assert (report.size_bytes, report.held_by_reader) == (0, False)
    assert wal_size_bytes(store_path) == 0


def test_forgotten_read_cursor_is_told(store: Store, store_path: Path, test: int) -> None:
    """F04: while somebody's query is not finished the log grows, and the monitor says why; then it shrinks."""
    with closing(sqlite3.connect(store_path)) as viewer:
        forgotten = viewer.execute("SELECT * FROM sample")
        forgotten.fetchone()
        sizes = []
        for first in (2001, 6001, 10001):
            write_much(store, test, first)
            report = watch_wal(store, CAP)
            assert report.held_by_reader
            assert "another program reads without end; close what has the store open" in report.sentence
            sizes.append(report.size_bytes)
        assert sizes == sorted(set(sizes))
        forgotten.close()
        assert not watch_wal(store, CAP).held_by_reader
    assert wal_size_bytes(store_path) == 0


def test_reader_of_ours_that_was_forgotten_holds_nothing(store: Store, store_path: Path, test: int) -> None:
    """F04: our own readers go in pages; one that stops half-way keeps no page of the log."""
    with open_store(store_path, read_only=True) as reader:
        half_read = reader.samples(test)
        assert next(half_read) == samples(1, 1)[0]
        write_much(store, test, 2001)
        assert not watch_wal(store, CAP).held_by_reader
        assert next(half_read) == samples(2, 1)[0]


@pytest.mark.parametrize("spare_pages", [0, 1, 5, 40])
def test_full_disk_is_raised_and_leaves_whole_ticks(store: Store, test: int, spare_pages: int) -> None:
    """F05: wherever in a tick the space ends, nothing of it stays, and the same tick succeeds when there is room."""
    connection = store.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + spare_pages}")
    with pytest.raises(WriteFailed, match="is full; free space, the run's records wait in the tester"):
        store.tick({test: samples(2001, 4000)})
    assert store.sample_count(test) == 2000
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.execute("PRAGMA max_page_count = 1000000")
    assert store.tick({test: samples(2001, 4000)}).inserted == 4000


if sys.platform != "win32":
    import resource

    @contextmanager
    def file_size_limit(size_bytes: int) -> Iterator[None]:
        """Let the system fail every write beyond a size of file, as a bad disk does, in this process."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def test_write_error_of_the_system_is_raised(store: Store, store_path: Path, test: int) -> None:
        """F05: a write that the system refuses loses its tick only; the store is whole and goes on."""
        limit = wal_size_bytes(store_path) + 50_000
        with file_size_limit(limit), pytest.raises(WriteFailed, match="check the disk"):
            store.tick({test: samples(2001, 4000)})
        assert store.sample_count(test) == 2000
        assert store.tick({test: samples(2001, 4000)}).inserted == 4000
        store.close()
        with open_store(store_path) as again:
            assert list(again.samples(test)) == samples(1, 6000)

    def test_write_error_in_a_backup_leaves_no_backup(store: Store, store_path: Path, test: int) -> None:
        """A copy that the disk refuses is removed, and the store is not told to be at fault."""
        with file_size_limit(50_000), pytest.raises(BackupFailed, match=r"no backup of .* was made"):
            back_up(store_path, now_unix_s=1_767_571_200.0)
        assert not list(store_path.parent.glob("*backup*"))
        assert store.tick({test: samples(2001, 100)}).inserted == 100
