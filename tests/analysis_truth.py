"""Records of cells whose numbers are known beforehand, by formulas of their own: nothing of an analysis is used here.

A table is built step by step with ``Recording``; what a cell does is given as a voltage over the time of a step.
Records can be noisy, sparse and uneven, as testers make them; charge counts exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Voltage = Callable[[Floats], Floats]


@dataclass(slots=True)
class Recording:
    """A tester's records of one run: each step is added with its current, its times and the voltage at them.

    ``noise_v`` is the standard deviation of every voltage, ``counts`` whether the tester counts charge.
    """

    seed: int = 1
    noise_v: float = 0.0
    counts: bool = True
    _parts: list[dict[str, Any]] = field(default_factory=list)
    _time_s: float = 0.0
    _steps: int = 0

    def step(
        self, current_a: float, times_s: Sequence[float] | Floats, voltage: Voltage, *, cycle: int, step: int = 1
    ) -> None:
        """Add a step of constant current, recorded at these times since its start; the last one is its end."""
        times = np.asarray(times_s, float)
        self._steps += 1
        noise = np.random.default_rng([self.seed, self._steps]).normal(0.0, self.noise_v, len(times))
        mode = "rest" if not current_a else "cc_charge" if current_a > 0 else "cc_discharge"
        self._parts.append(
            {
                "run_id": ["R000001"] * len(times),
                "test": np.full(len(times), 1),
                "test_time_s": self._time_s + times,
                "cycle": np.full(len(times), cycle),
                "step": np.full(len(times), step),
                "step_count": np.full(len(times), self._steps),
                "step_time_s": times,
                "mode": [mode] * len(times),
                "voltage_v": voltage(times) + noise,
                "current_a": np.full(len(times), float(current_a)),
                "capacity_ah": abs(current_a) * times / 3600 if self.counts else np.full(len(times), np.nan),
            }
        )
        self._time_s += float(times[-1])

    def table(self) -> pl.DataFrame:
        """Give all records in the sample table's columns."""
        columns = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        return pl.DataFrame({name: values.tolist() for name, values in columns.items()}).with_columns(
            pl.col("capacity_ah").fill_nan(None)
        )


def every(seconds: float, end_s: float) -> Floats:
    """Give times at which a tester records: every so often, and at the end."""
    times = np.arange(0.0, end_s, seconds)
    return np.append(times, end_s)


def uneven(count: int, end_s: float, seed: int = 3) -> Floats:
    """Give times with intervals of any length, as records on a change of voltage are."""
    inner = np.sort(np.random.default_rng(seed).uniform(0.0, end_s, count - 2))
    return np.concatenate(([0.0], inner, [end_s]))


def level(voltage_v: float) -> Voltage:
    """Give a voltage that does not change."""
    return lambda times: np.full(len(times), voltage_v)


def ramp(from_v: float, to_v: float, end_s: float) -> Voltage:
    """Give a voltage that moves evenly from one to another: its mean over the charge is in the middle."""
    return lambda times: from_v + (to_v - from_v) * times / end_s


_erf = np.vectorize(math.erf, otypes=[float])


def _normal(x: Floats) -> Floats:
    return np.asarray((1 + _erf(x / math.sqrt(2))) / 2)


def two_phases(current_a: float, peaks: Sequence[tuple[float, float, float]], low_v: float, high_v: float) -> Voltage:
    """Give the voltage of a host whose charge lies in Gaussian peaks of (voltage, deviation in V, Ah).

    The charge below a voltage is the sum of normal distributions; it is inverted by interpolation on a fine grid.
    """
    grid = np.linspace(low_v, high_v, 100_001)
    below = np.zeros_like(grid)
    for volts, deviation, capacity_ah in peaks:
        below += capacity_ah * _normal((grid - volts) / deviation)
    below -= below[0]
    whole = below[-1]

    def voltage(times: Floats) -> Floats:
        passed = abs(current_a) * times / 3600
        return np.interp(passed if current_a > 0 else whole - passed, below, grid)

    return voltage


def capacity_of(peaks: Sequence[tuple[float, float, float]], low_v: float, high_v: float) -> float:
    """Give the charge in Ah between two voltages."""
    return sum(
        capacity_ah * float(np.diff(_normal((np.array([low_v, high_v]) - volts) / deviation))[0])
        for volts, deviation, capacity_ah in peaks
    )


@dataclass(frozen=True, slots=True)
class Relaxing:
    """A cell with a voltage, a resistance, and one in parallel with a capacity: its answer is an exponential."""

    own_v: float = 3.3
    series_ohm: float = 20.0
    slow_ohm: float = 15.0
    time_s: float = 4.0

    def resistance_ohm(self, delay_s: float) -> float:
        """Give the resistance that a change of current shows after a delay."""
        return self.series_ohm + self.slow_ohm * (1 - float(np.exp(-delay_s / self.time_s)))

    def after(self, before_a: float, now_a: float) -> Voltage:
        """Give the voltage after a change of current; before it the cell was in its steady state."""

        def voltage(times: Floats) -> Floats:
            slow = now_a + (before_a - now_a) * np.exp(-times / self.time_s)
            # At the moment of the change the record is still that of before.
            fast = np.where(times > 0, now_a, before_a)
            return self.own_v + self.series_ohm * fast + self.slow_ohm * slow

        return voltage


@dataclass(frozen=True, slots=True)
class Film:
    """A film of a host on a blocking support, whose voltage is a straight line over its concentration.

    Diffusion in it follows from the series of the plane sheet (Crank, The Mathematics of Diffusion, 2nd ed., 4.3.6):
    with all times in units of L^2/D the surface leads the mean by 1/3 - 2/pi^2 sum exp(-n^2 pi^2 t) / n^2.
    """

    length_cm: float = 1e-4
    diffusion_cm2_s: float = 2e-12
    capacity_ah: float = 1e-4
    range_v: float = 0.5
    series_ohm: float = 50.0

    def surface(self, time_s: Floats) -> Floats:
        """Give by how much the surface leads the mean after a current was switched on, over current / capacity."""
        unit_s = self.length_cm**2 / self.diffusion_cm2_s
        passed = np.maximum(time_s, 0.0) / unit_s
        n = np.arange(1, 20)[:, None]
        late = 1 / 3 - 2 / np.pi**2 * (np.exp(-(n**2) * np.pi**2 * passed) / n**2).sum(axis=0)
        # Until the front meets the other side the sheet is a half-space; from there on the series has few terms.
        early = 2 * np.sqrt(passed / np.pi) - passed
        return np.asarray(np.where(passed < 0.03, early, late) * unit_s)

    def titrate(self, recording: Recording, current_a: float, pulse_s: float, rest_s: float, pulses: int) -> None:
        """Add a titration; each pulse's remains in the film are added up exactly."""
        slope_v = self.range_v / (self.capacity_ah * 3600)
        switches: list[tuple[float, float]] = []
        recording.step(0.0, every(rest_s / 60, rest_s), level(3.0), cycle=1, step=1)
        began_s = 0.0
        for _ in range(pulses):
            for now_a, length_s, step in ((current_a, pulse_s, 2), (0.0, rest_s, 3)):
                switches.append((began_s, now_a - sum(change for _, change in switches)))
                voltage = self._voltage(switches, began_s, slope_v, now_a)
                recording.step(now_a, every(length_s / 120, length_s), voltage, cycle=1, step=step)
                began_s += length_s

    def _voltage(
        self, switches: Sequence[tuple[float, float]], began_s: float, slope_v: float, now_a: float
    ) -> Voltage:
        known = tuple(switches)

        def voltage(times: Floats) -> Floats:
            found = np.full(len(times), 3.0) + np.where(times > 0, now_a, 0.0) * self.series_ohm
            for since_s, change_a in known:
                passed_s = began_s + times - since_s
                found += slope_v * change_a * (passed_s + self.surface(passed_s))
            return found

        return voltage


def symmetric(plateau_v: float, tip_v: float, arc_v: float, end_s: float, sign: int) -> Voltage:
    """Give a half-cycle of a Li/Li cell: a tip that falls within a fiftieth of it, a plateau, an arc at its end."""

    def voltage(times: Floats) -> Floats:
        part = times / end_s
        arc = arc_v * np.clip((part - 0.8) / 0.1, 0.0, 1.0)
        return np.asarray(sign * (plateau_v + tip_v * np.exp(-part * 50) + arc))

    return voltage
