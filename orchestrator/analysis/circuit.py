"""Chooses the circuit of a cell for its spectrum, and says why, and what the others would have said.

The circuits of a kind of cell are tried from plain to rich: arcs are added one by one, with each way in which diffusion
or a blocking electrode may follow. The Bayesian information criterion decides. A resistance that circuits of equal
standing disagree on is as uncertain as they are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit_elements import read_circuit
from orchestrator.analysis.circuit_fit import MOST_RELATIVE_ERROR, CircuitFit, described, fit_circuit, resistance
from orchestrator.analysis.circuit_search import FALSE_MINIMUM, Found, search
from orchestrator.analysis.impedance import METAL_OHM, Landmarks, Quantity, columns, landmarks
from protocols.cell import CellKind

if TYPE_CHECKING:
    from orchestrator.analysis.impedance import Complexes, Floats


__all__ = ["CIRCUITS", "METAL", "CircuitFit", "Circuits", "fit_cell", "fit_circuit"]


@dataclass(frozen=True, slots=True)
class Circuits:
    """The circuits of a kind of cell: up to ``arcs`` arcs, then one of ``tails``."""

    arcs: int
    tails: tuple[str, ...]


# Electrolyte, films and charge transfers, then nothing, or diffusion: endless, through a film of finite depth, or into
# a host that fills up; or an electrode that blocks.
CIRCUITS: Mapping[CellKind, Circuits] = MappingProxyType(
    {
        CellKind.LI_LI: Circuits(2, ("", "-W1", "-Ws1")),
        CellKind.LI_CU: Circuits(2, ("", "-W1", "-Ws1", "-W1-C9", "-CPE9")),
        CellKind.LFP: Circuits(3, ("", "-W1", "-Ws1", "-Wo1", "-W1-C9")),
        CellKind.OTHER: Circuits(3, ("", "-W1", "-Ws1", "-Wo1", "-CPE9", "-W1-C9")),
    }
)
# Diffusion feeds a reaction, which has an arc.
_BEHIND_ARCS = frozenset({"-W1", "-Ws1", "-Wo1", "-W1-C9"})
_BENT = frozenset({"-Ws1", "-Wo1"})
METAL = "L0-R0"
# Circuits within this much of the best in the criterion have their say; beyond, the evidence is very strong.
_EVIDENCE = 10.0
_POOR = 0.03
# -Z" over Z' at the lowest frequency, from which on what follows the arcs hides them.
_BLOCKING = 0.6
_FEWEST_POINTS = 3
# Below this part of the frequency before it a frequency is another one: instruments round them to three figures.
_SAME = 0.995
# So many points are listed where there is no fit.
_MOST_LISTED = 6
# Of so many points it shows whether neighbours share what a circuit leaves.
_MANY_POINTS = 12
# Values that are left over for the scatter, at least.
_LEAST_FREEDOM = 2


@dataclass(frozen=True, slots=True)
class _Candidate:
    circuit: str
    found: Found

    @property
    def standing(self) -> float:
        return self.found.criterion


def fit_cell(spectrum: Spectrum, kind: CellKind = CellKind.LI_LI, spoiled_hz: Collection[float] = ()) -> CircuitFit:
    """Fit the circuit of a kind of cell to a spectrum of any number of points; about 0.3 s.

    Points at ``spoiled_hz`` (``KramersKronig.spoiled_hz``) are left out. A shorted cell is fitted as a resistance, with
    a remark; of too few frequencies there is no fit, and the remark says what there is.
    """
    spectrum = _without(spectrum, spoiled_hz)
    frequency, impedance = columns(spectrum)
    marks = landmarks(spectrum)
    if marks is None or _count(frequency) < _FEWEST_POINTS:
        return _without_fit(frequency, impedance)
    if kind is CellKind.LI_LI and marks.tells and not marks.has_arc and abs(marks.low_ohm) < METAL_OHM:
        fit = described(METAL, frequency, search(read_circuit(METAL), frequency, impedance))
        remark = (
            f"no arc: the impedance stays at {marks.low_ohm:.3g} ohm with at most {marks.phase_deg:.1f} deg of phase; "
            f"the cell is shorted"
        )
        return replace(fit, remark=remark, reason="a spectrum without an arc", shorted=True, interface=None)
    tried, count = _tried(CIRCUITS[kind], frequency, impedance)
    if not tried:
        return _without_fit(frequency, impedance)
    equals = [one for one in tried if one.standing < tried[0].standing + _EVIDENCE]
    best = _with_capacitors(tried[0], frequency, impedance)
    fit = replace(
        described(best.circuit, frequency, best.found),
        electrolyte=_together(best, equals, arcs=False),
        interface=_together(best, equals, arcs=True),
        reason=_reason(best, tried, count),
    )
    return replace(fit, remark=_remark(fit, best, marks))


def _without(spectrum: Spectrum, spoiled_hz: Collection[float]) -> Spectrum:
    if not spoiled_hz:
        return spectrum
    pairs = zip(spectrum.frequency_hz, spectrum.impedance_ohm, strict=True)
    kept = [(hertz, ohm) for hertz, ohm in pairs if hertz not in spoiled_hz]
    return replace(
        spectrum, frequency_hz=tuple(hertz for hertz, _ in kept), impedance_ohm=tuple(ohm for _, ohm in kept)
    )


def _count(frequency: Floats) -> int:
    """Count the frequencies: one that was measured again tells no more of a circuit."""
    count, last = 0, math.inf
    for hertz in frequency.tolist():
        if hertz < _SAME * last:
            count, last = count + 1, hertz
    return count


def _tried(circuits: Circuits, frequency: Floats, impedance: Complexes) -> tuple[list[_Candidate], int]:
    """Return the circuits near the best one, which is the first, and how many were tried.

    Each has the leads' inductance, or has not, as the best has it.
    """
    tried: list[_Candidate] = []
    bare: list[_Candidate] = []
    for tail in circuits.tails:
        before: _Candidate | None = None
        for arcs in range(tail in _BEHIND_ARCS, circuits.arcs + 1):
            text = "L0-R0" + "".join(f"-p(R{n},CPE{n})" for n in range(1, arcs + 1)) + tail
            # From one arc less, and from as many arcs without the tail.
            begins = [before, *(bare[arcs : arcs + 1] if tail else [])]
            found = _best([_searched(text, frequency, impedance, begin) for begin in begins])
            if found is None:
                break
            if tail in _BENT and found.found.shared > FALSE_MINIMUM:
                # The bend may hold an arc's place from before.
                found = _best([found, _searched(text, frequency, impedance, None)]) or found
            tried.append(found)
            if before is not None and found.standing > before.standing:
                break
            if found.found.shared == 1.0 and len(frequency) >= _MANY_POINTS:
                break  # what is left has no shape that an arc could follow
            before = found
            bare += [] if tail else [found]
    if not tried:
        return [one for one in [_searched("R0", frequency, impedance, None)] if one is not None], 1
    tried.sort(key=lambda one: one.standing)
    count = len(tried)
    plain = _searched(tried[0].circuit.removeprefix("L0-"), frequency, impedance, tried[0])
    if plain is not None and plain.standing < tried[0].standing:
        near = [one for one in tried[1:] if one.standing < tried[0].standing + _EVIDENCE]
        others = [_searched(one.circuit.removeprefix("L0-"), frequency, impedance, one) for one in near]
        tried = sorted([plain, *(one for one in others if one is not None)], key=lambda one: one.standing)
        count += 1
    return tried, count


def _best(tried: list[_Candidate | None]) -> _Candidate | None:
    return min((one for one in tried if one is not None), key=lambda one: one.standing, default=None)


def _with_capacitors(best: _Candidate, frequency: Floats, impedance: Complexes) -> _Candidate:
    """Put capacitors in the place of a circuit's constant-phase elements, where these are as good as such."""
    for n in range(1, 4):
        text = best.circuit.replace(f"p(R{n},CPE{n})", f"p(R{n},C{n})")
        if text != best.circuit:
            found = _searched(text, frequency, impedance, best)
            if found is not None and found.standing < best.standing:
                best = found
    return best


def _searched(text: str, frequency: Floats, impedance: Complexes, before: _Candidate | None) -> _Candidate | None:
    """Return a circuit with its values; None when the points are too few for it."""
    read = read_circuit(text)
    if 2 * _count(frequency) < len(read.parameters) + _LEAST_FREEDOM:
        return None
    return _Candidate(text, search(read, frequency, impedance, before.found if before else None))


def _together(best: _Candidate, equals: list[_Candidate], *, arcs: bool) -> Quantity | None:
    """Return the best circuit's resistance with the error that circuits of equal standing leave it.

    Weights and variance are those of Burnham and Anderson (2002), about the best circuit's value.
    """
    own = resistance(best.found, arcs=arcs)
    if own is None:
        return None
    weights = [math.exp(-0.5 * (one.standing - equals[0].standing)) for one in equals]
    variance = 0.0
    for one, weight in zip(equals, weights, strict=True):
        other = resistance(one.found, arcs=arcs)
        value, error = (0.0, 0.0) if other is None else (other.value, other.error)
        variance += weight / sum(weights) * (error**2 + (value - own.value) ** 2)
    error = max(own.error, math.sqrt(variance))
    return Quantity(own.value, error, own.unit) if error <= MOST_RELATIVE_ERROR * own.value else None


def _reason(best: _Candidate, tried: list[_Candidate], count: int) -> str:
    if count == 1:
        return f"{best.circuit}: the only one that the points are enough for"
    said = f"{best.circuit}: best of {count} by the Bayesian information criterion"
    if len(tried) == 1:
        return f"{said}, {_EVIDENCE:g} or more before all others"
    return f"{said}, {tried[1].standing - tried[0].standing:.1f} before {tried[1].circuit}"


def _remark(fit: CircuitFit, best: _Candidate, marks: Landmarks) -> str:
    has_arcs = any(term.is_arc for term in best.found.terms)
    if fit.relative_residual > _POOR:
        return f"poor fit: {fit.relative_residual:.1%} of |Z| is left over"
    said = []
    if fit.electrolyte is None:
        said.append("the spectrum does not determine the series resistance")
    if marks.low_reactance_ohm > _BLOCKING * marks.low_ohm:
        said.append(
            f"diffusion or a full electrode dominates below {marks.valley_hz:.2g} Hz: the interface resistance holds "
            f"only the arcs that close above it"
        )
    elif not has_arcs:
        said.append(
            f"no arc between {marks.lowest_hz:.2g} and {best.found.grid.omega[0] / 2.0 / math.pi:.2g} Hz: at most "
            f"{marks.phase_deg:.1f} deg of phase"
        )
    if has_arcs and fit.interface is None:
        said.append("the spectrum does not determine the interface resistance")
    return "; ".join(said)


def _without_fit(frequency: Floats, impedance: Complexes) -> CircuitFit:
    """Say what there is: the modulus and the phase of each of a few points."""
    listed = [
        f"{abs(z):.4g} ohm and {math.degrees(math.atan2(z.imag, z.real)):.1f} deg at {hertz:.3g} Hz"
        for hertz, z in zip(frequency.tolist(), impedance.tolist(), strict=True)
    ]
    more = [f"and {len(listed) - _MOST_LISTED} more"] if len(listed) > _MOST_LISTED else []
    points = ", ".join(listed[:_MOST_LISTED] + more)
    remark = f"too few frequencies for a circuit: {points}" if points else "no point that can be read"
    return CircuitFit("", MappingProxyType({}), (), None, None, math.nan, remark, remark, False, (), ())
