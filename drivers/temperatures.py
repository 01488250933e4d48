"""The interfaces of what measures a temperature beside a cell, and of what makes one: probes and ovens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable


class OvenFault(StrEnum):
    """What an oven's controller reports itself, or its driver concludes from readings."""

    SENSOR_OPEN = "sensor open"
    SENSOR_FROZEN = "sensor frozen"
    HEATER_STUCK = "heater stuck on"
    HEATER_OPEN = "heater does not heat"
    DOOR_OPEN = "door open"
    ALARM = "alarm of the controller"
    NOT_CONTROLLING = "not controlling"
    CHANGED_BY_HAND = "set point changed by hand"


@dataclass(frozen=True, slots=True)
class TemperatureReading:
    """One temperature of one place. ``temperature_degc`` is None where no valid value came; ``problem`` says why."""

    temperature_degc: float | None
    unix_time_s: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OvenReading:
    """An oven at one moment, all values of one request.

    ``temperature_degc`` is the controller's own process value, None where its sensor is invalid. ``working_degc`` is
    the set point it follows now, which a ramp moves towards ``target_degc``. ``output_percent`` is the heater's, 0 to
    100, None where the controller does not tell.
    """

    temperature_degc: float | None
    target_degc: float
    working_degc: float
    output_percent: float | None
    unix_time_s: float
    faults: frozenset[OvenFault] = field(default_factory=frozenset)


@runtime_checkable
class TemperatureProbe(Protocol):
    """An independent thermometer: one or more named places. Reads raise ConnectionFailed and may be asked again."""

    name: str

    def places(self) -> tuple[str, ...]:
        """Return the names of the places that it measures, from settings."""

    async def open(self) -> None:
        """Connect and identify."""

    async def close(self) -> None:
        """Drop the connection."""

    async def read(self) -> dict[str, TemperatureReading]:
        """Measure every place."""


@runtime_checkable
class MeasuresTemperatures(Protocol):
    """An instrument that is more than a thermometer, as a tester with auxiliary inputs, and has some of its own."""

    def probes(self) -> Sequence[tuple[float, TemperatureProbe]]:
        """Return its thermometers, each with the seconds between two readings; they use its connection."""


@runtime_checkable
class Oven(Protocol):
    """An oven or climate chamber with one set point. One request is in flight at any time.

    Orders are compared with what is set before they are written (set points wear out memory), written once, and read
    back; they raise NotConfirmed on a difference, OutcomeUnknown where nobody can tell.
    """

    name: str
    low_degc: float
    high_degc: float

    @property
    def identity(self) -> str:
        """Return who answered last, for people; empty before."""

    async def open(self) -> None:
        """Connect and check the identity that the settings name."""

    async def close(self) -> None:
        """Drop the connection; the oven goes on at its set point."""

    async def read(self) -> OvenReading:
        """Read temperature, set points, output and status in one block."""

    async def set_target(self, target_degc: float, ramp_k_per_min: float | None = None) -> None:
        """Order a set point, with a ramp where one is given. Raises CannotRun outside its limits."""
