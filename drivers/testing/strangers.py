"""Devices that have no business at the port of an instrument: what is found behind a serial adapter or an address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_CHUNK = 4096


async def _balance(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a weight whatever is said, as a laboratory balance does that prints continuously."""
    while await reader.read(_CHUNK):
        writer.write(b"ST,+  12.3456 g\r\n")
    writer.close()


async def _loop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Give back what is sent: a test plug, or an adapter that echoes."""
    while data := await reader.read(_CHUNK):
        writer.write(data)
    writer.close()


async def _web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuse what is no request, and hang up."""
    await reader.read(_CHUNK)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


async def _meter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer who it is to every line, as an instrument of another make."""
    while await reader.read(_CHUNK):
        writer.write(b"ACME,DMM 6,1234567,1.0\n")
    writer.close()


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing: something is switched on there, with another baud rate."""
    while await reader.read(_CHUNK):
        pass
    writer.close()


STRANGERS: Mapping[str, Handler] = MappingProxyType(
    {
        "balance": _balance,
        "loop-back plug": _loop,
        "web server": _web_server,
        "multimeter": _meter,
        "silence": _silence,
    }
)
