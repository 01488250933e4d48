"""Fits an equivalent circuit to a spectrum, and assigns its values, with errors, to the parts of a cell.

The circuit is written as the ``impedance`` package writes it: ``R0-p(R1,CPE1)-W1`` is a resistance in series with an
arc and with diffusion. Starting values come from the spectrum itself, so nobody has to guess. For a kind of cell the
circuits of ``CIRCUITS`` are tried from plain to rich, and a richer one is kept only if the data ask for it.

Errors are one standard deviation as the misfit lets expect it, with every point weighted by its modulus. They tell how
well the data fix a parameter of *this* circuit, not whether the cell is that circuit.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit_elements import CPE_EXPONENTS, Circuit, Element, read_circuit
from orchestrator.analysis.impedance import WIDTHS, Landmarks, Quantity, columns, landmarks
from protocols.cell import CellKind

if TYPE_CHECKING:
    from orchestrator.analysis.impedance import Complexes, Floats

_TWO_ARCS = "L0-R0-p(R1,CPE1)-p(R2,CPE2)"
# Lead inductance, electrolyte, films and charge transfers, then diffusion: endless, through a film of finite depth, or
# into a host that fills up.
CIRCUITS: Mapping[CellKind, tuple[str, ...]] = MappingProxyType(
    {
        CellKind.LI_LI: (f"{_TWO_ARCS}-W1", f"{_TWO_ARCS}-Ws1"),
        CellKind.LI_CU: (f"{_TWO_ARCS}-W1", f"{_TWO_ARCS}-W1-C1"),
        CellKind.LFP: (f"{_TWO_ARCS}-W1", f"{_TWO_ARCS}-p(R3,CPE3)-W1", f"{_TWO_ARCS}-p(R3,CPE3)-W1-C1"),
    }
)
METAL = "L0-R0"

_CPE_EXPONENT = 0.85
# A richer circuit must lower the information criterion by this much ("very strong" evidence).
_EVIDENCE = 10.0
_POOR = 0.03
# -Z" over Z' at the lowest frequency, from which on what follows the arcs hides them.
_BLOCKING = 0.6
_UNKNOWN_ABOVE = 0.2


@dataclass(frozen=True, slots=True)
class CircuitFit:
    """A fitted circuit. Parameters have the circuit's own names (``R1``, ``CPE1_0``, ``CPE1_1``).

    ``electrolyte`` is the series resistance: electrolyte, contacts and leads. ``interface`` is the sum of all arcs'
    resistances, None for a cell without an arc. ``relative_residual`` is the root mean square of |Z - fit| / |Z|.
    ``remark`` says in a sentence what is odd, and is empty for an ordinary cell. ``fitted`` holds the circuit's
    impedance at ``frequency_hz``.
    """

    circuit: str
    parameters: Mapping[str, Quantity]
    electrolyte: Quantity
    interface: Quantity | None
    relative_residual: float
    remark: str
    frequency_hz: tuple[float, ...]
    fitted: tuple[complex, ...]

    @property
    def shorted(self) -> bool:
        """Whether the spectrum has no arc to fit, because metal connects the electrodes."""
        return self.interface is None


def fit_cell(spectrum: Spectrum, kind: CellKind = CellKind.LI_LI) -> CircuitFit:
    """Fit the circuit of a kind of cell; a cell without an arc is fitted as a resistance, with a remark.

    Raises ValueError for a spectrum of fewer than ten points.
    """
    if not landmarks(spectrum).has_arc:
        return fit_circuit(spectrum, METAL)
    plain, *richer = CIRCUITS[kind]
    best = fit_circuit(spectrum, plain)
    for circuit in richer:
        found = fit_circuit(spectrum, circuit)
        if _criterion(found) < _criterion(best) - _EVIDENCE:
            best = found
    return best


def fit_circuit(spectrum: Spectrum, circuit: str) -> CircuitFit:
    """Fit one circuit of R, L, C, CPE, W, Ws, Wo in series and of arcs ``p(R1,CPE1)`` or ``p(R1,C1)``.

    Raises ValueError for another circuit, and for a spectrum of fewer than ten points.
    """
    import numpy as np

    read, marks = read_circuit(circuit), landmarks(spectrum)
    frequency, impedance = columns(spectrum)
    tried = []
    # Further starts lay the arcs apart, or flatten them: overlapping arcs have false minima.
    for apart in (1.0, 4.0, 16.0) if read.arcs > 1 else (1.0,):
        start = np.array([value for element in read.elements for value in _start(element, read, marks, apart)])
        found = _searched(read, frequency, impedance, start)
        tried.append((_misfit(read, frequency, impedance, found), apart, found))
        if tried[-1][0] < 1e-3:
            break
    values = _settled(read, frequency, impedance, min(tried)[2])
    covariance = _covariance(read, frequency, impedance, values)
    errors = np.sqrt(np.abs(np.diag(covariance)))
    inside = {n.name for n in read.elements if n.kind == "R" and n.arc is not None}
    outside = {n.name for n in read.elements if n.kind == "R" and n.arc is None}
    interface = _sum(read, inside, values, covariance) if inside else None
    misfit = _misfit(read, frequency, impedance, values)
    named = zip(read.parameters, values.tolist(), errors.tolist(), read.units, strict=True)
    return CircuitFit(
        circuit=circuit,
        parameters=MappingProxyType({name: Quantity(value, error, unit) for name, value, error, unit in named}),
        electrolyte=_sum(read, outside, values, covariance),
        interface=interface,
        relative_residual=misfit,
        remark=_remark(marks, interface, misfit),
        frequency_hz=tuple(frequency.tolist()),
        fitted=tuple(read.impedance(frequency, values).tolist()),
    )


def _remark(marks: Landmarks, interface: Quantity | None, misfit: float) -> str:
    if not marks.has_arc:
        return (
            f"no arc: the impedance stays at {marks.low_ohm:.3g} ohm with at most {marks.phase_deg:.1f} deg of phase; "
            f"the cell is shorted"
        )
    if misfit > _POOR:
        return f"poor fit: {misfit:.1%} of |Z| is left over"
    if marks.low_reactance_ohm > _BLOCKING * marks.low_ohm:
        return (
            f"diffusion or a full electrode dominates below {marks.valley_hz:.2g} Hz: the interface resistance holds "
            f"only the arcs that close above it"
        )
    if interface is not None and not interface.error < _UNKNOWN_ABOVE * interface.value:
        return f"the spectrum does not determine the interface resistance ({interface})"
    return ""


def _start(element: Element, circuit: Circuit, marks: Landmarks, apart: float) -> Sequence[float]:
    """Return starting values of one element from the spectrum's landmarks."""
    intercept = max(marks.intercept_ohm, 1e-9)
    omega_low = 2.0 * math.pi * marks.lowest_hz
    if element.arc is None:
        series: Mapping[str, Sequence[float]] = {
            "R": (intercept,),
            "L": (max(marks.inductance_h, 1e-10),),
            "C": (1.0 / (omega_low * max(marks.low_reactance_ohm, 1e-3 * intercept)),),
            "CPE": (1.0 / (omega_low * intercept), _CPE_EXPONENT),
            "W": (marks.warburg_ohm,),
            # So deep that its bend lies at the lowest frequency: only then do the data decide on the depth.
            "Ws": (marks.warburg_ohm * math.sqrt(6.0 / omega_low), 3.0 / omega_low),
            "Wo": (marks.warburg_ohm * math.sqrt(6.0 / omega_low), 3.0 / omega_low),
        }
        return series[element.kind]
    resistance = max(marks.interface_ohm, 1e-3 * intercept) / circuit.arcs
    # Arc n of N sits where (n + 1/2) / N of the width is passed; of more than three, all begin in the middle.
    share = Fraction(2 * element.arc + 1, 2 * circuit.arcs)
    hertz = marks.widths_hz[WIDTHS.index(share if share in WIDTHS else Fraction(1, 2))]
    omega = 2.0 * math.pi * hertz * apart ** ((circuit.arcs - 1) / 2.0 - element.arc)
    in_arc: Mapping[str, Sequence[float]] = {
        "R": (resistance,),
        "C": (1.0 / (omega * resistance),),
        "CPE": (omega**-_CPE_EXPONENT / resistance, _CPE_EXPONENT),
    }
    return in_arc[element.kind]


def _searched(circuit: Circuit, frequency: Floats, impedance: Complexes, start: Floats) -> Floats:
    """Search for the best values among logarithms, where a step means the same for farads and for ohms."""
    import numpy as np
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    exponent = np.array(circuit.is_exponent())
    modulus = np.abs(impedance)
    low, high = (np.where(exponent, bound, edge) for bound, edge in zip(CPE_EXPONENTS, (-80.0, 60.0), strict=True))

    def values(x: Floats) -> Floats:
        return np.where(exponent, x, np.exp(np.where(exponent, 0.0, x)))

    def misfit(x: Floats) -> Floats:
        off = (circuit.impedance(frequency, values(x)) - impedance) / modulus
        return np.concatenate([off.real, off.imag])

    guess = np.clip(np.where(exponent, start, np.log(start)), low, high)
    return values(np.asarray(least_squares(misfit, guess, bounds=(low, high), ftol=1e-10, max_nfev=200).x))


def _settled(circuit: Circuit, frequency: Floats, impedance: Complexes, start: Floats) -> Floats:
    """Refine the values with the ``impedance`` package, from a start close to the result."""
    import numpy as np
    from impedance.models.circuits import CustomCircuit  # type: ignore[import-untyped]

    exponent = np.array(circuit.is_exponent())
    bounds = tuple(np.where(exponent, bound, edge) for bound, edge in zip(CPE_EXPONENTS, (0.0, np.inf), strict=True))
    model = CustomCircuit(circuit.text, initial_guess=start.tolist())
    asked = {"bounds": bounds, "weight_by_modulus": True, "x_scale": "jac", "ftol": 1e-9, "maxfev": 30}
    with warnings.catch_warnings():
        # The package's own covariance has no finite answer where a parameter lies on its bound; ours is made below.
        warnings.filterwarnings("ignore", message="Covariance of the parameters could not be estimated")
        try:
            model.fit(frequency, impedance, **asked)
        except RuntimeError:
            # It would wander on, which only values that the data do not determine do: the search's answer is as good.
            return start
    return np.asarray(model.parameters_, dtype=float)


def _misfit(circuit: Circuit, frequency: Floats, impedance: Complexes, values: Floats) -> float:
    import numpy as np

    off = np.abs((impedance - circuit.impedance(frequency, values)) / impedance)
    return float(np.sqrt(np.mean(off**2)))


def _covariance(circuit: Circuit, frequency: Floats, impedance: Complexes, values: Floats) -> Floats:
    """Return the covariance of the parameters from the slopes of the weighted model at its best point."""
    import numpy as np

    best, modulus = circuit.impedance(frequency, values), np.abs(impedance)
    slopes = np.empty((2 * len(frequency), len(values)))
    for n, value in enumerate(values):
        moved = values.copy()
        # At a bound of zero the step is one that no instrument would see.
        moved[n] += max(1e-6 * abs(value), 1e-13)
        change = (circuit.impedance(frequency, moved) - best) / modulus / (moved[n] - value)
        slopes[:, n] = np.concatenate([change.real, change.imag])
    size = np.linalg.norm(slopes, axis=0)
    size[size == 0.0] = 1e-300
    scaled = slopes / size
    freedom = max(1, len(slopes) - len(values))
    variance = 0.5 * len(slopes) * _misfit(circuit, frequency, impedance, values) ** 2 / freedom
    inverse = np.linalg.pinv(scaled.T @ scaled, rcond=1e-15, hermitian=True)
    with np.errstate(over="ignore"):
        return np.asarray(variance * inverse / size / size[:, None])


def _sum(circuit: Circuit, chosen: set[str], values: Floats, covariance: Floats) -> Quantity:
    """Return the sum of resistances and its error; the errors are seldom independent, because arcs share one width."""
    places = [n for n, name in enumerate(circuit.parameters) if name in chosen]
    variance = float(covariance[places][:, places].sum())
    return Quantity(float(values[places].sum()), math.sqrt(abs(variance)), "ohm")


def _criterion(fit: CircuitFit) -> float:
    """Return the Bayesian information criterion: better fits and fewer parameters make it smaller."""
    count = 2 * len(fit.frequency_hz)
    return count * 2.0 * math.log(max(fit.relative_residual, 1e-9)) + len(fit.parameters) * math.log(count)
