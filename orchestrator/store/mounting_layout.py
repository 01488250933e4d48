"""Adds to a store which cell is on which channel, and who said so: migration 0004."""

from __future__ import annotations

from orchestrator.store.sqlite_library import Database

MOUNTING = """
CREATE TABLE mounting (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('queued', 'ordered', 'mounted', 'same_cell', 'empty', 'begun')),
    run_id TEXT REFERENCES run (run_id),
    follows TEXT REFERENCES run (run_id),
    said_by TEXT NOT NULL,
    event INTEGER NOT NULL,
    at_unix_s REAL NOT NULL,
    CHECK ((run_id IS NULL) = (kind = 'empty')),
    CHECK ((follows IS NULL) = (kind <> 'same_cell'))
) STRICT;
CREATE INDEX mounting_channel ON mounting (channel);
CREATE INDEX mounting_run ON mounting (run_id);
CREATE INDEX run_channel ON run (channel, state)
"""

# Of the runs of an older store, those that have begun: their cells were on their channels, in the order of beginning.
_BEGUN_BEFORE = """
INSERT INTO mounting (channel, kind, run_id, said_by, event, at_unix_s)
SELECT channel, 'begun', run_id, '', coalesce(first_event, 0), coalesce(began_unix_s, created_unix_s) FROM (
    SELECT run.*,
        (SELECT min(id) FROM event
            WHERE event.run_id = run.run_id AND kind = 'state' AND message LIKE 'preflight%') AS first_event,
        (SELECT min(at_unix_s) FROM event
            WHERE event.run_id = run.run_id AND kind = 'state' AND message LIKE 'preflight%') AS began_unix_s
    FROM run
)
WHERE state <> 'queued' AND (first_event IS NOT NULL OR run_id IN (SELECT run_id FROM test))
ORDER BY coalesce(first_event, 0), number
"""


def add_mounted_cells(db: Database) -> None:
    """Add the table of the cells on the channels: what was said of them and by whom, and which runs began there."""
    for statement in MOUNTING.split(";"):
        db.execute(statement)
    db.execute(_BEGUN_BEFORE)
