"""The parts of a circuit: elements in series, and arcs of a resistance beside a capacitor or constant-phase element.

The words and the units are those of the ``impedance`` package, so that a circuit means the same to both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.analysis.impedance import Complexes, Floats

UNITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "R": ("ohm",),
        "L": ("H",),
        "C": ("F",),
        "CPE": ("S s^n", "1"),
        "W": ("ohm s^-1/2",),
        "Ws": ("ohm", "s"),
        "Wo": ("ohm", "s"),
    }
)
CPE_EXPONENTS = (0.3, 1.0)
_ELEMENT = re.compile(r"(CPE|Ws|Wo|W|R|C|L)(\d+)")
_GROUP = re.compile(r"p\(([^()]*)\)|([^-]+)")


def _short_warburg(jw: Complexes, ohm: float, seconds: float) -> Complexes:
    import numpy as np

    root = np.sqrt(jw * seconds)
    return np.asarray(ohm * np.tanh(root) / root)


def _open_warburg(jw: Complexes, ohm: float, seconds: float) -> Complexes:
    import numpy as np

    root = np.sqrt(jw * seconds)
    return np.asarray(ohm / (root * np.tanh(root)))


# Impedance of each element over j omega.
_LAWS: Mapping[str, Callable[..., Complexes]] = MappingProxyType(
    {
        "R": lambda jw, ohm: ohm + 0.0 * jw,
        "L": lambda jw, henry: jw * henry,
        "C": lambda jw, farad: 1.0 / (jw * farad),
        "CPE": lambda jw, admittance, exponent: 1.0 / (admittance * jw**exponent),
        "W": lambda jw, ohm: math.sqrt(2.0) * ohm / jw**0.5,
        "Ws": _short_warburg,
        "Wo": _open_warburg,
    }
)


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its kind, its name in the circuit, and the number of its arc (from 0), None in series."""

    kind: str
    name: str
    arc: int | None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of its parameters as the package has them."""
        count = len(UNITS[self.kind])
        return (self.name,) if count == 1 else tuple(f"{self.name}_{n}" for n in range(count))


@dataclass(frozen=True, slots=True)
class Circuit:
    """A parsed circuit: its elements in the order of their parameters."""

    text: str
    elements: tuple[Element, ...]

    @property
    def arcs(self) -> int:
        """Return the number of arcs."""
        return len({element.arc for element in self.elements if element.arc is not None})

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of all parameters, in order."""
        return tuple(name for element in self.elements for name in element.parameters)

    @property
    def units(self) -> tuple[str, ...]:
        """Return the units of all parameters, in order."""
        return tuple(unit for element in self.elements for unit in UNITS[element.kind])

    def is_exponent(self) -> tuple[bool, ...]:
        """Return, for each parameter, whether it is an exponent, bounded by ``CPE_EXPONENTS``; others are positive."""
        return tuple(
            element.kind == "CPE" and n == 1 for element in self.elements for n in range(len(element.parameters))
        )

    def impedance(self, frequency_hz: Floats, values: Floats) -> Complexes:
        """Compute the impedance (ohm) at frequencies."""
        import numpy as np

        jw = 2j * math.pi * frequency_hz
        total = np.zeros_like(jw)
        admittances = [np.zeros_like(jw) for _ in range(self.arcs)]
        place = 0
        for element in self.elements:
            count = len(UNITS[element.kind])
            one = _LAWS[element.kind](jw, *values[place : place + count])
            place += count
            if element.arc is None:
                total = total + one
            else:
                admittances[element.arc] = admittances[element.arc] + 1.0 / one
        return np.asarray(total + sum(1.0 / admittance for admittance in admittances))


def read_circuit(text: str) -> Circuit:
    """Parse ``L0-R0-p(R1,CPE1)-W1`` and the like. Raises ValueError, which names the expected form, for other text."""
    elements: list[Element] = []
    rest, arcs = text, 0
    while match := _GROUP.match(rest):
        arc, single = match.groups()
        names = arc.split(",") if arc is not None else [single]
        found = [_ELEMENT.fullmatch(name) for name in names]
        kinds = sorted(one[1] for one in found if one)
        if len(kinds) != len(names) or (arc is not None and kinds not in (["CPE", "R"], ["C", "R"])):
            break
        elements += [Element(one[1], one[0], arcs if arc is not None else None) for one in found if one]
        arcs += arc is not None
        rest = rest[match.end() :]
        if not rest:
            if len({element.name for element in elements}) == len(elements):
                return Circuit(text, tuple(elements))
            break
        if not rest.startswith("-"):
            break
        rest = rest[1:]
    raise ValueError(
        f"circuit {text!r}: expected different elements R, L, C, CPE, W, Ws, Wo with numbers, and arcs p(R1,CPE1) or "
        f"p(R1,C1), joined by '-'"
    )
