"""The settings of an oven in a bench file: its controller, its line, its limits, and the cells inside."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from drivers.errors import SettingsError
from drivers.oven.register_map import Address, RegisterMap, WriteMap, shipped_map, shipped_maps
from drivers.table_settings import SHORTEST_POLL_S, Host, LineAddress, TableSettings
from drivers.tester_kind import CHANNEL_NAME, CHANNEL_NAME_RULE, INSTRUMENT_NAME
from drivers.transport.port_settings import PortSettings

POLL_LONGEST_S = 15.0
"""An open door is told by a drop within 30 s (reference smu-and-ovens, section 23): two readings must lie in them."""


class SetPointKeeping(StrEnum):
    """Where a controller keeps the set point that it is given."""

    STORED = "stored"
    VOLATILE = "volatile"


class AfterRuns(StrEnum):
    """What becomes of an oven's set point when no run wants a temperature any more."""

    SAFE = "safe"
    KEEP = "keep"


class LinkSettings(TableSettings):
    """The line to a controller; what is left out is as its register map says.

    ``kind``: Modbus RTU on a serial port, or Modbus TCP. ``port``, ``other_ports`` and ``serial_number`` (of the USB
    adapter) are as those of a switch; a serial server's port is ``socket://HOST:PORT``. ``unit`` is the controller's
    number. ``gap_ms`` is the silence before each request. ``echo``: the line gives back what is sent.
    """

    kind: Literal["rtu", "tcp"] = "rtu"
    port: LineAddress = ""
    other_ports: tuple[LineAddress, ...] = ()
    serial_number: str = ""
    host: Host | None = None
    tcp_port: int = Field(default=502, ge=1, le=65535)
    unit: int = Field(default=1, ge=1, le=254)
    baud: int = Field(default=9600, ge=50, le=4_000_000)
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    reply_timeout_s: float = Field(default=1.0, gt=0, le=30)
    gap_ms: float = Field(default=5.0, ge=0, le=1000)
    echo: bool = False
    most_noise_bytes: int = Field(default=3, ge=0, le=64)

    @model_validator(mode="after")
    def _findable(self) -> LinkSettings:
        if self.kind == "tcp" and self.host is None:
            raise ValueError("give the host of a Modbus TCP link")
        if self.kind == "rtu" and not self.port and not self.serial_number:
            raise ValueError("give the port of the serial line, or the serial_number of the USB adapter")
        return self

    @property
    def gap_s(self) -> float:
        """Return the silence before each request."""
        return self.gap_ms / 1000.0

    @property
    def where(self) -> str:
        """Return where the line is, for errors and as what two ovens on one line have in common."""
        if self.kind == "tcp":
            return f"{self.host}:{self.tcp_port}"
        return self.port or f"adapter {self.serial_number}"

    def as_port(self) -> PortSettings:
        """Return the serial port of the line."""
        return PortSettings(
            port=self.port,
            other_ports=self.other_ports,
            serial_number=self.serial_number,
            baud_rate=self.baud,
            parity=self.parity,
            stop_bits=self.stop_bits,
            reply_timeout_s=self.reply_timeout_s,
        )

    def on_one_line(self) -> dict[str, Any]:
        """Return what all units of one line must have in common."""
        return self.model_dump(exclude={"unit"})


class OvenSettings(TableSettings):
    """An oven in a bench file.

    ``model`` names a register map that comes with cellrig; ``map`` is one written out instead. ``identity`` says which
    value each register of the map's identity must have. ``low_degc`` and ``high_degc`` are the set points that will be
    ordered at all, ``safe_degc`` the one that is left when nobody looks after the oven. ``places`` are the channels
    inside. ``set_point``: kept in the controller's memory, which wears out, or lost with the power.

    What it means for runs: ``warn_k`` and ``hold_k`` are how far it may be from what its runs want before that is told,
    and before all its channels are held; from ``cut_out_degc`` on they trip (none: 10 K above what is wanted). Without
    any valid temperature for ``grace_s`` they are held, and where a thermometer inside is further than ``agree_k`` from
    its sensor. ``still_s``: a sensor that shows one value to the last digit for longer is frozen (none: half an hour
    where it was seen to change by hundredths, any time where by tenths). A run whose temperature is not there after
    ``reach_within_s`` does not begin. ``after_runs``: whether the safe set point is ordered when no run wants one.

    What no print tells for sure (reference smu-and-ovens, section 28) is set here: ``scale`` ("read": by the map),
    ``word_order``, ``addresses`` of registers by their names in the map, and ``without``, registers not to be used.
    ``refresh_s``: how often a set point that is stored nowhere is written again, so that the controller does not fall
    back to its own. ``most_writes_per_day`` is of those into memory. After a failure an oven is asked again after
    ``reconnect_first_s``, twice that, and so on up to ``reconnect_longest_s``.
    """

    commissioned_as: ClassVar[str] = "oven"

    name: str = Field(pattern=INSTRUMENT_NAME)
    model: str = ""
    map: RegisterMap | None = None
    link: LinkSettings
    identity: dict[str, int] = Field(default_factory=dict)
    low_degc: float = Field(ge=-100, le=300)
    high_degc: float = Field(ge=-100, le=300)
    safe_degc: float = 25.0
    places: tuple[str, ...] = ()
    poll_period_s: float = Field(default=5.0, ge=SHORTEST_POLL_S, le=POLL_LONGEST_S)
    warn_k: float = Field(default=2.0, gt=0, le=50)
    hold_k: float = Field(default=5.0, gt=0, le=50)
    agree_k: float = Field(default=2.0, gt=0, le=50)
    cut_out_degc: float | None = Field(default=None, ge=-100, le=300)
    grace_s: float = Field(default=300.0, gt=0)
    reach_within_s: float = Field(default=4 * 3600.0, gt=0)
    still_s: float | None = Field(default=None, ge=60)
    after_runs: AfterRuns = AfterRuns.SAFE
    set_point: SetPointKeeping = SetPointKeeping.STORED
    scale: float | Literal["read"] = "read"
    word_order: Literal["high", "low"] | None = None
    addresses: dict[str, Address] = Field(default_factory=dict)
    without: tuple[str, ...] = ()
    refresh_s: float | None = Field(default=None, gt=0)
    most_writes_per_day: int | None = Field(default=None, ge=1)
    reconnect_first_s: float = Field(default=1.0, gt=0)
    reconnect_longest_s: float = Field(default=30.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _link_as_the_map_says(cls, table: object) -> object:
        """Complete the link by that of the map; a wrong map is told by its own field."""
        if not isinstance(table, Mapping) or not isinstance(table.get("link"), Mapping):
            return table
        own = table.get("map")
        usual: object = own.get("link", {}) if isinstance(own, Mapping) else {}
        if (model := table.get("model")) in shipped_maps():
            usual = shipped_map(str(model)).link
        return {**table, "link": {**usual, **table["link"]}} if isinstance(usual, Mapping) else table

    @field_validator("places")
    @classmethod
    def _places_are_channels(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        for place in places:
            if not CHANNEL_NAME.fullmatch(place):
                raise ValueError(f"{place!r} is no channel; a name has {CHANNEL_NAME_RULE}")
            if places.count(place) > 1:
                raise ValueError(f"{place} stands there twice")
        return places

    @model_validator(mode="after")
    def _is_whole(self) -> OvenSettings:
        if bool(self.model) == (self.map is not None):
            raise ValueError(f"give a model ({', '.join(shipped_maps())}) or a [map], one of the two")
        if not self.low_degc < self.high_degc:
            raise ValueError(f"low_degc, {self.low_degc:g}, is not below high_degc, {self.high_degc:g}")
        if not self.low_degc <= self.safe_degc <= self.high_degc:
            raise ValueError(f"safe_degc, {self.safe_degc:g}, is not between low_degc and high_degc")
        if not self.warn_k < self.hold_k:
            raise ValueError(f"warn_k, {self.warn_k:g}, is not below hold_k, {self.hold_k:g}")
        if self.cut_out_degc is not None and self.cut_out_degc <= max(self.low_degc, self.safe_degc):
            raise ValueError(
                f"cut_out_degc, {self.cut_out_degc:g}, is not above low_degc and safe_degc: every run would trip"
            )
        if isinstance(self.scale, float) and not self.scale > 0:
            raise ValueError('scale is above 0, or "read"')
        try:
            registers = self.registers
        except SettingsError as err:
            raise ValueError(str(err)) from err
        if missing := {"pv", "setpoint"} - set(registers.read):
            raise ValueError(f"without: {', '.join(sorted(missing))} is needed")
        if unknown := set(self.addresses) - set(registers.read):
            raise ValueError(f"addresses: {registers.name} reads no {', '.join(sorted(unknown))}")
        if unknown := set(self.identity) - {entry.name for entry in registers.identity}:
            raise ValueError(f"identity: {registers.name} has no {', '.join(sorted(unknown))}")
        if self.set_point is SetPointKeeping.VOLATILE and registers.write_volatile is None:
            raise ValueError(f"set_point: {registers.name} has no other way than that of its [write]")
        return self

    @property
    def way(self) -> WriteMap:
        """Return how a set point is ordered."""
        found = self._map
        return found.write if self.set_point is SetPointKeeping.STORED else found.write_volatile or found.write

    @property
    def _map(self) -> RegisterMap:
        return self.map if self.map is not None else shipped_map(self.model)

    @property
    def registers(self) -> RegisterMap:
        """Return the register map, with what these settings say in its place.

        The set point is read where it is ordered, or at the ``readback`` of that way.
        """
        found, way = self._map, self.way
        target = way.setpoint.address if way.readback is None else way.readback
        addresses = {"setpoint": target} | self.addresses
        read = {
            name: entry.model_copy(update={"address": addresses[name]} if name in addresses else {})
            for name, entry in found.read.items()
            if name not in self.without
        }
        order = {} if self.word_order is None else {"word_order": self.word_order}
        return found.model_copy(update={"read": read, **order})
