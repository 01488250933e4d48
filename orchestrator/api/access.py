"""Checks every request before it reaches any route, stream or socket: a plain ASGI layer around the application.

It checks the host name (a page that was bound to this address by a false name server is refused), the token or what is
signed with it, the origin, that a body is JSON and short, and that there is a place for the request. Only ``/health``
and ``/proof`` are open: the second proves that this service knows the token (``proof``). A browser reads the document
of the API, and nothing else, with the token as its password (``browser``).

Where people sign in there is a ``Door``: it says who asks, what he may, and which forms of pages are taken.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol
from urllib.parse import parse_qs

from orchestrator.api import browser, proof
from orchestrator.api.places import Holder, Kind, NoPlace, Places, kind_of
from orchestrator.clock.scaled import in_loop_time
from orchestrator.people.person import MACHINE, Person

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = frozenset({"/health", proof.PROOF_PATH})
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
BODY_LIMIT = 256 * 1024
_BODY_TIMEOUT_S = 10.0
_DRAIN_TIMEOUT_S = 1.0
# Refusals that are stored: a wrong token, a page of another origin or name.
_TRACED = frozenset({400, 401, 403})
# Where a request's scope holds its body, for the trace of a refused order.
BODY = "cellrig.body"
# Where it holds the connection that it came by, if that is bounded.
CONNECTION = "cellrig.connection"
# Where a question's scope holds a function that lets the next one begin, for an answer that waits for somebody else.
PASS_ON = "cellrig.turn"  # noqa: S105 - no password
# Where it holds who asks, None for what everybody may ask.
PERSON = "cellrig.person"
_BODILESS = frozenset({"GET", "HEAD"})
# How often it is looked at while an answer is sent whether its person may still have it, in seconds.
_STILL_S = 5.0
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Refusal(Exception):
    """A refused request: HTTP status and sentence. ``body_is_read``: no byte of its body is left on the connection.

    ``asks``: a browser that has given no password yet is asked for it, which is worth no trace. ``headers``: of the
    answer, beside the usual ones.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        body_is_read: bool = False,
        asks: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.body_is_read = body_is_read
        self.asks = asks
        self.headers = headers or {}


class BoundedConnection(Holder, Protocol):
    """A connection that holds a place until its client has read."""

    async def read_by_client(self) -> None:
        """Wait until the client has read most of what was written to it, or is gone."""

    def keep_little_unread(self) -> None:
        """Let little wait for a client who reads slowly."""


class Door(Protocol):
    """Says who asks for something and whether he may, where people sign in."""

    def admit(self, scope: Scope, headers: Headers, *, has_token: bool) -> Person | None:
        """Return who asks; ``has_token``: he has this machine's. Raises Refusal for what he may not ask."""

    def takes_form(self, scope: Scope) -> bool:
        """Return whether the body of a request is the form of a page."""

    def check_form(self, scope: Scope, person: Person | None, body: bytes) -> None:
        """Refuse a form that no page of the service was sent with. Raises Refusal."""

    def is_still_in(self, person: Person) -> bool:
        """Return whether a person who was admitted would be admitted now."""


class Guard:
    """Wraps an application and refuses requests that are not allowed."""

    def __init__(
        self,
        app: App,
        token: str,
        hosts: frozenset[str] = LOOPBACK_HOSTS,
        note: Callable[[str, str, str, str], None] = lambda method, path, who, sentence: None,
        places: Places | None = None,
        door: Door | None = None,
    ) -> None:
        self._note = note
        self._door = door
        self._app = app
        self._token = token.encode()
        self._key = proof.key_of(token)
        self._challenges = proof.Challenges(self._key)
        self._hosts = hosts
        self.places = places or Places()

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
            headers = Headers(scope)
            signature = self._check(scope, headers)
            if signature is not None:
                send = self._proving(send, signature)
            if scope["method"] not in _BODILESS:
                is_form = self._door is not None and self._door.takes_form(scope)
                receive, scope[BODY] = await _with_body(headers, receive, FORM if is_form else JSON)
                if is_form and self._door is not None:
                    self._door.check_form(scope, scope[PERSON], scope[BODY])
            elif headers.only("content-length", 400) or headers.only("transfer-encoding", 400):
                await _drain(receive)
            if signature is not None and proof.digest_of(scope.get(BODY, b"")) != signature.digest:
                raise Refusal(401, "the body is not the one that was signed", body_is_read=True)
            await self._carry_out(scope, receive, send)
        except _Gone:
            return
        except Refusal as err:
            if err.status in _TRACED and not err.asks:
                client = scope.get("client") or ("an unknown address",)
                self._note(scope["method"], scope["path"], str(client[0]), str(err))
            if not err.body_is_read:
                await _drain(receive)
            await _reply(send, err, browser.is_for_browsers(scope["method"], scope["path"]))

    async def _carry_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an allowed request on while it holds a place, which it keeps until its answer is read."""
        send = self._while_in(scope, send)
        if scope["path"] == proof.PROOF_PATH:
            await self._prove(scope, send)
            return
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        connection: BoundedConnection | None = scope.get(CONNECTION)
        kind = kind_of(scope["method"], scope["path"])
        try:
            with self.places.taken(kind, connection):
                if kind is Kind.READ:
                    await self._in_turn(scope, receive, send)
                else:
                    await self._app(scope, receive, send)
                if connection is not None:
                    await connection.read_by_client()
        except NoPlace as err:
            raise Refusal(503, str(err), body_is_read=True) from None

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let few answers to questions be made at once; an answer that is made, or a stream, lets the next begin."""
        await self.places.turns.acquire()
        is_mine = True

        def pass_on() -> None:
            nonlocal is_mine
            if is_mine:
                is_mine = False
                self.places.turns.release()

        async def sending(message: Message) -> None:
            pass_on()
            await send(message)

        scope[PASS_ON] = pass_on
        try:
            await self._app(scope, receive, sending)
        finally:
            pass_on()

    def _while_in(self, scope: Scope, send: Send) -> Send:
        """Return a ``send`` that ends a long answer once its person may not have it any more."""
        person, door = scope.get(PERSON), self._door
        if person is None or door is None or person.how is MACHINE.how:
            return send
        loop = asyncio.get_running_loop()
        asked_s, is_over = loop.time(), False

        async def sending(message: Message) -> None:
            nonlocal asked_s, is_over
            if not is_over and message["type"] == "http.response.body" and loop.time() - asked_s >= _STILL_S:
                asked_s = loop.time()
                is_over = not door.is_still_in(person)
                if is_over:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    if (connection := scope.get(CONNECTION)) is not None:
                        connection.close_at_once()
            if is_over:
                raise _Gone
            await send(message)

        return sending

    def _check(self, scope: Scope, headers: Headers) -> proof.Signature | None:
        """Check who asks, and return the signature of a signed request. Raises Refusal."""
        scope[PERSON] = None
        name = _without_port(headers.only("host", 400) or "").lower()
        if name not in self._hosts:
            raise Refusal(400, "this service does not answer under that host name; use 127.0.0.1")
        kind, _, given = (headers.only("authorization", 401) or "").partition(" ")
        signature = proof.Signature.read(given.strip()) if kind.lower() == proof.SCHEME else None
        is_right = signature is not None and self._challenges.admits(signature, scope["method"], target_of(scope))
        if scope["path"] in OPEN_PATHS:
            # Nobody needs one here; who brings one wants the answer proved.
            return signature if is_right else None
        if signature is not None and not is_right:
            raise Refusal(401, "the signature of this request is not right, or its challenge is used or too old")
        has_token = is_right or self._has_token(scope, kind.lower(), given.strip())
        if self._door is not None:
            scope[PERSON] = self._door.admit(scope, headers, has_token=has_token)
        elif has_token:
            scope[PERSON] = MACHINE
        elif browser.is_for_browsers(scope["method"], scope["path"]):
            raise Refusal(401, browser.NEEDED, asks=not kind)
        else:
            raise Refusal(401, "this needs the operator's token: Authorization: Bearer TOKEN")
        headers.only("idempotency-key", 400)
        origin = headers.only("origin", 403)
        if origin is not None and _without_port(origin.partition("://")[2]).lower() not in self._hosts:
            raise Refusal(403, "pages of other origins may not use this service")
        return signature

    def _has_token(self, scope: Scope, kind: str, given: str) -> bool:
        """Return whether a request brings the token of this machine."""
        secret = given.encode("latin-1") if kind == "bearer" else b""
        if kind == browser.SCHEME and browser.is_for_browsers(scope["method"], scope["path"]):
            secret = browser.password_in(given)
        return hmac.compare_digest(secret, self._token)

    def _proving(self, send: Send, signature: proof.Signature) -> Send:
        """Return a ``send`` that proves the head of the answer to a signed request."""

        async def proving(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = proof.answer_proof(self._key, signature, message["status"])
                header = (proof.ANSWER_HEADER.encode(), told.encode())
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        return proving

    async def _prove(self, scope: Scope, send: Send) -> None:
        """Answer a client's nonce with a challenge, and the proof that this service knows the token."""
        nonces = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=4).get("nonce", [])
        if scope["method"] != "GET" or len(nonces) != 1 or not proof.is_nonce(nonces[0]):
            raise Refusal(400, f"ask GET {proof.PROOF_PATH}?nonce=NONCE, 43 letters of base64url", body_is_read=True)
        challenge, told = self._challenges.issue(nonces[0])
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"challenge": challenge, "proof": told}).encode()})


class _Gone(Exception):
    """The client has gone before its request was whole, or its person was signed out while the answer was sent."""


def target_of(scope: Scope) -> str:
    """Return a request's path and query as they were sent."""
    path = bytes(scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
    query = bytes(scope.get("query_string", b"")).decode("latin-1")
    return f"{path}?{query}" if query else path


class Headers:
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


async def _with_body(headers: Headers, receive: Receive, kind: str) -> tuple[Receive, bytes]:
    """Read the whole body, short and of a kind, to pass it to the application in one piece."""
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
            else:
                # A part of an order may read as a whole one.
                raise _Gone
    except TimeoutError:
        raise Refusal(408, f"the body did not come within {_BODY_TIMEOUT_S:g} s", body_is_read=True) from None
    if body and (headers.only("content-type", 415) or "").partition(";")[0].strip().lower() != kind:
        raise Refusal(
            415, f"a body must be {'JSON' if kind == JSON else 'a form'}: Content-Type: {kind}", body_is_read=True
        )
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


async def _reply(send: Send, refusal: Refusal, to_browser: bool) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"connection", b"close")]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in refusal.headers.items()]
    if refusal.status == 401:
        headers.append((b"www-authenticate", browser.CHALLENGE.encode() if to_browser else b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": str(refusal)}).encode()})
