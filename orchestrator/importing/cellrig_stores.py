"""Brings runs of another store of cellrig in: every row of them, their programs and events, under new numbers.

Nothing is computed and nothing is decided. A run that had not ended there is over here: its channel is another rack's.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.outcome import Imported
from orchestrator.importing.read_run import ImportOptions
from orchestrator.importing.writing import Progress
from orchestrator.states import RunState
from orchestrator.store import Origins, RunRow, Store, StoreError, TesterTestRow, open_store
from orchestrator.store.errors import explained
from orchestrator.store.imports import IMPORTED, Decision, ImportedFile, Imports

if TYPE_CHECKING:
    import sqlite3

_PIECE_ROWS = 20_000
# Tables with a row for each thing of a test, whose first column is the test.
_BY_TEST = ("step", "cycle", "cycle_begin", "spectrum", "imported_step")
_FORMAT = "cellrig store"


def import_store(
    store: Store | None, path: Path, options: ImportOptions, *, by: str, progress: Progress, again: bool
) -> list[Imported]:
    """Import runs of another store, all or those named. Raises ImportFailed, StoreError."""
    if store is not None and path.resolve() == store.path.resolve():
        raise ImportFailed(f"{path.name} is the store itself; its runs are there")
    found: list[Imported] = []
    try:
        other = open_store(path, read_only=True)
    except StoreError as err:
        raise ImportFailed(f"{path.name} cannot be opened: {err}") from err
    with other:
        rows = _chosen(other, options)
        if store is None:
            return [_told(other, path, row, "", _identity(other, row)) for row in rows]
        with store.transaction():
            for row in rows:
                identity = _identity(other, row)
                known = None if again else Imports(store).found(identity, row.run_id)
                if known is not None:
                    found.append(_told(other, path, row, known, identity, is_known=True))
                    continue
                run_id = _Copy(store, other, row, options).write(path, identity, by, progress)
                found.append(_told(other, path, row, run_id, identity))
    return found


def _chosen(other: Store, options: ImportOptions) -> list[RunRow]:
    rows = other.runs()
    if not options.run_ids:
        if not rows:
            raise ImportFailed("there is no run in this store")
        return rows
    by_id = {row.run_id: row for row in rows}
    if missing := [run_id for run_id in options.run_ids if run_id not in by_id]:
        raise ImportFailed(f"there is no run {missing[0]} in this store; it has {', '.join(by_id) or 'none'}")
    return [by_id[run_id] for run_id in options.run_ids]


def _records(other: Store, run_id: str) -> int:
    return sum(other.sample_count(test.id) for test in other.tests(run_id))


def _identity(other: Store, row: RunRow) -> str:
    """Return a hash of what the run is and how far it has come: the same run later, with more records, is another."""
    lasts = [(test.id, other.last_sample(test.id)) for test in other.tests(row.run_id)]
    text = repr(
        (row.run_id, row.program_sha256, row.created_unix_s, row.state.value, _records(other, row.run_id), lasts)
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _told(other: Store, path: Path, row: RunRow, run_id: str, identity: str, *, is_known: bool = False) -> Imported:
    records = _records(other, row.run_id)
    decisions = tuple(_decisions(row))
    return Imported(path.name, row.run_id, run_id, _FORMAT, "cellrig", identity, records, decisions, is_known)


def _decisions(row: RunRow) -> Iterator[Decision]:
    yield Decision("units, sign, cycles and clock", "the store's own", "both are stores of cellrig")
    if not row.state.is_over:
        yield Decision("state", "stopped", f"it was {row.state.value} there, and nobody goes on with it here")


class _Copy:
    """Copies one run from one store into another, inside the caller's transaction."""

    def __init__(self, store: Store, other: Store, row: RunRow, options: ImportOptions) -> None:
        self._store, self._other, self._row, self._options = store, other, row, options
        self._all, self._done = _records(other, row.run_id), 0

    def write(self, path: Path, identity: str, by: str, progress: Progress) -> str:
        """Write the run, and return its id."""
        store, row = self._store, self._row
        store.add_cell(row.cell, row.facts_json)
        run_id = store.add_run(
            recipe=row.recipe,
            cell=row.cell,
            channel=IMPORTED,
            program_json=row.program_json,
            program_sha256=row.program_sha256,
            created_unix_s=row.created_unix_s,
            label=self._options.label or row.label,
            simulated=row.simulated,
        )
        state, reason = row.state, row.reason
        if not state.is_over:
            state, reason = RunState.STOPPED, f"imported while it was {state.value}{f': {reason}' if reason else ''}"
        store.set_run_state(run_id, state, reason, row.state_unix_s)
        decisions = (*_decisions(row), Decision("run", row.run_id, f"of channel {row.channel} there"))
        file = ImportedFile(path.name, identity, row.run_id, _FORMAT, "cellrig", decisions, by, time.time())
        Imports(store).add(run_id, file)
        if (origin := Origins(self._other).of(row.run_id)) != type(origin)():
            Origins(store).add(run_id, origin)
        starts = Imports(self._other).starts_s(row.run_id)
        for number, test in enumerate(self._other.tests(row.run_id), 1):
            self._test(run_id, number, test, starts.get(test.id), progress)
        self._words(run_id)
        return run_id

    def _test(self, run_id: str, number: int, test: TesterTestRow, start_s: float | None, progress: Progress) -> None:
        new = self._store.add_test(
            run_id=run_id,
            segment=test.segment,
            instrument=test.instrument,
            channel=test.channel,
            tester_test_id=test.tester_test_id,
            barcode=f"{IMPORTED} {run_id}.{number} {test.barcode}",
            started_unix_s=test.started_unix_s,
            program_json=test.program_json,
        )
        Imports(self._store).add_test(new, start_s)
        with self._store.transaction() as connection:
            for rows in self._pages("sample", test.id):
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(
                    f"INSERT INTO sample VALUES ({marks})",  # noqa: S608 marks only
                    [(new, *row[1:]) for row in rows],
                )
                self._done += len(rows)
                progress(self._done, self._all)
            for table in _BY_TEST:
                for rows in self._pages(table, test.id):
                    marks = ", ".join("?" * len(rows[0]))
                    connection.executemany(
                        f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 names of ours
                        [(new, *row[1:]) for row in rows],
                    )
            self._measurement(connection, run_id, number, test.id, new)

    def _measurement(self, connection: sqlite3.Connection, run_id: str, number: int, test: int, new: int) -> None:
        rows = self._rows("SELECT * FROM measurement WHERE test = ?", test)
        for row in rows:
            marks = ", ".join("?" * len(row))
            values = (new, row[1], f"{IMPORTED} {run_id}.{number} {row[2]}", *row[3:])
            connection.execute(f"INSERT INTO measurement VALUES ({marks})", values)  # noqa: S608 marks only

    def _words(self, run_id: str) -> None:
        """Copy events and deviations."""
        with self._store.transaction() as connection:
            for table, columns in (
                ("event", "kind, message, at_unix_s, data_json"),
                ("deviation", "category, started_unix_s, ended_unix_s, effect"),
            ):
                rows = self._rows(f"SELECT {columns} FROM {table} WHERE run_id = ? ORDER BY id", self._row.run_id)  # noqa: S608 names of ours
                marks = ", ".join("?" * (columns.count(",") + 2))
                connection.executemany(
                    f"INSERT INTO {table} (run_id, {columns}) VALUES ({marks})",  # noqa: S608 names of ours
                    [(run_id, *row) for row in rows],
                )

    def _pages(self, table: str, test: int) -> Iterator[list[tuple[object, ...]]]:
        """Return the rows of a test, in pages."""
        with explained(self._other.path):
            cursor = self._other.connection.execute(f"SELECT * FROM {table} WHERE test = ?", (test,))  # noqa: S608 names of ours
            with closing(cursor):
                while rows := cursor.fetchmany(_PIECE_ROWS):
                    yield rows

    def _rows(self, sql: str, value: object) -> list[tuple[object, ...]]:
        with explained(self._other.path):
            return self._other.connection.execute(sql, (value,)).fetchall()
