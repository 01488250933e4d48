"""The way in and out: the sign-in, the set-up of the first admin, and the sign-out. They work without scripts."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestrator.api.access import PERSON
from orchestrator.api.forms import form_of, local_path
from orchestrator.api.signed_in import asker_of, from_of, let_in, let_out, people_of
from orchestrator.dashboard.form_page import Said, back, done, refused
from orchestrator.dashboard.pages import page
from orchestrator.people.errors import PeopleError
from orchestrator.people.person import How, Person

router = APIRouter()

# Nobody has signed in yet: the frame shows no name, no pages and no stream.
_NOBODY = {"person": "", "role": "", "navigation": ()}
_YEAR_S = 31_536_000


@router.get("/sign-in")
async def sign_in(request: Request) -> Response:
    """Show the form of the sign-in; ``next`` is where it leads, at once who is signed in already.

    A link on a page of somebody else, as in a mail, comes without the cookie. So the browser is sent here once more, by
    this page itself: then it brings the cookie, if it has one.
    """
    to = local_path(request.query_params.get("next", "/"))
    person: Person | None = request.scope.get(PERSON)
    if person is not None and person.how is How.SESSION:
        return back(to)
    is_from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site" and "again" not in request.query_params
    return _sign_in(request, to, again=f"/sign-in?{urlencode({'next': to, 'again': 1})}" if is_from_elsewhere else "")


@router.post("/sign-in")
async def signed_in(request: Request) -> Response:
    """Sign a person in, and lead on to the page that was asked for."""
    form, people = form_of(request.scope), people_of(request)
    to = local_path(form.get("next", "/"))
    try:
        secret = await people.sign_in(form.get("name", ""), form.get("password", ""), from_of(request))
    except PeopleError as err:
        return _sign_in(request, to, refused(err), err.status, form.get("name", "")[:64])
    response = back(to)
    let_in(request, response, secret.text)
    person = people.sessions.find(secret.text)
    language = people.accounts.find(person.name).language if person is not None else ""
    if language:
        response.set_cookie("cellrig_lang", language, max_age=_YEAR_S, samesite="strict", path="/")
    return response


def _sign_in(
    request: Request, to: str, said: Said | None = None, status: int = 200, name: str = "", again: str = ""
) -> Response:
    has_admin = people_of(request).accounts.has_admin()
    return page(
        request, "sign_in.html", title_code="page.sign_in", status=status, live=False, said=said, to=to, name=name,
        has_admin=has_admin, again=again, **_NOBODY,
    )  # fmt: skip


@router.get("/set-up")
async def set_up(request: Request) -> Response:
    """Show the form for the first admin, if the link counts."""
    return _set_up(request, request.query_params.get("code", ""))


@router.post("/set-up")
async def is_set_up(request: Request) -> Response:
    """Make the admin of a set-up link, and sign him in."""
    form = form_of(request.scope)
    code, name, password = (form.get(key, "") for key in ("code", "name", "password"))
    if password != form.get("again", ""):
        said = Said("people_error.not_the_same", {}, is_good=False)
        return _set_up(request, code, said, 422, name)
    try:
        secret = await people_of(request).set_up(code, name, password, from_of(request))
    except PeopleError as err:
        return _set_up(request, code, refused(err), err.status, name)
    response = back("/")
    let_in(request, response, secret.text)
    return response


def _set_up(request: Request, code: str, said: Said | None = None, status: int = 200, name: str = "") -> Response:
    counts = people_of(request).set_ups.counts(code)
    return page(
        request, "set_up.html", title_code="page.set_up", status=status, live=False, said=said, code=code,
        counts=counts, name=name[:64], **_NOBODY,
    )  # fmt: skip


@router.post("/act/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session, and lead to the sign-in."""
    await done(people_of(request).changes.sign_out, asker_of(request))
    response = back("/sign-in")
    let_out(request, response)
    return response
