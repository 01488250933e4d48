"""A half-cycle of a Li/Li cell divided into parts of equal time, which show a dip and its position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import TYPE_CHECKING

from drivers.interfaces import EndReason, Sample
from orchestrator.judging.steps import ExecutedStep
from orchestrator.tables.run_steps import RunStep, joined, parts_together, samples_of
from protocols.program import CyclingSegment, PoweredStep, Program

if TYPE_CHECKING:
    from orchestrator.store import Store
    from orchestrator.tables.run_data import RunData

PARTS = 60
"""Parts of a half-cycle: a minute each for an hour's half-cycle, two records at the shipped recipes' interval."""
# A tenth of the parts may hold no record; they repeat the one before.
_EMPTY = PARTS // 10


@dataclass(frozen=True, slots=True)
class HalfCycle:
    """One constant-current step: mean |V| / |I| over its second half, and over each of its parts.

    ``current_a`` is the set current with its sign. ``parts_ohm`` is empty where samples are missing. ``was_cut``: the
    run was interrupted in it, the cell has relaxed on the way, and its voltage jumps without any fault of the cell.
    """

    cycle: int
    current_a: float
    duration_s: float
    resistance_ohm: float | None
    parts_ohm: tuple[float, ...]
    end_reason: EndReason
    was_cut: bool = False

    @property
    def flatness(self) -> float | None:
        """Return the variation of the voltage inside the half-cycle, relative to its mean; None without parts.

        The first part, in which a tester settles, is left out; the start of plating, where it shows, is not.
        """
        if not self.parts_ohm:
            return None
        later = self.parts_ohm[1:]
        return (max(later) - min(later)) / (sum(later) / len(later))


def half_cycles_of(data: RunData) -> Iterator[HalfCycle]:
    """Return the constant-current half-cycles of a run, in order; the parts of an interrupted one are joined.

    Contact checks and steps that something from outside ended are left out.
    """
    return half_cycles(data.store, data.program, data.steps)


def half_cycles(store: Store, program: Program, steps: Sequence[RunStep]) -> Iterator[HalfCycle]:
    """Return the half-cycles among a run's executed steps; none without the program, which sets their currents."""
    if not program.segments:
        return
    for parts in parts_together(steps):
        place = parts[0].place
        segment = program.segments[place.segment]
        if not isinstance(segment, CyclingSegment) or not place.half_cycle:
            continue
        step = segment.steps[place.step - 1]
        set_a = step.constant_a if isinstance(step, PoweredStep) else None
        if set_a is not None and parts[-1].executed.end_reason is not EndReason.EXTERNAL:
            executed = joined(store, segment, parts)
            half = half_cycle(executed, samples_of(store, parts), set_a)
            yield replace(half, was_cut=len(parts) > 1)


def half_cycle(executed: ExecutedStep, samples: Sequence[Sample], current_a: float) -> HalfCycle:
    """Build a half-cycle from an executed step and its samples, at the current that the program sets."""
    times = [(s.step_time_s, s.voltage_v / current_a) for s in samples if not isnan(s.voltage_v)]
    return HalfCycle(
        cycle=executed.cycle,
        current_a=current_a,
        duration_s=executed.duration_s,
        resistance_ohm=executed.resistance_ohm,
        parts_ohm=parts(times, executed.duration_s),
        end_reason=executed.end_reason,
    )


def parts(points: Sequence[tuple[float, float]], duration_s: float) -> tuple[float, ...]:
    """Return the mean magnitude in each part, from (time in the step, value); empty if too many parts have none."""
    if duration_s <= 0.0:
        return ()
    sums, counts = [0.0] * PARTS, [0] * PARTS
    for time_s, value in points:
        part = min(int(time_s / duration_s * PARTS), PARTS - 1)
        sums[part] += abs(value)
        counts[part] += 1
    if counts.count(0) > _EMPTY:
        return ()
    means: list[float] = []
    for total, count in zip(sums, counts, strict=True):
        means.append(total / count if count else means[-1] if means else abs(points[0][1]))
    return tuple(means)
