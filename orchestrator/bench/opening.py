"""Opens the real instruments of a bench file."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from drivers.chi660e.cycling_settings import CyclingSettings
from drivers.chi660e.cycling_tester import PotentiostatCycler
from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.errors import DriverError, SettingsError
from drivers.interfaces import BatteryTester, Multiplexer
from drivers.mux import Chi684Multiplexer, RelayMultiplexer, RelayMuxSettings
from drivers.temperatures import Oven, TemperatureProbe
from drivers.tester_kind import BatteryTesterSettings
from drivers.thermometer import LineThermometer
from orchestrator.bench.kinds import broken_code, find_kind, is_ours
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.station import Station
from orchestrator.clock.virtual import wall_time

logger = logging.getLogger(__name__)


def station_on(bench: BenchSettings) -> Station | None:
    """Return the potentiostat's place on a bench; None where there is none. Nothing is opened."""
    if bench.potentiostat is None:
        return None
    potentiostat = Chi660ePotentiostat(bench.potentiostat, wall_time)
    settings = bench.multiplexer
    if settings is None:
        return Station(potentiostat, arrival_v=bench.arrival_v)
    switch: Multiplexer = (
        RelayMultiplexer(settings) if isinstance(settings, RelayMuxSettings) else Chi684Multiplexer(settings)
    )
    wired = {channel: int(port) for port, channel in settings.channels.items()}
    # A cell comes to the leads by its one port, whichever of its channels has cycled it.
    ports = {other: port for channel, port in wired.items() for other in bench.sharing_with(channel)} | wired
    return Station(potentiostat, switch, ports, bench.arrival_v)


@asynccontextmanager
async def open_station(bench: BenchSettings) -> AsyncIterator[Station | None]:
    """Open the potentiostat's place, with every cell disconnected from its leads before and after.

    A switch that does not answer is said so in the log: it is tried again when a cell is to be measured.
    """
    station = station_on(bench)
    try:
        if station is not None and station.switch is not None:
            try:
                await station.switch.open()
            except DriverError as err:
                logger.error("%s cannot be opened yet: %s", station.switch.name, err)
        yield station
    finally:
        if station is not None and station.switch is not None:
            try:
                await station.switch.close()
            except DriverError as err:
                logger.error("a cell may still be on the leads that %s switches: %s", station.switch.name, err)


@asynccontextmanager
async def bench_testers(bench: BenchSettings, station: Station | None) -> AsyncIterator[list[BatteryTester]]:
    """Return all testers of a bench, not open yet: each may be switched on later than the program starts.

    With a ``station`` the last is its potentiostat, where that is a channel of its own.
    """
    settings = bench.tester if station is None else bench.with_channels
    testers = [_built(one, station) for one in settings]
    try:
        yield testers
    finally:
        for tester in testers:
            try:
                await tester.close()
            except Exception:  # whatever a driver raises, the others are closed
                logger.exception("%s could not be closed; it may be in use until this program ends", tester.name)


@asynccontextmanager
async def bench_ovens(bench: BenchSettings) -> AsyncIterator[tuple[tuple[Oven, ...], tuple[TemperatureProbe, ...]]]:
    """Return all ovens and thermometers of a bench, not open yet; in the end they are closed, and ovens go on.

    Raises SettingsError where there is an oven, and not the library that it needs.
    """
    ovens = _ovens(bench)
    probes = tuple(LineThermometer(settings, wall_time) for settings in bench.thermometer)
    try:
        yield ovens, probes
    finally:
        instruments: tuple[Oven | TemperatureProbe, ...] = (*ovens, *probes)
        for one in instruments:
            try:
                await one.close()
            except Exception:  # whatever a driver raises, the others are closed
                logger.exception("%s could not be closed; it may be in use until this program ends", one.name)


def _ovens(bench: BenchSettings) -> tuple[Oven, ...]:
    if not bench.oven:
        return ()
    if find_spec("pymodbus") is None:
        raise SettingsError(
            f"oven {bench.oven[0].name!r} is asked by Modbus, and pymodbus is not installed; install it with: "
            "python -m pip install '.[oven]' in the folder of cellrig"
        )
    from drivers.oven.opening import ovens_of

    return ovens_of(bench.oven, wall_time)


@asynccontextmanager
async def open_tester_of(
    bench: BenchSettings, channel: str, station: Station | None = None
) -> AsyncIterator[BatteryTester]:
    """Open the tester of a bench that has the channel; ``station`` is the potentiostat's place there."""
    tester = _built(bench.tester_of(channel), station or station_on(bench))
    try:
        await tester.open()
        yield tester
    finally:
        await tester.close()


def closed_tester_of(bench: BenchSettings, channel: str) -> BatteryTester:
    """Return the tester of a bench that has the channel, not open: it answers from its settings alone."""
    return _built(bench.tester_of(channel), station_on(bench))


def _built(settings: BatteryTesterSettings, station: Station | None) -> BatteryTester:
    """Build a tester that is not open yet; a potentiostat used as a tester shares its station's lock."""
    if isinstance(settings, CyclingSettings) and station is not None:
        return PotentiostatCycler(settings.potentiostat, station.potentiostat, wall_time, station.turn)
    try:
        return find_kind(settings.kind).build(settings, wall_time)
    except SettingsError:
        raise
    except Exception as err:
        if is_ours(settings.kind):
            raise
        raise SettingsError(broken_code(settings.kind, f"making the tester {settings.name!r}", err)) from err
