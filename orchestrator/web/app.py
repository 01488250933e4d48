"""The application of the web process: stored pages are read here, everything else is asked of control."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response

from orchestrator.api import (
    browser,
    live_routes,
    notice_routes,
    origins,
    picture_routes,
    schema_routes,
    series,
    stored_routes,
    trace_routes,
    version_routes,
)
from orchestrator.api.access import BODY, PASS_ON, Guard, Message, Receive, Scope, Send, target_of
from orchestrator.api.application import Statuses, answer, new_application
from orchestrator.api.live_stream import TooManyClients
from orchestrator.api.makers import CannotMake, Makers, NothingThere
from orchestrator.api.places import Places
from orchestrator.api.query_keys import only_known_keys
from orchestrator.api.recording import OrderRefused
from orchestrator.api.refusals import Refusals
from orchestrator.api.run_traces import RunTraces
from orchestrator.api.signed_in import Cookie
from orchestrator.dashboard.app import Errors, new_pages
from orchestrator.dashboard.assets import Assets
from orchestrator.people.errors import (
    FileUnusable,
    NoSuchPerson,
    NotAllowed,
    NotRecognised,
    TooManyAttempts,
    WrongInput,
)
from orchestrator.people.people import People
from orchestrator.rack.claims import NoSuchThing
from orchestrator.store import RunArchived, StoreError
from orchestrator.web import people_routes, person_routes
from orchestrator.web.control_link import ControlLink, ControlSilent
from orchestrator.web.door import PeopleDoor
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.loopback_client import Answer
from orchestrator.web.orders import Orders
from orchestrator.web.rack_feed import RackFeed
from orchestrator.web.rack_stream import RackStream, as_json
from orchestrator.web.reading import KeptAnswers, Reading
from orchestrator.web.safe_guard import SafeGuard
from orchestrator.web.snapshots import Snapshots

HEALTH = "/health"
_STATUS: Statuses = (
    (NoSuchThing, 404),
    (NothingThere, 422),
    (RunArchived, 409),
    (StoreError, 503),
    (CannotMake, 503),
    (TooManyClients, 503),
    (ControlSilent, 503),
    (NotRecognised, 401),
    (NoSuchPerson, 404),
    (NotAllowed, 409),
    (WrongInput, 422),
    (TooManyAttempts, 429),
    (FileUnusable, 503),
)
# What only the living control knows.
_LIVE_STATE = tuple(f"{browser.API}/{name}" for name in ("channels", "instruments", "status", "preflight", "rack"))
# They begin as what is control's, and are of the store.
_TRACES = f"{browser.API}/channels/traces"
_RACK = f"{browser.API}/rack"
# What changes while nothing is committed to the store.
_NOT_OF_THE_STORE = (_TRACES, f"{browser.API}/live", notice_routes.NOTICES_PATH)
_FILES = ("/file", "/file/progress")
_STATUS_PATH = f"{browser.API}/status"
# What is about people; no answer to it is kept for another one.
_OF_PEOPLE = frozenset({"me", "people", "audit-log", "sign-in", "sign-out", "set-up"})
_QUESTIONS = frozenset({"GET", "HEAD"})
# Of a request and of an answer: all else is of one connection, or of the door's.
_ASKED_WITH = frozenset({b"content-type", b"idempotency-key"})
_ANSWERED_WITH = frozenset({
    b"content-type", b"content-disposition", b"cache-control", b"allow", b"retry-after", b"etag",
    *(name.encode() for name in browser.HEADERS),
})  # fmt: skip

# What a page says of an error: its status, and the code of its sentence.
_SHOWN: Errors = (
    (NoSuchThing, 404, "error.reason"),
    (NothingThere, 404, "error.reason"),
    (CannotMake, 503, "error.reason"),
    (StoreError, 503, "error.store"),
    (ControlSilent, 503, "error.silent"),
    (OrderRefused, 403, "order.refused"),
    (FileUnusable, 503, "error.people"),
)

_App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SignIn:
    """What people sign in with: their file, and the cookie of their sessions."""

    people: People
    cookie: Cookie


class WebApp:
    """Answers what the store answers, and asks control for the rest."""

    def __init__(
        self,
        link: ControlLink,
        fan: LiveFan,
        reading: Reading,
        feed: RackFeed | None = None,
        sign_in: SignIn | None = None,
        unusable: str = "",
    ) -> None:
        """Take who signs in, None for nobody, and why nobody can (``unusable``): orders are then refused."""
        self._link = link
        self._people = sign_in.people if sign_in is not None else None
        self._orders = Orders(link, self._people, unusable)
        self._unusable = unusable
        self._reading = reading
        self._kept = KeptAnswers()
        self._state = Snapshots(link)
        fan.lost = self._state.spoil
        # The document of the API is the same for the whole life of a control; it is long, and dear to make.
        self._documents = Snapshots(link, max_age_s=float("inf"))
        self._documents_of = link.url
        self._makers = Makers(reading.path)
        rack = feed or RackFeed(link, reading)
        self.rack, self.rack_stream = rack, RackStream(rack, self._greeting)
        self._stored = _stored_pages(fan, reading, self._state, rack, self.rack_stream)
        # What a browser shows.
        self.pages = new_pages(_SHOWN)
        for state in (self._stored.state, self.pages.state):
            state.stored, state.control, state.orders, state.rack = reading, link, self._orders, rack
            state.people, state.cookie = self._people, sign_in.cookie if sign_in is not None else None
            state.makers, state.silent = self._makers, ControlSilent
        self.pages.state.traces = self._stored.state.traces
        if sign_in is not None:
            for router in (people_routes.router, person_routes.router):
                self._stored.include_router(router, prefix=browser.API, dependencies=[Depends(only_known_keys)])

    @property
    def applications(self) -> tuple[FastAPI, ...]:
        """The applications that answer here, for lists of all routes."""
        return self._stored, self.pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that the guard has let through."""
        method, path = scope["method"], scope["path"]
        try:
            if browser.is_page(path):
                await self.pages(scope, receive, send)
            elif self._people is not None and _is_of_people(path):
                await self._stored(scope, receive, send)
            elif method not in _QUESTIONS or (method == "HEAD" and _is_of_control(path)):
                await _give(send, await self._ordered(scope))
            elif path in browser.PATHS:
                await _give(send, await self._document(scope))
            elif _is_of_control(path):
                await self._of_control(scope, send)
            elif method == "GET" and path.startswith(browser.API) and not _is_never_kept(path):
                await self._page(scope, receive, send)
            else:
                await self._stored(scope, receive, send)
        except ControlSilent as err:
            await answer(503, str(err))(scope, receive, send)
        except OrderRefused as err:
            await answer(err.status, str(err))(scope, receive, send)

    def _with_troubles(self, path: str, said: Answer) -> Answer:
        """Say in the status of the rack that the audit log takes nothing."""
        log = self._people.log if self._people is not None else None
        trouble, doubt = (log.trouble, log.doubt) if log is not None else (self._unusable, "")
        if path != _STATUS_PATH or not (trouble or doubt) or said.status != 200:
            return said
        status = json.loads(said.body)
        if trouble:
            status["troubles"].append(f"who orders what cannot be written down, so that only stops go: {trouble}")
        if doubt:
            status["troubles"].append(doubt)
        return Answer(said.status, said.headers, json.dumps(status).encode())

    def _greeting(self) -> dict[str, object]:
        """Return what a browser is told of the pages when its stream begins."""
        return {"page": Assets.load().version, "zone": self.pages.state.rig.lab_zone}

    async def aclose(self) -> None:
        """End the processes that make pictures and files."""
        await self._makers.close()

    async def _ordered(self, scope: Scope) -> Answer:
        """Hand an order to control, with the name in it of who gave it."""
        headers = [(name, value) for name, value in scope["headers"] if name in _ASKED_WITH]
        try:
            return await self._orders.give(scope, scope["method"], target_of(scope), headers, scope.get(BODY, b""))
        finally:
            self._state.spoil()

    async def _of_control(self, scope: Scope, send: Send) -> None:
        """Give control's answer; of the rack, what it told last where it is silent. Raises ControlSilent."""
        try:
            told = await self._state.get(target_of(scope), scope[PASS_ON])
        except ControlSilent:
            if scope["path"] != _RACK:
                raise
            latest = {**self.rack.latest, "seen": self.rack.seen, "needs_rev": self.rack.needs_rev}
            told = Answer(200, ((b"content-type", b"application/json"),), as_json(latest))
        await _give(send, self._with_troubles(scope["path"], told))

    async def _document(self, scope: Scope) -> Answer:
        if self._documents_of != self._link.url:
            self._documents.spoil()
            self._documents_of = self._link.url
        return await self._documents.get(target_of(scope), scope[PASS_ON])

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer out of the store; the same question with nothing committed since has the same answer."""
        target = target_of(scope)
        try:
            version = self._reading.version()
        except StoreError as err:
            await answer(503, str(err))(scope, receive, send)
            return
        if (kept := self._kept.get(target, version)) is not None:
            await _give(send, _unless_known(scope, kept))
            return
        pieces: list[Message] = []

        async def sending(message: Message) -> None:
            pieces.append(message)
            await send(message)

        await self._stored(scope, receive, sending)
        if pieces and pieces[0]["status"] == 200:
            body = b"".join(piece.get("body", b"") for piece in pieces[1:])
            self._kept.keep(target, version, Answer(200, tuple(pieces[0]["headers"]), body))


def guarded(
    app: WebApp, token: str, hosts: frozenset[str], refusals: Refusals, places: Places, sign_in: SignIn | None = None
) -> Guard:
    """Put the guard of a service around the application."""
    door = PeopleDoor(sign_in.people, sign_in.cookie) if sign_in is not None else None
    return SafeGuard(app, token, hosts, refusals.note_log_in, places, door)


def _stored_pages(fan: LiveFan, reading: Reading, state: Snapshots, feed: RackFeed, stream: RackStream) -> FastAPI:
    app = new_application(_STATUS, lambda request, sentence: None)
    app.state.live, app.state.now, app.state.stored = fan.clients, fan.now, reading
    app.state.columns, app.state.traces = series.RunColumns(), RunTraces()
    app.state.rack, app.state.rack_stream = feed, stream
    app.state.channel_traces = trace_routes.Traces()
    known = [Depends(only_known_keys)]

    async def health(request: Request) -> Response:
        """Pass on what control says of itself."""
        said = await state.get(HEALTH)
        return Response(said.body, said.status, media_type="application/json")

    app.get(HEALTH, dependencies=known)(health)
    reads = (trace_routes, stored_routes, series, picture_routes, live_routes, origins, schema_routes, notice_routes)
    for router in (module.router for module in (*reads, version_routes)):
        app.include_router(router, prefix=browser.API, dependencies=known)
    return app


def _is_of_people(path: str) -> bool:
    return path.startswith(f"{browser.API}/") and path.removeprefix(f"{browser.API}/").partition("/")[0] in _OF_PEOPLE


def _unless_known(scope: Scope, told: Answer) -> Answer:
    """Return an answer, or only its tag to who has it already (If-None-Match)."""
    known = dict(scope["headers"]).get(b"if-none-match")
    tag = dict(told.headers).get(b"etag")
    return told if tag is None or known != tag else Answer(304, ((b"etag", tag),), b"")


def _is_never_kept(path: str) -> bool:
    """Return whether an answer changes without a commit, or is a file, which is too long to be kept."""
    return path.startswith(_NOT_OF_THE_STORE) or path.endswith(_FILES)


def _is_of_control(path: str) -> bool:
    if path == _TRACES:
        return False
    return path in _LIVE_STATE or path.startswith(f"{_LIVE_STATE[0]}/")


async def _give(send: Send, told: Answer) -> None:
    headers: list[Any] = [(name, value) for name, value in told.headers if name in _ANSWERED_WITH]
    headers.append((b"content-length", b"%d" % len(told.body)))
    await send({"type": "http.response.start", "status": told.status, "headers": headers})
    await send({"type": "http.response.body", "body": told.body})
