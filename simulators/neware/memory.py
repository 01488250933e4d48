"""The tester's memory of one test: packed records, one row per executed step, and the event log.

Records are packed, so that a month of them fits into memory, and in single precision, because that is how the real
tester stores voltage and current (reference, 1.4).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import starmap
from typing import Any, NamedTuple, Protocol

_ROW = struct.Struct("<HLBqq4f")


class RecordRow(NamedTuple):
    """One record as the tester keeps it; ``tick`` is 0.1 s of the bench's clock, ``kind`` a step type code."""

    seq: int
    step: int
    cycle: int
    kind: int
    step_time_ms: int
    tick: int
    voltage_v: float
    current_a: float
    capacity_ah: float
    energy_wh: float


class StepRow(NamedTuple):
    """One executed step."""

    first_seq: int
    last_seq: int
    step: int
    cycle: int
    kind: int
    step_time_ms: int
    end_tick: int
    start_voltage_v: float
    end_voltage_v: float
    start_current_a: float
    end_current_a: float
    capacity_ah: float
    energy_wh: float


class LogRow(NamedTuple):
    """One event: the record it belongs to, its code, when, and the logged value (files only, 6.3)."""

    seq: int
    code: int
    tick: int
    value: float = 0.0


class Plant(Protocol):
    """A fault in what is told of a test's records (``simulators.neware.plants``)."""

    def count(self, test: StoredTest) -> int:
        """Return the number of records that is told."""

    def rows(self, test: StoredTest, first: int, count: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Return records as they are told, each with the number that it bears."""


class StoredTest:
    """One test in the tester's memory. Only what has happened by the last ``advance_to`` is in it."""

    def __init__(self, test_id: int, barcode: str, start_tick: int, keep_rows: int | None = None) -> None:
        """Begin an empty test; ``keep_rows`` is the size of a ring that forgets the oldest records (None: all)."""
        self.test_id = test_id
        self.barcode = barcode
        self.start_tick = start_tick
        self.complete = False
        self.keep_rows = keep_rows
        # What is wrong with what is told of the records, for tests of those who only look.
        self.plant: Plant | None = None
        self.log: list[LogRow] = []
        self.steps: list[StepRow] = []
        self._rows = bytearray()

    def __len__(self) -> int:
        """Return the number of records made, forgotten ones included."""
        return len(self._rows) // _ROW.size

    def made_by(self, tick: int) -> int:
        """Return how many records were made by a moment."""
        return bisect_right(range(1, len(self) + 1), tick, key=lambda seq: self.row(seq).tick)

    @property
    def told_count(self) -> int:
        """Return the number of records as the API tells it."""
        return len(self) if self.plant is None else self.plant.count(self)

    def append(
        self,
        step: int,
        cycle: int,
        kind: int,
        step_time_ms: int,
        tick: int,
        voltage_v: float,
        current_a: float,
        capacity_ah: float,
        energy_wh: float,
    ) -> None:
        """Keep one more record."""
        self._rows += _ROW.pack(step, cycle, kind, step_time_ms, tick, voltage_v, current_a, capacity_ah, energy_wh)

    def extend(self, rows: Iterable[tuple[int, int, int, int, int, float, float, float, float]]) -> None:
        """Keep more records, each as ``append`` takes it."""
        self._rows += b"".join(starmap(_ROW.pack, rows))

    def packed(self, first_seq: int, count: int | None) -> tuple[int, Iterator[tuple[Any, ...]]]:
        """Return the number of the first record and the records from there on, without those the ring has lost."""
        oldest = 1 if self.keep_rows is None else max(1, len(self) - self.keep_rows + 1)
        last = len(self) if count is None else min(len(self), first_seq + count - 1)
        first = max(first_seq, oldest)
        # A copy: the memory may grow while the caller reads.
        taken = bytes(memoryview(self._rows)[(first - 1) * _ROW.size : max(first - 1, last) * _ROW.size])
        return first, _ROW.iter_unpack(taken)

    def rows(self, first_seq: int = 1, count: int | None = None) -> Iterator[RecordRow]:
        """Return records from ``first_seq`` on, at most ``count``."""
        first, packed = self.packed(first_seq, count)
        for seq, row in enumerate(packed, first):
            yield RecordRow(seq, *row)

    def row(self, seq: int) -> RecordRow:
        """Return one record by its 1-based number, even one that the ring has lost to others."""
        return RecordRow(seq, *_ROW.unpack_from(self._rows, (seq - 1) * _ROW.size))
