"""The errors of one unit: gain and offset of each range, drawn once per seed, and noise."""

from __future__ import annotations

import math
from enum import StrEnum
from random import Random

from simulators.smu.ranges import Accuracy, Quantity, Range
from simulators.smu.settings import Quirks

_USUAL_PART = 0.5
"""A unit within its calibration year is seldom at the end of its accuracy: errors lie within this part of it."""

_LIMIT_OF_RANGE = 0.003
"""A limit is less exact than a source by this part of its range (section 2.1)."""

_NOISE_OF_RANGE = {Quantity.VOLTAGE: 4e-6, Quantity.CURRENT: 8e-7}
"""Standard deviation at one power-line cycle: a sixth of 50 uV on 2 V, and of 5 nA on 1 mA (section 2.1)."""

_SHORT_APERTURE_OF_RANGE = ((0.1, 5e-4), (1.0, 5e-5))
"""Below so many cycles, an offset of so much of the range is added (section 2.1)."""


class Role(StrEnum):
    """What a value is used for; each has errors of its own."""

    SOURCE = "source"
    LIMIT = "limit"
    MEASURE = "measure"


class UnitErrors:
    """Gains, offsets and noise of one unit, the same for the same seed."""

    def __init__(self, seed: str, quirks: Quirks) -> None:
        self._seed = seed
        self._quirks = quirks
        self._noise = Random(f"{seed}/noise")
        self._drawn: dict[tuple[Role, Quantity, float], tuple[float, float]] = {}

    def sourced(self, quantity: Quantity, range_: Range, value: float) -> float:
        """Return what the output really holds for a programmed level."""
        return self._apply(Role.SOURCE, quantity, range_, quantised(value, range_.source.resolution))

    def limited(self, quantity: Quantity, range_: Range, value: float) -> float:
        """Return where the output really limits."""
        return max(0.0, self._apply(Role.LIMIT, quantity, range_, value))

    def measured(self, quantity: Quantity, range_: Range, value: float, nplc: float) -> float:
        """Return what the unit reads for a value, with noise, in steps of its resolution."""
        quirks = self._quirks
        value = self._apply(Role.MEASURE, quantity, range_, value)
        if quirks.noise_scale:
            value += quirks.noise_scale * range_.full * self._noise_of_range(quantity, nplc)
        return quantised(value, range_.measure.resolution) if quirks.quantise_readings else value

    def _noise_of_range(self, quantity: Quantity, nplc: float) -> float:
        short = next((offset for below, offset in _SHORT_APERTURE_OF_RANGE if nplc < below), 0.0)
        deviation = _NOISE_OF_RANGE[quantity] / math.sqrt(max(nplc, 0.01))
        return self._noise.gauss(0.0, deviation) + short * self._noise.uniform(-0.2, 0.2)

    def _apply(self, role: Role, quantity: Quantity, range_: Range, value: float) -> float:
        fixed = self._quirks.fixed_errors.get((role, quantity))
        if fixed is None and self._quirks.error_scale == 0.0:
            return value
        gain, offset = fixed or self._errors(role, quantity, range_)
        return value * (1.0 + gain) + offset

    def _errors(self, role: Role, quantity: Quantity, range_: Range) -> tuple[float, float]:
        key = (role, quantity, range_.full)
        if key not in self._drawn:
            random = Random(f"{self._seed}/{role}/{quantity}/{range_.full}")
            accuracy: Accuracy = range_.measure if role is Role.MEASURE else range_.source
            more = _LIMIT_OF_RANGE * range_.full if role is Role.LIMIT else 0.0
            scale = _USUAL_PART * self._quirks.error_scale
            self._drawn[key] = (
                scale * accuracy.gain * random.uniform(-1.0, 1.0),
                scale * (accuracy.offset + more) * random.uniform(-1.0, 1.0),
            )
        return self._drawn[key]


def quantised(value: float, resolution: float) -> float:
    """Return the nearest step of a resolution."""
    return round(value / resolution) * resolution
