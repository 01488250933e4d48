"""The door of the web process: sessions of browsers, personal tokens and this machine's token, each with its rights.

A browser sends its cookie by itself, also for a page of somebody else. So an order with a cookie needs the origin of
this service, to the port, and either a header that only a script of its own pages can set or a form with the token of
its session. Programs with a token send no cookie and need neither.
"""

from __future__ import annotations

import asyncio
import hmac
from http import HTTPStatus
from urllib.parse import quote

from orchestrator.api import browser
from orchestrator.api.access import Headers, Refusal, Scope, target_of
from orchestrator.api.forms import CSRF, form_values, local_path
from orchestrator.api.places import Kind, kind_of
from orchestrator.api.signed_in import Cookie
from orchestrator.people.errors import FileUnusable
from orchestrator.people.people import People
from orchestrator.people.person import MACHINE, How, Person
from orchestrator.people.rights import API, SIGN_IN_PAGE, NotListed, Right, right_of
from orchestrator.people.secret_ids import TOKEN_BEGINS
from orchestrator.people.throttle import Buckets, address_key

PAGE_HEADER = "x-cellrig"
_SAFE = frozenset({"GET", "HEAD"})
# Requests in a second, and at once: of a person in all his windows, and of an address from which nobody has signed in.
_PERSON_HZ, _PERSON_AT_ONCE = 50.0, 400.0
_ADDRESS_HZ, _ADDRESS_AT_ONCE = 50.0, 400.0
# What pages are drawn with is in memory, and is kept by browsers: fifty that open at once ask for it together.
_UNCOUNTED = "/static/"
_NO_FORM = "this form is older than your sign-in, or no page of cellrig has sent it: load the page anew and send again"


class PeopleDoor:
    """Admits people, and nobody else than holders of this machine's token."""

    def __init__(self, people: People, cookie: Cookie) -> None:
        self._people = people
        self.cookie = cookie
        loop_time = asyncio.get_running_loop().time
        self._by_person = Buckets(_PERSON_HZ, _PERSON_AT_ONCE, loop_time)
        self._by_address = Buckets(_ADDRESS_HZ, _ADDRESS_AT_ONCE, loop_time)

    def admit(self, scope: Scope, headers: Headers, *, has_token: bool) -> Person | None:
        """Return who asks, None for what everybody may ask. Raises Refusal for what he may not ask."""
        method, path = scope["method"], scope["path"]
        person = MACHINE if has_token else self._recognised(scope, headers)
        self._check_rate(scope, person)
        try:
            right = right_of(method, path)
        except NotListed as err:
            if person is None:
                raise _sign_in_first(scope, is_page=False) from None
            raise _not_there(err) from None
        if person is None and right.role is not None:
            raise _sign_in_first(scope, is_page=right.is_page or right.is_form)
        if person is not None:
            _check_right(person, right)
        if method not in _SAFE and not has_token and (person is None or person.how is How.SESSION):
            _check_origin(headers, right)
        return person

    def takes_form(self, scope: Scope) -> bool:
        """Return whether the body of a request is the form of a page."""
        try:
            return right_of(scope["method"], scope["path"]).is_form
        except NotListed:
            return False

    def check_form(self, scope: Scope, person: Person | None, body: bytes) -> None:
        """Refuse a form without the token of its session. Raises Refusal."""
        if person is None:
            # A sign-in: there is no session yet, and its origin is this service.
            return
        given = form_values(body).get(CSRF, "")
        if person.session_id is None or person.how is not How.SESSION:
            raise Refusal(403, "forms are for people who are signed in; a program sends JSON", body_is_read=True)
        if not hmac.compare_digest(given.encode(), self._people.sessions.csrf_token(person.session_id).encode()):
            raise Refusal(403, _NO_FORM, body_is_read=True)

    def is_still_in(self, person: Person) -> bool:
        """Return whether a person may still have what he was admitted to; where that cannot be read, he may."""
        if person.session_id is None:
            return True
        kept = self._people.sessions if person.how is How.SESSION else self._people.tokens
        try:
            now = kept.still(person.session_id)
        except FileUnusable:
            return True
        return now is not None and now.role.covers(person.role)

    def _recognised(self, scope: Scope, headers: Headers) -> Person | None:
        kind, _, given = (headers.only("authorization", 401) or "").partition(" ")
        try:
            if kind.lower() == "bearer":
                person = self._people.tokens.find(given.strip()) if given.strip().startswith(TOKEN_BEGINS) else None
                if person is None:
                    self._check_rate(scope, None)
                    raise Refusal(401, "this token is none, or has ended; whose it was can make a new one")
                return person
            secret = self.cookie.given(headers)
            return self._people.sessions.find(secret) if secret else None
        except FileUnusable as err:
            raise Refusal(503, f"nobody can be recognised: {err}; the token of this machine serves as before") from err

    def _check_rate(self, scope: Scope, person: Person | None) -> None:
        is_free = scope["method"] in _SAFE and scope["path"].startswith(_UNCOUNTED)
        # A stop is never too much.
        if is_free or person is MACHINE or kind_of(scope["method"], scope["path"]) is Kind.STOP:
            return
        if person is None:
            address = str((scope.get("client") or ("",))[0])
            wait_s = self._by_address.take(address_key(address))
        else:
            wait_s = self._by_person.take(person.name)
        if wait_s > 0:
            after = {"retry-after": str(max(1, round(wait_s)))}
            raise Refusal(429, "too many requests at once: ask again in a second", headers=after)


def _sign_in_first(scope: Scope, *, is_page: bool) -> Refusal:
    if is_page:
        # A form is not sent again by itself: who sent it sees the rack first.
        there = local_path(target_of(scope)) if scope["method"] in _SAFE else "/"
        to = f"{SIGN_IN_PAGE}?next={quote(there, safe='/')}"
        return Refusal(HTTPStatus.SEE_OTHER, "sign in first", headers={"location": to})
    if browser.is_for_browsers(scope["method"], scope["path"]):
        return Refusal(401, browser.NEEDED, asks=True)
    # A window whose session has ended asks on and on.
    return Refusal(401, f"sign in first ({SIGN_IN_PAGE}), or send a token: Authorization: Bearer TOKEN", asks=True)


def _not_there(err: NotListed) -> Refusal:
    if err.methods:
        allowed = ", ".join(sorted(err.methods))
        return Refusal(405, f"this address takes {allowed}", headers={"allow": allowed})
    return Refusal(404, f"there is nothing at this address; {browser.OPENAPI} lists what there is")


def _check_right(person: Person, right: Right) -> None:
    who = person.name or "the token of this machine"
    if right.role is not None and not person.role.covers(right.role):
        raise Refusal(403, f"this needs the role {right.role}, and {who} is {person.role}: ask an admin")
    if right.needs_session and not person.has_password:
        way = "on the rig's machine 'cellrig people' does it" if person is MACHINE else "sign in with your password"
        raise Refusal(403, f"this is for a person who is signed in, not for a token: {way}")


def _check_origin(headers: Headers, right: Right) -> None:
    """Check that an order of a browser comes from a page of this service. Raises Refusal."""
    origin, host = headers.only("origin", 403), (headers.only("host", 400) or "").lower()
    if origin is None or origin.partition("://")[2].lower() != host:
        raise Refusal(403, "only pages of this service may order by a sign-in; send the Origin, or use a token")
    if not right.is_form and right.template.startswith(API) and headers.only(PAGE_HEADER, 403) is None:
        raise Refusal(403, "an order by a sign-in needs the header X-Cellrig: 1; a program uses a token")
