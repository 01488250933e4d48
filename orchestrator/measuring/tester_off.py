"""Checks that a tester's channel is off while its cell rests or is on the potentiostat."""

from __future__ import annotations

import asyncio
import logging

from drivers.capabilities import LooksAtIdleCells
from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus
from orchestrator.bench.station import Interrupted
from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.runs.silence import SILENT_POLLS
from orchestrator.store import StoreError

logger = logging.getLogger(__name__)

LOOK_S = 60.0


class TesterOffWatch:
    """Asks a tester about channels that must be off, and reports when it has not answered for long."""

    def __init__(self, tester: BatteryTester) -> None:
        self._tester = tester
        self._misses: dict[str, int] = {}
        # By run: the foreign test that was reported last, and the one with which an operator resumed the run.
        self._reported: dict[str, tuple[int, str]] = {}
        self._accepted: dict[str, tuple[int, str]] = {}

    def accept(self, run: Run) -> None:
        """Remember that the operator resumed the run: the foreign test reported last does not hold it again."""
        if (reported := self._reported.pop(run.run_id, None)) is not None:
            self._accepted[run.run_id] = reported

    async def check(self, run: Run) -> ChannelStatus | None:
        """Return the channel's status, None if the tester is silent. Raises Interrupted if it works or is not ours."""
        channel = run.request.channel
        try:
            status = (await self._tester.status([channel]))[channel]
        except DriverError as err:
            self._missed(run, str(err))
            return None
        if status.state is ChannelState.ABSENT:
            self._missed(run, f"{self._tester.name} does not show the channel")
            return None
        if self._misses.pop(run.run_id, 0) >= SILENT_POLLS:
            _note(run, EventKind.LINK_BACK, f"{self._tester.name} answers again")
        shown = (status.test_id, status.barcode)
        is_accepted = self._accepted.get(run.run_id) == shown
        is_off = status.state.is_at_rest and (is_accepted or status.state is not ChannelState.PROTECTED)
        if not is_off or (run.taken_over(status) and not is_accepted):
            self._reported[run.run_id] = shown
            message = f"channel {channel} is {status.state.value} with {status.barcode!r}, and not by us"
            _note(run, EventKind.EXTERNAL_ACTION, message)
            raise Interrupted(message)
        return status

    def lend(self, run: Run, to: str) -> None:
        """Leave the run's cell to the potentiostat ``to``, empty: no more, where the tester would look at it itself.

        Raises CannotRun while the tester has a test on the channel.
        """
        if isinstance(self._tester, LooksAtIdleCells):
            self._tester.keep_off(run.request.channel, to)

    async def wait_until_off(self, run: Run) -> ChannelStatus:
        """Wait until the tester answers that the channel is off, and return its status. Raises Interrupted if not."""
        while True:
            if (status := await self.check(run)) is not None:
                return status
            await asyncio.sleep(LOOK_S)

    def _missed(self, run: Run, why: str) -> None:
        logger.warning("run %s: %s", run.run_id, why)
        count = self._misses[run.run_id] = self._misses.get(run.run_id, 0) + 1
        if count == SILENT_POLLS:
            _note(run, EventKind.LINK_LOST, f"between two segments, nothing of {run.request.channel}: {why}")
            run.say(f"waits for {self._tester.name}, which does not answer")


def _note(run: Run, kind: EventKind, message: str) -> None:
    """Write an event; a store error is only logged, so that the caller can still act on the tester's status."""
    try:
        run.journal.note(kind, message)
    except StoreError:
        logger.exception("run %s: %s: %s is not written down", run.run_id, kind, message)
