"""How well limits hold and trouble is seen: every limit crossed in every way, and healthy cells of all kinds.

``python -m benchmarks limits`` prints the trips that are missed (there must be none), the trips and marks of trouble
that healthy cells get in 1,000 simulated hours, by kind, and how much of each trouble is seen by its size. Records are
those of the simulated CT-4008, judged by a run's limits and guards; service, wire and store take no part.
``--seed NAME`` draws another population.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.figures import Aim, Figure, Size
from benchmarks.limits.crossings import at_tester, crossings
from benchmarks.limits.recording import OTHERS, SHIPPED, Recorded, healthy, record
from benchmarks.limits.spoiling import SIZES, TOLD, seen
from orchestrator.judging.limits import Action, Finding

__all__ = ["SEED", "measure"]

SEED = "limits"
# Cells of each recipe and kind of test; of shipped recipes that many of each, bare and coated in turn.
_CELLS, _QUICK_CELLS = 6, 1
# Each kind of cell is tested for so long at least: nothing seen in 1,000 h is less than three in 1,000 h (95 %), in
# 3,000 h less than one.
_LEAST_H, _QUICK_LEAST_H = 3000.0, 1000.0
_CONFIDENCE = 0.95
# Tests whose limits are crossed, and that are spoiled.
_SPOILED = ("li-li-0.4", "lfp-200mA-g", "li-cu-efficiency", "taper", "cell of unknown kind")
_NONE = Aim(0.0, at_most=True)


@dataclass(slots=True)
class Healthy:
    """What was found in healthy cells of one kind: their hours, trips and other ends, marks of trouble, and recipes."""

    hours: float = 0.0
    ends: list[Finding] = field(default_factory=list)
    marks: Counter[str] = field(default_factory=Counter)
    recipes: dict[str, None] = field(default_factory=dict)

    def at_most(self, count: int) -> float:
        """Return the rate in 1,000 h that explains so many or fewer with a chance of 5 % (Poisson)."""
        from scipy.stats import gamma  # type: ignore[import-untyped]  # scipy has no types

        return float(gamma.ppf(_CONFIDENCE, count + 1)) / self.hours * 1000

    def add(self, recorded: Recorded, found: Sequence[Finding]) -> None:
        """Add a cell."""
        self.hours += recorded.hours
        self.recipes[recorded.test.kind] = None
        self.ends += [finding for finding in found if finding.action is not Action.MARK]
        self.marks.update(finding.kind for finding in found if finding.kind in TOLD)


def measure(size: Size, seed: str = SEED) -> list[Figure]:
    """Cross every limit, judge healthy cells, and spoil some."""
    kinds: dict[str, Healthy] = defaultdict(Healthy)
    crossed = _Crossed()
    shares: dict[tuple[str, float], list[bool]] = defaultdict(list)
    recipes = size.of((*SHIPPED, *OTHERS), (*SHIPPED, *OTHERS), ("li-cu-reservoir",))
    for recipe in recipes:
        for number in range(size.of(_CELLS, _QUICK_CELLS, 1)):
            test = healthy(seed, number, recipe)
            recorded, found = record(test, number)
            kinds[test.cell.file.kind.value].add(recorded, found)
            draws = random.Random(f"{seed}/crossed/{recipe}/{number}")
            for crossing, trips in crossings(recorded, draws):
                crossed.add(str(crossing), must=crossing.must_trip, trips=trips)
            if number == 0 or size is Size.FULL:
                for name, ends in itertools.islice(at_tester(test, number, draws), size.of(None, None, 2)):
                    crossed.add(name, must=True, trips=ends)
            if recipe in _SPOILED and size is not Size.SMOKE:
                for name, much, is_told in seen(recorded, draws):
                    shares[name, much].append(is_told)
    for cells in kinds.values():
        _go_on(cells, seed, size.of(_LEAST_H, _QUICK_LEAST_H, 0.0))
    return [*crossed.figures(), *_healthy_figures(kinds), *_seen_figures(shares)]


def _go_on(cells: Healthy, seed: str, least_h: float) -> None:
    """Judge further healthy cells of a kind, a recipe after the other, until it has been tested for long enough."""
    for number in itertools.count(_CELLS):
        for recipe in tuple(cells.recipes):
            if cells.hours >= least_h:
                return
            cells.add(*record(healthy(seed, number, recipe), number))


class _Crossed:
    """Crossings, by whether they had to trip, and did."""

    def __init__(self) -> None:
        self.count = 0
        self.missed: Counter[str] = Counter()
        self.alone: Counter[str] = Counter()
        self.spikes = 0

    def add(self, name: str, *, must: bool, trips: bool) -> None:
        """Count one crossing."""
        self.count += must
        self.spikes += not must
        if must and not trips:
            self.missed[name] += 1
        if trips and not must:
            self.alone[name] += 1

    def figures(self) -> Iterator[Figure]:
        """Give the figures."""
        yield Figure("crossings that must end the run", self.count, "")
        yield Figure("  missed trips", self.missed.total(), "", _NONE)
        for name, count in self.missed.items():
            yield Figure(f"    {name}", count, "")
        yield Figure("single suspect records, which must not", self.spikes, "")
        yield Figure("  that trip", self.alone.total(), "", _NONE)
        for name, count in self.alone.items():
            yield Figure(f"    {name}", count, "")


def _healthy_figures(kinds: Mapping[str, Healthy]) -> Iterator[Figure]:
    for kind, cells in sorted(kinds.items()):
        thousand = cells.hours / 1000
        yield Figure(f"healthy {kind}, hours", cells.hours, "h")
        yield Figure("  trips and stops in 1,000 h", len(cells.ends) / thousand, "", _NONE)
        yield Figure("    at most (95 %)", cells.at_most(len(cells.ends)), "")
        for finding in cells.ends:
            yield Figure(f"    by '{finding.kind}'", 1, "")
        yield Figure("  marks of trouble in 1,000 h", cells.marks.total() / thousand, "", _NONE)
        yield Figure("    at most (95 %)", cells.at_most(cells.marks.total()), "")
        for name, count in cells.marks.items():
            yield Figure(f"    '{name}'", count, "")


def _seen_figures(shares: Mapping[tuple[str, float], Sequence[bool]]) -> Iterator[Figure]:
    for (name, size), told in shares.items():
        yield Figure(f"seen: {name}, {size:g} {SIZES[name][3]}", 100.0 * sum(told) / len(told), "%")
