"""A line with controllers on it: serial or Modbus TCP, over memory, TCP or a pseudo-terminal, and what spoils it.

A unit that is not there is silent. With several clients on one serial line each hears what the others send and what
they are answered, as two masters on one RS-485 pair do (reference smu-and-ovens, section 18).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from simulators.faults import Wire
from simulators.oven.controller import SimulatedController
from simulators.oven.frames import Asked, SerialCutter, TcpCutter, sealed, wrapped

_GATEWAY_SILENT = 11


@dataclass(slots=True)
class LineQuirks:
    """How a line is: seconds are the loop's.

    ``reply_delay_s``: what a controller takes (Omron: 20 ms). ``silence_s``: what ends a frame. ``echo``: an adapter
    gives back what is sent. ``gateway``: Modbus TCP whose absent units are told by exception 11.
    """

    reply_delay_s: float = 0.02
    silence_s: float = 0.02
    echo: bool = False
    gateway: bool = False


class OvenLine:
    """Controllers at one line. ``wire`` may be spoiled: its faults name replies by their function, such as "3"."""

    def __init__(self, controllers: Iterable[SimulatedController], quirks: LineQuirks | None = None) -> None:
        """Put controllers on a line."""
        self.controllers = list(controllers)
        self.quirks = quirks or LineQuirks()
        self.wire = Wire()
        self.garbled = 0
        """Requests that no checksum fitted."""
        self._masters: set[asyncio.StreamWriter] = set()

    # Serial ------------------------------------------------------------------------------------------------------

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one master of a serial line until it hangs up or a fault of the wire does."""
        cutter = SerialCutter()
        self._masters.add(writer)
        try:
            while not self.wire.refuses:
                data = await self._heard(reader, cutter)
                if data == b"":
                    return
                if data is None:
                    asked = cutter.silence()
                else:
                    self._tell_others(writer, data)
                    if self.quirks.echo:
                        writer.write(data)
                    asked = cutter.feed(data)
                for one in asked:
                    if not await self._answer(one, writer):
                        return
        except OSError:
            pass  # the master is gone: a line does not mind
        finally:
            self._masters.discard(writer)
            writer.close()

    async def _heard(self, reader: asyncio.StreamReader, cutter: SerialCutter) -> bytes | None:
        """Wait for bytes; None is a silence that ends a frame, nothing the end of the line."""
        if not cutter.waits:
            return await reader.read(4096)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.quirks.silence_s):
                return await reader.read(4096)
        return None

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Let every unit that it is for carry out a request, and the one that answers answer."""
        if (late_s := self.wire.delay_of(str(asked.function))) is not None:
            await asyncio.sleep(late_s)
        bodies = [body for one in self.controllers if (body := one.answer(asked)) is not None]
        await asyncio.sleep(self.quirks.reply_delay_s)
        for body in bodies:
            frame = sealed(body)
            self._tell_others(writer, frame)
            if not await self.wire.send(writer, str(asked.function), frame):
                return False
        return True

    def _tell_others(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        for other in self._masters - {writer}:
            other.write(data)

    # TCP ---------------------------------------------------------------------------------------------------------

    async def handle_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client of Modbus TCP."""
        cutter = TcpCutter()
        try:
            while not self.wire.refuses and (data := await reader.read(4096)):
                for one in cutter.feed(data):
                    if not await self._answer_tcp(one, writer):
                        return
        except (OSError, ValueError):
            pass  # the client is gone, or speaks something else
        finally:
            writer.close()

    async def _answer_tcp(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        bodies = [body for one in self.controllers if (body := one.answer(asked)) is not None]
        if not bodies and self.quirks.gateway and asked.unit not in {one.unit for one in self.controllers}:
            bodies = [bytes([asked.unit, asked.function | 0x80, _GATEWAY_SILENT])]
        await asyncio.sleep(self.quirks.reply_delay_s)
        for body in bodies:
            if not await self.wire.send(writer, str(asked.function), wrapped(asked.transaction, body)):
                return False
        return True
