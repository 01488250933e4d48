"""Remembers beside a store how far it was written, so that a store which went back is not taken for what it was.

A log (``-wal``) that is lost after a checkpoint, or an older copy in the place of a store, is a sound file: only what
is written outside of it tells that something is missing.
"""

from __future__ import annotations

import json
import logging

from orchestrator.clock.local_time import local_time
from orchestrator.store.companion_files import newest_path
from orchestrator.store.store import Store
from protocols.bounded_file import BadFile, read_bounded

logger = logging.getLogger(__name__)

# The number of the newest event, and the time of the first, which tells one store from another at the same path.
_HEAD = "SELECT max(id), (SELECT at_unix_s FROM event ORDER BY id LIMIT 1) FROM event"
_BYTES_MAX = 1000


class NewestCommit:
    """The file beside a store that tells its newest event."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._path = newest_path(store.path)
        self._written = 0

    def missing(self) -> str:
        """Say what the store lacks that an earlier service has committed; empty when nothing is known to be missing."""
        try:
            told = json.loads(read_bounded(self._path, _BYTES_MAX))
            newest, first_unix_s = int(told["event"]), float(told["first_unix_s"])
            at = local_time(float(told["at_unix_s"]), seconds=True)
        except (BadFile, OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return ""
        there, begun_unix_s = self._head()
        if begun_unix_s != first_unix_s or there >= newest:
            return ""
        return (
            f"{self._store.path.name} has gone back: at {at} it had {newest} events, now it ends with event {there}; "
            "its log (-wal) was lost, or an older copy was put in its place. Runs and orders since then are not known: "
            "look at every channel that works. Records come again as far as the testers still have them"
        )

    def remember(self, now_unix_s: float) -> None:
        """Write down how far the store is written. A failure is logged: nothing but a warning depends on it."""
        newest, first_unix_s = self._head()
        if newest == self._written or first_unix_s is None:
            return
        text = json.dumps({"event": newest, "first_unix_s": first_unix_s, "at_unix_s": now_unix_s})
        part = self._path.with_name(f"{self._path.name}.part")
        try:
            part.write_text(text, "utf-8")
            part.replace(self._path)
            self._written = newest
        except OSError as err:
            logger.warning("%s cannot be written: %s", self._path, err.strerror)

    def _head(self) -> tuple[int, float | None]:
        newest, first_unix_s = self._store.connection.execute(_HEAD).fetchone()
        return newest or 0, first_unix_s
