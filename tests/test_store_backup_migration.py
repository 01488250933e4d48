"""A layout is brought up to date after a verified copy was made, all or nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from orchestrator.store import BackupFailed, CannotOpen, MigrationFailed, NewerStore, older, open_store
from orchestrator.store.schema import MIGRATIONS
from tests.storing import add_run, add_test, samples

ROOT = Path(__file__).resolve().parent.parent
COPY = "store.before-0099_oven.sqlite"


# Changes much in a migration, and dies in it.
KILLED = """
import os, sys
from orchestrator.store import open_store
from tests.test_store_backup_migration import add_oven, with_extra
def half(db):
    add_oven(db)
    db.execute("UPDATE sample SET voltage_v = 0")
    os._exit(9)
open_store(sys.argv[1], migrations=with_extra(half))
"""
# Dies at the moment at which a file would be renamed: the copy is written, and has no name yet.
KILLED_BEFORE_RENAMING = """
import os, sys
# Python renames what it has compiled.
sys.dont_write_bytecode = True
sys.addaudithook(lambda event, _: event == "os.rename" and os._exit(9))
"""


def with_extra(extra: Callable[[Database], None]) -> Migrations:
    """Give the migrations of a cellrig that has one more."""
    migrations = Migrations("cellrig")
    with Database(memory=True) as empty:
        for migration in MIGRATIONS.pending(empty):
            migrations(name=migration.name)(migration.fn)
    migrations(name="0099_oven")(extra)
    return migrations


def add_oven(db: Database) -> None:
    """Add a table and a column, as a migration does."""
    db.execute("CREATE TABLE oven (at_unix_s REAL NOT NULL, temperature_degc REAL NOT NULL) STRICT")
    db.execute("ALTER TABLE run ADD COLUMN oven TEXT NOT NULL DEFAULT ''")


def add_half_an_oven(db: Database) -> None:
    """Change much, then fail."""
    add_oven(db)
    db.execute("UPDATE sample SET voltage_v = 0")
    db.execute("INSERT INTO oven VALUES (NULL, NULL)")


@pytest.fixture
def old(store_path: Path) -> Path:
    """Give a store of today's layout with three thousand samples, closed."""
    with open_store(store_path) as store:
        test = add_test(store, add_run(store))
        store.tick({test: samples(1, 3000)})
    return store_path


def files(path: Path) -> list[str]:
    """Give the names of the files in a store's folder."""
    return sorted(file.name for file in path.parent.iterdir())


def test_copy_is_made_before_the_layout_changes(old: Path) -> None:
    """The store has the new layout, the copy the old one, and both have every row."""
    with open_store(old, migrations=with_extra(add_oven)) as store:
        assert store.connection.execute("SELECT count(*) FROM oven").fetchone() == (0,)
        assert list(store.samples(1)) == samples(1, 3000)
    with open_store(old.with_name(COPY), read_only=True) as copy:
        assert list(copy.samples(1)) == samples(1, 3000)
    with pytest.raises(NewerStore, match="0099_oven"):
        open_store(old)


def test_layout_is_not_changed_under_another_process(old: Path) -> None:
    """What writes beside a service of an older cellrig is refused, and neither store nor folder is changed."""
    before, there = old.read_bytes(), files(old)
    with pytest.raises(CannotOpen, match="start it anew with this cellrig"):
        open_store(old, migrations=with_extra(add_oven), is_in_use=True)
    assert (old.read_bytes(), files(old)) == (before, there)
    with open_store(old, is_in_use=True) as store:
        assert store.sample_count(1) == 3000


def test_failed_migration_leaves_the_file_as_it_was(old: Path) -> None:
    """Byte for byte, with a sentence that names the copy; the older cellrig goes on with it (faults E10)."""
    before = old.read_bytes()
    with pytest.raises(MigrationFailed, match=rf"NOT NULL.*it is as it was, with a copy in {COPY}: go on with"):
        open_store(old, migrations=with_extra(add_half_an_oven))
    assert old.read_bytes() == before
    with open_store(old) as store:
        assert store.tick({1: samples(2901, 200)}).inserted == 100


def test_migration_that_keeps_failing_keeps_one_copy(old: Path) -> None:
    """A service that is started over and over does not fill the disk, and the copy has what was written meanwhile."""
    for number in range(3):
        with pytest.raises(MigrationFailed):
            open_store(old, migrations=with_extra(add_half_an_oven))
        with open_store(old) as store:
            store.tick({1: samples(3001 + 100 * number, 100)})
    assert files(old) == [COPY, "store.sqlite"]
    with open_store(old.with_name(COPY), read_only=True) as copy:
        assert copy.sample_count(1) == 3200


@pytest.mark.parametrize("where", ["copy", "migration"])
def test_killed_in_a_migration_the_store_is_as_it_was(old: Path, where: str) -> None:
    """Killed while the copy is made or while the layout changes; the next start does all of it (faults E10)."""
    program = KILLED if where == "migration" else KILLED_BEFORE_RENAMING + KILLED
    killed = subprocess.run([sys.executable, "-c", program, str(old)], cwd=ROOT, check=False)
    assert killed.returncode == 9
    assert (f"{COPY}.partial" in files(old)) == (where == "copy")
    with open_store(old) as store:
        assert list(store.samples(1)) == samples(1, 3000)
    with open_store(old, migrations=with_extra(add_oven)) as store:
        assert list(store.samples(1)) == samples(1, 3000)
    assert files(old) == [COPY, "store.sqlite"]


def test_without_a_copy_the_layout_stays(old: Path) -> None:
    """Where the copy cannot be made, somebody's file in its place, nothing is changed."""
    before = old.read_bytes()
    old.with_name(COPY).write_text("my notes", encoding="utf-8")
    with pytest.raises(BackupFailed, match=f"{COPY} is no backup of .*; move it elsewhere"):
        open_store(old, migrations=with_extra(add_oven))
    assert old.read_bytes() == before
    assert old.with_name(COPY).read_text(encoding="utf-8") == "my notes"


def test_new_store_needs_no_copy(store_path: Path) -> None:
    """What has no rows yet is not copied."""
    open_store(store_path, migrations=with_extra(add_oven)).close()
    assert files(store_path) == ["store.sqlite"]


def test_reader_does_not_migrate(old: Path) -> None:
    """Looking at a store of an older cellrig shows it in today's layout, changes nothing and makes no copy."""
    before = old.read_bytes()
    with open_store(old, read_only=True, migrations=with_extra(add_oven)) as store:
        assert store.connection.execute("SELECT oven FROM run").fetchall() == [("",)]
        assert list(store.samples(1)) == samples(1, 3000)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            store.connection.execute("UPDATE run SET oven = 'a'")
    assert old.read_bytes() == before
    assert COPY not in files(old)


def test_large_store_of_an_older_layout_is_not_read_into_memory(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the command that brings it up to date."""
    # A store of so many bytes cannot be made in a test.
    monkeypatch.setattr(older, "MOST_IN_MEMORY_BYTES", 4096)
    with pytest.raises(CannotOpen, match=r"too much to be read .* cellrig store upgrade --store"):
        open_store(old, read_only=True, migrations=with_extra(add_oven))
