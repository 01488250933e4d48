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


def solve_between(function: Callable[[float], float], one: float, other: float, within: float = 0.0) -> float:
    """Find the root of a rising function between two arguments: regula falsi (Illinois), with halvings against a stall.

    It is exact to rounding, or ``within`` a distance.
    """
    low, high = min(one, other), max(one, other)
    low_value, high_value = function(low), function(high)
    if low_value >= 0.0 or high_value <= 0.0:
        return low if low_value >= 0.0 else high
    side = 0
    for turn in range(_STEPS):
        x = (low * high_value - high * low_value) / (high_value - low_value)
        if turn % 4 == 3 or not low < x < high:
            x = 0.5 * (low + high)
        if not low < x < high or high - low <= max(within, 1e-14 * max(abs(low), abs(high))):
            return x
        value = function(x)
        if value == 0.0 or abs(value) <= within:
            return x
        if value > 0.0:
            high, high_value = x, value
            low_value *= 0.5 if side > 0 else 1.0
            side = 1
        else:
            low, low_value = x, value
            high_value *= 0.5 if side < 0 else 1.0
            side = -1
    return 0.5 * (low + high)
