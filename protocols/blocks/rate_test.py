"""Capacity over rate."""

from __future__ import annotations

from typing import Literal

from protocols.blocks.block import Times, WindowBlock
from protocols.blocks.plain_steps import cycle, repeat, rest, to_voltage
from protocols.current_sign import Direction
from protocols.quantities import Current, Duration
from protocols.recipe_steps import RecipeStep
from protocols.value_lists import Values


class RateTestBlock(WindowBlock):
    """Some cycles at each of several currents, to see the capacity that is left at each; the first again at the end.

    ``current`` is that of the discharges and, unless ``charge_current`` is given, of the charges; ``taper`` holds the
    voltage after each charge until the current is that small. With a slow and equal charge the discharges alone are
    compared: Doyle, Newman and Reimers, J. Power Sources 52 (1994) 211. A last current as the first one tells fading
    from the effect of the rate: write it at the end of the list.
    """

    step: Literal["rate_test"]
    current: Values[Current]
    charge_current: Current | None = None
    taper: Current | None = None
    cycles: Times = 5
    rest: Duration | None = None
    begin: Direction = Direction.CHARGE

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give a loop of cycles for each current."""
        steps: list[RecipeStep] = []
        for current in self.current:
            charge = to_voltage(Direction.CHARGE, self.charge_current or current, self.high, self.taper)
            discharge = to_voltage(Direction.DISCHARGE, current, self.low, None)
            steps += repeat(self.cycles, cycle(self.begin, charge, discharge, rest(self.rest)))
        return tuple(steps)
