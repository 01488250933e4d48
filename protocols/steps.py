"""The steps a technician writes, told apart by the key ``step``. Currents are magnitudes, ``direction`` signs them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, model_validator

from protocols.current_sign import Direction
from protocols.field_types import (
    Capacity,
    Count,
    Current,
    Duration,
    FileModel,
    Frequency,
    ScanRate,
    Voltage,
    VoltageStep,
    problem,
)
from protocols.quantities import parse_quantity


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


class EisStep(FileModel):
    """Measure the impedance by the potentiostat, from `high` to `low`, at open circuit or around `bias`."""

    step: Literal["eis"]
    high: Frequency = parse_quantity("1 MHz")
    low: Frequency = parse_quantity("10 mHz")
    amplitude: VoltageStep = parse_quantity("10 mV")
    bias: Voltage | None = None
    rest: Duration | None = None


class OcvStep(FileModel):
    """Watch the open-circuit voltage with the potentiostat, finer than the tester can."""

    step: Literal["ocv"]
    time: Duration
    every: Duration = parse_quantity("1 s")
    rest: Duration | None = None


class CyclicVoltammetryStep(FileModel):
    """Sweep the voltage between `low` and `high` with the potentiostat and record the current."""

    step: Literal["cyclic_voltammetry"]
    low: Voltage
    high: Voltage
    start: Voltage | None = None
    scan_rate: ScanRate
    sweeps: Annotated[Count, Field(ge=1, le=1000)] = 2
    direction: Direction = Direction.CHARGE
    rest: Duration | None = None


class RepeatStep(FileModel):
    """Run the steps inside `times` times in all."""

    step: Literal["repeat"]
    times: Annotated[Count, Field(ge=1, le=65535)]
    steps: Annotated[tuple[RecipeStep, ...], Field(min_length=1)]


PoweredRecipeStep = ConstantCurrentStep | ConstantVoltageStep | CcCvStep
MeasurementStep = EisStep | OcvStep | CyclicVoltammetryStep
RecipeStep = Annotated[
    RestStep
    | ConstantCurrentStep
    | ConstantVoltageStep
    | CcCvStep
    | EisStep
    | OcvStep
    | CyclicVoltammetryStep
    | RepeatStep,
    Discriminator("step"),
]
RepeatStep.model_rebuild()
