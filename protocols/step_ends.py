"""What ends the steps that a technician writes, and when they make records."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from protocols.conditions import CollapseField, DriftField
from protocols.field_types import FileModel, problem
from protocols.quantities import Current, Duration, StepCharge, Voltage, VoltageStep
from protocols.temperature import DegreesField, TemperatureBand, temperature_band


class RecordRule(FileModel):
    """When a record is made besides the first and last of each step. Given at a step it replaces the recipe's rule."""

    every: Duration
    on_voltage_change: VoltageStep | None = None
    on_current_change: Current | None = None


class _TemperatureUntil(FileModel):
    """Ends by the temperature of the cell's place, which the host orders: the run goes on behind the step."""

    temperature_above: DegreesField = None
    temperature_below: DegreesField = None

    @model_validator(mode="before")
    @classmethod
    def _above_or_below(cls, data: object) -> object:
        if isinstance(data, dict) and "temperature" in data:
            raise problem(
                f"temperature: {data['temperature']}", "temperature_above: 65 degC, or temperature_below: 40 degC"
            )
        return data

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        low, high = self.temperature_below, self.temperature_above
        if low is not None and high is not None and low.exact >= high.exact:
            seen = f"temperature_below: {low} and temperature_above: {high}"
            raise problem(seen, "temperature_below less than temperature_above: between them the step goes on")
        return self

    @property
    def temperature_end(self) -> TemperatureBand | None:
        """The temperatures between which the step goes on; None where it has no such end."""
        if self.temperature_above is None and self.temperature_below is None:
            return None
        return temperature_band(self.temperature_below, self.temperature_above)


class _Until(_TemperatureUntil):
    """End conditions, whichever comes first; at least one. A voltage of 0 V is a condition like any other."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        own = [name for name in type(self).model_fields if not name.startswith("temperature_")]
        if any(getattr(self, name) is not None for name in own):
            return self
        if self.temperature_end is not None:
            beside = ", ".join(name for name in own if name != "collapse")
            raise problem(
                "an end by temperature alone", f"one of {beside} beside it, at which the tester ends the step"
            )
        raise problem("no end condition", f"one of {', '.join(own)}")


class RestUntil(_TemperatureUntil):
    """A rest ends by time, or before when its voltage drifts by less than ``drift_below``."""

    time: Duration
    drift_below: DriftField = None


class CurrentUntil(_Until):
    """A constant current ends by time, by reaching a voltage, by the charge passed, or when its voltage collapses."""

    current: ClassVar[None] = None

    time: Duration | None = None
    voltage: Voltage | None = None
    capacity: StepCharge | None = None
    collapse: CollapseField = None

    @model_validator(mode="after")
    def _ends_at_the_tester(self) -> Self:
        if self.collapse is not None and (self.time, self.voltage, self.capacity) == (None, None, None):
            raise problem("collapse alone", "time, voltage or capacity beside it, at which the tester ends the step")
        return self


class LoadUntil(CurrentUntil):
    """A constant power or resistance ends by its voltage at the latest, which bounds its current."""

    voltage: Voltage

    @model_validator(mode="after")
    def _current_is_bound(self) -> Self:
        if self.voltage.exact <= 0:
            raise problem(
                f"an end at {self.voltage}", "a voltage above 0 V: at 0 V a power has no current that makes it"
            )
        return self


class VoltageUntil(_Until):
    """A constant voltage ends by time, or when the current has tapered to a magnitude."""

    voltage: ClassVar[None] = None
    capacity: ClassVar[None] = None

    time: Duration | None = None
    current: Current | None = None
