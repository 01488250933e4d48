"""Why steps ended and which half-cycle each belongs to, read off the steps alone: for tables without their program.

A run in a store knows both from its program (``orchestrator.tables.run_data``), and nothing here is asked then. A
file has the records only. What they cannot tell stays ``EXTERNAL``, so that no efficiency is made of it. Who knows
better gives the ends himself.

The first that fits:

- TIME: it took a whole number of minutes, and so did half of the executions of the program's step, or it was executed
  once.
- CURRENT: a held voltage, or a step whose current fell to less than ``TAPERED`` of its mean.
- VOLTAGE: its last record is the highest of a charge, the lowest of a discharge, by ``MOVED_V`` beyond the mean, and
  is a voltage that people set, a multiple of 50 mV, or below 50 mV of 5 mV; if the step was executed more than once,
  half of the executions ended there. A slow tester looks too late: a voltage may lie beyond the cutoff by
  ``AT_CUTOFF_V`` and what it moved between the last two records, at most ``MOST_OVERSHOOT_V``.
- TIME: half of its executions, two at least, took equally long, a whole number of seconds.
- VOLTAGE: half of its executions, two at least, ended at one highest or lowest voltage.
- CAPACITY: half of its executions, two at least, passed the same charge, within ``SAME_CHARGE``.

Half-cycles and pulses are those of ``protocols.half_cycles``, with what a step passed in the place of what it might
pass: a step that takes at most ``PULSE_S`` and passes at most ``PULSE_PART`` of the largest charge of any step is a
pulse beside the half-cycle. Cycles are those of the table. If one of them holds two half-cycles in one direction, as
where a tester's counter stands still, all are numbered anew: cycle n is the n-th pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.interfaces import EndReason
from orchestrator.analysis.sample_blocks import LOADS, TAPERS
from orchestrator.analysis.step_statistics import StepRow, with_charge
from protocols.half_cycles import PULSE_PART, PULSE_S, CyclePlace

AT_CUTOFF_V = 0.002
"""How far from its cutoff a step's last record may lie: a tester looks every 0.1 s, and rounds to 0.1 mV."""
MOST_OVERSHOOT_V = 0.01
"""A voltage that moved farther in one interval tells no cutoff."""
MOVED_V = 0.02
"""Least difference of the last voltage from the mean of a step that a cutoff ended: plateaus end by what is set."""
SAME_CHARGE = 2e-4
"""Part within which two charges are the same that was set: a look of 0.1 s in ten minutes."""
TAPERED = 0.9
"""Part of its mean current below which the last record of a step lies that holds a voltage."""
# Testers end a step at a tenth of a second, and a time that is set is whole.
_SAME_S = 0.06
_VOLTAGE_STEP_V, _LOW_STEP_V = 0.05, 0.005


def inferred_ends(rows: Sequence[StepRow]) -> dict[int, EndReason]:
    """Return why each step that passed charge ended, by its ``step_count``, as far as the steps tell it."""
    charged = with_charge(rows)
    groups: dict[tuple[int, bool], list[StepRow]] = {}
    for row in charged:
        groups.setdefault((row.step, row.charge_ah > 0), []).append(row)
    found = {}
    for row in charged:
        alike = groups[row.step, row.charge_ah > 0]
        end = _end(row, alike)
        if end is EndReason.EXTERNAL and row is not charged[-1]:
            # The last step may still run, or was cut: the others are not held against it.
            end = _end(row, [one for one in alike if one is not charged[-1]])
        found[row.step_count] = end
    return found


def _end(row: StepRow, alike: Sequence[StepRow]) -> EndReason:
    """Return the first reason that fits, from the surest on."""
    is_usual_time = len(alike) == 1 or _is_usual(
        row, alike, lambda one: abs(one.duration_s - row.duration_s) <= _SAME_S
    )
    if is_usual_time and _is_whole(row.duration_s, 60.0):
        return EndReason.TIME
    mode = row.mode.lower()
    # Under a constant power or resistance the current falls with the voltage, and ends nothing.
    is_low = not mode.startswith(LOADS) and abs(row.last_current_a) < TAPERED * abs(row.mean_current_a)
    if mode.startswith(TAPERS) or is_low:
        return EndReason.CURRENT
    extreme_v = row.highest_v if row.charge_ah > 0 else row.lowest_v
    within_v = _overshoot_v(row)
    is_extreme = abs(row.last_voltage_v - extreme_v) <= AT_CUTOFF_V and _moved_v(row) >= MOVED_V
    is_usual_voltage = is_extreme and _is_usual(
        row, alike, lambda one: abs(one.last_voltage_v - row.last_voltage_v) <= max(within_v, _overshoot_v(one))
    )
    if is_extreme and _is_set(row.last_voltage_v, within_v) and (len(alike) == 1 or is_usual_voltage):
        return EndReason.VOLTAGE
    if len(alike) > 1 and is_usual_time and _is_whole(row.duration_s, 1.0):
        return EndReason.TIME
    if is_usual_voltage:
        return EndReason.VOLTAGE
    if _is_usual(row, alike, lambda one: abs(one.capacity_ah - row.capacity_ah) <= SAME_CHARGE * row.capacity_ah):
        return EndReason.CAPACITY
    return EndReason.EXTERNAL


def _moved_v(row: StepRow) -> float:
    return 0.0 if row.mean_voltage_v is None else abs(row.last_voltage_v - row.mean_voltage_v)


def _overshoot_v(row: StepRow) -> float:
    """Return by how much the last record may lie beyond the cutoff: by what the voltage moves from look to look."""
    return min(AT_CUTOFF_V + row.last_change_v, MOST_OVERSHOOT_V)


def _is_set(voltage_v: float, within_v: float) -> bool:
    """Return whether people set such a voltage as a cutoff: multiples of 50 mV, close to lithium's of 5 mV."""
    if abs(voltage_v) < _VOLTAGE_STEP_V and _is_whole(voltage_v, _LOW_STEP_V, _LOW_STEP_V / 5):
        return True
    return _is_whole(voltage_v, _VOLTAGE_STEP_V, within_v)


def _is_whole(value: float, of: float, within: float = _SAME_S) -> bool:
    """Return whether a value is a multiple, not zero times."""
    nearest = round(value / of) * of
    return abs(value - nearest) <= within and abs(nearest) >= of


def _is_usual(row: StepRow, alike: Sequence[StepRow], same: Callable[[StepRow], bool]) -> bool:
    """Return whether half of the executions of a step, two at least, are the same as this one."""
    count = sum(map(same, alike))
    return count >= 2 and 2 * count >= len(alike)


def inferred_places(rows: Sequence[StepRow]) -> list[CyclePlace]:
    """Return the place of each step among the half-cycles of its run, with the cycle numbers that the rows bear."""
    charged = with_charge(rows)
    largest_ah = max((row.capacity_ah for row in charged), default=0.0)
    powered = {row.step_count for row in charged}
    makes = [
        row.direction
        if row.step_count in powered and (row.duration_s > PULSE_S or row.capacity_ah > PULSE_PART * largest_ah)
        else None
        for row in rows
    ]
    found: list[CyclePlace] = []
    half, way, cycle = 0, None, 0
    for row, direction in zip(rows, makes, strict=True):
        if direction is not None:
            half += direction is not way or row.cycle != cycle
            way, cycle = direction, row.cycle
            found.append(CyclePlace(row.cycle, half, direction))
        elif row.step_count in powered and half:
            found.append(CyclePlace(cycle, half, way, pulse=row.direction))
        else:
            found.append(CyclePlace(row.cycle))
    return found if _are_pairs(found) else _paired(found)


def _are_pairs(places: Sequence[CyclePlace]) -> bool:
    """Return whether no cycle holds two half-cycles of one direction."""
    halves = {(place.cycle, place.half): place.direction for place in places if place.half}
    ways = [(cycle, way) for (cycle, _), way in halves.items()]
    return len(ways) == len(set(ways))


def _paired(places: Sequence[CyclePlace]) -> list[CyclePlace]:
    """Return the places with half-cycles and cycles numbered by the changes of direction alone."""
    found, half, way = list[CyclePlace](), 0, None
    for place in places:
        if place.half and place.pulse is None:
            half, way = half + (place.direction is not way), place.direction
        number = half if place.half else 0
        found.append(place._replace(cycle=(half + 1) // 2, half=number))
    return found
