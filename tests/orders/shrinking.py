"""Finds few orders of a shift that break an invariant too: others are left out, half of them, a quarter, one.

Those of channels that the broken invariant does not name are left out first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from tests.orders.plan import Order
from tests.orders.shift import Outcome, play

LONGEST_S = 120.0


def shrunk(orders: Sequence[Order], longest_s: float = LONGEST_S) -> tuple[list[Order], Outcome]:
    """Leave out what the break does not need, for so many seconds; gives what is left, and what came of it."""
    until_s = time.monotonic() + longest_s
    left = list(orders)
    outcome = play(left)
    there = [order for order in left if order.channel in outcome.broken]
    if there and (tried := play(without_all_but(left, there))).broken:
        left, outcome = without_all_but(left, there), tried
    size = max(1, len(left) // 2)
    while outcome.broken and time.monotonic() < until_s:
        begin = 0
        while begin < len(left) and time.monotonic() < until_s:
            fewer = without(left, begin, begin + size)
            tried = play(fewer) if fewer else Outcome()
            if tried.broken:
                left, outcome = fewer, tried
            else:
                begin += size
        if size == 1:
            break
        size //= 2
    return left, outcome


def without(orders: Sequence[Order], begin: int, end: int) -> list[Order]:
    """Leave some orders out; those behind them come as late as before."""
    return without_all_but(orders, [*orders[:begin], *orders[end:]])


def without_all_but(orders: Sequence[Order], kept: Sequence[Order]) -> list[Order]:
    """Leave out all but some orders, which come as late as before."""
    left, late_s = [], 0.0
    for order in orders:
        late_s += order.after_s
        if order in kept:
            left.append(replace(order, after_s=late_s))
            late_s = 0.0
    return left
