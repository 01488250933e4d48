"""How well spectra are judged: Kramers-Kronig verdicts and stated errors, on random spectra of known circuits.

Circuits, frequencies, noise, drift and lost points are drawn by seed (``benchmarks.spectra.population``). What was set
by looking at results was set on the seeds ``try`` and ``judging``; ``--seed NAME`` draws another population.

A drift must be found from 5 % of |Z| on, if that is ten times the noise of a point; what happens to smaller ones is
told by size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from benchmarks.figures import Aim, Figure, Size
from benchmarks.spectra.population import drawn_case
from benchmarks.spectra.scoring import Score, scored

__all__ = ["SEED", "measure"]

SEED = "judging"
SPECTRA, QUICK_SPECTRA = 1000, 40
MUST_BE_FOUND, TIMES_NOISE = 0.05, 10.0
_SIZES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, math.inf)


def measure(size: Size, seed: str = SEED) -> list[Figure]:
    """Judge and fit a population."""
    scores = [scored(drawn_case(seed, number)) for number in range(size.of(SPECTRA, QUICK_SPECTRA, 4))]
    return [*_verdicts(scores), *_fits(scores), *_times(scores)]


def _verdicts(scores: Sequence[Score]) -> list[Figure]:
    told = [s for s in scores if s.points > 1]
    steady, drifted = [s for s in told if s.drift == 0.0], [s for s in told if s.drift > 0.0]
    large = [s for s in drifted if s.drift >= max(MUST_BE_FOUND, TIMES_NOISE * s.noise)]
    figures = [
        Figure("spectra", len(scores), ""),
        Figure(
            "of one frequency: a row without fit and verdict", _share(not s.told for s in scores if s.points == 1), ""
        ),
        Figure("steady spectra", len(steady), ""),
        Figure("of these said to have changed", _share(s.changed for s in steady), "", Aim(0.005, at_most=True)),
        Figure("of these not known", _share(s.unknown for s in steady), ""),
        Figure("drifts of 5 % and 10 times the noise", len(large), ""),
        Figure("of these not found", _share(not s.changed for s in large), "", Aim(0.01, at_most=True)),
    ]
    for low, high in pairwise(_SIZES):
        group = [s for s in drifted if low < s.drift <= high]
        name = f"drifts of {low:.0%} to {high:.0%}" if high < math.inf else f"drifts above {low:.0%}"
        figures.append(Figure(name, len(group), ""))
        if group:
            figures.append(Figure("of these found", _share(s.changed for s in group), ""))
    return figures


def _fits(scores: Sequence[Score]) -> list[Figure]:
    steady = [s for s in scores if s.drift == 0.0]
    inside = [hit for s in steady for hit in s.parameters]
    figures = [
        Figure("parameters of the true circuit, steady spectra", len(inside), ""),
        Figure("within two stated errors", _share(inside), "", Aim(0.9, at_most=False)),
        Figure("within two, and at most", _share(inside), "", Aim(0.98, at_most=True)),
        Figure("undetermined", sum(s.undetermined for s in steady), ""),
    ]
    for name in ("electrolyte", "interface"):
        known = [getattr(s, name) for s in steady if getattr(s, name) is not None]
        figures += [
            Figure(f"{name}, circuit chosen by the data", len(known), ""),
            Figure("within two stated errors", _share(one.inside for one in known), "", Aim(0.9, at_most=False)),
            Figure("off by, median", median([one.off for one in known] or [math.nan]), "of it"),
            Figure("undetermined", _share(getattr(s, f"{name}_missing") for s in steady if s.points > 1), ""),
        ]
    passed = [s for s in scores if s.drift > 0.0 and not s.changed]
    inside = [s.electrolyte.inside for s in passed if s.electrolyte is not None]
    return [*figures, Figure("electrolyte within two, drifts that were not found", _share(inside), "")]


def _times(scores: Sequence[Score]) -> list[Figure]:
    return [
        Figure("Kramers-Kronig check, median", 1e3 * median(s.check_s for s in scores), "ms"),
        Figure("fit of a cell, median", 1e3 * median(s.fit_s for s in scores), "ms"),
        Figure("fit of a cell, longest", 1e3 * max(s.fit_s for s in scores), "ms"),
    ]


def _share(hits: Iterable[bool]) -> float:
    found = list(hits)
    return sum(found) / len(found) if found else math.nan
