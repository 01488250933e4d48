"""A resistor in the place of a cell, and how its name is written: ``1000 ohm``."""

from __future__ import annotations

import re

_NAME = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?(?:[eE][+-]?[0-9])?)\s*(k|M)?\s*[oO]hm\s*")
_FACTORS = {None: 1.0, "k": 1e3, "M": 1e6}


def resistance_of(name: str) -> float | None:
    """Return the resistance in ohm that a name such as ``1000 ohm`` or ``4.7 kohm`` says; None for another name.

    Raises ValueError for none above zero.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    ohm = float(found[1]) * _FACTORS[found[2]]
    if not ohm > 0.0:
        raise ValueError(f"a resistor has a resistance above zero, not {name}")
    return ohm


class ResistorCell:
    """A resistor instead of a cell: one in a holder, the internal dummy of an instrument, or open leads."""

    max_interval_s = 600.0
    temperature_degc = 25.0

    def __init__(self, resistance_ohm: float) -> None:
        """Be this resistor."""
        self.resistance_ohm = resistance_ohm

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage drop."""
        return current_a * self.resistance_ohm

    def current_a(self, voltage_v: float) -> float:
        """Return the current through it."""
        return voltage_v / self.resistance_ohm

    def advance(self, duration_s: float, current_a: float) -> None:
        """Do nothing: a resistor has no state."""

    def snapshot(self) -> tuple[float, ...]:
        """Return no state."""
        return ()

    def restore(self, state: tuple[float, ...]) -> None:
        """Return to no state."""

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the resistance."""
        return complex(self.resistance_ohm, 0.0)
