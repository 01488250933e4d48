"""Supervises the runs on one tester: one poll for all channels, one commit a tick, then the samples are judged.

Samples are committed before they are judged, so that what stopped a run is always in the store. Starts and a person's
stops run beside the polls: neither waits for the other, and a stop that is not confirmed is ordered again each poll.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus
from orchestrator.bench.holders import SimulatedHolders
from orchestrator.bench.station import Station
from orchestrator.checks import Check
from orchestrator.clock.virtual import wall_time
from orchestrator.events import Bus
from orchestrator.measuring.between_segments import BetweenSegments
from orchestrator.rack.cell_arrival import CellArrival
from orchestrator.rack.channel_queue import ChannelQueue, Keep, keep_nothing
from orchestrator.rack.channel_watch import ChannelWatch
from orchestrator.rack.clock_watch import ClockWatch
from orchestrator.rack.collecting import Collector
from orchestrator.rack.mounted_cells import ON_EMPTY, Word
from orchestrator.rack.settling_runs import RunSettler, concerns_polls
from orchestrator.rack.stop_repeats import StopRepeats
from orchestrator.runs.late_start import LateStarts
from orchestrator.runs.recovery import Recovery
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.runs.silence import FIRST_LOOK_S, Silence
from orchestrator.runs.starting import StartPermit, no_further_checks
from orchestrator.runs.store_outage import OwedMoves, StoreTrouble
from orchestrator.states import Ending, RunState
from orchestrator.store import Store, StoreError

logger = logging.getLogger(__name__)

# Channels without a run are asked for at every poll that is in time, and at one of so many polls at least.
IDLE_LOOK_POLLS = 10


class Supervisor:
    """Runs programs on one tester's channels; runs for the same channel wait in its queue."""

    def __init__(
        self,
        store: Store,
        tester: BatteryTester,
        bus: Bus | None = None,
        station: Station | None = None,
        holders: SimulatedHolders | None = None,
    ) -> None:
        self._store = store
        self.arrival = CellArrival(store, tester, station, holders)
        self.station = station
        # While it refuses, nothing is started (faults E07); samples are stored and stops are carried out.
        self.permit = StartPermit()
        # What a service checks of a run besides its channel when it is about to begin.
        self.checks_before_start: Callable[[Run], Awaitable[Sequence[Check]]] = lambda _: no_further_checks()
        self.between_segments = BetweenSegments(store, tester, station, self.permit)
        # Runs between two segments with the task that sees each to the next one, and those being stopped there.
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[str] = set()
        self.tester = tester
        self._bus = bus or Bus()
        self.runs: list[Run] = []
        self.ticks = 0
        # A service lives for months: of the runs that are over it keeps the newest of each channel. It also watches the
        # channels of a remote tester that no run works on.
        self.is_served = False
        self.recovery = Recovery(store, tester, self._bus.tell)
        self.clock = ClockWatch(store, tester)
        self.trouble = StoreTrouble()
        self._silence = Silence(store, tester, self.trouble)
        self._owed = OwedMoves(self.trouble)
        self.queue = ChannelQueue(store, self.trouble)
        # Channels of runs from before that are not decided yet: nothing begins there.
        self.undecided: set[str] = set()
        self._collector = Collector(store, tester.poll_period_s, self.trouble)
        self._stops = StopRepeats(tester.poll_period_s, self._isolating)
        self.settler = RunSettler(tester, self._collector, self._silence, self._stops)
        self.watch = ChannelWatch(store, tester, LateStarts(store, tester, self.recovery), lambda: self.runs)
        self._wake = asyncio.Event()
        self._due_s = self._looked_s = 0.0

    def submit(self, request: RunRequest, by: str = "", word: Word = ON_EMPTY, keep: Keep = keep_nothing) -> Run:
        """Queue a run for its channel; one that could not be stored completely, with what ``keep`` adds, is not."""
        with self._store.transaction():
            run = Run(self._store, self.tester, request, request.add_to(self._store, by), tell=self._bus.tell)
            run.journal.ordered(by)
            self.queue.say(run, word, by)
            keep(run)
        self.adopt(run)
        return run

    def wake(self, *, to_poll: bool = False) -> None:
        """End the wait for the next poll, so that runs which can continue are continued at once; or poll at once."""
        if to_poll:
            self._due_s = min(self._due_s, asyncio.get_running_loop().time())
        self._wake.set()

    def adopt(self, run: Run) -> None:
        """Add a run to those supervised here: a new one, or one from an earlier process."""
        if self.is_served:
            self._forget(run.request.channel)
        self.runs.append(run)
        run.publish()
        self._wake.set()

    def _forget(self, channel: str) -> None:
        """Remove the runs of a channel that are over, except the newest."""
        over = [run for run in self.runs if run.request.channel == channel and run.state.is_over][:-1]
        self.runs = [run for run in self.runs if run not in over]
        for run in over:
            self._collector.forget(run)
            self.settler.forget(run)
            self._silence.forget(run)

    async def run(self, requests: Sequence[RunRequest], by: str = "", word: Word = ON_EMPTY) -> list[Run]:
        """Start every request, supervise all runs until they end, hold or wait for a word, and return them.

        Cancelling it (Ctrl-C) stops every channel, stores what they recorded, and marks the runs stopped.
        """
        self._store.bus = self._bus
        async with self._bus.listening():
            for request in requests:
                self.submit(request, by, word)
            await self._watch_all()
        return self.runs

    async def _watch_all(self) -> None:
        try:
            await self.serve(lambda: all(run.status.needs_no_supervision for run in self.runs))
        except BaseException as err:
            # Whatever ends the watch ends the current too: nobody else looks at these channels.
            cancelled = isinstance(err, asyncio.CancelledError)
            why = "stopped by the operator" if cancelled else f"stopped after a defect of cellrig: {err!r}"
            await self.stop_all(why)
            raise

    async def serve(self, done: Callable[[], bool] = lambda: False) -> None:
        """Start queued runs and poll running ones until ``done``; when cancelled, the tester continues its programs."""
        loop = asyncio.get_running_loop()
        self._due_s = loop.time() + self.tester.poll_period_s
        self._silence.heard()
        async with self._stops, asyncio.TaskGroup() as group:
            while not done():
                for run in self._startable():
                    with self.trouble.tolerating(f"run {run.run_id}"):
                        self.queue.begin(run)
                        group.create_task(self.begin(run), name=f"begin {run.run_id}")
                for run in self._between():
                    self._under_way[run.run_id] = group.create_task(self.go_on(run), name=f"go on {run.run_id}")
                if self.is_served and self.watch.must_look(self.undecided):
                    group.create_task(self.watch.look_again(self.undecided))
                self._wake.clear()
                await self._wait_until_due()
                if loop.time() >= self._due_s:
                    # A tick that took longer than its period does not make the next ones hurry.
                    self._due_s = max(self._due_s + self.tester.poll_period_s, loop.time())
                    await self._tick_safely()
                    self._due_s = min(self._due_s, loop.time() + self.settler.next_look_s())
                    self.ticks += 1

    async def _wait_until_due(self) -> None:
        left_s = self._due_s - asyncio.get_running_loop().time()
        if left_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._wake.wait()

    def _startable(self) -> list[Run]:
        """Return the queued runs that may start now."""
        if self.permit.refusal:
            return []
        waiting = [run for run in self.runs if run.state is not RunState.QUEUED or run not in self._owed]
        return self.queue.startable(waiting, self.undecided | self.watch.ordered.keys())

    def _between(self) -> list[Run]:
        """Return the runs between two segments that no task handles yet; held ones wait for a person."""
        if self.permit.refusal:
            return []
        busy = self._under_way.keys() | self._stopping
        due = [run for run in self.runs if run.status.is_between and run.state.is_on_its_way]
        return [run for run in due if run.run_id not in busy and run not in self._owed]

    async def go_on(self, run: Run) -> None:
        """Take a run from one segment to the next."""
        try:
            if await self.between_segments.go_on(run) and not self.permit.refusal:
                await self.begin(run)
        except Exception as err:  # a task's root: one channel's defect must not end the others
            logger.exception("run %s could not go on", run.run_id)
            reason = f"{type(err).__name__} on the way: {err}; look at {run.request.channel}"
            self._owed.write(run, lambda: run.hold(reason))
        else:
            self._wake.set()
        finally:
            self._under_way.pop(run.run_id, None)
        run.publish()

    async def begin(self, run: Run) -> None:
        """Start a run in state PREFLIGHT, from its beginning or with the remaining part of its segment."""
        self.watch.begins(run.request.channel)
        try:
            if await self.arrival.is_here(run):
                await run.starting.start(lambda: self.checks_before_start(run))
        except Exception as err:  # a task's root: one channel's defect must not end the others
            logger.exception("run %s could not be started", run.run_id)
            reason = run.starting.failure(err)
            if run.status.start_is_unknown:
                self._owed.write(run, lambda: run.go(RunState.UNKNOWN, reason))
            elif run.is_watched:
                self._owed.write(run, lambda: run.go(RunState.RUNNING))
            else:
                self._owed.write(run, lambda: run.cannot_begin(reason))
                if run in self._owed:
                    run.say(reason)
        run.publish()
        self._due_s = min(self._due_s, asyncio.get_running_loop().time() + FIRST_LOOK_S)
        self._wake.set()

    async def _tick_safely(self) -> None:
        self.trouble.begin_poll()
        self._owed.retry()
        active = [run for run in self.runs if concerns_polls(run)]
        with self.trouble.tolerating(self.tester.name):
            self._silence.check_clock(active)
        if not active:
            self._silence.heard()
        elif not await self._tick_active(active):
            return
        await self._look()

    async def _tick_active(self, active: list[Run]) -> bool:
        """Poll the runs that polls concern, and limit every error to this tester; False when it did not answer."""
        answers = False
        with self.trouble.tolerating(self.tester.name):
            try:
                await self._tick(active)
                answers = True
            except DriverError as err:
                logger.info("%s: %s", self.tester.name, err)
                self._silence.check(active, str(err))
            except StoreError:
                raise
            except Exception as err:  # a task's root: a defect here must not end the watch over other testers (E09)
                logger.exception("%s: a defect while polling", self.tester.name)
                self._silence.check(active, f"a defect, {type(err).__name__}: {err}")
        for run in active:
            run.publish()
        return answers

    async def _look(self) -> None:
        """Ask for the channels without a run of this service; behind slow replies these wait for runs, not for ever."""
        now_s, period_s = asyncio.get_running_loop().time(), self.tester.poll_period_s
        is_late = now_s > self._due_s and now_s - self._looked_s < IDLE_LOOK_POLLS * period_s
        if is_late or not (self.is_served and self.tester.traits.is_remote):
            return
        self._looked_s = now_s
        with self.trouble.tolerating(self.tester.name):
            try:
                for run in await self.watch.look(self.undecided):
                    self.runs = [other for other in self.runs if other.run_id != run.run_id]
                    self.adopt(run)
            except DriverError as err:
                logger.info("%s: its channels without a run are not seen: %s", self.tester.name, err)
            except StoreError:
                raise
            except Exception as err:  # noqa: BLE001 - told in the status, and must not end the watch over runs (E09)
                self.trouble.defect(self.tester.name, err)

    async def _tick(self, active: list[Run]) -> None:
        asked_unix_s = wall_time()
        statuses = await self._poll(active)
        self.watch.seen(statuses, asked_unix_s)
        heard_unix_s = wall_time()
        for run in active:
            if run.status.start_is_unknown:
                async with self._isolating(run):
                    await self.recovery.settle_start(run)
            if run.status.stop_is_pending:
                await self._stops.send(run)
        watched = [run for run in active if run.is_watched]
        seen = [run for run in watched if statuses[run.request.channel].state is not ChannelState.ABSENT]
        owned = [run for run in seen if not run.taken_over(statuses[run.request.channel])]
        await self._collector.collect(owned, {run.run_id: statuses[run.request.channel].record_count for run in owned})
        with self.trouble.tolerating(self.tester.name):
            self.clock.check(owned, statuses, asked_unix_s, heard_unix_s)
        for run in watched:
            async with self._isolating(run):
                await self.settler.settle(run, statuses[run.request.channel], run in seen)

    @asynccontextmanager
    async def _isolating(self, run: Run) -> AsyncIterator[None]:
        """Limit any error to one run: it ends only the ``with`` block, and the run's silence is checked (E09)."""
        with self.trouble.tolerating(f"run {run.run_id}"):
            try:
                try:
                    yield
                except DriverError as err:
                    logger.warning("run %s: %s", run.run_id, err)
                    self._silence.check_growth(run)
            except StoreError:
                raise
            except Exception as err:  # noqa: BLE001 - told in the status: one run's defect must not end the watch over others
                self.trouble.defect(f"run {run.run_id}", err)
                what = f"a defect of cellrig, {type(err).__name__}: {err}"
                self._silence.doubt(run, f"{what}; look at channel {run.request.channel}")

    async def _poll(self, active: list[Run]) -> dict[str, ChannelStatus]:
        """Return the status of all channels; runs are marked unseen if the reply takes longer than three polls."""
        asking = asyncio.ensure_future(self.tester.status([run.request.channel for run in active]))
        try:
            await asyncio.wait({asking}, timeout=self._silence.left_s())
            if not asking.done():
                with self.trouble.tolerating(self.tester.name):
                    self._silence.check(active, "no reply")
                for run in active:
                    run.publish()
            statuses = await asking
        finally:
            asking.cancel()
        with self.trouble.tolerating(self.tester.name):
            self._silence.end(active)
        self._silence.heard()
        return statuses

    async def stop_all(self, reason: str) -> None:
        """Stop every run that is not settled; each is confirmed, or unknown with the reason.

        Being cancelled (a second Ctrl-C), or a store that takes nothing, leaves no channel out.
        """
        for run in self.runs:
            if run.state.is_settled:
                continue
            try:
                await self.stop(run, reason)
            except asyncio.CancelledError:
                await self.stop(run, reason)
            except StoreError:
                logger.exception("run %s: its stop could not be written down", run.run_id)

    async def stop(self, run: Run, reason: str) -> None:
        """Stop one run; it is settled afterwards, or unknown and ordered to stop again at every poll."""
        await self.end(run, Ending(RunState.STOPPED, reason))

    async def hold(self, run: Run, reason: str) -> None:
        """Stop the current of one run and keep the run for a person, who resumes it; confirmed like a stop."""
        await self.end(run, Ending(RunState.HOLDING, reason))

    async def end(self, run: Run, ending: Ending) -> None:
        """End one run, or hold it, as ``stop`` and ``hold`` do, with any ending."""
        if (under_way := self._under_way.get(run.run_id)) is not None:
            self._stopping.add(run.run_id)
            if not under_way.cancelling():
                under_way.cancel()
            await asyncio.wait({under_way})
        try:
            if under_way is not None and (run.state is RunState.HOLDING or self.between_segments.trouble_of(run)):
                # Its switch did not let the cell go: a person must, and that is not hidden behind "stopped".
                self._owed.write(run, lambda: self.between_segments.write_pending(run))
                return
            self.between_segments.write_pending(run)
            if run.state is RunState.HOLDING and self.station is not None and run.progress.measures:
                # Held by a restart in the middle of a measurement, its cell may still be on the potentiostat.
                left = await self.station.disconnect_problem(run.request.channel)
                ending = replace(ending, reason=f"{ending.reason}; {left}") if left else ending
            start_was_unknown = run.status.start_is_unknown
            await run.stopping.stop(ending)
            if run.status.start_is_unknown:
                await self.recovery.settle(run)
            if start_was_unknown:
                # Also where a poll has found out meanwhile that it arrived.
                await run.stopping.again()
        except DriverError as err:
            if run.state is not RunState.UNKNOWN:
                run.go(RunState.UNKNOWN, f"{ending.reason}; but {self.tester.name} did not answer: {err}")
        except StoreError:
            if not run.status.stop_is_pending:
                # Nothing of it runs, and nothing will: it ends when that can be written.
                self._owed.write(run, lambda: self._end_at_rest(run, ending))
            raise
        finally:
            self._stopping.discard(run.run_id)
            run.publish()
            self._wake.set()

    def _end_at_rest(self, run: Run, ending: Ending) -> None:
        self.between_segments.write_pending(run)
        run.end_at_rest(ending)

    def has_pending_write(self, run: Run) -> bool:
        """Return whether a stop or a state change of a run still waits to be stored."""
        return run in self._owed or run.status.stop_is_pending
