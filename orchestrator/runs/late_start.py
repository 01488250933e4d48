"""Recognises a start that was given up and reaches its tester all the same, and takes it back to be stopped.

A start whose reply is lost is waited for (``BatteryTesterTraits.start_arrives_within_s``); after that its run is over,
or held. No length of waiting is proof: whenever a channel works under a barcode that only a given-up start of this
store can have, also after restarts, the test is that run's. Nobody expects it any more, so it is stopped.
"""

from __future__ import annotations

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, ChannelStatus, TestIdentity
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.runs.ownership import mismatch
from orchestrator.runs.recovery import Recovery
from orchestrator.runs.request import stored_program
from orchestrator.runs.run import Run
from orchestrator.states import Ending, RunState
from orchestrator.store import MountingKind, Mountings, Store, StoreError
from protocols.program import Program


class LateStarts:
    """The late starts of one tester's runs."""

    def __init__(self, store: Store, tester: BatteryTester, recovery: Recovery) -> None:
        self._store = store
        self._tester = tester
        self._recovery = recovery

    async def doubt(self, run: Run, status: ChannelStatus) -> str:
        """Return why a test with a run's barcode is not taken for that run's now; empty if nothing contradicts it."""
        try:
            return await mismatch(self._store, self._tester, run.run_id, status)
        except DriverError as err:
            return f"whether it is the test of {run.run_id} is not known yet: {err}"

    async def find(self, status: ChannelStatus) -> Run | None:
        """Return the run, restored from the store, whose given-up start has a channel's barcode; None for any other."""
        for row in reversed(self._store.runs()):
            if (
                row.channel != status.channel
                or not status.barcode.startswith(row.run_id)
                or not row.state.may_have_given_up_a_start
                or not self._store.start_was_sent(row.run_id)
            ):
                continue
            run = self._recovery.run_of(row, Program.from_json(row.program_json))
            # The next barcode: had its test been stored, the start would not have been given up.
            if run.next_barcode == status.barcode:
                await run.restore()
                return run
        return None

    async def watch_again(self, run_id: str, status: ChannelStatus) -> Run:
        """Return a held run, restored from the store, whose own test works again: it is watched and judged as before.

        Somebody has continued it at the tester, or it was held by mistake. Raises StoreError.
        """
        row = self._store.run(run_id)
        run = self._recovery.run_of(row, stored_program(row))
        await run.restore()
        message = f"channel {status.channel} works on its test {status.test_id} although it was held: watched again"
        with self._store.transaction():
            run.journal.note(EventKind.EXTERNAL_ACTION, message)
            run.go(RunState.UNKNOWN, message)
            run.go(RunState.UNSEEN, message)
        return run

    async def take(self, run: Run, status: ChannelStatus) -> None:
        """Store a late test as its run's own and order its stop, which polls repeat until it is confirmed.

        A store that takes nothing keeps no cell under current: then the stop is sent without it. Raises StoreError.
        """
        held = run.state is RunState.HOLDING
        message = (
            f"its start has reached the tester after it was given up: test {status.test_id} works under its barcode"
        )
        reason = f"{message}, and nobody expected it any more ({run.state.value}: {run.reason})"
        run.starting.barcode = status.barcode
        run.run_what_is_left()
        identity = TestIdentity(status.channel, status.test_id, status.barcode, len(run.segment.steps) + 1)
        try:
            with self._store.transaction():
                run.started(identity)
                run.journal.note(EventKind.LATE_START, f"{message}; it is stopped")
                self._use_again(run)
                run.go(RunState.UNKNOWN, f"{message}; it is being stopped")
        except StoreError:
            try:
                await self._tester.stop(identity)
            except DriverError as err:
                raise StoreError(
                    f"a late start on {status.channel} could not be stopped, nor written down: {err}"
                ) from err
            raise
        run.stopping.order(Ending(RunState.HOLDING if held else RunState.STOPPED, reason))

    def _use_again(self, run: Run) -> None:
        """Take back that a run's channel is empty: its test worked there since, on a cell that nobody has spoken of."""
        mountings, channel = Mountings(self._store), run.request.channel
        use = mountings.last_use(channel)
        if use is not None and use.kind is MountingKind.EMPTY:
            mountings.add(channel, MountingKind.BEGUN, run.run_id, "", wall_time())
