"""The proxy between the driver and the simulated tester: it hands every byte on, until it is told to spoil.

It speaks to both sides over in-memory streams and knows of the protocol only where a frame ends and which command it
names. Requests and replies are spoiled apart: a request that is lost did nothing, a reply that is lost was to
something done.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from simulators.memory_streams import connect_memory
from tests.attack.lies import Field, Lie, Said, told, value, with_value

_END = re.compile(rb"</bts>\s*#\r\n")
_COMMAND = re.compile(rb"<cmd>(\w+)</cmd>")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Spoil(StrEnum):
    """What becomes of one exchange."""

    FIELD = "a field lies"
    LATE = "reply late"
    LOST = "reply lost"
    REQUEST_LOST = "request lost"
    REQUEST_LATE = "request late"
    CUT = "reply cut, then closed"
    CUT_SILENT = "reply cut, then silent"
    CLOSED = "closed instead of a reply"
    TWICE = "reply twice"
    SWAPPED = "reply of another command"
    STALE = "previous reply of the command"
    HELD = "reply held back until the next"
    GARBLED = "one bit flipped"


@dataclass(frozen=True, slots=True)
class Attack:
    """What is spoiled, how and how often: ``times`` None is until it is mended.

    ``seconds`` is for what is late, ``share`` for the place of a cut or a flipped bit; ``lies`` are told all at once,
    by the replies of each one's command.
    """

    spoil: Spoil
    command: str
    times: int | None = 1
    seconds: float = 0.0
    share: float = 0.5
    lies: tuple[tuple[Field, Lie | str], ...] = ()


class Proxy:
    """Stands between one driver and one simulated tester; ``channel`` is attacked, ``other`` is its neighbour."""

    def __init__(self, tester: Handler, channel: str, other: str) -> None:
        self._tester = tester
        self._channel, self._other = channel, other
        self._attack: Attack | None = None
        self._left: dict[str, int | None] = {}
        self._seen: dict[str, bytes] = {}
        self._first: dict[Field, str] = {}
        self._held = b""
        self._tasks: set[asyncio.Task[None]] = set()
        # When the first and the last exchange was spoiled, in the loop's time; how many were; requests by command.
        self.first_s: float | None = None
        self.last_s: float | None = None
        self.spoiled = 0
        self.asked: dict[str, int] = {}
        # Called with the name of each command that concerns the channel, before it is handed on.
        self.on_request: Callable[[str], None] = lambda _: None

    def begin(self, attack: Attack) -> None:
        """Spoil from now on."""
        self._attack = attack
        commands = {attack.command} | {field.command for field, _ in attack.lies}
        self._left = dict.fromkeys(commands, attack.times)
        self._first.clear()

    def mend(self) -> None:
        """Hand everything on as it is."""
        self._attack, self._held = None, b""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the driver."""
        far_reader, far_writer = connect_memory(self._tester)
        waiting = bytearray()
        try:
            while data := await reader.read(1 << 16):
                waiting += data
                while (end := _END.search(waiting)) is not None:
                    request = bytes(waiting[: end.end()])
                    del waiting[: end.end()]
                    if not await self._exchange(request, far_reader, far_writer, writer):
                        return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            far_writer.close()
            writer.close()

    async def close(self) -> None:
        """Drop what is still on its way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _exchange(
        self,
        request: bytes,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Hand one request and its reply on; False when the connection is to be closed."""
        found = _COMMAND.search(request)
        command = found[1].decode() if found else ""
        concerns = b"chlid=" not in request or self._names(request)
        if concerns:
            self.asked[command] = self.asked.get(command, 0) + 1
            self.on_request(command)
        attack = self._taken(command) if concerns else None
        if attack is not None and attack.spoil in {Spoil.REQUEST_LOST, Spoil.REQUEST_LATE}:
            self._note()
            if attack.spoil is Spoil.REQUEST_LATE:
                self._later(attack.seconds, request)
            return True
        far_writer.write(request)
        reply = await _frame(far_reader)
        before = self._seen.get(command, reply)
        spoiled = attack
        if attack is not None and attack.spoil is Spoil.FIELD:
            sent = self._lied(attack, command, reply, before)
            if sent == reply:
                spoiled = None
                self._give_back(command)
            else:
                self._note()
                self._send(writer, sent)
        self._keep(command, request, reply)
        if spoiled is None:
            self._send(writer, self._held + reply)
            self._held = b""
            return True
        if spoiled.spoil is Spoil.FIELD:
            return True
        self._note()
        return await self._spoil(spoiled, writer, reply, before)

    def _names(self, request: bytes) -> bool:
        return f'chlid="{self._channel.rpartition("-")[2]}"'.encode() in request

    def _taken(self, command: str) -> Attack | None:
        attack = self._attack
        if attack is None or self._left.get(command, 0) == 0:
            return None
        left = self._left[command]
        if left is not None:
            self._left[command] = left - 1
        return attack

    def _give_back(self, command: str) -> None:
        """Count a lie that was the truth for none."""
        left = self._left.get(command)
        if left is not None:
            self._left[command] = left + 1

    def _keep(self, command: str, request: bytes, reply: bytes) -> None:
        if self._names(request) or b"chlid=" not in request:
            self._seen[command] = reply
        else:
            self._seen[f"{command} of others"] = reply

    def _note(self) -> None:
        self.last_s = asyncio.get_running_loop().time()
        self.first_s = self.last_s if self.first_s is None else self.first_s
        self.spoiled += 1

    def _lied(self, attack: Attack, command: str, reply: bytes, before: bytes) -> bytes:
        """Return the reply with the lies of its command; unchanged where what is to be said is the truth."""
        for field, lie in attack.lies:
            now = value(field, self._channel, reply) if field.command == command else None
            if now is None:
                continue
            first = self._first.setdefault(field, now)
            beside = self._seen.get(f"{command} of others", reply)
            other = value(field, self._other, beside)
            said = Said(now, first, value(field, self._channel, before) or now, now if other is None else other)
            if (says := told(lie, said)) != now:
                reply = with_value(field, self._channel, reply, says)
        return reply

    async def _spoil(self, attack: Attack, writer: asyncio.StreamWriter, reply: bytes, before: bytes) -> bool:
        place = max(1, int(len(reply) * attack.share))
        match attack.spoil:
            case Spoil.LATE:
                # The driver may hang up and come back meanwhile: a late reply is sent on its own old connection.
                await asyncio.sleep(attack.seconds)
                self._send(writer, reply)
            case Spoil.CUT:
                self._send(writer, reply[:place])
                return False
            case Spoil.CUT_SILENT:
                self._send(writer, reply[:place])
            case Spoil.CLOSED:
                return False
            case Spoil.TWICE:
                self._send(writer, reply + reply)
            case Spoil.SWAPPED:
                self._send(writer, self._of_another(attack.command) + reply)
            case Spoil.STALE:
                self._send(writer, before)
            case Spoil.HELD:
                self._held += reply
            case Spoil.GARBLED:
                flipped = bytearray(reply)
                flipped[place] ^= 1
                self._send(writer, bytes(flipped))
            case _:
                pass
        return True

    def _of_another(self, command: str) -> bytes:
        others = [reply for name, reply in self._seen.items() if name != command]
        return others[-1] if others else b""

    def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if not writer.is_closing():
            writer.write(data)

    def _later(self, seconds: float, request: bytes) -> None:
        async def arrive() -> None:
            await asyncio.sleep(seconds)
            reader, writer = connect_memory(self._tester)
            writer.write(request)
            await _frame(reader)
            writer.close()

        task = asyncio.ensure_future(arrive())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """Read one reply, with its end mark."""
    data = await reader.readuntil(b"#\r\n")
    while not data.rstrip().endswith(b"#") or b"</bts>" not in data:
        data += await reader.readuntil(b"#\r\n")
    return data
