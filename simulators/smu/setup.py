"""The settings of a unit that ``*RST`` resets, and that a memory keeps (reference smu-and-ovens, section 6)."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from enum import StrEnum

from simulators.smu.ranges import Model, Quantity

_BOTH = (Quantity.VOLTAGE, Quantity.CURRENT)
_ALL = (Quantity.VOLTAGE, Quantity.CURRENT, Quantity.RESISTANCE)


class OffState(StrEnum):
    """What the output is when it is off, by its word in SCPI."""

    NORMAL = "NORM"
    ZERO = "ZERO"
    GUARD = "GUAR"
    HIGH_IMPEDANCE = "HIMP"


@dataclass(slots=True)
class SourceSetup:
    """How one quantity is sourced: level and range in V or A, delays in s."""

    level: float = 0.0
    range: float = 0.0
    auto: bool = True
    off_state: OffState = OffState.NORMAL
    delay_s: float = 0.001
    auto_delay: bool = True
    readback: bool = False


@dataclass(slots=True)
class SenseSetup:
    """How one quantity is measured. The source lets it reach from -``low_limit`` to ``limit``, in V or A."""

    range: float = 0.0
    auto: bool = True
    lowest: float = 0.0
    limit: float = 0.0
    low_limit: float = 0.0
    range_follows_limit: bool = False
    nplc: float = 1.0
    four_wire: bool = False
    autozero: bool = True


@dataclass(slots=True)
class Setup:
    """All settings of one unit but those that belong to its link and its status."""

    source: Quantity = Quantity.VOLTAGE
    sourced: dict[Quantity, SourceSetup] = field(default_factory=lambda: {it: SourceSetup() for it in _BOTH})
    sensed: dict[Quantity, SenseSetup] = field(default_factory=lambda: {it: SenseSetup() for it in _ALL})
    functions: list[Quantity] = field(default_factory=lambda: [Quantity.CURRENT])
    concurrent: bool = True
    auto_ohms: bool = True
    over_voltage_v: float = math.inf
    averages: bool = False
    average_count: int = 10
    average_moving: bool = False
    auto_clear: bool = False
    elements: tuple[str, ...] = ()
    output_on_by_reading: bool = False
    output_protection: bool = False
    output_enable_line: bool = False
    rear: bool = False
    arm_count: float = 1
    arm_source: str = "IMM"
    trigger_count: float = 1
    trigger_delay_s: float = 0.0

    def copy(self) -> Setup:
        """Return settings of the same values that change on their own."""
        return copy.deepcopy(self)

    @property
    def readings(self) -> float:
        """Return how many measurements one initiation makes."""
        return self.arm_count * self.trigger_count

    def four_wire(self) -> bool:
        """Return whether the voltage is sensed at the cell."""
        first = self.functions[0] if self.functions else Quantity.CURRENT
        return self.sensed[first].four_wire


def reset_setup(model: Model) -> Setup:
    """Return the settings after ``*RST`` that all dialects have in common."""
    setup = Setup()
    limit_a, limit_v = model.reset_limits
    setup.sourced[Quantity.VOLTAGE].range = model.voltages[0].full
    setup.sourced[Quantity.CURRENT].range = model.currents[0].full
    for quantity, limit in ((Quantity.VOLTAGE, limit_v), (Quantity.CURRENT, limit_a)):
        sense = setup.sensed[quantity]
        sense.limit = sense.low_limit = limit
        found = model.range_for(quantity, limit)
        sense.range = found.full if found is not None else model.ranges(quantity)[-1].full
    return setup
