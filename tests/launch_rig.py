"""The pages of a start over a service on a rig: in virtual time for requests, in real time for a browser."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import uvicorn
from playwright.sync_api import Browser, BrowserContext

from orchestrator.dashboard.app import new_pages
from orchestrator.people.person import Role
from orchestrator.web.loopback_client import Answer, Headers
from tests.api_client import Client
from tests.people_rig import NAMES, PASSWORD, PeopleRig, open_people_rig

FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass
class DirectLink:
    """Asks the API of a service in this process, as the web process asks control; ``asked`` are the orders."""

    http: httpx.AsyncClient
    asked: list[tuple[str, str]]

    async def ask(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> Answer:
        """Return the answer to a request."""
        self.asked.append((method, target))
        told = {name.decode(): value.decode() for name, value in headers}
        reply = await self.http.request(method, target, content=body, headers=told)
        return Answer(reply.status_code, (), reply.content)


@dataclass
class Pages:
    """The pages of a service: a client without scripts."""

    http: httpx.AsyncClient
    client: Client

    async def get(self, path: str, status: int = 200) -> str:
        """Read a page, and assert the status."""
        reply = await self.http.get(path)
        assert reply.status_code == status, reply.text[:2000]
        return reply.text

    async def post(self, path: str, form: dict[str, str], status: int = 303) -> str:
        """Send a form, and assert the status; give where it leads, or the page."""
        reply = await self.http.post(path, data=form)
        assert reply.status_code == status, reply.text[:2000]
        return str(reply.headers["location"]) if status == 303 else reply.text


@asynccontextmanager
async def pages_of(client: Client) -> AsyncIterator[Pages]:
    """Open the pages over a service."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(_app(client)), base_url="http://127.0.0.1") as http:
        yield Pages(http, client)


def _app(client: Client) -> Any:  # noqa: ANN401 - an application
    app = new_pages()
    app.state.stored = lambda: client.service.store
    app.state.control = DirectLink(client.http, [])
    return app


@dataclass
class ServedPages:
    """The whole web process at an address of this machine, for a browser; it is in a thread of its own."""

    url: str
    rig: PeopleRig
    loop: asyncio.AbstractEventLoop

    def runs(self) -> list[tuple[str, str]]:
        """Give the channel and the name of the cell of each run."""

        async def told() -> list[tuple[str, str]]:
            return [(run.request.channel, run.request.label) for run in self.rig.web.service.runs]

        return asyncio.run_coroutine_threadsafe(told(), self.loop).result(20)

    def order(self, path: str, body: object, status: int = 201) -> Any:  # noqa: ANN401 - JSON
        """Give an order with the token of this machine."""
        return asyncio.run_coroutine_threadsafe(self.rig.web.post(path, body, status), self.loop).result(20)

    def window(self, browser: Browser, **how: Any) -> BrowserContext:  # noqa: ANN401 - what playwright takes
        """Open a window of an operator who has signed in."""
        context = browser.new_context(**{"locale": "en-GB", **how})
        body = {"name": NAMES[Role.OPERATOR], "password": PASSWORD}
        reply = context.request.post(
            f"{self.url}/api/v1/sign-in", data=body, headers={"origin": self.url, "x-cellrig": "1"}
        )
        assert reply.status == 200, reply.text()
        return context


@contextmanager
def served_pages(folder: Path) -> Iterator[ServedPages]:
    """Serve web and control, with people, in real time until the block is left."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), list[ServedPages]()
    is_over = asyncio.Event()

    async def main() -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            async with open_people_rig(folder) as rig:
                app = cast("Any", rig.transport).app
                server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
                task = asyncio.create_task(server.serve(sockets=[listening]))
                found.append(ServedPages(f"http://127.0.0.1:{listening.getsockname()[1]}", rig, loop))
                ready.set()
                await is_over.wait()
                server.should_exit = server.force_exit = True
                await task

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join(20)
        loop.close()


def hidden(html: str, name: str) -> str:
    """Give the value of a hidden field of a page."""
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', html)
    return found[1] if found else ""
