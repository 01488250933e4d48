"""Watches the runs on one tester: one poll for all channels, one commit a tick, then judgement.

Samples are committed before they are judged, so that what stopped a run is always in the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, Sample
from orchestrator.events import EventKind, Subscriber
from orchestrator.run import Run, RunRequest
from orchestrator.safety import Finding
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.virtual_time import wall_time

logger = logging.getLogger(__name__)

# Silence: no good reply for three polls, or no new record for three record intervals (design, section 9).
SILENT_POLLS = 3
SILENT_RECORDS = 3
# The contact check at a program's head takes 10 s: it is judged before the recipe's first step, however slow the polls.
FIRST_LOOK_S = 15.0


class Supervisor:
    """Runs programs on one tester's channels until each has ended."""

    def __init__(self, store: Store, tester: BatteryTester, subscribers: Iterable[Subscriber] = ()) -> None:
        self._store = store
        self._tester = tester
        self._subscribers = tuple(subscribers)
        self.runs: list[Run] = []
        self._heard_at = 0.0
        self._heard_unix_s = 0.0
        self._lost = False
        self._grown: dict[str, tuple[int, float]] = {}

    async def run(self, requests: Sequence[RunRequest]) -> list[Run]:
        """Start every request, watch all until they end, and give the runs with their states.

        Cancelling it (Ctrl-C) stops every channel, stores what they recorded, and marks the runs stopped.
        """
        self.runs = [Run(self._store, self._tester, request) for request in requests]
        try:
            for run in self.runs:
                await run.begin()
                self._publish(run)
            await self._watch()
        except asyncio.CancelledError:
            await self._stop_all("stopped by the operator")
            raise
        return self.runs

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._heard_at, self._heard_unix_s = loop.time(), wall_time()
        due = loop.time()
        period_s = min(FIRST_LOOK_S, self._tester.poll_period_s)
        while active := [run for run in self.runs if not run.ended]:
            # A tick that took longer than its period does not make the next ones hurry.
            due = max(due + period_s, loop.time())
            period_s = self._tester.poll_period_s
            await asyncio.sleep(due - loop.time())
            try:
                await self._tick(active)
            except DriverError as err:
                logger.info("%s: %s", self._tester.name, err)
                self._check_silence(active, str(err))
            for run in active:
                self._publish(run)

    async def _tick(self, active: list[Run]) -> None:
        statuses = await self._hear(active)
        findings: dict[str, list[Finding]] = {run.run_id: [] for run in active}
        owned = [run for run in active if not await self._lost_ownership(run, statuses)]
        behind = owned
        while behind:
            batches: dict[int, Sequence[Sample]] = {}
            fetched: list[tuple[Run, list[Sample]]] = []
            for run in behind:
                if samples := await run.fetch(statuses[run.request.channel].record_count):
                    batches[run.test] = samples
                    fetched.append((run, samples))
            if batches:
                with self._store.transaction():
                    self._store.tick(batches)
                    for run in owned:
                        run.save_steps()
            for run, samples in fetched:
                findings[run.run_id] += run.accept(samples)
            behind = [run for run, _ in fetched]
        for run in owned:
            status = statuses[run.request.channel]
            if await run.act(findings[run.run_id]):
                continue
            if status.complete and status.state is not ChannelState.WORKING:
                await run.conclude(status)
            else:
                self._check_growth(run, status)

    async def _lost_ownership(self, run: Run, statuses: dict[str, ChannelStatus]) -> bool:
        status = statuses[run.request.channel]
        if not run.taken_over(status):
            return False
        message = f"channel {status.channel} now shows {status.barcode!r}, test {status.test_id}: it is left alone"
        run.note(EventKind.EXTERNAL_ACTION, message)
        run.go(RunState.STOPPED, message)
        return True

    async def _hear(self, active: list[Run]) -> dict[str, ChannelStatus]:
        """Ask for all channels; when the answer takes longer than three polls, say so while still waiting."""
        loop = asyncio.get_running_loop()
        asking = asyncio.ensure_future(self._tester.status([run.request.channel for run in active]))
        try:
            left_s = self._heard_at + SILENT_POLLS * self._tester.poll_period_s - loop.time()
            await asyncio.wait({asking}, timeout=max(0.0, left_s))
            if not asking.done():
                self._check_silence(active, "no reply")
            statuses = await asking
        finally:
            asking.cancel()
        if self._lost:
            self._link_is_back(active)
        self._heard_at, self._heard_unix_s = loop.time(), wall_time()
        return statuses

    def _check_silence(self, active: list[Run], cause: str) -> None:
        silent_s = asyncio.get_running_loop().time() - self._heard_at
        if self._lost or silent_s < SILENT_POLLS * self._tester.poll_period_s - 1e-6:
            return
        self._lost = True
        message = f"nothing heard from {self._tester.name} for {silent_s:.0f} s ({cause}); the tester rides on"
        for run in active:
            if run.state is RunState.RUNNING:
                run.note(EventKind.LINK_LOST, message)
                run.go(RunState.UNSEEN, message)
                self._publish(run)

    def _link_is_back(self, active: list[Run]) -> None:
        self._lost = False
        for run in active:
            if run.state is RunState.UNSEEN:
                run.go(RunState.RUNNING)
                run.note(EventKind.LINK_BACK, f"{self._tester.name} answers again; records are being fetched")
                self._store.add_deviation(
                    run.run_id,
                    "communication_loss",
                    self._heard_unix_s,
                    wall_time(),
                    "the tester went on by itself; its records were fetched afterwards",
                )

    def _check_growth(self, run: Run, status: ChannelStatus) -> None:
        now = asyncio.get_running_loop().time()
        count, since = self._grown.get(run.run_id, (-1, now))
        if status.record_count != count:
            self._grown[run.run_id] = (status.record_count, now)
            if run.state is RunState.UNSEEN:
                run.go(RunState.RUNNING)
            return
        step = run.segment.steps[run.last.step - 1] if run.last else None
        own = getattr(step, "record", None) or run.segment.record
        every_s = own.every_s
        allowed_s = max(SILENT_RECORDS * (every_s or 0.0), SILENT_POLLS * self._tester.poll_period_s)
        if every_s is not None and run.state is RunState.RUNNING and now - since >= allowed_s:
            message = f"channel {status.channel} works, but has made no record for {now - since:.0f} s"
            run.note(EventKind.LINK_LOST, message)
            run.go(RunState.UNSEEN, message)

    async def _stop_all(self, reason: str) -> None:
        for run in self.runs:
            if not run.ended:
                try:
                    await run.stop(RunState.STOPPED, reason)
                except DriverError as err:
                    run.go(RunState.UNKNOWN, f"{reason}; but {self._tester.name} did not answer: {err}")
                self._publish(run)

    def _publish(self, run: Run) -> None:
        update = run.update()
        for subscriber in self._subscribers:
            subscriber(update)
