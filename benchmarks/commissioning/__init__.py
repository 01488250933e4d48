"""Whether a commissioning finds every open point, and keeps to its current: all points drawn at once, many times.

``python -m benchmarks commissioning`` prints for each kind how many combinations of its switches were tried of how many
that there are (a set in which every pair of values occurs, and random ones), how many things were not found, written
wrong or left on (there must be none), and the largest current of any terminal beside the one announced; of an oven, how
hot its air was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from time import process_time

from benchmarks.commissioning import meters, ovens, potentiostats, relays, testers
from benchmarks.commissioning.draws import Flips, Switches, count_of, drawn, each_value, pairwise
from benchmarks.commissioning.resistor import MOST_A
from benchmarks.figures import Aim, Figure, Size
from orchestrator.clock.virtual import run_virtual

_NONE = Aim(0.0, at_most=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of instrument: its switches, what commissions one, and how many random ones beside the cover.

    ``missed`` returns what was not found, and the most of ``what`` there was; ``announced`` is the most that there may
    be, ``within`` a part of it that is the instrument's own.
    """

    switches: Switches
    missed: Callable[[Flips], Awaitable[tuple[list[str], float]]]
    full: int
    quick: int
    what: str = "largest current"
    announced: float = MOST_A
    within: float = 1.0

    def sampled(self, size: Size) -> list[Flips]:
        """Return the combinations that are tried."""
        if size is Size.SMOKE:
            return each_value(self.switches)[:1]
        random = Random(16)
        return [
            *pairwise(self.switches),
            *(drawn(self.switches, random) for _ in range(size.of(self.full, self.quick, 0))),
        ]


KINDS: Mapping[str, Kind] = {
    "CT-4008": Kind(testers.SWITCHES, testers.missed, 400, 20),
    "CHI660E": Kind(potentiostats.SWITCHES, potentiostats.missed, 60, 0),
    "switch": Kind(relays.SWITCHES, relays.missed, 40, 0),
    "source meter": Kind(meters.SWITCHES, meters.missed, 400, 20, within=meters.SET_WITHIN),
    "oven": Kind(ovens.SWITCHES, ovens.missed, 400, 20, "hottest air", ovens.WARMEST_DEGC),
}


def measure(size: Size) -> list[Figure]:
    """Commission instruments that differ in every open point."""
    return [figure for name, kind in KINDS.items() for figure in _measured(name, kind, size)]


def _measured(name: str, kind: Kind, size: Size) -> list[Figure]:
    tried, what = kind.sampled(size), f"{kind.what} by that announced"
    began_s, missed, most = process_time(), 0, 0.0
    for flips in tried:
        wrong, seen = run_virtual(_awaited(kind, flips))
        for sentence in wrong:
            print(f"{name}: {sentence}: {flips}")
        missed += len(wrong)
        most = max(most, seen)
    return [
        Figure(f"{name}: combinations of its switches", float(count_of(kind.switches)), ""),
        Figure(f"{name}: combinations tried", float(len(tried)), ""),
        Figure(f"{name}: points not found, written wrong or left on", float(missed), "points", _NONE),
        Figure(f"{name}: {what}", most / kind.announced, "x", Aim(kind.within, at_most=True)),
        Figure(f"{name}: a commissioning", (process_time() - began_s) / len(tried), "s of CPU"),
    ]


async def _awaited(kind: Kind, flips: Flips) -> tuple[list[str], float]:
    return await kind.missed(flips)
