"""A connection to control's address on loopback: requests one after another, each with its answer or its stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import h11

_READ_BYTES = 64 * 1024
# The longest answer that is taken whole, in bytes: a page of 2,000 rows is a tenth of it, the document a quarter.
_LONGEST_ANSWER = 8 * 1024 * 1024

Headers = Sequence[tuple[bytes, bytes]]


class Broken(Exception):
    """The connection ended, or what came over it is no HTTP; the message says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; the names of its headers are in lower case."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: bytes) -> bytes:
        """Return the value of a header, empty when there is none."""
        return next((value for key, value in self.headers if key == name), b"")


class Exchange(Protocol):
    """A connection by which requests are sent one after another, and their answers come."""

    async def send(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> None:
        """Send a request. Raises OSError."""

    async def head(self) -> Answer:
        """Return the head of the answer, without its body. Raises Broken and OSError."""

    def data(self) -> AsyncIterator[bytes]:
        """Yield the body of the answer as it comes. Raises Broken and OSError."""

    async def answer(self) -> Answer:
        """Return the whole answer. Raises Broken and OSError."""


class LoopbackClient:
    """One connection to one address."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> None:
        """Send a request. Raises OSError."""
        length = [(b"content-length", b"%d" % len(body))] if body else []
        head = h11.Request(
            method=method.encode(),
            target=target.encode("latin-1"),
            headers=[(b"host", self._host.encode()), *headers, *length],
        )
        pieces = [self._http.send(head), self._http.send(h11.Data(data=body)) if body else b""]
        pieces.append(self._http.send(h11.EndOfMessage()))
        self._writer.write(b"".join(piece for piece in pieces if piece))
        await self._writer.drain()

    async def head(self) -> Answer:
        """Return the head of the answer, without its body. Raises Broken and OSError."""
        while not isinstance(event := await self._event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise Broken("the connection ended before an answer came")
        return Answer(event.status_code, tuple((bytes(key), bytes(value)) for key, value in event.headers), b"")

    async def data(self) -> AsyncIterator[bytes]:
        """Yield the body of the answer as it comes. Raises Broken and OSError."""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise Broken("the answer ended before it was whole")
            yield bytes(event.data)

    async def answer(self) -> Answer:
        """Return the whole answer. Raises Broken and OSError."""
        head, body = await self.head(), bytearray()
        async for data in self.data():
            body += data
            if len(body) > _LONGEST_ANSWER:
                raise Broken(f"the answer has more than {_LONGEST_ANSWER} bytes")
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return Answer(head.status, head.headers, bytes(body))

    async def _event(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_READ_BYTES))
        except h11.RemoteProtocolError as err:
            raise Broken(f"what came is no HTTP: {err}") from err
        return event


@asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[LoopbackClient]:
    """Connect for the duration of the ``with`` block. Raises OSError."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield LoopbackClient(reader, writer, f"{host}:{port}")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
