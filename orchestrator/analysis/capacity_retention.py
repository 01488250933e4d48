"""What is left of a cell's capacity, against a cycle that is named, and the cycle in which its life ends.

Retention of cycle n is its capacity over that of the reference cycle. It compares what the cell gives at one current:
a cycle at another one (beyond ``SAME_CURRENT``) has none, and neither has one whose half was not ended by the cell's
own voltage, for it gave what was set, or a part of it. The life ends with the first of ``in_a_row`` cycles that have a
retention below ``least``: a single bad one is a bad contact. 0.8 is what most data sheets say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from orchestrator.analysis.cycle_currents import SAME_CURRENT
from orchestrator.analysis.cycle_statistics import CycleRow
from orchestrator.judging.cycles import COMPLETE_ENDS
from protocols.current_sign import Direction

END_OF_LIFE = 0.8
IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class RetainedCapacity:
    """One cycle's capacity in Ah and its part of the reference's; ``remark`` says why there is none."""

    cycle: int
    capacity_ah: float | None
    retention: float | None
    remark: str


@dataclass(frozen=True, slots=True)
class Retention:
    """The retention of all cycles of a run against cycle ``reference``.

    ``end_of_life_cycle`` is None as long as the life goes on; ``remark`` says why nothing can be told.
    """

    reference: int
    least: float
    cycles: tuple[RetainedCapacity, ...]
    end_of_life_cycle: int | None
    remark: str = ""


def retention(
    cycles: Sequence[CycleRow],
    reference: int,
    *,
    currents_a: Mapping[int, float] | None = None,
    half: Direction = Direction.DISCHARGE,
    least: float = END_OF_LIFE,
    in_a_row: int = IN_A_ROW,
) -> Retention:
    """Compare the capacities of a half of each cycle with that of cycle ``reference``.

    ``currents_a`` has the current of each cycle's half, by its number (``half_currents``); without it all cycles count
    as run at one current. Raises ValueError for a bound that is no part, or for no cycle in a row.
    """
    if not 0.0 < least < 1.0 or in_a_row < 1:
        raise ValueError(
            f"the end of life at {least:g} of the capacity, {in_a_row} in a row: say a part, and 1 or more"
        )
    at = next((row for row in cycles if row.cycle == reference), None)
    if at is None:
        return Retention(reference, least, (), None, f"the run has no cycle {reference}")
    whole = _capacity(at, half)
    if isinstance(whole, str):
        return Retention(reference, least, (), None, f"cycle {reference} is no reference: {whole}")
    currents = dict(currents_a or {})
    found = [_retained(row, half, whole, currents.get(row.cycle), currents.get(reference)) for row in cycles]
    return Retention(reference, least, tuple(found), _end(found, reference, least, in_a_row))


def _capacity(row: CycleRow, half: Direction) -> float | str:
    """Return the capacity of a half that the cell itself ended, or why it has none."""
    capacity_ah = getattr(row, f"{half}_capacity_ah")
    end = getattr(row, f"{half}_end_reason")
    if capacity_ah is None or not isfinite(capacity_ah):
        return f"it has no {half}"
    if end not in COMPLETE_ENDS:
        return f"its {half} was not ended by the cell's voltage ({end})"
    return float(capacity_ah) if capacity_ah > 0 else f"its {half} passed nothing"


def _retained(
    row: CycleRow, half: Direction, whole_ah: float, current_a: float | None, reference_a: float | None
) -> RetainedCapacity:
    capacity = _capacity(row, half)
    if isinstance(capacity, str):
        return RetainedCapacity(row.cycle, None, None, capacity)
    if current_a and reference_a and abs(current_a / reference_a - 1) > SAME_CURRENT:
        remark = f"its current is {abs(current_a) * 1e3:.4g} mA, that of the reference {abs(reference_a) * 1e3:.4g} mA"
        return RetainedCapacity(row.cycle, capacity, None, remark)
    return RetainedCapacity(row.cycle, capacity, capacity / whole_ah, "")


def _end(rows: Sequence[RetainedCapacity], reference: int, least: float, in_a_row: int) -> int | None:
    below: list[int] = []
    for row in rows:
        if row.retention is None or row.cycle <= reference:
            continue
        below = [*below, row.cycle] if row.retention < least else []
        if len(below) == in_a_row:
            return below[0]
    return None
