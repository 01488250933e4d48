"""A line to a source meter through pyvisa: VXI-11, HiSLIP, USB, GPIB, serial; all calls on the port's own thread.

What pyvisa-py really does decides the shape (decision 32): opening proves nothing, since it succeeds with nobody
there; besides its own errors any OSError comes out of it, and from a pulled serial adapter ``termios.error``; its
time-outs count from the last piece, so that the caller's deadline is the event loop's. A call that outlives its
deadline keeps the thread: the link is then closed and opened on a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, NoReply, SettingsError
from drivers.smu.port_thread import PortThread
from drivers.smu.wire import text_of

if TYPE_CHECKING:
    from pyvisa.resources import MessageBasedResource

logger = logging.getLogger(__name__)

T = TypeVar("T")

PYVISA_MISSING = "pyvisa is not installed: python -m pip install '.[smu]' in the checkout of cellrig"

_CLOSE_S = 1.0
_SETTLE_S = 0.1
"""A 2400 needs this long after Ctrl-C (section 25.7)."""
_CTRL_C = b"\x03"
_ANSWER_CAP = 4096


def has_pyvisa() -> bool:
    """Return whether pyvisa is installed."""
    return importlib.util.find_spec("pyvisa") is not None


@dataclass(frozen=True, slots=True)
class VisaPort:
    """Where an instrument is: VISA resource, library (empty: the vendor's, else pyvisa-py), serial line."""

    resource: str
    library: str = ""
    baud_rate: int = 9600
    line_end: str = "\n"
    open_timeout_s: float = 2.0


class VisaLink:
    """A message-based VISA resource."""

    keeps_time = True

    def __init__(self, port: VisaPort) -> None:
        self.name = port.resource
        self.is_bound = port.resource.upper().startswith(("TCPIP", "USB"))
        self._port = port
        self._thread: PortThread | None = None
        # Of the present thread, which alone changes it: an opening that was given up may still succeed there.
        self._opened: list[MessageBasedResource] = []
        self._aside: tuple[PortThread, list[MessageBasedResource]] | None = None

    @property
    def has_aside(self) -> bool:
        """Whether a connection is set aside."""
        return self._aside is not None

    async def open(self) -> None:
        """Open the resource."""
        if not has_pyvisa():
            raise SettingsError(PYVISA_MISSING)
        self._thread = PortThread(f"visa {self.name}")
        self._opened = opened = []
        await self._run(self._thread, lambda: opened.append(self._open()))

    async def close(self) -> None:
        """Close the resource after the thread's present call, waiting at most a second."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await _closed(thread, self._opened)

    async def set_aside(self) -> None:
        """Keep the present connection where another can be opened beside it, as in a network; else close it."""
        thread, opened = self._thread, self._opened
        if thread is None or not opened or not self.name.upper().startswith("TCPIP"):
            await self.close()
            return
        await self.let_go()
        self._aside, self._thread, self._opened = (thread, opened), None, []

    async def let_go(self) -> None:
        """Close what was kept."""
        aside, self._aside = self._aside, None
        if aside is not None:
            await _closed(*aside)

    async def free(self) -> bool:
        """Do nothing: VISA has no such thing."""
        return False

    async def send(self, line: str, timeout_s: float) -> None:
        """Send an order."""
        await self._call(self._send, line, timeout_s)

    async def ask(self, line: str, timeout_s: float) -> str:
        """Send a line and read the one that answers it."""
        data = await self._call(self._ask, line, timeout_s)
        text = text_of(data)
        if "\n" in text or "\r" in text:
            raise BadReply(f"{self.name} sent {text!r}, more than one line")
        return text

    async def clear(self) -> None:
        """Free the instrument: device clear, or Ctrl-C on a serial line, whose input is then dropped."""
        await self._call(self._clear, "", _CLOSE_S)
        await asyncio.sleep(_SETTLE_S)
        await self._call(self._drop_input, "", _CLOSE_S)

    def shout(self, line: str) -> None:
        """Have the port's thread send an order after its present call."""
        thread, opened = self._aside or (self._thread, self._opened)
        if thread is not None and opened:
            with contextlib.suppress(RuntimeError):  # shut down in this moment
                thread.submit(_shout, opened[0], line)

    async def _call(self, work: Callable[[MessageBasedResource, str, float], T], line: str, timeout_s: float) -> T:
        thread, opened = self._thread, self._opened
        if thread is None or not opened:
            raise LinkClosed(f"{self.name} is not open")
        resource = opened[0]
        try:
            async with asyncio.timeout(timeout_s):
                return await self._run(thread, lambda: work(resource, line, timeout_s))
        except TimeoutError as err:
            raise NoReply(f"{self.name} gave no reply to {line!r} in {timeout_s:g} s") from err

    async def _run(self, thread: PortThread, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, self._guarded, work)

    # On the thread ---------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (ConnectionFailed, SettingsError):
            raise
        except Exception as err:
            # Whatever a VISA library raises is a fault of the line: VisaIOError, OSError, termios.error, and more.
            if _is_timeout(err):
                raise NoReply(f"{self.name} gave no reply") from err
            raise LinkClosed(f"the line to {self.name} broke: {err}") from err

    def _open(self) -> MessageBasedResource:
        import pyvisa
        from pyvisa.resources import MessageBasedResource

        try:
            manager = pyvisa.ResourceManager(self._port.library)
        except (ValueError, OSError) as err:
            raise SettingsError(f"visa_library {self._port.library!r} cannot be used: {err}") from err
        resource = manager.open_resource(self.name, open_timeout=round(self._port.open_timeout_s * 1000))
        if not isinstance(resource, MessageBasedResource):
            resource.close()
            raise SettingsError(f"{self.name} is a {type(resource).__name__}, which takes no text")
        resource.write_termination = self._port.line_end
        if _is_line(resource):
            resource.read_termination = self._port.line_end
        try:
            if _is_serial(resource):
                resource.baud_rate = self._port.baud_rate  # type: ignore[attr-defined]  # of a SerialInstrument
            _alone_and_at_once(resource)
        except Exception:
            resource.close()
            raise
        return resource

    def _send(self, resource: MessageBasedResource, line: str, timeout_s: float) -> None:
        resource.timeout = timeout_s * 1000
        logger.debug("%s -> %s", self.name, line)
        resource.write(line)

    def _ask(self, resource: MessageBasedResource, line: str, timeout_s: float) -> bytes:
        if _is_serial(resource) and (waiting := resource.bytes_in_buffer):  # type: ignore[attr-defined]  # of a SerialInstrument
            raise BadReply(f"{self.name} sent {waiting} bytes that nobody asked for")
        self._send(resource, line, timeout_s)
        data = resource.read_raw()
        if len(data) > _ANSWER_CAP:
            raise BadReply(f"{self.name} sent {len(data)} bytes in one line; the limit is {_ANSWER_CAP}")
        logger.debug("%s <- %s", self.name, data)
        return data

    def _clear(self, resource: MessageBasedResource, _: str, timeout_s: float) -> None:
        resource.timeout = timeout_s * 1000
        if _is_serial(resource):
            resource.write_raw(_CTRL_C)
        elif not _is_line(resource):
            resource.clear()

    def _drop_input(self, resource: MessageBasedResource, _: str, timeout_s: float) -> None:
        from pyvisa.constants import BufferOperation

        resource.timeout = timeout_s * 1000
        if _is_serial(resource):
            resource.flush(BufferOperation.discard_read_buffer)


async def _closed(thread: PortThread, opened: list[MessageBasedResource]) -> None:
    """Close a resource after its thread's present call, waiting at most a second."""
    closing = asyncio.get_running_loop().run_in_executor(thread, _close, opened)
    thread.shutdown(wait=False)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            await asyncio.shield(closing)


def _shout(resource: MessageBasedResource, line: str) -> None:
    try:
        resource.write(line)
    except Exception:
        # A thread's root, and the last word about this output: nobody is left to be told otherwise.
        logger.exception("%s could not be sent", line)


def _close(opened: list[MessageBasedResource]) -> None:
    while opened:
        # A line that broke may raise anything at its close, and is closed all the same.
        with contextlib.suppress(Exception):
            opened.pop().close()


def _is_timeout(err: Exception) -> bool:
    from pyvisa.constants import StatusCode

    return getattr(err, "error_code", None) == StatusCode.error_timeout


def _is_serial(resource: MessageBasedResource) -> bool:
    from pyvisa.constants import InterfaceType

    return resource.interface_type == InterfaceType.asrl


def _is_line(resource: MessageBasedResource) -> bool:
    """Return whether only a line end tells that a reply is whole: a socket or a serial line."""
    return _is_serial(resource) or resource.resource_class == "SOCKET"


def _alone_and_at_once(resource: MessageBasedResource) -> None:
    """Lock a serial port of pyvisa-py, which lets a second program in, and switch Nagle's delay of its sockets off.

    It has no attribute for either (decision 32). Raises OSError when another program has the port.
    """
    sessions: Any = getattr(resource.visalib, "sessions", {})
    interface: Any = getattr(sessions.get(resource.session), "interface", None)
    if _is_serial(resource) and hasattr(interface, "exclusive"):
        interface.exclusive = True
    elif isinstance(interface, socket.socket):
        interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
