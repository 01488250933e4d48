"""Checks the rows of a store for faults; each check returns its finding as a sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.states import RunState

# A run that has not ended and has been silent for this long is nobody's, in seconds.
SILENCE_S = 3_600.0
# A command whose outcome is not known after this will not be known by itself, in seconds.
INTENT_AGE_S = 60.0
# How many places of a kind are told; a broken store may have thousands.
MOST = 5


class Level(StrEnum):
    """The severity of a finding: no fault, a warning, or a fault that a person must correct."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """The name and the result of one check."""

    check: str
    level: Level
    sentence: str


def references(connection: sqlite3.Connection, now_unix_s: float) -> Iterator[Finding]:
    """Find rows that refer to missing rows."""
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    for table, row, parent, _ in broken[:MOST]:
        where = "" if row is None else f" in row {row}"
        yield Finding(
            "references", Level.WRONG, f"table {table} refers{where} to a {parent} that is not there; was it edited?"
        )
    if not broken:
        yield Finding("references", Level.OK, "every reference leads somewhere")


def gaps(connection: sqlite3.Connection, now_unix_s: float) -> Iterator[Finding]:
    """Find missing sequence numbers between the first record of a test (1) and its last.

    What an imported file lacks no tester can give any more.
    """
    # Instruments count from 1, or from 0.
    spans = connection.execute(
        "SELECT sample.test, test.run_id, max(sequence) - min(1, min(sequence)) + 1 AS due, count(*) AS there, "
        "max(sequence) FROM sample JOIN test ON test.id = sample.test "
        "WHERE test.id NOT IN (SELECT test FROM imported_test UNION SELECT test FROM archived_test) "
        "GROUP BY sample.test HAVING due <> there"
    ).fetchall()
    for test, run_id, due, there, last in spans[:MOST]:
        (first_gap,) = connection.execute(
            "SELECT min(after) FROM (SELECT 0 AS after UNION ALL SELECT sequence FROM sample WHERE test = :test) "
            "WHERE after < :last AND NOT EXISTS (SELECT 1 FROM sample WHERE test = :test AND sequence = after + 1)",
            {"test": test, "last": last},
        ).fetchone()
        yield Finding(
            "gaps",
            Level.WRONG,
            f"test {test} of run {run_id} lacks {due - there} of its {due} records, the first after number "
            f"{first_gap}; they may still be in the tester: fetch them before its memory is overwritten",
        )
    if not spans:
        total = connection.execute("SELECT count(*) FROM sample").fetchone()[0]
        yield Finding("gaps", Level.OK, f"no record is missing among {total}")


def loose_ends(connection: sqlite3.Connection, now_unix_s: float) -> Iterator[Finding]:
    """Find runs that have not ended, and report those to which no service writes any more."""
    rows = connection.execute(
        "SELECT run_id, state, max(state_unix_s, coalesce((SELECT max((SELECT unix_time_s FROM sample "
        "WHERE sample.test = test.id ORDER BY sequence DESC LIMIT 1)) FROM test WHERE test.run_id = run.run_id), 0)) "
        "FROM run ORDER BY number"
    ).fetchall()
    going = [row for row in rows if not RunState(row[1]).has_ended]
    for run_id, state, written_unix_s in going:
        silent_h = (now_unix_s - written_unix_s) / 3600
        lost = RunState(state).is_written_often and silent_h * 3600 > SILENCE_S
        yield Finding(
            "runs",
            Level.WRONG if lost else Level.NOTE,
            f"run {run_id} is {state}, but nothing was written for {silent_h:.1f} h; see whether the service runs, and "
            "what the tester does"
            if lost
            else f"run {run_id} is {state}",
        )
    if not going:
        yield Finding(
            "runs", Level.OK, f"none of {len(rows)} runs is open" if len(rows) != 1 else "the run is not open"
        )


def open_intents(connection: sqlite3.Connection, now_unix_s: float) -> Iterator[Finding]:
    """Find commands without a stored outcome."""
    rows = connection.execute(
        "SELECT command, channel, run_id, opened_unix_s FROM intent WHERE outcome IS NULL ORDER BY id"
    ).fetchall()
    for command, channel, run_id, opened_unix_s in rows:
        age_s = now_unix_s - opened_unix_s
        yield Finding(
            "intents",
            Level.WRONG if age_s > INTENT_AGE_S else Level.NOTE,
            f"nobody knows what became of {command!r} on channel {channel} for run {run_id}, sent {age_s / 60:.0f} min "
            "ago; see what the tester does before anything is sent again",
        )
    if not rows:
        yield Finding("intents", Level.OK, "the outcome of every command is known")
