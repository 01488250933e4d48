"""Fits one equivalent circuit to a spectrum and tells its values with errors, or that the data do not determine them.

The circuit is written as the ``impedance`` package writes it: ``R0-p(R1,CPE1)-W1`` is a resistance in series with an
arc and with diffusion. Starting values come from the spectrum itself, so nobody has to guess.

Errors are one standard deviation, with every point weighted by its modulus and the scatter taken from what the fit
leaves; misfits that neighbouring points share, and few points, make them larger. They tell how well the data fix a
parameter of *this* circuit; what other circuits that fit as well would say is in ``electrolyte`` and ``interface`` only
(``orchestrator.analysis.circuit``). A value whose interval of two standard deviations reaches zero, or that lies
at the end of what was searched, is undetermined: it is named, and has no number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit_elements import read_circuit
from orchestrator.analysis.circuit_search import Found, search
from orchestrator.analysis.circuit_terms import Term
from orchestrator.analysis.impedance import Quantity, columns

if TYPE_CHECKING:
    from orchestrator.analysis.impedance import Floats

MOST_RELATIVE_ERROR = 0.5
"""Standard error over value from which on a value is undetermined: within two of them it may be nothing."""
LEAST_RELATIVE_ERROR = 2e-4
"""Standard error over value of the best: neighbouring points that agree in four figures are rounded the same way."""
# Share of a sum of resistances that may lie on a bound: less changes nothing that is told.
_MAY_BE_LOST = 1e-3
# Share of a normal distribution within two standard deviations to either side: what an interval of two is to hold.
_WITHIN_TWO = 0.97725


@dataclass(frozen=True, slots=True)
class CircuitFit:
    """A fitted circuit. Parameters have the circuit's own names (``R1``, ``CPE1_0``, ``CPE1_1``).

    ``parameters`` are those that the data determine, ``undetermined`` the names of the others. ``electrolyte`` is the
    series resistance: electrolyte, contacts and leads. ``interface`` is the sum of all arcs' resistances. Both are None
    where there is none, or the data do not determine it. ``relative_residual`` is the root mean square of
    |Z - fit| / |Z|, NaN without a fit. ``remark`` says in a sentence what is odd, and is empty for an ordinary cell;
    ``reason`` says why this circuit. ``shorted``: metal connects the electrodes. ``fitted`` holds the circuit's
    impedance at ``frequency_hz``; both are empty without a fit.
    """

    circuit: str
    parameters: Mapping[str, Quantity]
    undetermined: tuple[str, ...]
    electrolyte: Quantity | None
    interface: Quantity | None
    relative_residual: float
    remark: str
    reason: str
    shorted: bool
    frequency_hz: tuple[float, ...]
    fitted: tuple[complex, ...]


def fit_circuit(spectrum: Spectrum, circuit: str) -> CircuitFit:
    """Fit one circuit of R, L, C, CPE, W, Ws, Wo in series and of arcs ``p(R1,CPE1)`` or ``p(R1,C1)``.

    Raises ValueError for another circuit, and for a spectrum with too few points for its parameters.
    """
    read = read_circuit(circuit)
    frequency, impedance = columns(spectrum)
    found = search(read, frequency, impedance)
    return described(circuit, frequency, found)


def described(circuit: str, frequency: Floats, found: Found) -> CircuitFit:
    """Return the values that a search has found by their names, with errors."""
    read = read_circuit(circuit)
    known, names = _known(found), [name for term in found.terms for name in term.names]
    quantities = {}
    for name, unit in zip(read.parameters, read.units, strict=True):
        if (pair := known[name]) is not None:
            quantities[name] = Quantity(pair[0], pair[1], unit)
    return CircuitFit(
        circuit=circuit,
        parameters=MappingProxyType(quantities),
        undetermined=tuple(name for name in read.parameters if name not in quantities),
        electrolyte=resistance(found, arcs=False),
        interface=resistance(found, arcs=True) if any(term.is_arc for term in found.terms) else None,
        relative_residual=found.relative_residual,
        remark="",
        reason=f"asked for, with {len(names)} parameters",
        shorted=False,
        frequency_hz=tuple(frequency.tolist()),
        fitted=tuple(found.fitted.tolist()),
    )


def resistance(found: Found, *, arcs: bool) -> Quantity | None:
    """Return the sum of the resistances in arcs, or in series, with its error; None where it is undetermined.

    Errors are seldom independent: arcs share one width.
    """
    import numpy as np

    slopes, lost = np.zeros(found.size), 0.0
    for term, place, at in _placed(found):
        if term.is_arc is arcs and (arcs or term.kind == "R"):
            slopes[at] = math.exp(place[0])
            # Where an amplitude or an arc's time lies on its bound, so does the resistance.
            lost += slopes[at] if any(found.bound[at : at + 1 + arcs]) else 0.0
    value = float(slopes.sum())
    if lost > _MAY_BE_LOST * value:
        return None
    error = _stated(value, float(slopes @ found.covariance @ slopes), found.freedom)
    if not (value > 0.0 and error <= MOST_RELATIVE_ERROR * value):
        return None
    return Quantity(value, error, "ohm")


def _placed(found: Found) -> list[tuple[Term, tuple[float, ...], int]]:
    """Return the terms with their coordinates and the place of the first of these in the covariance."""
    at, placed = 0, []
    for term, place in zip(found.terms, found.places, strict=True):
        placed.append((term, place, at))
        at += term.size
    return placed


def _known(found: Found) -> dict[str, tuple[float, float] | None]:
    """Return each parameter's value and standard error; None where the data do not determine it."""
    import numpy as np

    known: dict[str, tuple[float, float] | None] = {}
    for term, place, at in _placed(found):
        values, slopes = term.values(found.grid, place)
        own = slice(at, at + term.size)
        covariance = np.array(slopes) @ found.covariance[own, own] @ np.array(slopes).T
        # An exponent may be 1; an amplitude or a time at its bound stands for nothing.
        has_exponent = term.kind in {"CPE", "arc of CPE"}
        lost = any(found.bound[at : at + term.size - has_exponent])
        for n, (name, value) in enumerate(zip(term.names, values, strict=True)):
            error = _stated(value, float(covariance[n, n]), found.freedom)
            is_known = not lost and math.isfinite(value) and error <= MOST_RELATIVE_ERROR * value
            known[name] = (value, error) if is_known else None
    return known


def _stated(value: float, variance: float, freedom: int) -> float:
    """Return a standard error of which twice holds what two standard deviations hold, however few the points are."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # scipy has no types

    if not 0.0 <= variance < math.inf:
        return math.inf
    return math.hypot(math.sqrt(variance) * float(stdtrit(freedom, _WITHIN_TWO)) / 2.0, LEAST_RELATIVE_ERROR * value)
