"""The steps a technician writes, told apart by the key ``step``. Currents are magnitudes, ``direction`` signs them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, model_validator

from protocols.fields import Capacity, Count, Current, Duration, FileModel, Voltage, VoltageStep, problem
from protocols.program import Direction


class RecordRule(FileModel):
    """When a record is made besides the first and last of each step. Given at a step it replaces the recipe's rule."""

    every: Duration
    on_voltage_change: VoltageStep | None = None
    on_current_change: Current | None = None


class _Until(FileModel):
    """End conditions, whichever comes first; at least one. A voltage of 0 V is a condition like any other."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if all(value is None for _, value in self):
            raise problem("no end condition", f"one of {', '.join(type(self).model_fields)}")
        return self


class RestUntil(FileModel):
    """A rest ends by time."""

    time: Duration


class CurrentUntil(_Until):
    """A constant current ends by time, by reaching a voltage, or by the charge passed."""

    time: Duration | None = None
    voltage: Voltage | None = None
    capacity: Capacity | None = None


class VoltageUntil(_Until):
    """A constant voltage ends by time, or when the current has tapered to a magnitude."""

    time: Duration | None = None
    current: Current | None = None


class RestStep(FileModel):
    """Leave the circuit open."""

    step: Literal["rest"]
    until: RestUntil
    record: RecordRule | None = None


class ConstantCurrentStep(FileModel):
    """Pass a constant current."""

    step: Literal["constant_current"]
    direction: Direction
    current: Current
    until: CurrentUntil
    record: RecordRule | None = None


class ConstantVoltageStep(FileModel):
    """Hold a voltage. Without `current_limit` the current of the powered step before is the limit."""

    step: Literal["constant_voltage"]
    direction: Direction
    voltage: Voltage
    until: VoltageUntil
    current_limit: Current | None = None
    record: RecordRule | None = None


class CcCvStep(FileModel):
    """Pass a constant current up to a voltage, then hold that voltage."""

    step: Literal["cc_cv"]
    direction: Direction
    current: Current
    voltage: Voltage
    until: VoltageUntil
    record: RecordRule | None = None


class RepeatStep(FileModel):
    """Run the steps inside `times` times in all."""

    step: Literal["repeat"]
    times: Annotated[Count, Field(ge=1, le=65535)]
    steps: Annotated[tuple[RecipeStep, ...], Field(min_length=1)]


PoweredRecipeStep = ConstantCurrentStep | ConstantVoltageStep | CcCvStep
RecipeStep = Annotated[
    RestStep | ConstantCurrentStep | ConstantVoltageStep | CcCvStep | RepeatStep, Discriminator("step")
]
RepeatStep.model_rebuild()
