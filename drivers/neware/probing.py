"""Orders to a CT-4008 that only its commissioning gives: those that the reference leaves open, each sent once.

What they do is judged by who asks, from status and records; here is only what BTS answered.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum

from drivers.errors import BadReply, DriverError
from drivers.neware import replies, wire
from drivers.neware.framing import TERMINATOR, Framer
from drivers.neware.tester import NewareTester

_CHUNK = 1 << 16
# A command that no document of the vendor's has.
_NONSENSE = wire.Request(
    wire.Command("getnothing", ("getnothing_resp",)),
    b'<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0"><cmd>getnothing</cmd></bts>' + TERMINATOR,
)


class Answer(StrEnum):
    """What came back on a connection of its own."""

    REPLY = "reply"
    SILENCE = "silence"
    CLOSED = "closed"


class BtsProbe:
    """The orders beside those of a ``BatteryTester``, on the open connection of a tester or beside it."""

    def __init__(self, tester: NewareTester, wait_s: float = 10.0) -> None:
        self._tester = tester
        self._wait_s = wait_s

    async def stop_once(self, channel: str) -> bool:
        """Send one stop and return whether BTS said ok (section 4.9)."""
        return await self._order(wire.stop(self._tester.address_of(channel)), "stop")

    async def resume(self, channel: str) -> bool:
        """Send one ``continue`` and return whether BTS said ok (section 4.9)."""
        return await self._order(wire.resume(self._tester.address_of(channel)), "continue")

    async def goto(self, channel: str, step: int) -> bool:
        """Send one ``goto`` and return whether BTS said ok (section 4.9)."""
        return await self._order(wire.goto(self._tester.address_of(channel), step), "goto")

    async def clear_flag(self, channel: str) -> bool:
        """Clear the flag of a protection and return whether BTS said ok (sections 4.9 and 5.3)."""
        return await self._order(wire.clearflag(self._tester.address_of(channel)), "clearflag")

    async def start_once(self, channel: str, location: str, barcode: str) -> bool:
        """Send one start of a file, whatever the channel does, and return whether BTS said ok (section 4.8)."""
        backup = wire.Backup("")
        return await self._order(wire.start(self._tester.address_of(channel), location, barcode, backup), "start")

    async def state(self, channel: str) -> str:
        """Return the state of a channel in BTS's word, which is no older than the reply (section 4.2)."""
        address = self._tester.address_of(channel)
        return replies.statuses(await self._tester.client.ask(wire.getchlstatus([address])), [address])[0]

    async def drop(self) -> None:
        """Drop the connection as a pulled plug does: nothing is said before."""
        await self._tester.client.close()

    async def unknown_command(self) -> Answer:
        """Send a command that does not exist, on a connection of its own, after logging in (section 2.3)."""
        return await self._beside(_NONSENSE, logs_in=True)

    async def unlogged_write(self, channel: str) -> Answer:
        """Switch the lamp of a channel off on a connection that has not logged in (section 2.4)."""
        return await self._beside(wire.light(self._tester.address_of(channel), False), logs_in=False)

    async def second_client(self) -> Answer:
        """Ask for the devices on a second connection while the first one is open (section 2.3)."""
        await self._tester.client.ask(wire.getdevinfo())
        return await self._beside(wire.getdevinfo(), logs_in=True)

    async def _order(self, request: wire.Request, tag: str) -> bool:
        return wire.outcome(await self._tester.client.ask(request), tag)

    async def _beside(self, request: wire.Request, *, logs_in: bool) -> Answer:
        """Send a request on a connection of its own and return what came."""
        try:
            reader, writer = await self._tester.client.connect()
        except (OSError, DriverError):
            return Answer.CLOSED
        try:
            login = [self._tester.client.login()] if logs_in else []
            answer = Answer.REPLY
            for one in (*login, request):
                writer.write(one.data)
                answer = await self._reply(reader, one)
                if answer is not Answer.REPLY:
                    break
            return answer
        except OSError:
            return Answer.CLOSED
        finally:
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader, request: wire.Request) -> Answer:
        framer = Framer()
        try:
            async with asyncio.timeout(self._wait_s):
                while data := await reader.read(_CHUNK):
                    if any(wire.parse(frame)[0] in request.command.replies for frame in framer.feed(data)):
                        return Answer.REPLY
        except (TimeoutError, BadReply):
            return Answer.SILENCE
        return Answer.CLOSED
