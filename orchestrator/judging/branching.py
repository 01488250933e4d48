"""Judges the branches of a segment by what was measured: which one holds, and where the run goes on.

Pure: the same values give the same decision, in the process that measured them and in any later one.

>>> from protocols.branches import Branch, Measure
>>> seen = Seen(capacities_ah={1: 1.0e-4, 2: 0.99e-4, 3: 1.0e-4, 90: 0.78e-4})
>>> judged = judge((Branch(Measure.CAPACITY_FRACTION, to=7, below=0.8, of_cycle=3),), seen)
>>> judged.held.to, judged.words
(7, 'capacity 78 %, below 80 % of cycle 3')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from protocols.branches import Branch, Measure, StepEnd


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured up to the end of a segment; None where nothing tells a value.

    ``capacities_ah`` are those of whole cycles, by their numbers: the newest, and those that fractions ask for.
    ``times_s`` and ``cycles`` count from the begin of the segment that is their key. ``end``: why the last step ended.
    """

    capacities_ah: Mapping[int, float | None] = field(default_factory=dict)
    efficiency: float | None = None
    resistance_ohm: float | None = None
    voltage_v: float | None = None
    drift_v_per_h: float | None = None
    times_s: Mapping[int, float] = field(default_factory=dict)
    cycles: Mapping[int, int] = field(default_factory=dict)
    end: StepEnd | None = None
    is_shorted: bool = False

    @property
    def newest_ah(self) -> float | None:
        """The capacity of the newest whole cycle."""
        return self.capacities_ah[max(self.capacities_ah)] if self.capacities_ah else None


@dataclass(frozen=True, slots=True)
class Judged:
    """The branch that holds, None without one, with the value and words for it, and the branches that are unknown."""

    held: Branch | None
    value: float | None = None
    words: str = ""
    unknown: tuple[Branch, ...] = ()


def judge(branches: Sequence[Branch], seen: Seen) -> Judged:
    """Judge branches in their order; the first that holds decides. One whose value is not known does not hold."""
    unknown: list[Branch] = []
    for branch in branches:
        if branch.measure is Measure.SHORT:
            if seen.is_shorted:
                return Judged(branch, words=branch.told, unknown=tuple(unknown))
            continue
        if branch.measure is Measure.END_REASON:
            if branch.reason is seen.end:
                return Judged(branch, words=branch.told, unknown=tuple(unknown))
            continue
        value = _value(branch, seen)
        if value is None or not isfinite(value):
            unknown.append(branch)
        elif _holds(branch, value):
            return Judged(branch, value, branch.held_told(value), tuple(unknown))
    return Judged(None, unknown=tuple(unknown))


def _holds(branch: Branch, value: float) -> bool:
    if branch.below is not None:
        return value < branch.below
    return branch.above is not None and value >= branch.above


def _value(branch: Branch, seen: Seen) -> float | None:
    drift = seen.drift_v_per_h
    values: dict[Measure, float | None] = {
        Measure.CAPACITY: seen.newest_ah,
        Measure.CAPACITY_FRACTION: _fraction(branch, seen),
        Measure.COULOMBIC_EFFICIENCY: seen.efficiency,
        Measure.RESISTANCE: seen.resistance_ohm,
        Measure.VOLTAGE: seen.voltage_v,
        Measure.TIME: seen.times_s.get(branch.since),
        Measure.CYCLES: seen.cycles.get(branch.since),
        Measure.REST_DRIFT: None if drift is None else abs(drift),
    }
    return values[branch.measure]


def _fraction(branch: Branch, seen: Seen) -> float | None:
    """Return the newest capacity as a part of that of a cycle; None before that cycle is whole, or where it is none."""
    whole = None if branch.of_cycle is None else seen.capacities_ah.get(branch.of_cycle)
    newest = seen.newest_ah
    return newest / whole if newest is not None and whole and isfinite(whole) and whole > 0 else None
