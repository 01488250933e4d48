"""Incremental capacity dQ/dV and differential voltage dV/dQ of a half-cycle, with a stated smoothing.

dQ/dV (Ah/V): between two records the charge is spread evenly over the voltages from one to the other, and what all
intervals put at a voltage is summed; a Gaussian with the standard deviation ``smoothing_v`` smooths the sum. Nothing is
divided by a difference of voltages, so that noise, plateaus and a voltage that runs back make no spikes, and the area
under the curve is the charge exactly. A peak lies at the top of the Gaussian that fits it down to ``TOP`` of its
height. A Gaussian moves no symmetric peak; one that is narrower than ``smoothing_v``
comes out as wide as that. A held voltage is left out, also at the end of a step: all its charge would lie there.

dV/dQ (V/Ah): the mean voltage over each of ``points`` equal parts of the charge, smoothed by a Gaussian with the
standard deviation ``smoothing`` (a part of the whole charge), and its central differences. Within two standard
deviations of the ends there is no value. Method and use: Bloom et al., J. Power Sources 139 (2005) 295 (dV/dQ);
Dubarry, Svoboda, Hwu and Liaw, Electrochem. Solid-State Lett. 9 (2006) A454 (dQ/dV).

Voltages are those of the cell under current: a peak lies beside its equilibrium by the overpotential, which no
smoothing takes away. The mean of a charge peak and its discharge peak is free of a symmetric one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from orchestrator.analysis.sample_blocks import TAPERS, Floats, StepSamples
from protocols.current_sign import Direction

SMOOTHING_V = 0.005
"""Standard deviation of the smoothing of dQ/dV: a third of the width of a two-phase peak at room temperature."""
SMOOTHING = 0.005
"""Standard deviation of the smoothing of dV/dQ, as a part of the charge."""
POINTS = 1000
LEAST_HEIGHT = 0.1
"""Part of the highest peak, by which a peak stands above the valleys beside it."""

FEWEST_RECORDS = 5
STILL_SET = 0.98
"""Part of the largest current of a step above which it still is the set one, and the voltage is not held yet."""
TOP = 0.7
"""Part of a peak's height down to which it is fitted, where its place and height are read off."""

# Points of the voltage axis in a standard deviation of the smoothing: a Gaussian is summed to 1e-6 with so many.
_PER_DEVIATION = 5
# Half the width of the summed Gaussian, in standard deviations.
_REACH = 5
# A tester gives voltages in steps of 0.1 mV or less: two records closer than this have one voltage.
_LEAST_V = 1e-6
# Of a voltage axis no more points are made: below it a smoothing is finer than anybody asks for.
_MOST_POINTS = 200_000
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class IncrementalCapacity:
    """dQ/dV in Ah/V over the cell's voltage in V, rising; positive in both directions.

    ``records_v`` are the middles of the intervals between records that it was made of, rising.
    """

    voltage_v: Floats
    ah_per_v: Floats
    smoothing_v: float
    records_v: Floats

    def peaks(self, least_height: float = LEAST_HEIGHT) -> list[tuple[float, float]]:
        """Return the peaks as (V, Ah/V), by voltage: those that stand above both valleys by a part of the highest.

        Where fewer than ``FEWEST_RECORDS`` lie within two standard deviations of the smoothing, a top is one record's.
        """
        places = _peaks(self.ah_per_v, least_height * self.ah_per_v.max())
        # A peak reaches to the valleys between it and its neighbours.
        valleys = [one + int(np.argmin(self.ah_per_v[one:other])) for one, other in pairwise(places)]
        edges = [0, *valleys, len(self.ah_per_v)]
        spans = zip(places, pairwise(edges), strict=True)
        tops = [_top(self.voltage_v, self.ah_per_v, at, *span) for at, span in spans]
        return [top for top in tops if self._records_near(top[0]) >= FEWEST_RECORDS]

    def _records_near(self, voltage_v: float) -> int:
        ends = voltage_v + 2 * self.smoothing_v * np.array([-1.0, 1.0])
        first, last = np.searchsorted(self.records_v, ends)
        return int(last - first)


@dataclass(frozen=True, slots=True)
class DifferentialVoltage:
    """DV/dQ in V/Ah, signed, over the charge since the half-cycle's begin in Ah, and the smoothed voltage."""

    charge_ah: Floats
    voltage_v: Floats
    v_per_ah: Floats
    smoothing_ah: float


def incremental_capacity(steps: Sequence[StepSamples], smoothing_v: float = SMOOTHING_V) -> IncrementalCapacity:
    """Return dQ/dV of the steps of one half-cycle. Raises ValueError where there is too little to differentiate."""
    if not smoothing_v > 0:
        raise ValueError(f"a smoothing of {smoothing_v:g} V: say a positive one, such as {SMOOTHING_V:g}")
    low, high, passed = _intervals(steps)
    if len(passed) < _FEWEST:
        raise ValueError(f"{len(passed)} records with a voltage and a charge are too few for dQ/dV")
    step_v = smoothing_v / _PER_DEVIATION
    count = int(np.ceil((high.max() - low.min()) / step_v)) + 2 * _REACH * _PER_DEVIATION
    if count > _MOST_POINTS:
        raise ValueError(f"a smoothing of {smoothing_v:g} V is too fine for {high.max() - low.min():.3g} V")
    begin_v = low.min() - _REACH * smoothing_v
    edges = begin_v + step_v * np.arange(count + 1)
    density = np.diff(_below(edges, low, high, passed)) / step_v
    reach = np.arange(-_REACH * _PER_DEVIATION, _REACH * _PER_DEVIATION + 1) / _PER_DEVIATION
    gauss = np.exp(-(reach**2) / 2)
    smooth = np.convolve(density, gauss / gauss.sum(), mode="same")
    return IncrementalCapacity((edges[1:] + edges[:-1]) / 2, smooth, smoothing_v, np.sort((low + high) / 2))


@dataclass(frozen=True, slots=True)
class PeakRow:
    """A peak of dQ/dV of one half-cycle: its voltage under current, and its height."""

    cycle: int
    direction: Direction
    voltage_v: float
    ah_per_v: float
    smoothing_v: float


def half_cycle_peaks(
    cycle: int, direction: Direction, steps: Sequence[StepSamples], smoothing_v: float = SMOOTHING_V
) -> list[PeakRow]:
    """Return the peaks of dQ/dV of one half-cycle, by voltage. Raises ValueError as ``incremental_capacity`` does."""
    peaks = incremental_capacity(steps, smoothing_v).peaks()
    return [PeakRow(cycle, direction, volts, height, smoothing_v) for volts, height in peaks]


def differential_voltage(
    steps: Sequence[StepSamples], smoothing: float = SMOOTHING, points: int = POINTS
) -> DifferentialVoltage:
    """Return dV/dQ of the steps of one half-cycle. Raises ValueError where there is too little to differentiate."""
    charge, volts = _curve(steps)
    if len(charge) < _FEWEST or not charge[-1] > charge[0]:
        raise ValueError(f"{len(charge)} records with a voltage and a charge are too few for dV/dQ")
    if not 0.0 < smoothing <= 0.1 or not points * smoothing >= 1.0:
        raise ValueError(f"a smoothing of {smoothing:g} over {points} points: say 0.001 to 0.1, of a point at least")
    edges = np.linspace(charge[0], charge[-1], points + 1)
    area = np.concatenate(([0.0], np.cumsum((volts[1:] + volts[:-1]) / 2 * np.diff(charge))))
    # The integral between two records is a parabola: added in its own shape, not along a straight line.
    at = np.clip(np.searchsorted(charge, edges, side="right") - 1, 0, len(charge) - 2)
    into = edges - charge[at]
    slope = np.diff(volts)[at] / np.diff(charge)[at]
    whole = area[at] + volts[at] * into + slope * into**2 / 2
    width_ah = float(edges[1] - edges[0])
    deviation = smoothing * points
    reach = np.arange(-int(4 * deviation), int(4 * deviation) + 1)
    gauss = np.exp(-((reach / deviation) ** 2) / 2)
    means = np.diff(whole) / width_ah
    # Beyond its ends the curve goes on as it would if turned about them.
    margin = len(reach) // 2
    wider = np.pad(means, margin, mode="reflect", reflect_type="odd")
    smooth = np.convolve(wider, gauss / gauss.sum(), mode="valid")
    slope_v = np.gradient(smooth, width_ah)
    near = int(np.ceil(2 * deviation))
    slope_v[:near] = slope_v[-near:] = np.nan
    return DifferentialVoltage((edges[1:] + edges[:-1]) / 2, smooth, slope_v, smoothing * float(charge[-1] - charge[0]))


def _good(step: StepSamples) -> tuple[Floats, Floats]:
    """Return charge and voltage of a step's records that have both, up to where the tester holds the voltage."""
    if step.holds_voltage:
        return np.array([]), np.array([])
    charge = step.charge_ah()
    good = ~np.isnan(charge + step.voltage_v)
    if step.mode.lower().startswith(TAPERS):
        amperes = np.abs(np.nan_to_num(step.current_a))
        # From the first record on behind which the current stays below what was set.
        set_on = np.flatnonzero(amperes >= STILL_SET * amperes.max())
        good &= np.arange(len(good)) <= (set_on[-1] if len(set_on) else -1)
    return charge[good], step.voltage_v[good]


def _intervals(steps: Sequence[StepSamples]) -> tuple[Floats, Floats, Floats]:
    """Return lower and upper voltage and the charge of each interval between two records of one step."""
    lows, highs, charges = [np.array([])], [np.array([])], [np.array([])]
    for step in steps:
        charge, volts = _good(step)
        lows.append(np.minimum(volts[1:], volts[:-1]))
        highs.append(np.maximum(volts[1:], volts[:-1]))
        charges.append(np.diff(charge))
    low, high, passed = (np.concatenate(each) for each in (lows, highs, charges))
    moved = passed > 0
    return low[moved], np.maximum(high[moved], low[moved] + _LEAST_V), passed[moved]


def _below(at: Floats, low: Floats, high: Floats, passed: Floats) -> Floats:
    """Return the charge below each voltage, of intervals that spread theirs evenly from ``low`` to ``high``."""
    slope = passed / (high - low)
    found = np.zeros(len(at))
    # Each interval is a ramp that begins at one end and stops rising at the other.
    for ends, sign in ((low, 1.0), (high, -1.0)):
        order = np.argsort(ends)
        places = ends[order] - at[0]
        slopes = np.concatenate(([0.0], np.cumsum(slope[order])))
        offsets = np.concatenate(([0.0], np.cumsum(slope[order] * places)))
        before = np.searchsorted(places, at - at[0])
        found += sign * (slopes[before] * (at - at[0]) - offsets[before])
    return found


def _curve(steps: Sequence[StepSamples]) -> tuple[Floats, Floats]:
    """Return rising charge since the first record, and voltage; of records of one charge the last is kept."""
    charges, volts, passed = [np.array([])], [np.array([])], 0.0
    for step in steps:
        charge, voltage = _good(step)
        charges.append(charge + passed)
        volts.append(voltage)
        passed = float(charges[-1][-1]) if len(charge) else passed
    charge, voltage = np.concatenate(charges), np.concatenate(volts)
    rises = np.diff(charge, append=np.inf) > 0
    charge, voltage = charge[rises], voltage[rises]
    # A counter that was read back, as it does not: only what lies above all before it counts.
    rises = np.diff(np.maximum.accumulate(charge), prepend=-np.inf) > 0 if len(charge) else np.array([], bool)
    return charge[rises], voltage[rises]


def _peaks(values: Floats, least: float) -> list[int]:
    """Return the places of peaks that stand so far above the lowest value between them and a higher one, or an end."""
    tops = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
    found = []
    for at in tops.tolist():
        left, right = values[:at][::-1], values[at + 1 :]
        depth = []
        # Of equal tops the first is the peak.
        for side, is_higher in ((left, left >= values[at]), (right, right > values[at])):
            higher = np.flatnonzero(is_higher)
            depth.append(float(side[: higher[0] + 1].min()) if len(higher) else float(side.min()))
        if values[at] - max(depth) >= least:
            found.append(at)
    return found


def _top(x: Floats, y: Floats, at: int, begin: int, end: int) -> tuple[float, float]:
    """Return the top of the Gaussian that fits a peak down to ``TOP`` of its height: noise on a flat top moves it not.

    Beside a valley that is higher it is fitted half-way down to that, where the neighbour bends it little. The
    logarithm of a Gaussian is a parabola; one weighs as much as it is high. The peak lies between two places.
    """
    valley = max((float(y[edge]) for edge in (begin, end) if 0 < edge < len(y)), default=0.0)
    is_low = y < max(TOP * float(y[at]), (valley + float(y[at])) / 2)
    before, behind = np.flatnonzero(is_low[begin:at]), np.flatnonzero(is_low[at:end])
    first = begin + int(before[-1]) + 1 if len(before) else begin
    last = at + int(behind[0]) if len(behind) else end
    places, heights = x[first:last] - x[at], y[first:last]
    if len(places) < _FEWEST:
        return float(x[at]), float(y[at])
    scale = float(np.abs(places).max())
    bend, slope, level = np.polyfit(places / scale, np.log(heights), 2, w=heights)
    if not bend < 0 or not abs(shift := -slope / (2 * bend)) <= 1:
        return float(x[at]), float(y[at])
    return float(x[at] + shift * scale), float(np.exp(level - slope**2 / (4 * bend)))
