"""What a person asks and changes of himself: the sign-in, the password, the language, sessions and tokens."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from orchestrator.api.signed_in import asker_of, from_of, let_in, let_out, people_of
from orchestrator.people.changes import Asker
from orchestrator.people.people import People
from orchestrator.people.person import MACHINE, How, Person
from orchestrator.web import people_models as models

router = APIRouter()


def me_of(people: People, person: Person) -> models.Me:
    """Return who a person is, for himself."""
    language = people.accounts.find(person.name).language if person.name else ""
    return models.Me(name=person.name, role=person.role, how=person.how, session=person.session_id, language=language)


@router.post("/sign-in")
async def sign_in(order: models.SignInOrder, request: Request, response: Response) -> models.Me:
    """Begin a session; the cookie of the answer is its secret."""
    people = people_of(request)
    secret = await people.sign_in(order.name, order.password, from_of(request))
    let_in(request, response, secret.text)
    return _me_now(people, secret.text)


@router.post("/set-up")
async def set_up(order: models.SetUpOrder, request: Request, response: Response) -> models.Me:
    """Make the first admin, once, and begin a session."""
    people = people_of(request)
    secret = await people.set_up(order.code, order.name, order.password, from_of(request))
    let_in(request, response, secret.text)
    return _me_now(people, secret.text)


def _me_now(people: People, secret: str) -> models.Me:
    person = people.sessions.find(secret)
    return me_of(people, person or MACHINE)


@router.post("/sign-out", status_code=204)
async def sign_out(request: Request, response: Response) -> None:
    """End the session of who asks."""
    await asyncio.to_thread(people_of(request).changes.sign_out, asker_of(request))
    let_out(request, response)


@router.get("/me")
async def me(request: Request) -> models.Me:
    """Say who asks, and what role he has."""
    return me_of(people_of(request), asker_of(request).person)


@router.post("/me/password", status_code=204)
async def own_password(order: models.OwnPasswordOrder, request: Request, response: Response) -> None:
    """Change one's own password; all other sessions end, and this one has another secret."""
    secret = await asyncio.to_thread(people_of(request).changes.own_password, asker_of(request), order.old, order.new)
    let_in(request, response, secret.text)


@router.post("/me/language", status_code=204)
async def own_language(order: models.LanguageOrder, request: Request) -> None:
    """Keep the language of one's pages."""
    await asyncio.to_thread(people_of(request).accounts.set_language, asker_of(request).person.name, order.language)


@router.get("/me/sessions")
async def own_sessions(request: Request) -> list[models.SessionNow]:
    """List one's own sessions, the last used first."""
    return sessions_now(people_of(request), asker_of(request).person, asker_of(request).person.name)


@router.delete("/me/sessions/{session}", status_code=204)
async def end_own_session(session: str, request: Request) -> None:
    """End one of one's own sessions."""
    by = asker_of(request)
    await asyncio.to_thread(people_of(request).changes.end_session, by, by.person.name, session)


@router.get("/me/tokens")
async def own_tokens(request: Request) -> list[models.TokenNow]:
    """List one's own tokens, the newest first."""
    return tokens_now(people_of(request), asker_of(request).person.name)


@router.post("/me/tokens", status_code=201)
async def make_own_token(order: models.TokenOrder, request: Request) -> models.MadeToken:
    """Make a token of one's own; it is shown this once."""
    by = asker_of(request)
    return await made_token(people_of(request), by, by.person.name, order)


@router.delete("/me/tokens/{token}", status_code=204)
async def remove_own_token(token: str, request: Request) -> None:
    """End one of one's own tokens."""
    by = asker_of(request)
    await asyncio.to_thread(people_of(request).changes.remove_token, by, by.person.name, token)


async def made_token(people: People, by: Asker, name: str, order: models.TokenOrder) -> models.MadeToken:
    """Make a token for a person."""
    secret = await asyncio.to_thread(people.changes.make_token, by, name, order.label, order.role, order.days)
    return models.MadeToken(id=secret.name, token=secret.text)


def sessions_now(people: People, asks: Person, name: str) -> list[models.SessionNow]:
    """Return the sessions of a person."""
    found = []
    for session in people.sessions.of(name):
        row: dict[str, Any] = {
            field: getattr(session, field) for field in models.SessionNow.model_fields if field != "mine"
        }
        mine = asks.how is How.SESSION and session.id == asks.session_id
        found.append(models.SessionNow(**row, mine=mine))
    return found


def tokens_now(people: People, name: str) -> list[models.TokenNow]:
    """Return the tokens of a person."""
    return [
        models.TokenNow(**{field: getattr(token, field) for field in models.TokenNow.model_fields})
        for token in people.tokens.of(name)
    ]
