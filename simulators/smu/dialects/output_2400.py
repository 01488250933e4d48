"""The commands of a 2400 around its output: on and off, off states, auto-clear, over-voltage, output enable."""

from __future__ import annotations

import math
from functools import partial

from simulators.smu.dialects.dialect import Command, Commands, flag
from simulators.smu.dialects.quantities import LONG_WORDS
from simulators.smu.ranges import Quantity
from simulators.smu.setup import OffState, SourceSetup
from simulators.smu.status import Complaint
from simulators.smu.unit import Unit, Wait
from simulators.smu.values import Arguments, Special, setting

_OFF_STATES = {"NORMal": "NORM", "ZERO": "ZERO", "GUARd": "GUAR", "HIMPedance": "HIMP"}
_MOST_DELAY_S = 999.9999
_NO_PROTECTION_V = 210.0
"""Over-voltage protection with no bound of its own is answered, and may be asked for, as this voltage."""


class OutputCommands:
    """Commands of one unit's output."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def table(self) -> Commands:
        """Return the commands by their headers."""
        unit = self._unit
        enable = Command(self._set_enable, lambda _: flag(unit.setup.output_enable_line))
        may_be_on = Command(query=lambda _: flag(unit.interlock_closed))
        commands = {
            ":OUTPut[1][:STATe]": Command(self._set_output, lambda _: flag(unit.output)),
            ":OUTPut[1]:SMODe": Command(self._set_off_state, lambda _: unit.off_state.value),
            ":OUTPut[1]:ENABle[:STATe]": enable,
            ":OUTPut[1]:INTerlock:STATe": enable,
            ":OUTPut[1]:ENABle:TRIPped": may_be_on,
            ":OUTPut[1]:INTerlock:TRIPped": may_be_on,
            ":SOURce[1]:CLEar[:IMMediate]": Command(lambda _: unit.switch_off()),
            ":SOURce[1]:CLEar:AUTO": Command(self._set_auto_clear, lambda _: flag(unit.setup.auto_clear)),
            ":SOURce[1]:CLEar:AUTO:MODE": Command(self._set_clear_mode, lambda _: "ALW"),
            ":SOURce[1]:VOLTage:PROTection[:LEVel]": Command(self._set_over_voltage, self._over_voltage),
            ":SOURce[1]:VOLTage:PROTection:TRIPped": Command(query=self._over_voltage_tripped),
            ":SOURce[1]:DELay": Command(self._set_delay, lambda _: setting(self._source.delay_s)),
            ":SOURce[1]:DELay:AUTO": Command(self._set_auto_delay, lambda _: flag(self._source.auto_delay)),
        }
        for quantity, word in LONG_WORDS.items():
            commands[f":SOURce[1]:{word}:MODE"] = Command(self._set_mode, lambda _: "FIX")
            commands[f"[:SENSe[1]]:{word}[:DC]:PROTection:RSYNchronize"] = Command(
                partial(self._set_range_follows, quantity), partial(self._range_follows, quantity)
            )
        return commands

    @property
    def _source(self) -> SourceSetup:
        return self._unit.setup.sourced[self._unit.setup.source]

    def _set_output(self, given: Arguments) -> Wait:
        if given.flag():
            yield from self._unit.switch_on()
        else:
            self._unit.switch_off()

    def _set_off_state(self, given: Arguments) -> None:
        """Choose the off state of both functions; it acts at once."""
        state = OffState(given.word(_OFF_STATES))
        for source in self._unit.setup.sourced.values():
            source.off_state = state
        self._unit.apply()

    def _set_enable(self, given: Arguments) -> None:
        unit = self._unit
        unit.setup.output_enable_line = given.flag()
        if unit.setup.output_enable_line and not unit.interlock_closed:
            unit.trip()

    def _set_auto_clear(self, given: Arguments) -> None:
        self._unit.setup.auto_clear = given.flag()

    @staticmethod
    def _set_clear_mode(given: Arguments) -> None:
        given.word({"ALWays": "ALW", "TCOunt": "TCO"})

    @staticmethod
    def _set_mode(given: Arguments) -> None:
        """Accept the fixed mode; there are no sweeps here."""
        if given.word({"FIXed": "FIX", "SWEep": "SWE", "LIST": "LIST"}) != "FIX":
            raise Complaint(-221)

    def _set_over_voltage(self, given: Arguments) -> None:
        """Take the step at or below a value; below the lowest, the lowest."""
        unit, steps = self._unit, self._unit.model.over_voltages_v
        if given.only().upper() == "NONE":
            value: float | Special = Special.MAX
        else:
            value = given.number()
        if isinstance(value, Special):
            chosen = {Special.MIN: steps[0], Special.MAX: math.inf, Special.DEFAULT: math.inf}.get(value)
            if chosen is None:
                raise Complaint(-224)
        elif not -_NO_PROTECTION_V <= value <= _NO_PROTECTION_V:
            raise Complaint(-222)
        else:
            above = abs(value) > steps[-1] * 1.05
            chosen = math.inf if above else max((it for it in steps if it <= abs(value)), default=steps[0])
        unit.setup.over_voltage_v = chosen
        unit.apply()

    def _over_voltage(self, _: Arguments) -> str:
        value = self._unit.setup.over_voltage_v
        return setting(value if math.isfinite(value) else _NO_PROTECTION_V)

    def _over_voltage_tripped(self, _: Arguments) -> str:
        self._unit.point()
        return flag(self._unit.tripped_over_voltage)

    def _set_delay(self, given: Arguments) -> None:
        self._source.delay_s = given.plain_number(0.0, _MOST_DELAY_S, 0.0)
        self._source.auto_delay = False

    def _set_auto_delay(self, given: Arguments) -> None:
        self._source.auto_delay = given.flag()

    def _set_range_follows(self, quantity: Quantity, given: Arguments) -> None:
        unit, sense = self._unit, self._unit.setup.sensed[quantity]
        sense.range_follows_limit = given.flag()
        if sense.range_follows_limit:
            sense.auto = False
            unit.change_measure_range(quantity, unit.holding_range(quantity, sense.limit).full)
        unit.apply()

    def _range_follows(self, quantity: Quantity, _: Arguments) -> str:
        return flag(self._unit.setup.sensed[quantity].range_follows_limit)
