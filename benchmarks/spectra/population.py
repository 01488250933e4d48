"""Random spectra of known circuits, as an instrument writes them: noise, drift while measured, lost points.

The laws of the elements are written out here a second time, so that a mistake in the product's own is seen.
"""

from __future__ import annotations

import cmath
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from drivers.interfaces import Spectrum


class Family(StrEnum):
    """What the cell behind a spectrum is made of, besides electrolyte and leads."""

    ONE_ARC = "one arc"
    TWO_ARCS = "two arcs"
    THREE_ARCS = "three arcs"
    RANDLES = "arcs and endless diffusion"
    FILM = "arcs and diffusion through a film"
    HOST = "arcs and diffusion into a host"
    BLOCKING = "blocking electrode"


# The order and the units of the values of each element, as ``orchestrator.analysis.circuit_elements`` names them.
_SIZES = {"L": 1, "R": 1, "CPE": 2, "W": 1, "Ws": 2, "Wo": 2, "C": 1}
_FEWEST_POINTS_OF_A_SPECTRUM = 8


@dataclass(frozen=True, slots=True)
class Drift:
    """A change of resistances while they are measured: the share by which each grows to the end, by name.

    ``bend`` shapes it over time: 0 evenly, more: most of it early.
    """

    growth: Mapping[str, float]
    bend: float

    def factor(self, name: str, share: float) -> float:
        """Return what a resistance is multiplied by when a share of the time has passed."""
        done = share if self.bend == 0.0 else (1.0 - math.exp(-self.bend * share)) / (1.0 - math.exp(-self.bend))
        return 1.0 + self.growth.get(name, 0.0) * done


@dataclass(frozen=True, slots=True)
class Case:
    """One spectrum and the truth behind it.

    ``values`` are those of the circuit's parameters at the begin. ``drift`` is the largest change of the impedance,
    against that of a cell that stays as it was at the first point, as a fraction of |Z|. ``noise`` is the standard
    deviation of each part over |Z|.
    """

    family: Family
    circuit: str
    values: tuple[float, ...]
    spectrum: Spectrum
    drift: float
    noise: float
    per_decade: int

    @property
    def parameters(self) -> dict[str, float]:
        """The values by the names that the circuit gives them."""
        return dict(zip(_names(self.circuit), self.values, strict=True))

    @property
    def electrolyte_ohm(self) -> float:
        """The series resistance."""
        return self.parameters["R0"]

    @property
    def interface_ohm(self) -> float | None:
        """The sum of the arcs' resistances; None without an arc."""
        arcs = [value for name, value in self.parameters.items() if name.startswith("R") and name != "R0"]
        return sum(arcs) if arcs else None


def drawn_case(population: str, number: int) -> Case:
    """Draw a case of a population; every third one drifts."""
    draws = random.Random(f"{population}/{number}")
    family = draws.choice(tuple(Family))
    grid_hz, per_decade = _grid(draws)
    circuit, values = _circuit(family, draws, grid_hz)
    noise = 0.0 if draws.random() < 0.15 else 10.0 ** draws.uniform(-4.0, -2.0)
    drift = _drift(circuit, draws) if number % 3 == 0 else Drift({}, 0.0)
    # A point takes two periods and a tenth of a second.
    times = [2.0 / hertz + 0.1 for hertz in grid_hz]
    passed, whole, points, apart = 0.0, sum(times), [], 0.0
    for hertz, seconds in zip(grid_hz, times, strict=True):
        passed += seconds
        steady = impedance_ohm(circuit, values, hertz)
        true = impedance_ohm(circuit, values, hertz, drift, passed / whole)
        apart = max(apart, abs(true - steady) / abs(steady))
        off = complex(draws.gauss(0.0, noise), draws.gauss(0.0, noise)) * abs(true)
        points.append(_written(true + off))
    return Case(family, circuit, values, Spectrum(grid_hz, tuple(points), math.nan), apart, noise, per_decade)


def impedance_ohm(
    circuit: str, values: Sequence[float], hertz: float, drift: Drift | None = None, share: float = 0.0
) -> complex:
    """Return the impedance of a circuit, after a share of a drift."""
    jw, place, total = 2j * math.pi * hertz, 0, 0.0 + 0.0j
    changed = drift or Drift({}, 0.0)
    for group in circuit.split("-"):
        parts = group.removeprefix("p(").removesuffix(")").split(",")
        admittance, single = 0.0 + 0.0j, 0.0 + 0.0j
        for name in parts:
            count = _SIZES[name.rstrip("0123456789")]
            first, *rest = values[place : place + count]
            place += count
            single = _law(name, jw, first * changed.factor(name, share), rest)
            admittance += 1.0 / single
        total += 1.0 / admittance
    return total


def _law(name: str, jw: complex, first: float, rest: Sequence[float]) -> complex:
    kind = name.rstrip("0123456789")
    if kind == "R":
        return complex(first)
    if kind == "L":
        return jw * first
    if kind == "C":
        return 1.0 / (jw * first)
    if kind == "CPE":
        return 1.0 / (first * jw ** rest[0])
    if kind == "W":
        return first * (1.0 - 1.0j) / math.sqrt(abs(jw))
    root = cmath.sqrt(jw * rest[0])
    # Far beyond the bend both are 1: the hyperbolic functions of large numbers overflow.
    bent = 1.0 + 0.0j if root.real > 300.0 else cmath.tanh(root)
    return first * bent / root if kind == "Ws" else first / (root * bent)


def _grid(draws: random.Random) -> tuple[tuple[float, ...], int]:
    """Return frequencies from high to low, and how many a decade has; some are one point, some have lost points."""
    per_decade = draws.choice((3, 4, 5, 6, 7, 8, 10, 12, 12, 15, 20))
    top, low = draws.choice((6, 6, 6, 5, 5, 4)), draws.choice((-2, -2, -2, -1, -1, 0))
    if draws.random() < 0.02:
        return (10.0 ** draws.uniform(low, top),), per_decade
    grid = [10.0 ** (top - n / per_decade) for n in range((top - low) * per_decade + 1)]
    if draws.random() < 0.25:
        lost = draws.uniform(0.0, 0.3)
        kept = [hertz for hertz in grid if draws.random() > lost]
        grid = kept if len(kept) >= _FEWEST_POINTS_OF_A_SPECTRUM else grid
    return tuple(float(f"{hertz:.4g}") for hertz in grid), per_decade


def _circuit(family: Family, draws: random.Random, grid_hz: Sequence[float]) -> tuple[str, tuple[float, ...]]:
    """Return a circuit whose arcs have their tops within the frequencies measured, and its values."""
    series = 10.0 ** draws.uniform(0.0, 2.5)
    groups, values = ["R0"], [series]
    if draws.random() < 0.4:
        groups, values = ["L0", *groups], [10.0 ** draws.uniform(-7.5, -5.5), *values]
    count = {Family.ONE_ARC: 1, Family.TWO_ARCS: 2, Family.THREE_ARCS: 3}.get(family)
    if count is None:
        count = draws.choice((0, 1)) if family is Family.BLOCKING else draws.choice((1, 2))
    high, low = math.log10(grid_hz[0]), math.log10(grid_hz[-1])
    room = max(high - low, 2.0)
    # Tops at least a decade apart, half a decade away from the ends; a tail begins behind them.
    edge_low = low + (0.5 if family in {Family.ONE_ARC, Family.TWO_ARCS, Family.THREE_ARCS} else 0.45 * room)
    tops = _apart(draws, count, edge_low, max(high - 0.5, edge_low + 0.5))
    largest = 0.0
    for n, top in enumerate(tops, 1):
        ohm = series * 10.0 ** draws.uniform(-0.5, 1.5)
        exponent = draws.choice((1.0, draws.uniform(0.7, 1.0)))
        largest += ohm
        admittance = (2.0 * math.pi * 10.0**top) ** -exponent / ohm
        groups.append(f"p(R{n},CPE{n})")
        values += [ohm, admittance, exponent]
    whole, slowest = series + largest, min(tops, default=high)
    omega_low = 2.0 * math.pi * grid_hz[-1]
    if family is Family.RANDLES:
        groups.append("W1")
        values.append(whole * draws.uniform(0.1, 1.5) * math.sqrt(omega_low))
    elif family in {Family.FILM, Family.HOST}:
        bend_hz = 10.0 ** draws.uniform(low + 0.1 * room, max(low + 0.2 * room, slowest - 1.0))
        groups.append("Ws1" if family is Family.FILM else "Wo1")
        values += [whole * draws.uniform(0.2, 2.0), 2.5 / (2.0 * math.pi * bend_hz)]
    elif family is Family.BLOCKING:
        exponent = draws.choice((1.0, draws.uniform(0.8, 1.0)))
        groups.append("CPE9")
        values += [1.0 / (whole * draws.uniform(1.0, 20.0) * omega_low**exponent), exponent]
    return "-".join(groups), tuple(values)


def _apart(draws: random.Random, count: int, low: float, high: float) -> list[float]:
    """Return positions between two ends, from high to low, at least one apart or else as far as there is room."""
    least = min(1.0, (high - low) / max(1, count))
    spare = (high - low) - least * (count - 1)
    places = sorted(draws.uniform(0.0, spare) for _ in range(count))
    return [low + place + n * least for n, place in enumerate(places)][::-1]


def _drift(circuit: str, draws: random.Random) -> Drift:
    """Return a drift: of all resistances as by temperature, of the interface alone, or of the electrolyte alone."""
    size = 10.0 ** draws.uniform(-2.5, -0.3) * draws.choice((-1.0, 1.0))
    names = [name for name in _resistive(circuit) if name != "R0"]
    chosen = draws.choice((["R0", *names], names or ["R0"], [draws.choice(names)] if names else ["R0"]))
    return Drift(dict.fromkeys(chosen, size), draws.choice((0.0, 0.0, 3.0)))


def _resistive(circuit: str) -> list[str]:
    words = circuit.replace("p(", "").replace(")", "").replace(",", "-").split("-")
    return [word for word in words if word.startswith(("R", "W"))]


def _names(circuit: str) -> list[str]:
    words = circuit.replace("p(", "").replace(")", "").replace(",", "-").split("-")
    sizes = [(word, _SIZES[word.rstrip("0123456789")]) for word in words]
    return [word if count == 1 else f"{word}_{n}" for word, count in sizes for n in range(count)]


def _written(value: complex) -> complex:
    """Round as the instrument's text does, to four significant figures."""
    return complex(float(f"{value.real:.4g}"), float(f"{value.imag:.4g}"))
