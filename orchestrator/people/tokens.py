"""Personal tokens for programs and wall displays: each of a person, with a role that is at most his, and an end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.people.errors import NoSuchPerson, NotAllowed, WrongInput
from orchestrator.people.people_file import PeopleFile
from orchestrator.people.person import How, Person, Role
from orchestrator.people.secret_ids import TOKEN_BEGINS, Secret, digest_of, new_secret

LONGEST_DAYS = 366
_DAY_S = 86_400.0
_MOST_EACH = 50
_LABEL = 64


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a person, without what is secret of it. ``seen_unix_s``: when it was used last."""

    id: str
    name: str
    label: str
    role: Role
    made_unix_s: float
    ends_unix_s: float
    seen_unix_s: float | None


_WHOSE = (
    "SELECT token.id, token.name, token.role AS most, token.ends_unix_s, person.role FROM token "
    "JOIN person ON person.name = token.name WHERE "
)


class Tokens:
    """The tokens of a file. ``clock``: unix seconds."""

    def __init__(self, file: PeopleFile, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._seen: dict[str, float] = {}

    def make(self, name: str, label: str, role: Role, days: float) -> Secret:
        """Make a token for a person, to be shown once. Raises WrongInput, NotAllowed, NoSuchPerson, FileUnusable."""
        label = " ".join(label.split())
        if not 0 < len(label) <= _LABEL or not label.isprintable():
            raise WrongInput(
                f"say what the token is for, in up to {_LABEL} characters", "people_error.token_label", most=_LABEL
            )
        if not 0 < days <= LONGEST_DAYS:
            raise WrongInput(
                f"a token lasts up to {LONGEST_DAYS} days, not {days:g}", "people_error.token_days", most=LONGEST_DAYS
            )
        secret, now = new_secret(TOKEN_BEGINS), self._clock()
        with self._file.change() as change:
            change.write("DELETE FROM token WHERE ends_unix_s <= ?", now)
            if not (rows := change.rows("SELECT role FROM person WHERE name = ?", name)):
                raise NoSuchPerson(f"there is nobody called {name[:64]!r}")
            if not Role(rows[0]["role"]).covers(role):
                raise NotAllowed(
                    f"{name} is {rows[0]['role']}: a token of his is at most that, not {role}",
                    "people_error.token_role",
                )
            if change.rows("SELECT count(*) AS n FROM token WHERE name = ?", name)[0]["n"] >= _MOST_EACH:
                raise NotAllowed(f"{name} has {_MOST_EACH} tokens; remove one first")
            sql = "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, NULL)"
            change.write(sql, secret.name, secret.digest, name, label, role.value, now, now + days * _DAY_S)
        return secret

    def find(self, secret: str) -> Person | None:
        """Return whose token it is, with the lesser of its role and his; None for nobody's. Raises FileUnusable."""
        return self._found("token.secret = ?", digest_of(secret))

    def still(self, token_id: str) -> Person | None:
        """Return whose token of that name it is, None when it has ended. Raises FileUnusable."""
        return self._found("token.id = ?", token_id)

    def _found(self, which: str, value: object) -> Person | None:
        rows = self._file.rows(_WHOSE + which, value)
        if not rows or (now := self._clock()) >= rows[0]["ends_unix_s"]:
            return None
        (row,) = rows
        self._seen[row["id"]] = now
        return Person(row["name"], Role(row["role"]).at_most(Role(row["most"])), How.TOKEN, row["id"])

    def of(self, name: str) -> list[Token]:
        """Return a person's tokens, the newest first. Raises FileUnusable."""
        found = []
        sql = "SELECT * FROM token WHERE name = ? AND ends_unix_s > ? ORDER BY made_unix_s DESC"
        for row in self._file.rows(sql, name, self._clock()):
            del row["secret"]
            row["seen_unix_s"] = self._seen.get(row["id"], row["seen_unix_s"])
            found.append(Token(**{**row, "role": Role(row["role"])}))
        return found

    def remove(self, name: str, token_id: str) -> None:
        """End a token of a person, and the sessions begun with it. Raises NoSuchPerson, FileUnusable."""
        with self._file.change() as change:
            if not change.write("DELETE FROM token WHERE id = ? AND name = ?", token_id, name):
                raise NoSuchPerson(f"{name} has no token {token_id[:20]!r}; it may have ended")

    def keep_seen(self) -> None:
        """Write when tokens were used. Raises FileUnusable."""
        seen, self._seen = self._seen, {}
        with self._file.change() as change:
            for token_id, at in seen.items():
                change.write("UPDATE token SET seen_unix_s = ? WHERE id = ?", at, token_id)
