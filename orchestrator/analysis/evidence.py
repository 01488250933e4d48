"""Weighs how likely a spectrum is, with one distribution of relaxation times for both parts and with one for each.

Both are Gaussian: weights of fixed relaxation times have a prior variance, points have noise in proportion to their
modulus, and the ratio of the two variances is the most likely one (the marginal likelihood, with resistance, inductance
and capacitance in series integrated out). Everything is linear but the two ratios.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from orchestrator.analysis.impedance import Complexes, Floats

# Relaxation times a decade: signed weights on these follow any arc, also one between two of them, to 2e-4.
_PER_DECADE = 4
# Decades by which the times reach beyond the frequencies: what lies farther off is a resistance or a capacitance here.
_BEYOND = 1.0
# No reading of impedance is better than this fraction of it.
_LEAST_NOISE = 1e-5
# Directions that no two points tell apart.
_SAME = 1e-5
# Range of the logarithm of prior variance over noise variance that is looked at.
_LEAST_LOG, _MOST_LOG, _LOG_STEP = -30.0, 27.0, 0.25
# Logarithm of the likelihood ratio that a change should reach for it to be noticed, and what fitting it takes away.
_NOTICED, _FITTED_AWAY = 3.5, 2.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a spectrum says; fractions of |Z|.

    ``disagreement`` is the largest difference between the parts, at ``where_hz``, ``noise`` the scatter left by the
    likelier explanation, ``noticeable`` the smallest growth in proportion to time that would have decided.
    """

    log_ratio: float
    disagreement: float
    where_hz: float
    noise: float
    noticeable: float
    points: int
    relaxations: Relaxations
    weights: Floats
    series: Floats

    def residual(self, frequency: Floats, impedance: Complexes) -> Complexes:
        """Return (measured - steady) / |measured| at any frequencies; the steady spectrum is the first explanation."""
        return self.relaxations.residual(frequency, impedance, self.weights, self.series)


class Relaxations:
    """Fixed relaxation times for one spectrum; points from high to low frequency (Hz, ohm), five at least."""

    def __init__(self, frequency: Floats, impedance: Complexes) -> None:
        """Lay the times out over the frequencies, each weight in units of the modulus that its time sees."""
        import numpy as np

        omega, modulus = 2.0 * math.pi * frequency, np.abs(impedance)
        low, high = math.log10(1.0 / omega[0]) - _BEYOND, math.log10(1.0 / omega[-1]) + _BEYOND
        self._times = np.logspace(low, high, math.ceil((high - low) * _PER_DECADE) + 1)
        self._scale = np.exp(np.interp(np.log(self._times), -np.log(omega), np.log(modulus)))
        self._frequency, self._impedance = frequency, impedance
        chain, series = self._columns(frequency, modulus)
        self._series_size = np.linalg.norm(_stacked(series), axis=0)
        self._chain, self._series = _stacked(chain), _stacked(series) / self._series_size
        self._apart = np.vstack([chain.real, -chain.imag])
        self._measured = _stacked(impedance / modulus)
        self._across = np.linalg.qr(self._series)[0]
        both = np.hstack([self._beside(self._chain), self._beside(self._apart)])
        directions, sizes, _ = np.linalg.svd(both, full_matrices=False)
        self._directions = directions[:, sizes > _SAME * sizes[0]]

    def weigh(self) -> Evidence:
        """Find the most likely ratios and compare the two explanations."""
        import numpy as np

        measured = self._beside(self._measured)
        inner = self._directions.T @ measured
        rest = max(float(measured @ measured - inner @ inner), 0.0)
        freedom = len(measured) - self._series.shape[1]
        chain, apart = (self._directions.T @ self._beside(part) for part in (self._chain, self._apart))
        one = _Scale.of(chain, inner)
        one_cost, one_log = one.likeliest(rest, freedom, 0.0)
        # The ratio of the first stays near where it was, since what both parts share does.
        tried, log = {}, one_log
        for step in (2.0, 1.0):
            for near in (log - step, log, log + step):
                if near not in tried:
                    tried[near] = _Both.of(one, near, apart, rest, freedom)
            log = min(tried, key=lambda at: tried[at].cost)
        two = tried[log]
        noise = math.sqrt(min(one.variance(one_log, rest, freedom), two.variance))
        difference = self._apart @ two.weights
        half = len(difference) // 2
        sizes = np.hypot(difference[:half], difference[half:])
        weights = math.exp(one_log) * chain.T @ one.solved(one_log, inner)
        series = np.linalg.lstsq(self._series, self._measured - self._chain @ weights, rcond=None)[0]
        return Evidence(
            log_ratio=max(one_cost - two.cost, 0.0),
            disagreement=float(sizes.max()),
            where_hz=float(self._frequency[int(sizes.argmax())]),
            noise=noise,
            noticeable=self._noticeable(one, one_log, noise),
            points=half,
            relaxations=self,
            weights=weights,
            series=series / self._series_size,
        )

    def residual(self, frequency: Floats, impedance: Complexes, weights: Floats, series: Floats) -> Complexes:
        """Return (measured - steady) / |measured| for weights of the times and of the elements in series."""
        import numpy as np

        modulus = np.abs(impedance)
        chain, beside = self._columns(frequency, modulus)
        return np.asarray(impedance / modulus - chain @ weights - beside @ series)

    def _noticeable(self, one: _Scale, log: float, noise: float) -> float:
        """Return the growth of the whole impedance, in proportion to time, that one distribution would not follow.

        A point takes as long as its period.
        """
        import numpy as np

        passed = np.cumsum(1.0 / self._frequency)
        growth = self._beside(_stacked(self._impedance / np.abs(self._impedance) * passed / passed[-1]))
        inner = self._directions.T @ growth
        outside = max(float(growth @ growth - inner @ inner), 0.0)
        strength = float(inner @ one.solved(log, inner)) + outside
        return noise * math.sqrt(2.0 * (_NOTICED + _FITTED_AWAY) / max(strength, 1e-12))

    def _columns(self, frequency: Floats, modulus: Floats) -> tuple[Complexes, Complexes]:
        """Return what each time, and each of resistance, inductance and capacitance in series, adds to Z / |Z|."""
        import numpy as np

        jw = 2j * math.pi * frequency
        chain = self._scale / (1.0 + jw[:, None] * self._times) / modulus[:, None]
        series = np.column_stack([np.ones_like(jw), jw, 1.0 / jw]) / modulus[:, None]
        return np.asarray(chain), np.asarray(series)

    def _beside(self, values: Floats) -> Floats:
        """Return what of columns lies beside the elements in series."""
        import numpy as np

        return np.asarray(values - self._across @ (self._across.T @ values))


@dataclass(frozen=True, slots=True)
class _Scale:
    """A covariance ``1 + ratio * part part'`` for every ratio at once: its axes, and the data along them."""

    axes: Floats
    sizes: Floats
    along: Floats

    @classmethod
    def of(cls, part: Floats, data: Floats) -> Self:
        """Find the axes of a part; one decomposition serves all ratios."""
        import numpy as np

        sizes, axes = np.linalg.eigh(part @ part.T)
        return cls(axes, np.maximum(sizes, 0.0), axes.T @ data)

    def likeliest(self, rest: float, freedom: int, before: float) -> tuple[float, float]:
        """Return the least cost (minus the logarithm of the likelihood) and the logarithm of the ratio that has it."""
        import numpy as np

        logs = np.arange(_LEAST_LOG, _MOST_LOG, _LOG_STEP)
        grown = 1.0 + np.exp(logs)[:, None] * self.sizes
        variances = ((self.along**2 / grown).sum(axis=1) + rest) / freedom + _LEAST_NOISE**2
        costs = 0.5 * freedom * np.log(variances) + 0.5 * np.log(grown).sum(axis=1) + before
        best = int(costs.argmin())
        return float(costs[best]), float(logs[best])

    def variance(self, log: float, rest: float, freedom: int) -> float:
        """Return the most likely variance of the noise at a ratio."""
        left = float((self.along**2 / (1.0 + math.exp(log) * self.sizes)).sum())
        return (left + rest) / freedom + _LEAST_NOISE**2

    def solved(self, log: float, data: Floats) -> Floats:
        """Return what the inverse of the covariance makes of data."""
        import numpy as np

        return np.asarray(self.axes @ (self.axes.T @ data / (1.0 + math.exp(log) * self.sizes)))


@dataclass(frozen=True, slots=True)
class _Both:
    """The second explanation at one ratio of the first: its cost, noise variance, and the weights of the difference."""

    cost: float
    variance: float
    weights: Floats

    @classmethod
    def of(cls, one: _Scale, log: float, apart: Floats, rest: float, freedom: int) -> Self:
        """Find the likeliest ratio of the difference beside a ratio of what both parts share."""
        import numpy as np

        grown = 1.0 + math.exp(log) * one.sizes
        shrink = 1.0 / np.sqrt(grown)
        part = (one.axes.T @ apart) * shrink[:, None]
        two = _Scale.of(part, shrink * one.along)
        cost, ratio = two.likeliest(rest, freedom, 0.5 * float(np.log(grown).sum()))
        solved = two.axes @ (two.along / (1.0 + math.exp(ratio) * two.sizes))
        return cls(cost, two.variance(ratio, rest, freedom), math.exp(ratio) * part.T @ solved)


def _stacked(values: Complexes) -> Floats:
    import numpy as np

    return np.asarray(np.concatenate([values.real, values.imag]))
