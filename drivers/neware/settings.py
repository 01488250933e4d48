"""What a bench file says of a CT-4008. Points that the reference marks UNSURE are settings here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from drivers.table_settings import TableSettings
from protocols.channel_envelope import ChannelEnvelope, CurrentRange

if TYPE_CHECKING:
    pass


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
