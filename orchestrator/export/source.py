"""The run that is exported: its tables piece by piece, and the facts that go beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestrator.clock.iso_time import iso_utc
from orchestrator.tables.impedance_table import impedance_table
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import BATCH_ROWS, batches_of
from orchestrator.tables.test_clock import gaps_by_clock, starts_by_clock

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.store import Store

Progress = Callable[[int, int], None]
"""Is told how many rows are written, and how many there are."""


def _untold(_done: int, _all: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class RunSource:
    """One run of an open store. ``notes`` gathers sentences for the person who exports: what the files do not hold.

    ``cycles``: the records of these alone are exported, in order; None: all.
    """

    store: Store
    run_id: str
    progress: Progress = _untold
    notes: list[str] = field(default_factory=list)
    cycles: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        """The name of the run in those of its files: its id, with the cycles where only some are exported."""
        return self.run_id if self.cycles is None else f"{self.run_id}-cycle-{ranges_of(self.cycles)}"

    @property
    def of_what(self) -> str:
        """Words for what is exported of the run, where it is a part."""
        return "" if self.cycles is None else f"of cycle {ranges_of(self.cycles)} "

    @cached_property
    def data(self) -> RunData:
        """The reader of the run. Raises StoreError for a run that the store does not have."""
        return RunData(self.store, self.run_id)

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
        """Yield the sample table of the run, in order; progress is told of each batch that was taken.

        How many there are is told by their numbers: to count them would be to read them twice.
        """
        count = sum(test.last.sequence for test in self.data.tests if test.last is not None)
        done = 0
        for frame in batches_of(self.data, rows):
            done += frame.height
            if self.cycles is not None:
                frame = frame.filter(frame["cycle"].is_in(list(self.cycles)))  # noqa: PLW2901 - the part that is wanted
            if frame.height or self.cycles is None:
                yield frame
            self.progress(done, max(done, count))
        self.progress(done, done)

    @cached_property
    def spectra(self) -> pl.DataFrame:
        """The impedance table of the run."""
        return impedance_table(self.store, self.run_id)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The run in words for JSON; ``simulated`` is None where it was not kept."""
        run = self.data.run
        return {
            "run_id": run.run_id,
            **({} if self.cycles is None else {"cycles": ranges_of(self.cycles)}),
            "recipe": run.recipe,
            "program_sha256": run.program_sha256,
            "cell": run.cell,
            "label": run.label,
            "cell_facts": json.loads(run.facts_json),
            "channel": run.channel,
            "ordered_utc": iso_utc(run.created_unix_s),
            "state": run.state.value,
            "reason": run.reason,
            "simulated": run.simulated,
        }

    @cached_property
    def tests(self) -> list[dict[str, Any]]:
        """The run's tests that have records, for JSON: where each was made and when it begins on the axis of time."""
        starts = starts_by_clock(self.data)
        return [
            {
                "test": test.row.id,
                "instrument": test.row.instrument,
                "channel": test.row.channel,
                "started_utc": iso_utc(test.row.started_unix_s),
                "from_test_time_s": starts[test.row.id],
            }
            for test in self.data.tests
            if test.row.id in starts
        ]

    @cached_property
    def gaps(self) -> list[dict[str, Any]]:
        """The times in which the run has no records, for JSON; nothing was filled in."""
        return [
            {
                "from_test_time_s": gap.from_s,
                "to_test_time_s": gap.to_s,
                "lost_records": gap.lost,
                "reasons": list(gap.reasons),
            }
            for gap in gaps_by_clock(self.data)
        ]


def ranges_of(numbers: Sequence[int]) -> str:
    """Return numbers in order as text, consecutive ones as a range: ``1,5,48-50``."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in found)
