"""The commands of a 2450 around output and measuring: off states, read-back, wires, protection, autozero, language."""

from __future__ import annotations

import math
from functools import partial

from simulators.smu.dialects.dialect import Command, Commands, flag
from simulators.smu.dialects.quantities import FUNCTIONS, LONG_WORDS
from simulators.smu.ranges import Quantity
from simulators.smu.setup import OffState, SenseSetup, Setup, SourceSetup
from simulators.smu.status import Complaint
from simulators.smu.unit import Unit, Wait
from simulators.smu.values import Arguments, setting, word_of

_OFF_STATES = {"NORMal": "NORM", "ZERO": "ZERO", "GUARd": "GUAR", "HIMPedance": "HIMP"}
_SENSE_FUNCTIONS = FUNCTIONS | {"RESistance": "RES"}
_ANSWERED = {Quantity.VOLTAGE: '"VOLT:DC"', Quantity.CURRENT: '"CURR:DC"', Quantity.RESISTANCE: '"RES"'}
_MOST_DELAY_S = 10_000.0
LANGUAGES = ("SCPI", "TSP", "SCPI2400")
"""What a 2450 can be spoken to in; a change acts when the power comes on again."""


class SettingsCommands:
    """Commands of one unit's settings."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def table(self) -> Commands:
        """Return the commands by their headers."""
        unit = self._unit
        nothing = Command(lambda _: None)
        commands = {
            "*LANG": Command(self._set_language, lambda _: unit.language),
            ":OUTPut[1][:STATe]": Command(self._set_output, lambda _: flag(unit.output)),
            ":OUTPut[1]:SMODe": Command(self._set_off_states, lambda _: unit.off_state.value),
            ":OUTPut[1]:INTerlock:TRIPped": Command(query=lambda _: flag(unit.interlock_closed)),
            "[:SENSe[1]]:FUNCtion[:ON]": Command(self._sense, lambda _: _ANSWERED[self._setup.functions[0]]),
            ":SOURce[1]:VOLTage:PROTection[:LEVel]": Command(self._set_over_voltage, self._over_voltage),
            ":SOURce[1]:VOLTage:PROTection[:LEVel]:TRIPped": Command(query=self._over_voltage_tripped),
            "[:SENSe[1]]:AZERo:ONCE": nothing,
            ":FORMat[:DATA]": Command(self._set_format, lambda _: "ASC"),
            ":FORMat:BORDer": nothing,
            ":ROUTe:TERMinals": Command(self._set_terminals, lambda _: "REAR" if self._setup.rear else "FRON"),
            ":DISPlay:SCReen": nothing,
            ":DISPlay:CLEar": nothing,
            ":SYSTem:LFRequency": Command(query=lambda _: f"{unit.quirks.line_frequency_hz:.0f}"),
        }
        for quantity, word in LONG_WORDS.items():
            commands |= self._source_table(quantity, word) | self._sense_table(quantity, word)
        return commands

    def _source_table(self, quantity: Quantity, word: str) -> Commands:
        source = f":SOURce[1]:{word}"

        def of() -> SourceSetup:
            return self._setup.sourced[quantity]

        return {
            f":OUTPut[1]:{word}:SMODe": Command(partial(self._set_off_state, quantity), lambda _: of().off_state.value),
            f"{source}:READ:BACK": Command(partial(self._set_readback, quantity), lambda _: flag(of().readback)),
            f"{source}:DELay": Command(partial(self._set_delay, quantity), lambda _: setting(of().delay_s)),
            f"{source}:DELay:AUTO": Command(partial(self._set_auto_delay, quantity), lambda _: flag(of().auto_delay)),
        }

    def _sense_table(self, quantity: Quantity, word: str) -> Commands:
        sense = f"[:SENSe[1]]:{word}[:DC]"

        def of() -> SenseSetup:
            return self._setup.sensed[quantity]

        return {
            f"{sense}:RSENse": Command(partial(self._set_four_wire, quantity), lambda _: flag(of().four_wire)),
            f"{sense}:AZERo[:STATe]": Command(partial(self._set_autozero, quantity), lambda _: flag(of().autozero)),
            f"{sense}:AVERage[:STATe]": Command(self._set_averages, lambda _: flag(self._setup.averages)),
            f"{sense}:AVERage:COUNt": Command(self._set_average_count, lambda _: str(self._setup.average_count)),
            f"{sense}:AVERage:TCONtrol": Command(
                self._set_average_kind, lambda _: "MOV" if self._setup.average_moving else "REP"
            ),
        }

    @property
    def _setup(self) -> Setup:
        return self._unit.setup

    def _set_language(self, given: Arguments) -> None:
        word = given.only().upper()
        if word not in LANGUAGES:
            raise Complaint(-224)
        self._unit.next_language = word

    def _set_output(self, given: Arguments) -> Wait:
        if given.flag():
            yield from self._unit.switch_on()
        else:
            self._unit.switch_off()

    def _set_off_states(self, given: Arguments) -> None:
        state = OffState(given.word(_OFF_STATES))
        for source in self._setup.sourced.values():
            source.off_state = state
        self._unit.apply()

    def _set_off_state(self, quantity: Quantity, given: Arguments) -> None:
        self._setup.sourced[quantity].off_state = OffState(given.word(_OFF_STATES))
        self._unit.apply()

    def _sense(self, given: Arguments) -> None:
        """Measure this one function."""
        texts = given.texts()
        if len(texts) > 1:
            raise Complaint(-108)
        self._setup.functions = [Quantity(word_of(texts[0], _SENSE_FUNCTIONS))]
        self._unit.apply()

    def _set_over_voltage(self, given: Arguments) -> None:
        """Choose a step of the protection by its name, ``PROT20``, or none."""
        word = given.only().upper()
        steps = {f"PROT{volts:.0f}": volts for volts in self._unit.model.over_voltages_v} | {"NONE": math.inf}
        if word not in steps:
            raise Complaint(-224)
        self._setup.over_voltage_v = steps[word]
        self._unit.apply()

    def _over_voltage(self, _: Arguments) -> str:
        value = self._setup.over_voltage_v
        return f"PROT{value:.0f}" if math.isfinite(value) else "NONE"

    def _over_voltage_tripped(self, _: Arguments) -> str:
        self._unit.point()
        return flag(self._unit.tripped_over_voltage)

    @staticmethod
    def _set_format(given: Arguments) -> None:
        """Accept ASCII: the byte order of binary readings is not known."""
        if given.word({"ASCii": "ASC", "REAL": "REAL", "SREal": "SRE"}) != "ASC":
            raise Complaint(-221)

    def _set_terminals(self, given: Arguments) -> None:
        rear = given.word({"FRONt": "FRON", "REAR": "REAR"}) == "REAR"
        if rear != self._setup.rear and self._unit.output:
            self._unit.switch_off()
        self._setup.rear = rear

    def _set_readback(self, quantity: Quantity, given: Arguments) -> None:
        self._setup.sourced[quantity].readback = given.flag()

    def _set_delay(self, quantity: Quantity, given: Arguments) -> None:
        source = self._setup.sourced[quantity]
        source.delay_s, source.auto_delay = given.plain_number(0.0, _MOST_DELAY_S, 0.0), False

    def _set_auto_delay(self, quantity: Quantity, given: Arguments) -> None:
        self._setup.sourced[quantity].auto_delay = given.flag()

    def _set_four_wire(self, quantity: Quantity, given: Arguments) -> None:
        self._setup.sensed[quantity].four_wire = given.flag()
        self._unit.apply()

    def _set_autozero(self, quantity: Quantity, given: Arguments) -> None:
        self._setup.sensed[quantity].autozero = given.flag()

    def _set_averages(self, given: Arguments) -> None:
        self._setup.averages = given.flag()

    def _set_average_count(self, given: Arguments) -> None:
        self._setup.average_count = int(given.plain_number(1, 100, 10))

    def _set_average_kind(self, given: Arguments) -> None:
        self._setup.average_moving = given.word({"REPeat": "REP", "MOVing": "MOV"}) == "MOV"
