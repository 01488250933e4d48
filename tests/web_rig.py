"""Web before control, both in this process, and a client of each."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from orchestrator.api.access import Guard, Message
from orchestrator.api.app import create_app
from orchestrator.api.live_stream import LiveClients
from orchestrator.api.places import Places
from orchestrator.api.recording import Recorder
from orchestrator.api.refusals import Refusals
from orchestrator.rack.service import Service
from orchestrator.store import Store, open_store
from orchestrator.web.app import SignIn, WebApp, guarded
from orchestrator.web.control_link import ControlLink
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.loopback_client import Answer, Broken, Exchange, Headers
from orchestrator.web.rack_feed import RackFeed
from orchestrator.web.rack_stream import RackStream
from orchestrator.web.reading import Reading
from orchestrator.web.trace import TraceToControl
from tests.api_client import TOKEN, answered
from tests.rig import Rig, open_rig

_URL = "http://127.0.0.1"


@dataclass
class WebRig:
    """Web, the control behind it, and the store that both have open."""

    rig: Rig
    store: Store
    service: Service
    link: ControlLink
    fan: LiveFan
    feed: RackFeed
    reading: Reading
    # A stream of its own, and that of the address.
    stream: RackStream
    served: RackStream
    # Of both addresses, each with the token.
    web: httpx.AsyncClient
    control: httpx.AsyncClient
    # How often web has asked control, by path.
    asked: Counter[str] = field(default_factory=Counter)
    open: set[InProcess] = field(default_factory=set)
    # Set unless control hangs.
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(self, path: str, status: int = 200) -> Any:  # noqa: ANN401 - JSON
        """Read through web, and assert the status."""
        return await answered(self.web, "GET", path, status)

    async def post(self, path: str, body: object, status: int = 200) -> Any:  # noqa: ANN401 - JSON
        """Order through web, and assert the status."""
        return await answered(self.web, "POST", path, status, body)

    def lose_control(self) -> None:
        """Let web hear that control is gone, which breaks what is open."""
        self.link.url = None
        for exchange in self.open:
            exchange.break_off()

    def hang_control(self, *, hangs: bool = True) -> None:
        """Let control say nothing more over any connection, and take new ones, as under SIGSTOP; or go on."""
        if hangs:
            self.answers.clear()
        else:
            self.answers.set()

    def bring_control_back(self) -> None:
        """Let web hear where control answers."""
        self.link.url = _URL


@asynccontextmanager
async def open_web_rig(path: Path, sign_in: SignIn | None = None) -> AsyncIterator[WebRig]:
    """Run a service with web before it on a rig of eight channels; people may sign in if something is given for it."""
    async with open_rig(poll_period_s=60.0) as rig:
        with open_store(path) as store, contextlib.closing(Reading(path)) as reading:
            service = Service(store, [rig.tester])
            asked: Counter[str] = Counter()
            exchanges: set[InProcess] = set()
            answers = asyncio.Event()
            answers.set()
            recorder = Recorder(sign_in.people.log) if sign_in is not None else None
            app = create_app(service, LiveClients(service.bus), TOKEN, recorder=recorder)

            @asynccontextmanager
            async def connect(host: str, port: int) -> AsyncIterator[Exchange]:
                exchange = InProcess(app, asked, answers)
                exchanges.add(exchange)
                try:
                    yield exchange
                finally:
                    exchanges.discard(exchange)
                    await exchange.close()

            link = ControlLink(TOKEN, _URL, connect)
            fan, trace, feed = LiveFan(link), TraceToControl(link), RackFeed(link, reading)
            tasks = [asyncio.ensure_future(it) for it in (service.run(), fan.run(), trace.run(), feed.run())]
            app_of_web = WebApp(link, fan, reading, feed, sign_in)
            hosts = frozenset({"127.0.0.1"})
            web = guarded(app_of_web, TOKEN, hosts, Refusals(trace), Places(), sign_in)
            headers = {"authorization": f"Bearer {TOKEN}"}
            async with (
                httpx.AsyncClient(transport=_to(web), base_url=_URL, headers=headers) as of_web,
                httpx.AsyncClient(transport=_to(app), base_url=_URL, headers=headers) as of_control,
            ):
                await asyncio.sleep(1)
                yield WebRig(
                    rig,
                    store,
                    service,
                    link,
                    fan,
                    feed,
                    reading,
                    RackStream(feed),
                    app_of_web.rack_stream,
                    of_web,
                    of_control,
                    asked,
                    exchanges,
                    answers,
                )
            await app_of_web.aclose()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


class InProcess:
    """A connection to an application of this process, which is heard while ``answers`` is set; at once without it."""

    def __init__(self, app: Guard, asked: Counter[str], answers: asyncio.Event | None = None) -> None:
        self._app, self._asked, self._answers = app, asked, answers
        self._told: asyncio.Queue[Message | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def send(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> None:
        """Give the application a request."""
        path, _, query = target.partition("?")
        self._asked[path] += 1
        length = [(b"content-length", b"%d" % len(body))] if body else []
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
                 "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "scheme": "http",
                 "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1),
                 "headers": [(b"host", b"127.0.0.1"), *headers, *length]}  # fmt: skip
        pieces: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if not pieces:
                await asyncio.Event().wait()
            return pieces.pop()

        self._task = asyncio.ensure_future(_answering(self._app(scope, receive, self._told.put)))

    async def close(self) -> None:
        """Close the connection: what is being answered is not answered any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def break_off(self) -> None:
        """Let the connection break."""
        self._told.put_nowait(None)

    async def _next(self) -> Message:
        told = await self._told.get()
        if self._answers is not None:
            await self._answers.wait()
        if told is None:
            raise Broken("the connection ended before it was over")
        return told

    async def head(self) -> Answer:
        """Return the head of the answer."""
        start = await self._next()
        return Answer(start["status"], tuple(start["headers"]), b"")

    async def data(self) -> AsyncIterator[bytes]:
        """Yield the body of the answer."""
        while True:
            piece = await self._next()
            yield piece.get("body", b"")
            if not piece.get("more_body", False):
                return

    async def answer(self) -> Answer:
        """Return the whole answer."""
        head = await self.head()
        return Answer(head.status, head.headers, b"".join([data async for data in self.data()]))


async def _answering(answer: Awaitable[None]) -> None:
    await answer


def _to(app: Guard) -> httpx.ASGITransport:
    return httpx.ASGITransport(app)
