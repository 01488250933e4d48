"""Least squares: the straight line through records of a step, in the form in which it is compared with the next one.

There is one function for any number of points and one for six, which is called for every record of every Li/Li cell.
They sum in the same order and agree to the last bit, but for the sign of a zero.
"""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


# The number of points whose sums are written out below.
_SIX = 6.0


def straight_line(points: Sequence[Point]) -> tuple[float, float, float]:
    """Return mean time in s, mean resistance in ohm and slope in ohm/s; at least two times must differ."""
    mean_t = mean_r = 0.0
    for at, r in points:
        mean_t += at
        mean_r += r
    count = len(points)
    mean_t /= count
    mean_r /= count
    over = under = 0.0
    for at, r in points:
        d = at - mean_t
        over += d * (r - mean_r)
        under += d * d
    return mean_t, mean_r, over / under


def line_of_six(a: Point, b: Point, c: Point, d: Point, e: Point, f: Point) -> tuple[float, float, float]:
    """Return what ``straight_line`` returns of six points, in half the time."""
    (at, ar), (bt, br), (ct, cr), (dt, dr), (et, er), (ft, fr) = a, b, c, d, e, f
    mean_t = (at + bt + ct + dt + et + ft) / _SIX
    mean_r = (ar + br + cr + dr + er + fr) / _SIX
    at -= mean_t
    bt -= mean_t
    ct -= mean_t
    dt -= mean_t
    et -= mean_t
    ft -= mean_t
    over = (
        at * (ar - mean_r)
        + bt * (br - mean_r)
        + ct * (cr - mean_r)
        + dt * (dr - mean_r)
        + et * (er - mean_r)
        + ft * (fr - mean_r)
    )
    return mean_t, mean_r, over / (at * at + bt * bt + ct * ct + dt * dt + et * et + ft * ft)
