"""Numbers the cycles of an older store anew, as a migration does: those of before came from the tester's counter.

Everything follows from the programs and the executed steps that are stored; no sample is changed. A run whose program
or steps cannot be read keeps the rows that it had.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace

from orchestrator.judging.cycles import Cycle, CycleBuilder
from orchestrator.judging.placing import ProgramWalk
from orchestrator.states import ENDED, RunState
from orchestrator.store import samples
from orchestrator.store.cycle_numbers import INSERT, changes
from orchestrator.store.statements import CYCLE_COLUMNS, STEP_COLUMNS, UPSERT_CYCLE, executed_of
from protocols.execution_order import length, nest
from protocols.half_cycles import CycleNumbers
from protocols.program import CyclingSegment, Program

_STEPS = f"SELECT {', '.join(STEP_COLUMNS)} FROM step WHERE test = ? ORDER BY step_count"  # noqa: S608 names of ours
_TESTS = "SELECT id, segment, tester_test_id, program_json FROM test WHERE run_id = ? ORDER BY id"
_DELETE = "DELETE FROM cycle WHERE test IN (SELECT id FROM test WHERE run_id = ?)"


@dataclass
class _Numbered:
    """The new rows of one run: cycles by test, the cycles that begin, and the numbers of measurements by test."""

    cycles: list[tuple[int, Cycle]] = field(default_factory=list)
    begins: list[tuple[int, int, int]] = field(default_factory=list)
    measurements: list[tuple[int, int]] = field(default_factory=list)


def renumber(connection: sqlite3.Connection) -> None:
    """Give the cycles of all runs of a store their numbers anew, inside the caller's transaction."""
    for run_id, program_json, state in connection.execute("SELECT run_id, program_json, state FROM run").fetchall():
        try:
            found = _numbered(connection, run_id, Program.from_json(program_json), RunState(state) in ENDED)
        except (ValueError, TypeError, LookupError):
            # A program or a step that this cellrig cannot read. The run's rows stay as they are.
            continue
        connection.execute(_DELETE, (run_id,))
        rows = [(test, *(getattr(cycle, name) for name in CYCLE_COLUMNS)) for test, cycle in found.cycles]
        connection.executemany(UPSERT_CYCLE, rows)
        connection.executemany(INSERT, found.begins)
        connection.executemany("UPDATE measurement SET cycle = ? WHERE test = ?", found.measurements)


def _numbered(connection: sqlite3.Connection, run_id: str, program: Program, has_ended: bool) -> _Numbered:
    walk, builder, found, time_s = ProgramWalk(program), CycleBuilder(program), _Numbered(), 0.0
    test = 0
    for test, index, tester_test_id, program_json in connection.execute(_TESTS, (run_id,)).fetchall():
        last = samples.last_stored(connection, test)
        if tester_test_id is None:
            cycle = CycleNumbers.of(program).cycle_before(index)
            found.measurements.append((cycle, test))
            found.begins.append((test, 1, cycle))
        else:
            segment = CyclingSegment.from_json(program_json)
            walk.begin(index, segment)
            for executed in map(executed_of, connection.execute(_STEPS, (test,)).fetchall()):
                place = walk.place(executed)
                if not place.is_repeated_check:
                    made = builder.feed(place.count, replace(executed, start_s=executed.start_s + time_s))
                    found.cycles += [(test, row) for row in made]
            until = min(last.step_count if last else 0, length(nest(segment.steps)))
            found.begins += [(test, *begin) for begin in changes(walk.cycle_of, until)]
            walk.end(last)
        time_s += last.time_s if last else 0.0
    if has_ended:
        found.cycles += [(test, row) for row in builder.finish()]
    return found
