"""Role x route x method x origin, from the application's own routes: what is not listed is refused.

What is expected stands in docs/people.md, one line a route, and not in the code: who changes a right changes that page.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import ANY
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI

from orchestrator.api.access import FORM, JSON, PERSON, Guard, Message, Receive, Scope, Send
from orchestrator.api.app import build_routes
from orchestrator.api.live_stream import LiveClients
from orchestrator.api.refusals import REFUSALS_PATH
from orchestrator.api.report_path import NOTICE_REPORTS_PATH
from orchestrator.events import Bus
from orchestrator.people.people import From, People
from orchestrator.people.person import How, Role
from orchestrator.people.rights import RIGHTS, NotListed, least_role, right_of
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from orchestrator.web.app import SignIn, WebApp
from orchestrator.web.control_link import ControlLink
from orchestrator.web.door import PeopleDoor
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.reading import Reading
from tests.api_client import TOKEN
from tests.people_rig import COOKIE, NAMES, ORIGIN, PASSWORD, open_people

PAGE = Path(__file__).resolve().parent.parent / "docs" / "people.md"
# What web and the notices tell control; web passes neither on.
_BETWEEN_PROCESSES = {REFUSALS_PATH, NOTICE_REPORTS_PATH}
_SAFE = {"GET", "HEAD"}
_FORMS = {"/sign-in", "/set-up"}
# Answered by the guard itself, or without looking who asks.
_OPEN = {"/health", "/proof"}
_ORIGINS = (ORIGIN, "http://127.0.0.1:9999", "https://evil.example", "null", None)


@dataclass(frozen=True)
class Route:
    """A route of an application, with a path that stands for all of its own."""

    method: str
    path: str


def routes_of(app: FastAPI) -> Iterator[Route]:
    """Give every route of an application, also of the routers that it includes, and those that no document lists."""
    for route in app.routes:
        included = getattr(route, "effective_route_contexts", None)
        found: list[Any] = list(included()) if included is not None else [route]
        for it in found:
            path = re.sub(r"\{[^}]*\}", "x", it.path)
            yield from (Route(method, path) for method in it.methods if path not in _BETWEEN_PROCESSES)


@contextmanager
def all_routes(folder: Path) -> Iterator[list[Route]]:
    """Give every route that control or web has."""
    path = folder / "routes.db"
    with open_store(path) as store, open_people(path) as people:
        found = set(routes_of(build_routes(Service(store, []), LiveClients(Bus()))))
        link = ControlLink(TOKEN)
        web = WebApp(link, LiveFan(link), Reading(path), sign_in=SignIn(people, COOKIE))
        for app in web.applications:
            found |= set(routes_of(app))
        yield sorted(found, key=lambda route: (route.path, route.method))


def documented() -> dict[tuple[str, str], str]:
    """Give the table of docs/people.md: the least role of each method and template."""
    rows = re.findall(r"^\| (GET|POST|DELETE) \| `([^`]+)` \| (\w+)", PAGE.read_text("utf-8"), re.MULTILINE)
    return {(method, template): role for method, template, role in rows}


async def test_every_route_is_listed_and_every_line_is_documented(tmp_path: Path) -> None:
    """A new route that nobody gave a right to, and a right that no page tells, fail here."""
    with all_routes(tmp_path) as routes:
        assert len(routes) > 60
        unlisted = [route for route in routes if not _is_listed(route.method, route.path)]
    assert unlisted == []
    told = {(right.method, right.template): right.role.value if right.role else "everybody" for right in RIGHTS}
    assert documented() == told


def _is_listed(method: str, path: str) -> bool:
    try:
        right_of(method, path)
    except NotListed:
        return False
    return True


@dataclass(frozen=True)
class Reply:
    """An answer, and whether the application was reached."""

    status: int
    headers: dict[str, str]
    reached: bool


class Asked:
    """The guard with people before an application that only says that it was reached."""

    def __init__(self, people: People) -> None:
        self.people = people
        self._reached = False
        self.guard = Guard(self._application, TOKEN, frozenset({"127.0.0.1"}), door=PeopleDoor(people, COOKIE))

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert PERSON in scope
        self._reached = True
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str] = MappingProxyType({}), form: str | None = None
    ) -> Reply:
        """Ask with headers, and a body: a form, or JSON of an order."""
        self._reached = False
        body, kind = (b"{}", JSON) if form is None else (urlencode({"csrf": form}).encode(), FORM)
        body = b"" if method in _SAFE else body
        told = {"host": "127.0.0.1", "content-type": kind, "content-length": str(len(body)), **headers}
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
        scope: Scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": pairs,
                        "client": ("127.0.0.1", 1)}  # fmt: skip
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.guard(scope, receive, send)
        given = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], given, self._reached)


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asked]:
    """Give the guard with people of each role."""
    with open_people(tmp_path / "people.db") as people:
        yield Asked(people)


async def credentials(people: People) -> dict[tuple[How | None, Role | None], tuple[dict[str, str], str]]:
    """Give the headers and the form token of everybody who may ask: nobody, this machine, each role in each way."""
    found: dict[tuple[How | None, Role | None], tuple[dict[str, str], str]] = {(None, None): ({"x-cellrig": "1"}, "")}
    found[How.MACHINE, Role.OPERATOR] = ({"authorization": f"Bearer {TOKEN}"}, "")
    for role, name in NAMES.items():
        token = people.tokens.make(name, "matrix", role, 1.0)
        found[How.TOKEN, role] = ({"authorization": f"Bearer {token.text}"}, "")
        session = await people.sign_in(name, PASSWORD, From("127.0.0.1"))
        cookie = {"cookie": f"{COOKIE.name}={session.text}", "x-cellrig": "1"}
        found[How.SESSION, role] = (cookie, people.csrf_token(session.name))
    return found


def allowed(line: str, method: str, path: str, how: How | None, role: Role | None, origin: str | None) -> bool:
    """Say whether a request must get through, by the words of docs/people.md alone."""
    if origin not in {ORIGIN, "http://127.0.0.1:9999", None}:
        return False
    if line != "everybody" and (role is None or not role.covers(Role(line))):
        return False
    if method in _SAFE:
        return True
    is_form = path.startswith("/act/") or path in _FORMS
    if is_form and how in {How.TOKEN, How.MACHINE}:
        return False
    if how in {How.TOKEN, How.MACHINE}:
        people = "/api/v1/people", "/api/v1/me"
        return not path.startswith(people)
    return origin == ORIGIN


async def test_matrix_of_roles_routes_methods_and_origins(ask: Asked) -> None:
    """Each of the rows of the table, asked by everybody from everywhere, is let through or refused as it says."""
    wrong: list[object] = []
    asked, table = 0, documented()
    for (how, role), (headers, csrf) in (await credentials(ask.people)).items():
        for (method, template), line in table.items():
            path = template.replace("{...}", "x").replace("{}", "x")
            form = csrf if path.startswith("/act/") or path in _FORMS else None
            for origin in _ORIGINS:
                reply = await ask(method, path, headers if origin is None else {**headers, "origin": origin}, form)
                # Of virtual time: nobody asks too fast here.
                await asyncio.sleep(0.05)
                asked += 1
                must = allowed(line, method, path, how, role, origin)
                if template not in _OPEN and reply.reached != must:
                    wrong.append((method, path, how, role, origin, reply))
    assert asked > 3000
    assert wrong == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "DELETE", "PROPFIND"])
async def test_no_other_method_gets_through(method: str, ask: Asked) -> None:
    """A method that is not listed for a path is refused for an admin too: 401 for nobody, 405 for others."""
    admin = (await credentials(ask.people))[How.SESSION, Role.ADMIN][0]
    for path in ("/api/v1/runs", "/rack", "/api/v1/rack/stop", "/sign-in"):
        assert await ask(method, path) == Reply(401, ANY, False)
        reply = await ask(method, path, {**admin, "origin": ORIGIN})
        assert (reply.status, reply.reached) == (405, False)
        assert reply.headers["allow"]


async def test_address_that_is_not_listed_is_refused_for_everybody(ask: Asked) -> None:
    """Where nothing is, an admin is told 404, and nobody is told whether anything is."""
    paths = ("/api/v1/secret", "/api/v1/runs/R1/erase", REFUSALS_PATH, "/x", "/static", "/rack/", "//rack", "/RACK")
    for (how, _), (headers, _) in (await credentials(ask.people)).items():
        for path in paths:
            assert await ask("GET", path, headers) == Reply(401 if how is None else 404, ANY, False)
    with pytest.raises(NotListed):
        least_role("GET", "/api/v1/secret")


async def test_sockets_and_foreign_names_are_refused(ask: Asked) -> None:
    """No socket is opened, signed in or not, and no other host name is answered, signed in or not."""
    for headers, _ in (await credentials(ask.people)).values():
        for host in ("evil.example", "127.0.0.1.evil.example", "", "127.0.0.1@evil.example"):
            assert await ask("GET", "/rack", {**headers, "host": host}) == Reply(400, ANY, False)
        sent: list[Message] = []

        async def send(message: Message, sent: list[Message] = sent) -> None:
            sent.append(message)

        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await ask.guard({"type": "websocket", "path": "/api/v1/live", "headers": pairs}, _nothing, send)
        assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_order_of_a_session_needs_what_only_its_own_pages_have(ask: Asked) -> None:
    """Without the header of scripts, or with the form token of another session, the cookie alone orders nothing."""
    everybody = await credentials(ask.people)
    headers, csrf = everybody[How.SESSION, Role.OPERATOR]
    cookie = {"cookie": headers["cookie"], "origin": ORIGIN}
    assert (await ask("POST", "/api/v1/rack/stop", cookie)).status == 403
    for token in ("", "x", "\u00e9", everybody[How.SESSION, Role.ADMIN][1]):
        assert await ask("POST", "/act/stop", cookie, token) == Reply(403, ANY, False)
    twice = {"cookie": f"{headers['cookie']}; {headers['cookie']}"}
    assert (await ask("GET", "/api/v1/me", twice)).status == 401
    assert (await ask("POST", "/act/stop", cookie, csrf)).reached
    assert (await ask("POST", "/act/stop", cookie)).status == 415
    assert (await ask("POST", "/api/v1/rack/stop", {**headers, "origin": ORIGIN}, csrf)).status == 415


async def test_page_without_a_session_leads_to_the_sign_in_and_back(ask: Asked) -> None:
    """A page leads there with its own address, a form with that of the rack; a route of the API answers 401."""
    reply = await ask("GET", "/runs/R000007")
    assert (reply.status, reply.headers["location"]) == (303, "/sign-in?next=/runs/R000007")
    assert (await ask("GET", "/api/v1/runs")).status == 401
    reply = await ask("POST", "/act/stop", {"origin": ORIGIN}, "")
    assert (reply.status, reply.headers["location"]) == (303, "/sign-in?next=/")


async def _nothing() -> Message:
    return await asyncio.Event().wait()  # type: ignore[return-value] # it never returns
