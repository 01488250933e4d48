"""The cells on the channels, as stored: what people said of them, and which runs began there, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.states import RunState
from orchestrator.store.errors import explained
from orchestrator.store.rows import MountingKind
from orchestrator.store.store import Store

_OVER = tuple(state.value for state in RunState if state.is_over)
_MARKS = ", ".join("?" * len(_OVER))

_COLUMNS = "run.run_id, coalesce(nullif(run.label, ''), cell.name), cell.name, run.state, run.state_unix_s"
_RUN = f"SELECT {_COLUMNS} FROM run JOIN cell ON cell.id = run.cell_id"  # noqa: S608 - names of ours
_NEWEST = """
    SELECT id, channel, kind, run_id, follows, said_by, event, at_unix_s FROM mounting WHERE {} ORDER BY id DESC LIMIT 1
"""
_USE = _NEWEST.format("channel = ? AND kind IN ('begun', 'empty')")
_BEGUN = _NEWEST.format("channel = ? AND kind = 'begun'")
_WORD = _NEWEST.format("run_id = ? AND kind <> 'begun'")
# What came last on each channel; the label of a run without one is the name of its cell.
_WITH_LABEL = """
    SELECT mounting.channel, mounting.run_id FROM mounting JOIN run USING (run_id) JOIN cell ON cell.id = run.cell_id
    WHERE mounting.id IN (SELECT max(id) FROM mounting WHERE kind IN ('begun', 'empty') GROUP BY channel)
        AND coalesce(nullif(run.label, ''), cell.name) = ?
    ORDER BY mounting.channel
"""
# The newest run that had begun on a channel and did not complete, of those that ended after an event.
_BROKEN_SINCE = """
    SELECT run.run_id, run.state, event.id FROM event JOIN run USING (run_id)
    WHERE event.id > ? AND event.kind = 'state' AND run.channel = ? AND run.state IN ('stopped', 'tripped', 'failed')
        AND EXISTS (SELECT 1 FROM mounting WHERE mounting.run_id = run.run_id AND mounting.kind = 'begun')
    ORDER BY event.id DESC LIMIT 1
"""


# The run time is that of the last samples of all its tests.
_ENDED = """
    SELECT run_id, label, state, reason, simulated, (
        SELECT coalesce(sum(max(
            coalesce((SELECT time_s FROM sample WHERE test = test.id ORDER BY sequence DESC LIMIT 1), 0.0),
            coalesce((SELECT last_time_s FROM archived_test WHERE archived_test.test = test.id), 0.0)
        )), 0.0)
        FROM test WHERE test.run_id = run.run_id
    ) FROM run WHERE run_id = ?
"""


@dataclass(frozen=True, slots=True)
class Mounting:
    """One stored row. ``follows`` is the run whose cell it is, ``event`` the newest event at that time."""

    id: int
    channel: str
    kind: MountingKind
    run_id: str | None
    follows: str | None
    said_by: str
    event: int
    at_unix_s: float


@dataclass(frozen=True, slots=True)
class RunOnChannel:
    """A run and its cell: ``label`` is the name of the cell, ``cell`` that of its facts."""

    run_id: str
    label: str
    cell: str
    state: RunState
    state_unix_s: float


@dataclass(frozen=True, slots=True)
class EndedRun:
    """What is told of a run that is over; ``time_s`` is its run time at the last sample."""

    run_id: str
    label: str
    state: RunState
    reason: str
    simulated: bool | None
    time_s: float


class Mountings:
    """The rows of one store; it is read and written by whoever has opened the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def channels_of_cell(self, channel: str) -> Sequence[str]:
        """Return the channels that are wired to the cell of a channel, itself among them."""
        return next((group for group in self._store.shared_cells if channel in group), (channel,))

    def add(
        self,
        channel: str,
        kind: MountingKind,
        run_id: str | None,
        by: str,
        at_unix_s: float,
        follows: str | None = None,
    ) -> None:
        """Store what was said of the cell on a channel, or that a run began there."""
        sql = (
            "INSERT INTO mounting (channel, kind, run_id, follows, said_by, event, at_unix_s) "
            "VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(id), 0) FROM event), ?)"
        )
        with self._store.transaction() as connection:
            connection.execute(sql, (channel, kind.value, run_id, follows, by, at_unix_s))

    def last_use(self, channel: str) -> Mounting | None:
        """Return what came last on a channel: that a run began there, or that somebody said it is empty.

        What came on another channel that is wired to the same cell came on this one.
        """
        found = [self._mounting(_USE, one) for one in self.channels_of_cell(channel)]
        return max((it for it in found if it is not None), key=lambda it: it.id, default=None)

    def last_begun(self, channel: str) -> str | None:
        """Return the id of the run that began last on a channel, whatever was said of it since; None if none has."""
        found = self._mounting(_BEGUN, channel)
        return None if found is None else found.run_id

    def last_word(self, run_id: str) -> Mounting | None:
        """Return what was said last of the cell of a run: with its order, or after it."""
        return self._mounting(_WORD, run_id)

    def with_label(self, label: str) -> dict[str, RunOnChannel]:
        """Return the runs whose cells of a name are on channels, by channel: begun there last, going on or over.

        A cell that several channels are wired to is named with the one on which its run was.
        """
        found = self._rows(_WITH_LABEL, label)
        return {channel: self.run(run_id) for channel, run_id in found if self._is_last(channel, run_id)}

    def _is_last(self, channel: str, run_id: str) -> bool:
        use = self.last_use(channel)
        return use is not None and use.run_id == run_id

    def run(self, run_id: str) -> RunOnChannel:
        """Return a run and its cell."""
        return _run(self._rows(f"{_RUN} WHERE run.run_id = ?", run_id)[0])

    def ended(self, run_id: str) -> EndedRun:
        """Return what is told of a run that is over, which may be one of an earlier process."""
        number, label, state, reason, simulated, time_s = self._rows(_ENDED, run_id)[0]
        return EndedRun(number, label, RunState(state), reason, None if simulated is None else bool(simulated), time_s)

    def facts(self, run_id: str) -> dict[str, Any]:
        """Return the facts of a run's cell, as its program has them."""
        sql = "SELECT coalesce(json_extract(program_json, '$.cell'), '{}') FROM run WHERE run_id = ?"
        found: dict[str, Any] = json.loads(self._rows(sql, run_id)[0][0])
        return found

    def open_runs(self, channel: str) -> list[RunOnChannel]:
        """Return the runs of a channel that are not over, the oldest first."""
        where = f"WHERE run.channel = ? AND run.state NOT IN ({_MARKS}) ORDER BY run.number"
        return [_run(row) for row in self._rows(f"{_RUN} {where}", channel, *_OVER)]

    def was_dropped(self, run_id: str) -> bool:
        """Return whether a run is over that never began."""
        begun = "SELECT 1 FROM mounting WHERE run_id = ? AND kind = 'begun'"
        return self.run(run_id).state.is_over and not self._rows(begun, run_id)

    def broken_since(self, channel: str, event: int) -> tuple[str, RunState] | None:
        """Return the run that ended last on a channel after an event, if it ended otherwise than by completing."""
        rows = [row for one in self.channels_of_cell(channel) for row in self._rows(_BROKEN_SINCE, event, one)]
        if not rows:
            return None
        run_id, state, _ = max(rows, key=lambda row: row[2])
        return run_id, RunState(state)

    def _mounting(self, sql: str, key: str) -> Mounting | None:
        rows = self._rows(sql, key)
        if not rows:
            return None
        number, channel, kind, *rest = rows[0]
        return Mounting(number, channel, MountingKind(kind), *rest)

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with explained(self._store.path):
            return self._store.connection.execute(sql, values).fetchall()


def _run(row: Any) -> RunOnChannel:  # noqa: ANN401 - a row of SQLite
    run_id, label, cell, state, state_unix_s = row
    return RunOnChannel(run_id, label, cell, RunState(state), state_unix_s)
