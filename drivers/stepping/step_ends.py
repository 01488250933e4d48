"""Decides whether a step is over, and how long the next reading may wait so that its end is not passed by much."""

from __future__ import annotations

from math import inf

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
        self._before: tuple[float, float] | None = None
        self._slope_v_per_s = 0.0

    @property
    def cutoff_v(self) -> float | None:
        """The voltage that ends the step; None where none does."""
        return self._cutoff_v

    def reason(
        self, elapsed_s: float, voltage_v: float, current_a: float, charge_ah: float, *, regulates_voltage: bool
    ) -> EndReason | None:
        """Return why the step is over with this reading; None while it is not."""
        if self._before is not None and elapsed_s > self._before[0]:
            self._slope_v_per_s = (voltage_v - self._before[1]) / (elapsed_s - self._before[0])
        self._before = elapsed_s, voltage_v
        if elapsed_s >= self.end_s - _ROUNDING_S:
            is_planned = self._until.time_s is not None and elapsed_s >= self._until.time_s - _ROUNDING_S
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

    def wait_s(self, elapsed_s: float, voltage_v: float, current_a: float, charge_ah: float, fastest_s: float) -> float:
        """Return how long the next reading may wait, infinite where no end is near.

        An end by time or charge is waited for exactly, one by voltage in steps of ``fastest_s`` at the shortest.
        """
        wait_s = self.end_s - elapsed_s
        if self._end_ah < inf and current_a:
            wait_s = min(wait_s, max(0.0, self._end_ah - abs(charge_ah)) * 3600 / abs(current_a))
        if self._tapers:
            wait_s = min(wait_s, fastest_s)
        if self._cutoff_v is not None and (speed := self._slope_v_per_s * self._sign) > 0:
            left_s = (self._cutoff_v - voltage_v) * self._sign / speed
            wait_s = min(wait_s, max(fastest_s, _PART_OF_LEFT * left_s))
        return max(0.0, wait_s)
