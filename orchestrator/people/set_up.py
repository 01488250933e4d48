"""The link with which the first admin of a rig sets a name and a password: made on the machine, used once."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.people.accounts import Accounts, NewAccount
from orchestrator.people.errors import NotRecognised
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
        secret = new_secret()
        with self._file.change() as change:
            change.write("DELETE FROM set_up")
            change.write("INSERT INTO set_up VALUES (?, ?)", secret.digest, self._clock() + LASTS_S)
        return secret.text

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
    return NotRecognised("this link was used, or is older than a day: 'cellrig people set-up-link' makes a new one")
