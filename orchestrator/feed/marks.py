"""How far each kind of message has been sent: a small SQLite file of the feed's own beside the store.

The store itself is the outbox; nothing is copied into this file. What is about to be sent is noted before it leaves and
again when the broker has answered, so that after a kill the messages whose fate is not known are sent again and say so.
A file that takes nothing, on a full disk say, keeps nothing from being sent: a feed that is killed then repeats more.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.store.errors import CannotOpen

logger = logging.getLogger(__name__)

# What SQLite says of a file that is none of its, or is damaged. Anything else may be over in a moment.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS event_mark (
    one INTEGER PRIMARY KEY CHECK (one = 1), sent INTEGER NOT NULL, tried INTEGER NOT NULL, at_unix_s REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS row_mark (
    kind TEXT NOT NULL, run_id TEXT NOT NULL, sent INTEGER NOT NULL, digest TEXT NOT NULL, tried INTEGER NOT NULL,
    PRIMARY KEY (kind, run_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sample_mark (test INTEGER PRIMARY KEY, sent INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS discovered (topic TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class EventMark:
    """The newest event that the broker has answered, when it happened, and the newest that was tried."""

    sent: int
    tried: int
    at_unix_s: float


@dataclass(frozen=True, slots=True)
class RowMark:
    """Of the rows of a run: the newest that the broker has answered with its digest, and the newest that was tried."""

    sent: int = 0
    digest: str = ""
    tried: int = 0


class Marks:
    """The file of marks, opened for the life of the feed."""

    def __init__(self, path: Path) -> None:
        """Open the file, made anew where there is none or it is damaged: the feed then begins at what is newest.

        Raises CannotOpen for one that cannot be used now, on a full disk say: what it tells is not forgotten.
        """
        self._path = path
        self._is_told = False
        try:
            self._connection = _opened(path)
        except sqlite3.Error as err:
            if getattr(err, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                raise CannotOpen(f"{path}, which tells how far was sent, cannot be used: {err}") from err
            aside = path.with_name(f"{path.name}.damaged")
            logger.error("%s cannot be read (%s): it is kept as %s, and the feed begins anew", path, err, aside.name)
            path.replace(aside)
            for log in ("-wal", "-shm"):
                path.with_name(path.name + log).unlink(missing_ok=True)
            self._connection = _opened(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Write what is noted inside in one commit."""
        self._run("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._run("ROLLBACK")
            raise
        if self._connection.in_transaction:
            self._run("COMMIT")
        if self._connection.in_transaction:
            self._run("ROLLBACK")

    def client_id(self) -> str:
        """Return the random part of the client id, the same for all lives of this feed.

        A connection that the broker still believes in is so taken over, and its last will comes before our first word.
        """
        made = secrets.token_hex(6)
        self._run("INSERT OR IGNORE INTO meta VALUES ('client_id', ?)", made)
        found = self._one("SELECT value FROM meta WHERE name = 'client_id'")
        return str(found[0]) if found else made

    def events(self) -> EventMark | None:
        """Return the mark of events, None for a feed that has never sent any."""
        found = self._one("SELECT sent, tried, at_unix_s FROM event_mark")
        return EventMark(*found) if found else None  # type: ignore[arg-type]  # the columns are the fields

    def note_events(self, mark: EventMark) -> None:
        """Note the mark of events."""
        values = (mark.sent, mark.tried, mark.at_unix_s)
        self._run("INSERT OR REPLACE INTO event_mark VALUES (1, ?, ?, ?)", *values)

    def rows(self, kind: str) -> dict[str, RowMark]:
        """Return the marks of a kind of rows, by run."""
        found = self._connection.execute("SELECT run_id, sent, digest, tried FROM row_mark WHERE kind = ?", (kind,))
        return {run_id: RowMark(*mark) for run_id, *mark in found.fetchall()}

    def note_rows(self, kind: str, marks: Mapping[str, RowMark]) -> None:
        """Note marks of rows, by run."""
        values = [(kind, run_id, it.sent, it.digest, it.tried) for run_id, it in marks.items()]
        self._run_all("INSERT OR REPLACE INTO row_mark VALUES (?, ?, ?, ?, ?)", values)

    def samples(self) -> dict[int, int]:
        """Return the sequence number of the newest record that was sent, by test."""
        return dict(self._connection.execute("SELECT test, sent FROM sample_mark").fetchall())

    def note_samples(self, marks: Mapping[int, int]) -> None:
        """Note how far the records of the tests that are followed were sent; others are forgotten."""
        with self.together():
            self._run("DELETE FROM sample_mark")
            self._run_all("INSERT OR REPLACE INTO sample_mark VALUES (?, ?)", marks.items())

    def discovered(self) -> set[str]:
        """Return the topics under which Home Assistant was told of something."""
        return {topic for (topic,) in self._connection.execute("SELECT topic FROM discovered").fetchall()}

    def note_discovered(self, topics: Iterable[str]) -> None:
        """Note the topics under which Home Assistant is told of something now."""
        with self.together():
            self._run("DELETE FROM discovered")
            self._run_all("INSERT OR REPLACE INTO discovered VALUES (?)", [(it,) for it in topics])

    def _run(self, sql: str, *values: object) -> None:
        self._write(lambda: self._connection.execute(sql, values).close())

    def _run_all(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        self._write(lambda: self._connection.executemany(sql, rows).close())

    def _write(self, write: Callable[[], None]) -> None:
        """Write; a file that takes nothing keeps no message from being sent, and is logged once."""
        try:
            write()
        except sqlite3.Error as err:
            if not self._is_told:
                logger.error(
                    "%s: %s; messages are sent all the same, and may be sent again after a restart", self._path, err
                )
            self._is_told = True

    def _one(self, sql: str) -> tuple[object, ...]:
        found: tuple[object, ...] | None = self._connection.execute(sql).fetchone()
        return found or ()


def _opened(path: Path) -> sqlite3.Connection:
    with contextlib.suppress(FileExistsError):
        # For its owner alone, as the store is.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL").close()
        connection.execute("PRAGMA synchronous = FULL").close()
        connection.executescript(_TABLES).close()
        # Raises for damage; the file is small.
        for name in ("meta", "event_mark", "row_mark", "sample_mark", "discovered"):
            connection.execute(f"SELECT count(*) FROM (SELECT * FROM {name} ORDER BY 1)").fetchall()  # noqa: S608 names of ours
    except BaseException:
        connection.close()
        raise
    return connection
