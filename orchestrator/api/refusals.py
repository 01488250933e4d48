"""Stores a trace of refused log-ins and refused orders: an event each, and a count where there are too many."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable

from orchestrator.api.browser import API
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.store import Store, StoreError

logger = logging.getLogger(__name__)

# Where the web process hands its sentences to control; no operation for clients.
REFUSALS_PATH = f"{API}/refusals"
# A flood of wrong tokens must not fill the store, nor hide the trace of an order: so many events in a period, then one
# with the count. While the flood goes on the period doubles, up to an hour: 480 events a day.
_MOST, _PERIOD_S, _LONGEST_PERIOD_S = 20, 60.0, 3600.0
_PATH_SHOWN = 100
# What is wrong with an order, and what to do, of which a person reads in a notice: two implausible values with their
# sources have 900. One sentence of what was typed has no end.
_SENTENCE_SHOWN = 1200


class _Budget:
    """How many refusals of one kind are stored."""

    def __init__(self, now_s: float) -> None:
        self._since_s, self._period_s = now_s, _PERIOD_S
        self._count = 0

    def spend(self, now_s: float) -> int | None:
        """Return None for a refusal that is only counted, else how many were only counted before it."""
        unseen, passed_s = 0, now_s - self._since_s
        if passed_s >= self._period_s:
            unseen = max(0, self._count - _MOST)
            is_flood = unseen > 0 and passed_s < 2 * self._period_s
            self._period_s = min(2 * self._period_s, _LONGEST_PERIOD_S) if is_flood else _PERIOD_S
            self._since_s, self._count = now_s, 0
        self._count += 1
        return unseen if self._count <= _MOST else None


class Refusals:
    """The trace of refusals, each a sentence for ``add``. ``clock`` is in real seconds."""

    def __init__(self, add: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._add = add
        self._clock = clock
        self._log_ins, self._orders = _Budget(clock()), _Budget(clock())

    def note_log_in(self, method: str, path: str, who: str, sentence: str) -> None:
        """Store that somebody without the token, or a page of another origin, was refused."""
        self._note(self._log_ins, method, path, who, sentence)

    def note(self, method: str, path: str, who: str, sentence: str) -> None:
        """Store one refused order; beyond the most of a period they are counted, and the next tells the count."""
        self._note(self._orders, method, path, who, sentence)

    def _note(self, budget: _Budget, method: str, path: str, who: str, sentence: str) -> None:
        if (unseen := budget.spend(self._clock())) is None:
            return
        more = f" ({unseen} more before it)" if unseen else ""
        said = " ".join(sentence.split())
        said = said if len(said) <= _SENTENCE_SHOWN else f"{said[:_SENTENCE_SHOWN]} ..."
        message = f"{method} {_printable(path)[:_PATH_SHOWN]} of {who or 'nobody named'} was refused: {said}{more}"
        self._add(message)


def into(store: Store) -> Callable[[str], None]:
    """Return a function that stores a sentence as the event of a refusal; where that fails it is logged."""

    def add(sentence: str) -> None:
        try:
            store.add_event(None, EventKind.REFUSED, sentence, wall_time())
        except StoreError as err:
            logger.warning("%s; not stored: %s", sentence, err)

    return add


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
