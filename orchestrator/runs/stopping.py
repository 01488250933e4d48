"""Stops a run: sends the stop until it is confirmed, fetches the last records, then stores the run's end."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from drivers.errors import ChannelTaken, DriverError, NotConfirmed
from drivers.interfaces import BatteryTester, TestIdentity
from orchestrator.clock.local_time import local_time
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.failpoints import failpoint
from orchestrator.runs.journal import STOPS, RunJournal
from orchestrator.runs.ownership import objection_to_stop
from orchestrator.runs.records import RecordPipeline
from orchestrator.states import Ending, RunState, RunStatus
from orchestrator.store import Store

_NOT_CONFIRMED = "; but the stop is not confirmed"
"""Behind the reason of a run until its tester confirms the stop."""


class Stoppable(Protocol):
    """The parts of a run that a stop uses; only the run changes its own state."""

    def stop_command(self) -> AbstractAsyncContextManager[None]:
        """Wait for a command under way; a start that has not left yet does not leave any more."""

    run_id: str

    @property
    def status(self) -> RunStatus:
        """The run's status."""

    @property
    def records(self) -> RecordPipeline | None:
        """The records of the run's present test; None before its first."""

    @property
    def identity_of_start(self) -> tuple[str, int]:
        """The barcode under which the run was last started, and the number of that program's end step."""

    def order_end(self, ending: Ending) -> None:
        """Remember the ending for the time when the stop is confirmed; of several the gravest decides."""

    def go(self, state: RunState, reason: str = "") -> None:
        """Change the state and store it."""

    def finish(self, ending: Ending) -> None:
        """End the run and store it."""

    def end_at_rest(self, ending: Ending) -> None:
        """End or hold a run that has no program on the tester."""


class StopOrder:
    """The stop of one run: ordered once, sent until it is confirmed, and kept until the run's end is stored."""

    def __init__(self, run: Stoppable, store: Store, tester: BatteryTester, journal: RunJournal, channel: str) -> None:
        self._run = run
        self._store = store
        self._tester = tester
        self._journal = journal
        self._channel = channel
        # The test whose stop was confirmed, and how: a run that was held goes on in another one.
        self._confirmed: tuple[TestIdentity, str] | None = None
        # The test whose channel showed another one, its stored records, and since when there are no more.
        self._still: tuple[TestIdentity, int, float] | None = None

    @property
    def is_confirmed(self) -> bool:
        """Whether the tester has confirmed that the present test is stopped, so that only the end is to be stored."""
        records = self._run.records
        return self._confirmed is not None and records is not None and self._confirmed[0] == records.identity

    def order(self, ending: Ending) -> None:
        """Order a stop for the next poll; the graver of ``ending`` and of what the records require decides."""
        records = self._run.records
        self._run.order_end(ending.joined(records.ending if records is not None else None))

    async def again(self) -> None:
        """Send a pending stop once more."""
        if (ending := self._run.status.ordered_end) is not None:
            await self.stop(ending)

    async def stop(self, ending: Ending) -> None:
        """Stop the channel, confirm the stop, fetch the records made until then, and end the run.

        An unconfirmed stop leaves the run unknown: the supervisor sends it again at every poll. A start that has not
        left yet does not leave any more; one that has is waited for. Raises StoreError, and DriverError where a start
        is not known.
        """
        run = self._run
        async with run.stop_command():
            status = run.status
            if status.state.is_settled:
                return
            is_between = status.is_between and not status.start_is_unknown
            if is_between or (status.state.is_at_rest and not await self._is_kept()):
                run.end_at_rest(ending)
                return
            self.order(ending)
            if status.start_is_unknown:
                # Its end follows once the start is known, also after a restart.
                self._intend()
                await self.stop_unseen()
            elif run.records is not None:
                await self._carry_out(run.records)

    async def stop_unseen(self) -> None:
        """Stop a test whose start is unknown, if the tester shows it; the run's end is not stored here."""
        barcode, end_step = self._run.identity_of_start
        status = (await self._tester.status([self._channel]))[self._channel]
        if status.barcode != barcode or not status.state.has_program:
            return
        if not await objection_to_stop(self._store, self._tester, self._run.run_id, status):
            await self._tester.stop(TestIdentity(self._channel, status.test_id, barcode, end_step))

    async def _carry_out(self, records: RecordPipeline) -> None:
        run = self._run
        try:
            outcome = await self._send(records)
        except DriverError as err:
            ending = run.status.ordered_end
            if run.status.state is not RunState.UNKNOWN and ending is not None:
                with self._store.transaction():
                    self._journal.note(EventKind.STOP_NOT_CONFIRMED, str(err))
                    why = "" if str(err) in ending.reason else f": {err}"
                    run.go(RunState.UNKNOWN, f"{ending.reason}{_NOT_CONFIRMED}{why}")
            return
        await records.collect_rest()
        failpoint("stop collected")
        with self._store.transaction():
            self._journal.close_intents(outcome, STOPS)
            if (ending := run.status.ordered_end) is not None:
                if _NOT_CONFIRMED in run.status.reason:
                    now = local_time(wall_time(), seconds=True)
                    ending = Ending(ending.state, f"{ending.reason}; its stop, not confirmed at first, is since {now}")
                run.finish(ending)

    async def _send(self, records: RecordPipeline) -> str:
        """Stop a test and return the outcome; a confirmed stop is not sent again. Raises DriverError."""
        identity = records.identity
        if self._confirmed is not None and self._confirmed[0] == identity:
            return self._confirmed[1]
        failpoint("stop not intended")
        self._intend()
        failpoint("stop intended")
        try:
            await self._tester.stop(identity)
            outcome = "confirmed: zero current is not measurable here"
            self._confirmed = identity, outcome
        except ChannelTaken as err:
            if not await self._is_over(records):
                raise NotConfirmed(f"{err}; its own test is called over when no record of it comes") from err
            # Another test has its place, and is none of our business.
            outcome = str(err)
            self._confirmed = identity, outcome
            self._journal.note(EventKind.EXTERNAL_ACTION, outcome)
        failpoint("stop confirmed")
        return outcome

    async def _is_over(self, records: RecordPipeline) -> bool:
        """Return whether a test whose channel shows another one has made no record for as long as one takes.

        The tester may say wrongly which test is on a channel, and the run's own would go on.
        """
        if not self._tester.traits.is_remote:
            return True
        await records.collect_rest()
        identity, stored, now_s = records.identity, records.stored, asyncio.get_running_loop().time()
        if self._still is None or self._still[:2] != (identity, stored):
            self._still = identity, stored, now_s
        return now_s - self._still[2] >= records.growth_s

    def _intend(self) -> None:
        """Commit the intent, which stays open until the run's end is written."""
        ending = self._run.status.ordered_end
        self._journal.intend_stop(ending.state if ending is not None else RunState.STOPPED)

    async def _is_kept(self) -> bool:
        """Return whether a held run's program may be paused on its channel, where a person could continue it."""
        records = self._run.records
        if self._run.status.state is not RunState.HOLDING or records is None:
            return False
        identity = records.identity
        try:
            status = (await self._tester.status([self._channel]))[self._channel]
            if not status.state.has_program or (status.test_id, status.barcode) != (identity.test_id, identity.barcode):
                return False
        except DriverError:
            return True
        return not await objection_to_stop(self._store, self._tester, self._run.run_id, status)
