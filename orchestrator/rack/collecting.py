"""Takes in the records of all runs on one tester: fetched in turns, committed together, then judged.

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
from orchestrator.runs.found import ending_of
from orchestrator.runs.records import Scout
from orchestrator.runs.run import Run
from orchestrator.runs.store_outage import StoreTrouble
from orchestrator.store import Refused, Store, StoreConflict, StoreError

logger = logging.getLogger(__name__)

# Of a poll's period, how much may go into fetching records; an answer under way is waited for.
FETCH_SHARE = 0.6

Block = tuple[Run, list[Sample]]


class Intake:
    """The records of one tester's runs."""

    def __init__(self, store: Store, poll_period_s: float, trouble: StoreTrouble) -> None:
        self._store = store
        self._period_s = poll_period_s
        self._trouble = trouble
        self._fetched_s: dict[str, float] = {}
        self._scouts: dict[str, Scout] = {}

    def forget(self, run: Run) -> None:
        """Forget a run that is over."""
        self._fetched_s.pop(run.run_id, None)
        self._scouts.pop(run.run_id, None)

    async def take_in(self, runs: list[Run], counts: dict[str, int]) -> None:
        """Store and judge the records that are missing; where the store takes nothing, judge them only."""
        try:
            refused = await self.fetch(runs, counts)
        except StoreError as err:
            self._trouble.note("records", err)
            refused = runs
        self._scouts = {run.run_id: self._scouts[run.run_id] for run in refused if run.run_id in self._scouts}
        for run in refused:
            with self._trouble.endured(f"run {run.run_id}"):
                try:
                    await self._scout(run, counts[run.run_id])
                except DriverError as err:
                    logger.warning("run %s: %s", run.run_id, err)

    async def fetch(self, runs: list[Run], counts: dict[str, int]) -> list[Run]:
        """Store and judge the records that are missing: a block of each run at a time, one commit for all.

        Gives the runs whose values the store refuses. Raises StoreError when it takes nothing at all.

        When replies are so slow that the next poll would be late, those that have waited longest come first, and the
        rest at the next poll: what the channels do is seen in time, whatever their records take (faults A11).
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + FETCH_SHARE * self._period_s
        behind = sorted(runs, key=lambda run: self._fetched_s.get(run.run_id, 0.0))
        refused: list[Run] = []
        while behind and loop.time() <= until_s:
            blocks = []
            for run in behind:
                if loop.time() <= until_s:
                    blocks.append((run, await _block(run, run.fetch(counts[run.run_id]))))
                    self._fetched_s[run.run_id] = loop.time()
            fetched = [(run, samples) for run, samples in blocks if samples]
            kept = self._keep(fetched, runs) if fetched else []
            for run, samples in kept:
                run.accept(samples)
            behind = [run for run, _ in kept]
            refused += [run for run, _ in fetched if run not in behind]
        return refused

    def _keep(self, fetched: list[Block], runs: list[Run]) -> list[Block]:
        """Commit blocks together and give them; one whose values the store refuses keeps out no other."""
        try:
            self._commit(fetched, runs)
        except (Refused, StoreConflict) as err:
            self._trouble.note("records", err)
        else:
            return fetched
        kept = []
        for run, samples in fetched:
            with self._trouble.endured(f"run {run.run_id}"):
                self._commit([(run, samples)], [run])
                kept.append((run, samples))
        return kept

    def _commit(self, fetched: list[Block], runs: list[Run]) -> None:
        with self._store.transaction():
            self._store.tick({run.test: samples for run, samples in fetched})
            for run in runs:
                if run.ingest is not None:
                    run.ingest.save()
        failpoint("samples committed")

    async def _scout(self, run: Run, count: int) -> None:
        """Judge what is not stored of a run, and stop it where that asks for it."""
        if run.ingest is None or run.stop_is_pending:
            return
        scout = self._scouts.get(run.run_id)
        if scout is None or scout.stored is not run.last:
            scout = self._scouts[run.run_id] = run.ingest.scout()
        while samples := await _block(run, run.fetch(count, scout)):
            if ending := ending_of(scout.feed(samples)):
                run.order_stop(*ending)
        await run.stop_again()


async def _block(run: Run, asking: Awaitable[list[Sample]]) -> list[Sample]:
    """Fetch a block of one run; where it fails, the others are judged all the same (faults A05, E09)."""
    try:
        return await asking
    except DriverError as err:
        logger.warning("run %s: its records do not come: %s", run.run_id, err)
        return []
