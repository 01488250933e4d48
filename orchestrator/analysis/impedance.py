"""Reads features of a spectrum without a fit: where it crosses the real axis, where its arcs end, how it ends.

These landmarks are the starting values of the circuit fit (``orchestrator.analysis.circuit``) and what the soft-short
rule compares from spectrum to spectrum. They need numpy only and take well under a millisecond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivers.interfaces import Spectrum

    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]

FEWEST_POINTS = 10
# A cell between two lithium faces has an arc of many degrees; metal between them has none.
LEAST_ARC_PHASE_DEG = 3.0
# The middles of one, two or three arcs of equal width.
WIDTHS = (Fraction(1, 6), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(5, 6))
# How far the imaginary part must rise again behind a valley, against the top of the arc, to be more than noise.
_VALLEY_DEPTH = 0.08


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its standard error in the same unit; the error is NaN where the data do not determine it."""

    value: float
    error: float
    unit: str

    def __str__(self) -> str:
        return f"{self.value:.4g} +- {self.error:.2g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Places on a Nyquist plot, in ohm and Hz.

    ``intercept_ohm`` is where the spectrum meets the real axis at high frequency, ``valley_ohm`` the real part where
    the last arc ends and diffusion begins, ``low_ohm`` the real part and ``low_reactance_ohm`` -Z" at the lowest
    frequency. ``widths_hz`` are the frequencies at which the shares ``WIDTHS`` of the arcs' width are passed.
    ``phase_deg`` is the most capacitive phase, a positive number. ``inductance_h`` is that of the leads, 0 where the
    top of the spectrum does not show it; ``warburg_ohm`` is the coefficient A in A (1 - j) / sqrt(w) that the low end
    suggests.
    """

    intercept_ohm: float
    valley_ohm: float
    valley_hz: float
    low_ohm: float
    widths_hz: tuple[float, ...]
    phase_deg: float
    inductance_h: float
    warburg_ohm: float
    low_reactance_ohm: float
    lowest_hz: float

    @property
    def has_arc(self) -> bool:
        """Whether the spectrum has an arc at all: every sound cell has one, a piece of metal has none."""
        return self.phase_deg >= LEAST_ARC_PHASE_DEG

    @property
    def interface_ohm(self) -> float:
        """Return the width of the arcs on the real axis."""
        return self.valley_ohm - self.intercept_ohm


def columns(spectrum: Spectrum) -> tuple[Floats, Complexes]:
    """Return frequencies (from high to low) and impedances, without points that are not numbers.

    Raises ValueError when fewer than ten points are left, or a frequency is not positive.
    """
    import numpy as np

    frequency = np.array(spectrum.frequency_hz, dtype=float)
    impedance = np.array(spectrum.impedance_ohm, dtype=complex)
    good = np.isfinite(frequency) & np.isfinite(impedance) & (np.abs(impedance) > 0.0)
    frequency, impedance = frequency[good], impedance[good]
    if len(frequency) < FEWEST_POINTS:
        raise ValueError(f"a spectrum of {len(frequency)} points tells too little: at least {FEWEST_POINTS} are needed")
    if frequency.min() <= 0.0:
        raise ValueError(f"a spectrum has the frequency {frequency.min():g} Hz: frequencies are positive")
    order = np.argsort(-frequency, kind="stable")
    return frequency[order], impedance[order]


def landmarks(spectrum: Spectrum) -> Landmarks:
    """Find the landmarks of a spectrum; also of one without an arc. Raises ValueError as ``columns`` does."""
    import numpy as np

    frequency, impedance = columns(spectrum)
    capacitive = median_of(-impedance.imag, 3)
    intercept, inductance = _intercept(frequency, impedance)
    valley = _valley(impedance)
    valley_ohm = float(median_of(impedance.real, 3)[valley])
    width = valley_ohm - intercept
    passed = np.maximum.accumulate(impedance.real[: valley + 1]) - intercept
    widths = (min(int(np.searchsorted(passed, float(share) * width)), valley) for share in WIDTHS)
    phase = median_of(-np.degrees(np.angle(impedance)), 3)
    omega_low = 2.0 * math.pi * float(frequency[-1])
    return Landmarks(
        intercept_ohm=intercept,
        valley_ohm=valley_ohm,
        valley_hz=float(frequency[valley]),
        low_ohm=float(median_of(impedance.real, 3)[-1]),
        widths_hz=tuple(float(frequency[place]) for place in widths),
        phase_deg=float(phase.max()),
        inductance_h=inductance,
        low_reactance_ohm=float(capacitive[-1]),
        lowest_hz=float(frequency[-1]),
        warburg_ohm=max(float(capacitive[-1]), 1e-3 * intercept) * math.sqrt(omega_low),
    )


def median_of(values: Floats, width: int) -> Floats:
    """Return the running median over an odd number of points; the ends are repeated outwards."""
    import numpy as np

    padded = np.pad(values, width // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1), dtype=float)


def _intercept(frequency: Floats, impedance: Complexes) -> tuple[float, float]:
    """Return where the spectrum leaves the real axis (ohm), and the leads' inductance if its top is below the axis."""
    top = frequency >= frequency[0] / 100.0
    imaginary, real = impedance.imag[top], impedance.real[top]
    capacitive = median_of(imaginary, 3) < 0.0
    if capacitive[0] or not capacitive.any():
        return float(real.min()), 0.0 if capacitive[0] else _inductance(frequency, impedance)
    after = int(capacitive.argmax())
    above, below = imaginary[after - 1], imaginary[after]
    share = above / (above - below) if above > below else 0.5
    crossing = float(real[after - 1] + min(max(share, 0.0), 1.0) * (real[after] - real[after - 1]))
    return crossing, _inductance(frequency, impedance)


def _inductance(frequency: Floats, impedance: Complexes) -> float:
    return max(float(impedance.imag[0]), 0.0) / (2.0 * math.pi * float(frequency[0]))


def _valley(impedance: Complexes) -> int:
    """Return the end of the last arc: a valley of -Z", or of the phase if the rest is much larger than the arcs."""
    import numpy as np

    for height in (-impedance.imag, -np.angle(impedance)):
        smooth = median_of(np.maximum(height, 0.0), 3)
        before = np.maximum.accumulate(smooth)
        behind = np.maximum.accumulate(smooth[::-1])[::-1]
        depth = np.minimum(before, behind) - smooth
        deep = np.flatnonzero(depth >= _VALLEY_DEPTH * smooth.max())
        if len(deep) and smooth.max() > 0.0:
            # Of the last run of such points, the deepest.
            last = np.split(deep, np.flatnonzero(np.diff(deep) > 1) + 1)[-1]
            return int(last[depth[last].argmax()])
    # No diffusion to be seen: the arc ends where it comes closest to the real axis behind its top.
    top = int((-impedance.imag).argmax())
    return top + int(np.abs(impedance.imag[top:]).argmin())
