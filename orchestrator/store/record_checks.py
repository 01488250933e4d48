"""Checks the records of a store against themselves: SQLite keeps no checksum that would betray one flipped bit.

What a record says is said elsewhere too. A step was computed from all of its records when they came, and is stored with
its mean voltage and its resistance: computed again from what is stored now, they must be the same to the last bit. In a
step time, charge and counters go one way. A tester's readings are decimals of a few digits, or numbers of single
precision in writing: a flipped bit makes a number of double precision that is neither. Programs have their hashes.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from drivers.interfaces import EndReason, Sample
from orchestrator.judging.steps import ExecutedStep, StepBuilder
from orchestrator.store import samples as bulk
from orchestrator.store.connection import Access, connect
from orchestrator.store.errors import explained
from orchestrator.store.row_checks import MOST, Finding, Level
from orchestrator.store.statements import STEP_COLUMNS
from protocols.program import CyclingSegment, Program

# A decimal as a tester sends it is shorter than this in writing; a number with a flipped bit is not.
_LONG = 16
_READINGS = ("time_s", "step_time_s", "voltage_v", "current_a", "capacity_ah", "energy_wh", "unix_time_s")
_PLACES = tuple(Sample._fields.index(name) for name in _READINGS)
_SINGLE = Struct("f")
# By how much the clocks of a record and of the ones beside it may differ, in seconds.
_CLOCK_S = 5.0
_RESTORE = "the file was changed or is damaged; compare it with the newest backup"
# By which part of itself a constant current may leave that of its neighbours.
_CURRENT_SHARE = 0.02
# Times are sent in milliseconds.
_TICK_S = 0.0015


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A record that cannot be what was stored, and why."""

    sequence: int
    why: str


def programs(connection: sqlite3.Connection, now_unix_s: float) -> Iterator[Finding]:
    """Find runs whose stored program does not have the hash that is stored with it."""
    rows = connection.execute("SELECT run_id, program_json, program_sha256 FROM run ORDER BY number").fetchall()
    wrong = [run_id for run_id, text, sha256 in rows if hashlib.sha256(text.encode()).hexdigest() != sha256]
    for run_id in wrong[:MOST]:
        yield Finding(
            "programs", Level.WRONG, f"the stored program of run {run_id} is not the one that was ordered: {_RESTORE}"
        )
    if not wrong:
        are = f"the programs of {len(rows)} runs are" if len(rows) != 1 else "the program of the run is"
        those = "those that were" if len(rows) != 1 else "the one that was"
        yield Finding("programs", Level.OK, f"{are} {those} ordered")


def records(connection: sqlite3.Connection, now_unix_s: float, *, only_steps: bool = False) -> Iterator[Finding]:
    """Find records that contradict their steps, the records beside them, or what a tester can send.

    Those of a potentiostat's measurements have no steps, and are not judged; archived ones are not here. Imported ones
    are kept as they came: of those with a program the steps are compared, those without are counted
    (``orchestrator.importing.step_checks`` compares them).
    ``only_steps``: only what was computed of them is compared, as where hashes tell of every bit.
    """
    imported = {test for (test,) in connection.execute("SELECT test FROM imported_test")}
    every = connection.execute(
        "SELECT id, test.run_id, segment, run.program_json, test.program_json FROM test JOIN run USING (run_id) "
        "WHERE tester_test_id IS NOT NULL AND id NOT IN (SELECT test FROM archived_test) ORDER BY id"
    ).fetchall()
    tests = [row for row in every if row[-1] != "null" or row[0] not in imported]
    as_it_came = len(every) - len(tests)
    count = 0
    begun: set[tuple[str, int]] = set()
    for test, run_id, number, ordered_json, program_json in tests:
        try:
            segment = CyclingSegment.from_json(program_json) if program_json != "null" else None
        except ValueError:
            count += 1
            yield Finding("records", Level.WRONG, f"the program of test {test} cannot be read: {_RESTORE}")
            continue
        if (run_id, number) not in begun and segment is not None and not _is_ordered(ordered_json, number, segment):
            count += 1
            what = f"the program of test {test} is not segment {number + 1} of what run {run_id} was ordered"
            yield Finding("records", Level.WRONG, f"{what}; {_RESTORE}")
        begun.add((run_id, number))
        doubts = list(_doubts(connection, test, segment, only_steps or test in imported))
        count += len(doubts)
        for doubt in doubts[:MOST]:
            yield Finding(
                "records",
                Level.WRONG,
                f"record {doubt.sequence} of test {test} of run {run_id} cannot be what was stored: {doubt.why}; "
                f"{_RESTORE}",
            )
    if not count and (tests or not as_it_came):
        agree = f"{len(tests)} tests agree with their" if len(tests) != 1 else "1 test agree with its"
        yield Finding("records", Level.OK, f"the records of {agree} steps")
    if as_it_came and not only_steps:
        many = f"{as_it_came} imported tests are kept as they came: their records were"
        what = many if as_it_came != 1 else "1 imported test is kept as it came: its records were"
        yield Finding("records", Level.OK, f"{what} not compared with steps")


def _is_ordered(ordered_json: str, number: int, segment: CyclingSegment) -> bool:
    """Return whether the first test of a segment runs the whole of it, as it was ordered."""
    try:
        return Program.from_json(ordered_json).segments[number] == segment
    except (ValueError, IndexError):
        # What is wrong with it is said by its hash.
        return True


def _doubts(
    connection: sqlite3.Connection, test: int, segment: CyclingSegment | None, only_steps: bool
) -> Iterator[_Doubt]:
    sql = f"SELECT {', '.join(STEP_COLUMNS)} FROM step WHERE test = ? ORDER BY step_count"  # noqa: S608 names of ours
    stored = {row[0]: row for row in connection.execute(sql, (test,))}
    builder = StepBuilder(segment) if segment is not None else None
    walk = _Walk()
    done: list[ExecutedStep] = []
    for page in bulk.pages(connection, test, -1, None):
        found = list(page)
        if not only_steps:
            yield from walk.doubts(found)
        done = builder.feed(found) if builder is not None else []
        yield from _step_doubts(done, stored)
    if builder is not None:
        yield from _step_doubts(builder.finish(), stored)


def _step_doubts(built: Sequence[ExecutedStep], stored: dict[int, tuple[object, ...]]) -> Iterator[_Doubt]:
    for step in built:
        row = stored.get(step.step_count)
        if row is None:
            continue
        there = dict(zip(STEP_COLUMNS, row, strict=True))
        if there["last_sequence"] != step.last_sequence and step.step_count == max(stored):
            # A part of it was stored when its run was held.
            continue
        for name in STEP_COLUMNS:
            value = getattr(step, name)
            value = value.value if isinstance(value, EndReason) else value
            if there[name] != value and not (there[name] is None and value != value):
                yield _Doubt(
                    step.first_sequence,
                    f"executed step {step.step_count}, records {step.first_sequence} to {step.last_sequence}, is "
                    f"stored with {name} {there[name]!r}, and its records give {value!r}",
                )
                break


class _Walk:
    """Goes over the records of one test in order, and compares each with the ones before it."""

    def __init__(self) -> None:
        self._before: tuple[Sample, ...] = ()
        # What the readings of each column are, by the first page; others are not judged.
        self._kinds: list[tuple[int, Callable[[float], bool], str]] | None = None

    def doubts(self, page: Sequence[Sample]) -> Iterator[_Doubt]:
        """Give the records of the next page that cannot be."""
        if self._kinds is None:
            self._kinds = [kind for at in _PLACES if (kind := _kind_of(at, page)) is not None]
        for sample in page:
            why = self._beside(sample)
            for at, fits, words in self._kinds:
                if not fits(float(sample[at])):
                    why = f"{Sample._fields[at]} is {sample[at]!r}, and the others of this test are {words}"
            if why:
                yield _Doubt(sample.sequence, why)
            self._before = (*self._before[-1:], sample)

    def _beside(self, sample: Sample) -> str:
        if not self._before:
            return ""
        before = self._before[-1]
        if len(self._before) == 2 and (alone := _alone(*self._before, sample)):
            return alone
        if sample.step_count < before.step_count or sample.time_s < before.time_s - _TICK_S:
            return f"after {_where(before)} comes {_where(sample)}"
        if sample.step_count != before.step_count:
            return ""
        if (sample.step, sample.tester_cycle, sample.mode) != (before.step, before.tester_cycle, before.mode):
            return f"it is of step {sample.step}, cycle {sample.tester_cycle}, {sample.mode!r} in the middle of a step"
        if sample.step_time_s < before.step_time_s or sample.capacity_ah < before.capacity_ah:
            return f"time or charge fall in a step, after {_where(before)} to {_where(sample)}"
        begin_s, began_s = sample.time_s - sample.step_time_s, before.time_s - before.step_time_s
        if abs(begin_s - began_s) > _TICK_S:
            return f"its step began at {began_s} s by the record before, and at {begin_s} s by this one"
        return ""


def _where(sample: Sample) -> str:
    times = f"{sample.time_s} s, {sample.step_time_s} s in the step"
    return f"executed step {sample.step_count} at {times}, {sample.capacity_ah} Ah"


def _kind_of(at: int, page: Sequence[Sample]) -> tuple[int, Callable[[float], bool], str] | None:
    for fits, words in ((_is_short, "decimals of few digits"), (_is_single, "of single precision")):
        if sum(not fits(float(sample[at])) for sample in page) <= len(page) // 100:
            return at, fits, words
    return None


def _is_short(value: float) -> bool:
    return len(repr(value)) <= _LONG


def _is_single(value: float) -> bool:
    """Return whether a number is one of single precision that was written with fifteen digits and read again."""
    try:
        return value != value or float(f"{_SINGLE.unpack(_SINGLE.pack(value))[0]:.15g}") == value
    except OverflowError:
        return False


def _alone(first: Sample, middle: Sample, last: Sample) -> str:
    """Say what of the middle one of three records alone goes another way; a clock that is set stays so."""
    ahead_s = [sample.unix_time_s - sample.time_s for sample in (first, middle, last)]
    if abs(ahead_s[2] - ahead_s[0]) <= _CLOCK_S < abs(ahead_s[1] - ahead_s[0]):
        return f"the clock of the record before it, {middle.unix_time_s}, is not that of its neighbours"
    if not first.step_count == middle.step_count == last.step_count:
        return ""
    if first.energy_wh <= last.energy_wh and not first.energy_wh <= middle.energy_wh <= last.energy_wh:
        return f"the energy of the record before it, {middle.energy_wh} Wh, is not between those of its neighbours"
    low_a, high_a = sorted((first.current_a, last.current_a))
    margin_a = _CURRENT_SHARE * abs(high_a)
    if high_a - low_a < margin_a / 3 and not low_a - margin_a <= middle.current_a <= high_a + margin_a:
        return f"the current of the record before it, {middle.current_a} A, is not that of its neighbours"
    return ""


def damage_in(copy: Path) -> list[str]:
    """Return a sentence for each program and record of a finished copy that cannot be what was stored."""
    with explained(copy), closing(connect(copy, Access.READ_FINISHED)) as connection:
        found = [*programs(connection, 0.0), *records(connection, 0.0)]
    return [finding.sentence for finding in found if finding.level is Level.WRONG]
