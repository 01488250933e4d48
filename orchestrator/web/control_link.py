"""Asks control on loopback, as a holder of the operator's token whom control has proved itself to.

Each request is signed (``orchestrator.api.proof``): a program that has taken the port of a control that is dead learns
no token and can order nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

from orchestrator.api import proof
from orchestrator.web.loopback_client import Answer, Broken, Exchange, Headers, connected

# Control answers every order within 5 s, with what it knows by then.
_ANSWER_S = 10.0
_HEAD_S = 5.0

STORED = "what is stored is shown as before"
SILENT = f"the process that owns the instruments does not answer; it is started again by itself; {STORED}"
_NOTHING_ORDERED = f"{SILENT}; nothing was ordered: the tests ride on in their testers, order it again in some seconds"
_NOT_KNOWN = (
    "the process that owns the instruments has not answered; whether this was carried out is not known: see what the "
    "channel does, and switch it off by hand at the tester if it must be off now"
)


# Connects to a host and a port.
Connect = Callable[[str, int], AbstractAsyncContextManager[Exchange]]


class ControlSilent(Exception):
    """Control does not answer; the message says what that means for what was asked.

    ``order_code`` is that of the sentence of a page on an order: it was not sent, or what came of it is not known.
    """

    def __init__(self, message: str, order_code: str = "") -> None:
        super().__init__(message)
        self.order_code = order_code


class ControlLink:
    """The way to the control that lives now, if one does."""

    def __init__(self, token: str, url: str | None = None, connect: Connect = connected) -> None:
        self.token = token
        self._key = proof.key_of(token)
        self._connect = connect
        self.url = url

    async def ask(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> Answer:
        """Return the answer to a request; ``target`` is its path and query. Raises ControlSilent."""
        is_question, was_sent = method in {"GET", "HEAD"}, False
        try:
            async with asyncio.timeout(_ANSWER_S), self._proved() as (client, challenge):
                signature = proof.signed(self._key, challenge, method, target, body)
                was_sent = True
                await client.send(method, target, [*headers, _authorization(signature)], body)
                answer = await client.answer()
                self._check(answer, signature)
        except (OSError, Broken, TimeoutError) as err:
            if is_question:
                raise ControlSilent(SILENT) from err
            if was_sent:
                raise ControlSilent(_NOT_KNOWN, "order.not_known") from err
            raise ControlSilent(_NOTHING_ORDERED, "order.not_sent") from err
        return answer

    @asynccontextmanager
    async def follow(self, target: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a stream and give its lines. Raises ControlSilent when it cannot be opened, or breaks."""
        try:
            async with self._proved() as (client, challenge):
                signature = proof.signed(self._key, challenge, "GET", target, b"")
                async with asyncio.timeout(_HEAD_S):
                    await client.send("GET", target, [_authorization(signature)])
                    head = await client.head()
                self._check(head, signature)
                if head.status != 200:
                    raise ControlSilent(SILENT)
                yield _lines(client)
        except (OSError, Broken, TimeoutError) as err:
            raise ControlSilent(SILENT) from err

    @asynccontextmanager
    async def _proved(self) -> AsyncIterator[tuple[Exchange, str]]:
        """Connect, and ask for the proof that this is control, and for a challenge."""
        if self.url is None:
            raise Broken("control is not there")
        where = urlsplit(self.url)
        async with self._connect(where.hostname or "", where.port or 0) as client:
            nonce = proof.new_nonce()
            async with asyncio.timeout(_HEAD_S):
                await client.send("GET", f"{proof.PROOF_PATH}?nonce={nonce}")
                answer = await client.answer()
            try:
                told = json.loads(answer.body)
                challenge, given = str(told["challenge"]), str(told["proof"])
            except (ValueError, KeyError, TypeError, RecursionError) as err:
                raise Broken("it does not prove that it is control") from err
            if not proof.is_proof(given, self._key, proof.Purpose.SERVICE, nonce, challenge):
                raise Broken("it does not prove that it is control")
            yield client, challenge

    def _check(self, answer: Answer, signature: proof.Signature) -> None:
        expected = proof.answer_proof(self._key, signature, answer.status).encode()
        if not hmac.compare_digest(expected, answer.header(proof.ANSWER_HEADER.encode())):
            raise Broken("the answer is not control's")


def _authorization(signature: proof.Signature) -> tuple[bytes, bytes]:
    return b"authorization", f"{proof.SCHEME} {signature}".encode()


async def _lines(client: Exchange) -> AsyncIterator[bytes]:
    rest = b""
    async for data in client.data():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line
