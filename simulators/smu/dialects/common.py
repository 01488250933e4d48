"""The commands that all dialects share: those with a star, the error queue, the registers, the memories."""

from __future__ import annotations

from functools import partial

from simulators.smu.dialects.dialect import Command, Commands
from simulators.smu.status import Complaint, Register, StandardEvent
from simulators.smu.unit import Unit, Wait
from simulators.smu.values import Arguments

_MOST_MASK = 65535
_REGISTERS = {"MEASurement": "measurement", "QUEStionable": "questionable", "OPERation": "operation"}


class CommonCommands:
    """Commands of IEEE 488.2, and SCPI's ``SYSTem`` and ``STATus`` as far as all dialects have them."""

    def __init__(self, unit: Unit, identity: str) -> None:
        self._unit = unit
        self.identity = identity

    def table(self, *, has_measurement_register: bool = True) -> Commands:
        """Return the commands by their headers."""
        unit, status = self._unit, self._unit.status
        commands = {
            "*IDN": Command(query=lambda _: self.identity),
            "*CLS": Command(lambda _: status.clear()),
            "*RST": Command(self._reset),
            "*OPC": Command(self._complete, lambda _: "1"),
            "*WAI": Command(lambda _: None),
            "*ESR": Command(query=lambda _: str(status.read_standard_event())),
            "*ESE": Command(partial(self._set_mask, "standard_enable"), lambda _: str(status.standard_enable)),
            "*SRE": Command(partial(self._set_mask, "service_enable"), lambda _: str(status.service_enable)),
            "*STB": Command(query=lambda _: str(status.byte())),
            "*TST": Command(query=lambda _: "0"),
            "*OPT": Command(query=lambda _: "0"),
            "*TRG": Command(lambda _: None),
            "*SAV": Command(lambda given: unit.save(f"SAV{int(given.plain_number(0, 4))}")),
            "*RCL": Command(lambda given: unit.recall(f"SAV{int(given.plain_number(0, 4))}")),
            ":SYSTem:ERRor[:NEXT]": Command(query=lambda _: status.next_error()),
            ":SYSTem:ERRor:ALL": Command(query=lambda _: status.all_errors()),
            ":SYSTem:ERRor:COUNt": Command(query=lambda _: str(len(status.errors))),
            ":SYSTem:CLEar": Command(lambda _: status.errors.clear()),
            ":STATus:QUEue[:NEXT]": Command(query=lambda _: status.next_error()),
            ":STATus:PRESet": Command(lambda _: status.preset()),
            ":SYSTem:VERSion": Command(query=lambda _: "1996.0"),
            ":SYSTem:BEEPer[:IMMediate]": Command(lambda _: None),
        }
        for name, register in _REGISTERS.items():
            if has_measurement_register or register != "measurement":
                commands |= self._register_table(f":STATus:{name}", register)
        return commands

    def _register_table(self, header: str, name: str) -> Commands:
        """Return the commands of one register; the status has a new one after each power-up."""

        def register() -> Register:
            found: Register = getattr(self._unit.status, name)
            return found

        def enable(given: Arguments) -> None:
            register().enable = int(given.plain_number(0, _MOST_MASK))

        return {
            f"{header}[:EVENt]": Command(query=lambda _: str(register().read_event())),
            f"{header}:CONDition": Command(query=lambda _: str(register().condition)),
            f"{header}:ENABle": Command(enable, lambda _: str(register().enable)),
        }

    def _reset(self, given: Arguments) -> Wait:
        given.nothing()
        self._unit.reset()
        yield self._unit.quirks.reset_time_s

    def _complete(self, _: Arguments) -> None:
        self._unit.status.standard_event |= StandardEvent.OPERATION_COMPLETE

    def _set_mask(self, name: str, given: Arguments) -> None:
        setattr(self._unit.status, name, int(given.plain_number(0, 255)))


def power_on_setup_commands(unit: Unit) -> Commands:
    """Return the command that chooses the settings with which a unit comes on."""

    def choose(given: Arguments) -> None:
        word = given.only().upper()
        if word not in ("RST", "PRES", "PRESET", *(f"SAV{n}" for n in range(5))):
            raise Complaint(-224)
        unit.power_on_setup = word[:4]

    return {":SYSTem:POSetup": Command(choose, lambda _: unit.power_on_setup)}
