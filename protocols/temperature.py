"""The temperature that a recipe wants its cell to have: how a file says it, and what a program keeps of it.

A file gives the temperature alone, or with the time for which the oven must have been within a tolerance of it before
the cell's first current, and what happens to the run when the oven leaves it.

>>> TemperatureBlock.model_validate({"target": "60 degC", "soak": "30 min"}).in_program()
CellTemperature(target_degc=60.0, tolerance_k=0.5, soak_s=1800.0, when_left=<WhenLeft.HOLD: 'hold'>)
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from protocols.field_types import FileModel, problem
from protocols.quantities import Duration, Quantity, Temperature, TemperatureStep, parse_quantity

LARGEST_TOLERANCE_K = Decimal(2)
"""A tolerance as wide as the band of an oven in which nothing is told would call a warning a soaked cell."""


class WhenLeft(StrEnum):
    """What happens to a run whose oven is far from its temperature: it is held, or its data are marked."""

    HOLD = "hold"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class CellTemperature:
    """The temperature of a cell's place during a segment of a program, and how long it is soaked before."""

    target_degc: float
    tolerance_k: float = 0.5
    soak_s: float = 600.0
    when_left: WhenLeft = WhenLeft.HOLD


@dataclass(frozen=True, slots=True)
class TemperatureBand:
    """Temperatures of a cell's place that a step or a run goes on at; None where one side is open."""

    low_degc: float | None = None
    high_degc: float | None = None

    def outside(self, degc: float) -> str:
        """Say how a temperature lies outside; empty where it does not."""
        if self.high_degc is not None and degc > self.high_degc:
            return f"temperature {degc:.1f} degC, above {self.high_degc:g} degC"
        if self.low_degc is not None and degc < self.low_degc:
            return f"temperature {degc:.1f} degC, below {self.low_degc:g} degC"
        return ""

    @property
    def told(self) -> str:
        """What lies outside, in words."""
        high = None if self.high_degc is None else f"above {self.high_degc:g} degC"
        low = None if self.low_degc is None else f"below {self.low_degc:g} degC"
        return f"temperature {' or '.join(side for side in (high, low) if side)}"


class TemperatureLimitBlock(FileModel):
    """Temperatures of the cell's place beyond which a run is tripped; one of the two may be left out."""

    low: Temperature | None = None
    high: Temperature | None = None

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if self.low is None and self.high is None:
            raise problem("no limits", "low, high or both, such as `temperature: {high: 80 degC}`")
        if self.low is not None and self.high is not None and self.low.exact >= self.high.exact:
            raise problem(f"{self.low} to {self.high}", "a low end below the high end")
        return self

    def in_program(self) -> TemperatureBand:
        """Give what a program keeps of it."""
        return temperature_band(self.low, self.high)


def temperature_band(low: Quantity | None, high: Quantity | None) -> TemperatureBand:
    """Give a band of written temperatures, either of which may be left open."""
    return TemperatureBand(None if low is None else low.value, None if high is None else high.value)


class TemperatureBlock(FileModel):
    """A temperature, the ``tolerance`` in which the oven must stay for the time ``soak``, and what leaving it does."""

    target: Temperature
    tolerance: TemperatureStep = parse_quantity("0.5 degC")
    soak: Duration = parse_quantity("10 min")
    when_left: WhenLeft = WhenLeft.HOLD

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        if self.tolerance.exact > LARGEST_TOLERANCE_K:
            raise problem(f"a tolerance of {self.tolerance}", f"at most {LARGEST_TOLERANCE_K} degC")
        return self

    def in_program(self) -> CellTemperature:
        """Give what a program keeps of it."""
        return CellTemperature(self.target.value, self.tolerance.value, self.soak.value, self.when_left)


def _block(value: object) -> object:
    """Read a temperature alone as a block with the usual tolerance and time."""
    return {"target": value} if isinstance(value, str) else value


def _is_none(value: object) -> bool:
    return value is None


# Left out of the text where a file does not say it: hashes of earlier versions hold.
DegreesField = Annotated[Temperature | None, Field(exclude_if=_is_none)]
TemperatureField = Annotated[
    TemperatureBlock | None,
    BeforeValidator(_block, json_schema_input_type=str | TemperatureBlock | None),
    Field(exclude_if=_is_none),
]
