"""Adds to a store what is known of runs that were imported from files: migration 0009."""

from __future__ import annotations

from orchestrator.store.sqlite_library import Database

IMPORTED = """
CREATE TABLE imported (
    run_id TEXT PRIMARY KEY REFERENCES run (run_id),
    file TEXT NOT NULL CHECK (file <> ''),
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    part TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format <> ''),
    reader TEXT NOT NULL,
    decisions_json TEXT NOT NULL CHECK (json_valid(decisions_json)),
    imported_by TEXT NOT NULL,
    imported_unix_s REAL NOT NULL
) STRICT;
CREATE INDEX imported_file ON imported (sha256, part);
CREATE TABLE imported_test (
    test INTEGER PRIMARY KEY REFERENCES test (id),
    start_s REAL
) STRICT;
CREATE TABLE imported_step (
    test INTEGER NOT NULL REFERENCES test (id),
    step_count INTEGER NOT NULL CHECK (step_count >= 1),
    cycle INTEGER NOT NULL,
    half INTEGER NOT NULL CHECK (half >= 0),
    direction TEXT CHECK (direction IN ('charge', 'discharge')),
    pulse TEXT CHECK (pulse IN ('charge', 'discharge')),
    PRIMARY KEY (test, step_count)
) STRICT, WITHOUT ROWID
"""


def add_imports(db: Database) -> None:
    """Add the files that runs were imported from, and the places of executed steps that no program tells."""
    for statement in IMPORTED.split(";"):
        db.execute(statement)
    (view,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'run_summary'").fetchone()
    db.execute("DROP VIEW run_summary")
    from_file = "(SELECT file FROM imported WHERE imported.run_id = run.run_id) AS imported_from"
    db.execute(view.replace("\nFROM run JOIN", f",\n    {from_file}\nFROM run JOIN", 1))
