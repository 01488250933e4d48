"""Checks every request before it reaches any route, stream or socket: a plain ASGI layer around the application.

It checks the host name (a page that was bound to this address by a false name server is refused), the token, the
origin, and that a body is JSON and short. Only ``/health`` is open.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from orchestrator.clock.scaled import in_loop_time

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATH = "/health"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
BODY_LIMIT = 256 * 1024
_BODY_TIMEOUT_S = 10.0
_DRAIN_TIMEOUT_S = 1.0
# Refusals that are stored: a wrong token, a page of another origin or name.
_TRACED = frozenset({400, 401, 403})
# Where a request's scope holds its body, for the trace of a refused order.
BODY = "cellrig.body"
_BODILESS = frozenset({"GET", "HEAD"})


class Refusal(Exception):
    """A refused request: HTTP status and sentence. ``body_is_read``: no byte of its body is left on the connection."""

    def __init__(self, status: int, sentence: str, *, body_is_read: bool = False) -> None:
        super().__init__(sentence)
        self.status = status
        self.body_is_read = body_is_read


class Guard:
    """Wraps an application and refuses requests that are not allowed."""

    def __init__(
        self,
        app: App,
        token: str,
        hosts: frozenset[str] = LOOPBACK_HOSTS,
        note: Callable[[str, str, str, str], None] = lambda method, path, who, sentence: None,
    ) -> None:
        self._note = note
        self._app = app
        self._token = token.encode()
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or refuse it with a sentence."""
        if scope["type"] == "websocket":
            # There is no such route; none may be added without a check here.
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            headers = _Headers(scope)
            self._check(scope, headers)
            if scope["method"] not in _BODILESS:
                receive, scope[BODY] = await _with_body(headers, receive)
            elif headers.only("content-length", 400) or headers.only("transfer-encoding", 400):
                await _drain(receive)
        except Refusal as err:
            if err.status in _TRACED:
                client = scope.get("client") or ("an unknown address",)
                self._note(scope["method"], scope["path"], str(client[0]), str(err))
            if not err.body_is_read:
                await _drain(receive)
            await _reply(send, err)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: _Headers) -> None:
        name = _without_port(headers.only("host", 400) or "").lower()
        if name not in self._hosts:
            raise Refusal(400, "this service does not answer under that host name; use 127.0.0.1")
        if scope["path"] == OPEN_PATH:
            return
        kind, _, given = (headers.only("authorization", 401) or "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1"), self._token):
            raise Refusal(401, "this needs the operator's token: Authorization: Bearer TOKEN")
        origin = headers.only("origin", 403)
        if origin is not None and _without_port(origin.partition("://")[2]).lower() not in self._hosts:
            raise Refusal(403, "pages of other origins may not use this service")


class _Headers:
    """A request's headers by name."""

    def __init__(self, scope: Scope) -> None:
        self._pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]

    def only(self, name: str, status: int) -> str | None:
        """Return a header's value. A header sent twice is refused: two readers might use different values."""
        values = [value for key, value in self._pairs if key == name]
        if len(values) > 1:
            raise Refusal(status, f"the header {name} was sent {len(values)} times")
        return values[0] if values else None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


async def _with_body(headers: _Headers, receive: Receive) -> tuple[Receive, bytes]:
    """Read the whole body, short and JSON, to pass it to the application in one piece."""
    too_long = Refusal(413, f"a body may have {BODY_LIMIT} bytes")
    announced = headers.only("content-length", 400) or "0"
    if not announced.isdecimal() or int(announced[:20]) > BODY_LIMIT:
        raise too_long
    body = b""
    try:
        async with asyncio.timeout(in_loop_time(_BODY_TIMEOUT_S)):
            while (message := await receive())["type"] == "http.request":
                body += message.get("body", b"")
                if len(body) > BODY_LIMIT:
                    raise too_long
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise Refusal(408, f"the body did not come within {_BODY_TIMEOUT_S:g} s", body_is_read=True) from None
    if body and (headers.only("content-type", 415) or "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "a body must be JSON: Content-Type: application/json", body_is_read=True)
    pieces: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pieces.pop() if pieces else await receive()

    return again, body


async def _drain(receive: Receive) -> None:
    """Read a short body that is not used: closing a connection with unread bytes would lose the answer."""
    size = 0
    try:
        async with asyncio.timeout(in_loop_time(_DRAIN_TIMEOUT_S)):
            while (message := await receive())["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > BODY_LIMIT or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def _reply(send: Send, refusal: Refusal) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"connection", b"close")]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": str(refusal)}).encode()})
