"""Byte pipes to a switch: a serial port on its one worker thread, or a pair of asyncio streams.

Neither knows lines or replies, and neither has a deadline: the client bounds every call by the loop's time. pyserial
gives what is waiting; its ``readline`` and ``read_until`` read byte by byte and take 37 times as long.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import serial

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, SettingsError

_PORT_ERRORS: tuple[type[Exception], ...] = (OSError,)
"""What pyserial raises of a port; without a terminal behind it also the system's own error, which is no OSError."""
with contextlib.suppress(ImportError):  # a system without terminals
    from termios import error as _terminal_error

    _PORT_ERRORS = (OSError, _terminal_error)

T = TypeVar("T")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_CHUNK = 4096
_SLICE_S = 0.05
"""A read on the worker thread comes back after this long, so that a deadline leaves no thread behind."""
_MOST_UNASKED = 1 << 16
_CLOSE_S = 1.0


class Line(Protocol):
    """A byte pipe to one instrument. Failures raise ConnectionFailed, LinkClosed or any OSError."""

    name: str

    async def open(self) -> None:
        """Open the port."""

    async def close(self) -> None:
        """Close the port; it may be open, half open or closed already."""

    async def discard(self) -> bytes:
        """Discard received bytes without waiting for more, and return them. Raises LinkClosed at the end."""

    async def write(self, data: bytes) -> None:
        """Send."""

    async def read(self) -> bytes:
        """Wait for bytes and return those received, at least one. Raises LinkClosed at the end."""


Lines = Callable[[], Awaitable[Sequence[Line]]]
"""Where the switch may be, asked anew for each connection: a USB adapter comes back under another name."""


class StreamLine:
    """A pair of asyncio streams: TCP to a serial server, or memory while time is virtual. No threads."""

    def __init__(self, name: str, connect: Callable[[], Awaitable[Streams]]) -> None:
        self.name = name
        self._connect = connect
        self._streams: Streams | None = None

    async def open(self) -> None:
        """Connect."""
        try:
            self._streams = await self._connect()
        except OSError as err:
            raise ConnectionFailed(f"nobody answers at {self.name}: {err.strerror or err}") from err

    async def close(self) -> None:
        """Close both directions, waiting at most a second."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(_CLOSE_S):
                    await streams[1].wait_closed()

    async def discard(self) -> bytes:
        """Discard received bytes."""
        reader, _ = self._both()
        dropped = bytearray()
        with contextlib.suppress(TimeoutError):
            # What has arrived is read without waiting; the wait for more is over at once.
            async with asyncio.timeout(0):
                while data := await reader.read(_CHUNK):
                    dropped += data
        if reader.at_eof():
            raise LinkClosed(f"{self.name} closed the connection")
        return bytes(dropped)

    async def write(self, data: bytes) -> None:
        """Send."""
        _, writer = self._both()
        writer.write(data)
        await writer.drain()

    async def read(self) -> bytes:
        """Wait for bytes."""
        data = await self._both()[0].read(_CHUNK)
        if not data:
            raise LinkClosed(f"{self.name} closed the connection")
        return data

    def _both(self) -> Streams:
        if self._streams is None:
            raise LinkClosed(f"{self.name} is not open")
        return self._streams


class PortLine:
    """A serial port through pyserial. All calls run one after another on the port's own thread."""

    def __init__(
        self, port: str, baud_rate: int, write_timeout_s: float, parity: str = "N", stop_bits: int = 1
    ) -> None:
        self.name = port
        self._baud_rate = baud_rate
        self._parity = parity
        self._stop_bits = stop_bits
        self._write_timeout_s = write_timeout_s
        self._serial: serial.Serial | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Open the port for this program alone."""
        self._thread = ThreadPoolExecutor(1, f"serial {self.name}")
        await self._run(self._open)

    async def close(self) -> None:
        """Close the port after the thread's present work, waiting at most a second."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        closing = asyncio.get_running_loop().run_in_executor(thread, self._close)
        thread.shutdown(wait=False)
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.shield(closing)

    async def discard(self) -> bytes:
        """Discard received bytes."""
        return await self._run(self._discard)

    async def write(self, data: bytes) -> None:
        """Send."""
        await self._run(lambda: self._opened().write(data))

    async def read(self) -> bytes:
        """Wait for bytes, a slice of time after another."""
        while not (data := await self._run(self._read)):
            pass
        return data

    async def _run(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise LinkClosed(f"{self.name} is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except _PORT_ERRORS as err:
            raise LinkClosed(f"serial port {self.name}: {err}") from err

    # On the thread ---------------------------------------------------------------------------------------------

    def _open(self) -> None:
        try:
            self._serial = serial.serial_for_url(
                self.name,
                baudrate=self._baud_rate,
                parity=self._parity,
                stopbits=self._stop_bits,
                timeout=_SLICE_S,
                write_timeout=self._write_timeout_s,
                exclusive=True,
            )
        except ValueError as err:
            raise SettingsError(f"{self.name!r} is no serial port: {err}") from err
        except _PORT_ERRORS as err:
            raise ConnectionFailed(
                f"cannot open serial port {self.name}: {err}; is the adapter plugged in, and no other program using it?"
            ) from err

    def _close(self) -> None:
        port, self._serial = self._serial, None
        if port is not None:
            port.close()

    def _opened(self) -> serial.Serial:
        if self._serial is None:
            raise LinkClosed(f"{self.name} is not open")
        return self._serial

    def _read(self) -> bytes:
        port = self._opened()
        first = port.read(1)
        return first + port.read(port.in_waiting) if first else b""

    def _discard(self) -> bytes:
        port, dropped = self._opened(), bytearray()
        while waiting := port.in_waiting:
            dropped += port.read(waiting)
            if len(dropped) > _MOST_UNASKED:
                raise BadReply(f"{self.name} sent over {_MOST_UNASKED} bytes that nobody asked for")
        return bytes(dropped)


def streams(name: str, connect: Callable[[], Awaitable[Streams]]) -> Lines:
    """Return the one line that ``connect`` makes, as ``simulators.memory_streams.connect_memory`` for a simulator."""

    async def lines() -> Sequence[Line]:
        return (StreamLine(name, connect),)

    return lines
