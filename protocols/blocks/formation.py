"""The first cycles of a cell."""

from __future__ import annotations

from typing import Literal

from protocols.blocks.block import Times, WindowBlock
from protocols.blocks.plain_steps import cycle, loop, repeat, rest, to_voltage
from protocols.conditions import ConditionBlock, Fraction
from protocols.current_sign import Direction
from protocols.quantities import Current, Duration
from protocols.recipe_steps import RecipeStep


class FormationBlock(WindowBlock):
    """Slow first cycles, in which the films on the electrodes form, behind a rest in which the cell is wetted.

    Procedure: a rest of hours, then a few cycles at C/20 to C/5, as reviewed by An et al., Carbon 105 (2016) 52.
    ``begin`` is the direction that the cell was not built in: a cell with a discharged cathode is charged first. With
    ``until_efficiency``, such as ``99 %``, ``cycles`` are how many there are at most.
    """

    step: Literal["formation"]
    current: Current
    cycles: Times = 3
    wetting: Duration | None = None
    taper: Current | None = None
    rest: Duration | None = None
    begin: Direction = Direction.CHARGE
    until_efficiency: Fraction | None = None

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give the rest, then the cycles as a loop."""
        charge = to_voltage(Direction.CHARGE, self.current, self.high, self.taper)
        discharge = to_voltage(Direction.DISCHARGE, self.current, self.low, None)
        steps = cycle(self.begin, charge, discharge, rest(self.rest))
        if self.until_efficiency is None:
            return *rest(self.wetting), *repeat(self.cycles, steps)
        until = ConditionBlock(efficiency_above=self.until_efficiency)
        return *rest(self.wetting), *loop(self.cycles, steps, until)
