"""What every simulated cell has: the charge that passed it, its temperature, and a state that can be kept and restored.

A model names its state's attributes in ``STATE``, ``temperature_degc`` first, and says in ``_warm`` what a temperature
changes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from operator import attrgetter
from typing import ClassVar

from simulators.cells.solving import solve_rising

MOST_A = 1e6


class CellState(ABC):
    """The charge, the temperature and the state of one simulated cell."""

    NAME: ClassVar[str]
    STATE: ClassVar[tuple[str, ...]]
    _read: ClassVar[attrgetter[tuple[float, ...]]]

    def __init_subclass__(cls) -> None:
        """Prepare the reading of a model's state: models are asked for it often."""
        if "STATE" in cls.__dict__:
            cls._read = attrgetter(*cls.STATE)

    def _begin(self, temperature_degc: float) -> None:
        """Set the charge to none and the temperature, last in a model's construction."""
        self._charge_c = 0.0
        self._temperature_degc = math.nan
        self.temperature_degc = temperature_degc

    @property
    def temperature_degc(self) -> float:
        """Return the cell's temperature; setting it changes every rate and resistance from this moment on."""
        return self._temperature_degc

    @temperature_degc.setter
    def temperature_degc(self, value: float) -> None:
        """Set the temperature, and with it the rates and resistances."""
        if value != self._temperature_degc:
            self._warm(value)
            self._temperature_degc = value

    @abstractmethod
    def _warm(self, temperature_degc: float) -> None:
        """Set all that depends on the temperature."""

    @property
    def charge_c(self) -> float:
        """Return the net charge passed through the terminals since the cell was built."""
        return self._charge_c

    def _pass(self, duration_s: float, current_a: float) -> None:
        """Count the charge of an interval. Raises ValueError for one that no cell has."""
        if not 0.0 <= duration_s < math.inf or not -MOST_A < current_a < MOST_A:
            raise ValueError(f"cannot advance a cell by {duration_s} s at {current_a} A")
        self._charge_c += current_a * duration_s

    def snapshot(self) -> tuple[float, ...]:
        """Return the whole state as numbers."""
        return self._read(self)

    def restore(self, state: tuple[float, ...]) -> None:
        """Return to a moment that ``snapshot`` kept. Raises ValueError for the state of another kind of cell."""
        if len(state) != len(self.STATE):
            raise ValueError(f"state of {len(state)} numbers given, {self.NAME} has {len(self.STATE)}")
        for name, value in zip(self.STATE, state, strict=True):
            setattr(self, name, value)


class DrivenCell(CellState):
    """A cell whose voltage is that at rest and what its current drives beyond it, each a function of the state."""

    _area: float

    @abstractmethod
    def _rest_v(self) -> float:
        """Return the voltage without a current."""

    @abstractmethod
    def _driven_v(self, density: float) -> float:
        """Return what a current density in A/cm2 adds to it."""

    @abstractmethod
    def _slope_ohm_cm2(self, density: float) -> float:
        """Return the derivative of that."""

    @abstractmethod
    def _linear_ohm_cm2(self) -> float:
        """Return the least slope: that of the resistances that stay the same at any current."""

    def voltage_v(self, current_a: float) -> float:
        """Return the terminal voltage now, at this current."""
        return self._rest_v() + self._driven_v(current_a / self._area)

    def current_a(self, voltage_v: float) -> float:
        """Return the current that a source holding this terminal voltage would pass now."""

        def rising(density: float) -> tuple[float, float]:
            return self._driven_v(density), self._slope_ohm_cm2(density)

        return self._area * solve_rising(rising, self._linear_ohm_cm2(), voltage_v - self._rest_v())
