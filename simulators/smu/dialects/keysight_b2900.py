"""The dialect of the Keysight B2901A (reference smu-and-ovens, sections 6 to 13)."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

from simulators.smu.buffers import Reading
from simulators.smu.dialects.common import CommonCommands
from simulators.smu.dialects.dialect import Command, Commands, flag
from simulators.smu.dialects.quantities import FUNCTIONS, LONG_WORDS, limit_commands, sense_commands, source_commands
from simulators.smu.dialects.source_and_sense import Settings
from simulators.smu.meter import Meter
from simulators.smu.ranges import Model, Quantity
from simulators.smu.regulation import Drive
from simulators.smu.settings import Quirks
from simulators.smu.setup import OffState, Setup, reset_setup
from simulators.smu.status import Complaint
from simulators.smu.unit import OffAction, Unit, Wait
from simulators.smu.values import Arguments, reading, word_of

_NAN = 9.91e37
_OVERFLOW = 9.9e37
_OFF_LIMIT_A = 1e-4
"""NORMal, ZERO and an emergency limit to this current (section 9)."""

_NORMAL_S = 1e-3
"""For so long NORMal and an emergency hold 0 V before the relay opens (section 26)."""

_CONVERSION_S = 300e-6
_OVERHEAD_S = 0.002
_ELEMENTS = {
    "VOLTage": "VOLT", "CURRent": "CURR", "RESistance": "RES", "TIME": "TIME", "STATus": "STAT", "SOURce": "SOUR",
}  # fmt: skip
_OFF_STATES = {"NORMal": "NORM", "ZERO": "ZERO", "HIZ": "HIMP"}
_SENSE_FUNCTIONS = FUNCTIONS | {"RESistance": "RES"}
_ORDER = (Quantity.VOLTAGE, Quantity.CURRENT, Quantity.RESISTANCE)
_CURRENT_SOURCE, _IN_COMPLIANCE, _OVERFLOWN = 1, 2, 1 << 13
_MOST_DELAY_S = 1e5
IDLE = 0b10010
"""Operation condition bits 1 and 4: both triggers are idle (section 13)."""


def reset(model: Model, _: Quirks) -> Setup:
    """Return the settings after ``*RST``: the output goes on by itself with a reading."""
    setup = reset_setup(model)
    setup.functions = list(_ORDER)
    setup.elements = tuple(_ELEMENTS.values())
    setup.output_on_by_reading = True
    return setup


def _zero_volts() -> Drive:
    return Drive(Quantity.VOLTAGE, 0.0, _OFF_LIMIT_A, _OFF_LIMIT_A)


def off(unit: Unit) -> OffAction:
    """Return what the output does when it is off: NORMal holds 0 V for a moment, ZERO for as long as it is off."""
    match unit.off_state:
        case OffState.NORMAL:
            return _zero_volts(), _NORMAL_S
        case OffState.ZERO:
            return _zero_volts(), _NORMAL_S if unit.quirks.zero_opens_relay else math.inf
        case _:
            return None, math.inf


def write_error(number: int, text: str) -> str:
    """Write one entry of the error queue, with a sign also for 0."""
    return f'{number:+d},"{text}"'


class KeysightB2900:
    """The commands of one B2901A."""

    def __init__(self, unit: Unit, identity: str) -> None:
        self.unit = unit
        self.meter = Meter(unit)
        self._delay_s = 0.0
        unit.stage.pull = (_zero_volts(), _NORMAL_S)
        settings = Settings(unit, strict=False, over_range_answers=False, write=reading)
        commands: dict[str, Command] = {
            **CommonCommands(unit, identity).table(),
            **source_commands(settings, ":SOURce[1]:FUNCtion:MODE"),
            **sense_commands(settings, shared_nplc=True),
            **self._output_commands(),
            **self._sense_commands(),
            ":MEASure": Command(query=self._spot),
            ":READ[:SCALar]": Command(query=self._read),
            ":INITiate[:IMMediate][:ALL]": Command(self._initiate),
            ":FETCh[:SCALar]": Command(query=self._fetch),
            ":FETCh:ARRay": Command(query=self._fetch),
            "[:SENSe[1]]:DATA[:LATest]": Command(query=self._fetch),
            ":ABORt[:ALL]": Command(lambda _: None),
            ":TRIGger:ACQuire:DELay": Command(self._set_delay, lambda _: reading(self._delay_s)),
            ":TRIGger[:ALL]:SOURce": Command(self._set_trigger_source, lambda _: "AINT"),
            ":TRIGger[:ALL]:COUNt": Command(self._set_trigger_count, lambda _: f"{unit.setup.trigger_count:.0f}"),
        }
        for quantity, word in LONG_WORDS.items():
            protection = f"[:SENSe[1]]:{word}[:DC]:PROTection[:LEVel]"
            commands |= limit_commands(settings, f"{protection}[:BOTH]", quantity)
            # The header of TRIP? has no level in it.
            trip = commands.pop(f"[:SENSe[1]]:{word}[:DC]:PROTection[:BOTH]:TRIPped")
            commands[f"[:SENSe[1]]:{word}[:DC]:PROTection:TRIPped"] = trip
            for side, header in (("high", "POSitive"), ("low", "NEGative")):
                commands[f"{protection}:{header}"] = Command(
                    partial(settings.set_limit, quantity, sides=side), partial(self._side, quantity, side)
                )
            commands[f":SOURce[1]:{word}:MODE"] = Command(self._set_mode, lambda _: "FIX")
            commands[f"[:SENSe[1]]:{word}[:DC]:RANGe:AUTO:MODE"] = Command(lambda _: None, lambda _: "NORM")
        self.commands: Commands = commands

    # Readings --------------------------------------------------------------------------------------------------

    def reading_time_s(self) -> float:
        """Return how long a reading of all functions takes: they share one aperture."""
        nplc = self.unit.setup.sensed[Quantity.VOLTAGE].nplc
        return nplc / self.unit.quirks.line_frequency_hz + _CONVERSION_S + self._delay_s + _OVERHEAD_S

    def measure(self) -> Wait:
        """Make one reading; it takes its time first."""
        unit = self.unit
        seconds = self.reading_time_s() + self.meter.autorange_s() + self.unit.quirks.reading_more_s
        yield seconds
        taken = self.meter.read(seconds)
        point = unit.point()
        status = _CURRENT_SOURCE if unit.setup.source is Quantity.CURRENT else 0
        status |= _IN_COMPLIANCE if unit.output and point.at_limit else 0
        if any(it is not None and math.isinf(it) for it in (taken.voltage_v, taken.current_a)):
            status |= _OVERFLOWN
        taken = replace(taken, status=status)
        unit.buffers.latest = [taken]
        return taken

    def _write(self, readings: list[Reading]) -> str:
        return ",".join(text for taken in readings for text in self._elements_of(taken))

    def _elements_of(self, taken: Reading) -> list[str]:
        status = str(taken.status) if self.unit.quirks.status_as_integer else reading(float(taken.status))
        values = {
            "VOLT": self._number(taken.voltage_v),
            "CURR": self._number(taken.current_a),
            "RES": self._number(taken.resistance_ohm),
            "TIME": reading(taken.time_s),
            "STAT": status,
            "SOUR": reading(taken.programmed),
        }
        return [values[name] for name in values if name in self.unit.setup.elements]

    def _number(self, value: float | None) -> str:
        overflow = _OVERFLOW if self.unit.quirks.overflow is None else self.unit.quirks.overflow
        if value is None:
            return reading(_NAN)
        return reading(value if math.isfinite(value) else math.copysign(overflow, value))

    def _spot(self, given: Arguments) -> Wait:
        given.nothing()
        return self._write([(yield from self.measure())])

    def _run(self) -> Wait:
        """Make all readings of one initiation, after the output has gone on by itself (section 1.6)."""
        unit = self.unit
        if unit.setup.output_on_by_reading:
            yield from unit.switch_on()
        readings: list[Reading] = []
        while len(readings) < unit.setup.trigger_count:
            readings.append((yield from self.measure()))
        unit.buffers.latest = readings
        return readings

    def _read(self, given: Arguments) -> Wait:
        given.nothing()
        return self._write((yield from self._run())[-1:])

    def _initiate(self, _: Arguments) -> Wait:
        yield from self._run()

    def _fetch(self, given: Arguments) -> str:
        given.nothing()
        if not self.unit.buffers.latest:
            raise Complaint(-230)
        return self._write(self.unit.buffers.latest)

    # Output ----------------------------------------------------------------------------------------------------

    def _output_commands(self) -> Commands:
        unit = self.unit
        return {
            ":OUTPut[1][:STATe]": Command(self._set_output, lambda _: flag(unit.output)),
            ":OUTPut[1]:ON:AUTO": Command(self._set_auto_on, lambda _: flag(unit.setup.output_on_by_reading)),
            ":OUTPut[1]:OFF:AUTO": Command(self._set_auto_off, lambda _: flag(unit.setup.auto_clear)),
            ":OUTPut[1]:OFF:MODE": Command(self._set_off_state, lambda _: unit.off_state.value.replace("HIMP", "HIZ")),
            ":OUTPut[1]:PROTection[:STATe]": Command(
                self._set_protection, lambda _: flag(unit.setup.output_protection)
            ),
            ":OUTPut[1]:LOW": Command(self._set_low, lambda _: "GRO"),
            ":OUTPut[1]:HCAPacitance[:STATe]": Command(lambda _: None, lambda _: "0"),
            ":SYSTem:INTerlock:TRIPped": Command(query=lambda _: flag(not unit.interlock_closed)),
            ":SYSTem:LFRequency": Command(lambda _: None, lambda _: f"{unit.quirks.line_frequency_hz:.0f}"),
            ":SYSTem:BEEPer:STATe": Command(lambda _: None, lambda _: "0"),
            ":SYSTem:TIME:TIMer:COUNt:RESet[:IMMediate]": Command(lambda _: unit.set_time_zero()),
            ":SOURce[1]:FUNCtion[:SHAPe]": Command(self._set_shape, lambda _: "DC"),
        }

    def _set_output(self, given: Arguments) -> Wait:
        if given.flag():
            yield from self.unit.switch_on()
        else:
            self.unit.switch_off()

    def _set_auto_on(self, given: Arguments) -> None:
        self.unit.setup.output_on_by_reading = given.flag()

    def _set_auto_off(self, given: Arguments) -> None:
        self.unit.setup.auto_clear = given.flag()

    def _set_off_state(self, given: Arguments) -> None:
        """Choose the off state; HIZ needs at most 40 V and the 100 mA range (section 9)."""
        for source in self.unit.setup.sourced.values():
            source.off_state = OffState(word_of(given.only(), _OFF_STATES))
        self.unit.apply()

    def _set_protection(self, given: Arguments) -> None:
        self.unit.setup.output_protection = given.flag()
        self.unit.apply()

    @staticmethod
    def _set_low(given: Arguments) -> None:
        given.word({"GROund": "GRO", "FLOat": "FLO"})

    @staticmethod
    def _set_shape(given: Arguments) -> None:
        if given.word({"DC": "DC", "PULSe": "PULS"}) != "DC":
            raise Complaint(-221)

    @staticmethod
    def _set_mode(given: Arguments) -> None:
        if given.word({"FIXed": "FIX", "SWEep": "SWE", "LIST": "LIST"}) != "FIX":
            raise Complaint(-221)

    # Sense -----------------------------------------------------------------------------------------------------

    def _sense_commands(self) -> Commands:
        functions = "[:SENSe[1]]:FUNCtion"
        setup = self.unit
        return {
            f"{functions}[:ON]": Command(lambda given: self._sense(given, add=True), lambda _: self._sensed()),
            f"{functions}[:ON]:ALL": Command(lambda _: self._sense_these(list(_ORDER))),
            f"{functions}:OFF": Command(lambda given: self._sense(given, add=False)),
            f"{functions}:OFF:ALL": Command(lambda _: self._sense_these([])),
            "[:SENSe[1]]:REMote": Command(self._set_four_wire, lambda _: flag(setup.setup.four_wire())),
            ":FORMat[:DATA]": Command(self._set_format, lambda _: "ASC"),
            ":FORMat:ELEMents:SENSe[1]": Command(self._set_elements, lambda _: ",".join(setup.setup.elements)),
        }

    def _sense(self, given: Arguments, *, add: bool) -> None:
        named = [Quantity(word_of(text, _SENSE_FUNCTIONS)) for text in given.texts()]
        present = self.unit.setup.functions
        self._sense_these(present + named if add else [it for it in present if it not in named])

    def _sense_these(self, quantities: list[Quantity]) -> None:
        self.unit.setup.functions = [it for it in _ORDER if it in quantities]
        self.unit.apply()

    def _sensed(self) -> str:
        return ",".join(f'"{it.value}"' for it in self.unit.setup.functions) or '""'

    def _set_four_wire(self, given: Arguments) -> None:
        for sense in self.unit.setup.sensed.values():
            sense.four_wire = given.flag()
        self.unit.apply()

    @staticmethod
    def _set_format(given: Arguments) -> None:
        """Accept ASCII: the order of binary readings is not known."""
        if word_of(given.items[0] if given.items else given.only(), {"ASCii": "ASC", "REAL": "REAL"}) != "ASC":
            raise Complaint(-221)

    def _set_elements(self, given: Arguments) -> None:
        if not given.items:
            raise Complaint(-109)
        chosen = {word_of(item, _ELEMENTS) for item in given.items}
        self.unit.setup.elements = tuple(it for it in _ELEMENTS.values() if it in chosen)

    def _side(self, quantity: Quantity, side: str, _: Arguments) -> str:
        sense = self.unit.setup.sensed[quantity]
        return reading(sense.limit if side == "high" else -sense.low_limit)

    def _set_delay(self, given: Arguments) -> None:
        self._delay_s = given.plain_number(0.0, _MOST_DELAY_S, 0.0)

    @staticmethod
    def _set_trigger_source(given: Arguments) -> None:
        given.word({"AINT": "AINT", "BUS": "BUS", "TIMer": "TIM"})

    def _set_trigger_count(self, given: Arguments) -> None:
        self.unit.setup.trigger_count = int(given.plain_number(1, 100_000, 1))
