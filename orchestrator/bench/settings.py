"""The settings in a bench file: the instruments of one process, and the address at which the process answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, SerializeAsAny, ValidationError, model_validator

from drivers.chi660e.cycling_settings import CyclingSettings, cycling_settings
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import SettingsError
from drivers.mux.settings import Chi684Settings, RelayMuxSettings
from drivers.oven.settings import OvenSettings
from drivers.self_description import IsSeveral
from drivers.table_settings import TableSettings
from drivers.tester_kind import CHANNEL_NAME, CHANNEL_NAME_RULE, BatteryTesterSettings
from drivers.thermometer.settings import ThermometerSettings
from orchestrator.bench.commissioned import commissioned_name
from orchestrator.bench.kinds import DEFAULT_KIND, read_settings
from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.bench.oven_places import oven_problem
from orchestrator.bench.plausibility import PlausibilitySettings
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.bench.service_settings import ServiceSettings, read_document
from orchestrator.bench.wrong_settings import sentences
from orchestrator.clock.scaled import ScaledClock
from protocols.program import Program
from protocols.usual_bands import UsualBands


class SimulatedHoldersSettings(TableSettings):
    """The holders of a simulated rack that is a process of its own, as ``cellrig serve --simulate`` writes them.

    ``hands`` is the address at which cells are put into them; ``cells`` are those of a file of cells, by channel, which
    an order gets whatever cell it is for.
    """

    hands: str = Field(pattern=r"^[A-Za-z0-9_.-]+:\d{1,5}$")
    cells: dict[str, str] = Field(default_factory=dict)


def _of_its_kind(table: object) -> object:
    """Read a table of a bench file as the settings of its ``kind``."""
    if not isinstance(table, dict):
        return table
    try:
        return read_settings(str(table.get("kind", DEFAULT_KIND)), table)
    except SettingsError as err:
        raise ValueError(str(err)) from err


AnyTester = Annotated[SerializeAsAny[BatteryTesterSettings], BeforeValidator(_of_its_kind)]


class SharedCellSettings(TableSettings):
    """One cell to which several channels are wired; one of them energises it at any time."""

    channels: tuple[str, ...] = Field(min_length=2)


class BenchSettings(TableSettings):
    """A bench file: the instruments that one process owns, and where that process answers.

    A ``potentiostat`` without ``multiplexer`` is a channel of its own, which cycles the cell at its leads.
    ``multiplexer`` brings cells to the potentiostat; without one a person moves them. ``arrival_v``: how far the open-
    circuit voltage there may be from the last one that the tester showed. ``oven`` and ``thermometer`` name the
    channels that are inside or beside them; ``shared_cell`` names those that are wired to one cell.
    ``mqtt``: where the service publishes what
    happens, ``notices``: which people it tells; nowhere and nobody without them. ``plausibility``: bands of this
    laboratory in the place of the usual ones; ``preflight``: what is checked before a run, and how strictly. ``clock``
    is that of instruments which only simulate and are faster than real ones, ``holders`` are theirs. ``simulated``: all
    instruments only simulate, and every run on them is marked so.
    """

    service: ServiceSettings = ServiceSettings()
    mqtt: MqttSettings | None = None
    tester: tuple[AnyTester, ...] = ()
    potentiostat: Chi660eSettings | None = None
    multiplexer: Annotated[RelayMuxSettings | Chi684Settings, Discriminator("kind")] | None = None
    shared_cell: tuple[SharedCellSettings, ...] = ()
    arrival_v: float = Field(default=0.02, gt=0, le=1)
    oven: tuple[OvenSettings, ...] = ()
    thermometer: tuple[ThermometerSettings, ...] = ()
    plausibility: PlausibilitySettings = PlausibilitySettings()
    preflight: PreflightSettings = PreflightSettings()
    notices: NoticeSettings | None = None
    clock: ScaledClock | None = None
    holders: SimulatedHoldersSettings | None = None
    simulated: bool = False

    @model_validator(mode="after")
    def _has_channels(self) -> BenchSettings:
        if not self.with_channels:
            raise ValueError("tester: a bench has a tester, or a potentiostat without a switch")
        return self

    @model_validator(mode="after")
    def _instruments_have_one_driver(self) -> BenchSettings:
        owners: dict[str, str] = {}
        for tester in self.tester:
            for key in sorted(tester.instruments()):
                if key in owners:
                    raise ValueError(
                        f"testers {owners[key]!r} and {tester.name!r} have one {key}: take one of them out"
                    )
                owners[key] = tester.name
        return self

    @model_validator(mode="after")
    def _switch_leads_somewhere(self) -> BenchSettings:
        if self.multiplexer is not None and self.potentiostat is None:
            raise ValueError("multiplexer: there is no [potentiostat] to bring cells to")
        return self

    @model_validator(mode="after")
    def _wires_lead_to_channels(self) -> BenchSettings:
        there = {channel for tester in self.tester for channel in tester.channel_names()}
        for port, channel in self.multiplexer.channels.items() if self.multiplexer is not None else ():
            if channel not in there:
                raise ValueError(f"multiplexer: port {port} has channel {channel!r}, and no tester here has that")
        return self

    @model_validator(mode="after")
    def _cells_are_shared_by_channels(self) -> BenchSettings:
        there = {channel for tester in self.with_channels for channel in tester.channel_names()}
        wired = [channel for cell in self.shared_cell for channel in cell.channels]
        for channel in wired:
            if channel not in there:
                raise ValueError(f"shared_cell: there is no channel {channel!r} here")
            if wired.count(channel) > 1:
                raise ValueError(f"shared_cell: channel {channel} is wired twice; name all channels of a cell once")
        return self

    @property
    def shared_cells(self) -> tuple[tuple[str, ...], ...]:
        """The channels of each cell to which more than one is wired."""
        return tuple(cell.channels for cell in self.shared_cell)

    def sharing_with(self, channel: str) -> tuple[str, ...]:
        """Return the other channels that are wired to the cell of a channel."""
        group = next((group for group in self.shared_cells if channel in group), ())
        return tuple(other for other in group if other != channel)

    @model_validator(mode="after")
    def _channel_names_are_unique(self) -> BenchSettings:
        """Check that a channel name, in capitals or not, belongs to one channel only."""
        owners: dict[str, tuple[str, str]] = {}
        for tester in self.with_channels:
            for channel in tester.channel_names():
                if not CHANNEL_NAME.fullmatch(channel):
                    raise ValueError(f"{tester.name!r} names a channel {channel!r}; write {CHANNEL_NAME_RULE}")
                if channel.lower() in owners:
                    other, owner = owners[channel.lower()]
                    raise ValueError(
                        f"channel {channel} of {tester.name!r} and channel {other} of {owner!r} have one name: orders "
                        "must reach one channel only; name one of the two otherwise, or take it out"
                    )
                owners[channel.lower()] = channel, tester.name
        return self

    @model_validator(mode="after")
    def _ovens_are_told_apart(self) -> BenchSettings:
        channels = {channel for tester in self.with_channels for channel in tester.channel_names()}
        inputs = {tester.name: tester.temperature_places() for tester in self.with_channels}
        if problem := oven_problem(self.oven, self.thermometer, channels, inputs):
            raise ValueError(problem)
        return self

    def measures_temperature_at(self, channel: str) -> bool:
        """Return whether an oven, a thermometer or an input of a tester measures the place of a channel."""
        ovens = {oven.name for oven in self.oven if channel in oven.places}
        places = {place for one in self.thermometer for place in one.places}
        places |= {place for tester in self.with_channels for place in tester.temperature_places()}
        return bool(ovens) or channel in places

    @model_validator(mode="after")
    def _checked_instruments_are_here(self) -> BenchSettings:
        there = [one.name for one in self.with_channels]
        there += [self.potentiostat.name] if self.potentiostat is not None else []
        settings = self.preflight
        named = [("calibrated", name) for name in settings.calibrated] + [
            ("versions", name) for name in settings.versions
        ]
        there += [self.multiplexer.name] if self.multiplexer is not None else []
        there += [one.name for one in self.oven]
        named += [("commissioned", name) for name in settings.commissioned]
        several = [one for one in self.with_channels if isinstance(one, IsSeveral)]
        there += [commissioned_name(one.name, channel) for one in several for channel in one.serial_numbers]
        for setting, name in named:
            if name not in there:
                known = ", ".join(dict.fromkeys(there))
                raise ValueError(f"preflight.{setting}: there is no instrument {name!r} here; there are {known}")
        return self

    @property
    def is_simulated(self) -> bool:
        """Whether no cell here is real: it is said so, or the instruments have a clock of their own."""
        return self.simulated or self.clock is not None

    @property
    def checks(self) -> PreflightSettings:
        """The settings of the checks before a run; that simulated instruments were never tried is told nobody."""
        return self.preflight.model_copy(update={"warn_uncommissioned": False}) if self.is_simulated else self.preflight

    @property
    def cycling_potentiostat(self) -> CyclingSettings | None:
        """The potentiostat that is a channel of its own: no switch takes its leads to the testers' cells."""
        if self.potentiostat is None or self.multiplexer is not None:
            return None
        return cycling_settings(self.potentiostat)

    @property
    def with_channels(self) -> tuple[BatteryTesterSettings, ...]:
        """The settings of all instruments that cycle cells: the testers, and a potentiostat that is its own channel."""
        cycler = self.cycling_potentiostat
        return self.tester if cycler is None else (*self.tester, cycler)

    @property
    def usual_bands(self) -> UsualBands:
        """The bands in which values must lie, or a person confirms them."""
        return self.plausibility.in_place_of_usual()

    def tester_of(self, channel: str) -> BatteryTesterSettings:
        """Return the settings of the tester with a channel. Raises SettingsError, which lists the known channels."""
        for tester in self.with_channels:
            if channel in tester.channel_names():
                return tester
        known = ", ".join(_listed(tester.channel_names()) for tester in self.with_channels)
        raise SettingsError(f"there is no channel {channel!r} on this bench; it has {known}")

    def problems(self, program: Program, channel: str) -> list[str]:
        """Return every reason, as a sentence, why a program cannot run on a channel; empty when it can.

        Raises SettingsError for a channel that is not on this bench.
        """
        return self.tester_of(channel).problems(channel, program)

    def secrets(self) -> frozenset[str]:
        """Return the secrets of all instruments, which no log may show."""
        return frozenset().union(*(tester.secrets() for tester in self.tester))


def load_bench(path: Path) -> BenchSettings:
    """Read a bench file (TOML). Raises SettingsError with every problem and its place in the file."""
    return bench_of(read_document(path), path)


def bench_of(document: dict[str, Any], path: Path) -> BenchSettings:
    """Return the settings of a bench file that is read already. Raises SettingsError as ``load_bench``."""
    try:
        return BenchSettings.model_validate(document)
    except ValidationError as err:
        # Not chained: pydantic's own message shows what was typed, passwords too.
        raise SettingsError("\n".join(sentences(err, document, path))) from None


def _listed(channels: tuple[str, ...]) -> str:
    """List channels in a sentence; three or more with consecutive numbers are shortened to ``first to last``."""
    parts: list[str] = []
    at = 0
    while at < len(channels):
        end = at
        while end + 1 < len(channels) and _follows(channels[end], channels[end + 1]):
            end += 1
        if end - at < 2:
            end = at
        parts.append(channels[at] if end == at else f"{channels[at]} to {channels[end]}")
        at = end + 1
    return ", ".join(parts)


def _follows(first: str, second: str) -> bool:
    head, number = _numbered(first)
    return number is not None and _numbered(second) == (head, number + 1)


def _numbered(name: str) -> tuple[str, int | None]:
    digits = len(name) - len(name.rstrip("0123456789"))
    return (name[:-digits], int(name[-digits:])) if digits else (name, None)
