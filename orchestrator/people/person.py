"""Who asks: a person with a role, and how he was recognised."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do: look; also order; also change people and settings."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, other: Role) -> bool:
        """Return whether this role may do all that another one may.

        >>> Role.ADMIN.covers(Role.OPERATOR), Role.VIEWER.covers(Role.OPERATOR)
        (True, False)
        """
        return _ORDER.index(self) >= _ORDER.index(other)

    def at_most(self, other: Role) -> Role:
        """Return the lesser of this role and another one."""
        return other if self.covers(other) else self


_ORDER = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


class How(StrEnum):
    """By what a person was recognised."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - no password
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. ``session_id`` names the session or the token by which he was recognised; it is no secret.

    ``by_token``: the session was begun with a token, such as that of a wall display, and changes nothing of its person.
    """

    name: str
    role: Role
    how: How
    session_id: str | None = None
    by_token: bool = False

    @property
    def has_password(self) -> bool:
        """Whether he has signed in with his password."""
        return self.how is How.SESSION and not self.by_token


# Who holds the token file of this machine: his orders say themselves who gives them.
MACHINE = Person("", Role.OPERATOR, How.MACHINE)
