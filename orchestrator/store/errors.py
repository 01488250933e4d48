"""What can go wrong with a store: whose fault it is, and whether the same write may be tried again.

::

    StoreError
    +-- CannotOpen           this path cannot be used as a store; nothing was changed
    |   +-- NotAStore        something else lives there
    |   +-- NewerStore       written by a newer cellrig
    +-- StoreBusy            another program holds the write lock; the same write may be tried again
    +-- StoreConflict        the same record came with other values; nothing of that transaction was kept
    +-- WriteFailed          disk full, write error, or damage; nothing of that transaction was kept
    +-- Refused              the values themselves are wrong: unknown run or test, unknown word, not a number
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StoreError(Exception):
    """Anything the store raises on purpose."""

    retry_writes = False


class CannotOpen(StoreError):
    """A path cannot be used as a store; nothing was changed."""


class NotAStore(CannotOpen):
    """The file is no SQLite database, or a database of something else."""


class NewerStore(CannotOpen):
    """A newer cellrig wrote the file, and this one does not know its layout."""


class StoreBusy(StoreError):
    """Another program holds the write lock; nothing was written, and the same write may be tried again."""

    retry_writes = True


class StoreConflict(StoreError):
    """A record came again with other values; nothing of that transaction was kept."""


class WriteFailed(StoreError):
    """The disk is full or failing, or the file is damaged; nothing of that transaction was kept."""


class Refused(StoreError):
    """The values themselves are wrong: a run or test that is not there, a word outside its list, not a number."""


def explain(err: sqlite3.Error, path: Path) -> StoreError:
    """Give the sentence for an error of SQLite on the store at ``path``."""
    code = getattr(err, "sqlite_errorname", "")
    folder = path.parent
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusy(f"{path} is being written by another program; close that program, or wait and try again")
    if code.startswith("SQLITE_CONSTRAINT") or code == "SQLITE_ERROR":
        return Refused(f"{path} does not take these values: {err}; check the run, the test and the words used")
    if code.startswith("SQLITE_NOTADB"):
        return NotAStore(f"{path} is not a SQLite database; give the path of a store, or of a file that does not exist")
    if code.startswith("SQLITE_CANTOPEN"):
        return CannotOpen(
            f"{path} cannot be opened; check that it is a file, and that {folder} lets you read and write"
        )
    if code.startswith("SQLITE_READONLY"):
        return CannotOpen(f"{path} cannot be written; check the rights of the file and of {folder}")
    if code.startswith("SQLITE_FULL"):
        return WriteFailed(f"the disk with {path} is full; free space, the run's records wait in the tester")
    if code.startswith("SQLITE_CORRUPT"):
        return WriteFailed(f"{path} is damaged: {err}; keep a copy as evidence and go back to the last backup")
    return WriteFailed(f"{path} could not be used: {err}; check the disk")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into the store's own, with what to do."""
    try:
        yield
    except sqlite3.Error as err:
        raise explain(err, path) from err
    except OverflowError as err:
        raise Refused(f"{path} takes integers of 64 bits; one of these values is larger") from err
