"""One simulated source meter: a unit, the dialect that it is spoken to in, and what hands do to both."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from simulators.cells.model import CellModel
from simulators.smu.dialects import keithley_2400, keithley_2450, keysight_b2900
from simulators.smu.dialects.common import CommonCommands
from simulators.smu.dialects.dialect import Commands
from simulators.smu.dialects.trigger_2400 import ENDING_WORDS
from simulators.smu.interpreter import Interpreter
from simulators.smu.ranges import Model
from simulators.smu.settings import ErrorFormat, Quirks
from simulators.smu.setup import Setup
from simulators.smu.status import Measurement
from simulators.smu.unit import OffAction, Unit


@dataclass(frozen=True, slots=True)
class Make:
    """What the models of one make have in common."""

    dialect: Callable[[Unit, str], Any]
    reset: Callable[[Model, Quirks], Setup]
    off: Callable[[Unit], OffAction]
    write_error: Callable[[int, str], str]
    idle: int = 0


_IDLE = 1 << 10
"""Operation condition bit 10 of a 2400: idle (section 11)."""

_2400 = Make(keithley_2400.Keithley2400, keithley_2400.reset, keithley_2400.off, keithley_2400.write_error, _IDLE)
_2450 = Make(keithley_2450.Keithley2450, keithley_2450.reset, keithley_2450.off, keithley_2450.write_error)
_B2900 = Make(
    keysight_b2900.KeysightB2900,
    keysight_b2900.reset,
    keysight_b2900.off,
    keysight_b2900.write_error,
    keysight_b2900.IDLE,
)
_MAKES = {"keithley-2400": _2400, "keithley-2450": _2450, "keithley-2460": _2450, "keysight-b2901a": _B2900}

_FORMATS: dict[ErrorFormat, Callable[[int, str], str]] = {
    ErrorFormat.PLAIN: lambda number, text: f'{number},"{text}"',
    ErrorFormat.SIGNED: lambda number, text: f'{number:+d},"{text}"',
    ErrorFormat.FIELDS: lambda number, text: f'{number},"{text};{1 if number else 0};2026/01/05 00:00:00.000"',
}


_SERIAL = "4000001"
"""The serial number of a unit that is given no other."""

_UNKNOWN, _TSP_SYNTAX = -113, -285


class TspOnly:
    """A 2450 that was switched to TSP: it knows the commands with a star, and takes the rest for a wrong script."""

    def __init__(self, unit: Unit, identity: str) -> None:
        table = CommonCommands(unit, identity).table()
        language = keithley_2450.Keithley2450(unit, identity).commands["*LANG"]
        self.commands: Commands = {header: command for header, command in table.items() if header.startswith("*")} | {
            "*LANG": language
        }


class Instrument:
    """One unit with its interpreter. ``run`` carries out a line in whatever language the unit is in."""

    def __init__(
        self,
        model: Model,
        clock: Callable[[], float],
        cell: CellModel,
        seed: str,
        quirks: Quirks | None = None,
        serial: str = _SERIAL,
    ) -> None:
        self.model, self.quirks = model, quirks or Quirks()
        self._make = _MAKES[model.name]
        write_error = self._make.write_error if self.quirks.error_format is None else _FORMATS[self.quirks.error_format]
        self.unit = Unit(
            model, clock, cell, seed, self.quirks, self._make.reset, self._make.off, write_error, self._make.idle
        )
        identity = self.quirks.idn or model.identity.format(serial=serial)
        self.identity = identity.replace(",", ", ") if self.quirks.blank_after_comma_in_identity else identity
        self._language = ""
        self._interpreter = self._new_interpreter()

    def run(self, line: str) -> Generator[float, None, str | None]:
        """Carry out a line: yields the seconds that it takes, and returns the answer, None without one."""
        if self._language != self.unit.language:
            self._interpreter = self._new_interpreter()
        return self._interpreter.run(line)

    def hears_while_busy(self, line: str) -> bool:
        """Return whether a line acts before its turn: one that ends or triggers a 2400's trigger model at work."""
        return self.unit.in_trigger_model and line.upper().startswith(ENDING_WORDS)

    @property
    def headers(self) -> tuple[str, ...]:
        """Return all headers that the unit knows in its present language."""
        return self._interpreter.headers

    def _new_interpreter(self) -> Interpreter:
        self._language = self.unit.language
        dialects: dict[str, Callable[[Unit, str], Any]] = {
            "SCPI2400": keithley_2400.Keithley2400,
            "TSP": TspOnly,
        }
        dialect = dialects.get(self._language, self._make.dialect)
        unknown = _TSP_SYNTAX if self._language == "TSP" else _UNKNOWN
        return Interpreter(dialect(self.unit, self.identity), self.unit.status, unknown)

    # Hands -----------------------------------------------------------------------------------------------------

    def cut_power(self) -> None:
        """Cut the power: the output's relay opens, and the unit is silent."""
        self.unit.cut_power()

    def restore_power(self) -> None:
        """Give the power back: output off, in the power-on setup, with the event that tells of it."""
        self.unit.switch_on_power()

    def overheat(self) -> None:
        """Let the unit become too hot: its output goes off and stays so (+810) until it has cooled."""
        unit = self.unit
        unit.trip()
        unit.hot = True
        unit.status.measurement.set(Measurement.OVER_TEMPERATURE, on=True)

    def cool(self) -> None:
        """Let the unit cool."""
        self.unit.hot = False
        self.unit.status.measurement.set(Measurement.OVER_TEMPERATURE, on=False)

    def set_interlock(self, *, closed: bool) -> None:
        """Open or close the interlock, on a 2400 the output enable line; open, it switches off what needs it."""
        unit = self.unit
        unit.interlock_closed = closed
        level = unit.setup.sourced[unit.setup.source].level
        needs_it = unit.setup.output_enable_line or abs(level) > 21.0
        if not closed and needs_it:
            unit.trip()
        unit.status.measurement.set(Measurement.OUTPUT_ENABLE, on=closed)

    def set_sense_lead(self, *, open_: bool) -> None:
        """Let a sense lead fall off, or put it back."""
        self.unit.stage.advance()
        self.unit.sense_lead_open = open_
        self.unit.apply()

    def set_language(self, language: str) -> None:
        """Switch a 2450 to TSP or SCPI2400, power cycle included."""
        self.unit.next_language = language
        self.unit.cut_power()
        self.unit.switch_on_power()

    def set_by_hand(self, line: str) -> None:
        """Change a setting at the front panel, said as a command; LOCAL is pressed for it. Raises ValueError."""
        self.unit.press_local()
        before = len(self.unit.status.errors)
        for _ in self.run(line):
            pass
        if len(self.unit.status.errors) > before:
            raise ValueError(f"{line}: refused with error {self.unit.status.errors.pop()}")


def first_word(line: str) -> str:
    """Return the first header of a line in capitals, as faults of the wire name it."""
    return line.split(";", 1)[0].strip().split(" ", 1)[0].upper()
