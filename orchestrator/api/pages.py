"""Reads short pages from the store, by plain SQL on the service's own connection: each takes milliseconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from drivers.interfaces import Sample
from orchestrator.judging.cycles import Cycle
from orchestrator.rack.service import NoSuchThing
from orchestrator.store import SpectrumPoint, Store
from orchestrator.store.cycle_numbers import cycle_of
from orchestrator.store.errors import explained
from orchestrator.store.statements import STEP_COLUMNS

LIMIT_MAX = 2000


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of a test's rows: its name, the column that counts them, and all columns."""

    table: str
    key: str
    columns: tuple[str, ...]


# The run's number of a cycle stands where the tester's counter stands in the table.
SAMPLES = Kind("sample", "sequence", tuple(name.removeprefix("tester_") for name in Sample._fields))
STEPS = Kind("step", "step_count", tuple(name.removeprefix("tester_") for name in STEP_COLUMNS))
SPECTRA = Kind("spectrum", "sequence", SpectrumPoint._fields)
CYCLES = Kind("cycle", "cycle", tuple(Cycle.__dataclass_fields__))


def _rows(store: Store, sql: str, *values: object) -> list[dict[str, Any]]:
    with explained(store.path):
        cursor = store.connection.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def table(store: Store, kind: Kind, run_id: str, after_test: int, after: int, limit: int) -> dict[str, Any]:
    """Return the rows of a run that follow row ``after`` of test ``after_test``, through all its tests."""
    check_run(store, run_id)
    numbered = kind in (SAMPLES, STEPS)
    columns = ", ".join(cycle_of(kind.table) if numbered and name == "cycle" else name for name in kind.columns)
    sql = f"SELECT test, {columns} FROM {kind.table} WHERE test = ? AND {kind.key} > ? ORDER BY {kind.key} LIMIT ?"  # noqa: S608 names of ours
    rows: list[tuple[Any, ...]] = []
    for test in (row["id"] for row in _rows(store, "SELECT id FROM test WHERE run_id = ? ORDER BY id", run_id)):
        if test >= after_test and len(rows) <= limit:
            since = after if test == after_test else 0
            with explained(store.path):
                rows += store.connection.execute(sql, (test, since, limit + 1 - len(rows))).fetchall()
    kept = rows[:limit]
    position = 1 + kind.columns.index(kind.key)
    return {
        "columns": ["test", *kind.columns],
        "rows": kept,
        "after_test": kept[-1][0] if kept else after_test,
        "after": kept[-1][position] if kept else after,
        "more": len(rows) > limit,
    }


_RUN = (
    "SELECT number, run_id, recipe, cell.name AS cell, channel, label, state, reason, created_unix_s, state_unix_s, "
    "program_sha256 FROM run JOIN cell ON cell.id = run.cell_id"
)


def runs(store: Store, after: int, limit: int) -> dict[str, Any]:
    """Return runs, oldest first, whose number is above ``after``."""
    rows = _rows(store, f"{_RUN} WHERE number > ? ORDER BY number LIMIT ?", after, limit + 1)
    return _page("runs", "number", rows, limit, after)


def run(store: Store, run_id: str) -> dict[str, Any]:
    """Return one run with its tests. Raises NoSuchThing."""
    found = _rows(store, f"{_RUN} WHERE run_id = ?", run_id)
    if not found:
        raise NoSuchThing(f"there is no run {run_id!r} in the store; 'cellrig runs' lists them")
    tests = _rows(
        store,
        "SELECT id, instrument, channel, tester_test_id, barcode, started_unix_s, "
        "(SELECT count(*) FROM sample WHERE sample.test = test.id) AS samples FROM test WHERE run_id = ? ORDER BY id",
        run_id,
    )
    return {**found[0], "tests": tests}


def check_run(store: Store, run_id: str) -> None:
    """Raise NoSuchThing unless the store has the run."""
    if not _rows(store, "SELECT 1 AS found FROM run WHERE run_id = ?", run_id):
        raise NoSuchThing(f"there is no run {run_id!r} in the store; 'cellrig runs' lists them")


def measurements(store: Store, run_id: str) -> dict[str, Any]:
    """Return the measurements of a potentiostat, in order."""
    check_run(store, run_id)
    return {"measurements": [asdict(row) for row in store.measurements(run_id)]}


def events(store: Store, run_id: str | None, after: int, limit: int) -> dict[str, Any]:
    """Return events, of one run or of all, whose number is above ``after``."""
    return _listed(store, "events", "SELECT * FROM event", run_id, after, limit)


def deviations(store: Store, run_id: str | None, after: int, limit: int) -> dict[str, Any]:
    """Return deviations, of one run or of all, whose number is above ``after``."""
    return _listed(store, "deviations", "SELECT * FROM deviation", run_id, after, limit)


def _listed(store: Store, name: str, select: str, run_id: str | None, after: int, limit: int) -> dict[str, Any]:
    if run_id is not None:
        check_run(store, run_id)
    sql = f"{select} WHERE id > ? AND (? IS NULL OR run_id = ?) ORDER BY id LIMIT ?"
    return _page(name, "id", _rows(store, sql, after, run_id, run_id, limit + 1), limit, after)


def _page(name: str, key: str, rows: list[dict[str, Any]], limit: int, after: int) -> dict[str, Any]:
    kept = rows[:limit]
    return {name: kept, "after": kept[-1][key] if kept else after, "more": len(rows) > limit}
