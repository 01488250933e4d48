"""Finds the current that a step of constant power or constant resistance passes: it follows from the voltage [5.5].

The number in brackets is a section of the CT-4008 reference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulators.cells.model import CellModel
from simulators.cells.solving import solve_between

_TURNS = 200
"""So often a current is corrected by the voltage that it makes: at most of what a cell can give it settles slowly."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a step holds instead of a current: a power in W, or a resistance in ohm. One of the two."""

    power_w: float | None = None
    resistance_ohm: float | None = None

    def scaled(self, factor: float) -> Load:
        """Return the load of a unit whose currents are wrong by a factor."""
        if self.resistance_ohm is not None:
            return Load(resistance_ohm=self.resistance_ohm / factor) if factor else Load(power_w=0.0)
        return Load(power_w=(self.power_w or 0.0) * factor)

    def current_at(self, voltage_v: float) -> float:
        """Return the magnitude of current at a voltage; infinite where no current makes the power."""
        if self.resistance_ohm is not None:
            return max(0.0, voltage_v) / self.resistance_ohm
        return (self.power_w or 0.0) / voltage_v if voltage_v > 0.0 else math.inf

    def voltage_at(self, current_a: float) -> float:
        """Return the voltage at which this magnitude of current flows, which is above zero."""
        if self.resistance_ohm is not None:
            return current_a * self.resistance_ohm
        return (self.power_w or 0.0) / current_a

    def current_a(self, cell: CellModel, most_a: float) -> float:
        """Return the current through a cell, signed as ``most_a``, whose magnitude it does not exceed.

        A power that the cell cannot give is asked for in vain: the current rises to ``most_a``.
        """
        sign, most = math.copysign(1.0, most_a), abs(most_a)
        if sign < 0 and self.resistance_ohm is None:
            # Of the two currents that make the power, the smaller: the one that is reached from zero on.
            size = 0.0
            for _ in range(_TURNS):
                following = min(most, self.current_at(cell.voltage_v(-size)))
                if abs(following - size) <= 1e-13 * following:
                    break
                size = following
            return -size

        def excess_a(size: float) -> float:
            return size - min(most, self.current_at(cell.voltage_v(sign * size)))

        return sign * solve_between(excess_a, 0.0, most)
