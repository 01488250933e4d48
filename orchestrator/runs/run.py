"""One run: one program on one channel, from its checks to its end. Only the run itself moves its own state.

A command that moves current is committed as an intent before it leaves, its outcome after the reply. A run may own
several tests: after an interruption it goes on in a new one with what was still to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

from drivers.interfaces import BatteryTester, ChannelStatus, Sample, TestIdentity
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind, RunUpdate, Severity
from orchestrator.rollback import as_before
from orchestrator.runs.decisions import Decisions
from orchestrator.runs.journal import RunJournal
from orchestrator.runs.measured_segments import MeasuredSegments
from orchestrator.runs.progress import Progress
from orchestrator.runs.records import RecordPipeline
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run_guards import RunGuards
from orchestrator.runs.segments import SegmentBorder
from orchestrator.runs.starting import StartOrder
from orchestrator.runs.stopping import StopOrder
from orchestrator.runs.updates import Place, update_of
from orchestrator.states import MOVES, Ending, RunState, RunStatus, move
from orchestrator.store import Store, TesterTestRow
from protocols.forecast import forecast
from protocols.program import CyclingSegment

ADVICE = "; resume it or stop it"


def ignore_update(_: RunUpdate) -> None:
    """Ignore an update: the default listener of a run."""


class Run:
    """A run's state, its tests, and how it ends."""

    # Attributes that count the time and samples of the tests before the present one.
    BEHIND: ClassVar[tuple[str, ...]] = ("_before_s", "_samples_before")
    # Attributes that change when a run adopts a test: restored where the store refuses it.
    _TAKEN: ClassVar[tuple[str, ...]] = ("progress", "records", *BEHIND)

    def __init__(
        self,
        store: Store,
        tester: BatteryTester,
        request: RunRequest,
        run_id: str,
        *,
        tell: Callable[[RunUpdate], None] = ignore_update,
        status: RunStatus | None = None,
    ) -> None:
        self._store, self._tester, self._tell = store, tester, tell
        self.request, self.run_id = request, run_id
        self.status = status or RunStatus()
        self.journal = RunJournal(store, request, run_id)
        self.progress = Progress.at_start(request.program)
        # The records of the present test; None before the first.
        self.records: RecordPipeline | None = None
        # Held by a start or a stop until its outcome is known: neither may act on what the other has half done.
        self.commanding = asyncio.Lock()
        self._stops_waiting = 0
        self.starting = StartOrder(self, store, tester, self.journal, request)
        self.stopping = StopOrder(self, store, tester, self.journal, request.channel)
        decisions = Decisions(store, self.journal, run_id)
        measured = MeasuredSegments(store, self.journal, decisions, run_id)
        self.border = SegmentBorder(self, store, decisions, measured)
        self._guards = RunGuards(request.program, tester.traits.sign_hint)
        # Test time, cycles and samples of the tests before the present one.
        self._before_s, self._samples_before = 0.0, 0
        self.forecast = forecast(request.program)

    # Where the run is

    @property
    def state(self) -> RunState:
        """The run's state."""
        return self.status.state

    @property
    def reason(self) -> str:
        """Why the run is in its state, or its present activity."""
        return self.status.reason

    @property
    def segment(self) -> CyclingSegment:
        """The cycling segment that the present test runs on the tester, or the next test will run."""
        return self.progress.segment

    @property
    def is_watched(self) -> bool:
        """Whether a program of the run is on the tester, so that polls concern it."""
        state = self.status.state
        return (state.is_live or (state is RunState.ARMED and self.has_begun)) and not self.status.is_between

    @property
    def has_begun(self) -> bool:
        """Whether the last started test is stored."""
        return self.records is not None and self.records.identity.barcode == self.starting.barcode

    @property
    def test(self) -> int:
        """The number of the run's present test in the store, 0 before the first."""
        return self.records.test if self.records else 0

    @property
    def last(self) -> Sample | None:
        """The last sample stored of the present test."""
        return self.records.last if self.records else None

    @property
    def stored(self) -> int:
        """The number of stored records of the present test."""
        return self.records.stored if self.records else 0

    @property
    def tests(self) -> list[TesterTestRow]:
        """The tests that the run has had."""
        return self._store.tests(self.run_id)

    @property
    def next_barcode(self) -> str:
        """The barcode of the next test: unique for ever, and it begins with the run's id."""
        count, barcode = len(self.tests), self._store.barcode(self.run_id)
        return f"{barcode}.{count + 1}" if count else barcode

    @property
    def identity_of_start(self) -> tuple[str, int]:
        """The barcode under which the run was last started, and the number of that program's end step."""
        return self.starting.barcode, len(self.segment.steps) + 1

    def update(self) -> RunUpdate:
        """Return the run's state and position as an update for listeners and clients."""
        samples = self._samples_before + (self.records.samples if self.records else 0)
        return update_of(
            self.run_id,
            self.request,
            self.status,
            Place(self.progress, self.last, self._before_s, samples, self.journal.step_name(self.progress, self.last)),
            self.forecast,
        )

    def publish(self) -> None:
        """Send the run's state and position to the listeners."""
        self._tell(self.update())

    def taken_over(self, status: ChannelStatus) -> bool:
        """Return whether the channel shows another test than the run's own."""
        if self.records is None:
            return False
        identity = self.records.identity
        return (status.test_id, status.barcode) != (identity.test_id, identity.barcode)

    def remaining_segment(self) -> CyclingSegment | None:
        """Return the part of the present segment after the last stored sample; None when all of it is done."""
        if self.status.is_between:
            return None if self.progress.is_over or self.progress.measurement else self.segment
        self.progress = self.progress.after(self.last)
        return None if self.border.is_ended else self.progress.remaining_segment()

    # Moves

    def go(self, state: RunState, reason: str = "") -> None:
        """Change the state and store it with an event; if the store refuses, the state is unchanged."""
        with self._store.transaction(self._restoring("state", "reason")):
            self.status = replace(self.status, state=move(self.status.state, state), reason=reason)
            self._store.set_run_state(self.run_id, state.value, reason, wall_time())
            self.journal.moved(state, reason)

    def _restoring(self, *names: str) -> Callable[[], None]:
        """Return a function that restores these fields of the status and leaves the other fields unchanged."""
        before = {name: getattr(self.status, name) for name in names}

        def undo() -> None:
            self.status = replace(self.status, **before)

        return undo

    def say(self, doing: str) -> None:
        """Send the run's present activity to the listeners; nothing is stored."""
        self.status = replace(self.status, reason=doing)
        self.publish()

    def wait(self, reason: str) -> None:
        """Store why a queued run does not start; empty when it may."""
        with self._store.transaction(self._restoring("reason")):
            self.status = replace(self.status, reason=reason)
            self._store.set_run_state(self.run_id, self.status.state.value, reason, wall_time())
            if reason:
                self.journal.note(EventKind.STATE, f"{self.status.state.value}: {reason}", severity=Severity.WARNING)
        self.publish()

    def hold(self, reason: str, *seen: tuple[EventKind, str]) -> None:
        """Put the run on hold with its channel at open circuit, until a person resumes or stops it.

        A run whose last samples require a trip is tripped instead: resuming it could hurt its cell again. What was
        ``seen`` is told in the same commit: once, however often the store refuses the hold.
        """
        held = Ending(RunState.HOLDING, reason)
        with self._store.transaction(self._restoring("ordered_end")):
            for kind, message in seen:
                self.journal.note(kind, message)
            found = self._judge_rest()
            if self.status.ordered_end is not None and not self.status.ordered_end.is_graver_than(held):
                self.status = replace(self.status, ordered_end=None)
            if found is not None and found.state is RunState.TRIPPED and found.state in MOVES[self.status.state]:
                self.finish(found.joined(held))
            else:
                self.go(RunState.HOLDING, f"{reason}{ADVICE}")

    def finish(self, ending: Ending) -> None:
        """End the run; the graver of ``ending`` and of the findings in its last samples decides, and both are told."""
        if ending.state is RunState.HOLDING:
            self.hold(ending.reason)
            return
        if ending.state is RunState.RUNNING:
            self.border.end(ending)
            return
        with self._store.transaction():
            found = self._judge_rest(run_is_over=True)
            # How a completed run ended is told by what was found, not by the program that came to its end.
            ending = (found or ending) if ending.state is RunState.COMPLETED else ending.joined(found)
            self.journal.note(EventKind.ENDED, ending.reason)
            self.go(ending.state, ending.reason)

    def _judge_rest(self, *, run_is_over: bool = False) -> Ending | None:
        """Judge the last records of the present test, store the findings, and return the ending that they require."""
        if self.records is None:
            return None
        self.records.finish(run_is_over=run_is_over)
        ending = self.records.ending
        self.records.write_down()
        # What ends a segment alone neither ends nor holds its run.
        return None if ending is not None and ending.state is RunState.RUNNING else ending

    def end_at_rest(self, ending: Ending) -> None:
        """End or hold a run that has no program on the tester."""
        state = self.status.state
        if state.is_settled or (ending.state is RunState.HOLDING and state.can_be_resumed):
            return
        if state is RunState.HOLDING:
            self.finish(
                replace(ending, reason=f"{ending.reason}; it was held: {self.status.reason.removesuffix(ADVICE)}")
            )
        elif state.is_at_rest and ending.state is RunState.STOPPED:
            self.go(RunState.STOPPED, ending.reason)
        else:
            self.finish(ending)

    def order_end(self, ending: Ending) -> None:
        """Remember the ending for the time when the stop is confirmed; of several the gravest decides."""
        ordered = self.status.ordered_end
        if ordered is None or ending.is_graver_than(ordered):
            self.status = replace(self.status, ordered_end=ending.joined(ordered))

    def order_by_findings(self) -> bool:
        """Store the findings, and order the stop that one of them requires; True when a stop was ordered.

        Raises StoreError after the order: a full disk must not keep a cell under current.
        """
        if self.records is None:
            return False
        ending = self.records.ending
        if ending is not None:
            self.order_end(ending)
        self.records.write_down()
        return ending is not None

    @property
    def is_called_off(self) -> bool:
        """Whether a stop waits: a start that has not left yet does not leave any more."""
        return self._stops_waiting > 0

    @asynccontextmanager
    async def stop_command(self) -> AsyncIterator[None]:
        """Wait for a command under way, and call off a start that has not left yet; a cancelled wait calls off none."""
        self._stops_waiting += 1
        try:
            await self.commanding.acquire()
        finally:
            self._stops_waiting -= 1
        try:
            yield
        finally:
            self.commanding.release()

    # Tests

    def cannot_begin(self, reason: str) -> None:
        """Fail a run without any test; hold a run that has tests, so that it can be resumed."""
        if self.tests:
            self.hold(reason)
            return
        with self._store.transaction():
            self.journal.note(EventKind.ENDED, reason)
            self.go(RunState.FAILED, reason)

    def start_is_not_known(self) -> None:
        """Mark the last start as unknown: each poll asks the tester whether it arrived, and nothing is sent again."""
        self.status = replace(self.status, start_is_unknown=True)

    def start_is_known(self) -> None:
        """Clear the mark that the last start is unknown."""
        self.status = replace(self.status, start_is_unknown=False)

    def run_next(self, segment: CyclingSegment) -> None:
        """Set ``segment``, the remaining part of the present segment, as the program of the next test."""
        self.progress = self.progress.running(segment)

    def run_what_is_left(self) -> None:
        """Set what a start of another process was for as the program of the next test.

        That is what is left of the present segment, or the segment behind it where nothing is.
        """
        left = self.remaining_segment()
        if left is None and not self.status.is_between:
            self.border.leave()
        self.run_next(left or self.segment)

    def started(self, identity: TestIdentity) -> None:
        """Store a started test as this run's own; if the store refuses, the run is unchanged."""
        undo = as_before(self, *self._TAKEN), self._restoring("is_between", "start_is_unknown")
        with self._store.transaction(*undo):
            began_unix_s = wall_time()
            test = self._store.add_test(
                run_id=self.run_id,
                segment=self.progress.index,
                instrument=self._tester.name,
                channel=identity.channel,
                tester_test_id=identity.test_id,
                barcode=identity.barcode,
                started_unix_s=began_unix_s,
                program_json=self.segment.to_json(),
            )
            self._adopt_test(identity, test, began_unix_s)
            self.journal.note(EventKind.STARTED, f"test {identity.test_id} on {identity.channel}")
            if len(self.tests) == 1 and not self._tester.traits.limits_read_back:
                self.journal.note(EventKind.LIMITS_AS_LOADED, self._tester.traits.limits_note)

    def _adopt_test(self, identity: TestIdentity, test: int, began_unix_s: float) -> None:
        """Make a stored test the run's present test, after its earlier tests."""
        if self.records is not None and self.records.last is not None:
            self._before_s += self.records.last.time_s
            self._samples_before += self.records.samples
        self.status = replace(self.status, is_between=False, start_is_unknown=False)
        self.progress = self.progress.with_test(self._before_s, began_unix_s)
        self._guards.enter(self.segment, self._before_s)
        envelope = self._tester.envelope(identity.channel)
        self.records = RecordPipeline(
            self._store, self._tester, self.journal, identity, test, self.progress, self._guards, envelope
        )

    async def restore(self) -> None:
        """Restore the run's progress and judges from its stored tests, after a restart; once only."""
        if self.test or self.progress.index:
            return
        self._guards.recall(self._store.events(self.run_id))
        self.progress = self.progress.with_measured(self.border.measured_segments.stored(self.request.program))
        for row in self.tests:
            if self.progress.index < row.segment:
                self._close_test()
                self.progress = self.progress.reached(row.segment, self.progress.reached_unix_s(self.last))
            if row.is_measurement:
                self.count_trace(row.id)
                if (part := self.progress.measurement) is not None and row.segment == self.progress.index:
                    self.status = replace(self.status, is_between=True)
                    self.progress = self.progress.visited(row.started_unix_s + part.technique.expected_s)
                    self.border.follow(row.segment)
                continue
            self._close_test()
            self.run_next(CyclingSegment.from_json(row.program_json))
            identity = TestIdentity(row.channel, row.tester_test_id or 0, row.barcode, len(self.segment.steps) + 1)
            self._adopt_test(identity, row.id, row.started_unix_s)
            if self.records is not None:
                await self.records.replay()
        if self.records is not None and self.border.is_ended:
            self.records.forget_host_end()

    def count_trace(self, test: int) -> None:
        """Add the time and the samples of a measurement's test to the run's totals; a spectrum has none."""
        if (last := self._store.last_sample(test)) is not None:
            self._before_s += last.time_s
            self._samples_before += self._store.sample_count(test)

    def _close_test(self) -> None:
        if self.records is not None:
            self.records.finish()
            self.progress = self.progress.after(self.last)
