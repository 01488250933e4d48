"""The currents at which the halves of each cycle ran: what a cell gives is compared at one current alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.current_sign import Direction

if TYPE_CHECKING:
    from orchestrator.tables.run_data import RunData

SAME_CURRENT = 0.02
"""Part by which the currents of two cycles may differ that are compared."""


@dataclass(frozen=True, slots=True)
class HalfCurrents:
    """The largest mean current of each half of a cycle, signed, in A; None where the half did not run."""

    charge_a: float | None = None
    discharge_a: float | None = None

    def is_like(self, other: HalfCurrents) -> bool:
        """Return whether both halves ran at the currents of another cycle."""
        pairs = ((self.charge_a, other.charge_a), (self.discharge_a, other.discharge_a))
        return all(are_alike(now, then) for now, then in pairs)


def are_alike(now_a: float | None, then_a: float | None) -> bool:
    """Return whether two currents are one that was set; none is like none."""
    return abs((now_a or 0.0) - (then_a or 0.0)) <= SAME_CURRENT * abs(then_a or 0.0)


def half_currents(steps: Iterable[tuple[int, Direction | None, float]]) -> dict[int, HalfCurrents]:
    """Return the currents of each cycle's halves, by its number, from (cycle, direction, mean A) of each step."""
    found: dict[int, HalfCurrents] = {}
    for cycle, direction, current_a in steps:
        known = found.get(cycle, HalfCurrents())
        if direction is Direction.CHARGE:
            found[cycle] = HalfCurrents(max(current_a, known.charge_a or 0.0), known.discharge_a)
        elif direction is Direction.DISCHARGE:
            found[cycle] = HalfCurrents(known.charge_a, min(current_a, known.discharge_a or 0.0))
    return found


def cycle_currents(data: RunData) -> dict[int, HalfCurrents]:
    """Return the currents of each cycle's halves in a stored run, by its number; pulses are left out."""
    steps = []
    for parts in data.whole_steps:
        place = data.cycle_place(parts[0])
        duration_s = sum(part.executed.duration_s for part in parts)
        if place.half and place.pulse is None and duration_s > 0:
            current_a = sum(part.executed.capacity_ah for part in parts) * 3600 / duration_s
            sign = 1 if place.direction is Direction.CHARGE else -1
            steps.append((place.cycle, place.direction, sign * current_a))
    return half_currents(steps)
