"""Chooses few records of many for a picture: minima, maxima and the ends of steps stay. Computed by columns.

Records are chosen, none is made up: in each bin the first with the lowest and the first with the highest voltage, and
the same of the current; of each executed step the first and the last record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

# The lowest and the highest of voltage and of current.
_EACH_BIN = 4


@dataclass(frozen=True, slots=True)
class Columns:
    """The records of a run in order, by columns of one length: V, A, and s since the test's start.

    A value that was not measured is NaN. ``step_count`` counts executed steps within a test.
    """

    test: Integers
    sequence: Integers
    step_count: Integers
    time_s: Floats
    voltage_v: Floats
    current_a: Floats

    def __len__(self) -> int:
        return len(self.test)


def thinned_to(columns: Columns, points: int) -> Integers:
    """Return the positions of at most ``points`` records, in order; more where the ends of steps alone are more."""
    if len(columns) <= points:
        return np.arange(len(columns))
    ends = _step_ends(columns)
    bins = (points - len(ends)) // _EACH_BIN
    if bins < 1:
        return ends
    # As many records in each bin, give or take one: a picture's width goes to what was recorded densely.
    begins = np.arange(bins) * len(columns) // bins
    return np.union1d(ends, _extremes(columns, begins))


def thinned_by(columns: Columns, every_s: float) -> Integers:
    """Return the positions of the extremes of every ``every_s`` seconds of test time, and of the ends of steps."""
    if not len(columns):
        return np.arange(0)
    bins = np.floor(columns.time_s / every_s)
    is_first = np.ones(len(columns), dtype=bool)
    is_first[1:] = (np.diff(bins) != 0) | (np.diff(columns.test) != 0)
    return np.union1d(_step_ends(columns), _extremes(columns, np.flatnonzero(is_first)))


def _step_ends(columns: Columns) -> Integers:
    """Return the positions of the first and the last record of each executed step."""
    changes = np.flatnonzero((np.diff(columns.step_count) != 0) | (np.diff(columns.test) != 0))
    return np.unique(np.concatenate(([0], changes, changes + 1, [len(columns) - 1])))


def _extremes(columns: Columns, begins: Integers) -> Integers:
    """Return the positions of the lowest and highest values in the bins that begin at ``begins``."""
    values = (columns.voltage_v, columns.current_a)
    found = [first_highest(sign * column, begins) for column in values for sign in (1.0, -1.0)]
    return np.unique(np.concatenate(found))


def first_highest(values: Floats, begins: Integers) -> Integers:
    """Return the position of the first highest value of each bin; NaN is lower than everything."""
    known = np.where(np.isnan(values), -np.inf, values)
    highest = np.maximum.reduceat(known, begins)
    counts = np.diff(np.append(begins, len(values)))
    reached = np.flatnonzero(known == np.repeat(highest, counts))
    return reached[np.searchsorted(reached, begins)]
