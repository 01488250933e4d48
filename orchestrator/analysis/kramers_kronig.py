"""Tests whether a spectrum can be that of one cell in one state: the linear Kramers-Kronig test.

A chain of RC elements (with the leads' inductance and a series capacitance) obeys Kramers and Kronig by its form. What
it cannot follow, however many elements it has, is not the answer of a linear system that stayed the same (Schoenleber
et al., Electrochim. Acta 131 (2014) 20). A cell that warms, ages or relaxes during the slow decades is found out so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from drivers.interfaces import Spectrum
from orchestrator.analysis.impedance import columns, median_of

# Systematic misfit (fraction of |Z|) that a spectrum may have: what a 12-bit reading and rounding leave lies far below.
LIMIT = 0.01
_MOST_ELEMENTS = 50
# Below this share of positive to negative resistors the chain begins to follow the noise (the authors' value).
_MU = 0.85
# Among a hundred medians of five points, the largest stays below this many times their scatter.
_SCATTER = 2.5
# Running median over so many points: what survives it is no noise of single points.
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class KramersKronig:
    """The verdict: residuals are (measured - chain) / |measured|, in the order of ``frequency_hz``, high to low.

    ``systematic`` is the largest residual that neighbouring points share, ``noise`` the scatter of single points; both
    are fractions of |Z|. ``sentence`` says what was found.
    """

    passes: bool
    sentence: str
    systematic: float
    noise: float
    elements: int
    frequency_hz: tuple[float, ...]
    residual_real: tuple[float, ...]
    residual_imaginary: tuple[float, ...]


def kramers_kronig(spectrum: Spectrum, limit: float = LIMIT) -> KramersKronig:
    """Test a spectrum. It fails if a misfit shared by neighbours exceeds the limit and is larger than the scatter.

    Raises ValueError for fewer than ten points.
    """
    import numpy as np
    from impedance.validation import fit_linKK, get_tc_distribution, linKK  # type: ignore[import-untyped]

    frequency, impedance = columns(spectrum)
    # One element a decade at least: a nearly flat spectrum is no reason to stop before its small arc is followed.
    count, mu = max(2, round(math.log10(frequency[0] / frequency[-1]))), 1.0
    # linKK's own search prints as it goes; only its answer for the number found here is asked.
    while mu > _MU and count < min(_MOST_ELEMENTS, len(frequency) - 3):
        count += 1
        times = get_tc_distribution(frequency, count)
        _, mu = fit_linKK(frequency, times, count, impedance, "complex", True)
    # impedance 1.7.1 builds source text out of numbers and cannot read back how numpy 2 writes its own.
    with np.printoptions(legacy="1.25"):
        _, _, _, real, imaginary = linKK(frequency, impedance, None, count, "complex", True)
    smooth_real, smooth_imaginary = median_of(real, _NEIGHBOURS), median_of(imaginary, _NEIGHBOURS)
    # The two points at each end have no neighbours enough to tell noise from drift: there the median repeats them.
    inner = slice(_NEIGHBOURS // 2, -(_NEIGHBOURS // 2))
    shared = np.maximum(np.abs(smooth_real), np.abs(smooth_imaginary))[inner]
    rest = np.concatenate([real - smooth_real, imaginary - smooth_imaginary])
    noise = float(1.4826 * np.median(np.abs(rest)))
    systematic, where = float(shared.max()), float(frequency[inner][int(shared.argmax())])
    passes = systematic <= max(limit, _SCATTER * noise)
    if passes:
        sentence = f"linear and steady: neighbouring points agree with one state within {systematic:.2%} of |Z|"
    else:
        sentence = (
            f"off by {systematic:.1%} of |Z| near {where:.3g} Hz (allowed {max(limit, _SCATTER * noise):.1%}): the "
            f"cell changed while it was measured, or the signal was too large"
        )
    return KramersKronig(
        passes=passes,
        sentence=sentence,
        systematic=systematic,
        noise=noise,
        elements=count,
        frequency_hz=tuple(frequency.tolist()),
        residual_real=tuple(real.tolist()),
        residual_imaginary=tuple(imaginary.tolist()),
    )
