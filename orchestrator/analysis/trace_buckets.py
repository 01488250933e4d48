"""Keeps few records of many for pictures: buckets of consecutive records, cut at the ends of steps and at gaps.

Of each bucket the first and the last record stay, and those with the lowest and the highest voltage and current: a dip
of one record is in every picture, however long the run. Buckets of buckets have the same extremes, so that a run's
records can be kept in bounded memory and thinned again for each window that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from orchestrator.analysis.thinning import Floats, Integers, first_highest

MOST_POINTS = 8000
"""Records of one picture at most."""
_EACH_BUCKET = 6
_MOST_BUCKETS = MOST_POINTS // _EACH_BUCKET
# Records of a bucket as it is kept first, and by how much buckets grow where a run has too many.
_FIRST_SIZE, _GROWTH = 32, 4


@dataclass(frozen=True, slots=True)
class Trace:
    """Records of a run in order, by columns of one length: run time and clock in s, V and A; NaN was not measured.

    ``step`` counts the executed steps through all tests. ``gaps`` counts how many gaps lie before a record: two that
    differ have a gap between them. ``bucket`` is a record's place within its piece of a step, counted in buckets.
    """

    test: Integers
    sequence: Integers
    step: Integers
    gaps: Integers
    bucket: Integers
    time_s: Floats
    unix_s: Floats
    voltage_v: Floats
    current_a: Floats

    def __len__(self) -> int:
        return len(self.test)

    def take(self, chosen: Integers | slice) -> Trace:
        """Return some of the records."""
        return Trace(*(getattr(self, column.name)[chosen] for column in fields(self)))

    @classmethod
    def empty(cls) -> Trace:
        """Return no record."""
        none, nothing = np.zeros(0, np.int64), np.zeros(0)
        return cls(none, none, none, none, none, nothing, nothing, nothing, nothing)

    @classmethod
    def joined(cls, parts: Sequence[Trace]) -> Trace:
        """Return the records of all parts, one behind the other."""
        if not parts:
            return cls.empty()
        return cls(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)))


def thinned(trace: Trace, points: int) -> Integers:
    """Return the positions of about ``points`` records for a picture, in order: at least 4 a step, at most 8,000.

    Where steps alone are too many, consecutive ones share buckets.
    """
    if len(trace) <= points:
        return np.arange(len(trace))
    ends = np.flatnonzero(_is_first(trace))
    if len(ends) > _MOST_BUCKETS:
        return _kept(trace, ends[np.arange(_MOST_BUCKETS) * len(ends) // _MOST_BUCKETS])
    counts = np.diff(np.append(ends, len(trace)))
    wanted = min(max(points // 4, len(ends)), _MOST_BUCKETS)
    # Buckets go where records are, one a piece at least: what that takes too much is taken from the others.
    free = wanted - len(ends)
    each = 1 + (counts * free) // len(trace)
    return _kept(
        trace,
        np.concatenate(
            [_cuts(int(begin), int(count), int(n)) for begin, count, n in zip(ends, counts, each, strict=True)]
        ),
    )


def _cuts(begin: int, count: int, buckets: int) -> Integers:
    """Return where the buckets of one piece begin."""
    buckets = min(buckets, count)
    cuts: Integers = begin + np.arange(buckets) * count // buckets
    return cuts


def _is_first(trace: Trace) -> NDArray[np.bool_]:
    """Return which records are the first of a piece: of a step, and behind a gap."""
    first = np.ones(len(trace), dtype=bool)
    first[1:] = (np.diff(trace.step) != 0) | (np.diff(trace.gaps) != 0)
    return first


def _kept(trace: Trace, begins: Integers) -> Integers:
    """Return the positions of the first, last, lowest and highest records of the buckets that begin there."""
    ends = np.append(begins[1:], len(trace)) - 1
    values = (trace.voltage_v, trace.current_a)
    found = [first_highest(sign * column, begins) for column in values for sign in (1.0, -1.0)]
    return np.unique(np.concatenate([begins, ends, *found]))


class TraceBuckets:
    """The records of one run, kept in bounded memory: records are appended, and whole buckets are thinned at once."""

    def __init__(self, most: int = 32_000) -> None:
        self._most = most
        self._size = _FIRST_SIZE
        self._parts: list[Trace] = []
        self._tail = Trace.empty()
        self.records = 0

    def __len__(self) -> int:
        return sum(map(len, self._parts)) + len(self._tail)

    @property
    def last(self) -> tuple[int, int]:
        """The test and the sequence number of the newest record; zeros without any."""
        return (int(self._tail.test[-1]), int(self._tail.sequence[-1])) if len(self._tail) else (0, 0)

    @property
    def newest(self) -> Trace:
        """The records of the bucket that is still open; the newest one is among them."""
        return self._tail

    def extend(self, new: Trace) -> None:
        """Append records, whose ``bucket`` is of no account."""
        if not len(new):
            return
        self.records += len(new)
        begun = int(self._tail.bucket[-1]) * self._size if len(self._tail) else 0
        trace = Trace.joined([self._tail, new])
        first = _is_first(trace)
        begins = np.flatnonzero(first)
        place = np.arange(len(trace)) - np.repeat(begins, np.diff(np.append(begins, len(trace))))
        # The open bucket is of a piece that may have begun before it.
        place[: begins[1] if len(begins) > 1 else len(trace)] += begun
        trace.bucket[:] = place // self._size
        cut = first.copy()
        cut[1:] |= np.diff(trace.bucket) != 0
        begins = np.flatnonzero(cut)
        whole, self._tail = trace.take(slice(0, begins[-1])), trace.take(slice(begins[-1], None))
        if len(whole):
            self._parts.append(whole.take(_kept(whole, begins[:-1])))
        # The open bucket does not count: it only grows with the others.
        if sum(map(len, self._parts)) > self._most:
            self._grow()

    def _grow(self) -> None:
        """Put buckets together until they are few enough; where ends of steps alone are more, they all stay."""
        trace = Trace.joined(self._parts)
        while len(trace) > self._most:
            coarser = replace(trace, bucket=trace.bucket // _GROWTH)
            cut = _is_first(coarser)
            cut[1:] |= np.diff(coarser.bucket) != 0
            kept = _kept(coarser, np.flatnonzero(cut)) if len(coarser) else np.zeros(0, np.int64)
            if len(kept) == len(trace):
                break
            self._size *= _GROWTH
            # The open bucket may have begun inside of a larger one, and is kept as one of its own.
            self._tail.bucket[:] //= _GROWTH
            trace = coarser.take(kept)
        self._parts = [trace]

    def trace(self) -> Trace:
        """Return what is kept, with the open bucket whole."""
        if len(self._parts) > 1:
            self._parts = [Trace.joined(self._parts)]
        return Trace.joined([*self._parts, self._tail])
