"""Opens the built-in simulated bench: instruments at the end of byte streams in memory, in the running loop's time."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivers.chi660e.cycling_tester import PotentiostatCycler
from drivers.chi660e.popups import Popup
from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.chi660e.settings import Chi660eSettings, can_be_named
from drivers.errors import SettingsError
from drivers.interfaces import BatteryTester, HostLoss, Isolation
from drivers.mux import RelayMultiplexer, RelayMuxSettings, streams
from drivers.neware.opening import open_tester
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.simulated_smus import SIMULATED_SMUS, simulated_smu_settings
from orchestrator.bench.station import Station
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S, wall_time
from protocols.bounded_file import BadFile, read_bounded
from protocols.cell import Cell, CellKind
from protocols.forecast import expected_duration_s
from protocols.program import Program
from protocols.usual_bands import BANDS, UsualBands

if TYPE_CHECKING:
    from simulators.bench import SimulatedBench


# Of the file of a cell model; the shipped ones are a tenth of it.
_MODEL_BYTES = 64 * 1024
# The built-in simulated rack: one unit that can go below zero volts, and one that cannot.
SIMULATED_DEVID = 21


SIMULATED_CHI = "chi660e"


# Whose cell is on its leads, when it is a channel of its own: the tester finds that holder empty.
SIMULATED_CHI_CELL = f"{SIMULATED_DEVID}-1-1"


_SIMULATED_UNITS = (
    UnitSettings(devid=SIMULATED_DEVID, subdevid=1, voltage_low_v=-5.0),
    UnitSettings(devid=SIMULATED_DEVID, subdevid=2),
)


# A rest that is longer by a hundredth of the segment before it is none that anybody sees.
_POLLS_OF_A_SEGMENT = 100
# A collapse is seen so soon, as behind a real tester.
_POLL_FOR_ENDS_S, _LEAST_POLL_S = 30.0, 10.0


@dataclass(frozen=True, slots=True)
class SimulatedRack:
    """The options of the built-in simulated rack: a cell model for each channel, and the seed of all random numbers.

    ``variations`` are settings that replace those of a channel's model, as in its file. The rack is polled once in ten
    minutes of its time: a poll costs three requests, and the samples are the same.
    """

    cells: Mapping[str, str] = field(default_factory=dict)
    variations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 1
    poll_period_s: float = 600.0

    def polled_for(self, program: Program) -> SimulatedRack:
        """Return the rack with polls as often as a program needs whose next segment, or a step's end, the host decides.

        A cell that waits for a poll between two segments rests so much longer than behind a real tester.
        """
        decided = [
            expected_duration_s(replace(program, segments=(segment,))) for segment in program.cycling if segment.after
        ]
        most_s = min((seconds / _POLLS_OF_A_SEGMENT for seconds in decided), default=inf)
        if program.asks_for_temperature or any(segment.ends for segment in program.cycling):
            most_s = min(most_s, _POLL_FOR_ENDS_S)
        return replace(self, poll_period_s=min(self.poll_period_s, max(_LEAST_POLL_S, most_s)))

    @property
    def is_simulated(self) -> bool:
        """Whether no cell here is real."""
        return True

    @property
    def usual_bands(self) -> UsualBands:
        """The bands in which values must lie, or a person confirms them."""
        return BANDS

    def problems(self, program: Program, channel: str) -> list[str]:
        """Return every reason, as a sentence, why a program cannot run on a channel of the rack; empty when it can."""
        return simulated_bench().problems(program, channel)


def rack_with(
    cell: Cell, channel: str, model: str | None, seed: int, variation: Mapping[str, Any] | None = None, text: str = ""
) -> SimulatedRack:
    """Return the rack with one cell for a channel: ``model``, else the cell's own, else the usual one of its kind.

    ``text`` is that of the model's file where the file itself is not to be read: it has every parameter, so that it
    replaces all of a shipped model of its kind.
    """
    if text:
        table = _model_table(text)
        model, variation = model_of("", str(table.get("kind"))), _merged(table, variation or {})
        if model is None:
            raise SettingsError(
                f"no simulated cell is of kind {table.get('kind')!r}, which the cell model's file names"
            )
    if model is None and (model := model_of(cell.name, cell.kind)) is None:
        raise SettingsError(
            f"no simulated cell is of kind {cell.kind.value}: say which one to take with --cell-model: "
            f"{', '.join(simulated_models())}, or a file of your own"
        )
    holder = SIMULATED_CHI_CELL if channel == SIMULATED_CHI else channel
    return SimulatedRack({holder: model}, {holder: variation or {}}, seed)


def sizes_in(rack: SimulatedRack) -> list[dict[str, float]]:
    """Return the active mass and area that the model of each cell of a rack states, by the names of its parameters."""
    from simulators.cells import stated_sizes

    return [stated_sizes(model, rack.variations.get(holder)) for holder, model in rack.cells.items()]


def _merged(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with values replaced, those of inner tables too."""
    inner = {key: _merged(table[key], value) for key, value in over.items() if _are_tables(table.get(key), value)}
    return {**table, **over, **inner}


def _are_tables(*values: object) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def model_text(model: str) -> str:
    """Return the text of a cell model's file, to be kept with a run; empty for a shipped one. Raises SettingsError."""
    if model in simulated_models():
        return ""
    try:
        return read_bounded(model, _MODEL_BYTES).decode("utf-8")
    except (BadFile, UnicodeDecodeError) as err:
        raise SettingsError(f"cell model {model}: {err}; shipped are {', '.join(simulated_models())}") from err


def _model_table(text: str) -> dict[str, Any]:
    """Read the text of a cell model's file. Raises SettingsError."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as err:
        raise SettingsError(f"the file of the cell model is no TOML: {err}") from err


def read_variation(lines: Sequence[str]) -> dict[str, Any]:
    """Read the settings of a cell model from lines of TOML, such as ``short.ohm = 3``. Raises SettingsError."""
    try:
        return tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError) as err:
        raise SettingsError(f"settings of the cell model are no TOML: {'; '.join(lines)}: {err}") from err


def model_of(name: str, kind: str) -> str | None:
    """Return the model of a simulated cell: its own, else the usual one of its kind; None where there is none."""
    shipped = simulated_models()
    # Copper whose film is formed is how most published methods begin, and it rests within their limits.
    usual = f"{'conditioned' if kind == CellKind.LI_CU else 'coated'}-{kind}"
    return next((model for model in (name, usual) if model in shipped), None)


def simulated_bench() -> BenchSettings:
    """Return the settings of the built-in simulated bench, with no particular folder for its files."""
    folder = tempfile.gettempdir()
    chi = simulated_chi_settings(Path(Path(folder).anchor, "jobs"), SIMULATED_CHI)
    testers = (simulated_tester_settings(folder), simulated_smu_settings())
    return BenchSettings(tester=testers, potentiostat=chi)


def simulated_tester_settings(folder: str, poll_period_s: float = 10.0) -> NewareSettings:
    """Return the settings of the built-in CT-4008; its step files go into ``folder``."""
    return NewareSettings(
        name="simulated-ct4008",
        step_files=Path(folder),
        step_files_on_bts_pc=folder,
        poll_period_s=poll_period_s,
        power_per_w=1e3,
        resistance_per_ohm=1e3,
        units=_SIMULATED_UNITS,
    )


@asynccontextmanager
async def open_simulated_rack(rack: SimulatedRack) -> AsyncIterator[tuple[BatteryTester, SimulatedBench]]:
    """Open the built-in rack, connected to its driver by byte streams in memory; it uses the running loop's clock."""
    from simulators.bench import SimulatedBench, cell_seed
    from simulators.cells import load_cell
    from simulators.memory_streams import connect_memory
    from simulators.neware.tester import Unit

    loop = asyncio.get_running_loop()
    try:
        cells = {
            channel: load_cell(model, seed=cell_seed(rack.seed, channel), overrides=rack.variations.get(channel))
            for channel, model in rack.cells.items()
            if channel not in SIMULATED_SMUS
        }
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
        settings = simulated_tester_settings(folder, rack.poll_period_s)
        async with open_tester(settings, wall_time, connect) as tester:
            yield tester, simulated


def put_resistor(simulated: SimulatedBench, channel: str, ohm: float) -> None:
    """Put a resistor into a holder of the built-in rack, in the place of its cell."""
    from simulators.cells.resistor import ResistorCell

    simulated.tester.swap_cell(channel, ResistorCell(ohm))


@asynccontextmanager
async def open_simulated_station(simulated: SimulatedBench) -> AsyncIterator[Station]:
    """Add a simulated CHI660E to the built-in rack, with a switch that connects any channel's cell to it.

    Source meters that are to be reached too are at the rack's leads already (``leads.others``).

    Its program is a process of its own that lives in the rack's time, which is the running loop's.
    """
    async with (
        open_simulated_chi(simulated, "simulated-chi660e") as (settings, build),
        open_simulated_switch(simulated) as (mux, switch),
    ):
        yield Station(build(settings), switch, {channel: int(port) for port, channel in mux.channels.items()})


@asynccontextmanager
async def open_simulated_switch(
    simulated: SimulatedBench,
) -> AsyncIterator[tuple[RelayMuxSettings, RelayMultiplexer]]:
    """Add a simulated switch that connects any channel's cell to the leads of the potentiostat; give its driver."""
    from simulators.memory_streams import connect_memory
    from simulators.mux.server import SimulatedMux

    mux = simulated_switch_settings([*sorted(simulated.tester.channels), *simulated.leads.others])
    relays = SimulatedMux(mux.ports, on_select=lambda port: simulated.clip(mux.channels[str(port)] if port else None))

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(relays.handle)

    switch = RelayMultiplexer(mux, streams(mux.name, connect))
    await switch.open()
    try:
        yield mux, switch
    finally:
        await switch.close()


def simulated_switch_settings(channels: Sequence[str]) -> RelayMuxSettings:
    """Return the settings of the built-in switch, with a port for each channel in this order."""
    return RelayMuxSettings(
        name="simulated-relays",
        port="memory",
        identity="RM0001",
        ports=len(channels),
        channels={str(port): channel for port, channel in enumerate(channels, 1)},
        isolates_tester=Isolation.YES,
    )


@asynccontextmanager
async def open_simulated_cycler(simulated: SimulatedBench, poll_period_s: float) -> AsyncIterator[BatteryTester]:
    """Add a simulated CHI660E to the built-in rack as a channel of its own, with a cell that no tester channel has."""
    # A process that runs for hours of virtual time is looked at a hundred thousand times at the usual period.
    seldom = {"watch_period_s": poll_period_s, "poll_period_s": 5.0}
    async with open_simulated_chi(simulated, SIMULATED_CHI, seldom) as (settings, build):
        simulated.clip(SIMULATED_CHI_CELL)
        cycler = PotentiostatCycler(settings, build(settings), wall_time)
        try:
            await cycler.open()
            yield cycler
        finally:
            await cycler.close()


@asynccontextmanager
async def open_simulated_chi(
    simulated: SimulatedBench,
    name: str,
    periods_s: Mapping[str, float] | None = None,
    cfg: Mapping[str, Any] | None = None,
) -> AsyncIterator[tuple[Chi660eSettings, Callable[[Chi660eSettings], Chi660ePotentiostat]]]:
    """Put the program of a CHI660E beside the rack's leads; give its settings, and what makes a driver by settings.

    ``cfg`` are settings of the simulated program.
    """
    from simulators.chi660e.control_socket import BenchControl
    from simulators.chi660e.launching import Launcher

    control = BenchControl(simulated.leads, working=getattr(asyncio.get_running_loop(), "busy", None))
    await control.start()
    with tempfile.TemporaryDirectory(prefix="cellrig-jobs-", dir=jobs_place()) as folder:
        screen = Path(folder) / "screen.json"
        settings = simulated_chi_settings(Path(folder), name).model_copy(update=dict(periods_s or {}))
        start = Launcher(control, cfg=_cfg(Path(folder), cfg or {}), screen=screen)
        try:
            yield settings, lambda changed: Chi660ePotentiostat(changed, wall_time, start, partial(_popups_on, screen))
        finally:
            await control.close()


def _cfg(folder: Path, cfg: Mapping[str, Any]) -> Path | None:
    """Write the settings of the simulated program; None where they are those of a fresh installation."""
    if not cfg:
        return None
    import tomlkit

    path = folder / "cfg.toml"
    path.write_text(tomlkit.dumps(cfg), encoding="utf-8")
    return path


def jobs_place(*others: Path) -> Path:
    """Return where the jobs of a simulated CHI660E can be: its macros name no folder with a blank, a dot or a tilde.

    The usual folder of temporary files has one where the name of its user has, or is long and shortened by Windows.
    """
    places = (Path(tempfile.gettempdir()), *others, Path(os.environ.get("PUBLIC", "/tmp")))  # noqa: S108 - mkdtemp's
    for place in places:
        if can_be_named(place) and os.access(place, os.W_OK):
            return place
    raise SettingsError(
        f"no folder for the jobs of the simulated CHI660E among {', '.join(map(str, dict.fromkeys(places)))}: its "
        "macros can name only folders of letters, digits, dash and underscore; set TMPDIR (on Windows TEMP) to one "
        "that you may write"
    )


def simulated_chi_settings(folder: Path, name: str) -> Chi660eSettings:
    """Return the settings of the built-in CHI660E; its jobs go into ``folder``."""
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
    """Read the messages that a simulated program shows on its screen."""
    try:
        shown = json.loads(screen.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    screen.unlink()
    return [Popup(window["title"], window["text"]) for window in shown]


def simulated_models() -> tuple[str, ...]:
    """Name the cell models that come with the simulators."""
    from simulators.cells import shipped_names

    return shipped_names()
