"""Keeps the run's cycle of each executed step beside the samples, which bear the tester's own counter.

A tester counts the jumps of its loops, from 1 in each test; a driver needs that counter to go on behind the last
record, so a sample keeps it. Table ``cycle_begin`` says from which executed step of a test on a cycle of the run is
under way (``protocols.half_cycles``), and the views and the pages of the service take the number from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.store.store import Store

CycleBegin = tuple[int, int]
"""An executed step of a test, and the cycle of the run that is under way from it on."""

_NOTHING: CycleBegin = (0, 0)
INSERT = "INSERT OR REPLACE INTO cycle_begin (test, step_count, cycle) VALUES (?, ?, ?)"


def cycle_of(table: str) -> str:
    """Return the SQL of the run's cycle of a row with a test and a step count; without a number, its own counter."""
    mine = f"begun.test = {table}.test AND begun.step_count <= {table}.step_count"
    last = f"SELECT begun.cycle FROM cycle_begin AS begun WHERE {mine} ORDER BY begun.step_count DESC LIMIT 1"  # noqa: S608 names of ours
    return f"coalesce(({last}), {table}.tester_cycle)"


def add_cycle_begins(store: Store, test: int, begins: Sequence[CycleBegin]) -> None:
    """Store from which executed steps of a test on which cycles are under way."""
    with store.transaction() as connection:
        connection.executemany(INSERT, [(test, *begin) for begin in begins])


def last_cycle_begin(store: Store, test: int) -> CycleBegin:
    """Return the last stored one of a test; zeros where there is none."""
    sql = "SELECT step_count, cycle FROM cycle_begin WHERE test = ? ORDER BY step_count DESC LIMIT 1"
    found: CycleBegin | None = store.connection.execute(sql, (test,)).fetchone()
    return found or _NOTHING


def changes(cycle_of: Callable[[int], int], until: int, after: CycleBegin = _NOTHING) -> list[CycleBegin]:
    """Return where the cycle changes among the executed steps up to ``until``, behind those that are known already."""
    found: list[CycleBegin] = []
    count, cycle = after
    for step_count in range(count + 1, until + 1):
        if (now := cycle_of(step_count)) != cycle:
            cycle = now
            found.append((step_count, now))
    return found
