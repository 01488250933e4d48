"""The simulated switch at the end of a byte stream: lines in, lines out, over memory, TCP or a pseudo-terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simulators.faults import Wire
from simulators.mux.commands import Interpreter
from simulators.mux.relays import Relays

_LONGEST_LINE = 1024
_OVERRUN = -363


def _ignore(port: int | None) -> None:
    """Ignore the port that is connected."""


class SimulatedMux:
    """A relay switch. Its ``relays`` may be spoiled, and so may its ``wire``; ``interpreter.identity`` may be changed.

    ``on_select`` is called with the port that the common leads reach, or None, whenever that changes. ``received``
    holds every line that came in, so that a test can tell what a wrong device was asked. Faults of the wire name
    replies by their command in capitals, as it was sent: ``Fault(Spoil.CUT, "ROUT:CLOS?", at=2)``.
    """

    def __init__(
        self,
        ports: int = 8,
        on_select: Callable[[int | None], None] = _ignore,
        identity: str = "CELLRIG,SIMULATED RELAYS,RM0001,1.0",
    ) -> None:
        """Build a good switch with all ports open."""
        self.relays = Relays(ports, on_select)
        self.interpreter = Interpreter(self.relays, identity)
        self.wire = Wire()
        self.received: list[str] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it hangs up or a fault of the wire does."""
        buffer = bytearray()
        try:
            while not self.wire.refuses and (data := await reader.read(4096)):
                buffer += data
                while (end := buffer.find(b"\n")) >= 0:
                    line = bytes(buffer[:end])
                    del buffer[: end + 1]
                    if not await self._answer(line, writer):
                        return
                if len(buffer) > _LONGEST_LINE:
                    buffer.clear()
                    self.interpreter.complain(_OVERRUN)
        except OSError:
            pass  # the client is gone: a switch does not mind
        finally:
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> bool:
        """Carry out a line; False when the connection is to be closed."""
        message = line.decode("ascii", errors="replace").strip()
        if not message:
            return True
        self.received.append(message)
        answer = self.interpreter.run(message)
        if answer is None:
            return True
        return await self.wire.send(writer, message.split(" ")[0].upper(), answer.encode("ascii") + b"\n")
