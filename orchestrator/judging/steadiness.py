"""Judges the voltage of a resting cell over some seconds: a loose contact jumps, a cell that is not at rest drifts.

A jump is looked for from one reading to the next: a straight line through a step is a slope like any other, and the
longer the watch, the flatter.

Live values are rounded to 0.1 mV and seconds old (reference neware-ct4008, section 4.3), so that a few of them in a row
may be equal. Li/Li cells rest at 0 V: for them an unchanging voltage says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from orchestrator.checks import Check, CheckName, failed, passed, warned

JUMP_V = 0.005
"""A healthy contact and 0.1 mV of rounding stay far below it; a lead that is moved makes tens of millivolts."""
DRIFT_V_PER_MIN = 0.010
"""A cell that was charged a minute ago relaxes faster, one at rest for ten minutes a hundred times more slowly."""
LEAST_READINGS = 4
"""Fewer say nothing of a drift beside the noise."""
_LOOSE = "see that the cell sits firmly in its holder and no lead is loose"
_TOO_FEW = (
    'see that the tester answers, and order the run again; [preflight] refuse = ["steady"] in the bench file refuses '
    "such a start"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A live voltage at a moment of the loop's time."""

    at_s: float
    voltage_v: float


def steadiness_check(readings: Sequence[Reading], *, is_symmetric: bool) -> Check:
    """Judge the readings of one channel at open circuit, oldest first, one a refresh of its live value."""
    if len(readings) < LEAST_READINGS:
        few = f"only {len(readings)} of {LEAST_READINGS} readings of the voltage at rest came: whether it is steady"
        return warned(CheckName.STEADY, f"{few} is not known", _TOO_FEW)
    span_s = readings[-1].at_s - readings[0].at_s
    drift_v_per_s, noise_v = _line(readings)
    per_min = drift_v_per_s * 60
    told = f"over {span_s:.0f} s at rest the voltage drifts by {per_min * 1000:+z.1f} mV/min"
    told += f" and strays by up to {noise_v * 1000:.1f} mV"
    jump_v = _jump(readings)
    # A comparison that a NaN passes would let a channel without readings start.
    if not noise_v <= JUMP_V:
        return failed(CheckName.STEADY, told, _LOOSE)
    if not jump_v <= JUMP_V:
        jumps = f"{told}; from one reading to the next it jumps by {jump_v * 1000:.1f} mV"
        return failed(CheckName.STEADY, jumps, _LOOSE)
    if not abs(per_min) <= DRIFT_V_PER_MIN:
        return failed(CheckName.STEADY, told, "let the cell rest, then order the run again")
    if not is_symmetric and len({reading.voltage_v for reading in readings}) == 1:
        flat = f"over {span_s:.0f} s the channel shows the very same {readings[0].voltage_v:z.4f} V"
        return warned(CheckName.STEADY, flat, "see that the channel is alive: touch a lead, and the voltage moves")
    return passed(CheckName.STEADY, told)


def _line(readings: Sequence[Reading]) -> tuple[float, float]:
    """Return the slope of the straight line through the readings in V/s, and the largest distance from it in V."""
    count = len(readings)
    mean_s = sum(it.at_s for it in readings) / count
    mean_v = sum(it.voltage_v for it in readings) / count
    spread = sum((it.at_s - mean_s) ** 2 for it in readings)
    slope = sum((it.at_s - mean_s) * (it.voltage_v - mean_v) for it in readings) / spread if spread else 0.0
    return slope, max(abs(it.voltage_v - mean_v - slope * (it.at_s - mean_s)) for it in readings)


def _jump(readings: Sequence[Reading]) -> float:
    """Return the largest change in V from one reading to the next, but for what the drift between them explains.

    The drift is the median rate of change, which a single step does not move.
    """
    pairs = list(pairwise(readings))
    rates = [(after.voltage_v - it.voltage_v) / (after.at_s - it.at_s) for it, after in pairs if after.at_s > it.at_s]
    drift_v_per_s = median(rates) if rates else 0.0
    return max(abs(after.voltage_v - it.voltage_v - drift_v_per_s * (after.at_s - it.at_s)) for it, after in pairs)
