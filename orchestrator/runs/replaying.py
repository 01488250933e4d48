"""Brings the judges of a stored test to where they were before a restart, in slices between which the loop runs.

They say exactly what they would say without a restart (docs/performance.md, "Restart"):

- The steps that a tick has stored are not built again from their samples: their rows are fed to the guards and cycles.
  The last one is, because it may be a part: it is stored when a run is held, and its test may go on.
- A row that its own samples contradict is not believed: from there on the steps are built from the samples.
- The watches for shorts and for trouble are fed their samples again; of a test with more than 52,000 the head, where
  the tester's zero and the run's own values are seen, and the tail: they look back over eight steps. What came between
  is a gap to them; what trouble was told is known from the run's events.
- The limits judge each sample by itself, and one within them only ends a series. SQLite picks out the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from drivers.interfaces import Sample
from orchestrator.judging.limits import Finding, LimitWatch
from orchestrator.judging.steps import ExecutedStep
from orchestrator.store.stored_test import Band, StoredTest

# A page with so many rows is followed by a turn of the loop; what is shorter is done at once.
_LONG_PAGE = 100
# Of a long test the watches for shorts and trouble are fed so many samples again, at 5 us each.
HEAD_SAMPLES = 2_000
TAIL_SAMPLES = 50_000


class Replay:
    """The stored steps and samples of one test, as its judges need them after a restart; read steps first.

    ``doubt`` tells which stored step its samples contradict, and is empty where none is; ``count`` is the number of
    samples that ``findings`` has gone over.
    """

    def __init__(self, stored: StoredTest) -> None:
        self._stored = stored
        self._first: int | None = None
        self.doubt = ""
        self.count = 0

    async def steps(self) -> AsyncIterator[list[ExecutedStep]]:
        """Give the stored steps that are whole and agree with their samples, but for the last one."""
        self._first = expected = self._stored.first_sequence()
        last: ExecutedStep | None = None
        for page in self._stored.steps():
            believed: list[ExecutedStep] = []
            for row in page:
                if not row.agrees or row.executed.first_sequence != expected:
                    self.doubt = (
                        f"executed step {row.executed.step_count} of the store (records {row.executed.first_sequence} "
                        f"to {row.executed.last_sequence}) is not what its records say; it is made anew from them"
                    )
                    break
                if last is not None:
                    believed.append(last)
                last, expected = row.executed, row.next_sequence
            if believed:
                yield believed
            if last is not None:
                self._first = last.first_sequence
            if self.doubt:
                return
            if len(page) > _LONG_PAGE:
                await asyncio.sleep(0)

    async def samples(self) -> AsyncIterator[list[Sample]]:
        """Give the samples behind the steps that were given."""
        if self._first is None:
            return
        for page in self._stored.samples(self._first - 1):
            yield page
            if len(page) > _LONG_PAGE:
                await asyncio.sleep(0)

    async def watched_samples(self) -> AsyncIterator[list[Sample]]:
        """Give the samples that the watches for shorts and trouble need: all, or head and tail of a long test."""
        first, last = self._stored.first_sequence(), self._stored.last_sequence()
        ranges: list[tuple[int, int | None]] = [(-1, None)]
        if first is not None and last is not None and last - first >= HEAD_SAMPLES + TAIL_SAMPLES:
            tail = last - TAIL_SAMPLES
            begin = self._stored.first_of_step_above(tail)
            ranges = [(-1, HEAD_SAMPLES), (tail if begin is None else begin - 1, None)]
        for after, most in ranges:
            for page in self._stored.samples(after, most):
                yield page
                if len(page) > _LONG_PAGE:
                    await asyncio.sleep(0)

    async def findings(self, limits: LimitWatch) -> AsyncIterator[list[Finding]]:
        """Bring a new limit watch to the end of the test, and give what it finds on the way."""
        bands = {step: Band(it.low_a, it.high_a, it.time_s, it.capacity_ah) for step, it in limits.windows.items()}
        for scan in self._stored.scan(limits.voltages.low_v, limits.voltages.high_v, bands):
            self.count += scan.count
            if scan.is_whole:
                yield limits.feed(scan.suspects)
            else:
                found: list[Finding] = []
                for between, sample in _with_gaps(scan.after, scan.suspects):
                    if between:
                        limits.pass_over()
                    found += limits.feed([sample])
                if not scan.suspects or scan.suspects[-1].sequence < scan.last:
                    limits.pass_over()
                yield found
            if scan.count > _LONG_PAGE:
                await asyncio.sleep(0)


def _with_gaps(after: int, samples: list[Sample]) -> Iterator[tuple[bool, Sample]]:
    """Give each sample and whether others lie between it and the one before."""
    for sample in samples:
        yield sample.sequence > after + 1, sample
        after = sample.sequence
