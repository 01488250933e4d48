"""Forecasts a program: longest and expected time, charge passed, number of records. Nothing is simulated.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> round(planned_duration_s(resolve(load_recipe("li-li-0.4"), load_cell("bare-li-li"))) / 3600, 2)
200.17
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, prod

from protocols.by_identity import Same
from protocols.cell import SYMMETRIC
from protocols.expected_path import between_s, expected_path, longest_path
from protocols.half_cycles import CycleNumbers
from protocols.program import CyclingSegment, Loop, MeasurementSegment, Program, Segment, Step
from protocols.program_steps import RecordedStep, longest, loops, recorded

_TIME_FACTOR = 2.0  # a time ceiling is twice the expected time: cell.py


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast of a program; ``charge_ah`` is the sum of magnitudes, ``cycles`` the number of its last cycle.

    ``planned_duration_s`` is an upper bound, the rest are estimates: ``records`` a generous one, for disk space.
    All are infinite where a step has no bound. ``between_s`` of the expected time the cell rests between two programs
    of its channel.
    """

    planned_duration_s: float
    expected_duration_s: float
    charge_ah: float
    records: float
    cycles: int
    between_s: float = 0.0


def forecast(program: Program) -> Forecast:
    """Give the whole forecast of a program.

    Where conditions on what is measured may end it earlier, it is that of a run in which none of them holds.
    """
    parts = segment_forecasts(program)
    durations_s = [part.expected_duration_s for part in parts]
    path, longest_way = expected_path(program, durations_s), longest_path(program, durations_s)
    rest_s = between_s(program, path)
    left_out = set(range(len(parts))) - set(path)
    return Forecast(
        sum(parts[n].planned_duration_s for n in longest_way) + between_s(program, longest_way),
        sum(durations_s[n] for n in path) + rest_s,
        sum(parts[n].charge_ah for n in path),
        sum(parts[n].records for n in longest_way),
        CycleNumbers.of(program.leaving_out(left_out)).cycles,
        rest_s,
    )


def segment_forecasts(program: Program) -> list[Forecast]:
    """Give the forecast of each segment; passes of a loop, which share their steps, are reckoned once."""
    full_ah = full_charge_ah(program)
    known: dict[object, Forecast] = {}
    found = []
    for segment in program.segments:
        key = (Same(segment.steps), segment.record, segment.limits) if isinstance(segment, CyclingSegment) else None
        ahead = None if key is None else known.get(key)
        if ahead is None:
            ahead = segment_forecast(segment, full_ah)
            if key is not None:
                known[key] = ahead
        found.append(ahead)
    return found


def segment_forecast(segment: Segment, full_ah: float | None) -> Forecast:
    """Give the forecast of one segment, without cycles."""
    if isinstance(segment, MeasurementSegment):
        measured_s = segment.technique.expected_s
        return Forecast(segment.settle_max_s + 3 * measured_s, segment.rest_s + measured_s, 0.0, 0.0, 0)
    planned_s = expected_s = charge_ah = records = 0.0
    passes = passes_of(segment.steps)
    for number, step, expected_step_s, expected_ah in usual_steps(segment, full_ah):
        times = passes[number - 1]
        planned_s += times * longest(step)[0]
        expected_s += times * expected_step_s
        charge_ah += times * expected_ah
        records += times * expected_records(step, segment, expected_step_s)
    return Forecast(planned_s, expected_s, charge_ah, records, 0)


def usual_steps(segment: CyclingSegment, full_ah: float | None) -> Iterator[tuple[int, RecordedStep, float, float]]:
    """Give each step with its number, the time (s) and the charge (Ah, a magnitude) of one pass in a healthy cell.

    A step that its voltage ends is counted as one that fills the cell: what a voltage takes that is held behind it, to
    which it went, is in that charge already.
    """
    before: RecordedStep | None = None
    for number, step in recorded(segment.steps):
        takes_s, usual_a = usual_s(step, full_ah), step.usual_a or 0.0
        filled = before is not None and (before.direction, before.target_v) == (step.direction, step.target_v)
        passes_nothing = not usual_a or (filled and not step.sets_current)
        yield number, step, takes_s, 0.0 if passes_nothing else min(usual_a * takes_s / 3600, longest(step)[1])
        before = before if step.direction is None else step


def passes_of(steps: Sequence[Step]) -> list[float]:
    """Return how often each step is executed: the product of the loops around it, found in one walk over the steps."""
    begins: dict[int, list[tuple[int, Loop]]] = {}
    for own, loop in loops(steps):
        begins.setdefault(loop.back_to, []).append((own, loop))
    found: list[float] = []
    open_loops: dict[int, float] = {}
    for number, step in enumerate(steps, 1):
        open_loops.pop(number, None)
        for own, loop in begins.get(number, ()):
            if own > number:
                open_loops[own] = float(loop.times)
        found.append(1.0 if isinstance(step, Loop) else prod(open_loops.values(), start=1.0))
    return found


def planned_duration_s(program: Program) -> float:
    """Give the longest time a program may take, by its time ends and ceilings; infinite if a step has neither."""
    return forecast(program).planned_duration_s


def expected_duration_s(program: Program) -> float:
    """Give the time that a healthy cell takes for a program."""
    return forecast(program).expected_duration_s


def full_charge_ah(program: Program) -> float | None:
    """Give the charge that fills a program's cell; None for a symmetric cell, whose charge is what the program sets."""
    return None if program.cell.kind in SYMMETRIC else program.cell.nominal_capacity_ah


def usual_s(step: RecordedStep, full_ah: float | None) -> float:
    """Give the shortest of: set time, time to pass the set charge or to fill the cell; else half the time ceiling.

    A step that strips plated lithium is over when that is gone, whatever the cell holds. Infinite without any of them.
    """
    usual_a = step.usual_a or 0.0
    expected_ah = full_ah if step.ceiling.expected_ah is None else step.ceiling.expected_ah
    is_known = step.sets_current or not step.holds_voltage
    charges = (step.until.capacity_ah, expected_ah) if is_known and usual_a else ()
    times = [step.until.time_s, *(charge_ah * 3600 / usual_a for charge_ah in charges if charge_ah is not None)]
    half_ceiling_s = inf if step.ceiling.time_s is None else step.ceiling.time_s / _TIME_FACTOR
    return min((time_s for time_s in times if time_s is not None), default=half_ceiling_s)


def expected_records(step: RecordedStep, segment: CyclingSegment, usual_s: float) -> float:
    """Count first and last, those by time, and those by voltage as if a step crossed the host's band once."""
    rule = step.record or segment.record
    count = 2.0
    if rule.every_s:
        count += usual_s if usual_s == inf else usual_s // rule.every_s
    if rule.voltage_change_v and step.direction is not None:
        count += (segment.limits.host.high_v - segment.limits.host.low_v) // rule.voltage_change_v
    return count
