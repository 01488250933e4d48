"""Reads the events of a store that are new, with the run's label and the person who has ordered it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.events import Event, EventKind, RunUpdate
from orchestrator.events.values import stored_event
from orchestrator.notices.record_intervals import RecordIntervals
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.store.errors import explained

_BEFORE_START = """
SELECT coalesce(max(id), 0) FROM event WHERE at_unix_s <= ?
    AND id < coalesce((SELECT max(id) FROM event WHERE kind = ?), 1 << 62)
"""
# As many rows are read in a millisecond or two; what is left is read a moment later.
_MOST = 500
_SQL = """
SELECT event.id, run.channel, event.run_id, event.kind, event.message, event.at_unix_s, event.data_json, run.label,
    origin.ordered_by, run.simulated
FROM event LEFT JOIN run ON run.run_id = event.run_id LEFT JOIN origin ON origin.run_id = event.run_id
WHERE event.id > ? ORDER BY event.id LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """An event with what the store knows of its run; both texts are empty for an event of the rig.

    ``simulated``: no cell is real; None for an event of the rig, or where it is not known.
    """

    event: Event
    label: str
    person: str
    simulated: bool | None


class EventReader:
    """A store as the notices read it, by statements that are over when their rows are fetched."""

    def __init__(self, store: Callable[[], Store]) -> None:
        """Take a function that returns the open store, of now. All methods raise StoreError."""
        self._store = store
        self._intervals = RecordIntervals(store)

    def newest(self) -> int:
        """Return the number of the newest event, 0 where there is none."""
        store = self._store()
        with explained(store.path):
            (newest,) = store.connection.execute("SELECT max(id) FROM event").fetchone()
        return int(newest or 0)

    def before_it_went_back(self, number: int, at_unix_s: float | None) -> int:
        """Return a number, of an event that happened at a time, if it is in the store as it was (None: not known when).

        In a store that is another one, or was put back from a backup, later events have the numbers of those that are
        gone: then the last event is returned that is older and was there before the service's newest start.
        """
        store = self._store()
        with explained(store.path):
            row = store.connection.execute("SELECT at_unix_s FROM event WHERE id = ?", (number,)).fetchone()
            if number == 0 or (row is not None and at_unix_s in {None, row[0]}):
                return number
            until_s = float("inf") if at_unix_s is None else at_unix_s
            (found,) = store.connection.execute(_BEFORE_START, (until_s, EventKind.SERVICE_STARTED)).fetchone()
        return int(found)

    def after(self, number: int) -> list[RunEvent]:
        """Return the next events after a number, in order."""
        store = self._store()
        with explained(store.path):
            rows = store.connection.execute(_SQL, (number, _MOST)).fetchall()
        found = []
        for event, channel, run_id, kind, message, at_unix_s, data_json, label, person, simulated in rows:
            told = stored_event(event, channel, run_id, kind, message, at_unix_s, data_json)
            found.append(RunEvent(told, label or "", person or "", None if simulated is None else bool(simulated)))
        return found

    def record_interval_s(self, update: RunUpdate) -> float:
        """Return the record interval of a run's present step, in seconds; 0 if it is not known. Never raises."""
        return self._intervals.of(update)

    def state_of(self, run_id: str) -> RunState | None:
        """Return the state of a run, None for one that is not there."""
        store = self._store()
        with explained(store.path):
            row = store.connection.execute("SELECT state FROM run WHERE run_id = ?", (run_id,)).fetchone()
        return RunState(row[0]) if row is not None else None
