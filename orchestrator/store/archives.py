"""What a store keeps of archived runs: where the package of each is, and an outline of the records of its tests.

An outline has the first and the last record of a test, how many there were, which numbers are missing, and the
temperatures: what lists, summaries and gaps are made of. All other records are in the package alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from math import nan
from pathlib import Path
from typing import Any

from drivers.interfaces import Sample
from orchestrator.store.errors import RunArchived
from orchestrator.store.row_checks import Finding, Level

Jump = tuple[float, float, float, int]
Temperatures = tuple[int, int, float | None, float, float | None]

_ROWS = "SELECT run_id, file, sha256, chain_end, size_bytes, archived_unix_s FROM archive"


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """The pointer to the package of a run. ``file`` is relative to the store's folder where it lies below it."""

    run_id: str
    file: str
    sha256: str
    chain_end: str
    size_bytes: int
    archived_unix_s: float

    def path(self, store: Path) -> Path:
        """Return where the package of a run of this store was put."""
        return store.parent / self.file


@dataclass(frozen=True, slots=True)
class Outline:
    """What is kept of the records of one archived test; ``temperatures`` as ``samples.temperatures`` counts them."""

    samples: int
    first: Sample | None
    last: Sample | None
    last_temperature_degc: float | None
    jumps: tuple[Jump, ...]
    temperatures: Temperatures

    def as_json(self) -> str:
        """Return the outline as the store keeps it; a missing reading is null."""
        return json.dumps(
            {
                "first": _plain(self.first),
                "last": _plain(self.last),
                "last_temperature_degc": self.last_temperature_degc,
                "jumps": self.jumps,
                "temperatures": self.temperatures,
            }
        )


def outline_of(connection: sqlite3.Connection, test: int) -> Outline | None:
    """Return the outline of an archived test; None for a test whose records are in the store."""
    row = connection.execute("SELECT samples, outline_json FROM archived_test WHERE test = ?", (test,)).fetchone()
    if row is None:
        return None
    found: Mapping[str, Any] = json.loads(row[1])
    return Outline(
        row[0],
        _sample(found["first"]),
        _sample(found["last"]),
        found["last_temperature_degc"],
        tuple((one[0], one[1], one[2], one[3]) for one in found["jumps"]),
        tuple(found["temperatures"]),
    )


def outlines_of_run(connection: sqlite3.Connection, run_id: str) -> list[Outline]:
    """Return the outlines of the tests of an archived run, in order; empty for any other."""
    rows = connection.execute("SELECT test FROM archived_test WHERE run_id = ? ORDER BY test", (run_id,)).fetchall()
    return [outline for (test,) in rows if (outline := outline_of(connection, test)) is not None]


def refuse_archived(connection: sqlite3.Connection, test: int, after: int = -1) -> None:
    """Raise RunArchived for a test whose records above ``after`` are in a package; the message says what to do.

    Rows of them may be in the store still, or again: an archive that is at work beside a reader takes them away piece
    by piece. So who reads records asks before the first page and after each (docs/decisions/0051).
    """
    row = connection.execute(
        "SELECT archive.run_id, archive.file FROM archived_test JOIN archive USING (run_id) "
        "WHERE test = ? AND samples > 0 AND json_extract(outline_json, '$.last[0]') > ?",
        (test, after),
    ).fetchone()
    if row is not None:
        (_, _, store), *_ = connection.execute("PRAGMA database_list").fetchall()
        at = f" --store {store}" if store else ""
        raise RunArchived(
            f"the records of run {row[0]} are archived in {row[1]}; bring them back with: "
            f"cellrig unarchive {row[0]}{at}"
        )


def archived_run(connection: sqlite3.Connection, run_id: str) -> ArchivedRun | None:
    """Return where the package of an archived run is; None for a run whose records are in the store."""
    row = connection.execute(f"{_ROWS} WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else ArchivedRun(*row)


def still_stored(connection: sqlite3.Connection, run_id: str) -> bool:
    """Return whether rows of archived records are in the store: an archive, or a way back, was killed in between."""
    sql = (
        "SELECT 1 FROM archived_test JOIN sample ON sample.test = archived_test.test "
        "AND sample.sequence <= json_extract(outline_json, '$.last[0]') WHERE run_id = ? LIMIT 1"
    )
    return connection.execute(sql, (run_id,)).fetchone() is not None


def archived_runs(connection: sqlite3.Connection) -> list[ArchivedRun]:
    """Return the pointers of all archived runs, in order."""
    return [ArchivedRun(*row) for row in connection.execute(f"{_ROWS} ORDER BY run_id").fetchall()]


def packages_there(connection: sqlite3.Connection, store: Path) -> Iterator[Finding]:
    """Find archived runs whose package is not where it was put, or has another size; its hashes are not computed."""
    runs = archived_runs(connection)
    wrong = 0
    for run in runs:
        path = run.path(store)
        size = path.stat().st_size if path.is_file() else None
        if still_stored(connection, run.run_id):
            sentence = (
                f"records of the archived run {run.run_id} are in the store too: an archive is at work, or was ended. "
                f"cellrig archive {run.run_id} takes them away, cellrig unarchive {run.run_id} brings all back"
            )
            yield Finding("archives", Level.NOTE, sentence)
        if size == run.size_bytes:
            continue
        wrong += 1
        what = "is not there" if size is None else f"has {size} bytes, and had {run.size_bytes}"
        sentence = f"{path}, the package with the records of run {run.run_id}, {what}; put a copy of it back"
        yield Finding("archives", Level.WRONG, sentence)
    if runs and not wrong:
        sentence = f"the packages of {len(runs)} archived runs are there; cellrig verify checks what is in them"
        yield Finding("archives", Level.OK, sentence)


def point_to_package(connection: sqlite3.Connection, archived: ArchivedRun, outlines: Mapping[int, Outline]) -> None:
    """Write the pointer to a run's package and the outlines of its tests, inside the caller's transaction."""
    connection.execute("INSERT INTO archive VALUES (?, ?, ?, ?, ?, ?)", astuple(archived))
    connection.executemany(
        "INSERT INTO archived_test VALUES (?, ?, ?, ?, ?)",
        [
            (test, archived.run_id, outline.samples, outline.last.time_s if outline.last else 0.0, outline.as_json())
            for test, outline in outlines.items()
        ],
    )


def forget_package(connection: sqlite3.Connection, run_id: str) -> None:
    """Delete the pointer to a run's package and its outlines, inside the caller's transaction."""
    connection.execute("DELETE FROM archived_test WHERE run_id = ?", (run_id,))
    connection.execute("DELETE FROM archive WHERE run_id = ?", (run_id,))


def _plain(sample: Sample | None) -> list[Any] | None:
    return None if sample is None else [None if value != value else value for value in sample]


def _sample(values: list[Any] | None) -> Sample | None:
    return None if values is None else Sample._make(nan if value is None else value for value in values)
