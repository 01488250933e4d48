"""People of a rig as one object: accounts, sessions, tokens, the log, and the sign-in that slows down who guesses.

Its parts are called on threads where they write or hash; ``sign_in``, ``set_up`` and ``tend`` do so by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orchestrator.people.accounts import Accounts
from orchestrator.people.audit_entry import Act
from orchestrator.people.audit_log import AuditLog
from orchestrator.people.chain_watch import ChainWatch
from orchestrator.people.changes import Changes
from orchestrator.people.errors import FileUnusable, NotRecognised, TooManyAttempts
from orchestrator.people.passwords import Passwords
from orchestrator.people.people_file import PeopleFile
from orchestrator.people.person import How
from orchestrator.people.secret_ids import TOKEN_BEGINS, Secret
from orchestrator.people.sessions import Sessions
from orchestrator.people.set_up import SetUp
from orchestrator.people.throttle import Buckets, SignInDelay, address_key
from orchestrator.people.tokens import Tokens

logger = logging.getLogger(__name__)

# Failed sign-ins of one address: so many at once, then one in half a minute.
_FAILURES_AT_ONCE, _FAILURE_EVERY_S = 20, 30.0
# Passwords that wait to be hashed; each takes a thread and 19 MiB for a moment, one at a time.
_MOST_WAITING = 16
_TENDED_EVERY_S = 60.0
_WRONG = "name and password do not fit"


@dataclass(frozen=True, slots=True)
class From:
    """Where a sign-in comes from: the address, what the browser calls itself, and the session that it had."""

    address: str
    browser: str = ""
    before: str = ""
    path: str = ""


class People:
    """The people of a store. ``clock``: unix seconds, ``monotonic``: seconds of any beginning."""

    def __init__(
        self,
        store: Path,
        *,
        create: bool = True,
        passwords: Passwords | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the file of people of a store. Raises SettingsError, FileUnusable."""
        self.file = PeopleFile(store, create=create)
        self.store = store
        self.clock = clock
        self._passwords = passwords or Passwords()
        self.accounts = Accounts(self.file, self._passwords, clock)
        self.sessions = Sessions(self.file, clock)
        self.tokens = Tokens(self.file, clock)
        self.set_ups = SetUp(self.file, self.accounts, clock)
        self.delay = SignInDelay(self.file, clock)
        self.log = AuditLog(self.file, clock)
        self.chain = ChainWatch(store, clock)
        self.changes = Changes(self.accounts, self.sessions, self.tokens, self.delay, self.log, self._passwords)
        self._failures = Buckets(1 / _FAILURE_EVERY_S, _FAILURES_AT_ONCE, monotonic)
        self._hashing = asyncio.Semaphore(1)
        self._waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def csrf_token(self, session_id: str) -> str:
        """Return what a form of a page of this session brings. Raises FileUnusable."""
        return self.sessions.csrf_token(session_id)

    async def sign_in(self, name: str, password: str, by: From) -> Secret:
        """Begin a session for a name and its password, or for a token in the place of the password.

        A name that there is not takes as long, and is answered by the same words. Raises NotRecognised,
        TooManyAttempts, FileUnusable.
        """
        address = address_key(by.address)
        if (wait_s := self._failures.take(address)) > 0:
            raise TooManyAttempts(f"too many sign-ins from here have failed: try again in {wait_s:.0f} s", wait_s)
        if self._waiting >= _MOST_WAITING:
            self._failures.give_back(address)
            raise TooManyAttempts("too many people sign in at this moment: try again in some seconds", 5.0)
        self._waiting += 1
        try:
            async with self._hashing:
                found = await asyncio.to_thread(self._signed_in, name, password, by)
        except TooManyAttempts:
            self._failures.give_back(address)
            raise
        finally:
            self._waiting -= 1
        if found is None:
            raise NotRecognised(_WRONG, "people_error.wrong")
        self._failures.give_back(address)
        return found

    def _signed_in(self, name: str, password: str, by: From) -> Secret | None:
        token = self.tokens.find(password) if password.startswith(TOKEN_BEGINS) else None
        if token is not None:
            return self._begun(token.name, by, token.session_id)
        self.delay.reserve(name)
        kept = self.accounts.hash_of(name)
        if not self._passwords.fits(password, kept):
            # The name of an account only: what else was typed may be a password.
            known = self.accounts.find(name).name if kept is not None else ""
            self.log.append(_act(known, by, "sign_in_failed"))
            return None
        name = self.accounts.find(name).name
        self.delay.forget(name)
        if kept is not None and self._passwords.is_outdated(kept):
            self.accounts.renew_hash(name, password)
        return self._begun(name, by)

    def _begun(self, name: str, by: From, token: str | None = None) -> Secret:
        self.log.append(_act(name, by, "sign_in"))
        return self.sessions.begin(name, by.address, by.browser, by.before, token)

    async def set_up(self, code: str, name: str, password: str, by: From) -> Secret:
        """Make the first admin by a set-up link, and sign him in. Raises as ``SetUp.use`` and ``sign_in`` do."""
        address = address_key(by.address)
        if (wait_s := self._failures.take(address)) > 0:
            raise TooManyAttempts(f"too many links from here did not count: try again in {wait_s:.0f} s", wait_s)
        async with self._hashing:
            secret = await asyncio.to_thread(self._set_up, code, name, password, by)
        self._failures.give_back(address)
        return secret

    def _set_up(self, code: str, name: str, password: str, by: From) -> Secret:
        new = self.set_ups.use(code, name, password)
        self.log.append(_act(new.name, by, "set_up"))
        return self.sessions.begin(new.name, by.address, by.browser, by.before)

    async def tend(self) -> None:
        """Write once a minute when sessions and tokens were used, forget those that have ended, and check the log."""
        while True:
            await asyncio.sleep(_TENDED_EVERY_S)
            try:
                await asyncio.to_thread(self._keep_seen)
            except FileUnusable as err:
                logger.warning("%s", err)

    def _keep_seen(self) -> None:
        self.sessions.keep_seen()
        self.tokens.keep_seen()
        if not (checked := self.chain.look().check).holds:
            self.log.doubt = checked.words


def _act(name: str, by: From, act: str) -> Act:
    return Act(name, How.SESSION, by.address, "POST", by.path, act, {})
