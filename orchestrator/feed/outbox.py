"""The outbox of events, cycles and spectra: the tables of the store, read behind the marks of what was sent.

Nothing waits in memory or in a second table: whatever is stored while no broker answers is found here afterwards, in
its order. ``pending`` gives a batch, ``trying`` notes that it leaves, ``sent`` that the broker has answered.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.api.models.mqtt import MessageKind
from orchestrator.events import Event, EventKind, stored_event
from orchestrator.feed.marks import EventMark, Marks, RowMark
from orchestrator.feed.messages import MOST_BYTES, Message, Topics, as_json
from orchestrator.store import Store
from orchestrator.store.errors import explained
from orchestrator.store.statements import CYCLE_COLUMNS

logger = logging.getLogger(__name__)

Rows = list[tuple[Any, ...]]

_EVENTS = """
SELECT event.id, run.channel, event.run_id, kind, message, at_unix_s, data_json, run.simulated
FROM event LEFT JOIN run ON run.run_id = event.run_id WHERE event.id > ? ORDER BY event.id LIMIT ?
"""
_EVENT_BEFORE = """
SELECT max(event.id) FROM event JOIN run ON run.run_id = event.run_id WHERE run.channel = ? AND event.id < ?
"""
_BEFORE_SERVICE = """
SELECT id, at_unix_s FROM event WHERE id < (SELECT max(id) FROM event WHERE kind = ?) ORDER BY id DESC LIMIT 1
"""
_RIG_EVENT_BEFORE = "SELECT max(id) FROM event WHERE run_id IS NULL AND id < ?"


def select(store: Store, sql: str, *values: object) -> Rows:
    """Return rows of the store; no cursor, and so no snapshot, stays open. Raises StoreError."""
    with explained(store.path):
        return store.connection.execute(sql, values).fetchall()


def known_bool(value: int | None) -> bool | None:
    """Return what a column of 0, 1 or NULL says; None where it is not known."""
    return None if value is None else bool(value)


def newest_event(store: Store) -> int:
    """Return the number of the newest event, 0 without one."""
    return int(select(store, "SELECT coalesce(max(id), 0) FROM event")[0][0])


def went_back(store: Store, marks: Marks) -> bool:
    """Return whether the last event that was sent is not in a store as it was. Raises StoreError.

    The store is another one then, or was put back from a backup: other rows have the numbers of those that were sent.
    """
    mark = marks.events()
    return mark is not None and not _is_there(store, mark)


def _is_there(store: Store, mark: EventMark) -> bool:
    is_there = "SELECT 1 FROM event WHERE id = ? AND at_unix_s = ?"
    return mark.sent == 0 or bool(select(store, is_there, mark.sent, mark.at_unix_s))


class EventOutbox:
    """The events behind the mark."""

    def __init__(self, store: Callable[[], Store], marks: Marks, topics: Topics) -> None:
        """Go on behind the last event that was sent; a feed that never sent any begins at the service's last start."""
        self._store, self._marks, self._topics = store, marks, topics
        self._late_until = 0
        self._previous: dict[str | None, int | None] = {}
        mark = marks.events() or self._beginning()
        self._mark = self._checked(mark)

    @property
    def sent(self) -> int:
        """The number of the last event that was sent."""
        return self._mark.sent

    def is_late_until(self, number: int) -> None:
        """Mark what is pending up to a number as backfill: it was stored before the connection was made."""
        self._late_until = number
        self._previous.clear()

    def pending(self, limit: int) -> list[tuple[Event, Message]]:
        """Return the next events that are not sent yet, each with its message. Raises StoreError."""
        rows = select(self._store(), _EVENTS, self._mark.sent, limit)
        events = [(stored_event(*row), known_bool(simulated)) for *row, simulated in rows]
        return [(event, self._message(event, simulated)) for event, simulated in events]

    def trying(self, events: Sequence[tuple[Event, Message]]) -> None:
        """Note that events leave now."""
        tried = max(self._mark.tried, events[-1][0].id)
        self._note(EventMark(self._mark.sent, tried, self._mark.at_unix_s))

    def answered(self, events: Sequence[tuple[Event, Message]]) -> None:
        """Note that the broker has answered events, up to the last of these."""
        last = events[-1][0]
        for event, _ in events:
            self._previous[event.channel] = event.id
        self._note(EventMark(last.id, max(self._mark.tried, last.id), last.at_unix_s))

    def _note(self, mark: EventMark) -> None:
        self._marks.note_events(mark)
        self._mark = mark

    def _beginning(self) -> EventMark:
        """Begin with what this life of the service has stored."""
        rows = select(self._store(), _BEFORE_SERVICE, EventKind.SERVICE_STARTED.value)
        number, at_unix_s = rows[0] if rows else (0, 0.0)
        mark = EventMark(number, number, at_unix_s)
        self._marks.note_events(mark)
        return mark

    def _checked(self, mark: EventMark) -> EventMark:
        """Return the mark, or an earlier one in a store that was put back from a backup."""
        store = self._store()
        if _is_there(store, mark):
            return mark
        (number,) = select(store, "SELECT coalesce(max(id), 0) FROM event WHERE at_unix_s <= ?", mark.at_unix_s)[0]
        if rows := select(store, _BEFORE_SERVICE, EventKind.SERVICE_STARTED.value):
            # By a clock that was set back meanwhile, what is new looks older.
            number = min(number, rows[0][0])
        logger.warning(
            "event %d, the last that was sent, is not in %s as it was: the store is another one, or was put back from "
            "a backup; events are sent from number %d on", mark.sent, store.path, number + 1,
        )  # fmt: skip
        return EventMark(number, number, mark.at_unix_s)

    def _message(self, event: Event, simulated: bool | None) -> Message:
        body: dict[str, Any] = {
            "sequence": event.id,
            "previous": self._before(event),
            "channel": event.channel,
            "run_id": event.run_id,
            "kind": str(event.kind),
            "severity": event.severity.value,
            "sentence": event.sentence,
            "at_unix_s": event.at_unix_s,
            "data": dict(event.data) or None,
            "data_omitted": False,
            "simulated": simulated,
            "backfill": event.id <= self._late_until,
            "repeat": event.id <= self._mark.tried,
            "missed_at": "/api/v1/events?after={last}" + (f"&channel={event.channel}" if event.channel else ""),
        }
        self._previous[event.channel] = event.id
        message = self._topics.message(MessageKind.EVENT, event.channel, body)
        if len(message.payload) > MOST_BYTES:
            body |= {"data": None, "data_omitted": True}
            message = self._topics.message(MessageKind.EVENT, event.channel, body)
        return message

    def _before(self, event: Event) -> int | None:
        """Return the number of the event before it on its topic."""
        known = self._previous.get(event.channel)
        if known is not None and known < event.id:
            return known
        if event.channel is None:
            found = select(self._store(), _RIG_EVENT_BEFORE, event.id)
        else:
            found = select(self._store(), _EVENT_BEFORE, event.channel, event.id)
        number: int | None = found[0][0]
        return number


@dataclass(frozen=True, slots=True)
class RowKind:
    """A table with rows of runs: ``heads`` gives each run's newest number, ``rows`` those of a run from a number on.

    ``before`` gives the number before another one.

    The first columns of ``rows`` are the number, the run's channel, its label and the test.
    """

    kind: MessageKind
    heads: str
    before: str
    rows: str
    names: tuple[str, ...]
    missed_at: str


_OF_RUN = "coalesce(nullif(run.label, ''), (SELECT name FROM cell WHERE cell.id = run.cell_id))"
_CYCLE = tuple(name for name in CYCLE_COLUMNS if name != "cycle")
CYCLES = RowKind(
    MessageKind.CYCLE,
    "SELECT run_id, max((SELECT max(cycle) FROM cycle WHERE cycle.test = test.id)) FROM test GROUP BY run_id",
    "SELECT max(cycle) FROM cycle JOIN test ON test.id = cycle.test WHERE run_id = ? AND cycle < ?",
    f"SELECT cycle.cycle, run.channel, {_OF_RUN}, test.id, {', '.join(f'cycle.{name}' for name in _CYCLE)} "  # noqa: S608 names of ours
    "FROM test JOIN run ON run.run_id = test.run_id JOIN cycle ON cycle.test = test.id "
    "WHERE test.run_id = ? AND cycle.cycle >= ? ORDER BY cycle.cycle, test.id LIMIT ?",
    _CYCLE,
    "/api/v1/runs/{run_id}/cycles?after_test={{test}}&after={{last}}",
)
_SPECTRUM = ("technique", "cycle", "bias_v", "amplitude_v", "temperature_degc", "charge_passed_ah", "open_circuit_v",
             "started_unix_s", "ended_unix_s")  # fmt: skip
SPECTRA = RowKind(
    MessageKind.SPECTRUM,
    "SELECT test.run_id, max(measurement.test) FROM measurement JOIN test ON test.id = measurement.test "
    "WHERE EXISTS (SELECT 1 FROM spectrum WHERE spectrum.test = measurement.test) GROUP BY test.run_id",
    "SELECT max(spectrum.test) FROM spectrum JOIN test ON test.id = spectrum.test WHERE run_id = ? AND test.id < ?",
    f"SELECT test.id, run.channel, {_OF_RUN}, test.id, {', '.join(f'measurement.{name}' for name in _SPECTRUM)} "  # noqa: S608 names of ours
    "FROM test JOIN run ON run.run_id = test.run_id JOIN measurement ON measurement.test = test.id "
    "WHERE test.run_id = ? AND test.id >= ? AND EXISTS (SELECT 1 FROM spectrum WHERE spectrum.test = test.id) "
    "ORDER BY test.id LIMIT ?",
    _SPECTRUM,
    "/api/v1/runs/{run_id}/spectra?after_test={{last}}&after=1000000",
)
# Beside the rows, whose digests are kept: another column would have every last row sent again.
_SIMULATED = "SELECT simulated FROM run WHERE run_id = ?"
_POINTS = "SELECT frequency_hz, z_real_ohm, z_imag_ohm FROM spectrum WHERE test = ? ORDER BY sequence"


@dataclass(frozen=True, slots=True)
class OutRow:
    """A row that is to be sent, and the mark of its run once the broker has answered."""

    run_id: str
    mark: RowMark
    message: Message


class RowOutbox:
    """The rows of one kind behind the marks of their runs; a newest row that is stored anew is sent again, revised."""

    def __init__(
        self, kind: RowKind, store: Callable[[], Store], marks: Marks, topics: Topics, *, is_new: bool
    ) -> None:
        """Go on behind the rows that were sent; a feed that never sent any (``is_new``) begins behind the newest."""
        self._kind, self._store, self._file, self._topics = kind, store, marks, topics
        self._marks = marks.rows(kind.kind.value)
        self._late: frozenset[tuple[str, int]] = frozenset()
        self._is_late = False
        if is_new:
            self._begin()
        else:
            self._check(went_back(store(), marks))

    def is_late(self, late: bool) -> None:
        """Say whether what is pending now is backfill: it was stored before the connection was made."""
        self._is_late = late

    def behind(self) -> list[str]:
        """Return the runs that have a row that is not sent yet. Raises StoreError."""
        heads = select(self._store(), self._kind.heads)
        return [run_id for run_id, head in heads if head is not None and head > self._mark(run_id).sent]

    def everything(self) -> list[str]:
        """Return all runs with rows: what was sent last of each may have been stored anew. Raises StoreError."""
        return [run_id for run_id, head in select(self._store(), self._kind.heads) if head is not None]

    def pending(self, run_ids: Iterable[str], limit: int) -> list[OutRow]:
        """Return the next rows of these runs that are not sent yet, in order. Raises StoreError."""
        found: list[OutRow] = []
        for run_id in run_ids:
            mark = self._mark(run_id)
            previous = mark.sent or None
            for row in select(self._store(), self._kind.rows, run_id, mark.sent, limit + 1):
                digest = hashlib.sha256(as_json(row)).hexdigest()[:16]
                if row[0] == mark.sent and digest == mark.digest:
                    continue
                if len(found) >= limit:
                    return found
                if row[0] == mark.sent:
                    # Stored anew: the one before it was sent long ago.
                    (previous,) = select(self._store(), self._kind.before, run_id, row[0])[0]
                found.append(self._row(run_id, row, digest, mark, previous))
                previous = row[0]
        return found

    def trying(self, rows: Sequence[OutRow]) -> None:
        """Note that rows leave now."""
        marks: dict[str, RowMark] = {}
        for row in rows:
            mark = self._mark(row.run_id)
            marks[row.run_id] = RowMark(mark.sent, mark.digest, max(mark.tried, row.mark.sent))
        self._note(marks)

    def answered(self, rows: Sequence[OutRow]) -> None:
        """Note that the broker has answered rows."""
        tried = {run_id: self._mark(run_id).tried for run_id in {row.run_id for row in rows}}
        self._note({row.run_id: replace(row.mark, tried=max(tried[row.run_id], row.mark.sent)) for row in rows})

    def _note(self, marks: dict[str, RowMark]) -> None:
        with self._file.together():
            self._file.note_rows(self._kind.kind.value, marks)
        self._marks |= marks

    def _mark(self, run_id: str) -> RowMark:
        return self._marks.get(run_id) or RowMark()

    def _begin(self) -> None:
        marks: dict[str, RowMark] = {}
        for run_id, head in select(self._store(), self._kind.heads):
            if head is not None:
                row = select(self._store(), self._kind.rows, run_id, head, 2)[-1]
                marks[run_id] = RowMark(head, hashlib.sha256(as_json(row)).hexdigest()[:16], head)
        self._note(marks)

    def _check(self, is_other: bool) -> None:
        """Forget the marks of rows that are not in the store any more: all of such a run are sent again.

        ``is_other``: the store is not that of which the marks tell, so that a row must also be the one that was sent.
        """
        for run_id, mark in list(self._marks.items()):
            rows = select(self._store(), self._kind.rows, run_id, mark.sent, 2)
            digests = [hashlib.sha256(as_json(row)).hexdigest()[:16] for row in rows if row[0] == mark.sent]
            if mark.sent and (not digests or (is_other and mark.digest not in digests)):
                self._note({run_id: RowMark()})

    def _row(self, run_id: str, row: tuple[Any, ...], digest: str, mark: RowMark, previous: int | None) -> OutRow:
        number, channel, label, test, *values = row
        body: dict[str, Any] = {
            "sequence": number,
            "previous": previous,
            "channel": channel,
            "run_id": run_id,
            "label": label,
            **dict(zip(self._kind.names, values, strict=True)),
            "simulated": known_bool(select(self._store(), _SIMULATED, run_id)[0][0]),
            "backfill": self._is_late,
            "repeat": number <= mark.tried and number != mark.sent,
            "missed_at": self._kind.missed_at.format(run_id=run_id),
        }
        if self._kind is CYCLES:
            body |= {"test": test, "revised": number == mark.sent}
        else:
            names = ("frequency_hz", "z_real_ohm", "z_imag_ohm")
            points = select(self._store(), _POINTS, test)
            body["points"] = [dict(zip(names, point, strict=True)) for point in points]
        message = self._topics.message(self._kind.kind, channel, body)
        return OutRow(run_id, RowMark(number, digest), message)
