"""The register map of a temperature controller as data: what stands where, what is written, and who it must be.

The format is that of reference smu-and-ovens, section 22. Shipped maps are the TOML files beside this module; a bench
file may hold one of its own. Addresses are those on the wire, which begin at 0: "40001" is 0.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from drivers.errors import SettingsError
from drivers.table_settings import TableSettings
from drivers.temperatures import OvenFault

_SHIPPED = Path(__file__).parent / "maps"
Address = Annotated[int, Field(ge=0, le=0xFFFF)]
Word = Annotated[int, Field(ge=0, le=0xFFFF)]
BLOCK_MAX = 125
"""The most registers of one reading (reference smu-and-ovens, section 18)."""

# What a bit of a status word says of the oven. Names without a fault may be given, so that a map can be complete.
FAULT_OF_BIT: Mapping[str, OvenFault | None] = {
    **{f"alarm{n}": OvenFault.ALARM for n in ("", "1", "2", "3", "4")},
    **dict.fromkeys(("sensor_break", "over_range"), OvenFault.SENSOR_OPEN),
    **dict.fromkeys(("loop_break", "low_load", "heater_burnout"), OvenFault.HEATER_OPEN),
    **dict.fromkeys(("over_current", "leakage", "fault"), OvenFault.ALARM),
    **dict.fromkeys(("manual", "standby", "stopped", "setup", "autotune", "remote_failed"), OvenFault.NOT_CONTROLLING),
    **dict.fromkeys(("ramp_running", "program_end", "new_alarm", "writing_on", "volatile_mode"), None),
}


class RegisterType(StrEnum):
    """How a value stands in one or two registers."""

    I16 = "i16"
    U16 = "u16"
    I32 = "i32"
    U32 = "u32"
    F32 = "f32"

    @property
    def words(self) -> int:
        """Return the number of registers of a value."""
        return 1 if self in {RegisterType.I16, RegisterType.U16} else 2


class Register(TableSettings):
    """A value: where it stands and how. ``scale = "decimals"``: as many decimals as the instrument shows."""

    address: Address
    type: RegisterType = RegisterType.I16
    scale: float | Literal["decimals"] = 1.0
    unit: str = ""


class ReadRegister(Register):
    """A value that is read.

    Outside of ``valid`` it is none. ``bits`` names bits of a status word. ``running`` lists the values at which the
    oven controls: any other is the fault "not controlling". An ``optional`` register is left out where the instrument
    says that it has none.
    """

    valid: tuple[float, float] | None = None
    bits: dict[str, Annotated[int, Field(ge=0, le=31)]] = Field(default_factory=dict)
    running: tuple[int, ...] = ()
    optional: bool = False

    @model_validator(mode="after")
    def _bits_are_known(self) -> ReadRegister:
        if unknown := sorted(set(self.bits) - set(FAULT_OF_BIT)):
            raise ValueError(f"bits: {', '.join(unknown)} is none of {', '.join(FAULT_OF_BIT)}")
        return self


class WriteRegister(Register):
    """A value that is written. ``volatile``: not into memory that wears out; where it is not, writes are counted."""

    min: float | None = None
    max: float | None = None
    volatile: bool = False
    min_interval_s: float = Field(default=0.0, ge=0, le=60)
    max_writes_per_day: int = Field(default=20, ge=1)


class RampRegister(WriteRegister):
    """The rate at which the set point moves. ``unit_address`` holds its unit: 0 a minute, 1 an hour, 2 a second."""

    unit_address: Address | None = None
    unit: Literal["K/min", "K/h", "K/s"] = "K/min"


class Preparation(TableSettings):
    """What must be so for a set point to count: a register's ``value``, or a ``command`` sent to address 0.

    A register is set after the set point, so that the oven never follows an old one; ``first`` sets it before, where
    the controller takes no set point otherwise. Commands are always sent before.
    """

    address: Address | None = None
    value: Word | None = None
    command: Word | None = None
    first: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Preparation:
        if (self.command is None) == (self.address is None) or (self.address is None) != (self.value is None):
            raise ValueError("give address and value, or a command")
        return self


class WriteMap(TableSettings):
    """How a set point is ordered. ``readback`` is where it is read again, if not where it is written."""

    setpoint: WriteRegister
    ramp: RampRegister | None = None
    prepare: tuple[Preparation, ...] = ()
    readback: Address | None = None
    function: Literal[6, 16] = 6


class IdentityRegister(TableSettings):
    """What tells one instrument from others: a register's value, or that it has function 8 (``loopback``).

    ``equals = "unit"``: the unit number of the settings. Without ``equals`` the value is the one first seen.
    """

    name: str = "loopback"
    address: Address | None = None
    equals: Word | Literal["unit"] | None = None
    at_most: Word | None = None
    loopback: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> IdentityRegister:
        if self.loopback == (self.address is not None):
            raise ValueError("give an address, or loopback = true")
        return self


class Decimals(TableSettings):
    """How the decimals of ``scale = "decimals"`` are learnt.

    ``address``: a register that holds their number. ``float_area``: each value also stands there, at twice its own
    address, as a floating-point number; those of ``compare`` are read both ways.
    """

    address: Address | None = None
    float_area: Address | None = None
    compare: tuple[Address, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Decimals:
        if (self.address is None) == (self.float_area is None) or (self.float_area is None) == bool(self.compare):
            raise ValueError("give address, or float_area and the addresses to compare")
        return self


class RegisterMap(TableSettings):
    """A kind of controller. ``link`` holds what its line is like unless a bench file says otherwise.

    ``block`` lists what is read in one request, as (address, count). ``write_volatile`` is the other way to order a
    set point, one that does not wear out memory and is lost with the power.
    """

    name: str = Field(default="generic", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    link: dict[str, Any] = Field(default_factory=dict)
    word_order: Literal["high", "low"] = "high"
    read_function: Literal[3, 4] = 3
    identity: tuple[IdentityRegister, ...] = Field(min_length=1)
    decimals: Decimals | None = None
    limits: tuple[Address, Address] | None = None
    block: tuple[tuple[Address, Annotated[int, Field(ge=1, le=BLOCK_MAX)]], ...] = ()
    read: dict[str, ReadRegister]
    write: WriteMap
    write_volatile: WriteMap | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> RegisterMap:
        for needed in ("pv", "setpoint"):
            if needed not in self.read:
                raise ValueError(f"read: {needed} is missing")
        for name in ("pv", "setpoint", "working_sp", "output"):
            if name in self.read and self.read[name].optional:
                raise ValueError(f"read.{name} cannot be optional")
        scaled = [name for name, entry in self.read.items() if entry.scale == "decimals"]
        if scaled and self.decimals is None:
            raise ValueError(f"decimals is missing, which the scale of {', '.join(scaled)} is taken from")
        return self

    def requests(self, left_out: frozenset[str] = frozenset()) -> list[tuple[int, int]]:
        """Return what is asked for a reading, as (address, count): the blocks, and registers that no block has."""
        asked = list(self.block)
        for name, entry in self.read.items():
            inside = any(a <= entry.address and entry.address + entry.type.words <= a + n for a, n in self.block)
            if not inside and name not in left_out:
                asked.append((entry.address, entry.type.words))
        return list(dict.fromkeys(asked))


@cache
def shipped_maps() -> tuple[str, ...]:
    """Name the register maps that come with cellrig."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


@cache
def shipped_map(name: str) -> RegisterMap:
    """Return a register map by its name. Raises SettingsError, which lists those there are."""
    if name not in shipped_maps():
        raise SettingsError(f"there is no oven model {name!r}; there are {', '.join(shipped_maps())}, or write a [map]")
    try:
        return RegisterMap.model_validate(tomllib.loads((_SHIPPED / f"{name}.toml").read_text(encoding="utf-8")))
    except ValidationError as err:
        raise AssertionError(f"the shipped map {name} is wrong: {err}") from err
