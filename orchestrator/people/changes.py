"""Changes of people, sessions and tokens, each with who makes it: written into the audit log before and after.

They write and hash: call them on a thread, but on a command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.people.accounts import Accounts, NewAccount
from orchestrator.people.audit_entry import Act
from orchestrator.people.audit_log import AuditLog
from orchestrator.people.errors import NotAllowed, NotRecognised
from orchestrator.people.passwords import Passwords, check_password
from orchestrator.people.person import How, Person, Role
from orchestrator.people.secret_ids import Secret
from orchestrator.people.sessions import Sessions
from orchestrator.people.throttle import SignInDelay
from orchestrator.people.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Asker:
    """Who makes a change: himself, his address, and the request that it came by."""

    person: Person
    address: str = ""
    method: str = ""
    path: str = ""

    def act(self, act: str, **said: object) -> Act:
        """Return what he does, for the log."""
        return Act(self.person.name, self.person.how.value, self.address, self.method, self.path, act, said)


class Changes:
    """The changes of a file of people."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        tokens: Tokens,
        delay: SignInDelay,
        log: AuditLog,
        passwords: Passwords,
    ) -> None:
        self._accounts, self._sessions, self._tokens = accounts, sessions, tokens
        self._delay, self._log, self._passwords = delay, log, passwords

    def add(self, by: Asker, name: str, role: Role, password: str | None = None) -> NewAccount:
        """Add a person; without a password one is made. Raises WrongInput, NotAllowed, FileUnusable."""
        with self._log.recorded(by.act("person_add", name=name[:64], role=role.value)):
            return self._accounts.add(name, role, password)

    def set_role(self, by: Asker, name: str, role: Role) -> None:
        """Change a role and end that person's sessions. Raises NoSuchPerson, NotAllowed, FileUnusable."""
        account = self._accounts.find(name)
        with self._log.recorded(by.act("person_role", name=account.name, before=account.role.value, role=role.value)):
            self._accounts.set_role(name, role)

    def reset_password(self, by: Asker, name: str, password: str | None = None) -> str | None:
        """Change another's password and end all his sessions; return the one that was made, without a given one.

        Raises NoSuchPerson, WrongInput, FileUnusable.
        """
        account = self._accounts.find(name)
        with self._log.recorded(by.act("person_password", name=account.name)):
            return self._accounts.set_password(account.name, password)

    def own_password(self, by: Asker, old: str, new: str) -> Secret:
        """Change one's own password, end all other sessions, and give this one another secret.

        Raises NotRecognised, TooManyAttempts, WrongInput, NoSuchPerson, FileUnusable.
        """
        name, session_id = by.person.name, by.person.session_id
        if not by.person.has_password or session_id is None:
            raise NotAllowed("sign in with your password to change it")
        check_password(new, name)
        with self._log.recorded(by.act("own_password")):
            self._delay.reserve(name)
            if not self._passwords.fits(old, self._accounts.hash_of(name)):
                raise NotRecognised("the old password does not fit", "people_error.old_password")
            self._accounts.set_password(name, new, keep_session=session_id)
            return self._sessions.rotate(session_id)

    def unlock(self, by: Asker, name: str) -> bool:
        """Let a person sign in at once again; return whether he had to wait. Raises NoSuchPerson, FileUnusable."""
        account = self._accounts.find(name)
        with self._log.recorded(by.act("person_unlock", name=account.name)):
            return self._delay.forget(name)

    def remove(self, by: Asker, name: str) -> None:
        """Remove a person, with sessions and tokens. Raises NoSuchPerson, NotAllowed, FileUnusable."""
        account = self._accounts.find(name)
        with self._log.recorded(by.act("person_remove", name=account.name, role=account.role.value)):
            self._accounts.remove(name)

    def end_session(self, by: Asker, name: str, session_id: str) -> None:
        """End a session. Raises NoSuchPerson, FileUnusable."""
        account = self._accounts.find(name)
        with self._log.recorded(by.act("session_end", name=account.name, session=session_id[:20])):
            self._sessions.end(account.name, session_id)

    def sign_out(self, by: Asker) -> None:
        """End the session of who asks. Raises NoSuchPerson, FileUnusable."""
        if by.person.how is not How.SESSION or by.person.session_id is None:
            raise NotAllowed("only who has signed in can sign out; remove a token instead")
        with self._log.recorded(by.act("sign_out")):
            self._sessions.end(by.person.name, by.person.session_id)

    def make_token(self, by: Asker, name: str, label: str, role: Role, days: float) -> Secret:
        """Make a token for a person, to be shown once. Raises WrongInput, NotAllowed, NoSuchPerson, FileUnusable."""
        account = self._accounts.find(name)
        if not by.person.role.covers(role):
            raise NotAllowed(f"you are {by.person.role}: a token of yours is at most that", "people_error.token_role")
        said: Mapping[str, Any] = {"name": account.name, "label": label[:64], "role": role.value, "days": days}
        with self._log.recorded(by.act("token_make", **said)):
            return self._tokens.make(account.name, label, role, days)

    def remove_token(self, by: Asker, name: str, token_id: str) -> None:
        """End a token, and the sessions begun with it. Raises NoSuchPerson, FileUnusable."""
        account = self._accounts.find(name)
        with self._log.recorded(by.act("token_remove", name=account.name, token=token_id[:20])):
            self._tokens.remove(account.name, token_id)
