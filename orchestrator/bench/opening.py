"""Opens the real instruments of a bench file; says what each channel can do, and what a program asks too much of it."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.chi660e.cycling_tester import PotentiostatCycler, cycling_problems, envelope_of
from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, Multiplexer
from drivers.mux import Chi684Multiplexer, RelayMultiplexer, RelayMuxSettings
from drivers.neware.opening import build_tester, open_tester
from orchestrator.bench.settings import BenchSettings, load_bench
from orchestrator.bench.simulated import SIMULATED_CHI, simulated_chi_settings, simulated_tester_settings
from orchestrator.bench.station import Station
from orchestrator.clock.virtual import wall_time
from protocols.channel_envelope import ChannelEnvelope, problems
from protocols.program import Program

if TYPE_CHECKING:
    pass


logger = logging.getLogger(__name__)


def channel_envelope(bench: Path | None, channel: str) -> ChannelEnvelope:
    """Give what a channel can do: of a bench file, or (None) of the built-in simulated rack. Opens nothing."""
    settings = _settings(bench)
    if (potentiostat := settings.cycler_of(channel)) is not None:
        return envelope_of(potentiostat)
    tester = settings.tester_of(channel)
    units = {f"{unit.devid}-{unit.subdevid}": unit for unit in tester.units}
    return units[channel.rpartition("-")[0]].envelope()


def channel_problems(program: Program, bench: Path | None, channel: str) -> list[str]:
    """Give every reason, as a sentence, why a program cannot run on a channel of a bench; empty when it can."""
    found = problems(program, channel_envelope(bench, channel))
    if (potentiostat := _settings(bench).cycler_of(channel)) is not None:
        found += [f"{reason}." for part in program.cycling for reason in cycling_problems(part, potentiostat)]
        if len(program.cycling) < len(program.segments):
            found.append(
                f"{channel} cycles the cell at its own leads and measures nothing between: take out the spectra."
            )
    return found


def _settings(bench: Path | None) -> BenchSettings:
    """Give a bench file's settings, or those of the built-in simulated bench."""
    if bench is not None:
        return load_bench(bench)
    folder = tempfile.gettempdir()
    chi = simulated_chi_settings(Path(folder), SIMULATED_CHI)
    return BenchSettings(tester=(simulated_tester_settings(folder),), potentiostat=chi)


@asynccontextmanager
async def open_bench(path: Path, channel: str, station: Station | None = None) -> AsyncIterator[BatteryTester]:
    """Open the tester of a bench file that has the channel; ``station`` is the potentiostat's place there."""
    bench = load_bench(path)
    if bench.cycler_of(channel) is None:
        async with open_tester(bench.tester_of(channel), wall_time) as tester:
            yield tester
        return
    async with testers_of(bench, station or station_on(bench)) as testers:
        await testers[-1].open()
        yield testers[-1]


def station_on(bench: BenchSettings) -> Station | None:
    """Give the potentiostat's place on a bench; None where there is none. Nothing is opened."""
    if bench.potentiostat is None:
        return None
    potentiostat = Chi660ePotentiostat(bench.potentiostat, wall_time)
    settings = bench.multiplexer
    if settings is None:
        return Station(potentiostat, arrival_v=bench.arrival_v)
    switch: Multiplexer = (
        RelayMultiplexer(settings) if isinstance(settings, RelayMuxSettings) else Chi684Multiplexer(settings)
    )
    ports = {channel: int(port) for port, channel in settings.channels.items()}
    return Station(potentiostat, switch, ports, bench.arrival_v)


@asynccontextmanager
async def open_station(bench: BenchSettings) -> AsyncIterator[Station | None]:
    """Give the potentiostat's place with every cell taken off its leads, before and after.

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
            with contextlib.suppress(DriverError):
                await station.switch.close()


@asynccontextmanager
async def testers_of(bench: BenchSettings, station: Station | None) -> AsyncIterator[list[BatteryTester]]:
    """Give all testers of a bench, not open yet: each may come up later than the program.

    With a ``station`` the last is its potentiostat, where that is a channel of its own.
    """
    testers = [build_tester(settings, wall_time) for settings in bench.tester]
    if station is not None and bench.cycling_potentiostat is not None:
        testers.append(PotentiostatCycler(bench.cycling_potentiostat, station.potentiostat, wall_time, station.turn))
    try:
        yield testers
    finally:
        for tester in testers:
            await tester.close()
