"""The composition root: opens instruments, real or simulated, for everything above. Only here simulators are known."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.chi660e.cycler import PotentiostatCycler, cycling_problems, envelope_of
from drivers.chi660e.popups import Popup
from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import DriverError, SettingsError
from drivers.interfaces import BatteryTester, HostLoss, Isolation, Multiplexer
from drivers.mux import Chi684Multiplexer, RelayMultiplexer, RelayMuxSettings, streams
from drivers.opening import build_tester, open_tester
from drivers.settings import BenchSettings, NewareSettings, UnitSettings, load_bench
from orchestrator.station import Station
from orchestrator.virtual_time import DEMO_EPOCH_UNIX_S, wall_time
from protocols.envelope import ChannelEnvelope, problems
from protocols.program import Program

if TYPE_CHECKING:
    from simulators.bench import SimulatedBench

logger = logging.getLogger(__name__)

# The built-in simulated rack: one unit that can go below zero volts, and one that cannot.
_DEVID = 21
SIMULATED_CHI = "chi660e"
# Whose cell is on its leads, when it is a channel of its own: the tester finds that holder empty.
SIMULATED_CHI_CELL = f"{_DEVID}-1-1"
_SIMULATED_UNITS = (
    UnitSettings(devid=_DEVID, subdevid=1, voltage_low_v=-5.0),
    UnitSettings(devid=_DEVID, subdevid=2),
)


@dataclass(frozen=True, slots=True)
class SimulatedRack:
    """What the built-in simulated rack holds: a cell model for a channel, the seed of everything random.

    It is polled once in ten minutes of its time: a poll costs three requests, and the samples are the same.
    """

    cells: Mapping[str, str] = field(default_factory=dict)
    seed: int = 1
    poll_period_s: float = 600.0


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
    chi = _simulated_chi(Path(folder), SIMULATED_CHI)
    return BenchSettings(tester=(_simulated_settings(folder),), potentiostat=chi)


def _simulated_settings(folder: str, poll_period_s: float = 10.0) -> NewareSettings:
    return NewareSettings(
        name="simulated-ct4008",
        step_files=Path(folder),
        step_files_on_bts_pc=folder,
        poll_period_s=poll_period_s,
        units=_SIMULATED_UNITS,
    )


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


def ensure_simulated_rack(store: Path, speed: float, seed: int = 1) -> tuple[Path, str]:
    """Give the bench file of a simulated rack that is a process of its own, and say where the rack is.

    It rides on when the service dies, as a real tester does; it ends after ten minutes without a client.
    """
    bench = store.absolute().with_name(f"{store.name}.simulated.toml")
    if bench.exists():
        (old,) = load_bench(bench).tester
        with contextlib.suppress(OSError), socket.create_connection((old.host, old.port), timeout=1.0):
            return bench, f"the simulated rack from before still runs at {old.host}:{old.port}"
    command = [sys.executable, "-m", "simulators", "ct4008", "--port", "0", "--negative-voltage", "--idle-exit", "600"]
    command += ["--chi", "0", "--switch", "0"]
    process = subprocess.Popen(  # noqa: S603 - a program of ours, with numbers
        [*command, "--speed", str(speed), "--seed", str(seed)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    # The rack, the CHI660E's control socket, its switch: one line each, "listening on HOST:PORT", "NAME=HOST:PORT", ...
    told = [process.stdout.readline().strip() for _ in range(3)] if process.stdout else []
    addresses = [line.replace("=", " ").rpartition(" ")[2] for line in told]
    if not all(":" in address for address in addresses):
        raise SettingsError("the simulated rack did not start; try 'cellrig simulate ct4008' to see why")
    steps = bench.with_name(f"{store.name}.step-files")
    steps.mkdir(exist_ok=True)
    jobs = tempfile.mkdtemp(prefix="cellrig-jobs-")
    bench.write_text(_simulated_bench(steps, jobs, addresses), encoding="utf-8")
    return bench, f"simulated rack at {addresses[0]}, process {process.pid}; it goes on when the service dies"


def _simulated_bench(steps: Path, jobs: str, addresses: list[str]) -> str:
    """Write the bench file of a rack that is a process of its own, with a CHI660E and a switch beside it."""
    from simulators.chi660e.launching import program

    rack, chi, switch = addresses
    host, _, port = rack.partition(":")
    interpreter, *arguments = program()
    ports = "".join(f'{n} = "{_DEVID}-1-{n}"\n' for n in range(1, 9))
    folder = json.dumps(str(steps))
    return (
        f'[[tester]]\nname = "simulated-ct4008"\nhost = "{host}"\nport = {port}\npoll_period_s = 5\n'
        f"step_files = {folder}\nstep_files_on_bts_pc = {folder}\n"
        f"[[tester.units]]\ndevid = {_DEVID}\nsubdevid = 1\nvoltage_low_v = -5.0\n\n"
        f'[potentiostat]\nname = "simulated-chi660e"\nprogram = {json.dumps(interpreter)}\n'
        f'program_arguments = {json.dumps(arguments)}\njobs = {json.dumps(jobs)}\nworking_folder = "job"\n'
        f'command_line = "list"\nhost_loss = "stops"\nenvironment = {{ CHI660E_SIM_BENCH = "{chi}" }}\n\n'
        f'[multiplexer]\nkind = "relay-mux"\nname = "simulated-relays"\nport = "socket://{switch}"\n'
        f'identity = "RM0001"\nports = 8\nisolates_tester = "yes"\n[multiplexer.channels]\n{ports}'
    )


@asynccontextmanager
async def open_simulated_rack(rack: SimulatedRack) -> AsyncIterator[tuple[BatteryTester, SimulatedBench]]:
    """Open the built-in rack, joined to its driver by byte streams in memory; its clock is the running loop's."""
    from simulators.bench import SimulatedBench, cell_seed
    from simulators.cells import load_cell
    from simulators.neware.tester import Unit
    from simulators.streams import connect_memory

    loop = asyncio.get_running_loop()
    try:
        cells = {channel: load_cell(model, seed=cell_seed(rack.seed, channel)) for channel, model in rack.cells.items()}
    except ValueError as err:
        raise SettingsError(str(err)) from err
    simulated = SimulatedBench(
        clock=loop.time,
        epoch_unix_s=getattr(loop, "epoch_unix_s", DEMO_EPOCH_UNIX_S),
        units=[Unit(devid=unit.devid, subdevid=unit.subdevid) for unit in _SIMULATED_UNITS],
        cells=cells,
        seed=rack.seed,
        negative_voltage=[(u.devid, u.subdevid) for u in _SIMULATED_UNITS if u.voltage_low_v < 0],
    )

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(simulated.handle)

    with tempfile.TemporaryDirectory(prefix="cellrig-step-files-") as folder:
        settings = _simulated_settings(folder, rack.poll_period_s)
        async with open_tester(settings, wall_time, connect) as tester:
            yield tester, simulated


@asynccontextmanager
async def open_simulated_station(simulated: SimulatedBench) -> AsyncIterator[Station]:
    """Put a simulated CHI660E beside the built-in rack, with a switch that brings every channel's cell to it.

    Its program is a process of its own that lives in the rack's time, which is the running loop's.
    """
    from simulators.mux.server import SimulatedMux
    from simulators.streams import connect_memory

    channels = dict(enumerate(sorted(simulated.tester.channels), 1))
    relays = SimulatedMux(len(channels), on_select=lambda port: simulated.clip(channels[port] if port else None))

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(relays.handle)

    mux = RelayMuxSettings(
        name="simulated-relays",
        port="memory",
        identity="RM0001",
        ports=len(channels),
        channels={str(port): channel for port, channel in channels.items()},
        isolates_tester=Isolation.YES,
    )
    async with _simulated_potentiostat(simulated, "simulated-chi660e") as (_, potentiostat):
        switch = RelayMultiplexer(mux, streams(mux.name, connect))
        await switch.open()
        try:
            yield Station(potentiostat, switch, {channel: port for port, channel in channels.items()})
        finally:
            await switch.close()


@asynccontextmanager
async def open_simulated_cycler(simulated: SimulatedBench, poll_period_s: float) -> AsyncIterator[BatteryTester]:
    """Put a simulated CHI660E beside the built-in rack as a channel of its own, on a cell that the tester has not."""
    # A process that runs for hours of virtual time is looked at a hundred thousand times at the usual period.
    seldom = {"watch_period_s": poll_period_s, "poll_period_s": 5.0}
    async with _simulated_potentiostat(simulated, SIMULATED_CHI, seldom) as (settings, potentiostat):
        simulated.clip(SIMULATED_CHI_CELL)
        cycler = PotentiostatCycler(settings, potentiostat, wall_time)
        try:
            await cycler.open()
            yield cycler
        finally:
            await cycler.close()


@asynccontextmanager
async def _simulated_potentiostat(
    simulated: SimulatedBench, name: str, periods_s: Mapping[str, float] | None = None
) -> AsyncIterator[tuple[Chi660eSettings, Chi660ePotentiostat]]:
    from simulators.chi660e.control import BenchControl
    from simulators.chi660e.launching import Launcher

    control = BenchControl(simulated.leads, working=getattr(asyncio.get_running_loop(), "busy", None))
    await control.start()
    with tempfile.TemporaryDirectory(prefix="cellrig-jobs-") as folder:
        screen = Path(folder) / "screen.json"
        settings = _simulated_chi(Path(folder), name).model_copy(update=dict(periods_s or {}))
        start = Launcher(control, screen=screen)
        try:
            yield settings, Chi660ePotentiostat(settings, wall_time, start, partial(_popups_on, screen))
        finally:
            await control.close()


def _simulated_chi(folder: Path, name: str) -> Chi660eSettings:
    from simulators.chi660e.launching import program

    interpreter, *arguments = program()
    return Chi660eSettings(
        name=name,
        program=Path(interpreter),
        program_arguments=tuple(arguments),
        jobs=folder,
        command_line="list",
        working_folder="job",
        host_loss=HostLoss.STOPS,
    )


def _popups_on(screen: Path, _: int) -> list[Popup]:
    """Read what a simulated program shows on its screen."""
    try:
        shown = json.loads(screen.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    screen.unlink()
    return [Popup(window["title"], window["text"]) for window in shown]


def serve_simulated_ct4008(
    *,
    port: int,
    units: int,
    speed: float,
    seed: int,
    negative_voltage: bool,
    cells: Path | None,
    announce: Callable[[str], None],
) -> None:
    """Serve a simulated CT-4008 on loopback until Ctrl-C. Raises SettingsError for a bad cells file or a taken port."""
    from simulators.standalone import serve_ct4008

    try:
        asyncio.run(
            serve_ct4008(
                port=port,
                units=units,
                speed=speed,
                seed=seed,
                negative_voltage=negative_voltage,
                cells_file=cells,
                announce=announce,
            )
        )
    except (ValueError, OSError) as err:
        raise SettingsError(str(err)) from err


def serve_simulated_mux(
    *, port: int, ports: int, announce: Callable[[str], None], on_select: Callable[[int | None], None]
) -> None:
    """Serve a simulated relay switch on loopback until Ctrl-C. Raises SettingsError for a taken port."""
    from simulators.mux.serving import serve_mux

    try:
        asyncio.run(serve_mux(port=port, ports=ports, announce=announce, on_select=on_select))
    except (ValueError, OSError) as err:
        raise SettingsError(str(err)) from err


def simulated_models() -> tuple[str, ...]:
    """Name the cell models that come with the simulators."""
    from simulators.cells import shipped_names

    return shipped_names()
