"""The segments that a run of a program is expected to carry out, as far as the program alone tells.

A branch that counts cycles or time holds where they are expected to be reached; of one that asks for anything measured
nothing is known before the run, and it is taken not to hold: the run then takes longest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from protocols.branches import Measure
from protocols.channel_envelope import size_problems
from protocols.half_cycles import CycleNumbers
from protocols.measured_amounts import expected_of
from protocols.program import CyclingSegment, Program, Segment
from protocols.program_steps import LOOP_DEPTH_MAX, STEPS_MAX, Rest, recorded

BETWEEN_S = 15.0
"""A cell rests so long between two programs of one channel: a poll sees the end, the next is loaded and started."""


def expected_path(program: Program, durations_s: Sequence[float]) -> list[int]:
    """Give the indices of the segments that are carried out if each takes its duration (s)."""
    numbers = CycleNumbers.of(program)
    path: list[int] = []
    # Cycles and seconds behind each segment of the path, from 0 before the first.
    cycles, passed_s = [0.0], [0.0]
    counts = {Measure.CYCLES: cycles, Measure.TIME: passed_s}
    index = 0
    while index < len(program.segments):
        path.append(index)
        cycles.append(cycles[-1] + numbers.cycle_before(index + 1) - numbers.cycle_before(index))
        passed_s.append(passed_s[-1] + durations_s[index])
        following = index + 1
        for branch in program.segments[index].after:
            counted = counts.get(branch.measure)
            if counted is None or branch.above is None:
                continue
            if counted[-1] - counted[bisect_left(path, branch.since)] >= branch.above:
                following = branch.to
                break
        index = following
    return path


def longest_path(program: Program, durations_s: Sequence[float]) -> list[int]:
    """Give the indices of all segments that may be carried out in the longest run; ``durations_s`` as they count.

    Only where nothing but a number of cycles decides is it known that some never are.
    """
    measures = {branch.measure for segment in program.segments for branch in segment.after}
    return expected_path(program, durations_s) if measures == {Measure.CYCLES} else list(range(len(program.segments)))


def between_s(program: Program, path: Sequence[int]) -> float:
    """Give how long the cell rests between programs of its channel, in all, where nothing else is done there."""
    parts = [program.segments[index] for index in path]
    return BETWEEN_S * sum(_follows(first, second) for first, second in pairwise(parts))


def notes(program: Program, rest_s: float) -> list[str]:
    """Say what of a program depends on what is measured, and where it waits for a person; nothing of most programs."""
    found = []
    if program.decides:
        at = sum(bool(segment.after) for segment in program.segments)
        places = f"{at} place" if at == 1 else f"{at} places"
        found.append(f"it decides at {places} by what is measured; the times are those of a run in which none holds")
    found += _measured(program)
    found += [f"no usual tester can run it. {reason}" for reason in size_problems(program)]
    if (parted := _parted_at_rests(program)) > 1:
        held = f"a tester holds {STEPS_MAX} steps, and loops nested {LOOP_DEPTH_MAX} deep"
        longer = f"behind which the cell rests about {BETWEEN_S:g} s longer"
        found.append(f"{held}: it is run as {parted} programs, parted behind rests, {longer}")
    if rest_s:
        rests = f"{rest_s / 60:.0f} min" if rest_s >= 2 * 60 else f"{rest_s:.0f} s"
        found.append(f"between programs of the tester the cell rests for {rests} in all")
    if asked := sum(segment.prompt is not None for segment in program.segments):
        found.append(f"it waits for a person {asked} times" if asked > 1 else "it waits for a person once")
    return found


def _measured(program: Program) -> list[str]:
    """Say of each kind of value that is measured first what is expected, and what it may be without a person."""
    told: dict[str, None] = {}
    for segment in program.cycling:
        for one in segment.measured:
            band = f"{one.low * 1e3:.4g} to {one.words(one.high).partition(' ')[2]}"
            what = one.words(expected_of(segment.steps, one)).replace(" ", " of ", 1)
            held = f"outside {band} the run is held"
            told[f"a {what} is expected: {one.part} of {one.told}, which the run measures first; {held}"] = None
    kept = list(told)
    more = [f"{len(kept) - _TOLD} more values are measured first"] if len(kept) > _TOLD else []
    return kept[:_TOLD] + more


# So many kinds of measured values are told one by one.
_TOLD = 6


def _parted_at_rests(program: Program) -> int:
    """Count the programs of the tester that a program is parted into only for their size; 0 where that is not so."""
    aims = {index for segment in program.segments for branch in segment.after for index in (branch.to, branch.since)}
    cuts = sum(
        index not in aims and _goes_on(first, second)
        for index, (first, second) in enumerate(pairwise(program.segments), 1)
    )
    return len(program.cycling) if cuts else 0


def _goes_on(first: Segment, second: Segment) -> bool:
    """Tell whether a segment takes up the one before it, which has ended with a rest and nothing to be decided."""
    if not isinstance(first, CyclingSegment) or not isinstance(second, CyclingSegment):
        return False
    if first.after or first.host_may_end or second.prompt is not None or second.measured:
        return False
    if (first.temperature, first.limits) != (second.temperature, second.limits):
        return False
    *_, last = recorded(first.steps)
    return isinstance(last[1], Rest)


def _follows(first: Segment, second: Segment) -> bool:
    is_cycling = isinstance(first, CyclingSegment) and isinstance(second, CyclingSegment)
    return is_cycling and first.temperature == second.temperature and second.prompt is None
