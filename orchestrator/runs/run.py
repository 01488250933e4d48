"""One run: one program on one channel, from its checks to its end. The supervisor feeds it polls and samples.

A command that moves current is committed as an intent before it leaves, its outcome after the reply. A run may own
several tests: after an interruption it goes on in a new one with what was still to do.
"""

from __future__ import annotations

import asyncio
from copy import copy

from drivers.errors import DriverError, OutcomeUnknown, TestGone
from drivers.interfaces import BatteryTester, ChannelStatus, Sample, TestIdentity
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind, RunUpdate
from orchestrator.failpoints import failpoint
from orchestrator.judging.guards import Before, StepWatch
from orchestrator.judging.preflight import reasons_not_to_start
from orchestrator.rollback import as_before
from orchestrator.runs.fetching import Fetcher
from orchestrator.runs.found import Found
from orchestrator.runs.journal import STOPS, Diary
from orchestrator.runs.progress import Course
from orchestrator.runs.records import Ingest, Scout
from orchestrator.runs.request import RunRequest
from orchestrator.runs.starting import send_start
from orchestrator.runs.stopping import StopOrder
from orchestrator.states import ENDED, RunState, move
from orchestrator.store import Store, TesterTestRow
from protocols.forecast import planned_duration_s
from protocols.program import CyclingSegment

# States the software never leaves; TRIPPED needs an acknowledgement.
SETTLED = frozenset(ENDED - {RunState.UNKNOWN})
# States in which no program of ours moves current.
_NOT_STARTED = frozenset({RunState.QUEUED, RunState.PREFLIGHT, RunState.HOLDING, RunState.AWAITING_OPERATOR})
_TAKEN = ("course", "identity", "ingest", "is_between", "start_is_unknown", "_earlier_s", "_earlier_samples")
_WATCHED = frozenset({RunState.RUNNING, RunState.UNSEEN})


class Run:
    """A run's state, and what it does with what the supervisor brings."""

    def __init__(self, store: Store, tester: BatteryTester, request: RunRequest, run_id: str) -> None:
        self._store, self._tester = store, tester
        self.request, self.run_id = request, run_id
        self.diary = Diary(store, request, run_id)
        self.state, self.reason = RunState.QUEUED, ""
        self.course = Course(request.program)
        # Between two segments no program runs on the tester; an errand of the supervisor sees to the next one.
        self.is_between = False
        self.identity: TestIdentity | None = None
        self.ingest: Ingest | None = None
        self._watch = StepWatch(self.segment)
        self._earlier_s, self._earlier_samples = 0.0, 0
        self._stopping = StopOrder(tester, self.diary, request.channel)
        self._fetcher = Fetcher(tester, self.diary)
        # Held by a start or a stop until its outcome is known: neither may act on what the other has half done.
        self._commanding = asyncio.Lock()
        self._called_off = False
        self._beginning = ""
        # A start may have reached the tester: the supervisor asks at every poll, and sends nothing again (faults A12).
        self.start_is_unknown = False
        self._found = Found(store, self.diary)
        self._planned_s = planned_duration_s(request.program)

    @property
    def segment(self) -> CyclingSegment:
        """What the run's present test runs on the tester, or its next one will."""
        return self.course.segment

    @property
    def ended(self) -> bool:
        """Whether the run has reached a state that it does not leave by itself."""
        return self.state in ENDED

    @property
    def is_watched(self) -> bool:
        """Whether a program of the run is on the tester, so that polls concern it."""
        begun = self.state is RunState.ARMED and self._has_begun
        return (begun or self.state in _WATCHED) and not self.is_between

    @property
    def test(self) -> int:
        """Number of the test that the run is in, 0 before the first."""
        return self.ingest.test if self.ingest else 0

    @property
    def last(self) -> Sample | None:
        """The last sample stored of the test that the run is in."""
        return self.ingest.last if self.ingest else None

    @property
    def tests(self) -> list[TesterTestRow]:
        """The tests that the run has had."""
        return self._store.tests(self.run_id)

    def update(self) -> RunUpdate:
        """Give where the run is."""
        last, ingest = self.last, self.ingest
        return RunUpdate(
            run_id=self.run_id,
            label=self.request.label,
            channel=self.request.channel,
            state=self.state,
            reason=self.reason,
            time_s=self._earlier_s + (last.time_s if last else 0.0),
            planned_s=self._planned_s,
            cycle=self.course.cycle(last),
            voltage_v=last.voltage_v if last else None,
            samples=self._earlier_samples + (ingest.samples if ingest else 0),
        )

    def go(self, state: RunState, reason: str = "") -> None:
        """Move to a state and write it down with an event; when the store takes nothing, the run stays where it was."""
        with self._store.transaction(as_before(self, "state", "reason")):
            self.state, self.reason = move(self.state, state), reason
            self._store.set_run_state(self.run_id, state.value, reason, wall_time())
            self.diary.note(EventKind.STATE, f"{state.value}: {reason}" if reason else state.value)

    async def begin(self, segment: CyclingSegment | None = None) -> None:
        """Check, load and start, at first the program's segment, later what is left of it.

        The run is then running, or failed with its reason; nothing is started twice.
        """
        async with self._commanding:
            if self.state not in SETTLED:
                self.course.segment = segment or self.course.segment
                await self._begin()

    async def _begin(self) -> None:
        if self.state is not RunState.PREFLIGHT:
            self.go(RunState.PREFLIGHT)
        channel = self.request.channel
        barcode = self._beginning = self.next_barcode
        try:
            status = (await self._tester.status([channel]))[channel]
            if reasons := reasons_not_to_start(self.request.program, status, resumed=bool(self.tests)):
                self.cannot_begin("; ".join(reasons))
                return
            loaded = await self._tester.load(channel, self.segment, barcode)
            if self._called_off:
                return
            self.go(RunState.ARMED)
            await send_start(self._store, self._tester, self.diary, (loaded, barcode), self.started)
        except OutcomeUnknown as err:
            self.start_is_unknown = True
            self.go(RunState.UNKNOWN, f"{err}; look at channel {channel} before anything else")
            return
        except DriverError as err:
            self.cannot_begin(str(err))
            return
        except BaseException:
            # Sent or not, the store does not say that it began: the tester is asked.
            self.start_is_unknown = self.state is RunState.ARMED and not self._has_begun
            raise
        self.go(RunState.RUNNING)

    @property
    def _has_begun(self) -> bool:
        return self.identity is not None and self.identity.barcode == self._beginning

    def cannot_begin(self, reason: str) -> None:
        """Fail a run that never began; one that has tests is held, and can go on."""
        if self.tests:
            self.hold(reason)
        else:
            self.go(RunState.FAILED, reason)

    @property
    def next_barcode(self) -> str:
        """Give the barcode of the next test: unique, and it holds the run's id."""
        count = len(self.tests)
        return f"{self.run_id}.{count + 1}" if count else self.run_id

    def started(self, identity: TestIdentity) -> None:
        """Take a test that has been started as this run's own; where the store takes nothing, it is not taken."""
        with self._store.transaction(as_before(self, *_TAKEN)):
            self.course = copy(self.course)
            test = self._store.add_test(
                run_id=self.run_id,
                segment=self.course.index,
                instrument=self._tester.name,
                channel=identity.channel,
                tester_test_id=identity.test_id,
                barcode=identity.barcode,
                started_unix_s=wall_time(),
                program_json=self.segment.to_json(),
            )
            self.take(identity, test)
            self.diary.note(EventKind.STARTED, f"test {identity.test_id} on {identity.channel}")
            unverified = "no command reads limits back; the step file was, and equals the program"
            self.diary.note(EventKind.LIMITS_UNVERIFIED, unverified)

    def take(self, identity: TestIdentity, test: int) -> None:
        """Go on with a test that the store has, after those before it."""
        if self.ingest is not None and self.ingest.last is not None:
            self._earlier_s += self.ingest.last.time_s
            self._earlier_samples += self.ingest.samples
        self.identity = identity
        self._found.begin()
        self.is_between = self.start_is_unknown = False
        self._fetcher.begin()
        envelope = self._tester.envelope(identity.channel)
        placed = self.course.begin_test()
        self._watch.enter(self.segment, Before(self._earlier_s, self.course.cycles_before))
        self.ingest = Ingest(self._store, test, self.segment, envelope, self.course.cycles, placed, self._watch)

    def restore(self) -> None:
        """Take in everything that the store has of this run's tests, after a restart."""
        for row in self.tests:
            while self.course.index < row.segment:
                self._close_test(segment_is_over=True)
                self.course.advance()
            if row.is_measurement:
                if row.segment == self.course.index:
                    self.is_between = True
                    self.course.advance()
                continue
            self._close_test(segment_is_over=False)
            self.course.segment = CyclingSegment.from_json(row.program_json)
            identity = TestIdentity(row.channel, row.tester_test_id or 0, row.barcode, len(self.segment.steps) + 1)
            self.take(identity, row.id)
            if self.ingest is not None:
                self._found.begin_again(self.ingest.replay())

    def _close_test(self, *, segment_is_over: bool) -> None:
        if self.ingest is not None:
            self.ingest.finish(segment_is_over=segment_is_over)
            self.course.look_ahead(self.last)

    def what_is_left(self) -> CyclingSegment | None:
        """Give what is still to do of the present segment after the last stored sample; None when nothing is."""
        if self.is_between:
            return None if self.course.is_over or self.course.measurement else self.segment
        self.course.look_ahead(self.last)
        return self.course.what_is_left()

    def taken_over(self, status: ChannelStatus) -> bool:
        """Tell whether somebody else's test is on the channel now."""
        identity = self.identity
        return identity is not None and (status.test_id, status.barcode) != (identity.test_id, identity.barcode)

    async def fetch(self, record_count: int, scout: Scout | None = None) -> list[Sample]:
        """Ask for the next block of records, up to ``record_count``; what a scout judges only is fetched once more."""
        known, last = self.identity, scout.last if scout else self.last
        return await self._fetcher.fetch(known, last, record_count, only_judged=scout is not None) if known else []

    @property
    def stored(self) -> int:
        """How many records of the test that the run is in are stored."""
        return self.last.sequence if self.last else 0

    def accept(self, samples: list[Sample]) -> None:
        """Judge samples that are committed; what they show waits for `act`."""
        if self.ingest is not None:
            self._found.add(self.ingest.accept(samples))

    async def act(self) -> bool:
        """Write down what was found and stop the channel where that asks for it; True when it was stopped."""
        ending = self._found.ending
        if ending is not None:
            # Before anything can fail: an ordered stop is repeated until it is confirmed.
            self.order_stop(*ending)
        try:
            self._found.write_down()
        finally:
            # Also when the store takes nothing: a full disk must not keep a cell under current.
            if ending is not None:
                await self.stop_again()
        return ending is not None

    async def stop(self, state: RunState, reason: str) -> None:
        """Stop the channel, confirm it, fetch what it recorded until then, and end in ``state``.

        An unconfirmed stop leaves the run unknown: the supervisor stops it again at every poll. A start that has not
        left yet does not leave any more; one that has is waited for.
        """
        self._called_off = True
        async with self._commanding:
            self._called_off = False
            if self.state in SETTLED:
                return
            between = self.is_between and not self.start_is_unknown
            if between or (self.state in _NOT_STARTED and not await self._is_kept()):
                self.end_at_rest(reason)
                return
            self.order_stop(state, reason)
            if self.start_is_unknown:
                # Its end follows once the start is known, also after a restart.
                self._stopping.intend()
                await self.stop_unseen()
            elif self.identity is not None:
                await self._stop(self.identity)

    async def stop_unseen(self) -> None:
        """Stop what was started and is not known to have been, if the tester shows it; no end is ordered."""
        await self._stopping.send_unseen(self._beginning, len(self.segment.steps) + 1)

    async def _is_kept(self) -> bool:
        held = self.identity if self.state is RunState.HOLDING else None
        return held is not None and await self._stopping.is_kept(held)

    def end_at_rest(self, reason: str) -> None:
        """End a run of which no program is on the tester."""
        if self.state in _NOT_STARTED:
            held = f"; it was held: {self.reason}" if self.state is RunState.HOLDING else ""
            self.go(RunState.STOPPED, reason + held)
        else:
            self.finish(RunState.STOPPED, reason)

    async def _stop(self, identity: TestIdentity) -> None:
        try:
            outcome = await self._stopping.send(identity)
        except DriverError as err:
            if self.state is not RunState.UNKNOWN and self.ordered_end is not None:
                with self._store.transaction():
                    self.diary.note(EventKind.STOP_NOT_CONFIRMED, str(err))
                    self.go(RunState.UNKNOWN, f"{self.ordered_end[1]}; but the stop is not confirmed: {err}")
            return
        await self.collect_rest()
        failpoint("stop collected")
        with self._store.transaction():
            self.diary.close_intents(outcome, STOPS)
            if self.ordered_end is not None:
                self.finish(*self.ordered_end)

    @property
    def ordered_end(self) -> tuple[RunState, str] | None:
        """How a stop that was ordered is to end the run, and why."""
        return self._stopping.ending

    @property
    def stop_is_pending(self) -> bool:
        """Whether a stop has been ordered and has not been confirmed yet."""
        return self.ordered_end is not None and self.state not in SETTLED

    def order_stop(self, state: RunState, reason: str) -> None:
        """Let the supervisor stop the run at its next poll, as after a restart with a stop under way."""
        # A stop that samples had asked for ends as they ask: a trip stays latched.
        self._stopping.order(*(self._found.ending or (state, reason)))

    async def stop_again(self) -> None:
        """Order the pending stop once more."""
        if self.ordered_end is not None:
            await self.stop(*self.ordered_end)

    async def collect_rest(self) -> None:
        """Fetch and judge what the run's own test has left, whoever has the channel now."""
        if self.identity is None:
            return
        try:
            count = await self._tester.record_count(self.identity)
        except TestGone as err:
            self.diary.note(EventKind.RECORDS_LOST, f"{err}; {self.stored} records of it are stored")
            return
        while samples := await self.fetch(count):
            self._store.tick({self.test: samples})
            self.accept(samples)

    def finish(self, state: RunState, reason: str) -> None:
        """End the run; what its last samples showed may end it otherwise."""
        with self._store.transaction(self._found.undo()):
            self._judge_rest(segment_is_over=True)
            if state is RunState.COMPLETED:
                state, reason = self._found.ending or (state, reason)
            self._found.write_down()
            self.diary.note(EventKind.ENDED, reason)
            self.go(state, reason)

    def _judge_rest(self, *, segment_is_over: bool) -> None:
        if self.ingest is not None:
            self._found.add(self.ingest.finish(segment_is_over=segment_is_over))

    def goes_on(self) -> bool:
        """Go on to the next segment; False when there is none, or when what was seen ends the run here."""
        if self.ingest is None or self.course.index + 1 >= len(self.request.program.segments):
            return False
        with self._store.transaction(self._found.undo()):
            self._judge_rest(segment_is_over=True)
            if self._found.ending is not None:
                return False
            self._found.write_down()
        self.leave_segment()
        return True

    def leave_segment(self) -> None:
        """Go on to the next segment, or to the end: what was to be done of this one is done."""
        if self.ingest is not None:
            self.ingest.finish(segment_is_over=True)
        self.course.advance()
        self.is_between = True
        failpoint("segment left")

    def hold(self, reason: str) -> None:
        """Leave the channel at open circuit until a person decides: resume or stop."""
        with self._store.transaction(self._found.undo()):
            self._judge_rest(segment_is_over=self.is_between)
            self._found.write_down()
            self.go(RunState.HOLDING, f"{reason}; resume it or stop it")
