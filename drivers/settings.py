"""What a bench file says of its instruments. Points that the references mark UNSURE are settings here."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Discriminator, Field, ValidationError, field_validator, model_validator

from drivers.basesettings import TableSettings
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import SettingsError
from drivers.mux.settings import Chi684Settings, RelayMuxSettings
from protocols.envelope import ChannelEnvelope, CurrentRange

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class UnitSettings(TableSettings):
    """One unit of eight channels: what its datasheet says (reference neware-ct4008, sections 1.2 and 1.3).

    ``current_ranges_a`` are pairs of the smallest current to set and full scale. Negative voltage is off unless the
    unit's own datasheet allows it.
    """

    devid: int = Field(ge=0)
    subdevid: int = Field(ge=1)
    voltage_low_v: float = 0.025
    voltage_high_v: float = 5.0
    discharge_voltage_min_v: float | None = None
    current_ranges_a: tuple[tuple[float, float], ...] = (
        (0.0000005, 0.0001),
        (0.0001, 0.001),
        (0.001, 0.01),
        (0.01, 0.1),
    )
    holds_voltage_on_discharge: bool = True

    @model_validator(mode="after")
    def _sane(self) -> UnitSettings:
        if self.voltage_low_v >= self.voltage_high_v:
            raise ValueError("voltage_low_v must be below voltage_high_v")
        if not self.current_ranges_a or any(not 0 < low < high for low, high in self.current_ranges_a):
            raise ValueError("current_ranges_a needs pairs (smallest, full scale) with 0 < smallest < full scale")
        return self

    def envelope(self) -> ChannelEnvelope:
        """Give what each channel of this unit can do."""
        return ChannelEnvelope(
            voltage_low_v=self.voltage_low_v,
            voltage_high_v=self.voltage_high_v,
            current_ranges=tuple(CurrentRange(low, high) for low, high in sorted(self.current_ranges_a)),
            discharge_voltage_min_v=self.discharge_voltage_min_v,
            holds_voltage_on_discharge=self.holds_voltage_on_discharge,
        )


class NewareSettings(TableSettings):
    """A CT-4008 behind one BTS client.

    ``step_files`` is our folder, ``step_files_on_bts_pc`` the same folder as the BTS PC sees it. ``poll_period_s``
    below 5 s is refused: live values are no fresher. ``confirm_timeout_s`` bounds the wait for a start or stop to show.
    """

    kind: Literal["neware-ct4008"] = "neware-ct4008"
    name: str = Field(default="ct4008", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    host: str = "127.0.0.1"
    port: int = Field(default=502, ge=1, le=65535)
    username: str = "admin"
    password: str = Field(default="neware", repr=False)
    step_files: Path
    step_files_on_bts_pc: str
    backup_folder_on_bts_pc: str = ""
    poll_period_s: float = Field(default=10.0, ge=5.0)
    reply_timeout_s: float = Field(default=30.0, gt=0)
    confirm_timeout_s: float = Field(default=30.0, gt=0)
    time_zone: str = "UTC"
    step_file_version: str = "17"
    client_version: str = "BTS Client 8.0.0.478(2024.06.24)(R3)"
    startable_from: tuple[Literal["finish", "stop", "protect"], ...] = Field(
        default=("finish", "stop", "protect"), min_length=1
    )
    units: tuple[UnitSettings, ...] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as err:
            raise ValueError(f"unknown time zone {value!r}; write one like Europe/Zurich") from err
        return value


class ServiceSettings(TableSettings):
    """Where ``cellrig serve`` answers. Any address but this machine's own needs certificate, key and a token file.

    ``allowed_hosts`` are the names under which clients reach it, besides this machine's own.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()


class BenchSettings(TableSettings):
    """A bench file: the instruments that one process owns, and where that process answers.

    A ``potentiostat`` without ``multiplexer`` is a channel of its own, which cycles the cell at its leads.
    ``multiplexer`` brings cells to the potentiostat; without one a person moves them. ``arrival_v``: how far the open-
    circuit voltage there may be from the last one that the tester showed.
    """

    service: ServiceSettings = ServiceSettings()
    tester: tuple[NewareSettings, ...] = ()
    potentiostat: Chi660eSettings | None = None
    multiplexer: Annotated[RelayMuxSettings | Chi684Settings, Discriminator("kind")] | None = None
    arrival_v: float = Field(default=0.02, gt=0, le=1)

    @model_validator(mode="after")
    def _has_channels(self) -> BenchSettings:
        if not self.tester and self.cycling_potentiostat is None:
            raise ValueError("tester: a bench has a tester, or a potentiostat without a switch")
        return self

    @model_validator(mode="after")
    def _switch_leads_somewhere(self) -> BenchSettings:
        if self.multiplexer is not None and self.potentiostat is None:
            raise ValueError("multiplexer: there is no [potentiostat] to bring cells to")
        return self

    @model_validator(mode="after")
    def _units_are_told_apart(self) -> BenchSettings:
        owners: dict[str, str] = {}
        for tester in self.tester:
            for unit in (f"{u.devid}-{u.subdevid}" for u in tester.units):
                if unit in owners:
                    raise ValueError(
                        f"tester: unit {unit} is listed twice, by {owners[unit]!r} and by {tester.name!r}; "
                        f"{unit}-1 must name one channel only: correct devid and subdevid, or take one of the two out"
                    )
                owners[unit] = tester.name
        return self

    @property
    def cycling_potentiostat(self) -> Chi660eSettings | None:
        """The potentiostat that is a channel of its own: no switch takes its leads to the testers' cells."""
        return self.potentiostat if self.multiplexer is None else None

    def cycler_of(self, channel: str) -> Chi660eSettings | None:
        """Give the potentiostat whose own channel this is, None for any other channel."""
        found = self.cycling_potentiostat
        return found if found is not None and found.name == channel else None

    def tester_of(self, channel: str) -> NewareSettings:
        """Find the tester whose units hold the channel. Raises SettingsError, which lists what there is."""
        if self.cycler_of(channel) is not None:
            raise SettingsError(f"{channel!r} is the potentiostat's own channel: it is stopped in the vendor's program")
        units = {f"{u.devid}-{u.subdevid}": t for t in self.tester for u in t.units}
        parts = channel.split("-")
        found = (
            units.get("-".join(parts[:2]))
            if len(parts) == 3 and all(p.isascii() and p.isdigit() for p in parts)
            else None
        )
        if found is None or not 1 <= int(parts[2]) <= 8:
            known = [f"{unit}-1 to {unit}-8" for unit in units]
            known += [self.cycling_potentiostat.name] if self.cycling_potentiostat is not None else []
            raise SettingsError(f"there is no channel {channel!r} on this bench; it has {', '.join(known)}")
        return found


def load_bench(path: Path) -> BenchSettings:
    """Read a bench file (TOML). Raises SettingsError with every problem and its place in the file."""
    try:
        with path.open("rb") as file:
            return BenchSettings.model_validate(tomllib.load(file))
    except OSError as err:
        raise SettingsError(f"cannot read the bench file {path}: {err.strerror}") from err
    except tomllib.TOMLDecodeError as err:
        raise SettingsError(f"{path} is not valid TOML: {err}") from err
    except ValidationError as err:
        lines = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}{_seen(e)}" for e in err.errors()]
        # Not chained: pydantic's own message shows what was typed, passwords too.
        raise SettingsError("\n".join(lines)) from None


def _seen(error: ErrorDetails) -> str:
    """Say what was seen, but neither a password nor a block that may hold one."""
    if "password" in error["loc"] or isinstance(error["input"], dict | list | tuple):
        return ""
    return f", saw {error['input']!r}"
