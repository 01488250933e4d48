"""Rebuilds the current of CP and ISTEP, which the file lacks, from the order and the rows (reference section 7)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate

from drivers.errors import Incomplete
from protocols.current_sign import Direction
from protocols.techniques import CurrentSteps, ReversedCurrent

_ROWS_OF_SLOPE = 2.0


def step_ends(technique: CurrentSteps) -> tuple[float, ...]:
    """Return the end of each step of one cycle, in seconds from the start of the cycle."""
    return tuple(accumulate(step.duration_s for step in technique.steps))


def steps_at(technique: CurrentSteps, times_s: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Return the cycle and the step, both from 0, of each row. A row at the very end of a step belongs to it."""
    ends = step_ends(technique)
    slack = 1e-6 * technique.interval_s
    cycle = step = 0
    for time_s in times_s:
        while time_s > cycle * ends[-1] + ends[step] + slack and (cycle, step) != (technique.cycles - 1, len(ends) - 1):
            step += 1
            if step == len(ends):
                cycle, step = cycle + 1, 0
        yield cycle, step


def of_steps(technique: CurrentSteps, times_s: Sequence[float]) -> tuple[float, ...]:
    """Return the current of each row of ISTEP."""
    return tuple(technique.steps[step].current_a for _, step in steps_at(technique, times_s))


def at_limit(voltage_v: Sequence[float], low_v: float, high_v: float, margin_v: float) -> bool:
    """Return whether the last row is at a limit, or so near that its slope meets the limit before two more rows."""
    last = voltage_v[-1]
    slope = _ROWS_OF_SLOPE * (last - voltage_v[-2]) if len(voltage_v) > 1 else 0.0
    top, bottom = max(last, last + slope), min(last, last + slope)
    return top >= high_v - margin_v or bottom <= low_v + margin_v


def of_reversals(
    technique: ReversedCurrent, times_s: Sequence[float], voltage_v: Sequence[float], margin_v: float
) -> tuple[float, ...]:
    """Return the current of each row of CP. Raises Incomplete when the rows show fewer half-cycles than were ordered.

    A half-cycle ends with its time, unless voltages switch it, and at the limit it runs towards: with the row there
    after which the voltage turns back. The vendor itself calls this detection hard, so one half-cycle a measurement
    is what can be relied on.
    """
    signs = [1, -1] if technique.first is Direction.CHARGE else [-1, 1]
    result: list[float] = []
    begun_s, done = 0.0, 0
    for n, (time_s, volt) in enumerate(zip(times_s, voltage_v, strict=True)):
        sign = signs[done % 2]
        length_s = technique.charge_s if sign > 0 else technique.discharge_s
        if not technique.switch_at_voltage:
            while done < technique.half_cycles - 1 and time_s > begun_s + length_s + 1e-6 * technique.interval_s:
                begun_s, done = begun_s + length_s, done + 1
                sign = -sign
                length_s = technique.charge_s if sign > 0 else technique.discharge_s
        result.append(technique.charge_a if sign > 0 else -technique.discharge_a)
        limit = technique.high_v if sign > 0 else technique.low_v
        is_last = n == len(times_s) - 1
        is_there = sign * (volt - limit) >= -margin_v
        if is_there and not is_last and sign * (voltage_v[n + 1] - volt) < 0 and done < technique.half_cycles - 1:
            begun_s, done = time_s, done + 1
    if done < technique.half_cycles - 1 or not _has_ended(
        technique, times_s, voltage_v, begun_s, signs[done % 2], margin_v
    ):
        raise Incomplete(
            f"the rows end at {times_s[-1]:g} s in half-cycle {done + 1} of {technique.half_cycles}, "
            "neither at its limit nor after its time"
        )
    return tuple(result)


def _has_ended(
    technique: ReversedCurrent,
    times_s: Sequence[float],
    voltage_v: Sequence[float],
    begun_s: float,
    sign: int,
    margin_v: float,
) -> bool:
    low, high = (-math.inf, technique.high_v) if sign > 0 else (technique.low_v, math.inf)
    if at_limit(voltage_v, low, high, margin_v):
        return True
    length_s = technique.charge_s if sign > 0 else technique.discharge_s
    last_s = times_s[-1] - begun_s
    return (
        last_s >= math.floor(length_s / technique.interval_s + 1e-6) * technique.interval_s - 0.5 * technique.interval_s
    )
