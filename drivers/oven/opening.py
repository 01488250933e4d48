"""Builds the ovens of a bench: those at one line share one link, and with it its lock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from drivers.errors import SettingsError
from drivers.oven.link import ModbusLink
from drivers.oven.oven import ModbusOven
from drivers.oven.settings import LinkSettings, OvenSettings
from drivers.transport.line import Line, Lines, StreamLine
from drivers.transport.port_finding import ports_of


def ovens_of(
    settings: Iterable[OvenSettings],
    clock: Callable[[], float],
    lines_of: Callable[[LinkSettings], Lines] | None = None,
) -> tuple[ModbusOven, ...]:
    """Return the ovens of these settings, none of them open; ``clock`` is the wall clock.

    ``lines_of`` gives the lines of a link, as in tests; else serial ports and TCP.
    """
    links: dict[str, ModbusLink] = {}
    built = []
    for one in settings:
        where = one.link.where
        if where not in links:
            links[where] = ModbusLink(one.link, (lines_of or _lines)(one.link))
        built.append(ModbusOven(one, links[where], clock))
    return tuple(built)


def _lines(link: LinkSettings) -> Lines:
    """Return where a link may be found."""
    if link.kind == "rtu":
        return ports_of(link.as_port())
    host, port = link.host, link.tcp_port
    if host is None:
        raise SettingsError("a Modbus TCP link has a host")

    async def lines() -> Sequence[Line]:
        return (StreamLine(link.where, lambda: asyncio.open_connection(host, port)),)

    return lines
