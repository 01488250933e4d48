"""Builds an open instrument from settings: the only place that connects a connection, a client and a driver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from drivers.interfaces import BatteryTester
from drivers.neware.aux_thermometer import NewareTesterWithAux
from drivers.neware.client import Connect, NewareClient, tcp
from drivers.neware.settings import NewareSettings
from drivers.neware.tester import NewareTester
from drivers.tester_kind import BatteryTesterKind


def build_tester(
    settings: NewareSettings, wall_time: Callable[[], float], connect: Connect | None = None
) -> BatteryTester:
    """Build a battery tester that is not open yet."""
    client = NewareClient(
        connect or tcp(settings.host, settings.port),
        settings.username,
        settings.password,
        settings.reply_timeout_s,
    )
    built = NewareTester if settings.aux is None else NewareTesterWithAux
    return built(settings, client, wall_time)


KIND = BatteryTesterKind(NewareSettings, build_tester)


@asynccontextmanager
async def open_tester(
    settings: NewareSettings, wall_time: Callable[[], float], connect: Connect | None = None
) -> AsyncIterator[BatteryTester]:
    """Open a battery tester; ``connect`` replaces TCP by another byte stream. Raises ConnectionFailed or Refused."""
    tester = build_tester(settings, wall_time, connect)
    try:
        await tester.open()
        yield tester
    finally:
        await tester.close()
