"""Stores a trace of refused log-ins and refused orders: an event each, and a count where there are too many."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.store import Store, StoreError

logger = logging.getLogger(__name__)

# A flood of wrong tokens must not fill the store: so many events in this time, then one with the count.
_MOST, _PERIOD_S = 20, 60.0
_PATH_SHOWN, _SENTENCE_SHOWN = 100, 300


class Refusals:
    """The trace of refusals in one store. ``clock`` is in real seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._since_s = clock()
        self._count = 0

    def note(self, method: str, path: str, who: str, sentence: str) -> None:
        """Store one refusal; beyond the most of a minute they are counted, and the count is stored with the next."""
        now_s = self._clock()
        unseen = 0
        if now_s - self._since_s >= _PERIOD_S:
            unseen = max(0, self._count - _MOST)
            self._since_s, self._count = now_s, 0
        self._count += 1
        if self._count > _MOST:
            return
        more = f" ({unseen} more before it)" if unseen else ""
        said = " ".join(sentence.split())[:_SENTENCE_SHOWN]
        message = f"{method} {_printable(path)[:_PATH_SHOWN]} of {who or 'nobody named'} was refused: {said}{more}"
        try:
            self._store.add_event(None, EventKind.REFUSED, message, wall_time())
        except StoreError as err:
            logger.warning("%s; not stored: %s", message, err)


def person_in(body: bytes) -> str:
    """Return the name that a refused order gives, as far as it can be read and shown."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    name = document.get("by") or document.get("owner") if isinstance(document, dict) else None
    return _printable(name)[:64].strip() if isinstance(name, str) else ""


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
