"""Starts a run: checks it, loads it, commits the intent, sends the start once, and finds out whether it arrived."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from drivers.errors import BadReply, ChannelTaken, ConnectionFailed, DriverError, NotConfirmed, OutcomeUnknown
from drivers.interfaces import BatteryTester, LoadedProgram, TestIdentity
from orchestrator.checks import Check, in_order, refusals
from orchestrator.clock.local_time import local_time
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.failpoints import failpoint
from orchestrator.judging.preflight import channel_checks
from orchestrator.runs.journal import RunJournal
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState, RunStatus
from orchestrator.store import Store, StoreError, TesterTestRow
from protocols.program import CyclingSegment

logger = logging.getLogger(__name__)

# How often what comes before a start is tried: nothing has been sent yet.
_ATTEMPTS = 3


@dataclass(slots=True)
class StartPermit:
    """Whether a tester may start anything at present: ``refusal`` is the reason against it, empty if it may."""

    refusal: str = ""


# The checks of a run besides those of its channel.
FurtherChecks: TypeAlias = Callable[[], Awaitable[Sequence[Check]]]


async def no_further_checks() -> Sequence[Check]:
    """Make no check besides those of the channel."""
    return ()


class Startable(Protocol):
    """The parts of a run that a start uses; only the run changes its own state."""

    commanding: asyncio.Lock

    @property
    def is_called_off(self) -> bool:
        """Whether a stop waits for this start."""

    @property
    def status(self) -> RunStatus:
        """The run's status."""

    @property
    def segment(self) -> CyclingSegment:
        """The segment that the next test runs on the tester."""

    @property
    def tests(self) -> list[TesterTestRow]:
        """The tests that the run has had."""

    @property
    def next_barcode(self) -> str:
        """The barcode of the next test."""

    @property
    def has_begun(self) -> bool:
        """Whether the last started test is stored."""

    def started(self, identity: TestIdentity) -> None:
        """Store a started test as this run's own."""

    def start_is_not_known(self) -> None:
        """Mark the last start as unknown: it may have reached the tester."""

    def go(self, state: RunState, reason: str = "") -> None:
        """Change the state and store it."""

    def cannot_begin(self, reason: str) -> None:
        """Fail a run without any test; hold a run that has tests."""


class StartOrder:
    """The start of one run, from its beginning or with the remaining part of its segment; never sent twice."""

    def __init__(
        self, run: Startable, store: Store, tester: BatteryTester, journal: RunJournal, request: RunRequest
    ) -> None:
        self._run = run
        self._store = store
        self._tester = tester
        self._journal = journal
        self._request = request
        # The barcode under which the run was last started, or is being started.
        self.barcode = ""
        self._is_sent = False
        self._sent_unix_s = 0.0

    async def start(self, further: FurtherChecks = no_further_checks) -> None:
        """Check, load and start. The run is then running, or failed, held or unknown with its reason.

        ``further`` makes the checks of a run without any test, besides those of the channel.
        """
        run = self._run
        async with run.commanding:
            if run.status.state.is_settled:
                return
            try:
                if not await self._send(further):
                    return
            except OutcomeUnknown as err:
                run.start_is_not_known()
                run.go(RunState.UNKNOWN, f"{err}; {self._arrival()}look at channel {self._request.channel}")
                return
            except DriverError as err:
                run.cannot_begin(str(err))
                return
            except BaseException:
                # The store does not say that what was sent began: the tester is asked.
                if self._is_sent and not run.has_begun:
                    run.start_is_not_known()
                raise
            run.go(RunState.RUNNING)

    def failure(self, err: Exception) -> str:
        """Return the sentence for a start that an error has ended: whether anything was started, and why not."""
        if isinstance(err, StoreError) and not self._is_sent:
            return f"nothing was started on {self._request.channel}: {err}"
        return f"{type(err).__name__} while starting: {err}; look at {self._request.channel}"

    def _arrival(self) -> str:
        """Say until when the start may still reach its tester; nothing of a tester that this process drives."""
        traits = self._tester.traits
        until_unix_s = self._sent_unix_s + traits.start_arrives_within_s
        return f"it may still arrive until {local_time(until_unix_s, seconds=True)}: " if traits.is_remote else ""

    async def _send(self, further: FurtherChecks) -> bool:
        """Check, load and send; False when nothing was sent. Raises DriverError and StoreError."""
        run, channel = self._run, self._request.channel
        self._is_sent = False
        if run.status.state is not RunState.PREFLIGHT:
            run.go(RunState.PREFLIGHT)
        tests = run.tests
        self.barcode = run.next_barcode
        checks = [] if tests else list(await further())
        shown = await self._look(resumed=bool(tests))
        if checks:
            self._journal.preflight(in_order([*checks, *shown]))
        if reasons := refusals([*checks, *shown]):
            run.cannot_begin("; ".join(reasons))
            return False
        loaded = await self._load(channel)
        if run.is_called_off:
            return False
        with self._store.transaction():
            self._journal.note(EventKind.LOADED, loaded.description)
            run.go(RunState.ARMED)
        failpoint("start not intended")
        intent = self._journal.intend("start")
        self._sent_unix_s = wall_time()
        failpoint("start intended")
        self._is_sent = True
        await self._send_once(loaded, intent)
        return True

    async def _look(self, *, resumed: bool) -> Sequence[Check]:
        """Look at the channel, and return the checks of what it shows; what is against the start, it shows twice."""
        channel, tester = self._request.channel, self._tester
        before: Sequence[Check] | None = None
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                status = (await tester.status([channel]))[channel]
            except ConnectionFailed:
                if attempt == _ATTEMPTS:
                    raise
            else:
                seen = channel_checks(self._request.program, status, resumed=resumed)
                if not refusals(seen) or not tester.traits.is_remote or before is not None:
                    return seen
                before = seen
            await asyncio.sleep(tester.traits.refresh_s)
        return before or ()

    async def _load(self, channel: str) -> LoadedProgram:
        """Load the segment; what reads back otherwise, or cannot be read, is written anew a few times."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._tester.load(channel, self._run.segment, self.barcode)
            except (ConnectionFailed, NotConfirmed) as err:
                if attempt == _ATTEMPTS or isinstance(err, ChannelTaken):
                    raise
                logger.warning("channel %s: loading, attempt %d: %s", channel, attempt, err)
                await asyncio.sleep(self._tester.traits.refresh_s)
        raise AssertionError("unreachable")

    async def _send_once(self, loaded: LoadedProgram, intent: int) -> None:
        """Send the start and store its outcome. Raises the tester's errors.

        After OutcomeUnknown the intent stays open: that is what asks the tester later.
        """
        starting = asyncio.ensure_future(self._started(loaded))
        try:
            await asyncio.wait({starting})
        finally:
            # Also when cancelled: what a start did must be known before anything else happens to the channel.
            await asyncio.wait({starting})
            self._write_outcome(starting, intent)

    async def _started(self, loaded: LoadedProgram) -> TestIdentity:
        """Send the start, and see that the tester knows the test by the number that it has shown.

        Raises OutcomeUnknown where it does not: no records could be asked for under a wrong number.
        """
        identity = await self._tester.start(loaded, self.barcode)
        try:
            if self._tester.traits.is_remote:
                await self._tester.step_log(identity)
        except BadReply as err:
            what = f"start: channel {identity.channel} shows test {identity.test_id} under {self.barcode!r}"
            raise OutcomeUnknown(f"{what}, and the tester does not know it: {err}") from err
        except DriverError as err:
            logger.warning("channel %s: test %d is not confirmed: %s", identity.channel, identity.test_id, err)
        return identity

    def _write_outcome(self, starting: asyncio.Future[TestIdentity], intent: int) -> None:
        try:
            identity = starting.result()
        except OutcomeUnknown:
            raise
        except DriverError as err:
            self._store.close_intent(intent, f"{type(err).__name__}: {err}", wall_time())
            raise
        failpoint("start confirmed")
        with self._store.transaction():
            self._store.close_intent(intent, "confirmed", wall_time())
            self._run.started(identity)
        failpoint("start stored")
