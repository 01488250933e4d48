"""The file beside a store in which people, their sessions and tokens, and the audit log are kept.

It is SQLite's, owned by whoever owns the rig, and closed to all others. The web process and commands on the machine
write it, one at a time; each change is one transaction.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from orchestrator.people.errors import FileUnusable
from orchestrator.people.private_file import anchor_path, check_people, make_private, people_path

_LAYOUT = """
CREATE TABLE person (
    name TEXT PRIMARY KEY, folded TEXT NOT NULL UNIQUE, role TEXT NOT NULL, password TEXT NOT NULL,
    language TEXT NOT NULL, created_unix_s REAL NOT NULL, password_unix_s REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE token (
    id TEXT PRIMARY KEY, secret BLOB NOT NULL UNIQUE, name TEXT NOT NULL REFERENCES person (name) ON DELETE CASCADE,
    label TEXT NOT NULL, role TEXT NOT NULL, made_unix_s REAL NOT NULL, ends_unix_s REAL NOT NULL, seen_unix_s REAL
) STRICT, WITHOUT ROWID;
CREATE TABLE session (
    id TEXT PRIMARY KEY, secret BLOB NOT NULL UNIQUE, name TEXT NOT NULL REFERENCES person (name) ON DELETE CASCADE,
    token TEXT REFERENCES token (id) ON DELETE CASCADE, made_unix_s REAL NOT NULL, seen_unix_s REAL NOT NULL,
    ends_unix_s REAL NOT NULL, address TEXT NOT NULL, browser TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_name ON session (name);
CREATE INDEX token_name ON token (name);
CREATE TABLE failure (folded TEXT PRIMARY KEY, attempts INTEGER NOT NULL, last_unix_s REAL NOT NULL) STRICT,
    WITHOUT ROWID;
CREATE TABLE set_up (secret BLOB PRIMARY KEY, ends_unix_s REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE entry (
    number INTEGER PRIMARY KEY, at_unix_ms INTEGER NOT NULL, person TEXT NOT NULL, how TEXT NOT NULL,
    address TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, act TEXT NOT NULL, said TEXT NOT NULL,
    outcome_of INTEGER, status INTEGER, hash TEXT NOT NULL
) STRICT;
CREATE INDEX entry_outcome ON entry (outcome_of) WHERE outcome_of IS NOT NULL;
PRAGMA application_id = 1667590255;
PRAGMA user_version = 1
"""
_APPLICATION_ID, _VERSION = 1667590255, 1
# How long a change waits for another process that writes.
_BUSY_S = 2.0


class PeopleFile:
    """The file, open: one connection that reads, and one that writes, each by one thread at a time."""

    def __init__(self, store: Path, *, create: bool = True) -> None:
        """Open the file of a store. Raises SettingsError if others may read it, FileUnusable if it is none."""
        self.path = people_path(store)
        self.anchor = anchor_path(store)
        self._writes, self._reads = threading.Lock(), threading.Lock()
        try:
            if create and not self.path.exists():
                with suppress(FileExistsError):
                    make_private(self.path)
            check_people(store)
            self._writing = _connected(self.path)
            try:
                _lay_out(self._writing)
                self._reading = _connected(self.path)
                self._reading.execute("PRAGMA query_only = ON").close()
            except (sqlite3.Error, FileUnusable):
                self._writing.close()
                raise
        except FileNotFoundError:
            raise FileUnusable(f"there is no {self.path} yet: 'cellrig people add NAME' makes it") from None
        except (OSError, sqlite3.Error) as err:
            raise FileUnusable(f"the file of people {self.path} cannot be used: {err}") from err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close both connections."""
        with self._writes:
            self._writing.close()
        with self._reads:
            self._reading.close()

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Return the rows of a question. Raises FileUnusable."""
        try:
            with self._reads, closing(self._reading.execute(sql, values)) as cursor:
                return named_rows(cursor)
        except sqlite3.Error as err:
            raise FileUnusable(f"the file of people {self.path} cannot be read: {err}") from err

    @contextmanager
    def change(self) -> Iterator[Changing]:
        """Make one change, of all that is written inside or of nothing; on any thread. Raises FileUnusable."""
        with self._writes:
            try:
                self._writing.execute("BEGIN IMMEDIATE").close()
                try:
                    yield Changing(self._writing)
                    self._writing.execute("COMMIT").close()
                finally:
                    if self._writing.in_transaction:
                        self._writing.execute("ROLLBACK").close()
            except sqlite3.Error as err:
                raise FileUnusable(f"the file of people {self.path} cannot be written: {err}") from err


class Changing:
    """A change of the file that is being made."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Return the rows of a question."""
        with closing(self._connection.execute(sql, values)) as cursor:
            return named_rows(cursor)

    def write(self, sql: str, *values: object) -> int:
        """Write, and return how many rows that has changed."""
        with closing(self._connection.execute(sql, values)) as cursor:
            return cursor.rowcount


def named_rows(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    """Return the rows of a cursor by the names of their columns."""
    names: Sequence[str] = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


def _lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none; another process may do so at the same time. Raises FileUnusable."""
    connection.execute("BEGIN IMMEDIATE").close()
    try:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if (application_id, version) == (0, 0):
            for statement in _LAYOUT.split(";"):
                connection.execute(statement).close()
            connection.execute("INSERT INTO secret VALUES ('csrf', ?)", (secrets.token_bytes(32),)).close()
        elif application_id != _APPLICATION_ID:
            raise FileUnusable("it is a SQLite database, but no file of people of cellrig")
        elif version > _VERSION:
            raise FileUnusable(f"it was written by a newer cellrig (layout {version}, this one knows {_VERSION})")
        connection.execute("COMMIT").close()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK").close()
