"""Chooses ranges, integration time and autozero for an order, and says which orders a source meter cannot carry out.

Ranges are chosen once, by the largest level and by the limit, and never change under a cell: a change overshoots by
100 to 250 mV, as much as a lithium/lithium cell's whole window (reference smu-and-ovens, section 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, isfinite

from drivers.errors import CannotRun
from drivers.smu.models import ModelFacts
from drivers.smu.wire import spelled
from drivers.sources import Drive, Held

_INTEGRATIONS: tuple[tuple[float, bool], ...] = ((1.0, True), (1.0, False), (0.1, False), (0.01, False))
"""Power line cycles and autozero, best first. More than one cycle would hold up a stop that waits for a reading."""
_SHARE_FOR_READING = 0.7
"""The part of an interval that a reading may take, its way to and from the instrument included."""
MOST_V = 20.0
"""No range above it is used: they need an interlock, and no cell."""
_LEAST_LIMIT = 1e-3
"""A limit is at least 0.1 % of its measuring range (section 8)."""
_FULL_SCALE = 1.05
"""Source and meter go 5 % beyond a range's name (section 2): room for the correction of a level, never planned with."""
_SMALLEST_SHARE = 0.05
"""The smallest current of a channel as a part of its smallest range, below which offsets are more than 1 % of it."""


@dataclass(frozen=True, slots=True)
class Integration:
    """How long a reading integrates, in power line cycles, and whether it measures its own zero; time of one reading.

    Faster than one cycle a reading has 0.005 % of range more offset at 0.1 and 0.05 % at 0.01 (section 2.1).
    """

    nplc: float
    autozero: bool
    reading_s: float


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a channel is wired: four leads or two, at which terminals, in a laboratory with which mains."""

    four_wire: bool
    rear: bool
    line_frequency_hz: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a source meter is prepared for: an order with its ranges, which hold until the output is off again.

    ``widest_limit`` is set on the way to the limit, with the output off.
    """

    drive: Drive
    source_range: float
    measure_range: float
    widest_limit: float
    integration: Integration
    wiring: Wiring

    def words(self) -> dict[str, str]:
        """Return the values of the templates of a ``Dialect``."""
        sources_voltage = self.drive.held is Held.VOLTAGE
        return {
            "S": "VOLT" if sources_voltage else "CURR",
            "M": "CURR" if sources_voltage else "VOLT",
            "L": "ILIM" if sources_voltage else "VLIM",
            "level": spelled(self.drive.level),
            "limit": spelled(self.drive.limit),
            "widest": spelled(self.widest_limit),
            "source_range": spelled(self.source_range),
            "measure_range": spelled(self.measure_range),
            "nplc": f"{self.integration.nplc:g}",
            "autozero": "ON" if self.integration.autozero else "OFF",
            "four_wire": "ON" if self.wiring.four_wire else "OFF",
            "terminals": "REAR" if self.wiring.rear else "FRON",
            "line_hz": f"{self.wiring.line_frequency_hz:g}",
        }


@dataclass(frozen=True, slots=True)
class Reach:
    """The limits of one channel: the model's, and those of its bench file."""

    facts: ModelFacts
    largest_voltage_v: float
    largest_current_a: float
    smallest_range_a: float
    wiring: Wiring
    line_s: float

    def integration(self, interval_s: float) -> Integration:
        """Return the best integration whose reading fits into an interval. Raises CannotRun when none does."""
        readings = [self._reading(nplc, autozero) for nplc, autozero in _INTEGRATIONS]
        for found in readings:
            if found.nplc >= self.facts.shortest_plc and found.reading_s <= _SHARE_FOR_READING * interval_s:
                return found
        raise CannotRun(f"a reading every {interval_s:g} s: the fastest here is every {self.fastest_interval_s:.3g} s")

    @property
    def fastest_interval_s(self) -> float:
        """The shortest interval in which this instrument can be read, in whole milliseconds."""
        least_s = self._reading(*_INTEGRATIONS[-1]).reading_s / _SHARE_FOR_READING
        return ceil(least_s * 1000) / 1000

    @property
    def smallest_current_a(self) -> float:
        """The smallest current that is worth setting."""
        return _SMALLEST_SHARE * self.smallest_range_a

    def _reading(self, nplc: float, autozero: bool) -> Integration:
        conversions = self.facts.functions * (self.facts.autozero_factor if autozero else 1)
        beside_s = self.line_s + self.facts.reading_s
        return Integration(
            nplc, autozero, beside_s + conversions * (nplc / self.wiring.line_frequency_hz + self.facts.overhead_s)
        )

    def ranges(self, drive: Drive) -> tuple[float, float]:
        """Return the source range and the measuring range for an order. Raises CannotRun."""
        if not all(map(isfinite, (drive.level, drive.limit, drive.largest))):
            raise CannotRun(f"{drive} holds a value that is not a finite number")
        if drive.limit <= 0 or abs(drive.level) > drive.largest:
            raise CannotRun(f"{drive}: a limit is above 0, and no level above the largest")
        holds_voltage = drive.held is Held.VOLTAGE
        voltage_v, current_a = (drive.largest, drive.limit) if holds_voltage else (drive.limit, drive.largest)
        # A limit of voltage lies above every cell, and is no voltage that is driven (section 1.2).
        most_v = self.largest_voltage_v if holds_voltage else MOST_V
        if voltage_v > most_v or current_a > self.largest_current_a:
            raise CannotRun(
                f"{voltage_v:g} V and {current_a:g} A: this channel has {most_v:g} V and "
                f"{self.largest_current_a:g} A at most"
            )
        if not self.facts.allows(voltage_v, current_a):
            raise CannotRun(f"{voltage_v:g} V and {current_a:g} A are not possible at the same time here")
        voltage_range = _smallest(self.facts.voltage_ranges_v, voltage_v)
        current_range = _smallest(self.facts.current_ranges_a, max(current_a, self.smallest_range_a))
        source_range, measure_range = (
            (voltage_range, current_range) if holds_voltage else (current_range, voltage_range)
        )
        if drive.limit < _LEAST_LIMIT * measure_range:
            raise CannotRun(f"a limit of {drive.limit:g} is below 0.1 % of the smallest range here, {measure_range:g}")
        return source_range, measure_range

    def plan(self, drive: Drive, interval_s: float) -> Plan:
        """Return everything to be set for an order. Raises CannotRun."""
        source_range, measure_range = self.ranges(drive)
        widest = self.largest_current_a if drive.held is Held.VOLTAGE else MOST_V
        return Plan(drive, source_range, measure_range, widest, self.integration(interval_s), self.wiring)


def changed(plan: Plan, drive: Drive) -> Plan:
    """Return a plan with another level and limit in the same ranges. Raises CannotRun for what needs others."""
    fits = (
        drive.held is plan.drive.held
        and all(map(isfinite, (drive.level, drive.limit)))
        and abs(drive.level) <= _FULL_SCALE * plan.source_range
        and _LEAST_LIMIT * plan.measure_range <= drive.limit <= _FULL_SCALE * plan.measure_range
    )
    if not fits:
        raise CannotRun(
            f"{drive} does not fit what the output was switched on with, {plan.drive} in ranges of "
            f"{plan.source_range:g} and {plan.measure_range:g}: ranges never change under a cell"
        )
    return replace(plan, drive=drive)


def _smallest(ranges: Sequence[float], value: float) -> float:
    return next(full for full in ranges if value <= full)
