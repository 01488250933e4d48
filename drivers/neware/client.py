"""The only connection to the BTS API: one request at a time, deadlines, end of file, reconnect, log-in.

Reads are asked again on a new connection; a write is sent once, and when its reply is lost the caller is told that the
outcome is unknown. After a silence the connection is dropped, so that a late reply can never be taken for the answer
to a later request.
"""

from __future__ import annotations

import asyncio
import logging
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from typing import TypeVar

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, NoReply, OutcomeUnknown, Refused
from drivers.neware import wire
from drivers.neware.framing import Framer

logger = logging.getLogger(__name__)

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Link]]
Reply = TypeVar("Reply")
# Makes a frame a command name and what the reply says, or raises BadReply.
Parse = Callable[[bytes], tuple[str, Reply]]

_READ_ATTEMPTS = 2
_CHUNK = 1 << 18
# Closing a connection may take this share of what a reply may: a second of thirty.
_CLOSING_SHARE = 1 / 30


def tcp(host: str, port: int) -> Connect:
    """Connect over TCP. A refusal names what usually causes it (reference neware-ct4008, section 8)."""

    async def connect() -> Link:
        try:
            return await asyncio.open_connection(host, port)
        except OSError as err:
            raise ConnectionFailed(
                f"nobody answers at {host}:{port} ({err.strerror or err}); is BTS Client running, its API mode "
                "active, its version 2023-03 or later, and the port not taken by another program?"
            ) from err

    return connect


class NewareClient:
    """Asks one BTS API server, one request at a time."""

    def __init__(self, connect: Connect, username: str, password: str, reply_timeout_s: float = 30.0) -> None:
        self.connect = connect
        self._login = (username, password)
        self._reply_timeout_s = reply_timeout_s
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._framer = Framer()
        self._frames: list[bytes] = []
        # True from sending until the whole reply is read: a cancelled exchange leaves its reply in the stream.
        self._unread = False
        self._lock = asyncio.Lock()

    def login(self) -> wire.Request:
        """Return the request that begins every connection."""
        return wire.connect(*self._login)

    async def ask(self, request: wire.Request) -> ET.Element:
        """Send one request and return its reply's tree; raises as ``ask_for`` does."""
        return await self.ask_for(request, wire.parse)

    async def ask_for(self, request: wire.Request, parse: Parse[Reply]) -> Reply:
        """Send one request and return its reply, as ``parse`` makes it of a frame.

        Reads are tried on a second connection when the first fails (ConnectionFailed and its kinds are raised after
        that). A write whose reply does not come raises OutcomeUnknown.
        """
        async with self._lock:
            if request.command.writes:
                return await self._write_once(request, parse)
            for attempt in range(1, _READ_ATTEMPTS + 1):
                try:
                    return await self._exchange(await self._ensure_open(), request, parse)
                except ConnectionFailed as err:
                    await self._drop()
                    logger.info("%s failed, attempt %d: %s", request.command.name, attempt, err)
                    if attempt == _READ_ATTEMPTS:
                        raise
            raise AssertionError("unreachable")

    async def reconnect(self) -> None:
        """Drop the connection, so that the next request opens a new one."""
        async with self._lock:
            await self._drop()

    close = reconnect

    async def _write_once(self, request: wire.Request, parse: Parse[Reply]) -> Reply:
        link = await self._ensure_open()
        try:
            return await self._exchange(link, request, parse)
        except ConnectionFailed as err:
            await self._drop()
            raise OutcomeUnknown(f"{request.command.name} was sent and its reply is lost: {err}") from err

    async def _ensure_open(self) -> Link:
        if self._link is not None and not self._link[1].is_closing() and not self._unread:
            return self._link
        await self._drop()
        try:
            async with asyncio.timeout(self._reply_timeout_s):
                link = self._link = await self.connect()
        except TimeoutError as err:
            raise NoReply(f"no connection within {self._reply_timeout_s:g} s") from err
        except OSError as err:
            raise ConnectionFailed(f"no connection: {err}") from err
        self._framer, self._frames = Framer(), []
        try:
            root = await self._exchange(link, self.login(), wire.parse)
        except ConnectionFailed:
            await self._drop()
            raise
        result = (root.findtext("result") or "").strip()
        if result != "ok":
            await self._drop()
            # Neither what was sent nor an answer that may repeat it.
            raise Refused("BTS refused the log-in; check username and password in the bench file")
        return link

    async def _exchange(self, link: Link, request: wire.Request, parse: Parse[Reply]) -> Reply:
        reader, writer = link
        if request.command.name != "connect":  # the log-in holds the password
            logger.debug("-> %s", request.data)
        self._unread = True
        try:
            async with asyncio.timeout(self._reply_timeout_s):
                writer.write(request.data)
                await writer.drain()
                while True:
                    name, reply = parse(await self._frame(reader))
                    if name in request.command.replies:
                        self._unread = False
                        return reply
                    logger.warning("dropped a stray %s while waiting for %s", name, request.command.replies[0])
        except TimeoutError as err:
            raise NoReply(f"BTS gave no reply to {request.command.name} in {self._reply_timeout_s:g} s") from err
        except OSError as err:
            raise LinkClosed(f"the link broke during {request.command.name}: {err}") from err

    async def _frame(self, reader: asyncio.StreamReader) -> bytes:
        while not self._frames:
            data = await reader.read(_CHUNK)
            if not data:
                raise LinkClosed(f"BTS closed the connection; {self._framer.pending} bytes of a reply were left")
            self._frames = self._framer.feed(data)
        frame = self._frames.pop(0)
        logger.debug("<- %s", frame)
        return frame

    async def _drop(self) -> None:
        link, self._link = self._link, None
        if link is None:
            return
        writer = link[1]
        writer.close()
        try:
            # A peer that never closes its end must not hold us up.
            async with asyncio.timeout(self._reply_timeout_s * _CLOSING_SHARE):
                await writer.wait_closed()
        except (TimeoutError, OSError, BadReply):
            logger.debug("the old connection did not close cleanly")
