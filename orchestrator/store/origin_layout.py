"""Adds to a store where each run comes from, and mends what older layouts left wrong: migration 0007.

Runs of before keep NULL where nothing was kept; who has ordered them was. Simulated ones are known by the names
of their instruments, or by the time at which every virtual clock begins.
"""

from __future__ import annotations

import json

from orchestrator.store.sqlite_library import Database

ORIGIN = """
CREATE TABLE document (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    text TEXT NOT NULL
) STRICT;
CREATE TABLE origin (
    run_id TEXT PRIMARY KEY REFERENCES run (run_id),
    recipe_file TEXT,
    recipe_sha256 TEXT REFERENCES document (sha256),
    cell_file TEXT,
    cell_sha256 TEXT REFERENCES document (sha256),
    settings_json TEXT CHECK (settings_json IS NULL OR json_valid(settings_json)),
    ordered_by TEXT,
    host TEXT,
    login TEXT,
    version TEXT,
    check_json TEXT CHECK (check_json IS NULL OR json_valid(check_json))
) STRICT;
ALTER TABLE run ADD COLUMN simulated INTEGER CHECK (simulated IN (0, 1))
"""

RUN_ORIGIN = """
SELECT run.run_id, run.simulated, origin.ordered_by, origin.host, origin.login, origin.version,
    origin.recipe_file, origin.recipe_sha256, recipe.text AS recipe_yaml,
    origin.cell_file, origin.cell_sha256, cell.text AS cell_yaml, origin.settings_json, origin.check_json
FROM run LEFT JOIN origin ON origin.run_id = run.run_id
LEFT JOIN document AS recipe ON recipe.sha256 = origin.recipe_sha256
LEFT JOIN document AS cell ON cell.sha256 = origin.cell_sha256
"""

# Views with a row for each thing of a run: each tells whether the run was simulated.
_READABLE = (
    "run_summary",
    "sample_readable",
    "step_readable",
    "cycle_readable",
    "event_readable",
    "spectrum_readable",
)

# Where the clock of ``cellrig run --simulate`` and ``demo`` began in every version before this layout.
_EPOCH_UNIX_S = 1767571200.0
# The names that the simulated benches of those versions gave their instruments. A simulated CHI660E that was a channel
# of its own had the name of a real one, and is known by its clock.
_SIMULATED_BEFORE = """
UPDATE run SET simulated = 1 WHERE created_unix_s >= :epoch AND created_unix_s < :epoch + 1
    OR EXISTS (SELECT 1 FROM test WHERE test.run_id = run.run_id
        AND test.instrument IN ('simulated-ct4008', 'simulated-chi660e'))
"""

# Who has ordered a run was an event of those versions.
_ORDERED_BEFORE = """
INSERT INTO origin (run_id, ordered_by) SELECT run_id, substr(message, length('start ordered by ') + 1) FROM event
WHERE id IN (SELECT min(id) FROM event WHERE run_id IS NOT NULL AND kind = 'command'
    AND message LIKE 'start ordered by %' AND message NOT LIKE '%: its cell is mounted' GROUP BY run_id)
"""

_FACTS = """
SELECT run.run_id, cell.name, cell.facts_json, json_extract(run.program_json, '$.cell')
FROM run JOIN cell ON cell.id = run.cell_id ORDER BY run.number
"""


def add_origins(db: Database) -> None:
    """Add the files of each run's order, who gave it and where, and whether it is simulated; mend the cells' facts."""
    for statement in ORIGIN.split(";"):
        db.execute(statement)
    db.execute(_SIMULATED_BEFORE, {"epoch": _EPOCH_UNIX_S})
    db.execute(_ORDERED_BEFORE)
    for name in _READABLE:
        (view,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        db.execute(f"DROP VIEW {name}")
        db.execute(view.replace("\nFROM", ", run.simulated\nFROM", 1))
    db.create_view("run_origin", RUN_ORIGIN)
    _mend_facts(db)


def _mend_facts(db: Database) -> None:
    """Let each run refer to the facts of its own cell: earlier versions kept those of the first cell of a name.

    A run's program tells them. Rows to which it is right to refer are found again, others are added; none is changed.
    """
    known: dict[tuple[str, str], int] = {}
    for run_id, name, stored, own_json in db.execute(_FACTS).fetchall():
        own = json.loads(own_json) if own_json else {}
        if not isinstance(own, dict) or _says(json.loads(stored), own):
            continue
        key = name, json.dumps(own, sort_keys=True)
        if key not in known:
            rows = db.execute("SELECT id, facts_json FROM cell WHERE name = ? ORDER BY id", (name,)).fetchall()
            fitting = [number for number, facts in rows if _says(json.loads(facts), own)]
            if not fitting:
                cursor = db.execute("INSERT INTO cell (name, facts_json) VALUES (?, ?)", (name, own_json))
                fitting = [int(cursor.lastrowid or 0)]
            known[key] = fitting[0]
        db.execute("UPDATE run SET cell_id = ? WHERE run_id = ?", (known[key], run_id))


def _says(facts: object, own: dict[str, object]) -> bool:
    """Return whether a row tells all facts of a program's cell; it may tell more."""
    return isinstance(facts, dict) and all(name in facts and facts[name] == value for name, value in own.items())
