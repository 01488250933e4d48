"""Solves a rising function for its argument, for any input: by Newton's method if it converges, else by bisection."""

from __future__ import annotations

from collections.abc import Callable

_STEPS = 200


def solve_rising(function: Callable[[float], tuple[float, float]], least_slope: float, target: float) -> float:
    """Find x where a function equals the target.

    ``function(x)`` gives value and slope; its slope is nowhere below ``least_slope``, which bounds where x can lie.
    """
    offset = target - function(0.0)[0]
    if offset == 0.0:
        return 0.0
    edge = offset / least_slope
    low, high = (edge, 0.0) if edge < 0.0 else (0.0, edge)
    x = edge
    for _ in range(_STEPS):
        value, slope = function(x)
        error = value - target
        if error > 0.0:
            high = x
        else:
            low = x
        following = x - error / slope
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - x) <= 1e-12 * abs(x) or following in (low, high):
            return following
        x = following
    return x
