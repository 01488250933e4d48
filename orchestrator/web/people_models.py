"""The JSON values of people, their sessions and tokens, and of the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.models.fields import said
from orchestrator.people.person import How, Role

_Name = Annotated[str, Field(min_length=1, max_length=64), said("Name of the person", "anna")]
_Password = Annotated[str, Field(max_length=1024), said("Password, 10 to 256 characters", "four words of my own")]
_Role = Annotated[Role, said("What it may do: viewer, operator or admin", "operator")]
_Unix = "Unix time"


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SignInOrder(_Order):
    """A sign-in: a name with its password, or with a token in its place."""

    name: Annotated[str, Field(max_length=256), said("Name of the person; empty with a token", "anna")]
    password: Annotated[str, Field(max_length=1024), said("Password, or a personal token", "four words of my own")]


class SetUpOrder(_Order):
    """The first admin, with the code of the set-up link."""

    code: Annotated[str, Field(max_length=256), said("Code of the set-up link", "x" * 43)]
    name: _Name
    password: _Password


class OwnPasswordOrder(_Order):
    """A new password of one's own."""

    old: Annotated[str, Field(max_length=1024), said("Password until now", "four words of my own")]
    new: _Password


class LanguageOrder(_Order):
    """The language of one's pages."""

    language: Annotated[str, Field(max_length=20), said("Language, en or zh, empty for the browser's", "zh")]


class PersonOrder(_Order):
    """A new person."""

    name: _Name
    role: _Role
    password: Annotated[
        str | None, Field(max_length=1024), said("First password; without it one is made and answered", None)
    ] = None


class RoleOrder(_Order):
    """Another role of a person."""

    role: _Role


class PasswordOrder(_Order):
    """Another password of a person, by an admin."""

    password: Annotated[
        str | None, Field(max_length=1024), said("New password; without it one is made and answered", None)
    ] = None


class TokenOrder(_Order):
    """A new token."""

    label: Annotated[str, Field(min_length=1, max_length=64), said("What it is for", "wall display")]
    role: _Role
    days: Annotated[float, Field(gt=0, le=366), said("How long it lasts", 90.0, "d")]


class Me(BaseModel):
    """Who asks."""

    name: Annotated[str, said("Name of the person, empty for the token of this machine", "anna")]
    role: _Role
    how: Annotated[How, said("By what the person was recognised: session, token or machine", "session")]
    session: Annotated[str | None, said("Name of the session or of the token; no secret", "c14db897fb26")]
    language: Annotated[str, said("Language of the person's pages, empty for the browser's", "zh")]


class PersonNow(BaseModel):
    """A person."""

    name: _Name
    role: _Role
    language: Annotated[str, said("Language of the pages, empty for the browser's", "")]
    created_unix_s: Annotated[float, said(f"{_Unix} at which the person was added", 1795797643.0, "s")]
    password_unix_s: Annotated[float, said(f"{_Unix} of the last change of password", 1795797643.0, "s")]
    seen_unix_s: Annotated[float | None, said(f"{_Unix} of the last use of a session", 1795797643.0, "s")]
    sessions: Annotated[int, said("Number of sessions", 2)]
    tokens: Annotated[int, said("Number of tokens", 1)]
    locked_s: Annotated[float, said("How long the name is locked after failed sign-ins", 0.0, "s")]


class MadePassword(BaseModel):
    """The answer to a change of a password."""

    name: _Name
    password: Annotated[str | None, said("The password that was made, shown this once", None)]


class SessionNow(BaseModel):
    """A session."""

    id: Annotated[str, said("Its name; no secret", "c14db897fb26")]
    mine: Annotated[bool, said("Whether it is that of who asks", True)]
    token: Annotated[str | None, said("Name of the token with which it was begun", None)]
    made_unix_s: Annotated[float, said(f"{_Unix} of the sign-in", 1795797643.0, "s")]
    seen_unix_s: Annotated[float, said(f"{_Unix} of the last use", 1795797643.0, "s")]
    ends_unix_s: Annotated[float, said(f"{_Unix} at which it ends at the latest", 1795797643.0, "s")]
    address: Annotated[str, said("Address of the browser", "192.0.2.7")]
    browser: Annotated[str, said("What the browser calls itself", "Mozilla/5.0")]


class TokenNow(BaseModel):
    """A token, without its secret."""

    id: Annotated[str, said("Its name; no secret", "d026d1bc25e2")]
    label: Annotated[str, said("What it is for", "wall display")]
    role: _Role
    made_unix_s: Annotated[float, said(f"{_Unix} at which it was made", 1795797643.0, "s")]
    ends_unix_s: Annotated[float, said(f"{_Unix} at which it ends", 1795797643.0, "s")]
    seen_unix_s: Annotated[float | None, said(f"{_Unix} of the last use", None, "s")]


class MadeToken(BaseModel):
    """A new token, shown this once."""

    id: Annotated[str, said("Its name; no secret", "d026d1bc25e2")]
    token: Annotated[str, said("The token: Authorization: Bearer TOKEN", "cellrig-...")]


class AuditEntryNow(BaseModel):
    """An entry of the audit log."""

    number: Annotated[int, said("Number of the entry, from 1 on without a gap", 7)]
    at_unix_ms: Annotated[int, said(f"{_Unix} of the entry", 1795797643125, "ms")]
    person: Annotated[str, said("Who", "anna")]
    how: Annotated[How, said("By what the person was recognised", "session")]
    address: Annotated[str, said("Address of the client", "192.0.2.7")]
    method: Annotated[str, said("Method of the request", "POST")]
    path: Annotated[str, said("Path of the request", "/api/v1/runs/R000007/stop")]
    act: Annotated[str, said("Word of what was ordered", "stop")]
    values: Annotated[dict[str, Any], said("Values of the order", {"run": "R000007"})]
    outcome_of: Annotated[int | None, said("Number of the entry whose outcome this is", None)]
    status: Annotated[int | None, said("HTTP status of the outcome", None)]
    hash: Annotated[str, said("SHA-256 over this entry and the hash before", "5c" * 32)]


class AuditPage(BaseModel):
    """A page of the audit log, oldest first."""

    entries: Annotated[list[AuditEntryNow], said("The entries")]
    after: Annotated[int, said("What to ask with for the next page", 7)]
    more: Annotated[bool, said("Whether there are others", False)]


class AuditCheck(BaseModel):
    """What a check of the whole audit log has found."""

    holds: Annotated[bool, said("Whether every entry is as it was written", True)]
    entries: Annotated[int, said("Number of entries that hold", 12408)]
    broken: Annotated[int | None, said("Number of the first entry that was changed or is missing", None)]
    hash: Annotated[str, said("Hash of the last entry that holds", "5c" * 32)]
    words: Annotated[str, said("The finding as a sentence", "all 7 entries hold")]
    trouble: Annotated[str, said("Why the last entry could not be written, else empty", "")]
