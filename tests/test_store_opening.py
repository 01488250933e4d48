"""A store opens durable and up to date, or says in a sentence why not and leaves the file as it was."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path, PurePosixPath

import pytest

from orchestrator.store import (
    CannotOpen,
    Damaged,
    NewerStore,
    NotAStore,
    Refused,
    StoreBusy,
    WriteFailed,
    open_store,
    schema,
)
from orchestrator.store.errors import explain
from orchestrator.store.locations import share_of
from tests.storing import add_run, add_test, samples


def make_folder(path: Path) -> None:
    """Put a folder where a store is expected."""
    path.mkdir()


def make_text(path: Path) -> None:
    """Put a text file where a store is expected."""
    path.write_text("voltage;current\n" * 100, encoding="utf-8")


def make_other_database(path: Path) -> None:
    """Put a database of something else where a store is expected."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE invoice (id INTEGER)")


def make_newer(path: Path) -> None:
    """Put a store there that has been through a migration of the future."""
    open_store(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('cellrig', '0099_future', '')"
        )


def make_unreachable(path: Path) -> None:
    """Put a link to nowhere there: a path where the system lets nobody make a file, the administrator neither."""
    path.symlink_to(path.parent / "gone" / "store.sqlite")


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (make_folder, CannotOpen, "is a folder; give the path of a file"),
        (make_text, NotAStore, "is not a SQLite database; give the path of a store"),
        (make_other_database, NotAStore, "is a SQLite database, but not a store of cellrig; give another path"),
        (make_newer, NewerStore, r"was written by a newer cellrig \(it has 0099_future\); update cellrig"),
        (make_unreachable, CannotOpen, "gone is not a folder; make it first"),
    ],
)
@pytest.mark.parametrize("read_only", [False, True], ids=["write", "read"])
def test_path_that_is_no_store_is_named(
    store_path: Path, make: Callable[[Path], None], error: type[Exception], sentence: str, read_only: bool
) -> None:
    """The error says what was found and what to do, and what was found is left as it was."""
    make(store_path)
    before = store_path.read_bytes() if store_path.is_file() else None
    with pytest.raises(error, match=sentence):
        open_store(store_path, read_only=read_only)
    assert before is None or store_path.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True], ids=["write", "read"])
def test_young_store_without_its_log_is_refused_with_the_way_back(store_path: Path, read_only: bool) -> None:
    """Killed in its first minute, a store is all in its log: with that gone it is no new and empty store (F07)."""
    wal, shm = (store_path.with_name(f"{store_path.name}-{kind}") for kind in ("wal", "shm"))
    with open_store(store_path) as store:
        add_run(store)
        file, log = store_path.read_bytes(), wal.read_bytes()
    for left in (wal, shm):
        left.unlink(missing_ok=True)
    store_path.write_bytes(file)
    for _ in range(2):
        with pytest.raises(Damaged, match=r"is a young store, and its log .*-wal is gone.*put the log back beside it"):
            open_store(store_path, read_only=read_only)
        assert store_path.read_bytes() == file
    wal.write_bytes(log)
    with open_store(store_path) as store:
        assert len(store.runs()) == 1


def test_store_that_was_killed_before_its_first_table_starts_anew(store_path: Path) -> None:
    """With the mark in the file and an empty log beside it nothing was ever stored: it is made."""
    with closing(sqlite3.connect(store_path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        file = store_path.read_bytes()
    store_path.write_bytes(file)
    store_path.with_name(f"{store_path.name}-wal").touch()
    with open_store(store_path) as store:
        add_run(store)


def test_a_store_is_its_owners_alone(store_path: Path) -> None:
    """Nobody else may read a new store, nor its log: results are unpublished, and labels may be names."""
    before = os.umask(0o022)
    try:
        with open_store(store_path) as store:
            add_run(store)
            for path in store_path.parent.glob("store*"):
                assert path.stat().st_mode & 0o077 == 0, path
    finally:
        os.umask(before)


def test_missing_folder_is_not_made(tmp_path: Path) -> None:
    """A mistyped path does not start a second store somewhere else."""
    with pytest.raises(CannotOpen, match="is not a folder; make it first"):
        open_store(tmp_path / "typo" / "store.sqlite")
    assert not (tmp_path / "typo").exists()


def test_reader_does_not_make_a_store(store_path: Path) -> None:
    """Looking at a store that is not there says so."""
    with pytest.raises(CannotOpen, match="does not exist"):
        open_store(store_path, read_only=True)
    assert not store_path.exists()


def test_unwritable_file_is_told_from_a_broken_disk(store_path: Path) -> None:
    """Where the system gives no right to write, the sentence is about rights."""
    open_store(store_path).close()
    unwritable = sqlite3.connect(f"{store_path.as_uri()}?mode=ro", uri=True)
    with closing(unwritable) as connection, pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("DELETE FROM cell")
    error = explain(caught.value, store_path)
    assert isinstance(error, CannotOpen)
    assert "cannot be written; check the rights of the file" in str(error)


def test_store_opens_again_with_what_it_had(store_path: Path) -> None:
    """Closing and opening changes nothing, and a migration that was applied is not applied again."""
    for number in range(1, 4):
        with open_store(store_path) as store:
            assert add_run(store) == f"R{number:06d}"


def test_path_may_hold_any_characters(tmp_path: Path) -> None:
    """Blanks, percent signs, question marks' kin and letters of any alphabet name files, not options."""
    path = tmp_path / "Prüfstand 2 #1 100%41 &mode=memory.sqlite"
    with open_store(path) as store:
        add_run(store)
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("journal_size_limit", 64 * 2**20)],
)
def test_store_is_durable(store_path: Path, pragma: str, value: object) -> None:
    """Write-ahead log, a flush for every commit and checked references are in force, not only asked for."""
    for _ in range(2):
        with open_store(store_path) as store:
            assert store.connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)


def test_tables_hold_their_types(store_path: Path) -> None:
    """Every table is STRICT: no column silently takes a value of another type."""
    with open_store(store_path) as store:
        rows = store.connection.execute("SELECT name, strict FROM pragma_table_list WHERE type = 'table'").fetchall()
    ours = {name: strict for name, strict in rows if not name.startswith(("sqlite_", "_sqlite_"))}
    tables = [
        "archive",
        "archived_test",
        "cell",
        "cycle",
        "cycle_begin",
        "deviation",
        "document",
        "event",
        "imported",
        "imported_step",
        "imported_test",
        "intent",
        "measurement",
        "mounting",
        "note",
        "origin",
        "run",
        "sample",
        "spectrum",
        "step",
        "test",
        "written_version",
    ]
    assert sorted(ours) == tables
    assert set(ours.values()) == {1}


def test_reader_cannot_write(store_path: Path) -> None:
    """A store opened for reading refuses before it touches anything."""
    open_store(store_path).close()
    with open_store(store_path, read_only=True) as reader, pytest.raises(Refused, match="opened for reading"):
        add_run(reader)


def test_reader_sees_whole_ticks_while_another_writes(store_path: Path) -> None:
    """A reader sees what is committed, at once, and nothing of a tick that is not."""
    with open_store(store_path) as store, open_store(store_path, read_only=True) as reader:
        test = add_test(store, add_run(store))
        store.tick({test: samples(1, 10)})
        with store.transaction():
            store.tick({test: samples(11, 10)})
            assert reader.sample_count(test) == 10
        assert reader.sample_count(test) == 20


def test_second_writer_is_told_to_wait(store_path: Path) -> None:
    """A write that meets another program's lock fails as one that may be tried again, and then succeeds."""
    with open_store(store_path) as store, open_store(store_path, busy_timeout_s=0.0) as other:
        with store.transaction():
            with pytest.raises(StoreBusy, match="is being written by another program") as caught:
                add_run(other)
            assert caught.value.retry_writes
        assert add_run(other) == "R000001"


def test_second_writer_is_waited_for_once(store_path: Path) -> None:
    """A wait holds up the whole service: the writes that follow one in vain do not wait, and later ones do again."""
    with open_store(store_path) as store, open_store(store_path, busy_timeout_s=0.05) as other:
        said: list[str] = []
        other.connection.set_trace_callback(said.append)
        with store.transaction():
            for waits in (True, False, False):
                said.clear()
                with pytest.raises(StoreBusy):
                    add_run(other)
                assert ("PRAGMA busy_timeout = 0" not in said) is waits
        assert other.connection.execute("PRAGMA busy_timeout").fetchone() == (50,)
        assert add_run(other) == "R000001"


def test_full_disk_loses_the_tick_and_nothing_else(store_path: Path) -> None:
    """A tick that does not fit is refused whole; all before it stays, and writing goes on when there is room."""
    with open_store(store_path) as store:
        test = add_test(store, add_run(store))
        store.tick({test: samples(1, 10)})
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(WriteFailed, match="is full; free space"):
            store.tick({test: samples(11, 1000)})
        assert list(store.samples(test)) == samples(1, 10)
        store.connection.execute("PRAGMA max_page_count = 1000000")
        assert store.tick({test: samples(1, 1010)}).inserted == 1000


def test_damaged_store_says_so(store_path: Path) -> None:
    """Pages that were overwritten are an error with the way back, never data."""
    with open_store(store_path) as store:
        test = add_test(store, add_run(store))
        store.tick({test: samples(1, 1000)})
    whole = store_path.read_bytes()
    store_path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(WriteFailed, match=r"is damaged.*go back to the last backup"):
        open_store(store_path)


@pytest.mark.parametrize(
    ("folder", "share"),
    [
        ("/data/lab", None),
        ("/mnt/group", "/mnt/group"),
        ("/mnt/group/rig 1/stores", "/mnt/group"),
        ("/mnt/groups", None),
        ("/mnt/group/local disk/x", None),
        ("/users/me", "/users"),
    ],
)
def test_network_share_is_recognised(folder: str, share: str | None) -> None:
    """The innermost mount decides, by its kind, and a name that only starts alike does not count."""
    mounts = [
        "/dev/sda1 / ext4 rw 0 0",
        "server:/export /users nfs4 rw 0 0",
        "//nas/group /mnt/group cifs rw 0 0",
        "/dev/sdb1 /mnt/group/local\\040disk ext4 rw 0 0",
    ]
    assert share_of(PurePosixPath(folder), mounts) == share


def test_store_is_imported_without_its_heavy_helper() -> None:
    """The command line starts without sqlite-utils, which takes longer to import than most commands run."""
    program = "import sys, orchestrator.store; sys.exit('sqlite_utils' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
