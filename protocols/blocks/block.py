"""A block: a procedure of the field in one step of a recipe, which stands for plain steps.

``expanded`` gives these, before any cell is known. A new block is a module beside this one, its name in
``protocols/blocks/__init__.py`` and its row in docs/recipe-language.md.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocols.current_sign import Direction
from protocols.field_types import Count, FileModel, problem
from protocols.measured_source import BEFORE, MeasuredSource
from protocols.quantities import Quantity, Voltage, parse_quantity
from protocols.recipe_steps import RecipeStep
from protocols.step_ends import RecordRule
from protocols.temperature import TemperatureField

Times = Annotated[Count, Field(ge=1, le=1000)]

FAST = RecordRule(every=parse_quantity("0.1 s"))
"""The records of a pulse, whose first second tells the ohmic part of the resistance."""


class Block(FileModel):
    """What all blocks take: ``record`` and ``temperature`` of those of its steps that have none of their own."""

    record: RecordRule | None = None
    temperature: TemperatureField = None

    @model_validator(mode="after")
    def _measured_by_name(self) -> Self:
        for key, value in self:
            if isinstance(value, Quantity) and value.of == MeasuredSource():
                named = str(value).replace(BEFORE, "step NAME")
                raise problem(f"{key}: {value}", f"the name of a step, '{named}': a block is of many steps")
        return self

    @abstractmethod
    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give the plain steps, in order."""


class WindowBlock(Block):
    """A block between two voltages: the tester ends a discharge at ``low`` and a charge at ``high``."""

    low: Voltage
    high: Voltage

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low.exact >= self.high.exact:
            raise problem(f"low: {self.low} and high: {self.high}", "low below high")
        return self

    def end(self, direction: Direction) -> Quantity:
        """Give the voltage at which a current of this direction ends."""
        return self.high if direction is Direction.CHARGE else self.low


def opposite(direction: Direction) -> Direction:
    """Give the other direction."""
    return Direction.DISCHARGE if direction is Direction.CHARGE else Direction.CHARGE
