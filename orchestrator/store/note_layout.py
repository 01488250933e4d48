"""Adds to a store what people write about runs: migration 0011. The table itself refuses every change and removal."""

from __future__ import annotations

from orchestrator.store.sqlite_library import Database

NOTE = """
CREATE TABLE note (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (run_id),
    text TEXT NOT NULL CHECK (text <> ''),
    written_by TEXT NOT NULL CHECK (written_by <> ''),
    at_unix_s REAL NOT NULL
) STRICT;
CREATE INDEX note_run ON note (run_id)
"""

_KEPT = """
CREATE TRIGGER note_is_not_changed BEFORE UPDATE ON note
BEGIN SELECT RAISE(ABORT, 'a note is never changed: write another one'); END
"""
_NOT_REMOVED = """
CREATE TRIGGER note_is_not_removed BEFORE DELETE ON note
BEGIN SELECT RAISE(ABORT, 'a note is never removed: write another one'); END
"""


def add_notes(db: Database) -> None:
    """Add the table of notes, which only grows."""
    for statement in (*NOTE.split(";"), _KEPT, _NOT_REMOVED):
        db.execute(statement)
