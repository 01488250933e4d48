"""Whether a commissioning finds every open point, and keeps to its current: all points drawn at once, many times.

``python -m benchmarks commissioning`` prints for each kind how many combinations of its switches were tried of how many
that there are (a set in which every pair of values occurs, and random ones), how many things were not found, written
wrong or left on (there must be none), and the largest current of any terminal beside the one announced.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from time import process_time

from benchmarks.commissioning import potentiostats, relays, testers
from benchmarks.commissioning.draws import Flips, Switches, count_of, drawn, each_value, pairwise
from benchmarks.commissioning.resistor import MOST_A
from benchmarks.figures import Aim, Figure, Size
from orchestrator.clock.virtual import run_virtual

_NONE = Aim(0.0, at_most=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of instrument: its switches, what commissions one, and how many random ones beside the cover."""

    switches: Switches
    missed: Callable[[Flips], Awaitable[tuple[list[str], float]]]
    full: int
    quick: int

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
}


def measure(size: Size) -> list[Figure]:
    """Commission instruments that differ in every open point."""
    return [figure for name, kind in KINDS.items() for figure in _measured(name, kind, size)]


def _measured(name: str, kind: Kind, size: Size) -> list[Figure]:
    tried = kind.sampled(size)
    began_s, missed, most_a = process_time(), 0, 0.0
    for flips in tried:
        wrong, flowed_a = run_virtual(_awaited(kind, flips))
        for sentence in wrong:
            print(f"{name}: {sentence}: {flips}")
        missed += len(wrong)
        most_a = max(most_a, flowed_a)
    return [
        Figure(f"{name}: combinations of its switches", float(count_of(kind.switches)), ""),
        Figure(f"{name}: combinations tried", float(len(tried)), ""),
        Figure(f"{name}: points not found, written wrong or left on", float(missed), "points", _NONE),
        Figure(f"{name}: largest current by that announced", most_a / MOST_A, "x", Aim(1.0, at_most=True)),
        Figure(f"{name}: a commissioning", (process_time() - began_s) / len(tried), "s of CPU"),
    ]


async def _awaited(kind: Kind, flips: Flips) -> tuple[list[str], float]:
    return await kind.missed(flips)
