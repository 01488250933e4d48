"""Converts the true values at a channel's terminals into readings: offsets, noise, and a source that settles.

Noise is drawn once per record, in the order of the records, so that a test's readings depend on its seed and on
nothing that anybody asks. Figures: reference 1.4.
"""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist

from simulators.neware.schedule import TICKS_PER_S, UnitRatings
from simulators.neware.settings import Noise

_NORMAL = tuple(NormalDist().inv_cdf((n + 0.5) / 4096) for n in range(4096))
"""A standard normal distribution in 4096 equally likely values: one draw of 24 bits gives a record both its errors."""


class Readings:
    """The measuring side of one channel."""

    def __init__(self, seed: str, ratings: UnitRatings, noise: Noise) -> None:
        """Draw this channel's fixed errors from ``seed``; they stay for its life."""
        fixed = Random(f"{seed}/fixed")
        self._seed = seed
        self._ratings = ratings
        self._noise = noise
        self._random = Random(seed)
        self._gain = {r: 1.0 + noise.scale * fixed.gauss(0.0, noise.gain_error) for r in ratings.ranges_a}
        self.held_offset_v = noise.scale * fixed.uniform(-noise.held_offset_v, noise.held_offset_v)
        self._sigma_v = noise.scale * noise.voltage_v
        self._sigma_a = 0.0
        self._gain_now = 1.0
        self._deficit = 0.0
        self._settling_ticks = noise.settling_s * TICKS_PER_S

    def begin_test(self, test_id: int) -> None:
        """Start the noise stream of one test."""
        self._random = Random(f"{self._seed}/{test_id}")

    def begin_step(self, current_a: float, pinned_range_a: float | None, held: bool) -> None:
        """Choose the current range for a step and how far below its set value the current starts (1.4)."""
        self._deficit = 0.0
        if self._noise.scale and current_a and not held:
            self._deficit = self._random.uniform(0.0003, 0.0015)
        self.choose_range(current_a, pinned_range_a, held)

    def choose_range(self, current_a: float, pinned_range_a: float | None, held: bool) -> None:
        """Range automatically, or stay in the pinned range; a held voltage is noisier (27 uV)."""
        range_a = self._ratings.range_for(pinned_range_a or current_a)
        self._gain_now = self._gain[range_a]
        self._sigma_a = self._noise.scale * self._noise.current_of_range * range_a if current_a else 0.0
        self._sigma_v = self._noise.scale * (self._noise.held_voltage_v if held else self._noise.voltage_v)

    def read(self, voltage_v: float, current_a: float, step_ticks: int) -> tuple[float, float]:
        """Return the readings for one record. A rest reads exactly no current."""
        if not self._noise.scale:
            return voltage_v, current_a
        bits = self._random.getrandbits(24)
        voltage_v += _NORMAL[bits & 4095] * self._sigma_v
        if current_a == 0.0:
            return voltage_v, 0.0
        if self._deficit and step_ticks < 10 * TICKS_PER_S:
            current_a *= 1.0 - self._deficit * math.exp(-step_ticks / self._settling_ticks)
        return voltage_v, current_a * self._gain_now + _NORMAL[bits >> 12] * self._sigma_a

    def read_at_cutoff(self, voltage_v: float, current_a: float, step_ticks: int, sign: int) -> tuple[float, float]:
        """Return the readings at a voltage cutoff: measured at or beyond it by some microvolts, never before it."""
        read_v, read_a = self.read(voltage_v, current_a, step_ticks)
        # Single precision has steps of up to 0.5 uV at 5 V: stay beyond the cutoff after rounding too.
        return voltage_v + sign * (0.3 * abs(read_v - voltage_v) + 5e-7), read_a
