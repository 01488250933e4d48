"""The bound on the current: the one place that lets an order of a commissioning through, or refuses it.

Every order is judged before it is sent, by the currents that it sets and by those that its voltages can drive through
the declared resistance. Nothing in this package orders an instrument by any other way.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt

from drivers.sources import Drive, Held
from protocols.program import CyclingSegment
from protocols.program_steps import Loop, longest
from protocols.techniques import (
    CurrentSteps,
    HeldVoltage,
    Impedance,
    OpenCircuit,
    ReversedCurrent,
    Technique,
)

# A current set as 1 mA reads back as 0.99999999 mA after arithmetic on both sides.
_ROUNDING = 1.0 + 1e-9


class BeyondBound(Exception):
    """An order would pass more than was announced: a fault of the question, and nothing was sent."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that may flow: ``most_a`` through ``ohm``, for ``longest_s`` in one order.

    ``ceiling_a``: the most of the whole commissioning, by which the instrument's own limits are set.
    """

    most_a: float
    ohm: float
    longest_s: float
    ceiling_a: float

    @property
    def limit_a(self) -> float:
        """The limit of current that the instrument is given."""
        return LIMIT_FACTOR * self.ceiling_a

    def check_program(self, segment: CyclingSegment) -> None:
        """Judge the steps of a battery tester. Raises BeyondBound, which says which step and by how much."""
        seconds = 0.0
        for number, step in enumerate(segment.steps, 1):
            if isinstance(step, Loop):
                raise BeyondBound(f"step {number} repeats others: a commissioning has no loops")
            time_s, _ = longest(step)
            seconds += time_s
            if step.direction is None:
                continue
            if step.largest_a is None:
                raise BeyondBound(f"step {number} has no limit of its current")
            self._check(f"step {number}", step.largest_a)
            if step.holds_voltage and step.target_v is not None:
                self._check(f"step {number} at {step.target_v:g} V", abs(step.target_v) / self.ohm)
        self._check_time(seconds)
        # The tester's own limit is what acts where a program is taken otherwise than it was meant.
        if not segment.limits.tester_current_a <= self.limit_a * _ROUNDING:
            raise BeyondBound(f"the tester's limit is above {self.limit_a * 1000:.4g} mA; nothing was sent")

    def check_technique(self, technique: Technique) -> None:
        """Judge a measurement of a potentiostat. Raises BeyondBound, also for a technique that none here uses."""
        match technique:
            case OpenCircuit():
                most_a = 0.0
            case HeldVoltage():
                most_a = abs(technique.voltage_v) / self.ohm
            case CurrentSteps():
                most_a = max(abs(step.current_a) for step in technique.steps)
            case ReversedCurrent():
                most_a = max(abs(technique.charge_a), abs(technique.discharge_a))
            case Impedance():
                # Whether an amplitude is a peak or rms is what is asked (reference chi660e, section 2.2).
                most_a = (abs(technique.bias_v or 0.0) + sqrt(2) * technique.amplitude_v) / self.ohm
            case _:
                raise BeyondBound(f"{technique.kind} has no place in a commissioning; nothing was sent")
        self._check(technique.kind, most_a)
        self._check_time(technique.expected_s)

    def check_drive(self, drive: Drive, seconds: float) -> None:
        """Judge an order to a source that stands for so long. Raises BeyondBound."""
        if drive.held is Held.CURRENT:
            self._check("the source", max(abs(drive.level), abs(drive.largest)))
        else:
            self._check(f"{drive.level:g} V", max(abs(drive.level), abs(drive.largest)) / self.ohm)
            if not drive.limit <= self.limit_a * _ROUNDING:
                raise BeyondBound(f"the source's limit is above {self.limit_a * 1000:.4g} mA; nothing was sent")
        self._check_time(seconds)

    def _check(self, what: str, current_a: float) -> None:
        if not current_a <= self.most_a * _ROUNDING:
            said = f"{what} would pass {current_a * 1000:.4g} mA, and {self.most_a * 1000:.4g} mA were announced"
            raise BeyondBound(f"{said}; nothing was sent")

    def _check_time(self, seconds: float) -> None:
        if not (isfinite(seconds) and seconds <= self.longest_s):
            raise BeyondBound(f"it would last {seconds:g} s, and {self.longest_s:g} s were announced; nothing was sent")


LIMIT_FACTOR = 1.2
"""So many times the announced current is the tester's own limit: its readings are off by 0.05 % of full scale."""
