"""Writes the files of a run's package, but for the manifest: tables, programs, facts, summary, pictures, metadata."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.summary import details
from orchestrator.clock.iso_time import iso_utc
from orchestrator.packaging.battinfo import battinfo
from orchestrator.packaging.crate import crate
from orchestrator.packaging.parquet_tables import write_table
from orchestrator.packaging.pictures import write_pictures
from orchestrator.packaging.readme import README
from orchestrator.packaging.stored_rows import row_count, run_tables
from orchestrator.store import Notes, Origins
from orchestrator.store.archives import archived_run
from orchestrator.store.errors import RunArchived, explained

if TYPE_CHECKING:
    from orchestrator.store import EventRow, Store

TABLES = "tables"
SUMMARY, PROGRAM, RECIPE, CELL_FILE, NOTES = "summary.json", "program.json", "recipe.yaml", "cell.yaml", "notes.json"
# What is not a number of the run: where it comes from and what was said of it have files of their own.
_NOT_SUMMARY = ("origin", "events", "notes", "ahead", "steps")
_ALL = 10**9


def write_contents(
    store: Store,
    run_id: str,
    folder: Path,
    progress: Callable[[int, int], None],
    notes: list[str],
    *,
    pictures: bool = True,
) -> list[str]:
    """Write the files of a run's package into an empty folder, and return their names in order.

    What the run has at one moment is written, also while it goes on. ``pictures``: draw them too, where the libraries
    for it are installed. ``notes`` gathers what a person should know. Raises StoreError.
    """
    connection = store.connection
    with explained(store.path), one_moment(connection):
        if (archived := archived_run(connection, run_id)) is not None:
            raise RunArchived(
                f"run {run_id} is archived already: its package is {archived.path(store.path)}, "
                f"and cellrig unarchive {run_id} brings its records back"
            )
        texts = _texts(store, run_id)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
        names = [*texts, *(write_pictures(store, run_id, folder, notes) if pictures else ())]
        names += _write_tables(connection, run_id, folder, progress)
        facts = _facts(store, run_id)
    described = {"README.txt": README, "battinfo.jsonld": _json(battinfo(facts))}
    for name, text in described.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    names = [*described, *names]
    name, text = crate(facts, folder, names)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return [name, *names]


def summary_text(store: Store, run_id: str) -> str:
    """Return the summary of a run as it stands in its package."""
    found = details(store, run_id, 0, _ALL)
    return _json({name: value for name, value in found.items() if name not in _NOT_SUMMARY})


def notes_text(store: Store, run_id: str) -> str:
    """Return the notes of people on a run as they stand in its package."""
    return _json([note.as_dict() for note in Notes(store).of(run_id)])


def table_file(name: str) -> str:
    """Return the name of the file of a table."""
    return f"{TABLES}/{name}.parquet"


def _write_tables(
    connection: sqlite3.Connection, run_id: str, folder: Path, progress: Callable[[int, int], None]
) -> list[str]:
    tables = run_tables(connection)
    rows, done, written = sum(row_count(connection, table, run_id) for table in tables), 0, []

    def told(more: int) -> None:
        nonlocal done
        done += more
        progress(done, max(done, rows))

    (folder / TABLES).mkdir()
    for table in tables:
        written.append(table_file(table.name))
        write_table(connection, table, run_id, folder / written[-1], told)
    return written


def _texts(store: Store, run_id: str) -> dict[str, str]:
    """Return the files that people read, and that the run was ordered with."""
    run, origin = store.run(run_id), Origins(store).of(run_id)
    tests = store.tests(run_id)
    instruments: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for test in tests:
        one = {"test": test.id, "number_at_instrument": test.tester_test_id, "barcode": test.barcode}
        instruments.setdefault((test.instrument, test.channel), []).append(one)
    texts = {
        SUMMARY: summary_text(store, run_id),
        PROGRAM: run.program_json,
        "executed.json": _json(
            [
                {
                    "test": test.id,
                    "segment": test.segment,
                    "started_utc": iso_utc(test.started_unix_s),
                    "program_sha256": hashlib.sha256(test.program_json.encode()).hexdigest(),
                    "program": json.loads(test.program_json),
                }
                for test in tests
            ]
        ),
        "cell.json": _json({"name": run.cell, "label": run.label, "facts": json.loads(run.facts_json)}),
        "instruments.json": _json(
            {
                "instruments": [
                    {"instrument": name, "channel": channel, "tests": done}
                    for (name, channel), done in instruments.items()
                ],
                "settings": origin.settings,
                "check": origin.check,
                "ordered_by": origin.ordered_by,
                "host": origin.host,
                "cellrig": origin.version,
            }
        ),
        "events.json": _json([_event(event) for event in store.events(run_id)]),
        "deviations.json": _json(_deviations(store, run_id)),
        NOTES: notes_text(store, run_id),
    }
    if origin.recipe is not None:
        texts[RECIPE] = origin.recipe.text
    if origin.cell is not None:
        texts[CELL_FILE] = origin.cell.text
    return texts


def _event(event: EventRow) -> dict[str, Any]:
    return {
        "at_utc": iso_utc(event.at_unix_s),
        "kind": event.kind,
        "message": event.message,
        "data": None if event.data_json is None else json.loads(event.data_json),
    }


def _deviations(store: Store, run_id: str) -> list[dict[str, Any]]:
    """Return the deviations of a run in the categories of BattINFO."""
    return [
        {
            "category": row.category.value,
            "began_utc": iso_utc(row.started_unix_s),
            "ended_utc": None if row.ended_unix_s is None else iso_utc(row.ended_unix_s),
            "duration_s": None if row.ended_unix_s is None else row.ended_unix_s - row.started_unix_s,
            "impact": row.effect,
        }
        for row in store.deviations(run_id)
    ]


def _facts(store: Store, run_id: str) -> dict[str, Any]:
    """Return what the metadata tell of a run."""
    run, origin = store.run(run_id), Origins(store).of(run_id)
    return {
        "run_id": run_id,
        "recipe": run.recipe,
        "cell": run.cell,
        "label": run.label,
        "facts": json.loads(run.facts_json),
        "channel": run.channel,
        "state": run.state.value,
        "reason": run.reason,
        "simulated": run.simulated,
        "program_sha256": run.program_sha256,
        "ordered_utc": iso_utc(run.created_unix_s),
        "state_since_utc": iso_utc(run.state_unix_s),
        "ordered_by": origin.ordered_by,
        "version": origin.version,
        "instruments": sorted({(test.instrument, test.channel) for test in store.tests(run_id)}),
        "deviations": _deviations(store, run_id),
    }


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all that is read in the ``with`` block be of one moment, whatever is written meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
