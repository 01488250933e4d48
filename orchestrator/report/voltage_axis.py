"""Voltages that do not fit an axis: a spike that makes all else flat, and what a chosen range leaves outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Numbers = NDArray[np.float64]

_BULK_PERCENT = (1.0, 99.0)
"""Between these percentiles of the points drawn lies the bulk of a trace."""
STRETCH = 3.0
"""So many times the height of the bulk an axis is mostly empty. Our judgement: below it the curve can still be read."""
_MOST_PLACES = 3
"""In more places than these it is no spike: the end of each stripping of a Li/Cu cell reaches a volt."""
_LEAST_POINTS = 100
"""Of fewer points a percentile says nothing."""
_MARKS = 60
"""So many marks along an edge can be told apart."""


def span(volts: Numbers) -> float:
    """Return the distance from the lowest to the highest voltage; 0 without any."""
    finite = volts[~np.isnan(volts)]
    return float(finite.max() - finite.min()) if len(finite) else 0.0


def stretched_by(run_id: str, hours: Numbers, volts: Numbers) -> list[str]:
    """Say where few voltages lie so far out that the axis, which has them, shows little of all others."""
    there = ~np.isnan(volts)
    if there.sum() < _LEAST_POINTS:
        return []
    low, high = np.percentile(volts[there], _BULK_PERCENT)
    if high <= low or span(volts) <= STRETCH * (high - low):
        return []
    far = there & ((volts > high + (high - low)) | (volts < low - (high - low)))
    begins = np.flatnonzero(far & ~np.concatenate(([False], far[:-1])))
    if not 0 < len(begins) <= _MOST_PLACES:
        return []
    where = ", ".join(f"{hours[row]:.4g}" for row in begins)
    sentence = (
        f"{run_id}: the axis of voltage is stretched by a few records at {where} h (all others lie between {low:.3g} "
        f"and {high:.3g} V); to see those better: --voltage-range {low - (high - low):.2g} {high + (high - low):.2g}"
    )
    return [sentence]


def mark_outside(
    axes: Axes, run_id: str, x: Numbers, volts: Numbers, range_v: tuple[float, float], colour: str | tuple[float, ...]
) -> list[str]:
    """Mark on the edges what lies outside a range that was asked for, and say it."""
    notes = []
    for edge, outside, marker in ((range_v[0], volts < range_v[0], 7), (range_v[1], volts > range_v[1], 6)):
        if not outside.any():
            continue
        places = x[outside]
        width = (np.nanmax(x) - np.nanmin(x)) or 1.0
        shown = np.unique(np.round(places / width * _MARKS), return_index=True)[1]
        edges = [edge] * len(shown)
        axes.plot(places[shown], edges, ls="", marker=marker, ms=3, color=colour, label="_", clip_on=False)
        side = "below" if edge == range_v[0] else "above"
        notes.append(
            f"{run_id}: voltages {side} {edge:g} V, between {places.min():.4g} and {places.max():.4g} h, lie outside "
            "--voltage-range; marks on the edge show where"
        )
    return notes
