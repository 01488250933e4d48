"""The terms of a circuit as a search sees them: parts in series with an amplitude, a time and an exponent, and slopes.

An arc's resistance, time and exponent hardly depend on each other; its resistance, admittance and exponent do. So a
search moves among the former, in logarithms, and the latter are computed at its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.circuit_elements import CPE_EXPONENTS, Circuit

if TYPE_CHECKING:
    from orchestrator.analysis.impedance import Complexes, Floats

# An arc's top may lie this many times beyond the frequencies measured, a bend of diffusion so many.
_ARC_BEYOND, _BEND_BEYOND = 5.0, 20.0
# Hyperbolic functions beyond are 1 to all digits.
_STRAIGHT = 30.0


@dataclass(frozen=True, slots=True)
class Grid:
    """The angular frequencies of a spectrum (rad/s, from high to low) and the moduli at them (ohm)."""

    omega: Floats
    modulus: Floats

    @property
    def middle(self) -> float:
        """The geometric middle of the frequencies, at which amplitudes of elements with a slope are given."""
        return math.sqrt(float(self.omega[0] * self.omega[-1]))

    @property
    def amplitudes(self) -> tuple[float, float]:
        """The bounds of the logarithm of an amplitude: beyond, no modulus would feel it, or none could be so small."""
        return math.log(1e-6 * float(self.modulus.min())), math.log(1e4 * float(self.modulus.max()))

    def times(self, beyond: float) -> tuple[float, float]:
        """Return the bounds of the logarithm of a time, ``beyond`` times outside of the frequencies."""
        return math.log(1.0 / (beyond * float(self.omega[0]))), math.log(beyond / float(self.omega[-1]))


@dataclass(frozen=True, slots=True)
class Term:
    """One part in series. Its first coordinate is the logarithm of an amplitude (ohm), others are listed by ``kind``.

    An arc has the logarithm of its time and, with a constant-phase element, its exponent; a constant-phase element in
    series has its exponent, bent diffusion the logarithm of its time. ``names`` are those of its parameters in the
    circuit.
    """

    kind: str
    names: tuple[str, ...]

    @property
    def is_arc(self) -> bool:
        """Whether it is a resistance beside a capacitor or a constant-phase element."""
        return self.kind.startswith("arc")

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return {"arc of CPE": 3, "arc of C": 2, "CPE": 2, "Ws": 2, "Wo": 2}.get(self.kind, 1)

    def bounds(self, grid: Grid) -> list[tuple[float, float]]:
        """Return the bounds of its coordinates."""
        found = [grid.amplitudes]
        if self.is_arc:
            found.append(grid.times(_ARC_BEYOND))
        elif self.kind in {"Ws", "Wo"}:
            found.append(grid.times(_BEND_BEYOND))
        if self.kind in {"CPE", "arc of CPE"}:
            found.append(CPE_EXPONENTS)
        return found

    def trials(self, grid: Grid) -> list[tuple[float, ...]]:
        """Return places to begin at, for all coordinates but the amplitude."""
        import numpy as np

        if self.kind == "CPE":
            return [(exponent,) for exponent in (0.6, 0.8, 0.95)]
        if self.size == 1:
            return [()]
        low, high = grid.times(1.0)
        times = np.linspace(low, high, max(4, round((high - low) / 0.77) + 1)).tolist()
        if self.kind == "arc of CPE":
            return [(time, exponent) for time in times for exponent in (0.75, 0.95)]
        return [(time,) for time in times]

    def impedance(self, grid: Grid, place: Sequence[float]) -> Complexes:
        """Return the impedance (ohm) at all frequencies."""
        return _LAWS[self.kind](grid, place)[0]

    def slopes(self, grid: Grid, place: Sequence[float]) -> list[Complexes]:
        """Return the slopes of the impedance along each coordinate."""
        whole, others = _LAWS[self.kind](grid, place)
        return [whole, *others]

    def values(self, grid: Grid, place: Sequence[float]) -> tuple[list[float], list[list[float]]]:
        """Return the parameters, in the units of the circuit, and their slopes along each coordinate."""
        amplitude = math.exp(place[0])
        if self.kind == "arc of CPE":
            time, exponent = place[1:]
            beside = math.exp(exponent * time) / amplitude
            return [amplitude, beside, exponent], [
                [amplitude, 0.0, 0.0],
                [-beside, beside * exponent, beside * time],
                [0.0, 0.0, 1.0],
            ]
        if self.kind == "arc of C":
            beside = math.exp(place[1]) / amplitude
            return [amplitude, beside], [[amplitude, 0.0], [-beside, beside]]
        if self.kind == "CPE":
            log = math.log(grid.middle)
            admittance = math.exp(-place[1] * log) / amplitude
            return [admittance, place[1]], [[-admittance, -admittance * log], [0.0, 1.0]]
        if self.kind in {"Ws", "Wo"}:
            seconds = math.exp(place[1])
            return [amplitude, seconds], [[amplitude, 0.0], [0.0, seconds]]
        value, sign = {
            "R": (amplitude, 1.0),
            "L": (amplitude / float(grid.omega[0]), 1.0),
            "W": (amplitude * math.sqrt(grid.middle / 2.0), 1.0),
            "C": (1.0 / (amplitude * grid.middle), -1.0),
        }[self.kind]
        return [value], [[sign * value]]


Answer = tuple["Complexes", list["Complexes"]]


def _complex(values: Any) -> Complexes:  # noqa: ANN401 - whatever arithmetic makes of complex arrays
    import numpy as np

    return np.asarray(values, dtype=complex)


def _resistance(grid: Grid, place: Sequence[float]) -> Answer:
    import numpy as np

    return np.full(len(grid.omega), math.exp(place[0]), dtype=complex), []


def _inductance(grid: Grid, place: Sequence[float]) -> Answer:
    return _complex(1j * math.exp(place[0]) * grid.omega / grid.omega[0]), []


def _capacitance(grid: Grid, place: Sequence[float]) -> Answer:
    return _complex(-1j * math.exp(place[0]) * grid.middle / grid.omega), []


def _constant_phase(grid: Grid, place: Sequence[float]) -> Answer:
    import numpy as np

    turned = 1j * grid.omega / grid.middle
    whole = math.exp(place[0]) * turned ** -place[1]
    return _complex(whole), [_complex(-whole * np.log(turned))]


def _warburg(grid: Grid, place: Sequence[float]) -> Answer:
    return _complex(math.exp(place[0]) * (1j * grid.omega / grid.middle) ** -0.5), []


def _short_warburg(grid: Grid, place: Sequence[float]) -> Answer:
    import numpy as np

    root = np.sqrt(1j * grid.omega * math.exp(place[1]))
    bent = np.tanh(np.minimum(root.real, _STRAIGHT) + 1j * np.where(root.real < _STRAIGHT, root.imag, 0.0))
    ohm = math.exp(place[0])
    return _complex(ohm * bent / root), [_complex(0.5 * ohm * (1.0 - bent**2 - bent / root))]


def _open_warburg(grid: Grid, place: Sequence[float]) -> Answer:
    import numpy as np

    root = np.sqrt(1j * grid.omega * math.exp(place[1]))
    bent = 1.0 / np.tanh(np.minimum(root.real, _STRAIGHT) + 1j * np.where(root.real < _STRAIGHT, root.imag, 0.0))
    ohm = math.exp(place[0])
    return _complex(ohm * bent / root), [_complex(0.5 * ohm * (1.0 - bent**2 - bent / root))]


def _arc(grid: Grid, place: Sequence[float], exponent: float) -> tuple[Complexes, Complexes, Complexes]:
    """Return an arc, and what its slopes have in common."""
    turned = 1j * grid.omega * math.exp(place[1])
    passed = turned**exponent
    whole = math.exp(place[0]) / (1.0 + passed)
    return _complex(whole), _complex(-whole * passed / (1.0 + passed)), _complex(turned)


def _arc_of_cpe(grid: Grid, place: Sequence[float]) -> Answer:
    import numpy as np

    whole, common, turned = _arc(grid, place, place[2])
    return whole, [_complex(common * place[2]), _complex(common * np.log(turned))]


def _arc_of_c(grid: Grid, place: Sequence[float]) -> Answer:
    whole, common, _ = _arc(grid, place, 1.0)
    return whole, [common]


_LAWS: dict[str, Callable[[Grid, Sequence[float]], Answer]] = {
    "R": _resistance,
    "L": _inductance,
    "C": _capacitance,
    "CPE": _constant_phase,
    "W": _warburg,
    "Ws": _short_warburg,
    "Wo": _open_warburg,
    "arc of CPE": _arc_of_cpe,
    "arc of C": _arc_of_c,
}


def terms(circuit: Circuit) -> list[Term]:
    """Return the terms of a circuit in its order; of an arc the resistance comes first."""
    found: list[Term] = []
    inside: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for element in circuit.elements:
        if element.arc is None:
            found.append(Term(element.kind, element.parameters))
            continue
        inside.setdefault(element.arc, []).append((element.kind, element.parameters))
        if len(inside[element.arc]) == 2:
            # R comes behind C and CPE in the alphabet.
            (beside, others), (_, resistance) = sorted(inside[element.arc])
            found.append(Term(f"arc of {beside}", (*resistance, *others)))
    return found
