"""Brings runs of another store of cellrig in: every row of them, their programs and events, under new numbers.

Nothing is computed and nothing is decided. A run that had not ended there is over here: its channel is another rack's.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.outcome import Imported
from orchestrator.importing.read_run import ImportOptions
from orchestrator.importing.writing import Progress
from orchestrator.states import RunState
from orchestrator.store import Origins, RunRow, Store, StoreError, TesterTestRow, open_store
from orchestrator.store.archives import archived_run
from orchestrator.store.errors import explained
from orchestrator.store.imports import IMPORTED, Decision, ImportedFile, Imports

if TYPE_CHECKING:
    import sqlite3

_PIECE_ROWS = 20_000
# Tables with a row for each thing of a test, whose first column is the test.
_BY_TEST = ("step", "cycle", "cycle_begin", "spectrum", "imported_step")
_FORMAT = "cellrig store"
_MOST_NAMED = 5


def import_store(
    store: Store | None, path: Path, options: ImportOptions, *, by: str, progress: Progress, again: bool
) -> list[Imported]:
    """Import runs of another store, all or those named. Raises ImportFailed, StoreError.

    A run that is archived there has no records there, and is refused with what to do.
    """
    if store is not None and path.resolve() == store.path.resolve():
        raise ImportFailed(f"{path.name} is the store itself; its runs are there")
    try:
        other = open_store(path, read_only=True)
    except StoreError as err:
        raise ImportFailed(f"{path.name} cannot be opened: {err}") from err
    with other:
        source = RunSource(other, path.name, _FORMAT)
        rows = chosen_runs(other, options)
        _check_not_archived(other, path, rows)
        found = copy_runs(store, source, rows, options, by=by, progress=progress, again=again)
        # An archive may have begun meanwhile: its run is not half here.
        _check_not_archived(other, path, rows)
    return found


@dataclass(frozen=True, slots=True)
class RunSource:
    """A store whose runs are imported, and what is said of it: the file's name, its format, and decisions about it.

    ``sha256`` is that of the file, for a source of one run; "": each run is known by what it is.
    """

    store: Store
    file: str
    format: str
    decisions: tuple[Decision, ...] = ()
    sha256: str = ""

    def identity(self, row: RunRow) -> str:
        """Return the hash by which a run is known when it comes again."""
        return self.sha256 or _identity(self.store, row)

    def imported(self, row: RunRow, by: str) -> ImportedFile:
        """Return what is kept of where a run comes from."""
        earlier = Imports(self.store).of(row.run_id)
        decisions = (*self.decisions, *_decisions(row, earlier))
        return ImportedFile(
            self.file, self.identity(row), row.run_id, self.format, "cellrig", decisions, by, time.time()
        )

    def told(self, row: RunRow, run_id: str, *, is_known: bool = False) -> Imported:
        """Return what became of a run."""
        file = self.imported(row, "")
        records = _records(self.store, row.run_id)
        facts = file.format, file.reader, file.sha256, records, file.decisions
        return Imported(file.file, row.run_id, run_id, *facts, is_known)


def copy_runs(
    store: Store | None,
    source: RunSource,
    rows: Sequence[RunRow],
    options: ImportOptions,
    *,
    by: str,
    progress: Progress,
    again: bool,
) -> list[Imported]:
    """Copy runs into a store in one transaction, or only say what would be copied. Raises StoreError."""
    if store is None:
        return [source.told(row, "") for row in rows]
    found: list[Imported] = []
    with store.transaction():
        for row in rows:
            known = None if again else Imports(store).found(source.identity(row), row.run_id)
            if known is not None:
                found.append(source.told(row, known, is_known=True))
                continue
            found.append(source.told(row, _Copy(store, source, row, options).write(by, progress)))
    return found


def chosen_runs(other: Store, options: ImportOptions) -> list[RunRow]:
    """Return the runs of a store that are asked for. Raises ImportFailed."""
    rows = other.runs()
    if not options.run_ids:
        if not rows:
            raise ImportFailed("there is no run in this store")
        return rows
    by_id = {row.run_id: row for row in rows}
    if missing := [run_id for run_id in options.run_ids if run_id not in by_id]:
        raise ImportFailed(f"there is no run {missing[0]} in this store; it has {', '.join(by_id) or 'none'}")
    return [by_id[run_id] for run_id in options.run_ids]


def _check_not_archived(other: Store, path: Path, rows: Sequence[RunRow]) -> None:
    """Raise ImportFailed where the records of a run are in a package, with the commands that bring them here."""
    with explained(path):
        archived = [found for row in rows if (found := archived_run(other.connection, row.run_id)) is not None]
    if not archived:
        return
    names = ", ".join(one.run_id for one in archived)
    packages = " ".join(str(one.path(other.path)) for one in archived[:_MOST_NAMED])
    more = f", and {len(archived) - _MOST_NAMED} more" if len(archived) > _MOST_NAMED else ""
    others = len(rows) - len(archived)
    rest = f" The {others} others come with --run, which may be repeated." if others else ""
    raise ImportFailed(
        f"{path.name} has no records of {names}: {'they are' if len(archived) > 1 else 'it is'} archived. Import the "
        f"packages: cellrig import {packages}{more}; or bring the records back there first: "
        f"cellrig unarchive {archived[0].run_id} --store {path}.{rest}"
    )


def _records(other: Store, run_id: str) -> int:
    return sum(other.sample_count(test.id) for test in other.tests(run_id))


def _identity(other: Store, row: RunRow) -> str:
    """Return a hash of what the run is and how far it has come: the same run later, with more records, is another."""
    lasts = [(test.id, other.last_sample(test.id)) for test in other.tests(row.run_id)]
    text = repr(
        (row.run_id, row.program_sha256, row.created_unix_s, row.state.value, _records(other, row.run_id), lasts)
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _decisions(row: RunRow, earlier: ImportedFile | None) -> Iterator[Decision]:
    """Yield what is decided about a run; of one that was imported there, what was decided then too."""
    yield Decision("units, sign, cycles and clock", "the run's own", "cellrig recorded it, or imported it before")
    if not row.state.is_over:
        yield Decision("state", "stopped", f"it was {row.state.value} there, and nobody goes on with it here")
    yield Decision("run", row.run_id, f"of channel {row.channel} there")
    if earlier is not None:
        yield Decision("file there", f"{earlier.file}, {earlier.format}, SHA-256 {earlier.sha256}", earlier.reader)
        yield from earlier.decisions


class _Copy:
    """Copies one run from one store into another, inside the caller's transaction."""

    def __init__(self, store: Store, source: RunSource, row: RunRow, options: ImportOptions) -> None:
        self._store, self._source, self._other = store, source, source.store
        self._row, self._options = row, options
        self._all, self._done = _records(self._other, row.run_id), 0

    def write(self, by: str, progress: Progress) -> str:
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
        Imports(store).add(run_id, self._source.imported(row, by))
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
        """Copy events, deviations and notes."""
        with self._store.transaction() as connection:
            for table, columns in (
                ("event", "kind, message, at_unix_s, data_json"),
                ("deviation", "category, started_unix_s, ended_unix_s, effect"),
                ("note", "text, written_by, at_unix_s"),
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
