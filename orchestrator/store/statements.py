"""The longer SQL statements of the store, and the columns of its rows."""

from __future__ import annotations

from math import nan
from typing import Any

from drivers.interfaces import EndReason
from orchestrator.judging.cycles import Cycle, EfficiencyOf
from orchestrator.judging.steps import ExecutedStep
from orchestrator.store.rows import MeasurementRow

CHANNEL_OF = "SELECT channel FROM run WHERE run_id = ?"
INSERT_EVENT = "INSERT INTO event (run_id, kind, message, at_unix_s, data_json) VALUES (?, ?, ?, ?, ?)"
RUNS = """
SELECT run_id, recipe, cell.name AS cell, facts_json, channel, label, program_json, program_sha256, created_unix_s,
    state, reason, state_unix_s, simulated,
    (SELECT file FROM imported WHERE imported.run_id = run.run_id) AS imported_from
FROM run JOIN cell ON cell.id = run.cell_id
"""
TESTS = """
SELECT id, run_id, segment, instrument, channel, tester_test_id, barcode, started_unix_s, program_json FROM test
"""
# The run's number of a step is counted anew from its program.
STEP_COLUMNS = tuple(name for name in ExecutedStep.__dataclass_fields__ if name != "cycle")
MEASUREMENT_COLUMNS = tuple(MeasurementRow.__dataclass_fields__)
CYCLE_COLUMNS = tuple(Cycle.__dataclass_fields__)


def _upsert(table: str, key: str, columns: tuple[str, ...]) -> str:
    return (
        f"INSERT INTO {table} (test, {', '.join(columns)}) VALUES (?{', ?' * len(columns)}) "  # noqa: S608 names of ours
        f"ON CONFLICT (test, {key}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in columns)}"
    )


UPSERT_STEP = _upsert("step", "step_count", STEP_COLUMNS)
UPSERT_CYCLE = _upsert("cycle", "cycle", CYCLE_COLUMNS)
# A half-cycle that ended its run, as it seemed, is stored with one test, and its cycle with a later one.
DROP_CYCLE = """
DELETE FROM cycle WHERE cycle = :cycle AND test <> :test
    AND test IN (SELECT id FROM test WHERE run_id = (SELECT run_id FROM test WHERE id = :test))
"""


def cycle_from(row: dict[str, Any]) -> Cycle:
    """Build a cycle from its row; of a half that has run a missing capacity is NaN again, of another one it is None."""
    values = dict(row)
    for half in ("charge", "discharge"):
        if (reason := values[f"{half}_end_reason"]) is not None:
            values[f"{half}_end_reason"] = EndReason(reason)
            values[f"{half}_capacity_ah"] = nan if row[f"{half}_capacity_ah"] is None else row[f"{half}_capacity_ah"]
    if values["efficiency_of"] is not None:
        values["efficiency_of"] = EfficiencyOf(values["efficiency_of"])
    return Cycle(**values)


def executed_of(row: tuple[object, ...]) -> ExecutedStep:
    """Build an executed step from a row of ``STEP_COLUMNS``; a missing reading is NaN again."""
    values = dict(zip(STEP_COLUMNS, row, strict=True))
    for name in ("capacity_ah", "energy_wh"):
        values[name] = nan if values[name] is None else values[name]
    return ExecutedStep(**{**values, "end_reason": EndReason(str(values["end_reason"]))})  # type: ignore[arg-type]  # the columns are the fields
