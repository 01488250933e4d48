"""Searches the values of one circuit for a spectrum, from starts that it finds itself, and how well they are known.

Every point is weighted by its modulus. Terms are added one by one: for each place that a new term may have, the
amplitudes of all terms are a linear problem with one answer, and the best place is where the search begins. So arcs
that overlap need no guess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.circuit_elements import Circuit
from orchestrator.analysis.circuit_terms import Grid, Term, terms

if TYPE_CHECKING:
    from orchestrator.analysis.impedance import Complexes, Floats

# No reading of impedance is better than this fraction of it: four significant figures, rounded.
LEAST_NOISE = 1e-4
FALSE_MINIMUM = 1.5
"""A variance that grew this much, because neighbouring points share their misfit, may be that of a false minimum."""
# How many of the best places of a new term are searched from, and how far apart they are: in logarithms of a time.
_STARTS, _APART = 3, 1.6
# A coordinate this near to its bound, as a share of the way between the bounds, lies on it.
_AT_BOUND = 1e-3
# A search ends after so many steps, after two that lower the squares by less than this share, or with nothing left.
_MOST_STEPS, _CALM, _EXACT = 80, 1e-6, 1e-20
# In logarithms and exponents.
_LONGEST_STEP = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """The best values of a circuit: for each term its coordinates, and the covariance of all coordinates in order.

    ``squares`` is the sum of the squares of (measured - fit) / |measured|, over both parts. ``bound`` tells of each
    coordinate whether it lies on a bound. ``shared`` is by how much the covariance grew because neighbouring points
    share their misfit: 1 where they do not.
    """

    terms: tuple[Term, ...]
    places: tuple[tuple[float, ...], ...]
    grid: Grid
    fitted: Complexes
    squares: float
    covariance: Floats
    bound: tuple[bool, ...]
    freedom: int
    shared: float

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return sum(term.size for term in self.terms)

    @property
    def relative_residual(self) -> float:
        """The root mean square of |measured - fit| / |measured|."""
        return math.sqrt(self.squares / len(self.grid.omega))

    @property
    def criterion(self) -> float:
        """The Bayesian information criterion: better fits and fewer parameters make it smaller.

        Misfits below what four figures lose are as good as none.
        """
        count = 2 * len(self.grid.omega)
        return count * math.log(self.squares / count + LEAST_NOISE**2) + self.size * math.log(count)


def search(circuit: Circuit, frequency: Floats, impedance: Complexes, begin: Found | None = None) -> Found:
    """Find the best values of a circuit; ``begin`` is a fit of the same terms but one.

    Raises ValueError when the points are fewer than the values that are asked for.
    """
    import numpy as np

    wanted = terms(circuit)
    count = sum(term.size for term in wanted)
    if 2 * len(frequency) <= count:
        raise ValueError(
            f"{len(frequency)} points tell too little for the {count} parameters of {circuit.text}: more than half as "
            f"many are needed"
        )
    problem = _Problem(Grid(2.0 * math.pi * frequency, np.abs(impedance)), impedance)
    known: dict[Term, tuple[float, ...]] = {term: () for term in wanted if term.size == 1}
    if begin is not None:
        kept = dict(zip(begin.terms, begin.places, strict=True))
        known |= {term: kept[term][1:] for term in wanted if term in kept}
    missing = [term for term in wanted if term not in known]
    # What is added first takes the largest feature of the spectrum, be it an arc or a tail.
    arcs, tails = [term for term in missing if term.is_arc], [term for term in missing if not term.is_arc]
    orders = [arcs + tails, tails + arcs] if arcs and tails else [missing]
    left, places = min((problem.built(wanted, known, order) for order in orders), key=lambda one: one[0])
    found = problem.found(wanted, _in_order(wanted, places))
    if begin is not None or found.shared < FALSE_MINIMUM:
        return found
    # One term may hold the place of another: each is taken out and put in anew.
    for term in wanted:
        rest = {one: place[1:] for one, place in zip(wanted, places, strict=True) if one != term}
        left, places = min((left, places), problem.built(wanted, rest, [term]), key=lambda one: one[0])
    return problem.found(wanted, _in_order(wanted, places))


def _in_order(wanted: Sequence[Term], places: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Return the places with the arcs of a kind from fast to slow."""
    ordered = list(places)
    for kind in {term.kind for term in wanted if term.is_arc}:
        at = [n for n, term in enumerate(wanted) if term.kind == kind]
        for n, place in zip(at, sorted((places[n] for n in at), key=lambda place: place[1]), strict=True):
            ordered[n] = place
    return ordered


class _Problem:
    """One spectrum and the arithmetic of fitting terms to it."""

    def __init__(self, grid: Grid, impedance: Complexes) -> None:
        self._grid, self._impedance = grid, impedance
        self._measured = self._weighted(impedance)

    def built(
        self, wanted: Sequence[Term], known: dict[Term, tuple[float, ...]], order: Sequence[Term]
    ) -> tuple[float, list[tuple[float, ...]]]:
        """Add terms to those known, one by one; return the least squares and where they are."""
        if not order:
            return self.settled(wanted, self.starts(wanted, known, None)[0])
        left, known = math.inf, dict(known)
        places: list[tuple[float, ...]] = []
        for new in order:
            known[new] = ()
            together = [one for one in wanted if one in known]
            left = math.inf
            for start in self.starts(together, known, new):
                tried = self.settled(together, start)
                left, places = min((left, places), tried, key=lambda one: one[0])
                if left < LEAST_NOISE**2 * len(self._measured):
                    break
            known = {one: place[1:] for one, place in zip(together, places, strict=True)}
        return left, places

    def starts(
        self, wanted: Sequence[Term], known: dict[Term, tuple[float, ...]], new: Term | None
    ) -> list[list[tuple[float, ...]]]:
        """Return the best places of all terms, with a new one tried everywhere and the amplitudes solved for."""
        import numpy as np
        from scipy.optimize import nnls  # type: ignore[import-untyped]  # scipy has no types

        at = None if new is None else list(wanted).index(new)
        shapes = [
            self._weighted(term.impedance(self._grid, (0.0, *known[term]))) if n != at else None
            for n, term in enumerate(wanted)
        ]
        tried = []
        for trial in new.trials(self._grid) if new is not None else [()]:
            columns = [
                self._weighted(new.impedance(self._grid, (0.0, *trial))) if shape is None and new else shape
                for shape in shapes
            ]
            matrix = np.column_stack([column for column in columns if column is not None])
            size = np.linalg.norm(matrix, axis=0)
            amplitudes, left = nnls(matrix / size, self._measured)
            tried.append((float(left), trial, amplitudes / size))
        low, high = self._grid.amplitudes
        found: list[list[tuple[float, ...]]] = []
        begun: list[tuple[float, ...]] = []
        for _, trial, amplitudes in sorted(tried, key=lambda one: one[0]):
            if len(found) == _STARTS:
                break
            if any(abs(trial[0] - other[0]) < _APART for other in begun):
                continue
            if trial:
                begun.append(trial)
            # What is nothing at first begins small, where a search still feels it.
            logs = [math.log(a) if a > 0.0 else math.log(1e-3) + low + math.log(1e6) for a in amplitudes.tolist()]
            found.append(
                [
                    (min(max(log, low), high), *(trial if n == at else known[term]))
                    for n, (term, log) in enumerate(zip(wanted, logs, strict=True))
                ]
            )
        return found

    def settled(
        self, wanted: Sequence[Term], start: Sequence[tuple[float, ...]]
    ) -> tuple[float, list[tuple[float, ...]]]:
        """Return the least squares near a start, and where they are."""
        import numpy as np

        low, high = (np.array(side) for side in zip(*self._bounds(wanted), strict=True))
        here = np.clip(np.array([value for place in start for value in place]), low, high)
        misfit, slopes = self._linear(wanted, here)
        squares, damping, calm = float(misfit @ misfit), 1e-3, 0
        for _ in range(_MOST_STEPS):
            downhill = -slopes.T @ misfit
            # A coordinate on a bound that would go beyond it stays there.
            free = ~(((here <= low) & (downhill < 0.0)) | ((here >= high) & (downhill > 0.0)))
            curvature = slopes[:, free].T @ slopes[:, free]
            scale = np.diag(np.maximum(np.diag(curvature), 1e-12))
            step = np.zeros_like(here)
            step[free] = np.linalg.solve(curvature + damping * scale, downhill[free])
            tried = np.clip(here + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP), low, high)
            tried_misfit, tried_slopes = self._linear(wanted, tried)
            tried_squares = float(tried_misfit @ tried_misfit)
            if tried_squares < squares:
                calm = calm + 1 if tried_squares > (1.0 - _CALM) * squares else 0
                here, misfit, slopes, squares = tried, tried_misfit, tried_slopes, tried_squares
                damping = max(0.2 * damping, 1e-12)
            else:
                damping *= 6.0
            if calm == 2 or damping > 1e8 or squares < _EXACT * len(misfit):
                break
        return squares, _split(wanted, here)

    def found(self, wanted: Sequence[Term], places: Sequence[tuple[float, ...]]) -> Found:
        """Return the places with the covariance of their coordinates."""
        import numpy as np

        flat = [value for place in places for value in place]
        misfit, slopes = self._linear(wanted, np.array(flat))
        fitted = np.zeros(len(self._grid.omega), dtype=complex)
        for term, place in zip(wanted, places, strict=True):
            fitted += term.impedance(self._grid, place)
        squares, count = float(misfit @ misfit), sum(term.size for term in wanted)
        size = np.linalg.norm(slopes, axis=0)
        size[size < 1e-12] = 1e-12
        inverse = np.linalg.pinv((slopes / size).T @ (slopes / size), rcond=1e-13, hermitian=True)
        freedom = len(misfit) - count
        noise = squares / freedom + LEAST_NOISE**2 / 3.0
        bounds = self._bounds(wanted)
        bound = tuple(
            min(value - low, high - value) < _AT_BOUND * (high - low)
            for value, (low, high) in zip(flat, bounds, strict=True)
        )
        shared = _shared(misfit)
        covariance = np.asarray(noise * shared * inverse / size / size[:, None])
        return Found(tuple(wanted), tuple(places), self._grid, fitted, squares, covariance, bound, freedom, shared)

    def _bounds(self, wanted: Sequence[Term]) -> list[tuple[float, float]]:
        return [pair for term in wanted for pair in term.bounds(self._grid)]

    def _weighted(self, values: Complexes) -> Floats:
        import numpy as np

        relative = values / self._grid.modulus
        return np.concatenate([relative.real, relative.imag])

    def _linear(self, wanted: Sequence[Term], flat: Floats) -> tuple[Floats, Floats]:
        """Return the misfit, fit less measurement, and its slopes along all coordinates."""
        import numpy as np

        total, slopes = np.zeros(len(self._grid.omega), dtype=complex), []
        for term, place in zip(wanted, _split(wanted, flat), strict=True):
            found = term.slopes(self._grid, place)
            total += found[0]
            slopes += found
        matrix = np.array(slopes).T / self._grid.modulus[:, None]
        return self._weighted(total) - self._measured, np.concatenate([matrix.real, matrix.imag])


def _split(wanted: Sequence[Term], flat: Floats) -> list[tuple[float, ...]]:
    values, found, at = flat.tolist(), [], 0
    for term in wanted:
        found.append(tuple(values[at : at + term.size]))
        at += term.size
    return found


def _shared(misfit: Floats) -> float:
    """Return by how much a variance grows because neighbours share their misfit, where a circuit is not the cell's.

    That of a chain in which each value keeps a share of the one before (an autoregression of first order).
    """
    half = len(misfit) // 2
    parts = misfit[:half], misfit[half:]
    total = float(misfit @ misfit)
    if total <= 0.0 or half < 4:
        return 1.0
    share = sum(float(part[:-1] @ part[1:]) for part in parts) / total
    # Within two of its own standard errors a share is none.
    share = share - 2.0 / math.sqrt(2.0 * half)
    share = min(max(share, 0.0), 0.9)
    return (1.0 + share) / (1.0 - share)
