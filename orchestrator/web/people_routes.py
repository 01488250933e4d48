"""What admins ask and change of people, and what everybody reads of the audit log."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request

from orchestrator.api.signed_in import asker_of, people_of
from orchestrator.people.accounts import Account
from orchestrator.people.audit_check import check_file
from orchestrator.people.audit_entry import Entry
from orchestrator.people.people import People
from orchestrator.web import people_models as models
from orchestrator.web.person_routes import made_token, sessions_now, tokens_now

router = APIRouter()

_LIMIT, _MOST = 100, 1000


@router.get("/people")
async def people(request: Request) -> list[models.PersonNow]:
    """List the people, by name."""
    known = people_of(request)
    return [person_now(known, account) for account in known.accounts.all()]


def person_now(people: People, account: Account) -> models.PersonNow:
    """Return a person with the count of his sessions and tokens."""
    sessions = people.sessions.of(account.name)
    return models.PersonNow(
        name=account.name,
        role=account.role,
        language=account.language,
        created_unix_s=account.created_unix_s,
        password_unix_s=account.password_unix_s,
        seen_unix_s=max((session.seen_unix_s for session in sessions), default=None),
        sessions=len(sessions),
        tokens=len(people.tokens.of(account.name)),
        locked_s=people.delay.locked_for_s(account.name),
    )


@router.post("/people", status_code=201)
async def add_person(order: models.PersonOrder, request: Request) -> models.MadePassword:
    """Add a person. Without a password one is made, and shown this once."""
    change = people_of(request).changes.add
    new = await asyncio.to_thread(change, asker_of(request), order.name, order.role, order.password)
    return models.MadePassword(name=new.name, password=new.made)


@router.post("/people/{name}/role", status_code=204)
async def set_role(name: str, order: models.RoleOrder, request: Request) -> None:
    """Change a person's role; his sessions end."""
    await asyncio.to_thread(people_of(request).changes.set_role, asker_of(request), name, order.role)


@router.post("/people/{name}/password")
async def reset_password(name: str, order: models.PasswordOrder, request: Request) -> models.MadePassword:
    """Change a person's password; his sessions end. Without one it is made, and shown this once."""
    change = people_of(request).changes.reset_password
    made = await asyncio.to_thread(change, asker_of(request), name, order.password)
    return models.MadePassword(name=name, password=made)


@router.post("/people/{name}/unlock", status_code=204)
async def unlock(name: str, request: Request) -> None:
    """Let a person sign in again at once."""
    await asyncio.to_thread(people_of(request).changes.unlock, asker_of(request), name)


@router.delete("/people/{name}", status_code=204)
async def remove_person(name: str, request: Request) -> None:
    """Remove a person, with all sessions and tokens."""
    await asyncio.to_thread(people_of(request).changes.remove, asker_of(request), name)


@router.get("/people/{name}/sessions")
async def sessions(name: str, request: Request) -> list[models.SessionNow]:
    """List a person's sessions, the last used first."""
    known = people_of(request)
    return sessions_now(known, asker_of(request).person, known.accounts.find(name).name)


@router.delete("/people/{name}/sessions/{session}", status_code=204)
async def end_session(name: str, session: str, request: Request) -> None:
    """End a session of a person."""
    await asyncio.to_thread(people_of(request).changes.end_session, asker_of(request), name, session)


@router.get("/people/{name}/tokens")
async def tokens(name: str, request: Request) -> list[models.TokenNow]:
    """List a person's tokens, the newest first."""
    known = people_of(request)
    return tokens_now(known, known.accounts.find(name).name)


@router.post("/people/{name}/tokens", status_code=201)
async def make_token(name: str, order: models.TokenOrder, request: Request) -> models.MadeToken:
    """Make a token for a person; it is shown this once."""
    return await made_token(people_of(request), asker_of(request), name, order)


@router.delete("/people/{name}/tokens/{token}", status_code=204)
async def remove_token(name: str, token: str, request: Request) -> None:
    """End a token of a person."""
    await asyncio.to_thread(people_of(request).changes.remove_token, asker_of(request), name, token)


@router.get("/audit-log")
async def audit_log(
    request: Request,
    after: Annotated[int, Query(ge=0, description="Number of the last entry that is known.")] = 0,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="So many entries at most.")] = _LIMIT,
) -> models.AuditPage:
    """List the entries of the audit log, oldest first."""
    found = await asyncio.to_thread(people_of(request).log.entries, after, limit + 1)
    kept = found[:limit]
    return models.AuditPage(
        entries=[_entry_now(entry) for entry in kept],
        after=kept[-1].number if kept else after,
        more=len(found) > limit,
    )


def _entry_now(entry: Entry) -> models.AuditEntryNow:
    names = [name for name in models.AuditEntryNow.model_fields if name != "values"]
    return models.AuditEntryNow(**{name: getattr(entry, name) for name in names}, values=entry.values)


@router.get("/audit-log/check")
async def check_audit_log(request: Request) -> models.AuditCheck:
    """Check the whole chain of the audit log."""
    known = people_of(request)
    found = await asyncio.to_thread(check_file, known.store)
    return models.AuditCheck(
        holds=found.holds,
        entries=found.entries,
        broken=found.broken,
        hash=found.hash,
        words=found.words,
        trouble=known.log.trouble,
    )
