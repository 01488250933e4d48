"""The mean efficiency of lithium on copper, with a reservoir."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from protocols.blocks.block import Times, WindowBlock
from protocols.blocks.plain_steps import constant_current, repeat, rest
from protocols.current_sign import Direction
from protocols.field_types import Flag, problem
from protocols.quantities import Capacity, Current, Duration
from protocols.recipe_steps import RecipeStep


class ModifiedAurbachBlock(WindowBlock):
    """The mean efficiency of lithium on copper with a reservoir, by the modified method of Aurbach.

    A first plating and stripping of the reservoir's charge forms the film (``condition``). Then the ``reservoir`` is
    plated, ``times`` cycles strip and plate ``cycled`` of it, and a last strip to ``high`` gives back what is left:
    efficiency = (times x cycled + stripped) / (times x cycled + reservoir). ``low`` ends a plating, ``strip_time``
    bounds the strips. Procedure: Adams et al., Adv. Energy Mater. 8 (2018) 1702097.
    """

    step: Literal["modified_aurbach"]
    current: Current
    reservoir: Capacity
    cycled: Capacity
    times: Times = 10
    wetting: Duration | None = None
    condition: Flag = True
    strip_time: Duration | None = None

    @model_validator(mode="after")
    def _holds(self) -> Self:
        if self.reservoir.dimension is not self.cycled.dimension or self.cycled.exact >= self.reservoir.exact:
            seen = f"cycles of {self.cycled} with a reservoir of {self.reservoir}"
            raise problem(seen, "a reservoir, in the same unit, above what a cycle takes of it")
        return self

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give the conditioning, the reservoir, the cycles as a loop, and the last strip."""
        plate, strip = Direction.DISCHARGE, Direction.CHARGE
        filled = constant_current(plate, self.current, capacity=self.reservoir, voltage=self.low)
        emptied = constant_current(strip, self.current, voltage=self.high, time=self.strip_time)
        cycle = (
            constant_current(strip, self.current, capacity=self.cycled, voltage=self.high),
            constant_current(plate, self.current, capacity=self.cycled, voltage=self.low),
        )
        conditioned = (filled, emptied) if self.condition else ()
        return *rest(self.wetting), *conditioned, filled, *repeat(self.times, cycle), emptied
