"""The invariants of a scenario (docs/faults.md): the store of a dead service against the tester's own memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from orchestrator.states import RunState
from protocols.execution_order import flow
from protocols.program import ConstantCurrent, CyclingSegment, MeasurementSegment, Program, Purpose
from tests.kill.witness import Record, Witness

# How a run may end: gone through, stopped, tripped, held for a person, waiting behind one that is, or never started.
_ENDS = {
    RunState.COMPLETED: "adopted",
    RunState.STOPPED: "stopped",
    RunState.TRIPPED: "tripped",
    RunState.HOLDING: "held",
    RunState.QUEUED: "waiting",
    RunState.FAILED: "never started",
}
# Several lives in a row may die before their first poll; a stop that is late all the same ends in stopped.
STOPPED_WITHIN_S = 3600.0
KINDS = (
    "lost",
    "duplicates",
    "double starts",
    "beyond limits",
    "repeated",
    "stops",
    "intents",
    "ends",
    "died",
    "shown",
    "web",
    "feed",
    "told",
    "oven",
    "temperatures",
    "source meter",
)
# From 100 kHz to 10 Hz at 12 a decade, with the point at the top.
SPECTRUM_POINTS = 49
_COLUMNS = "sequence, step, tester_cycle, mode, step_time_s, voltage_v, current_a, capacity_ah, energy_wh"


@dataclass
class Findings:
    """What is wrong, by kind, and how the runs ended."""

    wrong: list[tuple[str, str]] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    records: int = 0

    def add(self, kind: str, message: str) -> None:
        """Note a violation."""
        self.wrong.append((kind, message))


def read(store: Path, sql: str, *values: object) -> list[dict[str, Any]]:
    """Ask a store with plain SQL, beside whoever writes it."""
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, values)]


def marks(store: Path) -> dict[int, int]:
    """Give the highest stored sequence number of each test, checked to be also their count."""
    rows = read(store, "SELECT test, max(sequence) AS high, count(*) AS n FROM sample GROUP BY test")
    return {row["test"]: row["high"] if row["high"] == row["n"] else -1 for row in rows}


def check(store: Path, witness: Witness, channels: list[str], findings: Findings) -> None:
    """Check everything that must hold at the end."""
    tests = read(
        store,
        "SELECT test.*, state FROM test JOIN run USING (run_id) WHERE tester_test_id IS NOT NULL "
        "AND test.channel NOT LIKE 'smu-%' ORDER BY id",
    )
    barcodes = [row["barcode"] for row in tests]
    if len(set(barcodes)) != len(barcodes):
        findings.add("double starts", f"barcodes {barcodes}")
    shown = {name: witness.channel(name) for name in channels}
    newest = max(channel.test_id for channel in shown.values())
    for name, channel in shown.items():
        there = witness.tests(name, newest)
        stored = [row["tester_test_id"] for row in tests if row["channel"] == name]
        if sorted(there) != sorted(stored):
            findings.add("double starts", f"{name} has the tests {sorted(there)}, the store {sorted(stored)}")
        if channel.status in {"working", "pause"} and not _is_held(store, channel.barcode):
            findings.add("ends", f"{name} is left {channel.status} with {channel.barcode!r}")
        for row in tests:
            if row["channel"] == name and row["tester_test_id"] in there:
                records = witness.records(name, row["tester_test_id"], there[row["tester_test_id"]])
                _check_test(store, row, records, findings)
    _check_runs(store, findings)


def _is_held(store: Path, barcode: str) -> bool:
    held = "SELECT state FROM run JOIN test USING (run_id) WHERE test.barcode = ? AND state = 'holding'"
    return bool(read(store, held, barcode))


def _check_test(store: Path, row: dict[str, Any], records: list[Record], findings: Findings) -> None:
    place = f"{row['barcode']}, test {row['tester_test_id']} on {row['channel']}"
    stored = [tuple(r.values()) for r in read(store, f"SELECT {_COLUMNS} FROM sample WHERE test = ?", row["id"])]  # noqa: S608 - names of ours
    wanted = [(*record[:4], record.step_time_ms / 1000, *record[5:]) for record in records]
    findings.records += len(stored)
    _check_stop(store, row, place, findings)
    if len(stored) < len(wanted):
        findings.add("lost", f"{place}: {len(stored)} records of {len(wanted)}")
    elif len(stored) > len(wanted):
        findings.add("duplicates", f"{place}: {len(stored)} records of {len(wanted)}")
    elif stored != wanted:
        first = next(n for n, pair in enumerate(zip(stored, wanted, strict=True)) if pair[0] != pair[1])
        findings.add("lost", f"{place}: {stored[first]} is stored, the tester has {wanted[first]}")
    segment = CyclingSegment.from_json(row["program_json"])
    absolute = segment.limits.absolute
    beyond = [r for r in records if not absolute.low_v <= r.voltage_v <= absolute.high_v]
    beyond += [r for r in records if abs(r.current_a) > segment.limits.absolute_current_a]
    if beyond:
        findings.add("beyond limits", f"{place}: {beyond[0]}")
    passed = list(_executions(records))
    program = [tuple(there) for there in flow(segment.steps)]
    if passed != program[: len(passed)] or (row["state"] == RunState.COMPLETED and len(passed) != len(program)):
        # A run of several tests is complete with its last; earlier ones are cut.
        if passed == program[: len(passed)] and _is_continued(store, row):
            return
        findings.add("repeated", f"{place}: passed {passed}, the program is {program}")


def _check_stop(store: Path, row: dict[str, Any], place: str, findings: Findings) -> None:
    """Check that a stop whose intent is committed is carried out, whoever dies meanwhile."""
    sql = """
        SELECT max(unix_time_s) - (
            SELECT min(opened_unix_s) FROM intent WHERE command = 'stop' AND run_id = ?
        ) AS late_s FROM sample WHERE test = ?
    """
    (late,) = read(store, sql, row["run_id"], row["id"])
    stopped = row["state"] in {RunState.STOPPED, RunState.TRIPPED}
    if (late["late_s"] or 0.0) > STOPPED_WITHIN_S and not stopped:
        findings.add("stops", f"{place} went on for {late['late_s']:.0f} s after its stop was intended")


def _is_continued(store: Path, row: dict[str, Any]) -> bool:
    return bool(read(store, "SELECT id FROM test WHERE run_id = ? AND id > ?", row["run_id"], row["id"]))


def _executions(records: list[Record]) -> Iterator[tuple[int, int]]:
    """Give step and cycle of each execution, in order; time that runs back begins another."""
    count = 0
    numbered = []
    for before, record in pairwise([None, *records]):
        assert record is not None
        new = before is None or (before.step, before.cycle) != (record.step, record.cycle)
        count += new or (before is not None and record.step_time_ms < before.step_time_ms)
        numbered.append((count, record.step, record.cycle))
    for (_, step, cycle), _ in groupby(numbered):
        yield step, cycle


def _check_runs(store: Path, findings: Findings) -> None:
    for run in read(store, "SELECT run_id, state, reason, program_json FROM run ORDER BY number"):
        state = RunState(run["state"])
        all_tests = "SELECT id, segment, tester_test_id, program_json FROM test WHERE run_id = ? ORDER BY id"
        both = read(store, all_tests, run["run_id"])
        tests = [test for test in both if test["tester_test_id"] is not None]
        _check_spectra(store, run, [test for test in both if test["tester_test_id"] is None], findings)
        if state not in _ENDS or (state is RunState.FAILED and tests):
            findings.add("ends", f"{run['run_id']} is {state.value}: {run['reason']}, with {len(tests)} tests")
        last = _last_command(store, run["run_id"])
        if (state, last) in {(RunState.HOLDING, "stop"), (RunState.STOPPED, "hold")}:
            findings.add("stops", f"{run['run_id']} is {state.value} after a {last}: {run['reason']}")
        kind = _ENDS.get(state, state.value)
        findings.ends[kind] = findings.ends.get(kind, 0) + 1
        _check_charge(store, run, tests, findings)
        _check_decision(store, run, tests, findings)
    if left := read(store, "SELECT run_id, command, key FROM intent WHERE outcome IS NULL"):
        findings.add("intents", f"without an outcome: {left}")


def _last_command(store: Path, run_id: str) -> str:
    """Give the last command that a run has sent to its tester; empty for none."""
    sent = (
        "SELECT command FROM intent WHERE run_id = ? AND command IN ('start', 'stop', 'hold') ORDER BY id DESC LIMIT 1"
    )
    return next((row["command"] for row in read(store, sent, run_id)), "")


def _check_spectra(store: Path, run: dict[str, Any], measured: list[dict[str, Any]], findings: Findings) -> None:
    """No spectrum is stored twice or in part, and one that a completed run lacks is told as a deviation."""
    segments = [row["segment"] for row in measured]
    if len(set(segments)) != len(segments):
        findings.add("duplicates", f"{run['run_id']} has spectra of the segments {segments}")
    for row in measured:
        points = read(store, "SELECT count(*) AS n FROM spectrum WHERE test = ?", row["id"])[0]["n"]
        if points != SPECTRUM_POINTS:
            findings.add("lost", f"{run['run_id']}: a spectrum of {points} points")
    due = sum(isinstance(part, MeasurementSegment) for part in Program.from_json(run["program_json"]).segments)
    missing = "SELECT count(*) AS n FROM deviation WHERE run_id = ? AND category = 'equipment_failure'"
    told = read(store, missing, run["run_id"])[0]["n"]
    if run["state"] == RunState.COMPLETED and len(measured) + told != due:
        findings.add("lost", f"{run['run_id']} has {len(measured)} of {due} spectra, {told} are said to be missing")


def _check_decision(store: Path, run: dict[str, Any], tests: list[dict[str, Any]], findings: Findings) -> None:
    """Check that a run has left its loop behind the second pass, and has decided so once, whoever died meanwhile."""
    if not Program.from_json(run["program_json"]).decides or run["state"] != RunState.COMPLETED:
        return
    segments = list(dict.fromkeys(test["segment"] for test in tests))
    kind = "SELECT count(*) AS n FROM event WHERE run_id = ? AND kind = 'decided by the recipe'"
    decided = read(store, kind, run["run_id"])[0]["n"]
    if (segments, decided) != ([0, 1, 3], 1):
        findings.add("decisions", f"{run['run_id']} ran the segments {segments}, and decided {decided} times")


def _check_charge(store: Path, run: dict[str, Any], tests: list[dict[str, Any]], findings: Findings) -> None:
    """No run passes more charge than its recipe says, but for what is not known at each interruption."""
    program = Program.from_json(run["program_json"])
    parts = program.as_begun({test["segment"] for test in tests}).cycling
    whole = program.cycling[-1]
    allowed_ah = sum(_charge_ah(part, there.step) for part in parts for there in flow(part.steps))
    unknown_ah = whole.limits.host_current_a * (whole.record.every_s or 0.0) / 3600
    passed_ah = 0.0
    last = "SELECT step, max(capacity_ah) AS ah FROM sample WHERE test = ? GROUP BY step_count"
    for test in tests:
        segment = CyclingSegment.from_json(test["program_json"])
        for row in read(store, last, test["id"]):
            passed_ah += row["ah"] if _charge_ah(segment, row["step"]) else 0.0
    if passed_ah > allowed_ah * 1.002 + unknown_ah * max(0, len(tests) - 1):
        findings.add("repeated", f"{run['run_id']} passed {passed_ah} Ah of {allowed_ah} in {len(tests)} tests")


def _charge_ah(segment: CyclingSegment, number: int) -> float:
    step = segment.steps[number - 1]
    if not isinstance(step, ConstantCurrent) or step.purpose is Purpose.CHECK:
        return 0.0
    return abs(step.current_a) * (step.until.time_s or 0.0) / 3600
