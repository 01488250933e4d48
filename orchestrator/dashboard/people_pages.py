"""People, for admins: who may do what, with sessions and tokens; and everybody's own page; also without scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestrator.api.forms import form_of
from orchestrator.api.signed_in import asker_of, let_in, people_of
from orchestrator.dashboard import numbers
from orchestrator.dashboard.browser_name import browser_name
from orchestrator.dashboard.form_page import Said, back, done, refused, said_in
from orchestrator.dashboard.pages import PageContext, page, rig_facts
from orchestrator.people.accounts import Account
from orchestrator.people.errors import PeopleError, WrongInput
from orchestrator.people.people import People
from orchestrator.people.person import How, Role
from orchestrator.people.sessions import Session
from orchestrator.people.tokens import LONGEST_DAYS, Token

router = APIRouter()

_ROLES = tuple(role.value for role in Role)


@dataclass(frozen=True, slots=True)
class Row:
    """A person as the page shows him."""

    account: Account
    sessions: list[Session]
    tokens: list[Token]
    locked_s: float

    @property
    def seen_unix_s(self) -> float | None:
        """When one of the sessions was used last."""
        return max((session.seen_unix_s for session in self.sessions), default=None)


def _row(people: People, account: Account) -> Row:
    name = account.name
    return Row(account, people.sessions.of(name), people.tokens.of(name), people.delay.locked_for_s(name))


def _shown(request: Request, template: str, title: str, said: Said | None, status: int, **values: object) -> Response:
    """Return a page about people, with times as people read them, by this machine's clock."""
    context, zone, people = PageContext.of(request), rig_facts(request).lab_zone, people_of(request)
    now = people.clock()

    def moment(unix_s: float | None) -> str:
        return "" if unix_s is None else numbers.moment(unix_s, zone, context.lang, now)

    more: dict[str, Any] = {
        "said": said or said_in(request), "moment": moment, "browser_name": browser_name,
        "roles": _ROLES, "most_days": LONGEST_DAYS, "mine": asker_of(request).person.session_id, **values,
    }  # fmt: skip
    return page(request, template, title_code=title, status=status, **more)


# Everybody's own page


def _me(request: Request, said: Said | None = None, status: int = 200) -> Response:
    people, person = people_of(request), asker_of(request).person
    row = _row(people, people.accounts.find(person.name)) if person.name else None
    roles = [role for role in _ROLES if person.role.covers(Role(role))]
    return _shown(
        request, "me.html", "page.me", said, status, row=row, my_roles=roles, is_session=person.how is How.SESSION,
        is_full=person.has_password,
    )  # fmt: skip


@router.get("/me")
async def me(request: Request) -> Response:
    """Show who is signed in: the password, the language, sessions and tokens."""
    return _me(request)


@router.post("/act/me/password")
async def own_password(request: Request) -> Response:
    """Change one's own password."""
    form = form_of(request.scope)
    if form.get("new", "") != form.get("again", ""):
        return _me(request, Said("people_error.not_the_same", {}, is_good=False), 422)
    change = people_of(request).changes.own_password
    try:
        secret = await asyncio.to_thread(change, asker_of(request), form.get("old", ""), form.get("new", ""))
    except PeopleError as err:
        return _me(request, refused(err), err.status)
    response = back("/me", "password")
    let_in(request, response, secret.text)
    return response


@router.post("/act/me/language")
async def own_language(request: Request) -> Response:
    """Keep the language of one's pages."""
    language, name = form_of(request.scope).get("language", ""), asker_of(request).person.name
    if (said := await done(people_of(request).accounts.set_language, name, language)) is not None:
        return _me(request, said, 422)
    response = back("/me", "language")
    if language:
        response.set_cookie("cellrig_lang", language, max_age=31_536_000, samesite="strict", path="/")
    else:
        response.delete_cookie("cellrig_lang", path="/", samesite="strict")
    return response


@router.post("/act/me/{what}")
async def own(what: str, request: Request) -> Response:
    """Make a token, or end a session or a token, of one's own."""
    return await _act(request, what, asker_of(request).person.name, "/me", _me)


# The page of all people


def _people(request: Request, said: Said | None = None, status: int = 200) -> Response:
    people = people_of(request)
    rows = [_row(people, account) for account in people.accounts.all()]
    opened = form_of(request.scope).get("name", "") if request.method == "POST" else request.query_params.get("of", "")
    return _shown(request, "people.html", "page.people", said, status, rows=rows, opened=opened)


@router.get("/people")
async def people(request: Request) -> Response:
    """Show all people, with what an admin may change."""
    return _people(request)


@router.post("/act/people")
async def add(request: Request) -> Response:
    """Add a person; the password that is made for him is shown once."""
    form = form_of(request.scope)
    try:
        role = _role(form.get("role", ""))
        new = await asyncio.to_thread(people_of(request).changes.add, asker_of(request), form.get("name", ""), role)
    except PeopleError as err:
        return _people(request, refused(err), err.status)
    return _people(request, Said("people.added", {"name": new.name}, secret=new.made or ""))


@router.post("/act/people/password")
async def reset_password(request: Request) -> Response:
    """Make a new password for a person, shown once."""
    name = form_of(request.scope).get("name", "")
    try:
        made = await asyncio.to_thread(people_of(request).changes.reset_password, asker_of(request), name)
    except PeopleError as err:
        return _people(request, refused(err), err.status)
    return _people(request, Said("people.password_made", {"name": name}, secret=made or ""))


@router.post("/act/people/{what}")
async def change(what: str, request: Request) -> Response:
    """Change a person's role, unlock or remove him, make a token for him, or end a session or a token of his."""
    return await _act(request, what, form_of(request.scope).get("name", ""), "/people", _people)


async def _act(request: Request, what: str, name: str, path: str, show: Callable[..., Response]) -> Response:
    """Do one of the changes that have no answer of their own, and show the page again."""
    form, changes, by = form_of(request.scope), people_of(request).changes, asker_of(request)
    try:
        if what == "token":
            days = int(form.get("days", "")) if form.get("days", "").isdecimal() else 0
            role = _role(form.get("role", ""))
            made = await asyncio.to_thread(changes.make_token, by, name, form.get("label", ""), role, days)
            return show(request, Said("people.token_made", {"label": form["label"]}, secret=made.text))
        if what == "session-end":
            await asyncio.to_thread(changes.end_session, by, name, form.get("id", ""))
        elif what == "token-end":
            await asyncio.to_thread(changes.remove_token, by, name, form.get("id", ""))
        elif path != "/people":
            raise WrongInput("there is no such act", "people_error.no_act")
        elif what == "role":
            await asyncio.to_thread(changes.set_role, by, name, _role(form.get("role", "")))
        elif what == "unlock":
            await asyncio.to_thread(changes.unlock, by, name)
        elif what == "remove" and form.get("sure") == "yes":
            await asyncio.to_thread(changes.remove, by, name)
        else:
            raise WrongInput("there is no such act", "people_error.no_act")
    except PeopleError as err:
        return show(request, refused(err), err.status)
    return back(path, what.replace("-", "_"))


def _role(text: str) -> Role:
    if text not in _ROLES:
        raise WrongInput("a role is viewer, operator or admin", "people_error.role")
    return Role(text)
