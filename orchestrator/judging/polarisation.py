"""Finds a polarisation that drifts away from the run's own, in the mean voltages of charges and discharges.

Half of the difference between a charge and the discharge beside it, at the same current and over the same charge, has
no equilibrium voltage in it: it is the voltage that the current costs, in a cell of any kind.
"""

from __future__ import annotations

from drivers.interfaces import EndReason
from orchestrator.judging.own_history import OwnHistory
from orchestrator.judging.steps import ExecutedStep
from orchestrator.judging.trouble_thresholds import (
    AT_VOLTAGE,
    CHARGE_STEP,
    LEAST_V,
    SAME_CHARGE,
    SAME_CURRENT,
    SLOW_RISE,
    Trouble,
)
from protocols.current_sign import Direction
from protocols.program_steps import PoweredStep, Purpose
from protocols.trouble import TroubleSign

_Key = tuple[float, Direction, int]


class PolarisationDrift:
    """The polarisations of one run, by current and state of charge."""

    def __init__(self, kind: str, rise: float, capacity_ah: float | None) -> None:
        """Watch a cell of a kind, whose state of charge matters if it has a ``capacity_ah``."""
        self._rise, self._slow, self._capacity_ah = rise, SLOW_RISE[kind], capacity_ah
        self._seen: dict[_Key, OwnHistory] = {}
        self._before: tuple[PoweredStep, ExecutedStep] | None = None
        self._net_ah = 0.0

    def copy(self) -> PolarisationDrift:
        """Return a copy of the state."""
        twin = object.__new__(PolarisationDrift)
        twin.__dict__.update(self.__dict__)
        twin._seen = dict(self._seen)
        return twin

    def feed(self, step: PoweredStep, executed: ExecutedStep) -> Trouble | None:
        """Judge the next step that passed current; ``executed`` bears the run's times."""
        sign = 1.0 if step.direction is Direction.CHARGE else -1.0
        begun_ah, self._net_ah = self._net_ah, self._net_ah + sign * executed.capacity_ah
        before = self._before
        self._before = None if step.purpose is Purpose.CHECK else (step, executed)
        if before is None or self._before is None or before[0].direction is step.direction:
            return None
        volts = _polarisation_v(before, self._before)
        current_a = step.usual_a
        if volts is None or current_a is None or step.direction is None:
            return None
        at = self._state_of_charge(begun_ah, before[1], executed)
        key = float(f"{current_a:.2g}"), step.direction, at
        history = self._seen.get(key, OwnHistory()).with_value(volts)
        self._seen[key] = history
        rise = history.rise(self._rise, self._slow, LEAST_V)
        if rise is None:
            return None
        since = "the run's first cycles" if rise.is_slow else "the half-cycles before"
        sentence = (
            f"the polarisation at {current_a * 1e3:.4g} mA is {rise.now * 1e3:.4g} mV in cycle {executed.cycle}, and "
            f"was {rise.before * 1e3:.4g} mV in {since}: compare the cell with its batch, look at contacts and oven"
        )
        evidence: dict[str, object] = {
            "before_v": rise.before,
            "now_v": rise.now,
            "current_a": current_a,
            "is_slow": rise.is_slow,
            "cycle": executed.cycle,
            "first_sequence": before[1].first_sequence,
            "last_sequence": executed.last_sequence,
            "step_count": executed.step_count,
        }
        level = (rise.factor - 1) / ((self._slow if rise.is_slow else self._rise) - 1)
        return Trouble(TroubleSign.POLARISATION, level, executed.start_s, sentence, evidence)

    def _state_of_charge(self, begun_ah: float, *pair: ExecutedStep) -> int:
        """Return where a pair of steps lies: between the voltages that ended both, or by the charge that had passed."""
        if not self._capacity_ah:
            return 0
        if all(ran.end_reason is EndReason.VOLTAGE for ran in pair):
            return AT_VOLTAGE
        return round(begun_ah / self._capacity_ah / CHARGE_STEP)


def _polarisation_v(before: tuple[PoweredStep, ExecutedStep], now: tuple[PoweredStep, ExecutedStep]) -> float | None:
    """Return half of the difference of two steps' mean voltages; None where they do not belong together."""
    (one, ran), (other, then) = before, now
    one_a, other_a = one.usual_a, other.usual_a
    if not one_a or not other_a or abs(one_a - other_a) > SAME_CURRENT * other_a:
        return None
    if ran.mean_voltage_v is None or then.mean_voltage_v is None:
        return None
    if not then.capacity_ah / SAME_CHARGE <= ran.capacity_ah <= then.capacity_ah * SAME_CHARGE:
        return None
    apart_v = ran.mean_voltage_v - then.mean_voltage_v
    volts = apart_v / 2 if one.direction is Direction.CHARGE else -apart_v / 2
    return volts if volts > 0 else None
