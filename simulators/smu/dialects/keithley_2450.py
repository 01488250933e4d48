"""The SCPI dialect of the Keithley 2450 and 2460 (reference smu-and-ovens, sections 6 to 13)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from simulators.smu.buffers import Buffer, Reading
from simulators.smu.dialects.common import CommonCommands, power_on_setup_commands
from simulators.smu.dialects.dialect import Command, Commands
from simulators.smu.dialects.quantities import LONG_WORDS, limit_commands, sense_commands, source_commands
from simulators.smu.dialects.settings_2450 import SettingsCommands
from simulators.smu.dialects.source_and_sense import Settings
from simulators.smu.meter import Meter
from simulators.smu.ranges import Model, Quantity
from simulators.smu.regulation import Drive
from simulators.smu.settings import Quirks, ReadWhenOff
from simulators.smu.setup import OffState, Setup, reset_setup
from simulators.smu.status import Complaint
from simulators.smu.unit import OffAction, Unit, Wait
from simulators.smu.values import Arguments, setting, text_of

_NAN = 9.91e37
_OVERFLOW = 9.9e37
_OFF_LIMIT = 0.1
"""NORMal and GUARd limit to this part of the range (section 9)."""

_CONVERSION_S = 300e-6
_OVERHEAD_S = 0.002
_MOST_ELEMENTS = 14
_LEAST_POINTS, _MOST_POINTS = 10, 6_875_000
_FRONT = 0x08
_FIRST_OF_GROUP = 0x100
_LEVEL_LIMITED, _FOUR_WIRE, _OUTPUT_ON = 0x10, 0x20, 0x40
_READ_BACK, _OVER_VOLTAGE = 0x02, 0x01
_UNITS = {Quantity.VOLTAGE: "Volt DC", Quantity.CURRENT: "Amp DC", Quantity.RESISTANCE: "Ohm"}
_ELEMENTS = (
    "DATE", "FORMatted", "FRACtional", "READing", "RELative", "SECONDs", "SOURce", "SOURFORMatted", "SOURSTATus",
    "SOURUNIT", "STATus", "TIME", "TSTamp", "UNIT",
)  # fmt: skip
_DEFAULT_BUFFER = "defbuffer1"


def reset(model: Model, _: Quirks) -> Setup:
    """Return the settings after ``*RST``."""
    return reset_setup(model)


def off(unit: Unit) -> OffAction:
    """Return what the output does when it is off (section 9)."""
    setup = unit.setup
    source_a = unit.source_range(Quantity.CURRENT).full
    if setup.source is Quantity.VOLTAGE:
        source_a = unit.holding_range(Quantity.CURRENT, setup.sensed[Quantity.CURRENT].limit).full
    match unit.off_state:
        case OffState.HIGH_IMPEDANCE:
            return None, math.inf
        case OffState.NORMAL:
            return Drive(Quantity.VOLTAGE, 0.0, _OFF_LIMIT * source_a, _OFF_LIMIT * source_a), math.inf
        case OffState.ZERO:
            return Drive(Quantity.VOLTAGE, 0.0, source_a, source_a), math.inf
        case OffState.GUARD:
            limit_v = _OFF_LIMIT * unit.source_range(Quantity.VOLTAGE).full
            return Drive(Quantity.CURRENT, 0.0, limit_v, limit_v, unit.quirks.limit_below_cell_a), math.inf


def write_error(number: int, text: str) -> str:
    """Write one entry of the error queue."""
    return f'{number},"{text}"'


class Keithley2450:
    """The commands of one 2450 or 2460."""

    def __init__(self, unit: Unit, identity: str) -> None:
        self.unit = unit
        self.meter = Meter(unit)
        self._reference_s = -math.inf
        settings = Settings(unit, strict=False, over_range_answers=False)
        commands: dict[str, Command] = {
            **CommonCommands(unit, identity).table(has_measurement_register=False),
            **power_on_setup_commands(unit),
            **source_commands(settings, ":SOURce[1]:FUNCtion[:MODE]"),
            **sense_commands(settings, shared_nplc=False),
            **SettingsCommands(unit).table(),
            **limit_commands(settings, ":SOURce[1]:VOLTage:ILIMit[:LEVel]", Quantity.CURRENT),
            **limit_commands(settings, ":SOURce[1]:CURRent:VLIMit[:LEVel]", Quantity.VOLTAGE),
            ":READ": Command(query=self._read),
            ":FETCh": Command(query=self._fetch),
            ":TRACe:MAKE": Command(self._make),
            ":TRACe:TRIGger": Command(self._trigger),
            ":TRACe:ACTual": Command(query=lambda given: str(len(self._buffer(given.items).readings))),
            ":TRACe:CLEar": Command(lambda given: self._buffer(given.items).readings.clear()),
            ":TRACe:DATA": Command(query=self._data),
            ":TRACe:POINts": Command(self._size, lambda given: str(self._buffer(given.items).readings.maxlen)),
            ":INITiate[:IMMediate]": Command(self._initiate),
            ":ABORt": Command(lambda _: None),
        }
        for quantity, word in LONG_WORDS.items():
            commands[f":MEASure:{word}[:DC]"] = Command(query=partial(self._measure_function, quantity))
        self.commands: Commands = commands

    # Readings --------------------------------------------------------------------------------------------------

    @property
    def _sensed(self) -> Quantity:
        return self.unit.setup.functions[0]

    def reading_time_s(self) -> float:
        """Return how long one reading takes; autozero only when its reference has expired (section 12)."""
        setup, unit = self.unit.setup, self.unit
        sense = setup.sensed[self._sensed]
        conversions = 2 if setup.sourced[setup.source].readback else 1
        if sense.autozero and unit.clock() - self._reference_s >= unit.quirks.reference_expires_s:
            self._reference_s = unit.clock()
            conversions += 2
        if setup.averages and not setup.average_moving:
            conversions *= setup.average_count
        return conversions * (sense.nplc / unit.quirks.line_frequency_hz + _CONVERSION_S) + _OVERHEAD_S

    def measure(self, buffer: Buffer) -> Wait:
        """Make one reading and store it in a buffer; it takes its time first."""
        unit, setup = self.unit, self.unit.setup
        if not unit.output and unit.stage.drive is None and unit.quirks.read_when_off is ReadWhenOff.ERROR:
            raise Complaint(-221)
        seconds = self.reading_time_s() + self.meter.autorange_s() + self.unit.quirks.reading_more_s
        yield seconds
        taken = self.meter.read(seconds, setup.average_count if setup.averages else 1)
        values = {Quantity.VOLTAGE: taken.voltage_v, Quantity.CURRENT: taken.current_a}
        value = values.get(self._sensed, taken.resistance_ohm)
        if not unit.output and unit.stage.drive is None:
            value = _NAN
        programmed = taken.programmed
        if setup.sourced[setup.source].readback:
            programmed = self.meter.read_back()
        status = (0 if setup.rear else _FRONT) | (0 if buffer.readings else _FIRST_OF_GROUP)
        buffer.readings.append(
            replace(taken, value=math.nan if value is None else value, programmed=programmed, status=status)
        )
        return buffer.readings[-1]

    def _write(self, buffer: Buffer, taken: Reading, elements: list[str]) -> list[str]:
        first_s = buffer.readings[0].time_s
        values: dict[str, Callable[[], str]] = {
            "READ": lambda: self._number(taken.value),
            "SOUR": lambda: self._number(taken.programmed),
            "REL": lambda: setting(taken.time_s - first_s),
            "SECOND": lambda: str(int(taken.time_s)),
            "FRAC": lambda: setting(taken.time_s % 1.0),
            "TST": lambda: f"{taken.time_s:.6f}",
            "TIME": lambda: f"{taken.time_s:.6f}",
            "DATE": lambda: "01/01/2026",
            "FORM": lambda: f"{taken.value:+.6f}",
            "SOURFORM": lambda: f"{taken.programmed:+.6f}",
            "UNIT": lambda: _UNITS[self._sensed],
            "SOURUNIT": lambda: _UNITS[self.unit.setup.source],
            "STAT": lambda: str(taken.status),
            "SOURSTAT": lambda: str(self._source_status()),
        }
        return [values[element]() for element in elements]

    def _source_status(self) -> int:
        """Return the status of the source; the bits are ours, for the reference has none (section 28)."""
        unit, point = self.unit, self.unit.point()
        bits = _OVER_VOLTAGE if point.at_over_voltage else 0
        bits |= _READ_BACK if unit.setup.sourced[unit.setup.source].readback else 0
        bits |= _LEVEL_LIMITED if unit.output and point.at_limit else 0
        return bits | (_FOUR_WIRE if unit.setup.four_wire() else 0) | (_OUTPUT_ON if unit.output else 0)

    def _number(self, value: float) -> str:
        overflow = _OVERFLOW if self.unit.quirks.overflow is None else self.unit.quirks.overflow
        if math.isnan(value):
            return setting(_NAN)
        return setting(value if math.isfinite(value) else math.copysign(overflow, value))

    # Buffers ---------------------------------------------------------------------------------------------------

    def _buffer(self, items: list[str]) -> Buffer:
        """Return the buffer that the first value names, else the usual one."""
        return self.unit.buffers.find(text_of(items[0]) if items else _DEFAULT_BUFFER)

    def _buffer_and_elements(self, items: list[str]) -> tuple[Buffer, list[str]]:
        """Take a buffer's name, where there is one, and elements; 1133 for an element that there is not."""
        buffer = self._buffer(items[:1] if items and items[0][:1] in ("'", '"') else [])
        names = items[1:] if items and items[0][:1] in ("'", '"') else items
        if len(names) > _MOST_ELEMENTS:
            raise Complaint(-108)
        return buffer, [self._element(name) for name in names] or ["READ"]

    @staticmethod
    def _element(name: str) -> str:
        word = name.upper()
        for form in _ELEMENTS:
            short = "".join(letter for letter in form if not letter.islower())
            if word in (form.upper(), short):
                return short
        raise Complaint(1133)

    def _separator(self) -> str:
        return ", " if self.unit.quirks.comma_and_space else ","

    def _read(self, given: Arguments) -> Wait:
        buffer, elements = self._buffer_and_elements(given.items)
        taken = yield from self.measure(buffer)
        return self._separator().join(self._write(buffer, taken, elements))

    def _measure_function(self, quantity: Quantity, given: Arguments) -> Wait:
        """Do as ``:MEAS``: another function, the same settings (section 1.5)."""
        self.unit.setup.functions = [quantity]
        self.unit.apply()
        return (yield from self._read(given))

    def _initiate(self, given: Arguments) -> Wait:
        given.nothing()
        yield from self.measure(self._buffer([]))

    def _trigger(self, given: Arguments) -> Wait:
        yield from self.measure(self._buffer(given.items))

    def _fetch(self, given: Arguments) -> str:
        buffer, elements = self._buffer_and_elements(given.items)
        if not buffer.readings:
            raise Complaint(-230)
        return self._separator().join(self._write(buffer, buffer.readings[-1], elements))

    def _make(self, given: Arguments) -> None:
        if len(given.items) < 2:
            raise Complaint(-109)
        self.unit.buffers.make(text_of(given.items[0]), _points(given.items[1]))

    def _size(self, given: Arguments) -> None:
        """Give a buffer another size, empty."""
        if not given.items:
            raise Complaint(-109)
        name = text_of(given.items[1]) if len(given.items) > 1 else _DEFAULT_BUFFER
        self.unit.buffers.find(name)
        self.unit.buffers.make(name, _points(given.items[0]))

    def _data(self, given: Arguments) -> str:
        if len(given.items) < 2:
            raise Complaint(-109)
        first, last = (int(Arguments(item).plain_number(1, 1e7)) for item in given.items[:2])
        buffer, elements = self._buffer_and_elements(given.items[2:])
        return self._separator().join(
            text for taken in buffer.part(first, last) for text in self._write(buffer, taken, elements)
        )


def _points(text: str) -> int:
    return int(Arguments(text).plain_number(_LEAST_POINTS, _MOST_POINTS))
