"""The settings of a CT-4008 in a bench file, with every point that the reference marks UNSURE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from drivers.errors import SettingsError
from drivers.interfaces import HostLoss
from drivers.neware.aux_settings import AuxSettings
from drivers.table_settings import Host, TableSettings
from drivers.tester_kind import INSTRUMENT_NAME, BatteryTesterSettings
from protocols.channel_envelope import ChannelEnvelope, CurrentRange
from protocols.formats.neware_file import Dialect, FileQuantity
from protocols.program import Program
from protocols.program_steps import powered

# In every manual of the vendor's, and so no secret (reference neware-ct4008, section 2.2).
_VENDORS_PASSWORD = "neware"  # noqa: S105 - the vendor's published default
_CHANNELS_OF_A_UNIT = 8
_TAG = r"^[A-Za-z][A-Za-z_]{0,31}$"


class UnitSettings(TableSettings):
    """One unit of eight channels with the limits of its datasheet (reference neware-ct4008, sections 1.2 and 1.3).

    ``current_ranges_a`` are pairs of the smallest current to set and full scale. Negative voltage is off unless the
    unit's own datasheet allows it. ``stops_below_zero``: whether a step's cutoff below 0 V (``Stop_Volt``, appendix A:
    UNSURE) ends the step as written; where it does not, programs with one are refused. ``stops_at_capacity``: the same
    of a capacity (``Cap``, which ``Scale`` of the file may touch, section 5.1: UNSURE).
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
    stops_below_zero: bool = True
    stops_at_capacity: bool = True

    @model_validator(mode="after")
    def _sane(self) -> UnitSettings:
        if self.voltage_low_v >= self.voltage_high_v:
            raise ValueError("voltage_low_v must be below voltage_high_v")
        if not self.current_ranges_a or any(not 0 < low < high for low, high in self.current_ranges_a):
            raise ValueError("current_ranges_a needs pairs (smallest, full scale) with 0 < smallest < full scale")
        return self

    @property
    def place(self) -> str:
        """The prefix of the names of the unit's channels: ``devid-subdevid``."""
        return f"{self.devid}-{self.subdevid}"

    def envelope(self) -> ChannelEnvelope:
        """Return the abilities of each channel of this unit."""
        return ChannelEnvelope(
            voltage_low_v=self.voltage_low_v,
            voltage_high_v=self.voltage_high_v,
            current_ranges=tuple(CurrentRange(low, high) for low, high in sorted(self.current_ranges_a)),
            discharge_voltage_min_v=self.discharge_voltage_min_v,
            holds_voltage_on_discharge=self.holds_voltage_on_discharge,
        )


class NewareSettings(BatteryTesterSettings):
    """A CT-4008 behind one BTS client.

    ``step_files`` is our folder, ``step_files_on_bts_pc`` the same folder as the BTS PC sees it. ``poll_period_s``
    below 5 s is refused: live values are no fresher. ``confirm_timeout_s`` bounds the wait for a start or stop to show.
    ``start_may_arrive_s``: for so long a start whose reply is lost may still reach the tester.
    ``start_time_tolerance_s``: a test that began earlier than so much before its start was sent is not ours.
    ``host_loss``: what the channels do without this computer; ``refresh_s``: how old at worst a value or a record is
    when BTS shows it first. ``cellrig commission`` finds both out. ``aux``: auxiliary inputs that measure temperatures.
    ``power_tag`` and ``power_per_w``: how step files name the power of a step, and how many of their units are 1 W;
    ``resistance_tag`` and ``resistance_per_ohm`` the same of a resistance (section 5.2: UNSURE). Without the number
    such steps are refused: a wrong unit would be a wrong current.
    """

    commissioned_as: ClassVar[str] = "ct4008"

    kind: Literal["neware-ct4008"] = "neware-ct4008"
    name: str = Field(default="ct4008", pattern=INSTRUMENT_NAME)
    host: Host = "127.0.0.1"
    port: int = Field(default=502, ge=1, le=65535)
    username: str = "admin"
    password: str = Field(default=_VENDORS_PASSWORD, repr=False)
    step_files: Path
    step_files_on_bts_pc: str
    backup_folder_on_bts_pc: str = ""
    poll_period_s: float = Field(default=10.0, ge=5.0)
    reply_timeout_s: float = Field(default=30.0, gt=0)
    confirm_timeout_s: float = Field(default=30.0, gt=0)
    start_may_arrive_s: float = Field(default=600.0, ge=0)
    start_time_tolerance_s: float = Field(default=300.0, ge=1)
    host_loss: HostLoss = HostLoss.RIDES_ON
    refresh_s: float = Field(default=5.0, ge=5.0, le=600.0)
    time_zone: str = "UTC"
    step_file_version: str = "17"
    client_version: str = "BTS Client 8.0.0.478(2024.06.24)(R3)"
    startable_from: tuple[Literal["finish", "stop", "protect"], ...] = Field(
        default=("finish", "stop", "protect"), min_length=1
    )
    power_tag: str = Field(default="Power", pattern=_TAG)
    power_per_w: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    resistance_tag: str = Field(default="Resistance", pattern=_TAG)
    resistance_per_ohm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    units: tuple[UnitSettings, ...] = Field(min_length=1)
    aux: AuxSettings | None = None

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as err:
            raise ValueError(f"unknown time zone {value!r}; write one like Europe/Zurich") from err
        return value

    def channel_names(self) -> tuple[str, ...]:
        """Return ``devid-subdevid-chlid`` of the eight channels of each unit."""
        return tuple(f"{unit.place}-{n}" for unit in self.units for n in range(1, _CHANNELS_OF_A_UNIT + 1))

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Return the abilities of a unit's channel from settings: no command of the API reports them."""
        return replace(
            self._unit_of(channel).envelope(),
            passes_constant_power=self.power_per_w is not None,
            passes_constant_resistance=self.resistance_per_ohm is not None,
        )

    def dialect(self) -> Dialect:
        """Return how the step files of this tester are written."""
        power, resistance = self.power_per_w, self.resistance_per_ohm
        return Dialect(
            self.step_file_version,
            self.client_version,
            power=None if power is None else FileQuantity(self.power_tag, power),
            resistance=None if resistance is None else FileQuantity(self.resistance_tag, resistance),
        )

    def problems(self, channel: str, program: Program) -> list[str]:
        """Return every reason why a channel cannot run a program, cutoffs that its unit does not obey among them."""
        reasons = super().problems(channel, program)
        unit = self._unit_of(channel)
        steps = [step for segment in program.cycling for _, step in powered(segment.steps)]
        for what, unit_name, known, asked in (
            ("power", "w", self.power_per_w, any(step.power_w is not None for step in steps)),
            ("resistance", "ohm", self.resistance_per_ohm, any(step.resistance_ohm is not None for step in steps)),
        ):
            if asked and known is None:
                reasons.append(
                    f"How step files of {self.name} write a {what} is not known: save one from BTS Client, "
                    f"look into it, and set {what}_tag and {what}_per_{unit_name} under its [[tester]]."
                )
        for segment in program.cycling:
            for number, step in powered(segment.steps):
                if not unit.stops_at_capacity and step.until.capacity_ah is not None:
                    cutoff = (
                        f"Step {number}: an end at {step.until.capacity_ah * 1000:g} mAh; this unit ends none by it"
                    )
                    reasons.append(f"{cutoff}, as commissioning has shown (stops_at_capacity).")
                below = not step.holds_voltage and step.target_v is not None and step.target_v < 0
                if not unit.stops_below_zero and below:
                    cutoff = f"Step {number}: a cutoff at {step.target_v:g} V; this unit does not end a step below 0 V"
                    reasons.append(f"{cutoff}, as commissioning has shown (stops_below_zero).")
        return reasons

    def _unit_of(self, channel: str) -> UnitSettings:
        for unit in self.units:
            if unit.place == channel.rpartition("-")[0]:
                return unit
        raise SettingsError(f"the bench file does not describe the unit of channel {channel}")

    def temperature_places(self) -> tuple[str, ...]:
        """Return the channels and ovens at which its auxiliary inputs are."""
        return () if self.aux is None else tuple(self.aux.places)

    @model_validator(mode="after")
    def _inputs_are_at_channels(self) -> NewareSettings:
        for place, (channel, _) in ({} if self.aux is None else self.aux.inputs()).items():
            if channel not in self.channel_names():
                raise ValueError(f"aux: the input at {place} is that of channel {channel!r}, which this tester has not")
        return self

    def secrets(self) -> frozenset[str]:
        """Return the password, unless it is the vendor's own, which every manual prints."""
        return frozenset({self.password} - {_VENDORS_PASSWORD})

    def missing(self) -> list[str]:
        """Return a sentence if the folder for step files does not exist."""
        return [] if self.step_files.is_dir() else [f"step_files: {self.step_files} is not a folder"]
