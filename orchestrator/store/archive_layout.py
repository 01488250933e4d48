"""Adds to a store which runs are archived: whose records are in a package, and what is kept of them. Migration 0010."""

from __future__ import annotations

from orchestrator.store.sqlite_library import Database

ARCHIVE = """
CREATE TABLE archive (
    run_id TEXT PRIMARY KEY REFERENCES run (run_id),
    file TEXT NOT NULL CHECK (file <> ''),
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    chain_end TEXT NOT NULL CHECK (length(chain_end) = 64),
    size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
    archived_unix_s REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE archived_test (
    test INTEGER PRIMARY KEY REFERENCES test (id),
    run_id TEXT NOT NULL REFERENCES archive (run_id),
    samples INTEGER NOT NULL CHECK (samples >= 0),
    last_time_s REAL NOT NULL,
    outline_json TEXT NOT NULL CHECK (json_valid(outline_json))
) STRICT;
CREATE INDEX archived_test_run ON archived_test (run_id)
"""

_MORE = """, (SELECT coalesce(sum(archived_test.samples), 0) FROM archived_test
        WHERE archived_test.run_id = run.run_id) AS archived_samples,
    (SELECT archive.file FROM archive WHERE archive.run_id = run.run_id) AS archive
FROM run JOIN cell"""


def add_archives(db: Database) -> None:
    """Add the tables of archived runs, and to ``run_summary`` how many records of a run are in which package."""
    for statement in ARCHIVE.split(";"):
        db.execute(statement)
    (view,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'run_summary'").fetchone()
    db.execute("DROP VIEW run_summary")
    db.execute(view.replace("\nFROM run JOIN cell", _MORE, 1))
