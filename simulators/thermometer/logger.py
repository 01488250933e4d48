"""A thermocouple logger at the end of a serial line: it sends a line of text when asked, or by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from simulators.faults import Wire

_LONGEST_LINE = 256


class SimulatedLogger:
    """Sensors of a logger, each a function that gives degC, or None for one that is not plugged in.

    Without ``request`` it sends a line each ``every_s`` seconds of the loop, else one for each request. ``form`` has a
    place for each sensor. Faults of the ``wire`` name replies "line" and "identity".
    """

    def __init__(
        self,
        sensors: Sequence[Callable[[], float | None]],
        *,
        form: str = "{0},{1}",
        missing: str = "OL",
        heading: str = "",
        request: str = "",
        identify: str = "",
        identity: str = "SIMULATED LOGGER 42",
        every_s: float = 1.0,
    ) -> None:
        """Build a logger with these sensors."""
        self.sensors = list(sensors)
        self.wire = Wire()
        self.identity = identity
        self._form = form
        self._missing = missing
        self._heading = heading
        self._request = request
        self._identify = identify
        self._every_s = every_s

    def line(self) -> bytes:
        """Return a line of text as it is now."""
        values = [sensor() for sensor in self.sensors]
        return self._form.format(*(self._missing if one is None else f"{one:.1f}" for one in values)).encode() + b"\r\n"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it hangs up or a fault of the wire does."""
        sending = None if self._request else asyncio.create_task(self._send_by_itself(writer))
        try:
            buffer = bytearray()
            while not self.wire.refuses and (data := await reader.read(256)):
                buffer += data
                while (end := buffer.find(b"\n")) >= 0:
                    asked = bytes(buffer[:end]).decode("ascii", "replace").strip()
                    del buffer[: end + 1]
                    if not await self._answer(asked, writer):
                        return
                del buffer[:-_LONGEST_LINE]
        except OSError:
            pass  # the client is gone: a logger does not mind
        finally:
            if sending is not None:
                sending.cancel()
            writer.close()

    async def _answer(self, asked: str, writer: asyncio.StreamWriter) -> bool:
        if self._identify and asked == self._identify:
            return await self.wire.send(writer, "identity", self.identity.encode() + b"\r\n")
        if self._request and asked == self._request:
            return await self.wire.send(writer, "line", self.line())
        return True

    async def _send_by_itself(self, writer: asyncio.StreamWriter) -> None:
        if self._heading:
            writer.write(self._heading.encode() + b"\r\n")
        is_there = True
        while is_there:
            is_there = await self.wire.send(writer, "line", self.line())
            await asyncio.sleep(self._every_s)
        writer.close()
