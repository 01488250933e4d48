"""Reduces long records to the points that a picture shows: of each narrow stripe its extremes, and every gap.

A column of pixels shows no more of a hundred samples than the first, the last, the lowest and the highest of them.
Those are kept as they are stored: nothing is averaged, so that a spike of a single sample stays in the picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]

STRIPES_PER_MM = 24.0
"""Stripes in a millimetre of the page: one for each dot of a print of 600 dpi."""


def stripes_of(width_mm: float) -> int:
    """Return into how many stripes a picture of this width is divided."""
    return max(1, round(width_mm * STRIPES_PER_MM))


def kept_rows(stripes: NDArray[np.int64], values: Iterable[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Return the rows to draw, in order.

    Of rows that follow one another in the same of the ``stripes`` they are the first and the last one, and of each
    column of ``values`` the first lowest, the first highest and the first missing (NaN) one.
    """
    if not len(stripes):
        return np.array([], np.int64)
    starts = np.flatnonzero(np.diff(stripes, prepend=stripes[0] - 1))
    place = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(stripes)))
    chosen = [starts, np.append(starts[1:], len(stripes)) - 1]
    for column in values:
        missing = np.isnan(column)
        chosen.append(_first_of_each(place, missing))
        for sign in (1.0, -1.0):
            signed = np.where(missing, np.inf, sign * column)
            least = np.minimum.reduceat(signed, starts)
            chosen.append(_first_of_each(place, signed == least[place]))
    return np.unique(np.concatenate(chosen))


def _first_of_each(place: NDArray[np.int64], wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the first row of each place that is wanted."""
    rows = np.flatnonzero(wanted)
    return rows[np.unique(place[rows], return_index=True)[1]]


def broken(columns: Columns, breaks: NDArray[np.int64]) -> Columns:
    """Return columns of floats with a row of NaN in front of each row of ``breaks``: no line is drawn across it."""
    return {name: np.insert(column.astype(np.float64), breaks, np.nan) for name, column in columns.items()}


def lonely(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which values have no neighbour, so that a line through them shows nothing: they need a dot."""
    there = np.pad(~np.isnan(values), 1)
    alone: NDArray[np.bool_] = there[1:-1] & ~there[:-2] & ~there[2:]
    return alone
