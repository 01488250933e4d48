"""Whether commissionings of source meters and ovens find every open point, and keep to what they have announced.

``python -m benchmarks commissioning-points`` draws all points at once, many times, and prints how many were not found
(there must be none), the largest current and the highest set point beside those announced, and how often an output was
on, or another set point than the safe one was left, behind a commissioning (never).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from random import Random
from time import process_time
from typing import Any

from benchmarks.figures import Aim, Figure, Size
from orchestrator.clock.virtual import run_virtual
from tests import commissioning_oven_rig as ovens
from tests import commissioning_smu_rig as meters
from tests.commissioning_rig import MOST_A

_INSTRUMENTS, _QUICK_INSTRUMENTS, _SMOKE_INSTRUMENTS = 400, 40, 1
_NONE = Aim(0.0, at_most=True)
# A unit's own error of setting; the orders themselves are never above.
_SET_WITHIN = 1.002


def measure(size: Size) -> list[Figure]:
    """Commission source meters and ovens that differ in every open point."""
    count = size.of(_INSTRUMENTS, _QUICK_INSTRUMENTS, _SMOKE_INSTRUMENTS)
    logging.disable(logging.ERROR)
    try:
        return [*_of_meters(count), *_of_ovens(count)]
    finally:
        logging.disable(logging.NOTSET)


def _of_meters(count: int) -> list[Figure]:
    missed = points = left_on = 0
    most_a = 0.0
    began_s = process_time()
    for seed in range(count):
        drawn = _drawn(meters.POINTS, seed)
        wrong, there = run_virtual(_meter(drawn))
        missed += wrong
        points += len(meters.expected_facts(drawn)) + len(meters.expected_settings(drawn))
        most_a = max(most_a, there.resistor.most_a)
        left_on += there.output_on
    return [
        Figure("source meters: open points asked", float(points), "points"),
        Figure("source meters: open points not found", float(missed), "points", _NONE),
        Figure(
            "source meters: largest current by that announced", most_a / MOST_A, "x", Aim(_SET_WITHIN, at_most=True)
        ),
        Figure("source meters: outputs left on", float(left_on), "outputs", _NONE),
        Figure("source meters: a commissioning", (process_time() - began_s) / count, "s of CPU"),
    ]


def _of_ovens(count: int) -> list[Figure]:
    missed = points = not_safe = 0
    ordered_degc = hottest_degc = -273.15
    began_s = process_time()
    for seed in range(count):
        drawn = _drawn(ovens.POINTS, seed)
        wrong, there = run_virtual(_oven(drawn))
        missed += wrong
        points += len(ovens.expected_facts(drawn)) + len(ovens.expected_settings(drawn))
        ordered_degc = max(ordered_degc, there.oven.highest_order_degc)
        hottest_degc = max(hottest_degc, there.oven.hottest_degc)
        not_safe += there.oven.target_degc != ovens.SAFE_DEGC
    stated = Aim(ovens.WARMEST_DEGC, at_most=True)
    return [
        Figure("ovens: open points asked", float(points), "points"),
        Figure("ovens: open points not found", float(missed), "points", _NONE),
        Figure("ovens: highest set point that was ordered", ordered_degc, "degC", stated),
        Figure("ovens: hottest air", hottest_degc, "degC", stated),
        Figure("ovens: left with another set point than the safe one", float(not_safe), "ovens", _NONE),
        Figure("ovens: a commissioning", (process_time() - began_s) / count, "s of CPU"),
    ]


def _drawn(points: Mapping[str, Sequence[Any]], seed: int) -> dict[str, Any]:
    random = Random(seed)
    return {name: random.choice(values) for name, values in points.items()}


async def _meter(drawn: Mapping[str, Any]) -> tuple[int, meters.MeterAtHand]:
    there = meters.MeterAtHand(drawn)
    return len(meters.missed(drawn, await there.commissioned())), there


async def _oven(drawn: Mapping[str, Any]) -> tuple[int, ovens.OvenAtHand]:
    there = ovens.OvenAtHand(drawn)
    return len(ovens.missed(drawn, await there.commissioned())), there
