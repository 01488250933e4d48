"""Adds to a store the recipes and cells that people write on the rig, in versions: migration 0012.

The table itself refuses every change, every removal, and a version that does not follow the one before it.
"""

from __future__ import annotations

from orchestrator.store.sqlite_library import Database

_VERSION = """
CREATE TABLE written_version (
    kind TEXT NOT NULL CHECK (kind IN ('recipe', 'cell')),
    name TEXT NOT NULL CHECK (name <> ''),
    version INTEGER NOT NULL CHECK (version >= 1),
    sha256 TEXT NOT NULL REFERENCES document (sha256),
    written_by TEXT NOT NULL CHECK (written_by <> ''),
    at_unix_s REAL NOT NULL,
    PRIMARY KEY (kind, name, version)
) STRICT
"""
_TRIGGERS = (
    """
CREATE TRIGGER written_version_is_not_changed BEFORE UPDATE ON written_version
BEGIN SELECT RAISE(ABORT, 'a version is never changed: write the next one'); END
""",
    """
CREATE TRIGGER written_version_is_not_removed BEFORE DELETE ON written_version
BEGIN SELECT RAISE(ABORT, 'a version is never removed: write the next one'); END
""",
    """
CREATE TRIGGER written_version_follows BEFORE INSERT ON written_version
WHEN new.version <> 1 + (
    SELECT coalesce(max(version), 0) FROM written_version WHERE kind = new.kind AND name = new.name
)
BEGIN SELECT RAISE(ABORT, 'a version follows the one before it'); END
""",
)


def add_versions(db: Database) -> None:
    """Add the table of versions, which only grows."""
    for statement in (_VERSION, *_TRIGGERS):
        db.execute(statement)
