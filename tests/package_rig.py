"""Runs that are packed and archived in tests: over, with gaps, a spectrum, an event, a word on the cell."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from orchestrator.events import EventKind
from orchestrator.export.exporting import export_runs
from orchestrator.export.formats import find_format
from orchestrator.store import MountingKind, Mountings, Origin, Origins, Store, open_store
from protocols.document import Document
from tests.export_rig import add_spectrum, made
from tests.run_maker import CUTS_S, PROGRAM, START_UNIX_S, RunMaker


def sealed(store: Store, cuts_s: tuple[float, ...] = CUTS_S, state: str = "completed") -> str:
    """Give the id of a run that is over, with something in every table that a run may have rows in."""
    run_id = RunMaker(store, PROGRAM).run(cuts_s)
    add_spectrum(store, run_id)
    store.add_event(run_id, EventKind.STATE, f"{state}: all steps done", START_UNIX_S + 9e4, '{"data": 1.5}')
    Mountings(store).add("27-1-3", MountingKind.BEGUN, run_id, "ada", START_UNIX_S)
    recipe, cell = Document("mine.yaml", "name: mine\n"), Document("c.yaml", "name: c\n")
    Origins(store).add(run_id, Origin(recipe, cell, {"seed": 1}, ordered_by="ada", version="0.1.0"))
    intent = store.open_intent(run_id, "27-1-3", "start", "0" * 64, f"key {run_id}", START_UNIX_S)
    store.close_intent(intent, "started", START_UNIX_S + 1)
    store.set_run_state(run_id, state, "all steps done", START_UNIX_S + 9e4)
    return run_id


def packed(store: Store, run_id: str, out: Path, name: str = "crate") -> Path:
    """Write a run's package and give its path."""
    (done,) = export_runs(store, [run_id], find_format(name), out, force=True)
    return done.own[0]


def dump(store_path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Give all rows of all tables of a store."""
    with open_store(store_path, read_only=True) as store, closing(store.connection.cursor()) as cursor:
        tables = cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {name: _rows(cursor, name) for (name,) in tables if not name.startswith("sqlite_")}


def _rows(cursor: sqlite3.Cursor, name: str) -> list[tuple[Any, ...]]:
    return sorted(cursor.execute(f"SELECT * FROM {name}").fetchall(), key=repr)  # noqa: S608 a name of the layout


__all__ = ["dump", "made", "packed", "sealed"]
