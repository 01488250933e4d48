"""Stores what is known of runs that were imported: the file, what was decided about it, and where its steps stand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.store.errors import explained
from orchestrator.store.store import Store
from protocols.current_sign import Direction
from protocols.half_cycles import CyclePlace

IMPORTED = "imported"
"""The channel of every run that was imported: no bench has a channel of this name, so that none is looked for there."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that was decided about a file: what, to which value, and what told it."""

    what: str
    value: str
    told_by: str

    @property
    def sentence(self) -> str:
        """The decision in words."""
        return f"{self.what}: {self.value} ({self.told_by})"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """The file of an imported run. ``part`` names the run within a file of several, "" where it is the whole file.

    ``format`` is the kind of the file, ``reader`` the library that read it, with its version.
    """

    file: str
    sha256: str
    part: str
    format: str
    reader: str
    decisions: tuple[Decision, ...]
    imported_by: str
    imported_unix_s: float

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON."""
        return asdict(self)


class Imports:
    """The imported runs of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, run_id: str, file: ImportedFile) -> None:
        """Store where a new run was imported from, once: it is never changed."""
        decisions = json.dumps([asdict(one) for one in file.decisions], ensure_ascii=False)
        values = (file.file, file.sha256, file.part, file.format, file.reader, decisions)
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO imported VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run_id, *values, file.imported_by, file.imported_unix_s),
            )

    def of(self, run_id: str) -> ImportedFile | None:
        """Return where a run was imported from; None for a run of this store."""
        sql = (
            "SELECT file, sha256, part, format, reader, decisions_json, imported_by, imported_unix_s FROM imported "
            "WHERE run_id = ?"
        )
        with explained(self._store.path):
            row = self._store.connection.execute(sql, (run_id,)).fetchone()
        if row is None:
            return None
        decisions = tuple(Decision(**one) for one in json.loads(row[5]))
        file, sha256, part, kind, reader, _, by, at_unix_s = row
        return ImportedFile(file, sha256, part, kind, reader, decisions, by, at_unix_s)

    def found(self, sha256: str, part: str = "") -> str | None:
        """Return the newest run that was imported from a file with this hash; None if there is none."""
        sql = "SELECT max(run_id) FROM imported WHERE sha256 = ? AND part = ?"
        with explained(self._store.path):
            run_id: str | None = self._store.connection.execute(sql, (sha256, part)).fetchone()[0]
        return run_id

    def add_test(self, test: int, start_s: float | None) -> None:
        """Mark a test as imported. ``start_s`` is when it begins on the run's axis of time, None: as its clock says."""
        with self._store.transaction() as connection:
            connection.execute("INSERT INTO imported_test VALUES (?, ?)", (test, start_s))

    def starts_s(self, run_id: str) -> dict[int, float]:
        """Return when the imported tests of a run begin on its axis of time, by test."""
        sql = (
            "SELECT test, start_s FROM imported_test JOIN test ON test.id = test "
            "WHERE run_id = ? AND start_s IS NOT NULL"
        )
        with explained(self._store.path):
            return dict(self._store.connection.execute(sql, (run_id,)).fetchall())

    def add_places(self, test: int, places: Mapping[int, CyclePlace]) -> None:
        """Store the places of a test's executed steps, by their step count."""
        rows = [(test, count, place.cycle, place.half, place.direction, place.pulse) for count, place in places.items()]
        with self._store.transaction() as connection:
            connection.executemany("INSERT INTO imported_step VALUES (?, ?, ?, ?, ?, ?)", rows)

    def places(self, test: int) -> dict[int, CyclePlace]:
        """Return the places of a test's executed steps, by their step count."""
        sql = "SELECT step_count, cycle, half, direction, pulse FROM imported_step WHERE test = ?"
        with explained(self._store.path):
            rows: Sequence[tuple[Any, ...]] = self._store.connection.execute(sql, (test,)).fetchall()
        return {count: CyclePlace(cycle, half, _way(way), _way(pulse)) for count, cycle, half, way, pulse in rows}


def _way(word: str | None) -> Direction | None:
    return None if word is None else Direction(word)
