"""Stops a run's test: ordered once, sent until it is confirmed, and kept until the run's end is written."""

from __future__ import annotations

from drivers.errors import ChannelTaken, DriverError
from drivers.interfaces import BatteryTester, ChannelState, TestIdentity
from orchestrator.events import EventKind
from orchestrator.failpoints import failpoint
from orchestrator.runs.journal import Diary
from orchestrator.states import RunState

_BUSY = frozenset({ChannelState.WORKING, ChannelState.PAUSED})


class StopOrder:
    """What has been ordered of one run, and how far it is carried out."""

    def __init__(self, tester: BatteryTester, diary: Diary, channel: str) -> None:
        self._tester = tester
        self._diary = diary
        self._channel = channel
        self._confirmed = ""
        # How the run is to end, and why; None while nothing is ordered.
        self.ending: tuple[RunState, str] | None = None

    def order(self, state: RunState, reason: str) -> None:
        """Order a stop; what was ordered first counts."""
        self.ending = self.ending or (state, reason)

    def intend(self) -> None:
        """Commit the intent, which stays open until the run's end is written."""
        self._diary.intend_stop(trips=self.ending is not None and self.ending[0] is RunState.TRIPPED)

    async def send(self, identity: TestIdentity) -> str:
        """Stop a test and give the outcome; one that was confirmed before is not sent again. Raises DriverError."""
        if not self._confirmed:
            failpoint("stop not intended")
            self.intend()
            failpoint("stop intended")
            try:
                await self._tester.stop(identity)
                self._confirmed = "confirmed: zero current is not measurable here"
            except ChannelTaken as err:
                # Our test is over: another one has its place, and is none of our business.
                self._confirmed = str(err)
                self._diary.note(EventKind.EXTERNAL_ACTION, str(err))
            failpoint("stop confirmed")
        return self._confirmed

    async def send_unseen(self, barcode: str, end_step: int) -> None:
        """Stop what was started under a barcode and could not be written down, if the tester shows it."""
        status = (await self._tester.status([self._channel]))[self._channel]
        if status.barcode == barcode and status.state in _BUSY:
            await self._tester.stop(TestIdentity(self._channel, status.test_id, barcode, end_step))

    async def is_kept(self, identity: TestIdentity) -> bool:
        """Tell whether a held run's program may still be on its channel, paused: somebody could let it go on there."""
        try:
            status = (await self._tester.status([self._channel]))[self._channel]
        except DriverError:
            return True
        return status.state in _BUSY and (status.test_id, status.barcode) == (identity.test_id, identity.barcode)
