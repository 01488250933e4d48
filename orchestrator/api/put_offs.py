"""What people have put off: a need that is B is told later, with the name of who said so, and why.

Each is an event of the rig, so that it stands in the log and is found again after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.api.how_long import HowLong
from orchestrator.events import EventKind
from orchestrator.store import Store
from orchestrator.store.errors import explained

# Nothing is put off for longer.
LONGEST_S = 86400.0
_MORNING_H = 8
# Of the newest events of the rig: a day has fewer.
_NEWEST = 20_000
_READ = """
    SELECT data_json FROM event
    WHERE run_id IS NULL AND kind = ? AND at_unix_s >= ? AND id > (SELECT coalesce(max(id), 0) FROM event) - ?
    ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Word:
    """A person's word that something is looked at later."""

    by: str
    reason: str
    until_unix_s: float


def until_unix_s(how_long: HowLong, now_unix_s: float) -> float:
    """Return until when something is put off that is put off now: tomorrow is eight in the morning of this machine.

    >>> until_unix_s(HowLong.HOUR, 100.0)
    3700.0
    """
    if how_long is not HowLong.TOMORROW:
        return now_unix_s + (900.0 if how_long is HowLong.QUARTER else 3600.0)
    today = datetime.fromtimestamp(now_unix_s).astimezone()
    morning = (today + timedelta(days=1)).replace(hour=_MORNING_H, minute=0, second=0, microsecond=0, tzinfo=None)
    return min(morning.astimezone().timestamp(), now_unix_s + LONGEST_S)


class PutOffs:
    """What is put off in one store, by the name of the need."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._words: dict[str, Word] | None = None

    def now(self, now_unix_s: float) -> dict[str, Word]:
        """Return what is put off at a moment. Raises StoreError."""
        if self._words is None:
            self._words = self._stored(now_unix_s)
        if any(word.until_unix_s <= now_unix_s for word in self._words.values()):
            self._words = {name: word for name, word in self._words.items() if word.until_unix_s > now_unix_s}
        return self._words

    def add(self, names: Sequence[str], word: Word, sentence: str, now_unix_s: float) -> None:
        """Store that needs are put off. Raises StoreError."""
        data = {"needs": list(names), "by": word.by, "reason": word.reason, "until_unix_s": word.until_unix_s}
        self._store.add_event(None, EventKind.PUT_OFF, sentence, now_unix_s, json.dumps(data))
        self._words = {**self.now(now_unix_s), **dict.fromkeys(names, word)}

    def _stored(self, now_unix_s: float) -> dict[str, Word]:
        with explained(self._store.path):
            since = now_unix_s - LONGEST_S
            rows = self._store.connection.execute(_READ, (EventKind.PUT_OFF.value, since, _NEWEST)).fetchall()
        return dict(_words(json.loads(data) for (data,) in rows if data))


def _words(found: Iterable[dict[str, object]]) -> Iterable[tuple[str, Word]]:
    for data in found:
        until, names = data.get("until_unix_s"), data.get("needs")
        if isinstance(until, float | int) and isinstance(names, list):
            word = Word(str(data.get("by", "")), str(data.get("reason", "")), float(until))
            yield from ((str(name), word) for name in names)
