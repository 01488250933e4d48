"""The people of the rig: their names, roles and passwords. The last admin stays one."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.people.errors import NoSuchPerson, NotAllowed, WrongInput
from orchestrator.people.passwords import Passwords, check_password, new_password
from orchestrator.people.people_file import Changing, PeopleFile
from orchestrator.people.person import Role

# Names stand in addresses, in the log and on a command line.
_NAME = re.compile(r"[\w.-](?:[\w.' -]{0,62}[\w.-])?")
LANGUAGES = ("", "en", "zh")


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may sign in. ``language``: that of his pages, empty for his browser's."""

    name: str
    role: Role
    language: str
    created_unix_s: float
    password_unix_s: float


@dataclass(frozen=True, slots=True, repr=False)
class NewAccount:
    """A person who is being added. ``made``: the password that was made for him, to be shown once."""

    name: str
    role: Role
    hashed: str
    made: str | None


class Accounts:
    """The accounts of a file. ``clock``: unix seconds."""

    def __init__(self, file: PeopleFile, passwords: Passwords, clock: Callable[[], float]) -> None:
        self._file = file
        self._passwords = passwords
        self._clock = clock

    def all(self) -> list[Account]:
        """Return all people, by name. Raises FileUnusable."""
        return [_account(row) for row in self._file.rows("SELECT * FROM person ORDER BY folded")]

    def find(self, name: str) -> Account:
        """Return a person. Raises NoSuchPerson, FileUnusable."""
        rows = self._file.rows("SELECT * FROM person WHERE folded = ?", folded(name))
        if not rows:
            raise _nobody(name)
        return _account(rows[0])

    def has_admin(self) -> bool:
        """Return whether there is an admin already."""
        return bool(self._file.rows("SELECT 1 FROM person WHERE role = ?", Role.ADMIN.value))

    def hash_of(self, name: str) -> str | None:
        """Return the hash of a person's password, None for nobody's."""
        rows = self._file.rows("SELECT password FROM person WHERE folded = ?", folded(name))
        return str(rows[0]["password"]) if rows else None

    def add(self, name: str, role: Role, password: str | None = None) -> NewAccount:
        """Add a person; without a password one is made. Raises WrongInput, NotAllowed, FileUnusable."""
        new = self.prepared(name, role, password)
        with self._file.change() as change:
            self.add_in(change, new)
        return new

    def prepared(self, name: str, role: Role, password: str | None) -> NewAccount:
        """Check and hash what a new account is made of; without a password one is made. Raises WrongInput."""
        name = " ".join(unicodedata.normalize("NFC", name).split())
        if not _NAME.fullmatch(name) or not any(letter.isalpha() for letter in name):
            raise WrongInput(
                f"{name[:64]!r} is no name: up to 64 letters, digits, spaces, dots, dashes, one a letter",
                "people_error.name",
                name=name[:64],
            )
        made = None if password is not None else new_password()
        if password is not None:
            check_password(password, name)
        return NewAccount(name, role, self._passwords.hash(password or made or ""), made)

    def add_in(self, change: Changing, new: NewAccount) -> None:
        """Add a person as a part of a change. Raises NotAllowed."""
        if change.rows("SELECT 1 FROM person WHERE folded = ?", folded(new.name)):
            raise NotAllowed(f"there is a {new.name!r} already; give another name", "people_error.taken", name=new.name)
        now = self._clock()
        sql = "INSERT INTO person VALUES (?, ?, ?, ?, '', ?, ?)"
        change.write(sql, new.name, folded(new.name), new.role.value, new.hashed, now, now)

    def set_role(self, name: str, role: Role) -> None:
        """Change a person's role and end his sessions. Raises NoSuchPerson, NotAllowed, FileUnusable."""
        with self._file.change() as change:
            before = _the(change, name)
            if not role.covers(Role.ADMIN):
                _keep_an_admin(change, before)
            change.write("UPDATE person SET role = ? WHERE name = ?", role.value, before.name)
            change.write("DELETE FROM session WHERE name = ?", before.name)

    def set_password(self, name: str, password: str | None, keep_session: str = "") -> str | None:
        """Change a password and end all sessions but one; without a password one is made, and returned.

        Raises NoSuchPerson, WrongInput, FileUnusable.
        """
        made = None if password is not None else new_password()
        if password is not None:
            check_password(password, name)
        hashed = self._passwords.hash(password or made or "")
        with self._file.change() as change:
            account = _the(change, name)
            sql = "UPDATE person SET password = ?, password_unix_s = ? WHERE name = ?"
            change.write(sql, hashed, self._clock(), account.name)
            change.write("DELETE FROM session WHERE name = ? AND id != ?", account.name, keep_session)
            change.write("DELETE FROM failure WHERE folded = ?", failure_key(name))
        return made

    def renew_hash(self, name: str, password: str) -> None:
        """Hash a password that has just fitted at the cost of today."""
        hashed = self._passwords.hash(password)
        with self._file.change() as change:
            change.write("UPDATE person SET password = ? WHERE folded = ?", hashed, folded(name))

    def set_language(self, name: str, language: str) -> None:
        """Keep the language of a person's pages. Raises NoSuchPerson, WrongInput, FileUnusable."""
        if language not in LANGUAGES:
            raise WrongInput(f"there are pages in en and zh, not in {language[:20]!r}")
        with self._file.change() as change:
            change.write("UPDATE person SET language = ? WHERE name = ?", language, _the(change, name).name)

    def remove(self, name: str) -> None:
        """Remove a person, with sessions and tokens. Raises NoSuchPerson, NotAllowed, FileUnusable."""
        with self._file.change() as change:
            account = _the(change, name)
            _keep_an_admin(change, account)
            change.write("DELETE FROM person WHERE name = ?", account.name)


def folded(name: str) -> str:
    """Return a name as it is compared: small and capital letters are the same, and so is every way to write one."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def failure_key(name: str) -> str:
    """Return the key of the failed sign-ins of a name. What is typed as a name may be a password: it is not kept."""
    return hashlib.sha256(folded(name).encode("utf-8", "surrogatepass")).hexdigest()


def _the(change: Changing, name: str) -> Account:
    rows = change.rows("SELECT * FROM person WHERE folded = ?", folded(name))
    if not rows:
        raise _nobody(name)
    return _account(rows[0])


def _nobody(name: str) -> NoSuchPerson:
    return NoSuchPerson(
        f"there is nobody called {name[:64]!r}; 'cellrig people list' and the page People list all",
        "people_error.nobody",
        name=name[:64],
    )


def _keep_an_admin(change: Changing, leaving: Account) -> None:
    sql = "SELECT count(*) AS others FROM person WHERE role = ? AND name != ?"
    if leaving.role is Role.ADMIN and change.rows(sql, Role.ADMIN.value, leaving.name)[0]["others"] == 0:
        raise NotAllowed(
            f"{leaving.name} is the last admin; make another person admin first",
            "people_error.last_admin",
            name=leaving.name,
        )


def _account(row: dict[str, Any]) -> Account:
    return Account(
        row["name"], Role(row["role"]), row["language"], float(row["created_unix_s"]), float(row["password_unix_s"])
    )
