"""Levels, ranges and limits: what a unit accepts, and what it keeps else (reference smu-and-ovens, section 8)."""

from __future__ import annotations

import math
from collections.abc import Callable

from simulators.smu.ranges import OVER_RANGE, Quantity, Range
from simulators.smu.setup import SenseSetup
from simulators.smu.status import Complaint
from simulators.smu.unit import Unit, Wait
from simulators.smu.values import Arguments, Special, setting

_LEAST_LIMIT_OF_RANGE = 0.001
"""A limit is at least this part of a fixed measuring range (+822)."""

_ROUNDING = 1.0 + 1e-9


class Settings:
    """Sets and answers levels, ranges and limits of one unit.

    ``strict``: a limit beyond what goes with the source range is an error, as on a 2400; else it is lowered.
    ``over_range_answers``: ranges are answered with the 5 % that they reach beyond their names.
    """

    def __init__(
        self, unit: Unit, *, strict: bool, over_range_answers: bool, write: Callable[[float], str] = setting
    ) -> None:
        self.unit = unit
        self._strict = strict
        self._over_range = over_range_answers
        self.write = write

    # Source ----------------------------------------------------------------------------------------------------

    def set_function(self, quantity: Quantity) -> None:
        """Source another quantity."""
        unit = self.unit
        if quantity is unit.setup.source:
            return
        if unit.output and unit.quirks.function_change_turns_output_off:
            unit.switch_off()
        unit.setup.source = quantity
        unit.apply()

    def set_level(self, quantity: Quantity, given: Arguments) -> Wait:
        """Source another level; it is there some milliseconds later."""
        unit, source = self.unit, self.unit.setup.sourced[quantity]
        ranges = unit.model.ranges(quantity)
        value = self._special(given.number(), -ranges[-1].most, ranges[-1].most, 0.0)
        range_ = unit.model.range_for(quantity, value)
        if range_ is None:
            raise Complaint(-222)
        if not source.auto and abs(value) > unit.source_range(quantity).most * _ROUNDING:
            raise Complaint(-221 if isinstance(given.number(), Special) else -222)
        full = range_.full if source.auto else source.range
        self._check_interlock(quantity, value)
        self._fit_limit(quantity, full)
        if unit.output and quantity is unit.setup.source:
            yield unit.quirks.autorange_level_time_s if source.auto else unit.quirks.level_time_s
        source.level = value
        unit.change_source_range(quantity, full)
        unit.apply()

    def level(self, quantity: Quantity, given: Arguments) -> str:
        """Answer a level, or its bounds."""
        most = self.unit.model.ranges(quantity)[-1].most
        return self._answer(given, self.unit.setup.sourced[quantity].level, -most, most, 0.0)

    def set_source_range(self, quantity: Quantity, given: Arguments) -> None:
        """Source in a range of one's own choice: autorange is off from then on."""
        unit, source = self.unit, self.unit.setup.sourced[quantity]
        range_ = self._chosen(quantity, given, source.range)
        if abs(source.level) > range_.most * _ROUNDING:
            raise Complaint(-221)
        self._fit_limit(quantity, range_.full)
        source.auto = False
        unit.change_source_range(quantity, range_.full)
        unit.apply()

    def set_source_auto(self, quantity: Quantity, given: Arguments) -> None:
        """Let the source range follow the level, or not."""
        unit, source = self.unit, self.unit.setup.sourced[quantity]
        source.auto = given.flag()
        fitting = unit.model.range_for(quantity, source.level)
        if source.auto and fitting is not None:
            unit.change_source_range(quantity, fitting.full)
        unit.apply()

    def source_range(self, quantity: Quantity, given: Arguments) -> str:
        """Answer a source range."""
        return self._answer_range(given, quantity, self.unit.setup.sourced[quantity].range)

    def _check_interlock(self, quantity: Quantity, value: float) -> None:
        """Refuse a high voltage without an interlock (section 9); a 2400 has only its output enable line."""
        if quantity is Quantity.VOLTAGE and abs(value) > 20.0 * OVER_RANGE and not self.unit.interlock_closed:
            raise Complaint(5074 if not self._strict else 802)

    def _fit_limit(self, quantity: Quantity, full: float) -> None:
        """Keep a limit within what goes with a source range: refuse the range, or lower the limit without a word."""
        unit = self.unit
        if quantity is not unit.setup.source:
            return
        most = self._most_beside(quantity, full)
        sense = unit.setup.sensed[quantity.other]
        if max(sense.limit, sense.low_limit) <= most * _ROUNDING:
            return
        if self._strict:
            raise Complaint(826)
        if unit.quirks.limit_follows_source_range:
            sense.limit, sense.low_limit = min(sense.limit, most), min(sense.low_limit, most)

    def _most_beside(self, quantity: Quantity, full: float) -> float:
        """Return the largest limit beside a source range."""
        model, most = self.unit.model, full * OVER_RANGE
        return model.most_current_a(most) if quantity is Quantity.VOLTAGE else model.most_voltage_v(most)

    # Limit -----------------------------------------------------------------------------------------------------

    def set_limit(self, quantity: Quantity, given: Arguments, sides: str = "both") -> None:
        """Let a quantity not pass a magnitude while the other one is sourced."""
        unit, sense = self.unit, self.unit.setup.sensed[quantity]
        ranges = unit.model.ranges(quantity)
        least = _LEAST_LIMIT_OF_RANGE * ranges[0].full
        default = unit.model.reset_limits[0 if quantity is Quantity.CURRENT else 1]
        value = abs(self._special(given.number(), least, ranges[-1].most, default))
        if not least <= value * _ROUNDING or value > ranges[-1].most * _ROUNDING:
            raise Complaint(-222)
        if not sense.auto and value * _ROUNDING < _LEAST_LIMIT_OF_RANGE * sense.range:
            raise Complaint(822 if self._strict else -222)
        if value > self._most_beside(quantity.other, unit.setup.sourced[quantity.other].range) * _ROUNDING:
            raise Complaint(826 if self._strict else -222)
        sense.limit = value if sides != "low" else sense.limit
        sense.low_limit = value if sides != "high" else sense.low_limit
        self._follow_limit(quantity, sense)
        unit.apply()

    def _follow_limit(self, quantity: Quantity, sense: SenseSetup) -> None:
        if sense.range_follows_limit:
            self.unit.change_measure_range(quantity, self.unit.holding_range(quantity, sense.limit).full)

    def limit(self, quantity: Quantity, given: Arguments) -> str:
        """Answer a limit, or its bounds."""
        ranges = self.unit.model.ranges(quantity)
        default = self.unit.model.reset_limits[0 if quantity is Quantity.CURRENT else 1]
        least = _LEAST_LIMIT_OF_RANGE * ranges[0].full
        return self._answer(given, self.unit.setup.sensed[quantity].limit, least, ranges[-1].most, default)

    # Sense -----------------------------------------------------------------------------------------------------

    def set_measure_range(self, quantity: Quantity, given: Arguments) -> None:
        """Measure in a range of one's own choice: autorange is off from then on."""
        unit, sense = self.unit, self.unit.setup.sensed[quantity]
        range_ = self._chosen(quantity, given, sense.range)
        if self._strict and quantity is not unit.setup.source:
            if range_.full > unit.holding_range(quantity, sense.limit).full:
                raise Complaint(824)
        elif sense.limit * _ROUNDING < _LEAST_LIMIT_OF_RANGE * range_.full and quantity is not unit.setup.source:
            raise Complaint(-221)
        sense.auto = False
        unit.change_measure_range(quantity, range_.full)
        unit.apply()

    def set_measure_auto(self, quantity: Quantity, given: Arguments) -> None:
        """Let the measuring range follow the value, or not."""
        self.unit.setup.sensed[quantity].auto = given.flag()
        self.unit.apply()

    def measure_range(self, quantity: Quantity, given: Arguments) -> str:
        """Answer a measuring range; what is sourced is measured in the range of the source."""
        unit = self.unit
        full = unit.setup.sensed[quantity].range
        if quantity is unit.setup.source:
            full = unit.source_range(quantity).full
        return self._answer_range(given, quantity, full)

    def set_lowest(self, quantity: Quantity, given: Arguments) -> None:
        """Set the smallest range that autorange takes."""
        self.unit.setup.sensed[quantity].lowest = self._chosen(quantity, given, 0.0).full

    # Numbers ---------------------------------------------------------------------------------------------------

    def _chosen(self, quantity: Quantity, given: Arguments, present: float) -> Range:
        """Return the range that a value asks for: the smallest that reaches it, or the next above or below."""
        ranges, value = self.unit.model.ranges(quantity), given.number()
        if isinstance(value, Special):
            fulls = [it.full for it in ranges]
            at = fulls.index(present) if present in fulls else 0
            places = {
                Special.MIN: 0, Special.MAX: len(ranges) - 1, Special.DEFAULT: 0,
                Special.UP: min(at + 1, len(ranges) - 1), Special.DOWN: max(at - 1, 0),
            }  # fmt: skip
            return ranges[places[value]]
        found = self.unit.model.range_for(quantity, value)
        if found is None or not math.isfinite(value):
            raise Complaint(-222)
        return found

    @staticmethod
    def _special(value: float | Special, low: float, high: float, default: float) -> float:
        if not isinstance(value, Special):
            return value
        known = {Special.MIN: low, Special.MAX: high, Special.DEFAULT: default}
        if value not in known:
            raise Complaint(-224)
        return known[value]

    def _answer(self, given: Arguments, value: float, low: float, high: float, default: float) -> str:
        return self.write(self._special(given.number(), low, high, default) if given.items else value)

    def _answer_range(self, given: Arguments, quantity: Quantity, full: float) -> str:
        ranges, factor = self.unit.model.ranges(quantity), OVER_RANGE if self._over_range else 1.0
        return self._answer(
            given, full * factor, ranges[0].full * factor, ranges[-1].full * factor, ranges[0].full * factor
        )
