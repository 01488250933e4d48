"""The errors of a store: their cause, and whether the same write may be tried again.

::

    StoreError
    +-- CannotOpen           this path cannot be used as a store; nothing was changed
    |   +-- NotAStore        something else lives there
    |   +-- NewerStore       written by a newer cellrig
    |   +-- MigrationFailed  the layout could not be brought up to date; a copy was made before
    +-- BackupFailed         no backup was made, or none that may be trusted; the store is as it was
    +-- StoreBusy            another program holds the write lock; the same write may be tried again
    +-- StoreConflict        the same record came with other values; nothing of that transaction was kept
    +-- RunArchived          the records of the run are in its package; a command brings them back
    +-- WriteFailed          disk full or write error; nothing of that transaction was kept
    |   +-- Damaged          the file itself is broken; a person restores the newest backup and keeps the evidence
    +-- Refused              the values themselves are wrong: unknown run or test, unknown word, not a number
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.store.companion_files import named_backups


class StoreError(Exception):
    """Any error that the store raises on purpose."""

    retry_writes = False


class CannotOpen(StoreError):
    """A path cannot be used as a store; nothing was changed."""


class NotAStore(CannotOpen):
    """The file is not an SQLite database, or it is another program's database."""


class NewerStore(CannotOpen):
    """A newer cellrig wrote the file, and this one does not know its layout."""


class MigrationFailed(CannotOpen):
    """The layout could not be migrated; the file is unchanged, and a copy was made before."""


class BackupFailed(StoreError):
    """No backup was made, or no verified one; the store is unchanged."""


class StoreBusy(StoreError):
    """Another program holds the write lock; nothing was written, and the same write may be tried again."""

    retry_writes = True


class StoreConflict(StoreError):
    """A record came again with other values; nothing of that transaction was kept."""


class RunArchived(StoreError):
    """The records of a run are in its package, and not in the store; the message has the command for them."""


class WriteFailed(StoreError):
    """The disk is full or failing, or the file is damaged; nothing of that transaction was kept."""


class Damaged(WriteFailed):
    """The file itself is damaged; it is not changed, and a person must replace it with the newest backup."""


class Refused(StoreError):
    """The values are wrong: a run or test that does not exist, a word outside its list, not a number."""


def damaged(path: Path, what: str) -> Damaged:
    """Return the error for damage in the store at ``path``; it names the damage and the newest backup to restore."""
    beside = named_backups(path, path.parent) if path.parent.is_dir() else []
    newest = f"copy {beside[0].name}" if beside else "copy the newest one (none lies beside it)"
    return Damaged(
        f"{path} is damaged: {what}; move it with its -wal and -shm to another folder as evidence, then go back to the "
        f"last backup: {newest} to {path.name}. The tester still has newer records"
    )


def explain(err: sqlite3.Error | OverflowError, path: Path) -> StoreError:
    """Return the sentence for an error of SQLite, or of a value it cannot hold, on the store at ``path``."""
    if isinstance(err, OverflowError):
        return Refused(f"{path} takes integers of 64 bits; one of these values is larger")
    code = getattr(err, "sqlite_errorname", "")
    folder = path.parent
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusy(f"{path} is being written by another program; close that program, or wait and try again")
    if code.startswith("SQLITE_CONSTRAINT") or code == "SQLITE_ERROR":
        return Refused(f"{path} does not take these values: {err}; check the run, the test and the words used")
    if code.startswith("SQLITE_NOTADB"):
        # Backups of it show that it was a store once.
        if named_backups(path, folder):
            return damaged(path, "its first page is overwritten")
        return NotAStore(f"{path} is not a SQLite database; give the path of a store, or of a file that does not exist")
    if code.startswith("SQLITE_CANTOPEN"):
        return CannotOpen(
            f"{path} cannot be opened; check that it is a file, and that {folder} lets you read and write"
        )
    if code.startswith("SQLITE_READONLY"):
        return CannotOpen(f"{path} cannot be written; check the rights of the file and of {folder}")
    if code.startswith("SQLITE_FULL"):
        return WriteFailed(f"the disk with {path} is full; free space, the run's records wait in the tester")
    if "closed database" in str(err):
        return StoreError(f"{path} is closed; open the store again, and read it before it is closed")
    if "same thread" in str(err):
        return StoreError(f"{path} was opened by another thread; open the store in each thread that reads it")
    if code.startswith("SQLITE_CORRUPT") or "Could not decode to UTF-8" in str(err):
        return damaged(path, str(err))
    return WriteFailed(f"{path} could not be used: {err}; check the disk")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Convert errors of SQLite in the ``with`` block to the store's own errors, which name the remedy."""
    try:
        yield
    except UnicodeDecodeError as err:
        raise damaged(path, f"a text in it is none: {err.reason}") from err
    except (sqlite3.Error, OverflowError) as err:
        raise explain(err, path) from err
