"""The dialect of the Keithley 2400 series (reference smu-and-ovens, sections 6 to 13)."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

from simulators.smu.buffers import Reading
from simulators.smu.dialects.common import CommonCommands, power_on_setup_commands
from simulators.smu.dialects.dialect import Command, Commands
from simulators.smu.dialects.output_2400 import OutputCommands
from simulators.smu.dialects.quantities import LONG_WORDS, limit_commands, sense_commands, source_commands
from simulators.smu.dialects.source_and_sense import Settings
from simulators.smu.dialects.system_2400 import ELEMENTS, SystemCommands
from simulators.smu.dialects.trace_2400 import trace_commands
from simulators.smu.dialects.trigger_2400 import Trigger
from simulators.smu.meter import Meter
from simulators.smu.ranges import Model, Quantity
from simulators.smu.regulation import Drive
from simulators.smu.settings import Quirks
from simulators.smu.setup import OffState, Setup, reset_setup
from simulators.smu.unit import CLOCK_WRAPS_S, OffAction, Unit, Wait
from simulators.smu.values import Arguments, reading

NAN = 9.91e37

_OFF_LIMIT = 0.005
"""NORMal and GUARd limit to this part of the present range (section 9)."""

_CONVERSION_S = 185e-6
_OVERHEAD_S = 0.0153
"""What a source-measure reading takes beside its conversion: 28 a second at 1 PLC and 50 Hz (section 12)."""

_AUTOZERO_CONVERSIONS = 3


def reset(model: Model, quirks: Quirks) -> Setup:
    """Return the settings after ``*RST``: auto-ohms is on, and V, I, R, time and status are the elements."""
    setup = reset_setup(model)
    setup.auto_clear = quirks.reset_auto_clear
    setup.elements = tuple(ELEMENTS.values())
    return setup


def off(unit: Unit) -> OffAction:
    """Return what the output does when it is off (section 9)."""
    setup = unit.setup
    source_a = unit.source_range(Quantity.CURRENT).full
    limit_a = setup.sensed[Quantity.CURRENT].limit
    if setup.source is Quantity.VOLTAGE:
        source_a = unit.holding_range(Quantity.CURRENT, limit_a).full
    match unit.off_state:
        case OffState.HIGH_IMPEDANCE:
            return None, math.inf
        case OffState.NORMAL:
            return _zero_volts(_OFF_LIMIT * source_a), math.inf
        case OffState.ZERO:
            least_a = _OFF_LIMIT * source_a if setup.source is Quantity.CURRENT else 0.0
            return _zero_volts(max(limit_a, least_a)), math.inf
        case OffState.GUARD:
            limit_v = _OFF_LIMIT * unit.source_range(Quantity.VOLTAGE).full
            return Drive(Quantity.CURRENT, 0.0, limit_v, limit_v, unit.quirks.limit_below_cell_a), math.inf


def _zero_volts(limit_a: float) -> Drive:
    return Drive(Quantity.VOLTAGE, 0.0, limit_a, limit_a)


def write_error(number: int, text: str) -> str:
    """Write one entry of the error queue; codes of the instrument's own have a plus."""
    return f'{number:+d},"{text}"' if number else f'0,"{text}"'


class Keithley2400:
    """The commands of one 2400."""

    def __init__(self, unit: Unit, identity: str) -> None:
        self.unit = unit
        self.meter = Meter(unit)
        self.trigger = Trigger(unit, self.measure, self.write_readings)
        settings = Settings(unit, strict=True, over_range_answers=True)
        commands: dict[str, Command] = {
            **CommonCommands(unit, identity).table(),
            **power_on_setup_commands(unit),
            **source_commands(settings, ":SOURce[1]:FUNCtion[:MODE]"),
            **sense_commands(settings, shared_nplc=True),
            **self.trigger.commands(),
            **trace_commands(unit, self.write_readings),
            **OutputCommands(unit).table(),
            **SystemCommands(unit).table(),
        }
        for quantity, word in {**LONG_WORDS, Quantity.RESISTANCE: "RESistance"}.items():
            commands[f":MEASure:{word}[:DC]"] = Command(query=partial(self._measure_anew, quantity))
            commands[f":CONFigure:{word}[:DC]"] = Command(partial(self._configure, quantity))
        for quantity, word in LONG_WORDS.items():
            sense = f"[:SENSe[1]]:{word}[:DC]:PROTection"
            commands |= limit_commands(settings, f"{sense}[:LEVel]", quantity)
        self.commands: Commands = commands

    # Readings --------------------------------------------------------------------------------------------------

    def reading_time_s(self) -> float:
        """Return how long one reading takes (section 12)."""
        setup = self.unit.setup
        nplc = setup.sensed[Quantity.VOLTAGE].nplc
        conversion_s = nplc / self.unit.quirks.line_frequency_hz + _CONVERSION_S
        conversions = max(1, len(setup.functions))
        if setup.sensed[Quantity.VOLTAGE].autozero:
            conversions *= _AUTOZERO_CONVERSIONS
        if setup.averages and not setup.average_moving:
            conversions *= setup.average_count
        source = setup.sourced[setup.source]
        delay_s = 0.001 if source.auto_delay else source.delay_s
        return conversions * conversion_s + delay_s + setup.trigger_delay_s + _OVERHEAD_S

    def measure(self) -> Wait:
        """Make one reading; it takes its time first."""
        setup = self.unit.setup
        seconds = self.reading_time_s() + self.meter.autorange_s() + self.unit.quirks.reading_more_s
        if setup.auto_clear:
            yield from self.unit.switch_on()
        yield seconds
        taken = self.meter.read(seconds, setup.average_count if setup.averages else 1)
        is_over = any(it is not None and math.isinf(it) for it in (taken.voltage_v, taken.current_a))
        taken = replace(taken, time_s=taken.time_s % CLOCK_WRAPS_S, status=self._status(is_over=is_over))
        if setup.auto_clear:
            self.unit.switch_off()
        return taken

    def _status(self, *, is_over: bool) -> int:
        """Return the status word of a reading made now (section 10)."""
        unit, setup, drive = self.unit, self.unit.setup, self.unit.stage.drive
        point = unit.point()
        ranged = point.at_limit and drive is not None and drive.range_limits
        bits = {
            0: is_over,
            1: setup.averages,
            2: not setup.rear,
            3: point.at_limit and not ranged,
            4: point.at_over_voltage,
            10: Quantity.RESISTANCE in setup.functions and setup.auto_ohms,
            11: Quantity.VOLTAGE in setup.functions,
            12: Quantity.CURRENT in setup.functions,
            13: Quantity.RESISTANCE in setup.functions,
            14: setup.source is Quantity.VOLTAGE,
            15: setup.source is Quantity.CURRENT,
            16: ranged,
            22: setup.four_wire(),
        }
        return sum(1 << bit for bit, is_set in bits.items() if is_set)

    def write_readings(self, readings: list[Reading]) -> str:
        """Write readings, each as its elements: always in the order V, I, R, time, status."""
        return ",".join(text for it in readings for text in self._elements_of(it))

    def _elements_of(self, taken: Reading) -> list[str]:
        setup = self.unit.setup
        voltage_v, current_a = taken.voltage_v, taken.current_a
        if voltage_v is None and setup.source is Quantity.VOLTAGE:
            voltage_v = taken.programmed
        if current_a is None and setup.source is Quantity.CURRENT:
            current_a = taken.programmed
        values = {
            "VOLT": voltage_v,
            "CURR": current_a,
            "RES": taken.resistance_ohm,
            "TIME": taken.time_s,
            "STAT": float(taken.status),
        }
        return [self._number(values[name]) for name in values if name in setup.elements]

    def _number(self, value: float | None) -> str:
        overflow = NAN if self.unit.quirks.overflow is None else self.unit.quirks.overflow
        if value is None:
            return reading(NAN)
        return reading(value if math.isfinite(value) else math.copysign(overflow, value))

    def _configure(self, quantity: Quantity, given: Arguments) -> Wait:
        """Do as ``:CONF``: range and limit of a function are those of ``*RST``, and the output goes on (1.5)."""
        given.nothing()
        unit, fresh = self.unit, reset(self.unit.model, self.unit.quirks)
        sense = fresh.sensed[quantity]
        sense.nplc, sense.autozero = unit.setup.sensed[quantity].nplc, unit.setup.sensed[quantity].autozero
        sense.four_wire = unit.setup.sensed[quantity].four_wire
        unit.setup.sensed[quantity] = sense
        unit.setup.functions = [quantity]
        unit.setup.arm_count = unit.setup.trigger_count = 1
        yield from unit.switch_on()
        unit.apply()

    def _measure_anew(self, quantity: Quantity, given: Arguments) -> Wait:
        yield from self._configure(quantity, given)
        return self.write_readings((yield from self.trigger.run()))
