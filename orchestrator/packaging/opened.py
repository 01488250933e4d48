"""Gives a package as a store of its own, in which everything that reads runs reads this one.

::

    with package_store(path) as store:
        RunData(store, store.runs()[0].run_id)

Its rows have the numbers that they had: who adds them to another store gives them new ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.packaging.errors import NotAPackage, PackageError, PackageTouched
from orchestrator.packaging.files import PackageFiles, open_files
from orchestrator.packaging.hashes import touched_in
from orchestrator.packaging.parquet_tables import read_names, read_rows
from orchestrator.packaging.stored_rows import insert_rows, run_tables
from orchestrator.store import Durability, open_store

if TYPE_CHECKING:
    import sqlite3

    from orchestrator.store import Store

_PREFIX, _SUFFIX = "tables/", ".parquet"


def _untold(_rows: int) -> None:
    """Show nothing."""


def is_package(path: Path) -> bool:
    """Return whether a file or folder is a package by its beginning; whether it is sound is not looked at."""
    try:
        with open_files(path):
            return True
    except PackageTouched:
        return True
    except (NotAPackage, OSError):
        return False


@contextmanager
def package_store(path: Path) -> Iterator[Store]:
    """Open a package as a temporary store with its run, whole and as it was. Raises PackageError, StoreError, OSError.

    All its hashes are checked before.
    """
    with open_files(path) as files:
        if touched := touched_in(files):
            raise PackageTouched(f"{path} is not as it was written: {'; '.join(touched)}")
        with store_of(files) as store:
            yield store


@contextmanager
def store_of(files: PackageFiles, progress: Callable[[int], None] = _untold) -> Iterator[Store]:
    """Give the rows of an open package as a temporary store; ``progress`` is told how many are read, list by list."""
    with tempfile.TemporaryDirectory(prefix="cellrig-package-") as folder:
        place = Path(folder) / "package.db"
        with open_store(place, durability=Durability.KILLED_PROCESS) as store:
            connection = store.connection
            # A word on a cell may refer to another run, which is not here.
            connection.execute("PRAGMA foreign_keys = OFF").close()
            connection.execute("PRAGMA synchronous = OFF").close()
            with store.transaction():
                for name in table_names(files):
                    fill_table(connection, files, name, progress)
            yield store


def table_names(files: PackageFiles) -> list[str]:
    """Return the names of the tables of a package."""
    paths = [file.path for file in files.manifest.files]
    return [
        path.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        for path in paths
        if path.startswith(_PREFIX) and path.endswith(_SUFFIX)
    ]


def fill_table(
    connection: sqlite3.Connection, files: PackageFiles, name: str, progress: Callable[[int], None] = _untold
) -> int:
    """Insert the rows of a package's table as they are, in the caller's transaction, and return how many.

    Raises PackageError for a table or a column that this cellrig does not know.
    """
    columns, buffer = known_columns(connection, files, name), files.buffer(f"{_PREFIX}{name}{_SUFFIX}")
    count = 0
    for rows in read_rows(buffer):
        insert_rows(connection, name, columns, rows)
        count += len(rows)
        progress(len(rows))
    return count


def known_columns(connection: sqlite3.Connection, files: PackageFiles, name: str) -> list[str]:
    """Return the names of the columns of a package's table. Raises PackageError for what this cellrig does not know."""
    known = {table.name: set(table.names) for table in run_tables(connection)}
    columns = read_names(files.buffer(f"{_PREFIX}{name}{_SUFFIX}"))
    if unknown := [column for column in columns if column not in known.get(name, set())]:
        what = f"column {unknown[0]!r} of its table {name!r}"
        raise PackageError(
            f"{files.path} was written by {files.manifest.made_by}, and this cellrig has no {what}; update cellrig"
        )
    return columns
