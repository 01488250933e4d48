"""Finds the serial ports where an instrument may be: by the USB adapter's serial number, or by names in the settings.

A name alone proves nothing, since adapters come back under each other's names (fault A02): the client asks whoever is
there who it is before it says anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from serial.tools import list_ports

from drivers.errors import ConnectionFailed, SettingsError
from drivers.transport.line import Line, Lines, PortLine, StreamLine
from drivers.transport.port_settings import PortSettings


class PortInfo(Protocol):
    """The system's description of a serial port."""

    @property
    def device(self) -> str:
        """Return the name by which it is opened."""

    @property
    def serial_number(self) -> str | None:
        """Return the adapter's serial number, if it has one."""


def ports_of(settings: PortSettings, listed: Callable[[], Iterable[PortInfo]] = list_ports.comports) -> Lines:
    """Return the ports at which the instrument of these settings may be (fault A02)."""

    async def lines() -> Sequence[Line]:
        """List the ports anew: an adapter may have come back under another name."""
        if not settings.serial_number:
            return [_line(name, settings) for name in dict.fromkeys((settings.port, *settings.other_ports))]
        found = list(await asyncio.to_thread(lambda: list(listed())))
        names = [info.device for info in found if info.serial_number == settings.serial_number]
        if not names:
            seen = ", ".join(f"{info.device} ({info.serial_number})" for info in found if info.serial_number) or "none"
            raise ConnectionFailed(
                f"no serial adapter with serial number {settings.serial_number} is plugged in; adapters seen: {seen}"
            )
        return [_line(name, settings) for name in names]

    return lines


def _line(name: str, settings: PortSettings) -> Line:
    """Open TCP by asyncio: pyserial's socket sleeps 0.3 s when it closes, and leaks when the peer has broken it."""
    url = urlsplit(name)
    if url.scheme != "socket":
        return PortLine(name, settings.baud_rate, settings.reply_timeout_s, settings.parity, settings.stop_bits)
    try:
        host, number = url.hostname, url.port
    except ValueError as err:
        raise SettingsError(f"{name!r}: {err}") from err
    if host is None or number is None:
        raise SettingsError(f"{name!r} needs a host and a port, like socket://127.0.0.1:5025")
    return StreamLine(name, lambda: asyncio.open_connection(host, number))
