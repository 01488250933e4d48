"""Judges whether the rows of a voltage sweep are complete, and restores their times from the scan rate.

A sweep's file has no column of times. In real files (public ones of a CHI920D; reference chi660e, 9.5) the first row is
at the initial voltage, each turning point comes once, and the last row is one sample interval before the final voltage.
The layout of older notes, from one interval behind the initial voltage to the final one, is read as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from drivers.errors import Incomplete, WrongFile

# Voltages are printed with three decimals, or with four figures (reference 9.3).
_PRINTED_V = 1e-3
_FIGURES = 0.5e-3
# Rows from which the distance of two neighbours is taken: more than one, because short numbers round.
_MEASURED_ROWS = 20


def times_s(
    voltage_v: Sequence[float], path_v: Sequence[tuple[float, float]], rate_v_per_s: float, interval_v: float
) -> tuple[float, ...]:
    """Return the time of each row of a sweep since it left its initial voltage, in seconds.

    ``path_v`` holds the begin and the end of each part of the sweep in V, ``interval_v`` the sample interval that was
    ordered; the file may have every n-th row only. Raises Incomplete when a row is missing, WrongFile
    when one is there twice, but for turning points.
    """
    step_v = _step_v(voltage_v, interval_v)
    begins_at_init = _must_begin(voltage_v[0], path_v[0], step_v)
    _must_end(voltage_v[-1], path_v[-1][1], step_v, interval_v, begins_at_init=begins_at_init)
    is_fine = step_v < _PRINTED_V
    hole_v = 1.5 * step_v + _PRINTED_V * is_fine
    hole = next(((a, b) for a, b in pairwise(voltage_v) if abs(b - a) > hole_v), None)
    if hole is not None:
        raise Incomplete(f"the sweep has no row between {hole[0]:g} and {hole[1]:g} V")
    ends_v = [end for _, end in path_v]
    twice = next((a for a, b in pairwise(voltage_v) if a == b and min(abs(a - end) for end in ends_v) > step_v), None)
    if twice is not None and not is_fine:
        raise WrongFile(f"the sweep has the row at {twice:g} V twice")
    travelled_v = math.fsum(abs(end - begin) for begin, end in path_v)
    rows = math.floor(travelled_v / step_v + 1e-6)
    # At a turning point a row may lie beside the grid.
    if len(voltage_v) < rows - len(path_v):
        raise Incomplete(f"the sweep has {len(voltage_v)} rows and {rows} were expected")
    at_v = 0.0 if begins_at_init else step_v
    times = [at_v / rate_v_per_s]
    for before, after in pairwise(voltage_v):
        moved_v = abs(after - before)
        at_v += step_v if abs(moved_v - step_v) <= _PRINTED_V else moved_v
        times.append(at_v / rate_v_per_s)
    return tuple(times)


def _step_v(voltage_v: Sequence[float], interval_v: float) -> float:
    """Return the distance of two rows: a multiple of the interval in a thinned file, more where the program took more.

    It is taken from the first rows in one direction.
    """
    last = 0
    for at in range(1, min(_MEASURED_ROWS, len(voltage_v))):
        if (voltage_v[at] - voltage_v[at - 1]) * (voltage_v[1] - voltage_v[0]) < 0:
            break
        last = at
    if not last:
        return interval_v
    measured = abs(voltage_v[last] - voltage_v[0]) / last / interval_v
    multiple = max(1, round(measured))
    is_exact = interval_v < _PRINTED_V or abs(measured - multiple) < 0.05 * multiple
    return interval_v * (multiple if is_exact else max(1.0, measured))


def _must_begin(first_v: float, part_v: tuple[float, float], step_v: float) -> bool:
    """Return whether the first row is at the initial voltage; Incomplete unless it is there or one step behind it."""
    begin_v, end_v = part_v
    away_v = (first_v - begin_v) * math.copysign(1.0, end_v - begin_v)
    slack_v = max(0.5 * step_v, _rounding_v(begin_v))
    if abs(away_v) <= slack_v:
        return True
    if abs(away_v - step_v) > slack_v:
        raise Incomplete(f"the sweep begins at {first_v:g} V and should begin at {begin_v:g} V")
    return False


def _must_end(last_v: float, final_v: float, step_v: float, interval_v: float, *, begins_at_init: bool) -> None:
    """Raise Incomplete when a row that belongs behind the last one is missing."""
    # From Init E on the last row is within a step of the end; in a thinned file up to n - 1 rows follow it unseen.
    most_v = step_v + 0.5 * _PRINTED_V if begins_at_init else step_v - 0.5 * interval_v
    if abs(last_v - final_v) > max(most_v, _rounding_v(final_v)):
        raise Incomplete(f"the sweep ends at {last_v:g} V and should end at {final_v:g} V")


def _rounding_v(value_v: float) -> float:
    return _FIGURES * 10.0 ** math.floor(math.log10(abs(value_v))) if value_v else 0.0
