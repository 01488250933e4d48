"""Decides whether a step is over, and how long the next reading may wait so that its end is not passed by much."""

from __future__ import annotations

from math import inf, sqrt
from typing import NamedTuple

from drivers.interfaces import EndReason
from drivers.sources import Drive, Held
from protocols.current_sign import Direction
from protocols.program_steps import RecordedStep

# Sums of times and charges are rounded.
_ROUNDING_S = 1e-6
_WHOLE = 1.0 - 1e-9
# A source that regulates a voltage has reached it when so little is missing: the orchestrator forgives 1 mV.
REACHED_V = 0.0005
# Half of the time that is left: the voltage of a cell bends towards its cutoff.
_PART_OF_LEFT = 0.5
# A reading that comes so little before the end of a step is its last: another would come later after it. Less than the
# 51 ms that the orchestrator forgives.
_MOST_EARLY_S = 0.045
# A reading that was aimed at a cutoff and came before it is repeated after this part of the fastest interval.
_LEAST_PART = 0.2


class Pace(NamedTuple):
    """How fast readings may follow each other before an end, and how long one takes, in seconds."""

    fastest_s: float
    reading_s: float


class StepEnds:
    """The ends of one step. Times are seconds since it began; ``charge_ah`` is signed.

    A taper counts when two readings in a row show it: just after a switch a source may regulate before the current has
    risen.
    """

    def __init__(self, step: RecordedStep, drive: Drive) -> None:
        self._until, self._ceiling = step.until, step.ceiling
        self._sign = 0 if step.direction is None else 1 if step.direction is Direction.CHARGE else -1
        self._cutoff_v = step.until.voltage_v if self._sign else None
        self._is_held_cutoff = drive.held is Held.VOLTAGE and drive.level == self._cutoff_v
        self._taper_a = step.until.current_a if drive.held is Held.VOLTAGE else None
        ends_s = (step.until.time_s, step.ceiling.time_s)
        self.end_s = min((time_s for time_s in ends_s if time_s is not None), default=inf)
        charges = (step.until.capacity_ah, step.ceiling.capacity_ah)
        self._end_ah = min((charge for charge in charges if charge is not None), default=inf)
        self._tapers = 0
        self._early_s = _ROUNDING_S
        self._before: tuple[float, float] | None = None
        self._slope_v_per_s: float | None = None
        self._gain_v_per_s2 = 0.0

    @property
    def held_cutoff_v(self) -> float | None:
        """The voltage that ends the step, where the source holds it; None where it holds anything else."""
        return self._cutoff_v if self._is_held_cutoff else None

    def reason(
        self, elapsed_s: float, voltage_v: float, current_a: float, charge_ah: float, *, regulates_voltage: bool
    ) -> EndReason | None:
        """Return why the step is over with this reading; None while it is not."""
        self._follow(elapsed_s, voltage_v)
        early_s = self._early_s
        if elapsed_s >= self.end_s - early_s:
            is_planned = self._until.time_s is not None and elapsed_s >= self._until.time_s - early_s
            return EndReason.TIME if is_planned else EndReason.CEILING
        charge_ah = abs(charge_ah)
        if charge_ah >= self._end_ah * _WHOLE:
            planned_ah = self._until.capacity_ah
            is_planned = planned_ah is not None and charge_ah >= planned_ah * _WHOLE
            return EndReason.CAPACITY if is_planned else EndReason.CEILING
        if self._cutoff_v is not None:
            left_v = (self._cutoff_v - voltage_v) * self._sign
            if left_v <= 0 or (self._is_held_cutoff and regulates_voltage and left_v <= REACHED_V):
                return EndReason.VOLTAGE
        is_taper = self._taper_a is not None and regulates_voltage and abs(current_a) <= self._taper_a
        self._tapers = self._tapers + 1 if is_taper else 0
        return EndReason.CURRENT if self._tapers >= 2 else None

    def _follow(self, elapsed_s: float, voltage_v: float) -> None:
        if self._before is not None and elapsed_s > self._before[0]:
            since_s = elapsed_s - self._before[0]
            slope = (voltage_v - self._before[1]) / since_s
            self._gain_v_per_s2 = 0.0 if self._slope_v_per_s is None else (slope - self._slope_v_per_s) / since_s
            self._slope_v_per_s = slope
        self._before = elapsed_s, voltage_v

    def wait_s(self, elapsed_s: float, voltage_v: float, current_a: float, charge_ah: float, pace: Pace) -> float:
        """Return how long the next reading may wait, infinite where no end is near.

        An end by time or charge is waited for exactly, less what a reading takes. So is one by voltage when it is near;
        before, half of the time that is left is waited, ``pace.fastest_s`` at least.
        """
        self._early_s = max(_ROUNDING_S, min(_MOST_EARLY_S, 0.5 * pace.reading_s))
        wait_s = self.end_s - elapsed_s
        if self._end_ah < inf and current_a:
            wait_s = min(wait_s, max(0.0, self._end_ah - abs(charge_ah)) * 3600 / abs(current_a))
        wait_s = max(0.0, wait_s - pace.reading_s)
        if self._tapers:
            wait_s = min(wait_s, pace.fastest_s)
        left_s = self._until_cutoff_s(voltage_v) - pace.reading_s
        if left_s < inf:
            is_near = left_s <= 2 * pace.fastest_s
            aimed_s = max(left_s, _LEAST_PART * pace.fastest_s) if is_near else _PART_OF_LEFT * left_s
            wait_s = min(wait_s, aimed_s)
        return wait_s

    def _until_cutoff_s(self, voltage_v: float) -> float:
        """Return when the voltage is at its cutoff if it goes on as the last three readings; infinite if it does not.

        A slope that grows is taken to grow on: at the end of a discharge it does.
        """
        if self._cutoff_v is None or self._slope_v_per_s is None:
            return inf
        left_v = (self._cutoff_v - voltage_v) * self._sign
        speed, gain = self._slope_v_per_s * self._sign, max(0.0, self._gain_v_per_s2 * self._sign)
        if speed <= 0 or left_v <= 0:
            return inf
        # Of left = speed * t + gain * t^2 / 2, in the form that also holds for a gain of zero.
        return 2 * left_v / (speed + sqrt(speed * speed + 2 * gain * left_v))
