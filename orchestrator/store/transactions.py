"""The transactions of one store: complete or without effect in the file, in memory, and in reports to listeners."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.events import Bus, Event
from orchestrator.store.errors import Refused, explain

if TYPE_CHECKING:
    from orchestrator.store.sqlite_library import Database


# After a wait for another program's lock in vain no write waits for so many seconds: a wait holds up the whole service,
# and a stop of a rack writes many times. Each further wait in vain doubles the time, up to the longest, at which a lock
# that lasts for hours holds up the service for 2 % of the time.
_HURRIED_S, _HURRIED_AT_MOST_S = 5.0, 60.0


class Transactional:
    """A connection with nested transactions, which undo changes in memory on failure and report events on commit."""

    def __init__(self, path: Path, db: Database, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._db = db
        self._undo: list[Callable[[], None]] = []
        # Listeners are told of an event once it is on disk: one whose transaction is rolled back has not happened.
        self.bus: Bus | None = None
        # The channels of each cell to which more than one is wired, by the bench file: what is on one is on all.
        self.shared_cells: Sequence[Sequence[str]] = ()
        self._untold: list[Event] = []
        # Until then, of the monotonic clock, no write waits for another program's lock.
        self._hurried_until_s = 0.0
        self._hurry_s = _HURRIED_S

    @contextmanager
    def transaction(self, *undo: Callable[[], None]) -> Iterator[sqlite3.Connection]:
        """Commit all writes of the ``with`` block together, or none of them if it raises. Raises StoreError.

        ``undo`` is called when nothing is kept of what was written inside, also when only a transaction around it
        fails: what an object believes must not run ahead of the disk (``orchestrator.rollback``).
        """
        if self.read_only:
            raise Refused(f"{self.path} was opened for reading; write through the service that owns it")
        undone, told = len(self._undo), len(self._untold)
        self._undo += undo
        try:
            with self._begun():
                yield self._db.conn
        except BaseException as err:
            del self._untold[told:]
            while len(self._undo) > undone:
                self._undo.pop()()
            if isinstance(err, sqlite3.Error | OverflowError):
                raise explain(err, self.path) from err
            raise
        if not self._db.conn.in_transaction:
            self._undo.clear()
            if self._untold and self.bus is not None:
                ignore_update, self._untold = self._untold, []
                for event in ignore_update:
                    self.bus.tell(event)

    @contextmanager
    def _begun(self) -> Iterator[None]:
        if self._db.conn.in_transaction:
            with self._db.atomic():
                yield
            return
        self._begin()
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._db.rollback()
            raise

    def _begin(self) -> None:
        """Take the write lock; wait for another program's only if nobody has just waited in vain."""
        if time.monotonic() >= self._hurried_until_s:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as err:
                if getattr(err, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                    self._hurried_until_s = time.monotonic() + self._hurry_s
                    self._hurry_s = min(2 * self._hurry_s, _HURRIED_AT_MOST_S)
                raise
            self._hurry_s = _HURRIED_S
            return
        (waits_ms,) = self._db.conn.execute("PRAGMA busy_timeout").fetchone()
        self._db.conn.execute("PRAGMA busy_timeout = 0").close()
        try:
            self._db.execute("BEGIN IMMEDIATE")
        finally:
            self._db.conn.execute(f"PRAGMA busy_timeout = {waits_ms}").close()
        self._hurry_s = _HURRIED_S
