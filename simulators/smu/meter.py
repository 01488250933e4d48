"""Measures: what a unit reads of its output, with its errors, its noise and the ends of its ranges."""

from __future__ import annotations

import math

from simulators.smu.buffers import Reading
from simulators.smu.ranges import Quantity
from simulators.smu.unit import Unit

_AUTORANGE_S = 0.04
"""A measuring range that follows the value takes up to this long (section 8)."""


class Meter:
    """The measuring side of one unit. ``stuck_v`` is what an open sense lead shows."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._last_v = 0.0

    def autorange_s(self) -> float:
        """Move the measuring ranges that follow their values to where they belong; return the time that takes."""
        unit, setup = self._unit, self._unit.setup
        point, moved_s = unit.point(), 0.0
        for quantity, value in ((Quantity.VOLTAGE, point.voltage_v), (Quantity.CURRENT, point.current_a)):
            sense = setup.sensed[quantity]
            if sense.auto and quantity in setup.functions and quantity is not setup.source:
                full = unit.measure_range(quantity, value).full
                if full != sense.range:
                    moved_s = _AUTORANGE_S
                    unit.change_measure_range(quantity, full, waits=True)
        return moved_s

    def read(self, aperture_s: float, count: int = 1) -> Reading:
        """Measure what the aperture that ends now has seen; ``count`` measurements are averaged.

        Values are None where nothing is sensed, and infinite beyond the range. The status is 0: each dialect has its
        own bits.
        """
        unit, setup = self._unit, self._unit.setup
        point = unit.point()
        # Behind an open relay the unit sees its own terminals, not the cell.
        voltage_v = point.voltage_v + unit.spike_v(aperture_s) if unit.stage.drive is not None else 0.0
        if unit.sense_lead_open and setup.four_wire():
            voltage_v = self._last_v
        self._last_v = voltage_v
        functions = set(setup.functions)
        if Quantity.RESISTANCE in functions:
            functions |= {Quantity.VOLTAGE, Quantity.CURRENT}
        measured_v = self._measured(Quantity.VOLTAGE, voltage_v, count) if Quantity.VOLTAGE in functions else None
        current_a = unit.quirks.current_sign * point.current_a
        measured_a = self._measured(Quantity.CURRENT, current_a, count) if Quantity.CURRENT in functions else None
        ohm = None
        if Quantity.RESISTANCE in functions and measured_a and measured_v is not None:
            ohm = measured_v / measured_a if math.isfinite(measured_v) and math.isfinite(measured_a) else math.inf
        return Reading(measured_v, measured_a, ohm, unit.time_s, 0, programmed=setup.sourced[setup.source].level)

    def read_back(self) -> float:
        """Measure what is sourced."""
        point, source = self._unit.point(), self._unit.setup.source
        current_a = self._unit.quirks.current_sign * point.current_a
        return self._measured(source, point.voltage_v if source is Quantity.VOLTAGE else current_a, 1)

    def _measured(self, quantity: Quantity, value: float, count: int) -> float:
        unit = self._unit
        range_ = unit.measure_range(quantity, value)
        # So many measurements have the noise of one that takes as long as all of them.
        measured = unit.errors.measured(quantity, range_, value, unit.setup.sensed[quantity].nplc * count)
        return measured if abs(measured) <= range_.full * unit.model.most_read else math.copysign(math.inf, measured)
