"""Collects the records of all runs on one tester: fetched in turns, committed together, then judged.

While the store does not take them they are judged all the same, on copies of the runs' judges: a full or locked disk
keeps no cell under current. When it works again, the same records are fetched, stored and judged once more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from drivers.errors import DriverError
from drivers.interfaces import Sample
from orchestrator.failpoints import failpoint
from orchestrator.runs.records import RecordPipeline, Scout, ending_of
from orchestrator.runs.run import Run
from orchestrator.runs.store_outage import StoreTrouble
from orchestrator.store import Refused, Store, StoreConflict, StoreError

logger = logging.getLogger(__name__)

# Of a poll's period, how much may go into fetching records; an answer under way is waited for.
FETCH_SHARE = 0.6

Block = tuple[Run, RecordPipeline, list[Sample]]


class Collector:
    """The records of one tester's runs."""

    def __init__(self, store: Store, poll_period_s: float, trouble: StoreTrouble) -> None:
        self._store = store
        self._period_s = poll_period_s
        self._trouble = trouble
        self._fetched_s: dict[str, float] = {}
        self._scouts: dict[str, Scout] = {}

    def forget(self, run: Run) -> None:
        """Drop the data of a run that is over."""
        self._fetched_s.pop(run.run_id, None)
        self._scouts.pop(run.run_id, None)

    async def collect(self, runs: list[Run], counts: dict[str, int]) -> None:
        """Store and judge the missing records; if the store refuses them, judge them only."""
        try:
            refused = await self.fetch(runs, counts)
        except StoreError as err:
            self._trouble.note("records", err)
            refused = runs
        self._trouble.withhold(runs, refused)
        self._scouts = {run.run_id: self._scouts[run.run_id] for run in refused if run.run_id in self._scouts}
        for run in refused:
            with self._trouble.tolerating(f"run {run.run_id}"):
                try:
                    await self._scout(run, counts[run.run_id])
                except DriverError as err:
                    logger.warning("run %s: %s", run.run_id, err)

    async def fetch(self, runs: list[Run], counts: dict[str, int]) -> list[Run]:
        """Store and judge the missing records: one block of each run at a time, one commit for all.

        Gives the runs whose values the store refuses. Raises StoreError when it takes nothing at all.

        When replies are so slow that the next poll would be late, those that have waited longest come first, and the
        rest at the next poll: what the channels do is seen in time, whatever their records take (faults A11).
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + FETCH_SHARE * self._period_s
        with_test = [(run, run.records) for run in runs if run.records is not None]
        behind = sorted(with_test, key=lambda each: self._fetched_s.get(each[0].run_id, 0.0))
        refused: list[Run] = []
        while behind and loop.time() <= until_s:
            blocks: list[Block] = []
            for run, records in behind:
                if loop.time() <= until_s:
                    samples = await self._block(run, records.fetch(counts[run.run_id]))
                    self._fetched_s[run.run_id] = loop.time()
                    if samples:
                        blocks.append((run, records, samples))
            kept = self._keep(blocks, with_test) if blocks else []
            for _, records, samples in kept:
                records.accept(samples)
            behind = [(run, records) for run, records, _ in kept]
            refused += [run for run, records, _ in blocks if (run, records) not in behind]
        return refused

    async def _block(self, run: Run, asking: Awaitable[list[Sample]]) -> list[Sample]:
        """Fetch a block of one run; where it fails, the others are judged all the same (faults A05, E09)."""
        try:
            return await asking
        except DriverError as err:
            logger.warning("run %s: its records do not come: %s", run.run_id, err)
        except StoreError:
            raise
        except Exception as err:  # noqa: BLE001 - told in the status: one channel's defect must not blind the others
            self._trouble.defect(f"the records of run {run.run_id}", err)
        return []

    def _keep(self, blocks: list[Block], all_runs: list[tuple[Run, RecordPipeline]]) -> list[Block]:
        """Commit blocks together and return them; a block with refused values does not prevent storing the others."""
        try:
            self._commit(blocks, [records for _, records in all_runs])
        except (Refused, StoreConflict) as err:
            self._trouble.note("records", err)
        else:
            return blocks
        kept = []
        for block in blocks:
            with self._trouble.tolerating(f"run {block[0].run_id}"):
                self._commit([block], [block[1]])
                kept.append(block)
        return kept

    def _commit(self, blocks: list[Block], pipelines: list[RecordPipeline]) -> None:
        with self._store.transaction():
            self._store.tick({records.test: samples for _, records, samples in blocks})
            for records in pipelines:
                records.save()
        failpoint("samples committed")

    async def _scout(self, run: Run, count: int) -> None:
        """Judge the records of a run that are not stored, and stop the run if a finding requires it."""
        records = run.records
        if records is None or run.status.stop_is_pending:
            return
        scout = self._scouts.get(run.run_id)
        if scout is None or scout.stored is not records.last:
            scout = self._scouts[run.run_id] = records.scout()
        while samples := await self._block(run, records.fetch_for(scout, count)):
            if ending := ending_of(scout.feed(samples)):
                run.stopping.order(ending)
        await run.stopping.again()
