"""The steps that a technician writes whose current follows from the cell's voltage: constant power and resistance."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from protocols.conditions import DecidedStep
from protocols.current_sign import Direction
from protocols.field_types import problem
from protocols.program_steps import Ceiling, ConstantPower, ConstantResistance, PoweredStep, Record, Until
from protocols.quantities import Power, Quantity, Resistance
from protocols.step_ends import LoadUntil, RecordRule
from protocols.temperature import TemperatureField


class ConstantPowerStep(DecidedStep):
    """Pass a constant power: its current follows from the cell's voltage."""

    holds_voltage: ClassVar[bool] = False
    largest: ClassVar[None] = None
    largest_key: ClassVar[str] = "power"
    target_key: ClassVar[tuple[str, ...]] = ("until", "voltage")

    step: Literal["constant_power"]
    direction: Direction
    power: Power
    until: LoadUntil
    record: RecordRule | None = None
    temperature: TemperatureField = None

    @property
    def load(self) -> Quantity:
        """The power from which its current follows."""
        return self.power

    @property
    def target(self) -> Quantity:
        """The voltage at which it ends."""
        return self.until.voltage

    def in_program(self, value: float, until: Until, ceiling: Ceiling, record: Record | None) -> PoweredStep:
        """Give its step of the program; ``value`` is the power in watts."""
        return ConstantPower(self.direction, abs(value), until, ceiling, record)


class ConstantResistanceStep(DecidedStep):
    """Discharge as a resistor would that is put across the cell."""

    holds_voltage: ClassVar[bool] = False
    largest: ClassVar[None] = None
    largest_key: ClassVar[str] = "resistance"
    target_key: ClassVar[tuple[str, ...]] = ("until", "voltage")

    step: Literal["constant_resistance"]
    direction: Direction = Direction.DISCHARGE
    resistance: Resistance
    until: LoadUntil
    record: RecordRule | None = None
    temperature: TemperatureField = None

    @model_validator(mode="after")
    def _discharges(self) -> Self:
        if self.direction is not Direction.DISCHARGE:
            raise problem("a charge by a resistance", "direction: discharge; a resistor only takes current from a cell")
        return self

    @property
    def load(self) -> Quantity:
        """The resistance from which its current follows."""
        return self.resistance

    @property
    def target(self) -> Quantity:
        """The voltage at which it ends."""
        return self.until.voltage

    def in_program(self, value: float, until: Until, ceiling: Ceiling, record: Record | None) -> PoweredStep:
        """Give its step of the program; ``value`` is the resistance in ohm."""
        return ConstantResistance(abs(value), until, ceiling, record)
