"""The settings of source meters in a bench file, with every point that the reference marks UNSURE."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from drivers.errors import SettingsError
from drivers.interfaces import HostLoss
from drivers.smu.models import MODELS, ModelFacts, SmuModel
from drivers.smu.planning import MOST_V, Reach, Wiring
from drivers.smu.visa_link import PYVISA_MISSING, has_pyvisa
from drivers.sources import Drive, Held
from drivers.stepping.settings import SteppedSettings
from drivers.table_settings import SERIAL_NUMBER, LineAddress, TableSettings
from drivers.tester_kind import CHANNEL_NAME, CHANNEL_NAME_RULE, INSTRUMENT_NAME
from protocols.channel_envelope import ChannelEnvelope, CurrentRange

_SOCKET = re.compile(r"TCPIP\d*::(?P<host>[A-Za-z0-9_.-]+)::(?P<port>\d{1,5})::SOCKET", re.IGNORECASE)
# One line out and one back, with the bits of a start and a stop.
_LINE_CHARACTERS = 120
_BITS_OF_A_CHARACTER = 10
# Identities as two instruments might have them, by which a pattern is tried: one of another make, two of one type.
_STRANGER = "ACME,DMM 6,1234567,1.0"
_TWINS = ("{type},{type} MODEL {type},0000000,1.0.0", "{type},{type} MODEL {type},9999999,1.0.0")
LATE_S = 0.3
"""A reading is lost when it is so late, for each second of ``reply_timeout_s`` above one."""
MOST_WAIT_S = 60.0
"""No instrument of section 12 takes longer for one answer; whoever waits longer leaves an output unseen."""
# The way to and from an instrument that is not on a serial line.
_OTHER_LINE_S = 0.005


class SmuUnitSettings(TableSettings):
    """One source meter, which is one channel.

    ``resource`` is a VISA address. A raw socket (``TCPIP::HOST::5025::SOCKET``) is reached without VISA unless ``via``
    says so; all others through pyvisa and ``visa_library``: empty is the vendor's where one is installed, else
    pyvisa-py. ``serial`` is the instrument's serial number; ``idn_pattern``, a regular expression, replaces it and the
    type for an instrument whose answer to ``*IDN?`` is another. ``four_wire``: the sense leads are connected.
    ``largest_current_a``, ``voltage_low_v`` and ``voltage_high_v`` are what the channel may do at most;
    ``voltage_ranges_v`` and ``current_ranges_a``, rising, replace the model's own. ``host_loss`` says what a constant
    current does when this computer dies: nobody knows unless something outside switches it off.
    ``joins_answers``: several questions in one line are answered in one, as SCPI demands.
    ``dead_socket_port``: visited when the instrument refuses a connection, because some Keithleys hold on to that of a
    client that died; whoever else is connected then is disconnected.
    """

    channel: str
    model: SmuModel
    resource: LineAddress = Field(min_length=1)
    serial: str = Field(default="", pattern=f"^({SERIAL_NUMBER})$")
    idn_pattern: str = ""
    via: Literal["auto", "visa"] = "auto"
    visa_library: str = ""
    baud_rate: int = Field(default=9600, ge=300, le=115200)
    line_end: Literal["\n", "\r\n", "\r"] = "\n"
    joins_answers: bool = True
    dead_socket_port: int | None = Field(default=None, ge=1, le=65535)
    four_wire: bool = True
    terminals: Literal["front", "rear"] = "front"
    line_frequency_hz: Literal[50, 60] = 50
    voltage_low_v: float = Field(default=-5.0, ge=-MOST_V)
    voltage_high_v: float = Field(default=5.0, le=MOST_V)
    voltage_ranges_v: tuple[float, ...] = ()
    current_ranges_a: tuple[float, ...] = ()
    largest_current_a: float = Field(default=0.1, gt=0)
    smallest_range_a: float = Field(default=1e-6, gt=0)
    host_loss: HostLoss = HostLoss.UNKNOWN
    reply_timeout_s: float = Field(default=1.0, gt=0)
    connect_timeout_s: float = Field(default=2.0, gt=0)

    @field_validator("channel")
    @classmethod
    def _name(cls, value: str) -> str:
        if not CHANNEL_NAME.fullmatch(value):
            raise ValueError(f"a channel's name has {CHANNEL_NAME_RULE}")
        return value

    @field_validator("idn_pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as err:
            raise ValueError(f"is no regular expression: {err}") from err
        if value and re.search(value, _STRANGER):
            raise ValueError(
                f"{value!r} also fits other instruments, such as {_STRANGER!r}: write maker and serial number"
            )
        return value

    @field_validator("reply_timeout_s", "connect_timeout_s")
    @classmethod
    def _bounded(cls, value: float) -> float:
        if value > MOST_WAIT_S:
            raise ValueError(
                f"{value:g} s is longer than {MOST_WAIT_S:g} s: meanwhile nobody sees what the output does"
            )
        return value

    @property
    def keys(self) -> tuple[str, ...]:
        """Address and serial number of the instrument, in words.

        It has several addresses: TCPIP and TCPIP0, a name and a number, a socket and VXI-11.
        """
        serial = (f"serial number {self.facts.type_name} {self.serial}",) if self.serial else ()
        return (f"resource {self.resource.upper()}", *serial)

    @model_validator(mode="after")
    def _sane(self) -> SmuUnitSettings:
        if not self.serial and not self.idn_pattern:
            raise ValueError("give serial, the instrument's serial number: another one must not be taken for it")
        twins = [twin.format(type=self.facts.type_name) for twin in _TWINS]
        if self.idn_pattern and all(re.search(self.idn_pattern, twin) for twin in twins):
            raise ValueError(
                f"idn_pattern: {self.idn_pattern!r} fits every {self.facts.type_name}, also one whose address or "
                "adapter was swapped with this one's: put the serial number into it"
            )
        if self.voltage_low_v >= self.voltage_high_v:
            raise ValueError("voltage_low_v must be below voltage_high_v")
        most_a = self.facts.largest_a
        if not self.facts.allows(self.largest_voltage_v, self.largest_current_a) or self.largest_current_a > most_a:
            raise ValueError(
                f"largest_current_a: {self.largest_current_a:g} A at {self.largest_voltage_v:g} V is more than a "
                f"{self.model} gives, and can switch off to high impedance (up to {most_a:g} A)"
            )
        for ranges in (self.voltage_ranges_v, self.current_ranges_a):
            if any(not 0 < low < high for low, high in pairwise(ranges)):
                raise ValueError("voltage_ranges_v and current_ranges_a are full scales above 0 that rise")
        if max(self.facts.voltage_ranges_v) < MOST_V or max(self.facts.current_ranges_a) < self.largest_current_a:
            raise ValueError(f"the ranges must reach {MOST_V:g} V and largest_current_a")
        if self.smallest_range_a > self.largest_current_a:
            raise ValueError("smallest_range_a must not be above largest_current_a")
        return self

    @property
    def facts(self) -> ModelFacts:
        """The abilities of the model, with the ranges of the bench file in the place of its own."""
        facts = MODELS[self.model]
        return replace(
            facts,
            voltage_ranges_v=self.voltage_ranges_v or facts.voltage_ranges_v,
            current_ranges_a=self.current_ranges_a or facts.current_ranges_a,
        )

    @property
    def largest_voltage_v(self) -> float:
        """The largest magnitude of voltage of the channel."""
        return max(abs(self.voltage_low_v), abs(self.voltage_high_v))

    @property
    def socket(self) -> tuple[str, int] | None:
        """Host and port of a raw socket that is reached without VISA, else None."""
        found = _SOCKET.fullmatch(self.resource) if self.via == "auto" else None
        return None if found is None else (found["host"], int(found["port"]))

    @property
    def reach(self) -> Reach:
        """What orders can be carried out."""
        is_serial = self.resource.upper().startswith("ASRL")
        line_s = _LINE_CHARACTERS * _BITS_OF_A_CHARACTER / self.baud_rate if is_serial else _OTHER_LINE_S
        wiring = Wiring(self.four_wire, self.terminals == "rear", float(self.line_frequency_hz))
        return Reach(self.facts, self.largest_voltage_v, self.largest_current_a, self.smallest_range_a, wiring, line_s)

    def host_loss_of(self, drive: Drive) -> HostLoss:
        """Return what the cell sees when this computer dies: output, level and limit stay as they are (section 14).

        A held voltage inside of the channel's own window ends as a cell held there; without a current nothing flows but
        an offset of nanoamperes. A current that is held flows on.
        """
        if drive.held is Held.VOLTAGE:
            is_inside = self.voltage_low_v <= drive.level <= self.voltage_high_v
            return HostLoss.RIDES_ON if is_inside else self.host_loss
        return HostLoss.RIDES_ON if drive.level == 0.0 and drive.largest == 0.0 else self.host_loss

    def envelope(self) -> ChannelEnvelope:
        """Return the channel's abilities. Its program is carried out by the host, and has no size of its own."""
        reach = self.reach
        edges = [reach.smallest_current_a]
        edges += [
            full for full in self.facts.current_ranges_a if self.smallest_range_a <= full < self.largest_current_a
        ]
        return ChannelEnvelope(
            voltage_low_v=self.voltage_low_v,
            voltage_high_v=self.voltage_high_v,
            current_ranges=tuple(CurrentRange(a, b) for a, b in pairwise([*edges, self.largest_current_a])),
            record_every_min_s=reach.fastest_interval_s,
            time_resolution_s=reach.fastest_interval_s,
            holds_voltage_on_discharge=True,
        )


class SmuSettings(SteppedSettings):
    """Source meters as channels: each unit is one, under its own name. This computer carries out their programs."""

    commissioned_as: ClassVar[str] = "smu"

    kind: Literal["smu"] = "smu"
    name: str = Field(default="smu", pattern=INSTRUMENT_NAME)
    units: tuple[SmuUnitSettings, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _units_differ(self) -> SmuSettings:
        seen: dict[str, str] = {}
        for unit in self.units:
            for key in (f"channel {unit.channel.lower()}", *unit.keys):
                if key in seen:
                    raise ValueError(f"units: {unit.channel} and {seen[key]} have one {key}")
                seen[key] = unit.channel
        return self

    @property
    def serial_numbers(self) -> Mapping[str, str]:
        """The serial number of each unit by its channel, empty where ``idn_pattern`` stands in its place."""
        return {unit.channel: unit.serial for unit in self.units}

    def instruments(self) -> frozenset[str]:
        """Return address and serial number of each unit."""
        return frozenset(key for unit in self.units for key in unit.keys)

    @model_validator(mode="after")
    def _looks_above_every_cell(self) -> SmuSettings:
        """Check the limit of the first look: below a cell's voltage it draws an excessive current (section 1.2)."""
        if (limit_v := self.cell_voltage_most_v + self.voltage_margin_v) > MOST_V:
            raise ValueError(
                f"cell_voltage_most_v: the first look at a cell is limited to it and voltage_margin_v, {limit_v:g} V, "
                f"and no more than {MOST_V:g} V are used: {MOST_V - self.voltage_margin_v:g} V at most"
            )
        for unit in self.units:
            if unit.largest_voltage_v > self.cell_voltage_most_v:
                raise ValueError(
                    f"cell_voltage_most_v: {unit.channel} goes to {unit.largest_voltage_v:g} V, and the first look at "
                    f"a cell expects {self.cell_voltage_most_v:g} V at most: raise it, or narrow the channel's voltages"
                )
        return self

    @model_validator(mode="after")
    def _is_asked_twice_in_time(self) -> SmuSettings:
        """Check that a lost reading can be asked for once more before its decision is lost (section 12)."""
        for unit in self.units:
            lost_s = LATE_S * max(1.0, unit.reply_timeout_s)
            if 2.0 * lost_s > self.decision_timeout_s:
                raise ValueError(
                    f"reply_timeout_s: a reading of {unit.channel} counts as lost after {lost_s:g} s, and there is no "
                    f"time for a second within decision_timeout_s, {self.decision_timeout_s:g} s: lower reply_timeout_s"
                    ", or raise decision_timeout_s and with it the time for which the output may stay on unseen"
                )
        return self

    @model_validator(mode="after")
    def _can_be_read_in_time(self) -> SmuSettings:
        for unit in self.units:
            if (least_s := unit.reach.fastest_interval_s) > self.interval_s:
                raise ValueError(
                    f"interval_s: {unit.channel} cannot be read every {self.interval_s:g} s: {least_s:g} s at best"
                )
        return self

    def unit(self, channel: str) -> SmuUnitSettings:
        """Return the settings of a channel's source meter. Raises SettingsError for an unknown channel."""
        for unit in self.units:
            if unit.channel == channel:
                return unit
        raise SettingsError(f"there is no channel {channel!r} on {self.name}; it has {', '.join(self.channel_names())}")

    def channel_names(self) -> tuple[str, ...]:
        """Return the names of the units, in the order of the file."""
        return tuple(unit.channel for unit in self.units)

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Return a channel's abilities."""
        return self.unit(channel).envelope()

    def host_loss_of(self, channel: str, drive: Drive) -> HostLoss:
        """Return what a channel's cell sees when this computer dies under an order."""
        return self.unit(channel).host_loss_of(drive)

    def missing(self) -> list[str]:
        """Return a sentence if pyvisa is needed and not installed."""
        by_visa = [unit.channel for unit in self.units if unit.socket is None]
        return [f"{', '.join(by_visa)}: {PYVISA_MISSING}"] if by_visa and not has_pyvisa() else []
