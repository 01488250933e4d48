"""The connection to a switch: one request at a time, deadlines, identity check, reconnecting with growing delay.

Reads are asked again on a new connection. An order is sent once: whether it was obeyed is for the caller to read back.
Nothing but the question who it is goes to an instrument that has not said that it is the right one (fault A02).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TypeVar

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, NoReply
from drivers.mux.settings import RelayMuxSettings
from drivers.mux.wire import Closed, ErrorEntry, RelayWire, Reply, Text
from drivers.transport.candidates import first_answering
from drivers.transport.identity import is_identity
from drivers.transport.line import Line, Lines
from drivers.transport.line_framer import LineFramer

logger = logging.getLogger(__name__)

R = TypeVar("R", Closed, ErrorEntry, Text)

_ATTEMPTS = 2
_MOST_STRAYS = 16
"""More answers to other questions than this before the right one are no answers, but a peer that never stops."""


class MuxClient:
    """Asks one switch, which may be at any of several lines."""

    def __init__(self, settings: RelayMuxSettings, lines: Lines) -> None:
        self.wire = RelayWire(settings.commands, settings.ports)
        self._settings = settings
        self._lines = lines
        self._line: Line | None = None
        # True from sending until the whole reply is read: a cancelled exchange leaves its reply on the line.
        self._unread = False
        self._failures = 0
        self._not_before_s = 0.0

    async def connect(self) -> Line:
        """Return the line, opened and with its identity checked; a failure is tried once more, after the delay."""
        if self._line is not None and not self._unread and await self._is_whole(self._line):
            return self._line
        await self.drop()
        loop = asyncio.get_running_loop()
        for attempt in range(1, _ATTEMPTS + 1):
            await asyncio.sleep(max(0.0, self._not_before_s - loop.time()))
            try:
                self._line = await first_answering(await self._lines(), self._greet)
            except ConnectionFailed as err:
                first, longest = self._settings.reconnect_first_s, self._settings.reconnect_longest_s
                self._not_before_s = loop.time() + min(longest, first * 2.0 ** min(self._failures, 30))
                self._failures += 1
                logger.info("%s: not connected, attempt %d: %s", self._settings.name, attempt, err)
                if attempt == _ATTEMPTS:
                    raise
            else:
                self._failures, self._not_before_s = 0, 0.0
                return self._line
        raise AssertionError("unreachable")

    async def drop(self) -> None:
        """Drop the line, so that the next use opens a new one."""
        line, self._line = self._line, None
        self._unread = False
        if line is not None:
            await line.close()

    async def closed(self) -> tuple[int, ...]:
        """Ask which ports are closed.

        Asked twice at a time, since one flipped bit turns a port into another and no checksum tells (fault A07).
        """
        for attempt in range(1, _ATTEMPTS + 1):
            line = await self.connect()
            try:
                one = await self._exchange(line, self.wire.closed(), Closed)
                two = await self._exchange(line, self.wire.closed(), Closed)
                if one != two:
                    raise BadReply(f"{line.name} reports ports {one.ports} and then {two.ports} closed")
            except ConnectionFailed as err:
                await self.drop()
                logger.info("%s: reading back failed, attempt %d: %s", self._settings.name, attempt, err)
                if attempt == _ATTEMPTS:
                    raise
            else:
                return one.ports
        raise AssertionError("unreachable")

    async def order(self, data: bytes) -> str:
        """Send a command once and return the switch's error text; empty if there is none.

        Raises ConnectionFailed only when nothing was sent.
        """
        line = await self.connect()
        try:
            if not (error := self.wire.error()):
                self._unread = True
                async with asyncio.timeout(self._settings.reply_timeout_s):
                    await line.write(data)
                self._unread = False
                return ""
            entry = await self._exchange(line, data + error, ErrorEntry)
        except (ConnectionFailed, TimeoutError, OSError) as err:
            await self.drop()
            logger.info("%s: the reply to an order is lost: %s", self._settings.name, err)
            return f"its reply was lost ({err})"
        return "" if entry.code == 0 else f"it says {entry.code} {entry.text!r}"

    async def _is_whole(self, line: Line) -> bool:
        """Return whether the line is not known to be broken, so that no order is sent into the void."""
        try:
            async with asyncio.timeout(self._settings.reply_timeout_s):
                await line.discard()
        except (ConnectionFailed, TimeoutError, OSError) as err:
            logger.info("%s: the line broke while nobody spoke: %s", self._settings.name, err)
            return False
        return True

    async def _greet(self, line: Line) -> None:
        wanted = self._settings.identity
        try:
            async with asyncio.timeout(self._settings.reply_timeout_s):
                await line.open()
        except TimeoutError as err:
            raise NoReply(f"{line.name} did not open within {self._settings.reply_timeout_s:g} s") from err
        await asyncio.sleep(self._settings.boot_s)
        reply = await self._exchange(line, self.wire.identify(), Text)
        self._unread = False
        if not is_identity(reply.text, wanted):
            raise ConnectionFailed(
                f"{line.name} answers as {reply.text!r}, expected {wanted!r} in it; it was told nothing else: "
                "check which adapter is plugged in where, and `identity` in the bench file"
            )

    async def _exchange(self, line: Line, data: bytes, kind: type[R]) -> R:
        """Send and wait for a reply of this kind; replies of another kind belong to an earlier question."""
        framer, timeout_s, strays = LineFramer(), self._settings.reply_timeout_s, 0
        logger.debug("%s -> %s", line.name, data.hex(" "))
        self._unread = True
        try:
            async with asyncio.timeout(timeout_s):
                await line.discard()
                await line.write(data)
                while True:
                    chunk = await line.read()
                    logger.debug("%s <- %s", line.name, chunk.hex(" "))
                    for frame in framer.feed(chunk):
                        reply = self.wire.parse(frame)
                        if isinstance(reply, kind):
                            self._unread = False
                            return reply
                        strays += 1
                        self._stray(line, reply, strays)
        except TimeoutError as err:
            raise NoReply(f"{line.name} gave no reply to {data.split()[0].decode()} in {timeout_s:g} s") from err
        except LinkClosed as err:
            raise LinkClosed(f"{err}; {framer.pending} bytes of a reply were left") from err
        except OSError as err:
            raise LinkClosed(f"the line to {line.name} broke: {err}") from err

    def _stray(self, line: Line, reply: Reply, count: int) -> None:
        """Skip a line that may answer an earlier request. Raises BadReply for a line that cannot."""
        if count > _MOST_STRAYS:
            raise BadReply(f"{line.name} sent {count} lines that answer other questions; the last was {reply}")
        if isinstance(reply, Text) and not is_identity(reply.text, self._settings.identity):
            raise BadReply(f"{line.name} sent {reply.text!r}, which answers nothing")
        logger.warning("%s: dropped a stray %s", line.name, reply)
