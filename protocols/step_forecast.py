"""The forecast of each step of a program: how often it runs, which of its ends comes first, after how long, with what.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> rows = steps_ahead(resolve(load_recipe("lfp-200mA-g"), load_cell("bare-lfp")))
>>> [(row.where, row.passes, row.ends_by) for row in rows]
[('1', 1.0, 'time'), ('2', 50.0, '4 V'), ('3', 50.0, '2.8 V')]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

from protocols.expected_path import expected_path
from protocols.forecast import (
    expected_records,
    full_charge_ah,
    passes_of,
    segment_forecast,
    segment_forecasts,
    usual_steps,
)
from protocols.program import CyclingSegment, MeasurementSegment, Program, RecordedStep
from protocols.program_steps import PoweredStep, Purpose, longest, recorded

AS_MEASURED = "as measured"
"""Stands behind what a step does whose current or charge the run measures first: what is told is expected of it."""


@dataclass(frozen=True, slots=True)
class StepAhead:
    """What is expected of a step, or of a measurement.

    ``where``: its number, behind that of its test where the program has several, ``2-41.3`` for a step of the tests 2
    to 41; ``passes``: how often it is carried out; ``ends_by``: the end that comes first in a healthy cell; times in
    seconds, ``longest_s`` infinite without a bound, those of a measurement with the rest before it; ``charge_ah``: a
    magnitude; ``records`` of one pass.
    """

    where: str
    what: str
    passes: float
    ends_by: str
    expected_s: float
    longest_s: float
    charge_ah: float
    records: float
    is_measurement: bool = False


def steps_ahead(program: Program) -> list[StepAhead]:
    """Give the steps in order; tests in a row that are alike, as the passes of a loop that decides, are told once."""
    durations_s = [ahead.expected_duration_s for ahead in segment_forecasts(program)]
    path = expected_path(program, durations_s)
    several = len(program.segments) > 1
    found: list[StepAhead] = []
    for indices in _alike(program, path):
        tests = f"{indices[0] + 1}" if len(indices) == 1 else f"{indices[0] + 1}-{indices[-1] + 1}"
        segment = program.segments[indices[0]]
        if isinstance(segment, MeasurementSegment):
            rows = [_measured(segment, tests)]
        else:
            rows = list(_steps(program, segment, f"{tests}." if several else ""))
        found += [replace(row, passes=row.passes * len(indices)) for row in rows]
    return found


def _alike(program: Program, path: list[int]) -> Iterator[list[int]]:
    """Give the runs of segments on the way that hold the same steps."""
    together: list[int] = []
    for index in path:
        if together and _told(program, together[0]) != _told(program, index):
            yield together
            together = []
        together.append(index)
    if together:
        yield together


def _told(program: Program, index: int) -> object:
    segment = program.segments[index]
    return segment.steps if isinstance(segment, CyclingSegment) else replace(segment, after=(), prompt=None)


def _measured(segment: MeasurementSegment, tests: str) -> StepAhead:
    ahead = segment_forecast(segment, None)
    what, rests = segment.technique.kind, f"rest of {segment.rest_s / 60:.0f} min before it"
    expected_s, longest_s = ahead.expected_duration_s, ahead.planned_duration_s
    return StepAhead(tests, f"{what}, {rests}", 1.0, "its end", expected_s, longest_s, 0.0, 0.0, is_measurement=True)


def _steps(program: Program, segment: CyclingSegment, test: str) -> Iterator[StepAhead]:
    full_ah, passes = full_charge_ah(program), passes_of(segment.steps)
    for number, step, takes_s, charge_ah in usual_steps(segment, full_ah):
        longest_s = longest(step)[0]
        records = expected_records(step, segment, takes_s)
        what, ends = _what(step), _ends_by(step, takes_s, full_ah)
        if any(one.step == number for one in segment.measured):
            what = f"{what}, {AS_MEASURED}"
        degrees = [] if segment.temperature_end is None else [segment.temperature_end.told]
        is_last = segment.host_may_end and number == recorded(segment.steps)[-1][0]
        if is_last:
            ends = " or ".join([*(end.told for end in segment.ends), *degrees, ends])
        yield StepAhead(f"{test}{number}", what, passes[number - 1], ends, takes_s, longest_s, charge_ah, records)


def _what(step: RecordedStep) -> str:
    if not isinstance(step, PoweredStep):
        return "rest"
    words = "contact check, " if step.purpose is Purpose.CHECK else ""
    words += step.direction.value
    current_ma = None if step.largest_a is None else f"{step.largest_a * 1000:.4g} mA"
    if step.sets_current:
        words += f" {current_ma}"
    if step.power_w is not None:
        words += f" {step.power_w * 1000:.4g} mW, at most {current_ma}"
    if step.resistance_ohm is not None:
        words += f" {step.resistance_ohm:.6g} ohm, at most {current_ma}"
    if step.holds_voltage:
        words += f", then {step.target_v:g} V" if step.sets_current else f" at {step.target_v:g} V"
    return words


def _ends_by(step: RecordedStep, takes_s: float, full_ah: float | None) -> str:
    """Name the end that comes first in a healthy cell."""
    until = step.until
    if until.time_s is not None and until.time_s <= takes_s:
        return "time"
    current_a = step.usual_a or 0.0
    set_s = inf if until.capacity_ah is None or not current_a else until.capacity_ah * 3600 / current_a
    if set_s <= takes_s:
        return f"{(until.capacity_ah or 0.0) * 1000:.4g} mAh"
    if until.current_a is not None:
        return f"{until.current_a * 1000:.4g} mA"
    if step.target_v is not None:
        return f"{step.target_v:g} V"
    return "its ceiling" if full_ah is None else "a full cell"
