"""The rows of a run in every table of its store, as they are stored: found by the tables' own columns.

A table with a column ``run_id`` has the rows of that run, one with a column ``test`` those of its tests. So a table
that a later layout adds is packed too, with all its columns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = tuple[Any, ...]

NOT_OF_A_RUN = frozenset({"_sqlite_migrations", "archive", "archived_test", "written_version"})
"""Tables that tell how a store is laid out, where it has put the records of runs, and what was written on the rig.

The recipe and the cell of a run are packed as they were when it was ordered, whatever was written later.
"""

_OWN = "run_id = :run"
_OF_TESTS = "test IN (SELECT id FROM test WHERE run_id = :run)"
# What a run refers to.
_REFERRED = {
    "cell": "id = (SELECT cell_id FROM run WHERE run_id = :run)",
    "document": "sha256 IN (SELECT recipe_sha256 FROM origin WHERE run_id = :run "
    "UNION SELECT cell_sha256 FROM origin WHERE run_id = :run)",
}
ROWS_AT_ONCE = 50_000
"""Rows of a batch: about 30 MB while they are Python's."""


@dataclass(frozen=True, slots=True)
class RunTable:
    """A table, its columns with their types in SQLite, and which rows are a run's, in which order."""

    name: str
    columns: tuple[tuple[str, str], ...]
    where: str
    key: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [name for name, _ in self.columns]


def run_tables(connection: sqlite3.Connection) -> list[RunTable]:
    """Return the tables of a store that have rows of runs. Raises ValueError for one that nobody has placed."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    found = []
    for (name,) in connection.execute(sql).fetchall():
        if name not in NOT_OF_A_RUN:
            told = connection.execute(f"PRAGMA table_info({name})").fetchall()
            columns = tuple((one[1], one[2]) for one in told)
            key = tuple(one[1] for one in sorted(told, key=lambda one: one[5]) if one[5])
            found.append(RunTable(name, columns, _where(name, {column for column, _ in columns}), key))
    return found


def _where(name: str, columns: set[str]) -> str:
    if name in _REFERRED:
        return _REFERRED[name]
    if "run_id" in columns:
        return _OWN
    if "test" in columns:
        return _OF_TESTS
    raise ValueError(f"the table {name} says of no row whose it is; place it in orchestrator/packaging/stored_rows.py")


def row_count(connection: sqlite3.Connection, table: RunTable, run_id: str) -> int:
    """Return how many rows of a table are a run's."""
    sql = f"SELECT count(*) FROM {table.name} WHERE {table.where}"  # noqa: S608 names of the layout
    return int(connection.execute(sql, {"run": run_id}).fetchone()[0])


def stored_rows(
    connection: sqlite3.Connection, table: RunTable, run_id: str, size: int = ROWS_AT_ONCE
) -> Iterator[list[Row]]:
    """Yield a run's rows of a table in lists, in the order of the key. No cursor is open in between."""
    if table.where != _OF_TESTS:
        yield from _pages(connection, table, table.where, {"run": run_id}, table.key, size)
        return
    key = tuple(name for name in table.key if name != "test")
    tests = connection.execute("SELECT id FROM test WHERE run_id = ? ORDER BY id", (run_id,)).fetchall()
    for (test,) in tests:
        # Test by test: SQLite walks the table as it lies, and sorts nothing.
        yield from _pages(connection, table, "test = :test", {"test": test}, key, size)


def _pages(
    connection: sqlite3.Connection,
    table: RunTable,
    where: str,
    values: Mapping[str, object],
    key: Sequence[str],
    size: int,
) -> Iterator[list[Row]]:
    select = f"SELECT {', '.join(table.names)} FROM {table.name} WHERE {where}"  # noqa: S608 names of the layout
    if not key:
        if page := connection.execute(select, values).fetchall():
            yield page
        return
    names, marks = ", ".join(key), ", ".join(f":after{n}" for n in range(len(key)))
    places = [table.names.index(name) for name in key]
    order, more = f" ORDER BY {names} LIMIT {size}", ""
    while page := connection.execute(f"{select}{more}{order}", values).fetchall():
        yield page
        if len(page) < size:
            return
        more = f" AND ({names}) > ({marks})"
        values = {**values, **{f"after{n}": page[-1][place] for n, place in enumerate(places)}}


def insert_rows(connection: sqlite3.Connection, table: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows as they are, inside the caller's transaction."""
    marks = ", ".join("?" * len(names))
    connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)  # noqa: S608 checked names
