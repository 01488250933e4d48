"""The currents of a step of constant power or resistance: they follow from the voltages that its cell may have.

>>> from decimal import Decimal
>>> from protocols.recipe_steps import ConstantPowerStep
>>> step = ConstantPowerStep.model_validate(
...     {"step": "constant_power", "direction": "discharge", "power": "5 mW", "until": {"voltage": "2.5 V"}}
... )
>>> load = load_of(step, Decimal("0.005"), (Decimal(2), Decimal(4)))
>>> float(load.least_a), float(load.largest_a)
(0.00125, 0.002)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from protocols.cell import Band
from protocols.current_sign import Direction
from protocols.program_steps import Ceiling
from protocols.quantities import Dimension
from protocols.recipe_steps import Contradiction, PoweredRecipeStep


@dataclass(frozen=True, slots=True)
class Load:
    """The power (W) or resistance (ohm) of a step, the voltages (V) of its cell, its least and largest current (A)."""

    value: Decimal
    low_v: Decimal
    high_v: Decimal
    least_a: Decimal
    largest_a: Decimal

    def bounds(self, ceiling: Ceiling) -> Ceiling:
        """Give the ceiling with the voltages between which the step passes current."""
        return replace(ceiling, low_v=float(self.low_v), high_v=float(self.high_v))


def load_of(step: PoweredRecipeStep, value: Decimal, host: Band) -> Load:
    """Give the currents of a step whose cell is between its own end and the host's limit of voltage on the other side.

    Raises Contradiction where the cell may be at 0 V or below, which no current bounds.
    """
    low_v, high_v = host
    end = step.target
    if end is not None:
        low_v, high_v = (low_v, end.exact) if step.direction is Direction.CHARGE else (end.exact, high_v)
    if low_v <= 0 or high_v <= low_v:
        raise Contradiction(
            f"has {step.load} on a cell that may be anywhere from {low_v} to {high_v} V, and its current follows from "
            "the voltage: give the step limits whose host low is above 0 V, and an end inside them"
        )
    if step.load is not None and step.load.dimension is Dimension.RESISTANCE:
        return Load(value, low_v, high_v, low_v / value, high_v / value)
    return Load(value, low_v, high_v, value / high_v, value / low_v)
