"""Sessions of browsers: who is signed in, since when, from where, and until when.

A session ends when it was not used for half a day, or is a week old; one that was begun with a token ends with that.
A browser has a secret, the file its digest.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.people.accounts import folded
from orchestrator.people.errors import NoSuchPerson
from orchestrator.people.people_file import Changing, PeopleFile
from orchestrator.people.person import How, Person, Role
from orchestrator.people.secret_ids import Secret, digest_of, new_secret

IDLE_S, LONGEST_S = 12 * 3600.0, 7 * 24 * 3600.0
# More than a person has browsers: the oldest one is ended.
_MOST_EACH = 50
_BROWSER_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in. ``id`` is no secret; ``token`` names the token with which it was begun."""

    id: str
    name: str
    token: str | None
    made_unix_s: float
    seen_unix_s: float
    ends_unix_s: float
    address: str
    browser: str


_WHO = (
    "SELECT session.id, session.name, session.seen_unix_s, session.ends_unix_s, session.token, person.role, "
    "token.role AS most FROM session JOIN person ON person.name = session.name "
    "LEFT JOIN token ON token.id = session.token WHERE "
)


class Sessions:
    """The sessions of a file. ``clock``: unix seconds."""

    def __init__(self, file: PeopleFile, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        # When sessions were used since it was last written: a write for each request would be one too many.
        self._seen: dict[str, float] = {}
        self._csrf_key: bytes | None = None

    def begin(self, name: str, address: str, browser: str, before: str = "", token: str | None = None) -> Secret:
        """Begin a session and end the one that the browser had before; its secret is never one that came from there.

        Raises NoSuchPerson, FileUnusable.
        """
        with self._file.change() as change:
            return self.begin_in(change, name, address, browser, before, token)

    def begin_in(
        self, change: Changing, name: str, address: str, browser: str, before: str = "", token: str | None = None
    ) -> Secret:
        """Begin a session as a part of a change, as ``begin`` does."""
        now, ends = self._clock(), self._clock() + LONGEST_S
        secret = new_secret()
        if not (rows := change.rows("SELECT name FROM person WHERE folded = ?", folded(name))):
            raise NoSuchPerson(f"there is nobody called {name[:64]!r}")
        if token is not None:
            ends = change.rows("SELECT ends_unix_s FROM token WHERE id = ?", token)[0]["ends_unix_s"]
        change.write("DELETE FROM session WHERE secret = ?", digest_of(before))
        change.write("DELETE FROM session WHERE ends_unix_s <= ? OR (token IS NULL AND seen_unix_s <= ?)",
                     now, now - IDLE_S)  # fmt: skip
        sql = "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        shown = "".join(letter for letter in browser if letter.isprintable())[:_BROWSER_SHOWN]
        change.write(sql, secret.name, secret.digest, rows[0]["name"], token, now, now, ends, address, shown)
        sql = "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE name = ? ORDER BY seen_unix_s DESC"
        change.write(f"{sql} LIMIT -1 OFFSET {_MOST_EACH})", rows[0]["name"])
        return secret

    def rotate(self, session_id: str) -> Secret:
        """Give a session another secret: the one it had counts no more. Raises NoSuchPerson, FileUnusable."""
        fresh = new_secret()
        with self._file.change() as change:
            if not change.write("UPDATE session SET secret = ? WHERE id = ?", fresh.digest, session_id):
                raise NoSuchPerson("this session has ended; sign in again")
        return Secret(fresh.text, session_id)

    def find(self, secret: str) -> Person | None:
        """Return who is signed in with a secret, None for nobody. His role is that of now. Raises FileUnusable."""
        return self._found("session.secret = ?", digest_of(secret), is_use=True)

    def still(self, session_id: str) -> Person | None:
        """Return who is signed in with a session of that name, None when it has ended; that is no use of it."""
        return self._found("session.id = ?", session_id, is_use=False)

    def _found(self, which: str, value: object, *, is_use: bool) -> Person | None:
        rows = self._file.rows(_WHO + which, value)
        if not rows:
            return None
        (row,), now = rows, self._clock()
        seen = max(row["seen_unix_s"], self._seen.get(row["id"], 0.0))
        if now >= row["ends_unix_s"] or (row["token"] is None and now >= seen + IDLE_S):
            return None
        if is_use:
            self._seen[row["id"]] = now
        role = Role(row["role"])
        least = role.at_most(Role(row["most"])) if row["most"] else role
        return Person(row["name"], least, How.SESSION, row["id"], by_token=row["token"] is not None)

    def of(self, name: str) -> list[Session]:
        """Return a person's sessions, the last used first. Raises FileUnusable."""
        now = self._clock()
        sql = "SELECT * FROM session WHERE name = ? AND ends_unix_s > ? AND (token IS NOT NULL OR seen_unix_s > ?)"
        found = []
        for row in self._file.rows(sql, name, now, now - IDLE_S):
            del row["secret"]
            row["seen_unix_s"] = max(row["seen_unix_s"], self._seen.get(row["id"], 0.0))
            found.append(Session(**row))
        return sorted(found, key=lambda session: -session.seen_unix_s)

    def end(self, name: str, session_id: str) -> None:
        """End a session of a person. Raises NoSuchPerson, FileUnusable."""
        with self._file.change() as change:
            if not change.write("DELETE FROM session WHERE id = ? AND name = ?", session_id, name):
                raise NoSuchPerson(f"{name} has no session {session_id[:20]!r}; it may have ended")

    def keep_seen(self) -> None:
        """Write when sessions were used, and forget those that have ended. Raises FileUnusable."""
        seen, self._seen = self._seen, {}
        now = self._clock()
        with self._file.change() as change:
            for session_id, at in seen.items():
                change.write("UPDATE session SET seen_unix_s = max(seen_unix_s, ?) WHERE id = ?", at, session_id)
            sql = "DELETE FROM session WHERE ends_unix_s <= ? OR (token IS NULL AND seen_unix_s <= ?)"
            change.write(sql, now, now - IDLE_S)

    def csrf_token(self, session_id: str) -> str:
        """Return what a form of a page of this session brings, and no other page can send. Raises FileUnusable."""
        if self._csrf_key is None:
            self._csrf_key = bytes(self._file.rows("SELECT value FROM secret WHERE name = 'csrf'")[0]["value"])
        return hmac.digest(self._csrf_key, b"form of session " + session_id.encode(), "sha256").hex()
