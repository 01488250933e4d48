"""The small file beside a store in which the notices keep their own state: what was told to whom, and what is open.

It is SQLite's, as the store is, and not the store: that has one writer. A file that takes nothing, on a full disk say,
keeps no notice from being sent; what it would have kept is then forgotten at the next start.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from orchestrator.events import Severity
from orchestrator.notices.incidents import Incident
from orchestrator.notices.values import Message, Notice, Outcome
from orchestrator.store.companion_files import logs_of, notices_path
from orchestrator.store.place import real_path

logger = logging.getLogger(__name__)

_LAYOUT = """
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notice (
    number INTEGER PRIMARY KEY, event INTEGER, kind TEXT NOT NULL, severity TEXT NOT NULL, sentence TEXT NOT NULL,
    at_unix_s REAL NOT NULL, run_id TEXT, channel TEXT, label TEXT NOT NULL, person TEXT NOT NULL,
    incident INTEGER, told_unix_s REAL, simulated INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS notice_incident ON notice (incident);
CREATE TABLE IF NOT EXISTS incident (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, opened_unix_s REAL NOT NULL, level INTEGER NOT NULL,
    told_unix_s REAL, closed_unix_s REAL, closed_by TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS delivery (
    number INTEGER PRIMARY KEY, at_unix_s REAL NOT NULL, target TEXT NOT NULL, person TEXT NOT NULL,
    title TEXT NOT NULL, notices INTEGER NOT NULL, status TEXT NOT NULL, took_s REAL NOT NULL, detail TEXT NOT NULL
) STRICT;
PRAGMA user_version = 2;
"""
# Files of version 1 did not tell of which notices the run is simulated.
_FROM_1 = "ALTER TABLE notice ADD COLUMN simulated INTEGER; PRAGMA user_version = 2;"
_LAYOUT_VERSION = 2
# What SQLite says of a file that is none of its, or is damaged. Anything else may be over in a moment.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# A command acknowledges while the service writes.
_BUSY_S = 2.0
# Some months of an ordinary rack; a night of floods.
_KEPT_ROWS = 20_000

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class OutsideIncident:
    """An incident that a process outside the service has opened, such as that the service is dead."""

    number: int
    opened_unix_s: float
    is_new: bool
    is_acknowledged: bool


class StateFile:
    """The file's connection; it belongs to the thread that opened it. Errors of writing are logged, once."""

    def __init__(self, store: Path, *, create: bool = True) -> None:
        self.store = real_path(store)
        self.path = notices_path(self.store)
        self._is_told = False
        # Notices that were told while the file took nothing, and when.
        self._late: dict[int, float] = {}
        self._connection: sqlite3.Connection | None = None
        if create:
            self._connection = self._try(self._opened_or_anew, None)
        elif self.path.exists():
            self._connection = self._try(self._opened, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def mark(self, name: str) -> float | None:
        """Return a number that was kept under a name, None where none was."""
        rows = self._rows("SELECT value FROM mark WHERE name = ?", name)
        return float(rows[0]["value"]) if rows else None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep all that is kept inside, or nothing of it: a process that is killed takes an event up once."""
        self._write("BEGIN IMMEDIATE")
        word = "ROLLBACK"
        try:
            yield
            word = "COMMIT"
        finally:
            # A file that takes nothing has begun nothing; one whose commit fails goes back.
            for end in (word, "ROLLBACK"):
                if self._connection is not None and self._connection.in_transaction:
                    self._write(end)

    def keep_mark(self, name: str, value: float) -> None:
        """Keep a number under a name."""
        self._write("INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)", name, value)

    def drop_mark(self, name: str) -> None:
        """Forget what was kept under a name."""
        self._write("DELETE FROM mark WHERE name = ?", name)

    def newest_notice(self) -> int:
        """Return the number of the newest notice, 0 where there is none."""
        rows = self._rows("SELECT max(number) AS newest FROM notice")
        return int(rows[0]["newest"] or 0) if rows else 0

    def keep_notice(self, notice: Notice, incident: int | None) -> None:
        """Keep a notice, and what incident it belongs to."""
        self._write(
            "INSERT OR REPLACE INTO notice VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
            *(notice.number, notice.event, str(notice.kind), notice.severity.value, notice.sentence),
            *(notice.at_unix_s, notice.run_id, notice.channel, notice.label, notice.person, incident),
            notice.simulated,
        )
        self._write("DELETE FROM notice WHERE number <= ?", notice.number - _KEPT_ROWS)

    def note_told(self, message: Message, at_unix_s: float) -> None:
        """Keep that a target has taken the notices of a message."""
        if self._connection is not None:
            self._late |= dict.fromkeys((entry.notice.number for entry in message.entries), at_unix_s)
            self.note_late()

    def note_late(self) -> None:
        """Keep what was told while the file took nothing, as on a full disk: a restart would tell it again."""
        sql = "UPDATE notice SET told_unix_s = ? WHERE number = ? AND told_unix_s IS NULL"
        for number, at_unix_s in tuple(self._late.items()):
            if self._write(sql, at_unix_s, number) < 0:
                return
            del self._late[number]

    def untold_of(self, incident: int) -> list[Notice]:
        """Return the notices of an incident that no target has taken, oldest first."""
        sql = "SELECT * FROM notice WHERE told_unix_s IS NULL AND incident = ? ORDER BY number"
        return [_notice(row) for row in self._rows(sql, incident)]

    def untold(self, since_unix_s: float) -> list[Notice]:
        """Return the notices since a time that no target has taken and that belong to no incident, oldest first."""
        sql = "SELECT * FROM notice WHERE told_unix_s IS NULL AND incident IS NULL AND at_unix_s >= ? ORDER BY number"
        return [_notice(row) for row in self._rows(sql, since_unix_s)]

    def keep_incident(self, incident: Incident, opened_unix_s: float) -> None:
        """Keep that an incident is open, and up to which level people have been called."""
        self._write(
            "INSERT INTO incident (number, key, opened_unix_s, level) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (number) DO UPDATE SET level = excluded.level",
            *(incident.number, incident.key, opened_unix_s, incident.level),
        )

    def newest_incident(self) -> int:
        """Return the number of the newest incident, 0 where there is none."""
        rows = self._rows("SELECT max(number) AS newest FROM incident")
        return int(rows[0]["newest"] or 0) if rows else 0

    def note_incident_told(self, incident: int, at_unix_s: float) -> None:
        """Keep when a target has taken a message of an incident for the first time."""
        self._write("UPDATE incident SET told_unix_s = ? WHERE number = ? AND told_unix_s IS NULL", at_unix_s, incident)

    def close_incident(self, incident: int, by: str, at_unix_s: float) -> bool:
        """Keep that an incident is over, and who or what has ended it; return whether it was open."""
        sql = "UPDATE incident SET closed_unix_s = ?, closed_by = ? WHERE number = ? AND closed_unix_s IS NULL"
        return self._write(sql, at_unix_s, by, incident) > 0

    def acknowledge(self, what: str | None, by: str, at_unix_s: float) -> list[str]:
        """Keep that a person has seen open incidents: of a run, a channel or a key, None for all; return their keys."""
        found = [row for row in self.open_incidents() if what in {None, row["key"], row["run_id"], row["channel"]}]
        return [row["key"] for row in found if self.close_incident(row["number"], f"acknowledged by {by}", at_unix_s)]

    def open_incidents(self) -> list[dict[str, Any]]:
        """Return the incidents that are not over, oldest first, each with its notices' count and gravest facts."""
        rows = self._rows(f"{_INCIDENTS} WHERE incident.closed_unix_s IS NULL ORDER BY incident.number")
        return [row | {"simulated": _truth(row["simulated"])} for row in rows]

    def outside_incident(self, key: str, now_unix_s: float) -> OutsideIncident:
        """Return the incident of a process outside the service, opened now if none is since the last that was closed.

        Its number is below 0: those above are counted by the service. One that a person has acknowledged stays the one
        incident until its cause is gone (``close_key``).
        """
        sql = "SELECT number, opened_unix_s, closed_unix_s FROM incident WHERE key = ? AND number < 0 ORDER BY number"
        for row in self._rows(f"{sql} LIMIT 1", key):
            if row["closed_unix_s"] is None or self.mark(f"{key} lasts") is not None:
                is_acknowledged = row["closed_unix_s"] is not None
                return OutsideIncident(row["number"], row["opened_unix_s"], False, is_acknowledged)
        lowest = self._rows("SELECT min(0, min(number)) AS lowest FROM incident")
        number = int((lowest[0]["lowest"] if lowest else 0) or 0) - 1
        self._write(
            "INSERT INTO incident (number, key, opened_unix_s, level) VALUES (?, ?, ?, 1)", number, key, now_unix_s
        )
        self.keep_mark(f"{key} lasts", now_unix_s)
        return OutsideIncident(number, now_unix_s, True, False)

    def close_key(self, key: str, by: str, at_unix_s: float) -> None:
        """Keep that the cause of an incident of a process outside the service is gone."""
        sql = "UPDATE incident SET closed_unix_s = ?, closed_by = ? WHERE key = ? AND closed_unix_s IS NULL"
        self._write(sql, at_unix_s, by, key)
        self.drop_mark(f"{key} lasts")

    def closed(self, numbers: Iterable[int]) -> frozenset[int]:
        """Return those of some incidents that are over, as a person who acknowledges one writes into the file."""
        sql = "SELECT number FROM incident WHERE closed_unix_s IS NOT NULL AND number = ?"
        return frozenset(number for number in numbers if self._rows(sql, number))

    def incidents(self, most: int) -> list[dict[str, Any]]:
        """Return the newest incidents, open or over, oldest first."""
        return self._rows(
            f"SELECT * FROM ({_INCIDENTS} ORDER BY incident.number DESC LIMIT ?) ORDER BY number",  # noqa: S608 - ours
            most,
        )

    def first_and_last(self, incident: int) -> tuple[Notice, Notice, int] | None:
        """Return the first and the last notice of an incident with their count; None where they are kept no more."""
        rows = self._rows("SELECT * FROM notice WHERE incident = ? ORDER BY number", incident)
        return (_notice(rows[0]), _notice(rows[-1]), len(rows)) if rows else None

    def keep_delivery(self, message: Message, title: str, outcome: Outcome, at_unix_s: float) -> None:
        """Keep what became of an attempt to deliver a message."""
        self._write(
            "INSERT INTO delivery (at_unix_s, target, person, title, notices, status, took_s, detail) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(at_unix_s, outcome.target, message.person, title, len(message.entries) + message.left_out),
            *(outcome.status.value, round(outcome.took_s, 3), outcome.detail),
        )
        self._write("DELETE FROM delivery WHERE number <= (SELECT max(number) FROM delivery) - ?", _KEPT_ROWS)

    def deliveries(self, most: int) -> list[dict[str, Any]]:
        """Return the newest attempts to deliver something, oldest first."""
        return self._rows("SELECT * FROM (SELECT * FROM delivery ORDER BY number DESC LIMIT ?) ORDER BY number", most)

    def _opened_or_anew(self) -> sqlite3.Connection:
        """Open the file; one that is damaged is kept under another name, and what it told is forgotten."""
        try:
            return self._opened()
        except sqlite3.Error as err:
            if getattr(err, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                raise
            aside = self.path.with_name(f"{self.path.name}.damaged")
            logger.error("%s cannot be read (%s): it is kept as %s, and a new one is begun", self.path, err, aside.name)
            self.path.replace(aside)
            for log in logs_of(self.path):
                log.unlink(missing_ok=True)
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        is_new = not self.path.exists()
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        if is_new:
            # Names of people and cells stand in it, as in the store.
            self.path.chmod(0o600)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            connection.execute("PRAGMA synchronous = NORMAL").close()
            _lay_out(connection)
            # Raises for damage of what is needed at once.
            for sql in ("SELECT * FROM mark", f"{_INCIDENTS} WHERE incident.closed_unix_s IS NULL"):
                connection.execute(sql).fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    def _rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        connection = self._connection
        if connection is None:
            return []
        return self._try(lambda: [dict(row) for row in connection.execute(sql, values)], [])

    def _write(self, sql: str, *values: object) -> int:
        """Return how many rows were changed; -1 where the file takes nothing."""
        connection = self._connection
        if connection is None:
            return -1
        return self._try(lambda: max(0, connection.execute(sql, values).rowcount), -1)

    def _try(self, act: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return act()
        except (sqlite3.Error, OSError) as err:
            if not self._is_told:
                logger.error("%s: %s; notices are sent all the same, but not remembered", self.path, err)
            self._is_told = True
            return otherwise


def _lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables, or those of an older version new; another process may do so at the same time."""
    if _version(connection) >= _LAYOUT_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE").close()
    version = _version(connection)
    if version < _LAYOUT_VERSION:
        for statement in (_FROM_1 if version == 1 else _LAYOUT).split(";"):
            connection.execute(statement).close()
    connection.execute("COMMIT").close()


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


_INCIDENTS = """
SELECT incident.number, incident.key, incident.opened_unix_s, incident.level, incident.told_unix_s,
    incident.closed_unix_s, incident.closed_by, first.run_id, first.channel, first.label, first.kind, first.sentence,
    first.at_unix_s, first.simulated, (SELECT count(*) FROM notice WHERE notice.incident = incident.number) AS notices
FROM incident LEFT JOIN notice AS first
    ON first.number = (SELECT min(number) FROM notice WHERE notice.incident = incident.number)
"""


def _notice(row: dict[str, Any]) -> Notice:
    return Notice(
        row["number"],
        row["kind"],
        Severity(row["severity"]),
        row["sentence"],
        row["at_unix_s"],
        row["run_id"],
        row["channel"],
        row["label"],
        row["person"],
        row["event"],
        _truth(row["simulated"]),
    )


def _truth(kept: int | None) -> bool | None:
    return None if kept is None else bool(kept)
