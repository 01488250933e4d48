"""Which order to a source carries out which step, so that no mistake of this computer can ruin a cell.

A constant current to a cutoff is a source of voltage at the cutoff, with the current as its limit: the instrument
itself then never passes the cutoff, however steep the voltage is (reference smu-and-ovens, section 3). A symmetric cell
gets a source of current, which is ten times as accurate (section 2.1), and so does a step without a cutoff of a cell
whose voltage goes through 0 V. Its voltage limit lies above whatever the cell can show: one below the cell's voltage
would let an excessive current flow (section 1.2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from drivers.sources import Drive, Held
from protocols.current_sign import Direction
from protocols.program import CyclingSegment
from protocols.program_steps import PoweredStep, RecordedStep, Rest, powered

# A held voltage without a limit of its current takes this part of what the host's limit allows.
_PART_OF_LIMIT = 0.95
# The limits of a cell of two equal electrodes are the same on both sides of 0 V, but for what a recipe writes of one.
_SYMMETRIC_V = 0.1


class Margins(Protocol):
    """What of the settings decides on limits: see ``drivers.stepping.settings.SteppedSettings``."""

    @property
    def cell_voltage_most_v(self) -> float:
        """The magnitude that no cell exceeds."""

    @property
    def voltage_margin_v(self) -> float:
        """The distance of a voltage limit from what a cell can show."""

    @property
    def least_voltage_limit_v(self) -> float:
        """The smallest voltage limit."""

    @property
    def short_rest_s(self) -> float:
        """The longest rest that keeps the range of the current before it."""


class SegmentDrives:
    """The orders of one segment on a cell whose open-circuit voltage has been seen."""

    def __init__(self, segment: CyclingSegment, margins: Margins, open_circuit_v: float) -> None:
        self._segment = segment
        self._margins = margins
        tester = segment.limits.tester
        seen_v = max(abs(tester.low_v), abs(tester.high_v), abs(open_circuit_v))
        self.voltage_limit_v = max(margins.least_voltage_limit_v, seen_v + margins.voltage_margin_v)
        host = segment.limits.host
        self._passes_zero = host.low_v < 0 < host.high_v
        self._is_symmetric = abs(host.low_v + host.high_v) <= _SYMMETRIC_V
        steps = [step for _, step in powered(segment.steps)]
        by_current = [step for step in steps if self._holds_current(step)]
        self._largest_a = max((step.largest_a or 0.0 for step in by_current), default=0.0)
        by_voltage = [abs(self._level_v(step)) for step in steps if not self._holds_current(step)]
        self._largest_v = max(by_voltage, default=0.0)

    def of(self, step: RecordedStep, before: Drive | None) -> Drive:
        """Return the order that carries out a step after another order, None: the output is off."""
        if isinstance(step, Rest):
            return self._rest(step, before)
        if self._holds_current(step):
            return Drive(Held.CURRENT, step.constant_a or 0.0, self.voltage_limit_v, self._largest_a)
        return Drive(Held.VOLTAGE, self._level_v(step), self._current_limit_a(step), self._largest_v)

    def _rest(self, step: Rest, before: Drive | None) -> Drive:
        is_short = step.until.time_s is not None and step.until.time_s <= self._margins.short_rest_s
        if before is not None and before.held is Held.CURRENT and is_short:
            return replace(before, level=0.0)
        return Drive(Held.CURRENT, 0.0, self.voltage_limit_v, 0.0)

    def _holds_current(self, step: PoweredStep) -> bool:
        if step.constant_a is None or not self._passes_zero:
            return False
        return self._is_symmetric or step.target_v is None

    def _level_v(self, step: PoweredStep) -> float:
        """Return the voltage to hold: the step's own, else the whole run's limit, which the cell then cannot pass."""
        if step.target_v is not None:
            return step.target_v
        tester = self._segment.limits.tester
        return tester.high_v if step.direction is Direction.CHARGE else tester.low_v

    def _current_limit_a(self, step: PoweredStep) -> float:
        return step.largest_a or _PART_OF_LIMIT * self._segment.limits.host_current_a


def look(margins: Margins) -> Drive:
    """Return the order under which a cell is looked at before anything is known of it: no current, a limit above it."""
    return Drive(Held.CURRENT, 0.0, margins.cell_voltage_most_v + margins.voltage_margin_v, 0.0)


def keeps_preparation(before: Drive, after: Drive) -> bool:
    """Return whether an order needs no other function and range than the one before: the output may stay on."""
    return (before.held, before.limit, before.largest) == (after.held, after.limit, after.largest)


def mode_of(step: RecordedStep) -> str:
    """Return the word for a step that its records carry."""
    charges = step.direction is Direction.CHARGE
    if step.holds_voltage and step.sets_current:
        return "cccv" if charges else "cccd"
    if step.holds_voltage:
        return "cv" if charges else "dv"
    return "rest" if isinstance(step, Rest) else "cc" if charges else "dc"
