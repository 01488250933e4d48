"""Places the tests of a run on one axis of time by the clock: the hours between two tests are part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from orchestrator.store.imports import Imports
from orchestrator.store.temperatures import CLOCK_WRONG_S
from orchestrator.tables.run_data import Gap, RunData
from orchestrator.tables.run_steps import RunTest

# Seconds of two sums of test times may differ by the last digits of a float.
_SAME_S = 1e-6


@dataclass(frozen=True, slots=True)
class ClockGap:
    """A time without records on the axis of ``test_time_s``; ``lost`` records were made in it and never read."""

    from_s: float
    to_s: float
    lost: int
    reasons: tuple[str, ...]


def starts_by_clock(data: RunData) -> dict[int, float]:
    """Return the seconds from the beginning of a run's first test with records to that of each, by test number.

    A test never begins before the one before it has ended: a tester's clock is read to the second, and may be set. One
    that is far from this computer's at the beginning of a test is not followed. Where a test of an imported file begins
    was read off the file.
    """
    found: dict[int, float] = {}
    told = Imports(data.store).starts_s(data.run.run_id) if data.run.imported_from is not None else {}
    first_unix_s, end_s = None, 0.0
    for test in data.tests:
        if test.last is None:
            continue
        began_unix_s = data.began_unix_s(test)
        if abs(began_unix_s - test.row.started_unix_s) > CLOCK_WRONG_S:
            began_unix_s = test.row.started_unix_s
        if first_unix_s is None:
            first_unix_s = began_unix_s
        start_s = told.get(test.row.id, max(end_s, began_unix_s - first_unix_s))
        found[test.row.id] = start_s
        end_s = start_s + test.last.time_s
    return found


def gaps_by_clock(data: RunData) -> list[ClockGap]:
    """Return the times in which a run has no records, in order: between its tests, and where records were lost.

    The reasons are those of the deviations in them; a gap without any is as planned, for a measurement say.
    """
    starts = starts_by_clock(data)
    recorded = [test for test in data.tests if test.row.id in starts]
    found = [*_between(data, recorded, starts), *_lost(data, recorded, starts)]
    return sorted(found, key=lambda gap: gap.from_s)


def _between(data: RunData, recorded: list[RunTest], starts: dict[int, float]) -> Iterator[ClockGap]:
    for before, after in pairwise(recorded):
        from_s, to_s = starts[before.row.id] + before.end_s - before.start_s, starts[after.row.id]
        if to_s > from_s:
            mine = [gap for gap in data.gaps if not gap.lost and abs(gap.time_s - after.start_s) < _SAME_S]
            yield ClockGap(from_s, to_s, 0, _reasons(mine))


def _lost(data: RunData, recorded: list[RunTest], starts: dict[int, float]) -> Iterator[ClockGap]:
    for gap in data.gaps:
        if gap.lost:
            test = next(test for test in reversed(recorded) if test.start_s <= gap.time_s + _SAME_S)
            from_s = gap.time_s - test.start_s + starts[test.row.id]
            yield ClockGap(from_s, from_s + gap.ended_unix_s - gap.started_unix_s, gap.lost, _reasons([gap]))


def _reasons(gaps: list[Gap]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.effect for gap in gaps for row in gap.deviations))
