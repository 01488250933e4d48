"""A line with one controller or several: one request in flight, and after any fault closed, opened and drained.

Several ovens on one RS-485 line share one ``ModbusLink``. The link has no opinion of who answers: each oven asks the
identity of its own unit again whenever ``generation`` has changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Protocol

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, NoReply
from drivers.oven.settings import LinkSettings
from drivers.oven.wire import Exchange, Request, RtuExchange, TcpExchange
from drivers.transport.candidates import first_answering
from drivers.transport.line import Line, Lines

logger = logging.getLogger(__name__)

_LONGEST_DRAINS = 4.0
"""A late reply is over after one time-out without a byte; a line that is not silent for one in four never is."""


class Greeting(Protocol):
    """Asks whoever is at a line just opened who it is; raises ConnectionFailed when it is somebody else."""

    def __call__(self) -> Awaitable[None]:
        """Ask through the link."""


class ModbusLink:
    """One line. Whoever uses it holds ``turn`` from its first request to its last reply."""

    def __init__(self, settings: LinkSettings, lines: Lines) -> None:
        self.turn = asyncio.Lock()
        self.generation = 0
        """Grows with every connection: what was known of a unit before is then to be asked again."""
        self.users = 0
        self._settings = settings
        self._lines = lines
        self._line: Line | None = None
        # From sending until the whole reply is read: what is cancelled or times out leaves its reply on the line.
        self._unread = False
        self._has_failed = False
        self._last_s = -1e9

    @property
    def name(self) -> str:
        """Return the name of the line that is open, or of where it is looked for."""
        return self._line.name if self._line is not None else self._settings.where

    async def connect(self, greet: Greeting) -> bool:
        """Make sure that the line is open and in step; return whether it was opened anew, and greeted with ``greet``.

        Raises ConnectionFailed. Candidates, such as several ports, are tried in turn.
        """
        if self._line is not None and not self._unread:
            return False
        await self.drop()

        async def met(line: Line) -> None:
            await self._open(line)
            await greet()

        try:
            await first_answering(await self._lines(), met)
        except BaseException:
            # A wrong answer may be a late one: the right one is then on its way, and everything one question late.
            await self.drop(after_fault=True)
            raise
        return True

    async def drop(self, *, after_fault: bool = False) -> None:
        """Close the line, so that the next use opens it anew; after a fault what is on its way is dropped first."""
        line, self._line = self._line, None
        self._has_failed |= self._unread or after_fault
        self._unread = False
        if line is not None:
            await line.close()

    async def ask(self, request: Request) -> tuple[int, ...]:
        """Send a request once and return the registers of its reply.

        Raises RefusedByUnit, or a gateway's NoReply, which leave the line in step; NoReply, LinkClosed or BadReply,
        after which the line is closed. Of a write that raises one of these nobody knows whether it was carried out.
        """
        line = self._line
        if line is None:
            raise LinkClosed(f"{self.name} is not open")
        exchange = self._exchange(request)
        await self._wait_for_gap()
        try:
            registers = await self._carry_out(line, exchange)
        except ConnectionFailed as err:
            # A gateway that says that a unit is silent is in step itself.
            if self._unread or not isinstance(err, NoReply):
                await self.drop(after_fault=True)
            raise
        finally:
            self._last_s = asyncio.get_running_loop().time()
        return registers

    def _exchange(self, request: Request) -> Exchange:
        if self._settings.kind == "tcp":
            return TcpExchange(request)
        return RtuExchange(request, echo=self._settings.echo, noise=self._settings.most_noise_bytes)

    async def _carry_out(self, line: Line, exchange: Exchange) -> tuple[int, ...]:
        request, timeout_s = exchange.request, self._settings.reply_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._see_nothing_unasked(line)
                logger.debug("%s -> %s", line.name, exchange.data.hex(" "))
                self._unread = True
                await line.write(exchange.data)
                while True:
                    data = await line.read()
                    logger.debug("%s <- %s", line.name, data.hex(" "))
                    if (registers := exchange.feed(data)) is not None:
                        self._unread = False
                        return registers
        except TimeoutError as err:
            if exchange.unread:
                raise BadReply(
                    f"{line.name}, {request}: {exchange.unread} came within {timeout_s:g} s, which is no reply: check "
                    "baud rate and parity, and whether another master or instrument is on this line"
                ) from err
            raise NoReply(
                f"{line.name}, {request}: no reply in {timeout_s:g} s: check power, wiring and the unit number"
            ) from err
        except BadReply as err:
            raise BadReply(f"{line.name}, {err}") from err
        except NoReply as err:
            self._unread = False
            raise NoReply(f"{line.name}, {err}") from err
        except LinkClosed as err:
            raise LinkClosed(f"{err}; of the reply there was {exchange.unread or 'nothing'}") from err
        except OSError as err:
            raise LinkClosed(f"the line to {line.name} broke: {err}") from err
        except Exception:
            # An exception of the unit is a whole reply.
            self._unread = False
            raise

    async def _see_nothing_unasked(self, line: Line) -> None:
        """See that nobody spoke since the last reply. Raises BadReply where somebody did."""
        unasked = len(await line.discard())
        if unasked > self._settings.most_noise_bytes:
            self._unread = True
            raise BadReply(
                f"{unasked} bytes came that nobody asked for: another master speaks on this line (take its program off "
                "it), or a reply came too late (raise reply_timeout_s)"
            )

    async def _wait_for_gap(self) -> None:
        """Wait until the line has been silent for as long as a frame's end, and the unit, need."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._last_s + self._settings.gap_s - loop.time()))

    async def _open(self, line: Line) -> None:
        """Open a line; after a fault wait until what was on its way has arrived, and drop it."""
        timeout_s = self._settings.reply_timeout_s
        self._line, self._unread = line, False
        self.generation += 1
        try:
            async with asyncio.timeout(timeout_s):
                await line.open()
        except TimeoutError as err:
            raise NoReply(f"{line.name} did not open within {timeout_s:g} s") from err
        if self._has_failed:
            await self._drain(line)
            self._has_failed = False

    async def _drain(self, line: Line) -> None:
        """Read until the line is silent for the time that the slowest reply may take."""
        drained, silent_s = 0, self._settings.reply_timeout_s
        try:
            async with asyncio.timeout(_LONGEST_DRAINS * silent_s):
                while data := await _within(silent_s, line):
                    drained += len(data)
                    logger.info("%s: drained %s", line.name, data.hex(" "))
        except TimeoutError as err:
            raise BadReply(
                f"{line.name} is never silent, {drained} bytes came while nothing was asked: another master speaks on "
                "this line, or another instrument is there"
            ) from err
        except OSError as err:
            raise LinkClosed(f"the line to {line.name} broke: {err}") from err


async def _within(silent_s: float, line: Line) -> bytes:
    """Return the next bytes of a line; nothing once it has been silent for so long."""
    try:
        async with asyncio.timeout(silent_s):
            return await line.read()
    except TimeoutError:
        return b""
