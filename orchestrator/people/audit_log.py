"""The audit log: who ordered what, when and from where, and what came of it. Each entry has the hash of the one before.

An order is written before it leaves, and its outcome afterwards: an order without outcome is one of which it is not
known. The newest hash is also kept in a small file of its own, the anchor, so that a tail that was cut off is found.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.people.audit_entry import COLUMNS, GENESIS, Act, Entry, said_text
from orchestrator.people.errors import FileUnusable, PeopleError
from orchestrator.people.people_file import Changing, PeopleFile
from orchestrator.people.private_file import make_private

_TOLD = f"SELECT {', '.join(COLUMNS)} FROM entry"  # noqa: S608 names of ours
_MOST_SAID = 4000
_ANCHOR_MISSING = Act("", "machine", "", "", "", "anchor_missing", {})


class AuditLog:
    """The log of a file. ``clock``: unix seconds.

    ``trouble``: why the last entry could not be written, ``doubt``: what was found to be wrong with those before; both
    empty if nothing is.
    """

    def __init__(self, file: PeopleFile, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._writing = threading.Lock()
        self.trouble, self.doubt = "", ""

    def append(self, act: Act) -> int:
        """Write what somebody does, and return the number of the entry; on any thread. Raises FileUnusable."""
        return self._written(act, None, None)

    def outcome(self, number: int, act: Act, status: int, said: Mapping[str, Any] | None = None) -> None:
        """Write what came of it: the status of the answer. Raises FileUnusable."""
        self._written(replace(act, said=said or {}), number, status)

    @contextmanager
    def recorded(self, act: Act, done: int = 200) -> Iterator[None]:
        """Write an act before what is done inside, and its outcome afterwards. Raises FileUnusable."""
        number = self.append(act)
        try:
            yield
        except PeopleError as err:
            with suppress(FileUnusable):
                self.outcome(number, act, err.status)
            raise
        with suppress(FileUnusable):
            self.outcome(number, act, done)

    def append_in(self, change: Changing, act: Act, outcome_of: int | None, status: int | None) -> Entry:
        """Write an entry as a part of a change; it is anchored by the next one."""
        last = change.rows("SELECT number, hash FROM entry ORDER BY number DESC LIMIT 1")
        number, before = (last[0]["number"] + 1, last[0]["hash"]) if last else (1, GENESIS)
        said = said_text(act.said)
        if len(said) > _MOST_SAID:
            said = said_text({"too_long": len(said)})
        entry = Entry(
            number=number,
            at_unix_ms=int(self._clock() * 1000),
            person=_clean(act.person),
            how=_clean(act.how),
            address=_clean(act.address),
            method=_clean(act.method),
            path=_clean(act.path),
            act=_clean(act.act),
            said=_clean(said),
            outcome_of=outcome_of,
            status=status,
            hash="",
        )
        entry = replace(entry, hash=entry.expected_hash(before))
        marks = ", ".join("?" * len(COLUMNS))
        change.write(f"INSERT INTO entry VALUES ({marks})", *(getattr(entry, name) for name in COLUMNS))  # noqa: S608 marks only
        return entry

    def _written(self, act: Act, outcome_of: int | None, status: int | None) -> int:
        with self._writing:
            try:
                anchor = read_anchor(self._file.anchor)
                with self._file.change() as change:
                    if anchor is None and change.rows("SELECT 1 FROM entry LIMIT 1"):
                        self.append_in(change, _ANCHOR_MISSING, None, None)
                    entry = self.append_in(change, act, outcome_of, status)
                    # An anchor that knows what is not there any more stays as it is: by it that is found.
                    sql = "SELECT 1 FROM entry WHERE number = ? AND hash = ?"
                    follows = anchor is None or bool(change.rows(sql, anchor.number, anchor.hash))
                if follows:
                    self._anchor(entry)
            except FileUnusable as err:
                self.trouble = str(err)
                raise
            except OSError as err:
                self.trouble = f"the anchor of the audit log, {self._file.anchor}, cannot be written: {err.strerror}"
                raise FileUnusable(self.trouble) from err
            self.trouble = ""
            self.doubt = "" if follows else "the audit log was cut or written anew; see 'cellrig audit-log verify'"
        return entry.number

    def _anchor(self, entry: Entry) -> None:
        beside = self._file.anchor.with_name(f"{self._file.anchor.name}.new")
        with suppress(FileNotFoundError):
            beside.unlink()
        make_private(beside, json.dumps({"number": entry.number, "hash": entry.hash}) + "\n")
        beside.replace(self._file.anchor)

    def is_open(self, number: int, path: str) -> bool:
        """Return whether an order to a path has this entry, and no outcome yet. Raises FileUnusable."""
        sql = "SELECT 1 FROM entry WHERE number = ? AND path = ? AND outcome_of IS NULL AND NOT EXISTS "
        sql += "(SELECT 1 FROM entry WHERE outcome_of = ?)"
        return bool(self._file.rows(sql, number, path, number))

    def entries(self, after: int, limit: int) -> list[Entry]:
        """Return the entries whose number is above ``after``, in order. Raises FileUnusable."""
        rows = self._file.rows(f"{_TOLD} WHERE number > ? ORDER BY number LIMIT ?", after, limit)
        return [Entry(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Anchor:
    """The second place of the newest hash."""

    number: int
    hash: str


def read_anchor(path: Path) -> Anchor | None:
    """Return what the anchor says, None where there is none that can be read."""
    try:
        told: Any = json.loads(path.read_text("ascii")[:1000])
        return Anchor(int(told["number"]), str(told["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def chained(connection: sqlite3.Connection, after: int = 0) -> Iterator[Entry]:
    """Yield the entries in their order as they are kept, whatever was done to them."""
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    with closing(connection.execute(f"{_TOLD} WHERE number > ? ORDER BY number", (after,))) as cursor:
        for row in cursor:
            yield Entry(*row)


def _clean(text: str) -> str:
    """Return a text as it can be kept and shown on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:_MOST_SAID]
