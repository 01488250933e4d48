"""Spectra as the instrument writes them: from a law of impedance, twelve points a decade, four significant figures."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

# The package takes seconds to import: here that happens before any test's clock runs.
from impedance.models.circuits import CustomCircuit  # type: ignore[import-untyped] # noqa: F401 - the library is loaded for its registry of elements

from drivers.interfaces import Spectrum

GRID_HZ = tuple(float(f"{10 ** (6 - n / 12):.4g}") for n in range(97))


def spectrum_of(
    law: Callable[[float], complex],
    *,
    noise: float = 0.0,
    seed: int = 1,
    lead_h: float = 0.0,
    grid_hz: tuple[float, ...] = GRID_HZ,
) -> Spectrum:
    """Measure a law from high to low frequency, with relative noise of each part and the leads' inductance."""
    draws = random.Random(seed)
    points = []
    for frequency in grid_hz:
        true = law(frequency) + 2j * math.pi * frequency * lead_h
        spread = noise * abs(true)
        points.append(_written(true + complex(draws.gauss(0.0, spread), draws.gauss(0.0, spread))))
    return Spectrum(grid_hz, tuple(points), 0.0)


def _written(value: complex) -> complex:
    return complex(float(f"{value.real:.4g}"), float(f"{value.imag:.4g}"))
