"""Passwords: what one must be, and its argon2id hash."""

from __future__ import annotations

import secrets
import unicodedata
from functools import cached_property

from orchestrator.people.errors import WrongInput

SHORTEST, LONGEST = 10, 256
# What a person gets from an admin: 80 bits, in letters that are not taken for one another.
_LETTERS, _GROUPS, _GROUP = "abcdefghjkmnpqrstuvwxyz23456789", 4, 4


class Passwords:
    """Hashes and checks passwords; each takes some 70 ms of a core and 19 MiB: call it on a thread."""

    def __init__(self, rounds: int = 2, memory_kib: int = 19 * 1024) -> None:
        """Take the cost of a hash: argon2id with two rounds over 19 MiB on one lane, as OWASP advises."""
        from argon2 import PasswordHasher

        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)

    def hash(self, password: str) -> str:
        """Return the hash of a password, with its salt and its cost."""
        return self._hasher.hash(_normal(password))

    def fits(self, password: str, kept: str | None) -> bool:
        """Return whether a password has a hash; with None as hash it is False, and takes as long."""
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            self._hasher.verify(self._nobodys if kept is None else kept, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Return whether a hash was made at another cost than hashes are made at now."""
        return self._hasher.check_needs_rehash(kept)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(16))


def check_password(password: str, name: str) -> None:
    """Refuse a password that is soon guessed. Raises WrongInput."""
    said = _normal(password)
    if not SHORTEST <= len(said) <= LONGEST:
        raise WrongInput(
            f"a password has {SHORTEST} to {LONGEST} characters; several words are easy to keep in mind",
            "people_error.password_length",
            shortest=SHORTEST,
            longest=LONGEST,
        )
    if len(set(said)) < 5 or name.casefold() in said.casefold():
        raise WrongInput(
            "this password is soon guessed: it repeats few characters, or holds the name of its person",
            "people_error.password_guessed",
        )


def new_password() -> str:
    """Make a password for a person who will set another one."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _normal(password: str) -> str:
    """Return a password as it is hashed: keyboards write the same letter in several ways."""
    return unicodedata.normalize("NFKC", password)
