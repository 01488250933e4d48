"""What each role may ask and order: one table of all addresses of the service. What is not in it is refused.

``{}`` stands for one part of a path, ``{...}`` at the end for all that follows. A question is free for every viewer, an
order for every operator, and what changes people and settings for admins. An order has a word in the audit log; a
question has none, and leaves no entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from orchestrator.people.person import Role

API = "/api/v1"
SIGN_IN_PAGE = "/sign-in"
SET_UP_PAGE = "/set-up"


@dataclass(frozen=True, slots=True)
class Right:
    """One line of the table: who may ask this of the service.

    ``role``: the least that may, None for everybody. ``act``: the word of the audit log for an order. ``named_by``: the
    value of an order in which the name of its person stands. ``is_page``: who is not signed in is led to the sign-in.
    ``is_form``: it takes a form of a page, with the token of that page. ``needs_session``: for who has signed in with a
    password, and for no token.
    """

    method: str
    template: str
    role: Role | None
    act: str | None = None
    named_by: str | None = None
    is_page: bool = False
    is_form: bool = False
    needs_session: bool = False


def _questions(*templates: str, method: str = "GET", role: Role | None = Role.VIEWER) -> Iterator[Right]:
    for template in templates:
        yield Right(method, API + template, role)


def _orders(*lines: tuple[str, str], role: Role = Role.OPERATOR, named_by: str | None = "by") -> Iterator[Right]:
    for template, act in lines:
        yield Right("POST", API + template, role, act, named_by)


def _pages(*templates: str, role: Role | None = Role.VIEWER) -> Iterator[Right]:
    for template in templates:
        yield Right("GET", template, role, is_page=role is not None)


def _forms(*templates: str, role: Role | None = Role.VIEWER, needs_session: bool = False) -> Iterator[Right]:
    for template in templates:
        yield Right("POST", template, role, is_form=True, needs_session=needs_session)


def _people() -> Iterator[Right]:
    """Yield the rights on people, sessions, tokens and the log. Their routes write the log themselves."""
    yield from _questions("/me", "/me/sessions", "/me/tokens", "/audit-log", "/audit-log/check")
    for template in ("/me/password", "/me/tokens", "/me/language"):
        yield Right("POST", API + template, Role.VIEWER, needs_session=True)
    for template in ("/me/sessions/{}", "/me/tokens/{}"):
        yield Right("DELETE", API + template, Role.VIEWER, needs_session=True)
    yield from _questions("/sign-in", "/set-up", method="POST", role=None)
    yield from _questions("/sign-out", method="POST")
    yield from _questions("/people", "/people/{}/sessions", "/people/{}/tokens", role=Role.ADMIN)
    for template in ("/people", "/people/{}/role", "/people/{}/password", "/people/{}/unlock", "/people/{}/tokens"):
        yield Right("POST", API + template, Role.ADMIN, needs_session=True)
    for template in ("/people/{}", "/people/{}/sessions/{}", "/people/{}/tokens/{}"):
        yield Right("DELETE", API + template, Role.ADMIN, needs_session=True)


RIGHTS: tuple[Right, ...] = (
    # Open: whether the service lives, what a page is drawn with, and the way in.
    Right("GET", "/health", None),
    Right("GET", "/proof", None),
    *_pages("/static/{...}", SIGN_IN_PAGE, SET_UP_PAGE, role=None),
    *_forms(SIGN_IN_PAGE, SET_UP_PAGE, role=None),
    # The pages.
    *_pages("/", "/rack", "/runs", "/runs/{...}", "/compare", "/recipes", "/recipes/{...}", "/cells", "/cells/{...}"),
    *_pages("/launch", "/launch/{...}", "/log", "/me", "/docs"),
    *_pages("/people", role=Role.ADMIN),
    *_forms("/act/sign-out"),
    *_forms("/act/me/{...}", needs_session=True),
    *_forms("/act/people/{...}", "/act/people", role=Role.ADMIN, needs_session=True),
    *_forms("/act/{...}", role=Role.OPERATOR),
    # Questions.
    *_questions("/openapi.json", "/instruments", "/channels", "/channels/{}", "/status", "/preflight", "/notices"),
    *_questions("/runs", "/runs/{}", "/runs/{}/origin", "/runs/{}/samples", "/runs/{}/steps", "/runs/{}/cycles"),
    *_questions("/runs/{}/spectra", "/runs/{}/measurements", "/runs/{}/events", "/runs/{}/deviations"),
    *_questions("/runs/{}/series", "/rack", "/events", "/deviations", "/live", "/live/schema", "/recipes", "/cells"),
    *_questions("/mqtt/schemas", "/mqtt/schemas/{}", "/picture", "/runs/{}/file", "/runs/{}/file/progress"),
    *_questions("/runs/{}/notes"),
    *_questions("/recipes/{}", "/recipes/{}/versions", "/recipes/{}/compare"),
    *_questions("/cells/{}", "/cells/{}/versions", "/cells/{}/compare"),
    *_questions("/preflight", "/recipes/opened", "/runs/check", "/runs/batch/check", method="POST"),
    *_questions("/recipes/check", "/cells/check", method="POST"),
    # Orders.
    *_orders(("/runs", "start"), ("/runs/{}/stop", "stop"), ("/runs/{}/hold", "hold"), ("/runs/{}/resume", "resume")),
    *_orders(("/runs/{}/mounted", "mounted"), ("/runs/{}/acknowledge", "acknowledge"), ("/rack/stop", "rack_stop")),
    *_orders(("/channels/{}/stop", "channel_stop"), ("/channels/{}/empty", "empty")),
    *_orders(("/needs/{}/put-off", "put_off"), ("/notices/acknowledge", "notices"), ("/channels/{}/lamp", "lamp")),
    *_orders(("/runs/batch", "start_several"), ("/runs/{}/notes", "note")),
    *_orders(("/recipes/{}", "save_recipe"), ("/cells/{}", "save_cell")),
    *_orders(("/channels/{}/claim", "claim"), named_by="owner"),
    Right("DELETE", f"{API}/channels/{{}}/claim", Role.OPERATOR, "release", "owner"),
    *_people(),
)


class NotListed(Exception):
    """No line of the table has this address; ``methods`` are those under which it is listed."""

    def __init__(self, methods: frozenset[str]) -> None:
        super().__init__("not in the table of rights")
        self.methods = methods


def right_of(method: str, path: str) -> Right:
    """Return the line of the table for a request; a HEAD is a GET. Raises NotListed."""
    method = "GET" if method == "HEAD" else method
    found = [*_PLAIN.get(path, ()), *(right for right, pattern in _PATTERNS if pattern.fullmatch(path))]
    for right in found:
        if right.method == method:
            return right
    raise NotListed(frozenset(right.method for right in found))


def least_role(method: str, path: str) -> Role | None:
    """Return the least role that may make a request, None for everybody. Raises NotListed."""
    return right_of(method, path).role


@cache
def pattern_of(template: str) -> re.Pattern[str]:
    """Return the pattern of the paths that a template stands for."""
    parts = re.split(r"(\{\.\.\.\}|\{\})", template)
    kinds = {"{}": "([^/]+)", "{...}": "(.+)"}
    return re.compile("".join(kinds.get(part) or re.escape(part) for part in parts))


# Most requests are for an address without parts, and there are a hundred lines.
_PLAIN = {right.template: tuple(it for it in RIGHTS if it.template == right.template) for right in RIGHTS}
_PATTERNS = tuple((right, pattern_of(right.template)) for right in RIGHTS if "{" in right.template)
