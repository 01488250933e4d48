"""The link with which the first admin of a rig sets a name and a password: made on the machine, used once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from drivers.errors import SettingsError
from orchestrator.people.accounts import Accounts, NewAccount
from orchestrator.people.errors import FileUnusable, NotRecognised
from orchestrator.people.people_file import PeopleFile
from orchestrator.people.person import Role
from orchestrator.people.rights import SET_UP_PAGE
from orchestrator.people.secret_ids import digest_of, new_secret

LASTS_S = 24 * 3600.0


class SetUp:
    """The set-up link of a file. ``clock``: unix seconds."""

    def __init__(self, file: PeopleFile, accounts: Accounts, clock: Callable[[], float]) -> None:
        self._file, self._accounts, self._clock = file, accounts, clock

    def new_code(self) -> str:
        """Make the code of a link for a day; an older one counts no more. Raises FileUnusable."""
        return new_code(self._file, self._clock())

    def counts(self, code: str) -> bool:
        """Return whether a code counts now. Raises FileUnusable."""
        sql = "SELECT 1 FROM set_up WHERE secret = ? AND ends_unix_s > ?"
        return bool(self._file.rows(sql, digest_of(code), self._clock()))

    def use(self, code: str, name: str, password: str) -> NewAccount:
        """Make the admin, once. Raises NotRecognised, WrongInput, NotAllowed, FileUnusable."""
        if not self.counts(code):
            raise _used()
        new = self._accounts.prepared(name, Role.ADMIN, password)
        with self._file.change() as change:
            sql = "DELETE FROM set_up WHERE secret = ? AND ends_unix_s > ?"
            if not change.write(sql, digest_of(code), self._clock()):
                raise _used()
            self._accounts.add_in(change, new)
        return new


def set_up_link(url: str, code: str) -> str:
    """Return the link for a browser on which the form for the first admin is filled in."""
    return f"{url}{SET_UP_PAGE}?code={code}"


def _used() -> NotRecognised:
    return NotRecognised(
        "this link was used, or is older than a day: 'cellrig people set-up-link' makes a new one", "people_error.link"
    )


def first_link(store: Path, url: str) -> str | None:
    """Return a new set-up link for a rig without an admin, None for one with one, or whose file cannot be used."""
    try:
        with PeopleFile(store) as file:
            if file.rows("SELECT 1 FROM person WHERE role = ? LIMIT 1", Role.ADMIN.value):
                return None
            return set_up_link(url, new_code(file, time.time()))
    except (FileUnusable, SettingsError):
        # Web says so, in its log and in the status.
        return None


def new_code(file: PeopleFile, now_unix_s: float) -> str:
    """Make the code of a link for a day; an older one counts no more. Raises FileUnusable."""
    secret = new_secret()
    with file.change() as change:
        change.write("DELETE FROM set_up")
        change.write("INSERT INTO set_up VALUES (?, ?)", secret.digest, now_unix_s + LASTS_S)
    return secret.text
