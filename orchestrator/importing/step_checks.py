"""Computes the executed steps of an imported run again from its stored records, and compares them with the stored ones.

What the records alone give is compared: times, charge, energy, voltage, resistance, and which records a step has. Why a
step ended, and to which half-cycle it belongs, was read off the steps when they came in, by the rules of the cellrig
that did it (``orchestrator.importing.steps``).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose, isnan
from typing import TYPE_CHECKING

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.steps import executed_steps
from orchestrator.store.errors import explained
from orchestrator.store.imports import Imports
from orchestrator.store.row_checks import MOST, Finding, Level

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.judging.steps import ExecutedStep
    from orchestrator.store import Store

_COLUMNS = {
    "test": "Int64",
    "sequence": "Int64",
    "time_s": "Float64",
    "step_time_s": "Float64",
    "step": "Int64",
    "step_count": "Int64",
    "tester_cycle": "Int64",
    "mode": "String",
    "voltage_v": "Float64",
    "current_a": "Float64",
    "capacity_ah": "Float64",
    "energy_wh": "Float64",
}
_COMPARED = (
    "step",
    "mode",
    "start_s",
    "duration_s",
    "capacity_ah",
    "energy_wh",
    "mean_voltage_v",
    "resistance_ohm",
    "first_sequence",
    "last_sequence",
)
# A test's time was moved to its own begin: sums of floats and another machine's mathematics differ in the last digits.
_SAME, _SAME_S = 1e-9, 1e-6


def imported_steps(store: Store, run_id: str) -> Iterator[Finding]:
    """Find executed steps of a run's imported tests that their records do not give; nothing for a run that has none."""
    tests = _tests(store, run_id)
    if not tests:
        return
    count = 0
    for wrong in _wrong(store, run_id, tests):
        count += 1
        if count <= MOST:
            yield Finding("records", Level.WRONG, wrong)
    if not count:
        give = f"{len(tests)} imported tests give their" if len(tests) != 1 else "1 imported test give its"
        ends = "why these ended is as it was read when they came in"
        yield Finding("records", Level.OK, f"the records of {give} steps; {ends}")


def _tests(store: Store, run_id: str) -> list[int]:
    """Return the tests of a run that came from a file and have records."""
    sql = (
        "SELECT id FROM test JOIN imported_test ON imported_test.test = id WHERE run_id = ? AND program_json = 'null' "
        "AND EXISTS (SELECT 1 FROM sample WHERE sample.test = id) ORDER BY id"
    )
    with explained(store.path):
        return [test for (test,) in store.connection.execute(sql, (run_id,))]


def _wrong(store: Store, run_id: str, tests: list[int]) -> Iterator[str]:
    starts_s = Imports(store).starts_s(run_id)
    try:
        built = executed_steps(_table(store, tests, starts_s))
    except ImportFailed as err:
        yield f"the records of run {run_id} make no steps: {err}"
        return
    for test in tests:
        stored = {step.step_count: step for step in store.steps(test)}
        for found in built:
            if found.test == test:
                step = found.moved(-starts_s.get(test, 0.0))
                yield from _differences(test, step, stored.pop(step.step_count, None))
        yield from (f"executed step {count} of test {test} has no records" for count in stored)


def _table(store: Store, tests: list[int], starts_s: dict[int, float]) -> pl.DataFrame:
    """Return the records of tests as they were when they came in, on the run's axis of time."""
    import polars as pl

    marks = ", ".join("?" * len(tests))
    sql = f"SELECT {', '.join(_COLUMNS)} FROM sample WHERE test IN ({marks}) ORDER BY test, sequence"  # noqa: S608 names of ours
    with explained(store.path):
        rows = store.connection.execute(sql, tests).fetchall()
    table = pl.DataFrame(rows, schema={name: getattr(pl, kind) for name, kind in _COLUMNS.items()}, orient="row")
    starts = pl.DataFrame(
        {"test": tests, "start_s": [starts_s.get(test, 0.0) for test in tests]},
        {"test": pl.Int64, "start_s": pl.Float64},
    )
    moved = table.join(starts, on="test", maintain_order="left")
    return moved.with_columns(test_time_s=pl.col("time_s") + pl.col("start_s")).rename({"tester_cycle": "cycle"})


def _differences(test: int, built: ExecutedStep, stored: ExecutedStep | None) -> Iterator[str]:
    if stored is None:
        yield f"records of test {test} are of executed step {built.step_count}, which is not stored"
        return
    for name in _COMPARED:
        was, now = getattr(stored, name), getattr(built, name)
        if not _are_same(name, was, now):
            where = f"executed step {built.step_count} of test {test}"
            yield f"{where} is stored with {name} {was!r}, and its records give {now!r}"
            return


def _are_same(name: str, was: object, now: object) -> bool:
    if not isinstance(was, float) or not isinstance(now, float):
        return was == now
    if isnan(was) or isnan(now):
        return isnan(was) and isnan(now)
    return isclose(was, now, rel_tol=_SAME, abs_tol=_SAME_S if name.endswith("_s") else 0.0)
