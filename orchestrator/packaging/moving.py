"""Takes the records of an archived run out of a store that is in use, and puts them back: piece by piece.

A transaction holds the store's write lock, and a service that has the store writes every second. So no piece takes
longer than some hundredths of a second, and between two of them others write. While it lasts the store has a pointer
to the run's package, which has all records, so that each row in the store may be there or not
(docs/decisions/0051-archives-beside-a-service.md). The caller is the only archive at work on the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.failpoints import failpoint
from orchestrator.packaging.contents import table_file
from orchestrator.packaging.errors import PackageError
from orchestrator.packaging.opened import known_columns
from orchestrator.packaging.parquet_tables import read_rows
from orchestrator.packaging.stored_rows import Row, insert_rows

if TYPE_CHECKING:
    from orchestrator.packaging.files import PackageFiles
    from orchestrator.store import Store

RECORDS = "sample"
PIECE_ROWS = 10_000
"""Rows of a piece: their transaction takes 0.03 s, 0.3 s at a load of 15; a write of the service waits for 1 s."""
PAUSE_S = 0.1
"""The time between two pieces that lets others write: SQLite asks for the lock again after 1 to 100 ms."""
_KEY = ("test", "sequence")


def take_out(store: Store, files: PackageFiles, told: Callable[[int], None], pause: Callable[[], None]) -> None:
    """Delete the records of an archived run that its package has, and no others. Raises StoreError.

    From the first record on, so that the last one in the store is always the run's. ``told`` is told how many are done.
    """
    for test, piece in _pieces(read_rows(files.buffer(table_file(RECORDS)), PIECE_ROWS, _KEY), 0):
        packed = [sequence for _, sequence in piece]
        if _sequences(store.connection, test, packed):
            with store.transaction() as connection:
                _delete(connection, test, packed)
            failpoint("archive records leaving")
            pause()
        told(len(packed))


def put_back(store: Store, files: PackageFiles, told: Callable[[int], None], pause: Callable[[], None]) -> None:
    """Insert the records of a package that the store lacks.

    Raises PackageError for one that is there with other values, and StoreError.
    """
    names = known_columns(store.connection, files, RECORDS)
    rows = read_rows(files.buffer(table_file(RECORDS)), PIECE_ROWS)
    for test, piece in _pieces(rows, names.index("test")):
        with store.transaction() as connection:
            _insert(connection, names, test, piece)
        failpoint("unarchive records coming")
        pause()
        told(len(piece))


def _pieces(pages: Iterator[list[Row]], at: int) -> Iterator[tuple[int, list[Row]]]:
    """Yield the rows of pages test by test, with the test; ``at`` is its column."""
    for page in pages:
        for test, piece in groupby(page, lambda row: row[at]):
            yield test, list(piece)


def _sequences(connection: sqlite3.Connection, test: int, packed: list[int]) -> list[int]:
    """Return which sequence numbers the store has from the first to the last of these."""
    sql = "SELECT sequence FROM sample WHERE test = ? AND sequence BETWEEN ? AND ? ORDER BY sequence"
    return [sequence for (sequence,) in connection.execute(sql, (test, packed[0], packed[-1])).fetchall()]


def _delete(connection: sqlite3.Connection, test: int, packed: list[int]) -> None:
    """Delete the records with these sequence numbers; one that has come in between them since then stays."""
    if _sequences(connection, test, packed) == packed:
        # Four times as fast as row by row.
        ends = (test, packed[0], packed[-1])
        connection.execute("DELETE FROM sample WHERE test = ? AND sequence BETWEEN ? AND ?", ends)
    else:
        keys = [(test, sequence) for sequence in packed]
        connection.executemany("DELETE FROM sample WHERE test = ? AND sequence = ?", keys)


def _insert(connection: sqlite3.Connection, names: list[str], test: int, rows: list[Row]) -> None:
    """Insert the rows that are not there. Raises PackageError for one that is there with other values."""
    at = names.index("sequence")
    sql = f"SELECT {', '.join(names)} FROM sample WHERE test = ? AND sequence BETWEEN ? AND ?"  # noqa: S608 checked names
    there = {row[at]: row for row in connection.execute(sql, (test, rows[0][at], rows[-1][at])).fetchall()}
    for row in rows:
        if there.get(row[at], row) != row:
            raise PackageError(
                f"record {row[at]} of test {test} is in the store with other values than in the package; see what "
                "cellrig store check says, and which of the two is right"
            )
    insert_rows(connection, RECORDS, names, [row for row in rows if row[at] not in there])
