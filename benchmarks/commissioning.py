"""Whether a commissioning finds every open point, and keeps to its current: all points drawn at once, many times.

``python -m benchmarks commissioning`` prints how many points of how many testers were not found (there must be none),
and the largest current by the resistor's own log beside the one announced.
"""

from __future__ import annotations

from random import Random
from time import process_time

from benchmarks.figures import Aim, Figure, Size
from orchestrator.clock.virtual import run_virtual, wall_time
from orchestrator.commissioning.ct4008 import QUESTIONS
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from tests.commissioning_rig import (
    CHANNEL,
    MOST_A,
    OHM,
    Operator,
    expected_of,
    open_commissioning,
    quirks_drawn,
)

_TESTERS, _QUICK_TESTERS, _SMOKE_TESTERS = 400, 40, 1
_NONE = Aim(0.0, at_most=True)
# Records are made once a second, and a stop is looked for as often.
_WITHIN_S = 1.2


def measure(size: Size) -> list[Figure]:
    """Commission testers that differ in every open point."""
    count = size.of(_TESTERS, _QUICK_TESTERS, _SMOKE_TESTERS)
    missed = points = 0
    most_a = 0.0
    began_s = process_time()
    for seed in range(count):
        of_one, asked, flowed_a = run_virtual(_one(seed))
        missed += of_one
        points += asked
        most_a = max(most_a, flowed_a)
    return [
        Figure("CT-4008: open points asked", float(points), "points"),
        Figure("CT-4008: open points not found", float(missed), "points", _NONE),
        Figure("CT-4008: largest current by that announced", most_a / MOST_A, "x", Aim(1.0, at_most=True)),
        Figure("CT-4008: a commissioning", (process_time() - began_s) / count, "s of CPU"),
    ]


async def _one(seed: int) -> tuple[int, int, float]:
    """Commission one tester; return the points not found, all points, and the largest current of the resistor."""
    drawn = quirks_drawn(Random(seed))
    async with open_commissioning(quirks=drawn.quirks, negative=drawn.negative) as rig:
        progress = Progress(None, Setup("ct4008", "ct4008", CHANNEL, OHM, MOST_A))
        await commission(QUESTIONS, rig.hands, Operator(), progress, wall_time)
    facts = progress.facts()
    wrong = [name for name, value in expected_of(drawn).items() if facts.get(name) != value]
    times = dict(zip(("stop_delay_s", "record_lag_s"), drawn.times_s, strict=True))
    wrong += [name for name, value in times.items() if abs(float(facts.get(name, -9.0)) - value) > _WITHIN_S]
    return len(wrong), len(expected_of(drawn)) + len(times), rig.resistor.most_a
