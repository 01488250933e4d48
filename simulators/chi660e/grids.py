"""The frequencies at which an impedance is measured, and how long each takes [8.1, 8.2, 8.4]."""

from __future__ import annotations

import math
from collections.abc import Mapping

from simulators.chi660e.settings import Timing

FT_LIMIT_HZ = 1e5

_BINS = (1690, 1395, 1152, 951, 785, 648, 535, 441, 364, 301, 248, 205)
_BINS_BELOW_1_KHZ = (169, 140, 115, 95, 78, 65, 53, 44, 36, 30, 25, 20)
_BINS_FT = (99, 83, 68, 56, 47, 38, 32, 26, 22, 18, 15, 12)
_BASE_HZ = 4.8828125
_TOP_BIN = 2040
_A_DECADE = 12
_NEARLY = 1.0 + 1e-9

# Which parameter counts the cycles from this frequency up to ten times it [6, IMP].
_CYCLES = ((1.0, "cl1"), (0.1, "cl2"), (0.01, "cl3"), (1e-3, "cl4"), (1e-4, "cl5"))


def single_frequency_hz(low_hz: float, high_hz: float) -> list[float]:
    """Return the points of single-frequency mode from high to low.

    Where ``high_hz`` is 1e5, the point of that decade's end lies above it, and bin 2040 of the next base stands in; for
    1e4 and 1e3 the same is assumed.
    """
    points: list[float] = []
    for base_hz in (_BASE_HZ * 100, _BASE_HZ * 10, _BASE_HZ):
        if high_hz < 2e5 and math.isclose(high_hz, base_hz * 2048, rel_tol=1e-4):
            points.append(_TOP_BIN * base_hz)
        points += [base_hz * bin_ for bin_ in _BINS]
    points += [_BASE_HZ * bin_ for bin_ in _BINS_BELOW_1_KHZ]
    lowest = math.floor(math.log10(low_hz) * _A_DECADE - 1e-6)
    points += [10.0 ** (k / _A_DECADE) for k in range(2 * _A_DECADE - 1, lowest - 1, -1)]
    return _between(points, low_hz, high_hz)


def fourier_hz(low_hz: float, high_hz: float) -> list[float]:
    """Return the points of FT mode from high to low; below 100 Hz this grid is UNSURE."""
    decades = math.ceil(4 - math.log10(low_hz) + 1e-6)
    points = [976.5625 * 10.0**-decade * bin_ for decade in range(decades + 1) for bin_ in _BINS_FT]
    return _between(points, low_hz, min(high_hz, FT_LIMIT_HZ))


def seconds_at(frequency_hz: float, cycles: Mapping[str, float], timing: Timing) -> float:
    """Return the duration of one point: its cycles, the settling before them, and the overhead."""
    count = next((cycles.get(key, 1.0) for low_hz, key in _CYCLES if frequency_hz >= low_hz / _NEARLY), 1.0)
    if frequency_hz >= 10.0 / _NEARLY:
        count = 1.0
    return (count + timing.settling_cycles) / frequency_hz + timing.point_s


def _between(points: list[float], low_hz: float, high_hz: float) -> list[float]:
    return [point for point in points if low_hz / _NEARLY <= point <= high_hz * _NEARLY]
