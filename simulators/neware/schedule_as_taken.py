"""Takes a schedule as a BTS client may that reads it otherwise: points of step files that the reference leaves open."""

from __future__ import annotations

from dataclasses import replace

from simulators.neware.schedule import HOLDS_VOLTAGE, Schedule, ScheduleError, Step
from simulators.neware.settings import Quirks


def as_taken(schedule: Schedule, quirks: Quirks) -> Schedule:
    """Return the schedule that is executed in the place of this one. Raises ScheduleError for one that is refused."""
    return replace(schedule, steps=tuple(_step(step, quirks) for step in schedule.steps))


def _step(step: Step, quirks: Quirks) -> Step:
    if step.kind in HOLDS_VOLTAGE and step.direction < 0 and not quirks.holds_voltage_on_discharge:
        raise ScheduleError(f"step {step.number}: this unit holds no voltage on discharge")
    if step.capacity_ah is not None and quirks.capacity_limit != "obey":
        taken_ah = None if quirks.capacity_limit == "ignore" else 0.01 * step.capacity_ah
        step = replace(step, capacity_ah=taken_ah)
    stop_v = step.stop_voltage_v
    if stop_v is None or stop_v >= 0.0 or quirks.negative_stop_volt == "obey":
        return step
    if quirks.negative_stop_volt == "refuse":
        raise ScheduleError(f"step {step.number}: Stop_Volt is below zero")
    return replace(step, stop_voltage_v=None if quirks.negative_stop_volt == "ignore" else -stop_v)
