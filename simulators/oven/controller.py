"""A temperature controller at the end of a Modbus line: its registers, as a table says, and what it answers.

The order of checks is that of reference smu-and-ovens, section 18: function (exception 1), count and length (3), every
register (2), then the value itself (3 or 4). A broadcast is carried out and not answered.
"""

from __future__ import annotations

import struct
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.oven.frames import Asked
from simulators.oven.oven import NotAccepted, OvenQuirks, SimulatedOven
from simulators.small_files import read_small

_SHIPPED = Path(__file__).parent / "controllers"
_READ_MOST, _WRITE_MOST = 125, 123
_WIDE_BELOW = 0x2000
_NO_FUNCTION, _NO_REGISTER, _BAD_VALUE, _FAILED = 1, 2, 3, 4


class Complaint(Exception):
    """An exception of Modbus, by its code."""

    def __init__(self, code: int) -> None:
        """Complain with this code."""
        super().__init__(f"exception {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class ControllerTable:
    """What stands where in a kind of controller."""

    unit: int
    functions: frozenset[int]
    registers: Mapping[int, tuple[str, str]]
    wide: Mapping[int, tuple[str, str]]
    status: Mapping[str, int]
    float_area: int | None
    loops_back: bool
    operations_at: frozenset[int]
    writing_needs_enabling: bool


@dataclass(slots=True)
class ControllerQuirks:
    """What prints leave open: a hole in a block answers exception 2, or this value; a refused write this exception.

    ``low_word_first``: of floating-point numbers. ``top_bit_is_sign``: negative numbers are no two's complements.
    """

    hole_value: int | None = None
    write_refused_code: int = _FAILED
    no_register: frozenset[int] = field(default_factory=frozenset)
    low_word_first: bool = False
    top_bit_is_sign: bool = False


def shipped_controllers() -> tuple[str, ...]:
    """Name the kinds of controllers that can be simulated."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


def controller_table(name: str) -> ControllerTable:
    """Read the table of a kind of controller. Raises ValueError, which lists those there are."""
    if name not in shipped_controllers():
        raise ValueError(f"no oven model {name!r}; there are {', '.join(shipped_controllers())}")
    table = tomllib.loads(read_small(_SHIPPED / f"{name}.toml").decode("utf-8"))
    return ControllerTable(
        unit=table["unit"],
        functions=frozenset(table["functions"]),
        registers=_numbered(table["registers"]),
        wide=_numbered(table.get("wide", {})),
        status=table["status"],
        float_area=table.get("float_area"),
        loops_back=table["loops_back"],
        operations_at=frozenset(table.get("operations_at", ())),
        writing_needs_enabling=table.get("writing_needs_enabling", False),
    )


def _numbered(table: Mapping[str, Any]) -> dict[int, tuple[str, str]]:
    return {int(key, 0): (entry[0], entry[1]) for key, entry in table.items()}


class SimulatedController:
    """A controller of an oven, with a unit number.

    ``writes`` counts the requests that asked for a change, ``received`` holds all requests to this unit. ``registers``
    may be changed, as where another controller has taken its place; after ``silent_after_writes`` of them it falls
    silent.
    """

    def __init__(
        self, kind: str, oven: SimulatedOven, unit: int | None = None, quirks: ControllerQuirks | None = None
    ) -> None:
        """Put a controller of this kind to an oven."""
        self.table = controller_table(kind)
        self.oven = oven
        self.unit = self.table.unit if unit is None else unit
        self.quirks = quirks or ControllerQuirks()
        self.registers = dict(self.table.registers)
        self.received: list[Asked] = []
        self.writes = 0
        self.silent_after_writes: int | None = None
        self.has_float_area = self.table.float_area is not None
        self.spare = 0.0
        self._setters: dict[str, Callable[[float], None]] = {
            "target": self._order,
            "spare": self._keep,
            "remote": oven.order_remote,
            "ramp": oven.order_ramp,
            "is_remote": lambda value: oven.take_remote(is_remote=value != 0),
            "mode": lambda value: oven.stand_by(stands_by=value != 0),
            "manual": lambda value: oven.switch_to_manual(oven.output) if value else oven.switch_to_automatic(),
            "manual_output": self._order_output,
        }

    # Requests ----------------------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> bytes | None:
        """Carry out a request; return unit, function and data of the reply, or None for silence."""
        is_silent = self.silent_after_writes is not None and self.writes >= self.silent_after_writes
        if asked.unit not in (0, self.unit) or not self.oven.answers or is_silent:
            return None
        self.oven.hear()
        self.received.append(asked)
        try:
            data = self._carry_out(asked)
        except Complaint as complaint:
            data, function = bytes([complaint.code]), asked.function | 0x80
        else:
            function = asked.function
        if asked.unit == 0 or data is None:
            return None
        return bytes([asked.unit, function]) + data

    def _carry_out(self, asked: Asked) -> bytes | None:
        if asked.function not in self.table.functions or (asked.function in (3, 4, 8) and asked.unit == 0):
            raise Complaint(_NO_FUNCTION)
        match asked.function:
            case 3 | 4:
                return self._read(asked.data)
            case 6:
                return self._write_one(asked.data)
            case 8:
                return self._loop_back(asked.data)
            case _:
                return self._write_several(asked.data)

    def _read(self, data: bytes) -> bytes:
        start, count = struct.unpack(">HH", data)
        if not 1 <= count <= _READ_MOST:
            raise Complaint(_BAD_VALUE)
        words = self._words(start, count)
        return bytes([2 * count]) + struct.pack(f">{count}H", *words)

    def _write_one(self, data: bytes) -> bytes | None:
        address, value = struct.unpack(">HH", data)
        self.writes += 1
        if address in self.table.operations_at:
            return self._operate(value >> 8, value & 0xFF, data)
        self._write(address, [value])
        return data

    def _write_several(self, data: bytes) -> bytes:
        start, count, length = struct.unpack(">HHB", data[:5])
        if not 1 <= count <= _WRITE_MOST or length != 2 * count or len(data) != 5 + length:
            raise Complaint(_BAD_VALUE)
        self.writes += 1
        self._write(start, list(struct.unpack(f">{count}H", data[5:])))
        return data[:4]

    def _loop_back(self, data: bytes) -> bytes:
        if data[:2] != b"\x00\x00":
            raise Complaint(_NO_FUNCTION)
        return data

    def _operate(self, what: int, how: int, data: bytes) -> bytes | None:
        """Carry out an operation command; a software reset has no reply."""
        oven = self.oven
        match what, how:
            case 0x00, 0 | 1:
                oven.writing_on = how == 1
            case 0x06, 0:
                oven.cut_power()
                oven.restore_power()
                return None
            case _ if not oven.writing_on:
                raise Complaint(self.quirks.write_refused_code)
            case 0x01, 0 | 1:
                oven.stand_by(stands_by=how == 1)
            case 0x04, 0 | 1:
                if how == 0 and oven.is_volatile:
                    oven.save()
                oven.is_volatile = how == 1
            case 0x05, 0:
                oven.save()
            case 0x09, 0 | 1:
                if how:
                    oven.switch_to_manual(oven.output)
                else:
                    oven.switch_to_automatic()
            case _:
                raise Complaint(_BAD_VALUE)
        return data

    # Registers ---------------------------------------------------------------------------------------------------

    def _words(self, start: int, count: int) -> list[int]:
        """Return registers. A value of two is not cut."""
        if self._is_wide(start):
            if start % 2 or count % 2:
                raise Complaint(_NO_REGISTER)
            pairs = [self._pair(self.table.wide, address) for address in range(start, start + count, 2)]
            return [word for pair in pairs for word in pair]
        if self._is_float(start):
            if start % 2 or count % 2:
                raise Complaint(_NO_REGISTER)
            floats = [self._float(address) for address in range(start, start + count, 2)]
            return [word for pair in floats for word in pair]
        return [self._word(address) for address in range(start, start + count)]

    def _is_wide(self, address: int) -> bool:
        return bool(self.table.wide) and address < _WIDE_BELOW

    def _is_float(self, address: int) -> bool:
        return self.has_float_area and address >= (self.table.float_area or 0)

    def _word(self, address: int) -> int:
        entry = self.registers.get(address)
        if entry is None or address in self.quirks.no_register:
            if self.quirks.hole_value is None:
                raise Complaint(_NO_REGISTER)
            return self.quirks.hole_value
        number = self._integer(*entry)
        if number < 0 and self.quirks.top_bit_is_sign:
            return -number | 0x8000
        return number & 0xFFFF

    def _pair(self, table: Mapping[int, tuple[str, str]], address: int) -> tuple[int, int]:
        if address not in table:
            raise Complaint(_NO_REGISTER)
        number = self._integer(*table[address]) & 0xFFFF_FFFF
        return number >> 16, number & 0xFFFF

    def _float(self, address: int) -> tuple[int, int]:
        entry = self.registers.get((address - (self.table.float_area or 0)) // 2)
        if entry is None:
            raise Complaint(_NO_REGISTER)
        high, low = struct.unpack(">HH", struct.pack(">f", self.value(entry[0])))
        return (low, high) if self.quirks.low_word_first else (high, low)

    def _integer(self, name: str, form: str) -> int:
        return round(self.value(name) * self._factor(form))

    def _factor(self, form: str) -> int:
        return int({"decimals": 10**self.oven.quirks.decimals, "tenths": 10, "word": 1}[form])

    def value(self, name: str) -> float:
        """Return what the controller shows under a name of its table."""
        oven = self.oven
        if name.startswith("constant "):
            return float(name.split()[1])
        bits = sum(1 << self.table.status[state] for state in oven.status() if state in self.table.status)
        shown: dict[str, Callable[[], float]] = {
            "status": lambda: bits,
            "status high": lambda: bits >> 16,
            "status inverted": lambda: ~bits & 0xFFFF,
            "pv": lambda: oven.shown_degc,
            "target": lambda: oven.local_degc,
            "working": lambda: oven.working_degc,
            "output": lambda: 100.0 * oven.output,
            "manual_output": lambda: 100.0 * oven.manual_output,
            "band": lambda: 12.0,
            "low": lambda: oven.quirks.low_degc,
            "high": lambda: oven.quirks.high_degc,
            "remote": lambda: oven.remote_degc,
            "ramp": lambda: oven.ramp_k_per_min,
            "error": lambda: oven.shown_degc - oven.working_degc,
            "unit": lambda: self.unit,
            "mode": lambda: oven.is_standby,
            "manual": lambda: oven.is_manual,
            "is_remote": lambda: oven.is_remote,
            "decimals": lambda: oven.quirks.decimals,
            "spare": lambda: self.spare,
        }
        return float(shown[name]())

    def _write(self, start: int, words: list[int]) -> None:
        """Write registers one after another, once all of them are known."""
        changes = self._changes(start, words)
        if any(name not in self._setters for name, _ in changes):
            raise Complaint(_NO_REGISTER)
        if not self.oven.writing_on:
            raise Complaint(self.quirks.write_refused_code)
        try:
            for name, value in changes:
                self._setters[name](value)
        except NotAccepted as err:
            raise Complaint(_BAD_VALUE) from err

    def _changes(self, start: int, words: list[int]) -> list[tuple[str, float]]:
        """Return what would be written: names of the table and values."""
        if not (self._is_wide(start) or self._is_float(start)):
            return [self._change(start + n, self._signed(word)) for n, word in enumerate(words)]
        if start % 2 or len(words) % 2:
            raise Complaint(_NO_REGISTER)
        found = []
        for n in range(0, len(words), 2):
            data = struct.pack(">HH", *words[n : n + 2])
            if self._is_float(start):
                data = data[2:] + data[:2] if self.quirks.low_word_first else data
                entry = self.registers.get((start + n - (self.table.float_area or 0)) // 2)
                found.append((entry[0] if entry else "", float(struct.unpack(">f", data)[0])))
            else:
                found.append(self._change(start + n, struct.unpack(">i", data)[0]))
        return found

    def _signed(self, word: int) -> int:
        if self.quirks.top_bit_is_sign:
            return -(word & 0x7FFF) if word & 0x8000 else word
        return (word ^ 0x8000) - 0x8000

    def _change(self, address: int, number: int) -> tuple[str, float]:
        entry = (self.table.wide if self._is_wide(address) else self.registers).get(address)
        if entry is None:
            raise Complaint(_NO_REGISTER)
        return entry[0], number / self._factor(entry[1])

    def _order(self, degc: float) -> None:
        self.oven.order(degc, volatile=self.oven.is_volatile)

    def _keep(self, value: float) -> None:
        """Take a number that has nothing to do with the oven."""
        self.spare = value

    def _order_output(self, percent: float) -> None:
        if not self.oven.is_manual:
            raise NotAccepted("the output is the regulator's")
        self.oven.switch_to_manual(percent / 100.0)


def oven_of(kind: str, clock: Callable[[], float], quirks: OvenQuirks | None = None, seed: int = 1) -> SimulatedOven:
    """Return an oven as a kind of controller begins: its writing has to be enabled, or not."""
    found = quirks or OvenQuirks()
    found.writing_needs_enabling = controller_table(kind).writing_needs_enabling
    return SimulatedOven(clock, quirks=found, seed=seed)
