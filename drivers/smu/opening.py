"""Builds a tester of source meters from settings: the only place that joins a link, a source and the stepping."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from drivers.interfaces import BatteryTester
from drivers.smu.links import Link, StreamLink
from drivers.smu.settings import SmuSettings, SmuUnitSettings
from drivers.smu.source import SmuSource
from drivers.smu.visa_link import VisaLink, VisaPort
from drivers.stepping import SteppedTester
from drivers.tester_kind import BatteryTesterKind
from drivers.transport.line import Streams

Connect = Callable[[], Awaitable[Streams]]

_VISIT_S = 1.0


def link_to(unit: SmuUnitSettings) -> Link:
    """Return the link that a unit's settings ask for, not open yet."""
    if (address := unit.socket) is not None:
        host, port = address
        free = None if unit.dead_socket_port is None else partial(_visit, host, unit.dead_socket_port)
        return StreamLink(unit.resource, partial(asyncio.open_connection, host, port), unit.line_end, free)
    return VisaLink(VisaPort(unit.resource, unit.visa_library, unit.baud_rate, unit.line_end, unit.connect_timeout_s))


def build_tester(
    settings: SmuSettings, wall_time: Callable[[], float], connects: Mapping[str, Connect] | None = None
) -> BatteryTester:
    """Build a battery tester that is not open yet; ``connects`` replaces the link of a channel by a byte stream."""
    sources = {}
    for unit in settings.units:
        connect = (connects or {}).get(unit.channel)
        link = link_to(unit) if connect is None else StreamLink(unit.resource, connect, unit.line_end)
        sources[unit.channel] = SmuSource(unit, link, settings.decision_timeout_s)
    return SteppedTester(settings, sources, wall_time)


KIND = BatteryTesterKind(SmuSettings, build_tester)


async def _visit(host: str, port: int) -> None:
    """Connect and hang up, which makes some Keithleys let go of a client that died (section 4)."""
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(_VISIT_S):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
