"""The longer SQL statements of the store, and the columns of its rows."""

from __future__ import annotations

from orchestrator.judging.cycles import Cycle
from orchestrator.judging.steps import ExecutedStep
from orchestrator.store.rows import MeasurementRow

CHANNEL_OF = "SELECT channel FROM run WHERE run_id = ?"
INSERT_EVENT = "INSERT INTO event (run_id, kind, message, at_unix_s, data_json) VALUES (?, ?, ?, ?, ?)"
RUNS = """
SELECT run_id, recipe, cell.name AS cell, facts_json, channel, label, program_json, program_sha256, created_unix_s,
    state, reason, state_unix_s
FROM run JOIN cell ON cell.id = run.cell_id
"""
TESTS = """
SELECT id, run_id, segment, instrument, channel, tester_test_id, barcode, started_unix_s, program_json FROM test
"""
STEP_COLUMNS = tuple(ExecutedStep.__dataclass_fields__)
MEASUREMENT_COLUMNS = tuple(MeasurementRow.__dataclass_fields__)
CYCLE_COLUMNS = tuple(Cycle.__dataclass_fields__)


def _upsert(table: str, key: str, columns: tuple[str, ...]) -> str:
    return (
        f"INSERT INTO {table} (test, {', '.join(columns)}) VALUES (?{', ?' * len(columns)}) "  # noqa: S608 names of ours
        f"ON CONFLICT (test, {key}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in columns)}"
    )


UPSERT_STEP = _upsert("step", "step_count", STEP_COLUMNS)
UPSERT_CYCLE = _upsert("cycle", "cycle", CYCLE_COLUMNS)
