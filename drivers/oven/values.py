"""Registers as numbers: signed, two words in either order, and none where the controller has no value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pymodbus.client.mixin import ModbusClientMixin

from drivers.errors import CannotRun
from drivers.oven.register_map import Register, RegisterType

_TYPES = {
    RegisterType.I16: ModbusClientMixin.DATATYPE.INT16,
    RegisterType.U16: ModbusClientMixin.DATATYPE.UINT16,
    RegisterType.I32: ModbusClientMixin.DATATYPE.INT32,
    RegisterType.U32: ModbusClientMixin.DATATYPE.UINT32,
    RegisterType.F32: ModbusClientMixin.DATATYPE.FLOAT32,
}
# What a signed value may be where there is none (reference smu-and-ovens, section 24).
_NO_VALUE = {
    RegisterType.I16: frozenset({-0x8000, 0x7FFF}),
    RegisterType.I32: frozenset({-0x8000_0000, 0x7FFF_FFFF}),
}
_WORD_ORDERS: dict[Literal["high", "low"], Literal["big", "little"]] = {"high": "big", "low": "little"}
_ROUNDED_DIGITS = 6


def number_of(kind: RegisterType, registers: Sequence[int], word_order: Literal["high", "low"]) -> float | None:
    """Return the number that stands in a value's registers, unscaled; None where it stands for no value."""
    found = ModbusClientMixin.convert_from_registers(list(registers), _TYPES[kind], _WORD_ORDERS[word_order])
    if not isinstance(found, int | float) or not math.isfinite(found) or found in _NO_VALUE.get(kind, ()):
        return None
    return found


def scaled(number: float | None, scale: float) -> float | None:
    """Return a number in its unit, without the dust of the multiplication."""
    return None if number is None else round(number * scale, _ROUNDED_DIGITS)


def registers_of(
    entry: Register, value: float, scale: float, word_order: Literal["high", "low"]
) -> tuple[tuple[int, ...], float]:
    """Return the registers for a value, and the value that they hold. Raises CannotRun where they cannot hold it."""
    if entry.type is RegisterType.F32:
        number: float = value / scale
        held = value
    else:
        number = round(value / scale)
        held = round(number * scale, _ROUNDED_DIGITS)
    try:
        words = ModbusClientMixin.convert_to_registers(number, _TYPES[entry.type], _WORD_ORDERS[word_order])
    except Exception as err:  # struct's error is of no kind of its own
        raise CannotRun(f"{value:g} does not fit the register at {entry.address}: {err}") from err
    return tuple(words), held
