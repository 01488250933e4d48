"""Takes a cell through many intervals of one current in a row, for a tester at whose terminals nothing else happens.

A cell whose longest interval never changes may have a method ``walk`` of its own, which does as ``walk_by_intervals``
does, to the last bit, and is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulators.cells.model import CellModel

Walked = tuple[list[float], tuple[float, ...] | None]
"""Voltages in V, and the state before the last of them where that one is not between the bounds."""

Walk = Callable[[Sequence[float], float, float, float], Walked]
"""Durations in s, a current in A, and the bounds in V."""


def walk_by_intervals(
    cell: CellModel, durations_s: Sequence[float], current_a: float, low_v: float, high_v: float
) -> Walked:
    """Advance a cell by intervals at a constant current; return the terminal voltage at the end of each.

    The walk ends behind the first interval whose voltage is not between the bounds: its voltage is the last one, and
    the state before it is returned, so that the crossing can be searched. Without such an interval that is None.
    """
    voltages_v: list[float] = []
    for duration_s in durations_s:
        before = cell.snapshot()
        cell.advance(duration_s, current_a)
        voltage_v = cell.voltage_v(current_a)
        voltages_v.append(voltage_v)
        if not low_v < voltage_v < high_v:
            return voltages_v, before
    return voltages_v, None
