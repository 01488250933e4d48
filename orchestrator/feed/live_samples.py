"""Bundles new records of running tests: one message a channel and second at most, and what is too much is counted.

Records are read from the store when they are committed, so that a bundle waits nowhere. What could not be sent in time
is sent later up to a bound; older records are left out of the feed, and stay in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.api.models.mqtt import MessageKind
from orchestrator.feed.marks import Marks
from orchestrator.feed.messages import Message, Topics
from orchestrator.feed.outbox import known_bool, select, went_back
from orchestrator.store import Store
from orchestrator.store.cycle_numbers import cycle_of

PERIOD_S = 1.0
# Of one message: ten records a second make a tenth of it, and all of them stay below the longest message.
MOST_SAMPLES = 100
# So long a test is still looked at after its run has ended: its last records may be committed after that.
_FORGOTTEN_AFTER_S = 60.0

_TESTS = """
SELECT test.id, test.run_id, run.channel, run.simulated FROM test JOIN run ON run.run_id = test.run_id
WHERE run.state NOT IN ('completed', 'stopped', 'failed') ORDER BY test.id
"""
_COLUMNS = ("sequence", "unix_time_s", "time_s", "step", "step_count", "voltage_v", "current_a", "capacity_ah",
            "energy_wh", "temperature_degc")  # fmt: skip
_NAMES = ("sequence", "at_unix_s", *_COLUMNS[2:], "cycle")
_NEWEST_VALUES = ("at_unix_s", "voltage_v", "current_a", "capacity_ah")
_ROWS = (
    f"SELECT {', '.join(_COLUMNS)}, {cycle_of('sample')} FROM sample WHERE test = ? AND sequence > ? "  # noqa: S608 names of ours
    f"ORDER BY sequence LIMIT {MOST_SAMPLES}"
)
_NEWEST = "SELECT coalesce(max(sequence), 0) FROM sample WHERE test = ?"
_COUNT = "SELECT count(*) FROM sample WHERE test = ? AND sequence > ? AND sequence <= ?"
_BOUND = "SELECT sequence FROM sample WHERE test = ? AND sequence > ? ORDER BY sequence DESC LIMIT 1 OFFSET ?"


@dataclass(slots=True)
class _Followed:
    """A test whose records are sent: the last one that was, and up to which they are late or perhaps sent before.

    ``confirmed`` is the last one that the broker has surely read: an answer to a later message came.
    """

    test: int
    run_id: str
    channel: str
    simulated: bool | None
    sent: int
    confirmed: int
    late_until: int = 0
    repeat_until: int = 0
    seen_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Bundle:
    """The message of one channel, and the test and its newest record in it."""

    message: Message
    test: int
    newest: int


class LiveSamples:
    """The records of all tests that may still grow."""

    def __init__(self, store: Callable[[], Store], marks: Marks, topics: Topics, backlog: int, *, is_new: bool) -> None:
        """Go on behind the records that were sent; a feed that never sent any (``is_new``) begins at the newest.

        Raises StoreError. Called in a running loop, whose time is that of all its calls.
        """
        self._store, self._marks, self._topics, self._backlog = store, marks, topics, backlog
        self._tests: dict[int, _Followed] = {}
        self._due_s: dict[str, float] = {}
        self._dropped: dict[str, int] = {}
        # Of another store, or one that was put back from a backup, they tell nothing.
        self._known = {} if went_back(store(), marks) else marks.samples()
        self._is_new = is_new
        self._is_first = True
        self.look_for_tests(asyncio.get_running_loop().time())

    @property
    def dropped(self) -> int:
        """The number of records that were left out in this life of the feed."""
        return sum(self._dropped.values())

    def begin_connection(self, now_s: float) -> None:
        """Go back to what the broker has surely read, and leave out what is beyond the bound. Raises StoreError."""
        self.look_for_tests(now_s)
        for it in self._tests.values():
            it.late_until = self._newest(it.test)
            it.repeat_until = max(it.repeat_until, it.sent)
            it.sent = it.confirmed
            self._drop(it)

    def look_for_tests(self, now_s: float) -> None:
        """Follow the tests of the runs that are not over, and forget the others after a while. Raises StoreError."""
        for test, run_id, channel, simulated in select(self._store(), _TESTS):
            if test not in self._tests:
                self._tests[test] = self._begun(test, run_id, channel, known_bool(simulated))
            self._tests[test].seen_s = now_s
        self._is_first = False
        self._tests = {key: it for key, it in self._tests.items() if now_s - it.seen_s <= _FORGOTTEN_AFTER_S}

    def runs(self) -> set[str]:
        """Return the runs of the tests that are followed."""
        return {it.run_id for it in self._tests.values()}

    def due(self, now_s: float) -> Iterator[Bundle]:
        """Yield a bundle for each channel with new records whose second has come. Raises StoreError."""
        for it in list(self._tests.values()):
            if now_s >= self._due_s.get(it.channel, 0.0) and (bundle := self._bundle(it)) is not None:
                yield bundle

    def note_sent(self, bundle: Bundle, now_s: float) -> None:
        """Note that a bundle has left: the next of its channel may follow in the next second."""
        it = self._tests[bundle.test]
        it.sent = bundle.newest
        # In slots of a second, so that a commit a second that comes a little late shifts no later one.
        slot_s = self._due_s.get(it.channel, 0.0) + PERIOD_S
        self._due_s[it.channel] = slot_s if slot_s > now_s else now_s + PERIOD_S

    def left_by_now(self) -> dict[int, int]:
        """Return the newest record that has left, by test."""
        return {it.test: it.sent for it in self._tests.values()}

    def confirm(self, left: Mapping[int, int]) -> None:
        """Note what had left before a message that the broker has answered since."""
        for test, sequence in left.items():
            if (it := self._tests.get(test)) is not None:
                it.confirmed = sequence
        self._marks.note_samples({it.test: it.confirmed for it in self._tests.values()})

    def next_due_s(self, now_s: float) -> float:
        """Return how long it takes until a channel that has waited may send again; infinite where none waits."""
        return min((due_s - now_s for due_s in self._due_s.values() if due_s > now_s), default=float("inf"))

    def _begun(self, test: int, run_id: str, channel: str, simulated: bool | None) -> _Followed:
        """Begin to follow a test: at its first record, if it began under our eyes."""
        newest = self._newest(test)
        if (known := self._known.get(test)) is not None:
            known = min(known, newest)
            # Between the last answer and the end of that life some were sent.
            return _Followed(test, run_id, channel, simulated, known, known, newest, newest)
        begin = newest if self._is_new and self._is_first else 0
        return _Followed(test, run_id, channel, simulated, begin, begin, newest if self._is_first else 0)

    def _newest(self, test: int) -> int:
        return int(select(self._store(), _NEWEST, test)[0][0])

    def _drop(self, it: _Followed) -> None:
        """Leave out the oldest records beyond the bound."""
        found = select(self._store(), _BOUND, it.test, it.sent, self._backlog)
        if found:
            (count,) = select(self._store(), _COUNT, it.test, it.sent, found[0][0])[0]
            self._dropped[it.channel] = self._dropped.get(it.channel, 0) + count
            it.sent = it.confirmed = found[0][0]

    def _bundle(self, it: _Followed) -> Bundle | None:
        rows = select(self._store(), _ROWS, it.test, it.sent)
        if len(rows) == MOST_SAMPLES:
            before = it.sent
            self._drop(it)
            if it.sent != before:
                rows = select(self._store(), _ROWS, it.test, it.sent)
        if not rows:
            return None
        newest = rows[-1][0]
        samples = [dict(zip(_NAMES, row, strict=True)) for row in rows]
        body: dict[str, Any] = {
            "sequence": newest,
            "previous": it.sent or None,
            "channel": it.channel,
            "run_id": it.run_id,
            "test": it.test,
            **{name: samples[-1][name] for name in _NEWEST_VALUES},
            "samples": samples,
            "simulated": it.simulated,
            "dropped": self._dropped.get(it.channel, 0),
            "backfill": rows[0][0] <= it.late_until,
            "repeat": rows[0][0] <= it.repeat_until,
            "missed_at": f"/api/v1/runs/{it.run_id}/samples?after_test={{test}}&after={{last}}",
        }
        return Bundle(self._topics.message(MessageKind.SAMPLE, it.channel, body, qos=0), it.test, newest)
