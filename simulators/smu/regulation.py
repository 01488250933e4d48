"""The two regulation loops of an output: a voltage with a limit of current, and a current with a limit of voltage.

Both limits are magnitudes that act on both signs, and the output works in all four quadrants (reference
smu-and-ovens, sections 1.2, 3 and 8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from simulators.smu.ranges import Quantity


class Load(Protocol):
    """What is between the terminals: the voltage at a current, and the reverse. The voltage rises with the current."""

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage at this current."""

    def current_a(self, voltage_v: float) -> float:
        """Return the current at this voltage."""


@dataclass(frozen=True, slots=True)
class Drive:
    """What an output does: hold ``level`` and keep the other quantity from -``low_limit`` to ``limit``, in V and A.

    ``most_a`` ends the current where a current source's limit lies below the cell's voltage. ``range_limits``: the
    limit is the end of a fixed measuring range. ``over_voltage_v`` ends the voltage in both modes.
    """

    held: Quantity
    level: float
    limit: float
    low_limit: float
    most_a: float = math.inf
    range_limits: bool = False
    over_voltage_v: float = math.inf


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where an output stands: what it passes, and which loop holds it."""

    voltage_v: float
    current_a: float
    at_limit: bool = False
    at_over_voltage: bool = False
    holds_voltage: bool = False


def operating_point(load: Load, drive: Drive) -> OperatingPoint:
    """Return where an output with this load stands now."""
    if drive.held is Quantity.CURRENT:
        return _current_source(load, drive)
    level_v = _within(drive.level, drive.over_voltage_v)
    point = _voltage_source(load, level_v, drive.limit, drive.low_limit)
    if level_v == drive.level or point.at_limit:
        return point
    return OperatingPoint(level_v, point.current_a, at_over_voltage=True, holds_voltage=True)


def _voltage_source(load: Load, level_v: float, limit_a: float, low_limit_a: float) -> OperatingPoint:
    """Hold a voltage unless more than the limit would flow, out of the unit or into it."""
    highest_v = load.voltage_v(limit_a)
    if level_v > highest_v:
        return OperatingPoint(highest_v, limit_a, at_limit=True)
    lowest_v = load.voltage_v(-low_limit_a)
    if level_v < lowest_v:
        return OperatingPoint(lowest_v, -low_limit_a, at_limit=True)
    return OperatingPoint(level_v, load.current_a(level_v), holds_voltage=True)


def _current_source(load: Load, drive: Drive) -> OperatingPoint:
    """Hold a current unless the voltage would pass the limit; then hold that, whatever flows (section 1.2)."""
    voltage_v = load.voltage_v(drive.level)
    own_v = drive.limit if voltage_v > 0.0 else drive.low_limit
    limit_v = min(own_v, drive.over_voltage_v)
    if abs(voltage_v) <= limit_v:
        return OperatingPoint(voltage_v, drive.level)
    held = _voltage_source(load, math.copysign(limit_v, voltage_v), drive.most_a, drive.most_a)
    return OperatingPoint(
        held.voltage_v,
        held.current_a,
        at_limit=limit_v == own_v,
        at_over_voltage=limit_v != own_v,
        holds_voltage=held.holds_voltage,
    )


def _within(value: float, limit: float) -> float:
    """Return a value cut off at a magnitude."""
    return math.copysign(limit, value) if abs(value) > limit else value
