"""Reads a run from its store as the sample table (``orchestrator.tables.columns``): polars frames, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator.store.errors import explained
from orchestrator.tables.columns import sample_schema
from orchestrator.tables.run_data import RunData
from orchestrator.tables.test_clock import starts_by_clock

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.store import Store
    from orchestrator.tables.run_steps import RunStep, RunTest

BATCH_ROWS = 200_000
"""Rows of a batch: about 60 MB while it is made."""

# A test that was moved along the axis keeps its times to the microsecond: sums of floats would make digits of nothing.
_TIME_DECIMALS = 6


def sample_batches(store: Store, run_id: str, rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
    """Yield the sample table of a run in batches of at most ``rows`` rows, in order; memory holds one at a time.

    A batch never spans tests. What the run holds is taken when the first batch is asked for. Raises StoreError.
    """
    return batches_of(RunData(store, run_id), rows)


def batches_of(data: RunData, rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
    """Yield the sample table of a run whose reader is there: of the steps that it knows, and no more."""
    starts = starts_by_clock(data)
    count = 0
    for test, steps in data.steps_by_test:
        if test.last is not None and steps:
            pages = _Pages(data, test, test.last.sequence, steps, starts[test.row.id], count)
            with explained(data.store.path):
                yield from pages.frames(rows)
        count += len(steps)


def sample_table(store: Store, run_id: str) -> pl.DataFrame:
    """Return the whole sample table of a run: about 120 bytes a record."""
    import polars as pl

    return pl.concat([pl.DataFrame(schema=sample_schema()), *sample_batches(store, run_id)])


@dataclass(frozen=True, slots=True)
class _Pages:
    """The records of one test up to ``last``; ``count`` steps of the run were executed before it."""

    data: RunData
    test: RunTest
    last: int
    steps: Sequence[RunStep]
    start_s: float
    count: int

    def frames(self, rows: int) -> Iterator[pl.DataFrame]:
        """Read the test's records as frames of the sample table, at most ``rows`` records each, in order."""
        from orchestrator.tables.stored_frames import stored_frames

        firsts = np.array([step.executed.first_sequence for step in self.steps])
        placed = {
            "cycle": np.array([step.place.cycle for step in self.steps], np.int64),
            "step": np.array([step.place.step for step in self.steps], np.int64),
            "step_count": self._step_counts(),
        }
        modes = [step.executed.mode for step in self.steps]
        for stored in stored_frames(self.data.store.connection, self.test.row.id, modes, self.last, rows):
            # Of each step: how many rows of the page belong to it; records and steps are in one order.
            begins = np.searchsorted(stored["sequence"].to_numpy(), firsts)
            counts = np.diff(begins, append=stored.height)
            counts[0] += begins[0]
            yield self._frame(stored, {name: np.repeat(values, counts) for name, values in placed.items()})

    def _step_counts(self) -> NDArray[np.int64]:
        if not self.data.program.segments:
            # A file's own numbers: what it lacks was lost before.
            return np.array([step.place.count for step in self.steps], np.int64)
        return self.count + 1 + np.arange(len(self.steps), dtype=np.int64)

    def _frame(self, stored: pl.DataFrame, placed: dict[str, NDArray[np.int64]]) -> pl.DataFrame:
        import polars as pl

        rows, schema = stored.height, sample_schema()
        test_time_s = stored["time_s"]
        if self.start_s:
            test_time_s = pl.Series(np.round(test_time_s.to_numpy() + self.start_s, _TIME_DECIMALS))
        columns: dict[str, pl.Series] = {
            "run_id": pl.repeat(self.data.run.run_id, rows, dtype=pl.String, eager=True),
            "test": pl.repeat(self.test.row.id, rows, dtype=pl.Int64, eager=True),
            "test_time_s": test_time_s,
            "simulated": pl.repeat(self.data.run.simulated, rows, dtype=pl.Boolean, eager=True),
        }
        columns |= {name: pl.Series(values) for name, values in placed.items()}
        columns |= {name: stored[name] for name in schema if name not in columns}
        return pl.DataFrame({name: columns[name] for name in schema}, schema=schema)
