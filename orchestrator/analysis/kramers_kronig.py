"""Tests whether a spectrum can be that of one cell in one state: a Kramers-Kronig test without a number to choose.

Whatever is linear and stays the same has a real and an imaginary part that come from one distribution of relaxation
times (Boukamp, J. Electrochem. Soc. 142 (1995) 1885). Here the times are fixed and dense, more than any spectrum can
tell apart, and how large their weights may be is found from the data themselves: the most likely prior variance beside
the most likely noise. So there is no number of elements on which the verdict could depend; the rule by which such a
number is chosen (Schoenleber et al., Electrochim. Acta 131 (2014) 20) stops too early for a single arc.

The test holds two explanations against each other: one distribution for both parts, and a distribution of its own for
each. What decides is how much likelier the second one makes the data, with noise in the place of every difference that
neighbouring points do not share. A cell that warms, ages or relaxes during the slow decades is found out so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from drivers.interfaces import Spectrum
from orchestrator.analysis.evidence import Evidence, Relaxations
from orchestrator.analysis.impedance import columns

if TYPE_CHECKING:
    from orchestrator.analysis.impedance import Bools, Complexes, Floats

LIMIT = 0.005
"""Disagreement of the parts (fraction of |Z|) that a spectrum may have: an instrument's ranges and leads leave this."""
EVIDENCE = 3.5
"""Logarithm of the likelihood ratio from which on two distributions are believed: of 450 steady spectra with as large a
disagreement none came above 2.2 (``benchmarks/spectra``, seed ``judging``)."""
NOTICEABLE = 0.25
"""A growth of the whole impedance (fraction) that must show, if it is there, for a spectrum to be called steady."""
# Of a change of the cell the parts' disagreement shows about this share: the median of ``benchmarks/spectra``.
_SHOWN = 0.3
# With fewer there is nothing left beside resistance, inductance, capacitance and one relaxation.
_FEWEST_POINTS = 5
# Nor with points that lie closer, by the ratio of their frequencies.
_LEAST_SPAN = 2.0
# A point this many times the usual residual off is looked at; without it, it is spoiled if it lies this many times the
# scatter away from where the others say it is, and more than an instrument's own steps. At most one in so many is.
_CONSPICUOUS, _SPOILED, _LEAST_SPOILED, _ONE_IN = 4.0, 10.0, 1e-3, 20
# Its neighbours must be so close (ratio of their frequencies) that nothing of the cell happens between them.
_CLOSE = 3.0
# At the ends a single point may be all there is to see of a change: none of these is taken for a spoiled one.
_ENDS = 3


class Steadiness(StrEnum):
    """The verdict of the test."""

    STEADY = "steady"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KramersKronig:
    """The verdict: residuals are (measured - steady) / |measured|, in the order of ``frequency_hz``, high to low.

    ``systematic`` is the largest disagreement of real and imaginary part that neighbouring points share, ``noise`` the
    scatter of single points, ``noticeable`` the smallest growth of the whole impedance, evenly over the time of the
    sweep, that would have been found: all fractions of |Z|, NaN where the points do not tell. ``evidence`` is the
    logarithm of the likelihood ratio. ``spoiled_hz`` are single points that were left out. ``sentence`` says what was
    found.
    """

    verdict: Steadiness
    sentence: str
    systematic: float
    noise: float
    noticeable: float
    evidence: float
    spoiled_hz: tuple[float, ...]
    frequency_hz: tuple[float, ...]
    residual_real: tuple[float, ...]
    residual_imaginary: tuple[float, ...]

    @property
    def passes(self) -> bool:
        """Whether the spectrum was found to be that of a steady cell; False also where the points do not tell."""
        return self.verdict is Steadiness.STEADY


def kramers_kronig(spectrum: Spectrum, limit: float = LIMIT) -> KramersKronig:
    """Test a spectrum of any number of points; about 20 ms.

    It fails if real and imaginary part disagree by more than ``limit`` and noise is no explanation. Of few points, or
    of noisy ones, the verdict is ``UNKNOWN``.
    """
    frequency, impedance = columns(spectrum)
    if len(frequency) < _FEWEST_POINTS:
        counted = f"{len(frequency)} point{'' if len(frequency) == 1 else 's'}"
        return _unknown(frequency, f"not known to be steady: {counted} cannot contradict each other")
    if frequency[0] / frequency[-1] < _LEAST_SPAN:
        return _unknown(frequency, "not known to be steady: the points lie within a factor of two in frequency")
    kept, found = _without_spoiled(frequency, impedance)
    spoiled = tuple(frequency[~kept].tolist())
    noticeable = max(found.noticeable, limit / _SHOWN)
    verdict, sentence = _judged(found, limit, noticeable)
    if spoiled:
        named = ", ".join(f"{hertz:.3g} Hz" for hertz in spoiled)
        sentence += f"; left out as single spoiled points: {named}"
    residual = found.residual(frequency, impedance)
    return KramersKronig(
        verdict=verdict,
        sentence=sentence,
        systematic=found.disagreement,
        noise=found.noise,
        noticeable=noticeable,
        evidence=found.log_ratio,
        spoiled_hz=spoiled,
        frequency_hz=tuple(frequency.tolist()),
        residual_real=tuple(residual.real.tolist()),
        residual_imaginary=tuple(residual.imag.tolist()),
    )


def _judged(found: Evidence, limit: float, noticeable: float) -> tuple[Steadiness, str]:
    if found.log_ratio > EVIDENCE and found.disagreement > limit:
        return Steadiness.CHANGED, (
            f"real and imaginary part disagree by {found.disagreement:.1%} of |Z| near {found.where_hz:.3g} Hz "
            f"(allowed {limit:.1%}, scatter {found.noise:.2%}): the cell changed while it was measured, or the signal "
            f"was too large"
        )
    if not noticeable < NOTICEABLE:
        return Steadiness.UNKNOWN, (
            f"not known to be steady: with {found.points} points and a scatter of {found.noise:.1%} a growth of the "
            f"whole impedance by {NOTICEABLE:.0%} would not show"
        )
    return Steadiness.STEADY, (
        f"linear and steady: a growth of the whole impedance by {noticeable:.1%} over the sweep would have shown, with "
        f"a scatter of {found.noise:.2%} of |Z|"
    )


def _unknown(frequency: Floats, sentence: str) -> KramersKronig:
    nothing = (math.nan,) * len(frequency)
    return KramersKronig(
        Steadiness.UNKNOWN,
        sentence,
        math.nan,
        math.nan,
        math.nan,
        0.0,
        (),
        tuple(frequency.tolist()),
        nothing,
        nothing,
    )


def _without_spoiled(frequency: Floats, impedance: Complexes) -> tuple[Bools, Evidence]:
    """Return which points are kept, and what they say: single points far from all others are left out.

    Nothing is left out if points side by side, or more than a few, lie off: that is no slip of single readings.
    """
    import numpy as np

    whole = Relaxations(frequency, impedance).weigh()
    kept, found = np.ones(len(frequency), dtype=bool), whole
    everything = kept.copy()
    while True:
        size = np.abs(found.residual(frequency, impedance))
        inner = kept.copy()
        inner[:_ENDS] = inner[-_ENDS:] = False
        worst = int(np.where(inner, size, 0.0).argmax())
        if not inner.any() or size[worst] < _CONSPICUOUS * float(np.median(size[kept])):
            return kept, found
        near = kept[worst - 1 : worst + 2]
        if frequency[worst - 1] / frequency[worst + 1] > _CLOSE:
            return kept, found
        if not near.all() or (~kept).sum() >= len(frequency) // _ONE_IN:
            return everything, whole
        kept[worst] = False
        without = Relaxations(frequency[kept], impedance[kept]).weigh()
        # Believed only if it is far from where the others say it is.
        away = float(np.abs(without.residual(frequency, impedance))[worst])
        if away < _SPOILED * max(without.noise, _LEAST_SPOILED):
            kept[worst] = True
            return kept, found
        found = without
