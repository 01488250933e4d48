"""Reads features of a spectrum without a fit: where it crosses the real axis, where its arcs end, how it ends.

These landmarks are what the soft-short rule compares from spectrum to spectrum while a run goes on, and what is said of
a spectrum beside its fit (``orchestrator.analysis.circuit``). They need numpy only and take well under a millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drivers.interfaces import Spectrum

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]

# A cell between two lithium faces has an arc of many degrees; metal between them has none.
LEAST_ARC_PHASE_DEG = 3.0
# Charge transfer and films are slower than this in no lithium cell: only a spectrum that comes down here can lack them.
ARC_SHOWS_BELOW_HZ = 1.0
METAL_OHM = 30.0
"""A Li/Li cell without an arc is a short below this resistance: a lithium thread of 16 ohm, contacts as large again."""
# What is said of a place on the curve needs a curve.
_FEWEST_POINTS = 8
# How far the imaginary part must rise again behind a valley, against the top of the arc, to be more than noise.
_VALLEY_DEPTH = 0.08


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value that the data determine, with its standard error in the same unit; both are finite."""

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
    frequency. ``phase_deg`` is the most capacitive phase, a positive number. ``points`` is how many
    points there were.
    """

    intercept_ohm: float
    valley_ohm: float
    valley_hz: float
    low_ohm: float
    phase_deg: float
    low_reactance_ohm: float
    lowest_hz: float
    points: int

    @property
    def tells(self) -> bool:
        """Whether the spectrum has points enough, at frequencies low enough, for its curve to say how the cell is."""
        return self.points >= _FEWEST_POINTS and self.lowest_hz <= ARC_SHOWS_BELOW_HZ

    @property
    def has_arc(self) -> bool:
        """Whether the spectrum has an arc at all: every sound cell has one, a piece of metal has none."""
        return self.phase_deg >= LEAST_ARC_PHASE_DEG

    @property
    def interface_ohm(self) -> float:
        """Return the width of the arcs on the real axis."""
        return self.valley_ohm - self.intercept_ohm


def columns(spectrum: Spectrum) -> tuple[Floats, Complexes]:
    """Return frequencies (from high to low) and impedances, without points that are no numbers or have no frequency.

    Any number of points may be left, also none.
    """
    import numpy as np

    frequency = np.array(spectrum.frequency_hz, dtype=float)
    impedance = np.array(spectrum.impedance_ohm, dtype=complex)
    good = np.isfinite(frequency) & (frequency > 0.0) & np.isfinite(impedance) & (np.abs(impedance) > 0.0)
    frequency, impedance = frequency[good], impedance[good]
    order = np.argsort(-frequency, kind="stable")
    return frequency[order], impedance[order]


def landmarks(spectrum: Spectrum) -> Landmarks | None:
    """Find the landmarks of a spectrum, also of one without an arc; None for a spectrum without a point."""
    import numpy as np

    frequency, impedance = columns(spectrum)
    if not len(frequency):
        return None
    capacitive = median_of(-impedance.imag, 3)
    intercept = _intercept(frequency, impedance)
    valley = _valley(impedance)
    valley_ohm = float(median_of(impedance.real, 3)[valley])
    phase = median_of(-np.degrees(np.angle(impedance)), 3)
    return Landmarks(
        intercept_ohm=intercept,
        valley_ohm=valley_ohm,
        valley_hz=float(frequency[valley]),
        low_ohm=float(median_of(impedance.real, 3)[-1]),
        phase_deg=float(phase.max()),
        low_reactance_ohm=float(capacitive[-1]),
        lowest_hz=float(frequency[-1]),
        points=len(frequency),
    )


def median_of(values: Floats, width: int) -> Floats:
    """Return the running median over an odd number of points; the ends are repeated outwards."""
    import numpy as np

    padded = np.pad(values, width // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1), dtype=float)


def _intercept(frequency: Floats, impedance: Complexes) -> float:
    """Return where the spectrum leaves the real axis (ohm); the leads' inductance may have its top below the axis."""
    top = frequency >= frequency[0] / 100.0
    imaginary, real = impedance.imag[top], impedance.real[top]
    capacitive = median_of(imaginary, 3) < 0.0
    if capacitive[0] or not capacitive.any():
        return float(real.min())
    after = int(capacitive.argmax())
    above, below = imaginary[after - 1], imaginary[after]
    share = above / (above - below) if above > below else 0.5
    return float(real[after - 1] + min(max(share, 0.0), 1.0) * (real[after] - real[after - 1]))


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
