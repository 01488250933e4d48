"""What the tester remembers of one test: records in columns, one row per executed step, and the event log.

Columns are arrays, so that a month of records fits into memory, and single precision, because that is how the real
tester stores voltage and current (reference, 1.4).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple


class RecordRow(NamedTuple):
    """One record as the tester keeps it; `tick` is 0.1 s of the bench's clock, `kind` a step type code."""

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


class StoredTest:
    """One test in the tester's memory. Only what has happened by the last `advance_to` is in it."""

    def __init__(self, test_id: int, barcode: str, start_tick: int, keep_rows: int | None = None) -> None:
        """Begin an empty test; `keep_rows` is the size of a ring that forgets the oldest records (None: all)."""
        self.test_id = test_id
        self.barcode = barcode
        self.start_tick = start_tick
        self.complete = False
        self.keep_rows = keep_rows
        self.log: list[LogRow] = []
        self.steps: list[StepRow] = []
        self._step = array("H")
        self._cycle = array("L")
        self._kind = array("B")
        self._time_ms = array("q")
        self._tick = array("q")
        self._voltage = array("f")
        self._current = array("f")
        self._capacity = array("f")
        self._energy = array("f")
        self._columns = (
            self._step, self._cycle, self._kind, self._time_ms, self._tick,
            self._voltage, self._current, self._capacity, self._energy,
        )  # fmt: skip

    def __len__(self) -> int:
        """Give the number of records made, forgotten ones included."""
        return len(self._step)

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
        self._step.append(step)
        self._cycle.append(cycle)
        self._kind.append(kind)
        self._time_ms.append(step_time_ms)
        self._tick.append(tick)
        self._voltage.append(voltage_v)
        self._current.append(current_a)
        self._capacity.append(capacity_ah)
        self._energy.append(energy_wh)

    def rows(self, first_seq: int = 1, count: int | None = None) -> Iterator[RecordRow]:
        """Give records from `first_seq` on, at most `count`, without those that the ring has lost."""
        oldest = 1 if self.keep_rows is None else max(1, len(self) - self.keep_rows + 1)
        last = len(self) if count is None else min(len(self), first_seq + count - 1)
        first = max(first_seq, oldest)
        if last < first:
            return
        columns = [column[first - 1 : last] for column in self._columns]
        yield from map(RecordRow, range(first, last + 1), *columns)

    def row(self, seq: int) -> RecordRow:
        """Give one record by its 1-based number, even one that the ring has lost to others."""
        return next(map(RecordRow, (seq,), *(column[seq - 1 : seq] for column in self._columns)))
