"""The BTS client's API server at TCP port 502, for any client in any language.

One connection handler serves kernel sockets and in-memory streams alike. It answers one request at a time on each
connection, in order, and several connections at once (reference 2.3).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from functools import partial
from random import Random

from simulators.faults import Wire
from simulators.neware.commands import WRITES, Commands
from simulators.neware.requests import Request, RequestFramer, read_request
from simulators.neware.tester import Tester

logger = logging.getLogger(__name__)

_READ_BYTES = 65536


class SimulatedBts:
    """Serves one simulated tester; ``wire`` is where a test spoils what it says."""

    def __init__(self, tester: Tester, seed: int = 0) -> None:
        """Serve this tester; ``seed`` decides where replies are split when that quirk is on."""
        self.tester = tester
        self.wire = Wire()
        # How often each command was received, whether or not it was answered.
        self.received: Counter[str] = Counter()
        self._commands = Commands(tester)
        self._random = Random(f"{seed}/wire")
        self._clients = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the client or a fault ends it."""
        self._clients += 1
        try:
            if not self.wire.refuses and (self._clients == 1 or not self.tester.quirks.single_client):
                await self._serve(reader, writer)
        except (ConnectionError, OverflowError) as err:
            logger.debug("connection ended: %s", err)
        finally:
            self._clients -= 1
            if not self._clients:
                self.tester.clients_gone()
            writer.close()
            # The client may be gone.
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = RequestFramer()
        logged_in = False
        while data := await reader.read(_READ_BYTES):
            for frame in framer.feed(data):
                request = read_request(frame)
                self.received[request.command if request is not None else ""] += 1
                if request is not None and (late_s := self.wire.delay_of(request.command)) is not None:
                    asyncio.get_running_loop().call_later(late_s, partial(self._answer, request, logged_in=logged_in))
                    continue
                text = None if request is None else self._answer(request, logged_in=logged_in)
                if request is None or text is None:
                    logger.debug("no answer to %s", frame[:200].hex())
                    if self.tester.quirks.drop_on_nonsense:
                        return
                    continue
                if request.command == "connect":
                    logged_in = "<result>ok</result>" in text
                if not await self._send(writer, request.command, text):
                    return

    def _answer(self, request: Request, *, logged_in: bool) -> str | None:
        """Execute a request; without a login, where one is needed, a write is not answered at all."""
        if self.tester.quirks.writes_need_login and not logged_in and request.command in WRITES:
            return None
        return self._commands.answer(request)

    async def _send(self, writer: asyncio.StreamWriter, command: str, text: str) -> bool:
        """Send a reply through the wire's faults; False when the connection is to be closed."""
        quirks = self.tester.quirks
        if quirks.reply_delay_s:
            await asyncio.sleep(quirks.reply_delay_s)
        data = text.encode("utf-8") + quirks.terminator
        if not quirks.split_replies:
            return await self.wire.send(writer, command, data)
        return await self.wire.send(writer, command, data, cuts=self._cuts(len(data)))

    def _cuts(self, size: int) -> list[int]:
        """Choose where a reply of this many bytes falls apart."""
        return sorted(self._random.randrange(1, size) for _ in range(self._random.randrange(1, 6)))
