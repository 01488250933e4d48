"""The door of a service on a real loopback socket: the HTTP server, the guard, and a small application behind them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orchestrator.api.access import CONNECTION, Guard, Receive, Scope, Send
from orchestrator.api.address import listen
from orchestrator.api.http_server import http_server
from orchestrator.api.places import Bounds, Places
from orchestrator.bench.service_settings import ServiceSettings
from tests.api_client import TOKEN

LONG_ANSWER = 4 * 2**20


@dataclass
class Application:
    """Answers questions with four megabytes, stops at once; slow questions and other commands when it is told to.

    ``answer`` is what a stop is answered with.
    """

    answer: bytes = b"{}"
    carried_out: list[str] = field(default_factory=list)
    # For each of them, whether the system would hold a short part of the answer back until the one before has arrived.
    held_back: list[bool] = field(default_factory=list)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that was let through."""
        await receive()
        self.carried_out.append(scope["path"])
        link = scope[CONNECTION].transport.get_extra_info("socket")
        self.held_back.append(not link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        if scope["path"].endswith(("/slow", "/runs")):
            await self.may_go_on.wait()
        body = b"x" * LONG_ANSWER if scope["method"] == "GET" else self.answer
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@dataclass
class Door:
    """An open door, and the clients that stand before it."""

    port: int
    app: Application
    places: Places
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, sent: bytes = b"") -> asyncio.StreamReader:
        """Open a connection that reads little ahead, send some bytes, and give what comes back."""
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.setblocking(False)
        await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=link, limit=4096)
        self.writers.append(writer)
        writer.write(sent)
        return reader

    async def ask(self, method: str, path: str, body: object = None) -> asyncio.StreamReader:
        """Send a request as the operator on a connection of its own."""
        return await self.connect(request(method, path, body))

    async def status_of(self, reply: asyncio.StreamReader) -> int:
        """Read the status of an answer; 0 when the connection was closed instead, or nothing came for minutes."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(300):
                return int((await reply.readline() or b"- 0").split()[1])
        return 0

    async def is_closed(self, reply: asyncio.StreamReader) -> bool:
        """Tell whether a connection is closed by now."""
        try:
            async with asyncio.timeout(0.01):
                return await reply.read(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True


def request(method: str, path: str, body: object = None) -> bytes:
    """Give the bytes of an operator's request."""
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n" if text else ""
    return f"{head}{kind}\r\n".encode() + text


@asynccontextmanager
async def open_door(bounds: Bounds) -> AsyncIterator[Door]:
    """Open a door with these bounds; all its clients are gone afterwards."""
    app, places = Application(), Places(bounds)
    settings = ServiceSettings(port=0)
    with contextlib.closing(listen(settings)) as listening:
        server = http_server(Guard(app, TOKEN, places=places), settings)
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        door = Door(listening.getsockname()[1], app, places)
        try:
            yield door
        finally:
            app.may_go_on.set()
            for writer in door.writers:
                writer.transport.abort()
            await asyncio.sleep(1)
            server.should_exit = True
            await serving
