"""What a model can do: its ranges, their resolutions and accuracies, and the currents that go with each voltage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

OVER_RANGE = 1.05
"""Source and measurement reach this part of a range (reference smu-and-ovens, section 2)."""

_ROUNDING = 1.0 + 1e-9


class Quantity(StrEnum):
    """What is sourced, limited or measured, by its word in SCPI."""

    VOLTAGE = "VOLT"
    CURRENT = "CURR"
    RESISTANCE = "RES"

    @property
    def other(self) -> Quantity:
        """Return the current for the voltage, and the reverse."""
        return Quantity.CURRENT if self is Quantity.VOLTAGE else Quantity.VOLTAGE


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A resolution, and how wrong a value may be: a part of the value, and an offset. In V or A."""

    resolution: float
    gain: float
    offset: float


@dataclass(frozen=True, slots=True)
class Range:
    """One range: its full scale in V or A, and how well it sources and measures."""

    full: float
    source: Accuracy
    measure: Accuracy

    @property
    def most(self) -> float:
        """Return the largest magnitude that the range reaches."""
        return self.full * OVER_RANGE


@dataclass(frozen=True, slots=True)
class Model:
    """One type of instrument.

    ``identity``: the answer to ``*IDN?``, with a place for the serial number. ``envelope``: pairs of the largest
    voltage and the largest current up to there, from low voltages to high. ``over_voltages_v``: the steps of its
    over-voltage protection. ``reset_limits``: current in A, voltage in V. ``overshoot_v``: the peak when a range
    changes under load. ``most_read``: readings reach this part of a range.
    """

    name: str
    identity: str
    voltages: tuple[Range, ...]
    currents: tuple[Range, ...]
    envelope: tuple[tuple[float, float], ...]
    over_voltages_v: tuple[float, ...]
    reset_limits: tuple[float, float]
    overshoot_v: float
    most_read: float = 1.055

    def ranges(self, quantity: Quantity) -> tuple[Range, ...]:
        """Return the ranges of a quantity, rising."""
        return self.voltages if quantity is Quantity.VOLTAGE else self.currents

    def range_for(self, quantity: Quantity, value: float) -> Range | None:
        """Return the smallest range that reaches a value; None where none does."""
        return smallest(self.ranges(quantity), value)

    def most_current_a(self, voltage_v: float) -> float:
        """Return the largest current at a voltage, 0 beyond the model's largest."""
        return next((amps for volts, amps in self.envelope if abs(voltage_v) <= volts * _ROUNDING), 0.0)

    def most_voltage_v(self, current_a: float) -> float:
        """Return the largest voltage at a current, 0 beyond the model's largest."""
        return max((volts for volts, amps in self.envelope if abs(current_a) <= amps * _ROUNDING), default=0.0)


def smallest(ranges: Sequence[Range], value: float) -> Range | None:
    """Return the first of rising ranges that reaches a value; None where none does."""
    return next((it for it in ranges if abs(value) <= it.most * _ROUNDING), None)
