"""Real targets on loopback: an HTTP endpoint that works, refuses, limits the rate or drips, and a mail server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.handlers import AsyncMessage
from aiosmtpd.smtp import SMTP


@dataclass
class Endpoint:
    """An HTTP server; the path says what it does: ``/works``, ``/refuses``, ``/limits``, ``/drips``."""

    port: int = 0
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def url(self, path: str, secret: str = "") -> str:
        """Give an address of apprise for a path, with a user and a password where ``secret`` is given."""
        user = f"user:{secret}@" if secret else ""
        return f"json://{user}127.0.0.1:{self.port}/{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-l"))
            body = json.loads(await reader.readexactly(length))
            path = head.split()[1].lstrip("/")
            self.got.append((path, body))
            await self._answer(path, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        status = {"refuses": "500 No", "limits": "429 Too Many Requests"}.get(path, "200 OK")
        if path == "drips":
            # A byte at a time: no single wait of the client is long.
            for byte in b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 600:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.1)
        writer.write(f"HTTP/1.1 {status}\r\nRetry-After: 60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """Serve an endpoint on a free port of loopback."""
    there = Endpoint()
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        server.close()


class _Box(AsyncMessage):
    """Keeps the mails that come."""

    def __init__(self, got: list[Message]) -> None:
        super().__init__()
        self._got = got

    async def handle_message(self, message: Message) -> None:
        """Keep a mail."""
        self._got.append(message_from_bytes(bytes(message)))


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[int, list[Message]]]:
    """Serve mail on a free port of loopback; give the port and the mails that come."""
    got: list[Message] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(_Box(got), hostname="localhost", loop=loop), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], got
    finally:
        server.close()
