"""Reads short pages from the store, by plain SQL on the service's own connection: each takes milliseconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from drivers.interfaces import Sample
from orchestrator.analysis.step_namer import StepNamer
from orchestrator.api import filters
from orchestrator.api.models import EventQuery, Page, RunQuery
from orchestrator.judging.cycles import Cycle
from orchestrator.rack.claims import NoSuchThing
from orchestrator.store import SpectrumPoint, Store
from orchestrator.store.archives import refuse_archived
from orchestrator.store.cycle_numbers import cycle_of
from orchestrator.store.errors import explained
from orchestrator.store.statements import STEP_COLUMNS


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of a test's rows: its name, the column that counts them, and all columns.

    ``more`` are columns that are made of others, each by its name in SQL. ``has_step_names``: each row is named by its
    test and its key.
    """

    table: str
    key: str
    columns: tuple[str, ...]
    more: tuple[tuple[str, str], ...] = ()
    has_step_names: bool = False

    @property
    def names(self) -> list[str]:
        """The names of all columns of an answer, in their order."""
        named = ["step_name"] if self.has_step_names else []
        return ["test", *self.columns, *(name for name, _ in self.more), *named]


_SAMPLE_UTC = ("time_utc", "strftime('%Y-%m-%dT%H:%M:%SZ', unix_time_s, 'unixepoch')")
# The run's number of a cycle stands where the tester's counter stands in the table.
_SAMPLE = (*(name.removeprefix("tester_") for name in Sample._fields), "temperature_degc")
SAMPLES = Kind("sample", "sequence", _SAMPLE, (_SAMPLE_UTC,))
STEPS = Kind("step", "step_count", tuple(name.removeprefix("tester_") for name in STEP_COLUMNS), has_step_names=True)
SPECTRA = Kind("spectrum", "sequence", SpectrumPoint._fields)
CYCLES = Kind("cycle", "cycle", tuple(Cycle.__dataclass_fields__))


def _rows(store: Store, sql: str, *values: object) -> list[dict[str, Any]]:
    with explained(store.path):
        cursor = store.connection.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def table(store: Store, kind: Kind, run_id: str, after_test: int, after: int, limit: int) -> dict[str, Any]:
    """Return the rows of a run that follow row ``after`` of test ``after_test``, through all its tests.

    Raises RunArchived.
    """
    check_run(store, run_id)
    numbered = kind in (SAMPLES, STEPS)
    names = [cycle_of(kind.table) if numbered and name == "cycle" else name for name in kind.columns]
    columns = ", ".join([*names, *(expression for _, expression in kind.more)])
    sql = f"SELECT test, {columns} FROM {kind.table} WHERE test = ? AND {kind.key} > ? ORDER BY {kind.key} LIMIT ?"  # noqa: S608 names of ours
    rows: list[tuple[Any, ...]] = []
    for test in (row["id"] for row in _rows(store, "SELECT id FROM test WHERE run_id = ? ORDER BY id", run_id)):
        if test >= after_test and len(rows) <= limit:
            since = after if test == after_test else 0
            with explained(store.path):
                if kind is SAMPLES:
                    refuse_archived(store.connection, test, since)
                found = store.connection.execute(sql, (test, since, limit + 1 - len(rows))).fetchall()
                if kind is SAMPLES:
                    refuse_archived(store.connection, test, since)
            rows += found
    kept = rows[:limit]
    position = 1 + kind.columns.index(kind.key)
    if kind.has_step_names:
        namer = StepNamer(store, run_id)
        kept = [(*row, namer.name(row[0], row[position])) for row in kept]
    return {
        "columns": kind.names,
        "rows": kept,
        "after_test": kept[-1][0] if kept else after_test,
        "after": kept[-1][position] if kept else after,
        "more": len(rows) > limit,
    }


_RUN = (
    "SELECT number, run_id, recipe, cell.name AS cell, channel, label, state, reason, created_unix_s, state_unix_s, "
    "simulated, program_sha256 FROM run JOIN cell ON cell.id = run.cell_id"
)


def runs(store: Store, query: RunQuery) -> dict[str, Any]:
    """Return runs, oldest first, whose number is above ``after`` and that pass every filter."""
    passes = filters.of_runs(query)
    sql = f"{_RUN} WHERE number > ? AND {passes} ORDER BY number LIMIT ?"
    rows = _rows(store, sql, query.after, *passes.values, query.limit + 1)
    return _page("runs", "number", rows, query)


def run(store: Store, run_id: str) -> dict[str, Any]:
    """Return one run with its tests. Raises NoSuchThing."""
    found = _rows(store, f"{_RUN} WHERE run_id = ?", run_id)
    if not found:
        raise NoSuchThing(f"there is no run {run_id!r} in the store; 'cellrig runs' lists them")
    tests = _rows(
        store,
        "SELECT id, instrument, channel, tester_test_id, barcode, started_unix_s FROM test WHERE run_id = ? "
        "ORDER BY id",
        run_id,
    )
    return {**found[0], "tests": [{**test, "samples": store.sample_count(test["id"])} for test in tests]}


def check_run(store: Store, run_id: str) -> None:
    """Raise NoSuchThing unless the store has the run."""
    if not _rows(store, "SELECT 1 AS found FROM run WHERE run_id = ?", run_id):
        raise NoSuchThing(f"there is no run {run_id!r} in the store; 'cellrig runs' lists them")


def measurements(store: Store, run_id: str) -> dict[str, Any]:
    """Return the measurements of a potentiostat, in order."""
    check_run(store, run_id)
    return {"measurements": [asdict(row) for row in store.measurements(run_id)]}


def events(store: Store, run_id: str | None, query: EventQuery) -> dict[str, Any]:
    """Return events, of one run or of all, whose number is above ``after`` and that pass every filter."""
    return _listed(store, "event", run_id, query, filters.of_events(query))


def deviations(store: Store, run_id: str | None, page: Page) -> dict[str, Any]:
    """Return deviations, of one run or of all, whose number is above ``after``."""
    return _listed(store, "deviation", run_id, page, filters.Conditions())


def _listed(store: Store, table: str, run_id: str | None, page: Page, passes: filters.Conditions) -> dict[str, Any]:
    if run_id is not None:
        check_run(store, run_id)
        passes.add("run_id = ?", run_id)
    sql = f"SELECT * FROM {table} WHERE id > ? AND {passes} ORDER BY id LIMIT ?"  # noqa: S608 names of ours
    return _page(f"{table}s", "id", _rows(store, sql, page.after, *passes.values, page.limit + 1), page)


def _page(name: str, key: str, rows: list[dict[str, Any]], page: Page) -> dict[str, Any]:
    kept = rows[: page.limit]
    return {name: kept, "after": kept[-1][key] if kept else page.after, "more": len(rows) > page.limit}
