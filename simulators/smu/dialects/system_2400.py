"""The commands of a 2400 around its measuring: functions, elements, filter, autozero, terminals, clock, display."""

from __future__ import annotations

from functools import partial

from simulators.smu.dialects.dialect import Command, Commands, flag
from simulators.smu.dialects.quantities import FUNCTIONS
from simulators.smu.ranges import Quantity
from simulators.smu.setup import Setup
from simulators.smu.status import Complaint
from simulators.smu.unit import CLOCK_WRAPS_S, Unit
from simulators.smu.values import Arguments, word_of

ELEMENTS = {"VOLTage": "VOLT", "CURRent": "CURR", "RESistance": "RES", "TIME": "TIME", "STATus": "STAT"}
"""The elements of a reading, in their order."""

_SENSE_FUNCTIONS = FUNCTIONS | {"RESistance": "RES"}
_ANSWERED = {Quantity.VOLTAGE: '"VOLT:DC"', Quantity.CURRENT: '"CURR:DC"', Quantity.RESISTANCE: '"RES"'}
_ORDER = tuple(_ANSWERED)
_LONGEST_TEXT = 20


class SystemCommands:
    """Commands of one unit's measuring and of what is around it."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._frequency_auto = self._shows = True

    def table(self) -> Commands:
        """Return the commands by their headers."""
        unit = self._unit
        averages = "[:SENSe[1]]:AVERage"
        functions = "[:SENSe[1]]:FUNCtion"
        terminals = Command(self._set_terminals, lambda _: "REAR" if self._setup.rear else "FRON")
        nothing = Command(lambda _: None)
        return {
            f"{functions}[:ON]": Command(self._sense, self._sensed),
            f"{functions}[:ON]:ALL": Command(lambda _: self._sense_these(list(_ORDER))),
            f"{functions}[:ON]:COUNt": Command(query=lambda _: str(len(self._setup.functions))),
            f"{functions}:OFF": Command(self._sense_not, lambda _: self._named(self._not_sensed())),
            f"{functions}:OFF:ALL": Command(lambda _: self._sense_these([])),
            f"{functions}:CONCurrent": Command(self._set_concurrent, lambda _: flag(self._setup.concurrent)),
            "[:SENSe[1]]:RESistance:MODE": Command(
                self._set_ohms, lambda _: "AUTO" if self._setup.auto_ohms else "MAN"
            ),
            f"{averages}[:STATe]": Command(self._set_averages, lambda _: flag(self._setup.averages)),
            f"{averages}:COUNt": Command(self._set_average_count, lambda _: str(self._setup.average_count)),
            f"{averages}:TCONtrol": Command(
                self._set_average_kind, lambda _: "MOV" if self._setup.average_moving else "REP"
            ),
            ":FORMat[:DATA]": Command(self._set_format, lambda _: "ASC"),
            ":FORMat:ELEMents[:SENSe[1]]": Command(self._set_elements, self._elements),
            ":FORMat:BORDer": nothing,
            ":SYSTem:RSENse": Command(self._set_four_wire, lambda _: flag(self._setup.four_wire())),
            ":SYSTem:AZERo[:STATe]": Command(self._set_autozero, lambda _: flag(self._autozero)),
            ":SYSTem:LFRequency": Command(self._set_frequency, lambda _: f"{unit.quirks.line_frequency_hz:.0f}"),
            ":SYSTem:LFRequency:AUTO": Command(self._set_auto_frequency, lambda _: flag(self._frequency_auto)),
            ":SYSTem:BEEPer:STATe": nothing,
            ":SYSTem:TIME": Command(query=lambda _: f"{unit.time_s % CLOCK_WRAPS_S:.6f}"),
            ":SYSTem:TIME:RESet": Command(lambda _: unit.set_time_zero()),
            ":SYSTem:PRESet": Command(lambda _: unit.reset()),
            ":SYSTem:LOCal": Command(lambda _: unit.press_local()),
            ":SYSTem:REMote": nothing,
            ":SYSTem:RWLock": nothing,
            ":SYSTem:KEY": Command(self._press),
            ":SYSTem:GUARd": nothing,
            ":SYSTem:RCMode": nothing,
            ":ROUTe:TERMinals": terminals,
            ":DISPlay:ENABle": Command(self._set_display, lambda _: flag(self._shows)),
            ":DISPlay:DIGits": nothing,
            ":DISPlay[:WINDow[1]]:TEXT[:DATA]": Command(self._show),
            ":DISPlay[:WINDow[1]]:TEXT:STATe": nothing,
        }

    @property
    def _setup(self) -> Setup:
        return self._unit.setup

    @property
    def _autozero(self) -> bool:
        return self._setup.sensed[Quantity.VOLTAGE].autozero

    # Functions -------------------------------------------------------------------------------------------------

    def _sense(self, given: Arguments) -> None:
        """Measure these too; without concurrent measurements the last one alone (section 8)."""
        named = [Quantity(word_of(text, _SENSE_FUNCTIONS)) for text in given.texts()]
        self._sense_these(self._setup.functions + named if self._setup.concurrent else named[-1:])

    def _sense_not(self, given: Arguments) -> None:
        named = [Quantity(word_of(text, _SENSE_FUNCTIONS)) for text in given.texts()]
        self._sense_these([it for it in self._setup.functions if it not in named])

    def _sense_these(self, quantities: list[Quantity]) -> None:
        self._setup.functions = [it for it in _ORDER if it in quantities]
        self._unit.apply()

    def _not_sensed(self) -> list[Quantity]:
        return [it for it in _ORDER if it not in self._setup.functions]

    def _sensed(self, _: Arguments) -> str:
        return self._named(self._setup.functions)

    def _named(self, quantities: list[Quantity]) -> str:
        """Write functions in quotes; which comes first is not known."""
        if self._unit.quirks.sense_func_current_first:
            quantities = sorted(quantities, key=lambda it: it is not Quantity.CURRENT)
        return ",".join(_ANSWERED[it] for it in quantities) or '""'

    def _set_concurrent(self, given: Arguments) -> None:
        self._setup.concurrent = given.flag()
        if not self._setup.concurrent:
            # K24: with concurrent measurements off, at most one function is left.
            self._sense_these(self._setup.functions[:1])

    def _set_ohms(self, given: Arguments) -> None:
        self._setup.auto_ohms = given.word({"AUTO": "AUTO", "MANual": "MAN"}) == "AUTO"

    # Readings --------------------------------------------------------------------------------------------------

    def _set_averages(self, given: Arguments) -> None:
        self._setup.averages = given.flag()

    def _set_average_count(self, given: Arguments) -> None:
        self._setup.average_count = int(given.plain_number(1, 100, 10))

    def _set_average_kind(self, given: Arguments) -> None:
        self._setup.average_moving = given.word({"REPeat": "REP", "MOVing": "MOV"}) == "MOV"

    @staticmethod
    def _set_format(given: Arguments) -> None:
        """Accept ASCII: the byte order of binary readings is not known."""
        if (
            word_of(given.items[0] if given.items else given.only(), {"ASCii": "ASC", "REAL": "REAL", "SREal": "SRE"})
            != "ASC"
        ):
            raise Complaint(701)

    def _set_elements(self, given: Arguments) -> None:
        """Choose the elements; they are sent in their own order whatever the order here."""
        if not given.items:
            raise Complaint(-109)
        chosen = {word_of(item, ELEMENTS) for item in given.items}
        self._setup.elements = tuple(it for it in ELEMENTS.values() if it in chosen)

    def _elements(self, _: Arguments) -> str:
        return ",".join(self._setup.elements)

    # Around ----------------------------------------------------------------------------------------------------

    def _set_four_wire(self, given: Arguments) -> None:
        self._change_wiring(partial(self._wire, four_wire=given.flag()))

    def _wire(self, *, four_wire: bool) -> bool:
        changed = self._setup.four_wire() != four_wire
        for sense in self._setup.sensed.values():
            sense.four_wire = four_wire
        return changed

    def _set_terminals(self, given: Arguments) -> None:
        rear = given.word({"FRONt": "FRON", "REAR": "REAR"}) == "REAR"
        self._change_wiring(partial(self._plug, rear=rear))

    def _plug(self, *, rear: bool) -> bool:
        changed, self._setup.rear = self._setup.rear != rear, rear
        return changed

    def _change_wiring(self, change: partial[bool]) -> None:
        """Change how the cell is connected: the output goes off (section 8)."""
        if change() and self._unit.output:
            self._unit.switch_off()
        self._unit.apply()

    def _set_autozero(self, given: Arguments) -> None:
        if given.only().upper() == "ONCE":
            return
        for sense in self._setup.sensed.values():
            sense.autozero = given.flag()

    @staticmethod
    def _set_frequency(given: Arguments) -> None:
        if given.plain_number(50.0, 60.0) not in (50.0, 60.0):
            raise Complaint(-222)

    def _set_auto_frequency(self, given: Arguments) -> None:
        self._frequency_auto = given.flag()

    def _press(self, given: Arguments) -> None:
        """Press a key from afar: 24 is OUTPUT, 23 LOCAL."""
        match int(given.plain_number(1, 31)):
            case 24:
                self._unit.press_output()
            case 23:
                self._unit.press_local()

    def _set_display(self, given: Arguments) -> None:
        self._shows = given.flag()

    @staticmethod
    def _show(given: Arguments) -> None:
        if len(given.texts()[0]) > _LONGEST_TEXT:
            raise Complaint(-222)
