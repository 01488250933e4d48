"""Recovers each unfinished run of an earlier process after a restart, from the store and the tester's reply.

Exactly one of adopt, backfill and adopt, hold, trip (stop again), or fail (it never started). Nothing is started twice
and no step is repeated: a run that must go on in a new program waits for a person (docs/states.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from drivers.errors import BadReply, ConnectionFailed, DriverError, NotConfirmed
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, TestIdentity
from orchestrator.clock.local_time import local_time
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind, RunUpdate
from orchestrator.failpoints import failpoint
from orchestrator.runs.journal import LEFT_BY_HOLD, STOP_COMMANDS, STOPS
from orchestrator.runs.ownership import mismatch, objection_to_stop
from orchestrator.runs.request import RunRequest, stored_program
from orchestrator.runs.run import Run, ignore_update
from orchestrator.states import Ending, RunState, RunStatus
from orchestrator.store import RunRow, Store, StoreError
from protocols.program import Program

logger = logging.getLogger(__name__)

_UNWRITTEN_POLLS = 3
_LOOKS = 4
NOT_SEEN = (
    "its start was sent, and the tester has not shown it in all the time that it may take to arrive; it is not sent "
    "again, and is stopped should it arrive all the same"
)


class Verdict(StrEnum):
    """The decision on a run that was found unfinished."""

    QUEUE = "queued again"
    ADOPT = "adopted"
    HOLD = "held"
    STOP = "stopped again"
    FAIL = "never started"
    WAIT = "not known yet"


_GIVES_UP = frozenset({Verdict.HOLD, Verdict.FAIL})


@dataclass(frozen=True, slots=True)
class Known:
    """A run's records in the store at a restart: its last test on the tester, and commands without an outcome."""

    state: RunState
    barcode: str
    test_id: int | None
    start_is_open: bool
    stop_is_open: bool
    resumed: bool = False
    measure_is_open: bool = False
    # The state in which the stop leaves the run.
    stop_ends_as: RunState = RunState.STOPPED
    start_may_arrive: bool = False
    # Whether it was on its own way from one segment to the next, with no start of that one ordered.
    is_between: bool = False


def matches(known: Known, status: ChannelStatus) -> bool:
    """Return whether a channel shows the barcode of a run's test, and the test's number where that is known."""
    return status.barcode == known.barcode and known.test_id in (None, status.test_id)


def decide(known: Known, status: ChannelStatus, wrong: str = "") -> tuple[Verdict, str]:
    """Decide on a run from its stored records and the tester's status; a pure table, in order.

    ``wrong`` says why a test that matches cannot be the run's own; empty where nothing contradicts it.
    """
    ours = matches(known, status) and not wrong
    if known.state is RunState.QUEUED:
        return Verdict.QUEUE, "it had not begun"
    if known.measure_is_open:
        return Verdict.HOLD, "it was being measured: see that no potentiostat is on the cell"
    if known.state is RunState.PREFLIGHT and known.resumed:
        if known.is_between and ours and status.state.is_at_rest and not known.stop_is_open:
            return Verdict.ADOPT, "it was between two segments, and no start of the next one was ordered"
        return Verdict.HOLD, "it was being resumed, and nothing was started"
    if not ours:
        return _decide_unseen(known, status, wrong)
    if known.state is RunState.HOLDING:
        return Verdict.STOP, "a stop of it had been ordered while it was held"
    if known.stop_is_open or (known.state is RunState.UNKNOWN and not known.start_is_open):
        ordered = f"a {'hold' if known.stop_ends_as is RunState.HOLDING else 'stop'} had been ordered"
        if known.stop_is_open and status.state is ChannelState.FINISHED:
            return Verdict.STOP, f"{ordered}, and the channel had come to the end of its program"
        if status.state.is_busy:
            return Verdict.STOP, f"{ordered} and the channel still works"
        if status.state is ChannelState.STOPPED:
            return Verdict.STOP, f"{ordered} and the channel is stopped"
    if status.state is ChannelState.PAUSED:
        return Verdict.ADOPT, "the tester has paused it"
    return Verdict.ADOPT, "the tester shows its barcode and test"


def contradiction(known: Known, status: ChannelStatus) -> str:
    """Return what in a status cannot be beside the store's test, so that nothing is decided; empty when all can."""
    if known.test_id is None or known.state is RunState.QUEUED:
        return ""
    if status.state is ChannelState.ABSENT:
        return f"the tester does not show the channel of test {known.test_id}"
    if (status.test_id == known.test_id) != (status.barcode == known.barcode):
        shown = f"test {status.test_id} with the barcode {status.barcode!r}"
        return f"the tester shows {shown}, and began test {known.test_id} as {known.barcode!r}"
    return ""


def _decide_unseen(known: Known, status: ChannelStatus, wrong: str) -> tuple[Verdict, str]:
    """Decide on a run whose test the channel does not show."""
    wrong = f"{wrong}: that test is left alone" if wrong else ""
    if known.start_is_open and known.start_may_arrive:
        told = f"{wrong}; " if wrong else ""
        return Verdict.WAIT, f"{told}its start was sent, the tester does not show it, and it may still arrive"
    if known.test_id is None and not known.resumed:
        if not known.start_is_open:
            return Verdict.FAIL, "its start was never sent; nothing was energised, and it is not sent again"
        return Verdict.FAIL, f"{NOT_SEEN}; {wrong}" if wrong else NOT_SEEN
    if wrong:
        return Verdict.HOLD, wrong
    more = f": {status.detail}" if status.detail else ""
    return Verdict.HOLD, f"channel {status.channel} shows {status.barcode!r}, test {status.test_id}{more}"


class Recovery:
    """Recovers the unfinished runs of one tester."""

    def __init__(self, store: Store, tester: BatteryTester, tell: Callable[[RunUpdate], None] = ignore_update) -> None:
        self._store = store
        self._tester = tester
        self._tell = tell
        self._unsettled: dict[str, int] = {}

    def unfinished(self) -> list[RunRow]:
        """Return the runs on channels of this tester that have no stored end, also of those that it does not show."""
        channels = {*self._tester.channels(), *self._tester.channel_names()}
        return [row for row in self._store.runs() if not row.state.is_over and row.channel in channels]

    def close_leftovers(self) -> None:
        """Close open intents of runs that ended, or were held, before the outcome of the command could be stored."""
        rows = [row for row in self._store.runs() if row.state.is_over or row.state.is_left_to_a_person]
        settled = {row.run_id: row.state for row in rows}
        for intent in self._store.open_intents():
            state = settled.get(intent.run_id)
            # A stop of a held run that nobody has carried out: its program may be on its channel, paused.
            is_due = state is RunState.HOLDING and intent.command in STOPS - LEFT_BY_HOLD
            if state is not None and not is_due:
                outcome = f"not written by the process that sent it; the run was {state.value} already"
                self._store.close_intent(intent.id, outcome, wall_time())

    async def recover(self, row: RunRow) -> Run:
        """Recover one run and return it in its new state. Raises ConnectionFailed while the tester does not answer.

        Damaged when its stored program is not the one that was ordered: it rides on, and a person decides.
        """
        run = self.run_of(row, stored_program(row))
        if row.state.is_left_to_a_person and not self._known(run).stop_is_open:
            await run.restore()
            # A person may have ordered a stop meanwhile.
            if not self._known(run).stop_is_open:
                _latch(run)
                return run
        await self.settle(run)
        return run

    def run_of(self, row: RunRow, program: Program) -> Run:
        """Return a run as the store has it, without its tests: ``Run.restore`` adds them."""
        request = RunRequest(program, row.channel, row.label, simulated=row.simulated)
        status = RunStatus(row.state, row.reason)
        return Run(self._store, self._tester, request, row.run_id, tell=self._tell, status=status)

    async def settle_start(self, run: Run) -> None:
        """Find out whether a start of this process reached the tester. Raises StoreError and ConnectionFailed.

        What cannot be written down for three polls is stopped, and held later: without its test nobody judges the cell.
        """
        try:
            await self.settle(run)
        except StoreError:
            self._unsettled[run.run_id] = self._unsettled.get(run.run_id, 0) + 1
            if self._unsettled[run.run_id] >= _UNWRITTEN_POLLS:
                await run.stopping.stop_unseen()
            raise
        was_stopped = self._unsettled.pop(run.run_id, 0) >= _UNWRITTEN_POLLS
        if was_stopped and run.is_watched and run.records is not None and not run.status.stop_is_pending:
            await run.records.collect_rest()
            run.hold("the store took nothing when it was started, and it was stopped because nobody could judge it")

    async def settle(self, run: Run) -> None:
        """Decide on a run from the channel's present status: after a restart, or when the reply to a start is lost.

        Raises ConnectionFailed while the tester does not answer.
        """
        known = self._known(run)
        verdict, reason, status, is_foreign = await self._decided(run, known)
        failpoint("reconcile undecided")
        if verdict is Verdict.WAIT:
            await self._wait(run, known, reason)
            return
        if verdict in {Verdict.ADOPT, Verdict.STOP} and known.test_id is None and self._tester.traits.is_remote:
            # Under a wrong number no records could be asked for: the tester must know its test by it.
            await self._tester.step_log(TestIdentity(status.channel, status.test_id, status.barcode, None))
        if verdict not in {Verdict.QUEUE, Verdict.FAIL} and not run.status.start_is_unknown:
            await run.restore()
            if (now := self._known(run)).stop_is_open and not known.stop_is_open:
                # Ordered by a person while millions of records were judged again.
                known = now
                verdict, reason, status, is_foreign = await self._decided(run, known)
        if verdict is Verdict.HOLD and run.records is not None and not is_foreign:
            await run.records.collect_rest()
        # One commit: a death on the way leaves the whole question to the next start, never half an answer.
        with self._store.transaction():
            # The intent of a stop that is still to be carried out stays open: this process may die too.
            kept = STOPS if verdict is Verdict.STOP else frozenset()
            run.journal.close_intents(f"the tester was asked: {verdict.value}, {reason}", kept=kept)
            run.journal.note(EventKind.RECOVERED, f"{verdict.value}: {reason}")
            self._carry_out(run, verdict, reason, known, status)
        run.start_is_known()
        failpoint("reconcile decided")

    async def _decided(self, run: Run, known: Known) -> tuple[Verdict, str, ChannelStatus, bool]:
        """Decide on a run; giving it up needs two equal replies of a tester whose replies may be wrong.

        The last value says whether the channel shows a test that matches and cannot be the run's own.
        Raises BadReply when it shows something else each time, and ConnectionFailed.
        """
        traits, channel = self._tester.traits, run.request.channel
        # The rest of a run that another process has resumed is not known here before the run is restored.
        segment = run.segment if run.status.start_is_unknown or not run.tests else None
        before: tuple[Verdict, str] | None = None
        for look in range(1, _LOOKS + 1):
            status = await self._seen(run, known)
            if traits.is_remote and (doubt := contradiction(known, status)):
                raise BadReply(f"{doubt}; look at channel {channel}")
            wrong = ""
            try:
                if matches(known, status):
                    wrong = await mismatch(self._store, self._tester, run.run_id, status, segment)
            except BadReply:
                # What can be read at no look is not demanded: else nobody would watch the cell.
                if look < _LOOKS:
                    await asyncio.sleep(traits.refresh_s)
                    continue
            decided = decide(known, status, wrong)
            if decided[0] not in _GIVES_UP or not traits.is_remote or decided == before:
                return *decided, status, bool(wrong)
            before = decided
            await asyncio.sleep(traits.refresh_s)
        raise BadReply(f"channel {channel} shows something else at each of {_LOOKS} looks")

    async def _seen(self, run: Run, known: Known) -> ChannelStatus:
        """Return a channel's status; one whose output an earlier process left on is stopped first.

        No process measures that cell, and nothing bounds its test. Raises ConnectionFailed while it cannot be seen off.
        """
        channel = run.request.channel
        status = (await self._tester.status([channel]))[channel]
        is_left_on = status.state is ChannelState.OTHER and bool(status.detail) and not matches(known, status)
        if self._tester.traits.is_remote or not is_left_on or known.state is RunState.QUEUED:
            return status
        logger.warning("channel %s is stopped: %s", channel, status.detail)
        try:
            await self._tester.stop(TestIdentity(channel, status.test_id, status.barcode, None))
        except NotConfirmed as err:
            raise ConnectionFailed(str(err)) from err
        on = f"the output at {channel} was on still, and is off now: what flowed since the last record is in none"
        run.journal.note(EventKind.RECORDS_LOST, on)
        return (await self._tester.status([channel]))[channel]

    async def _wait(self, run: Run, known: Known, reason: str) -> None:
        """Leave a run unknown whose start may still arrive: its intent stays open, and every poll asks again."""
        if not run.status.start_is_unknown:
            # Sent by a process before this one.
            await run.restore()
            run.run_what_is_left()
            run.starting.barcode = known.barcode
            run.start_is_not_known()
        if known.stop_is_open:
            run.stopping.order(Ending(known.stop_ends_as, "a stop had been ordered"))
        if run.state is not RunState.UNKNOWN:
            until = local_time(self._arrives_until_unix_s(run), seconds=True)
            run.go(RunState.UNKNOWN, f"{reason} until {until}: look at channel {run.request.channel}")

    def _arrives_until_unix_s(self, run: Run) -> float:
        """Return until when a sent start of a run may still reach the tester; 0 for one driven by this process."""
        traits = self._tester.traits
        mine = [it for it in self._store.open_intents() if it.run_id == run.run_id and it.command == "start"]
        sent_unix_s = max((it.opened_unix_s for it in mine), default=0.0)
        return sent_unix_s + traits.start_arrives_within_s if traits.is_remote else 0.0

    def _carry_out(self, run: Run, verdict: Verdict, reason: str, known: Known, status: ChannelStatus) -> None:
        if verdict is Verdict.FAIL:
            ordered = run.status.ordered_end
            if ordered is not None and ordered.state is RunState.HOLDING:
                # Not kept: a new start would bear the barcode of the one that may still arrive.
                run.go(RunState.FAILED, f"{ordered.reason}; {reason}; nothing of it is done: order it as a new run")
            else:
                run.go(RunState.FAILED if ordered is None else RunState.STOPPED, reason)
        elif verdict is Verdict.HOLD:
            if run.state is not RunState.HOLDING:
                run.hold(reason)
        elif verdict is not Verdict.QUEUE:
            if known.test_id is None:
                if not run.status.start_is_unknown:
                    # By a process before this one: what it carried out follows from what is stored of earlier tests.
                    run.run_what_is_left()
                end_step = len(run.segment.steps) + 1
                run.started(TestIdentity(status.channel, status.test_id, status.barcode, end_step))
            if verdict is Verdict.STOP:
                # Unknown until the stop is confirmed, so that no further restart takes it for a run that goes on.
                why = (known.state is RunState.UNKNOWN and run.reason) or reason
                run.stopping.order(Ending(known.stop_ends_as, why))
                if run.state is not RunState.UNKNOWN:
                    run.go(RunState.UNKNOWN, reason)
            elif run.state is not RunState.UNSEEN:
                run.go(RunState.UNSEEN, "nobody saw it for a while; the tester has its test")

    def _known(self, run: Run) -> Known:
        tests = [test for test in run.tests if not test.is_measurement]
        commands = {intent.command for intent in self._store.open_intents() if intent.run_id == run.run_id}
        starting = "start" in commands
        # An open start concerns the next test, whose barcode is not in the store yet.
        last = tests[-1] if tests and not starting else None
        return Known(
            # A start of this process that is not known asks for no stop; only what comes from before may have.
            state=RunState.ARMED if run.status.start_is_unknown else run.state,
            barcode=last.barcode if last else run.next_barcode,
            test_id=last.tester_test_id if last else None,
            start_is_open=starting,
            stop_is_open=bool(commands & STOPS),
            stop_ends_as=next((end for stop, end in STOP_COMMANDS.items() if stop in commands), RunState.STOPPED),
            measure_is_open="measure" in commands,
            start_may_arrive=starting and wall_time() < self._arrives_until_unix_s(run),
            resumed=bool(tests) and (starting or run.state is RunState.PREFLIGHT),
            is_between=run.state is RunState.PREFLIGHT and not starting and self._came_from_segment(run),
        )

    def _came_from_segment(self, run: Run) -> bool:
        """Return whether a run in its checks came there by itself from a segment, and not because a person resumed it.

        The intent of a start is written behind these checks: while they are the newest state, none was ordered.
        """
        events = [it for it in self._store.events(run.run_id) if it.kind == EventKind.STATE]
        states = [RunState(it.message.partition(":")[0]) for it in events]
        return states[-1:] == [RunState.PREFLIGHT] and states[-2:-1] == [RunState.RUNNING]

    async def stop(self, row: RunRow, by: str) -> str:
        """Send a stop for an undecided run and note it; the run's end is stored when it can be decided.

        A stop that cannot be sent now stays noted, and recovery carries it out.
        """
        try:
            # A stop needs no program that can be trusted.
            run = self.run_of(row, Program.from_json(row.program_json))
        except ValueError:
            return f"the program of {row.run_id} cannot be read: use 'cellrig stop --direct --channel {row.channel}'"
        run.journal.intend_stop()
        try:
            return await self._stop_at_the_tester(run, by)
        except DriverError as err:
            return f"the stop of {row.run_id} is ordered and not confirmed: {err}; it is sent again when that is over"

    async def _stop_at_the_tester(self, run: Run, by: str) -> str:
        channel = run.request.channel
        status = (await self._tester.status([channel]))[channel]
        barcodes = {test.barcode for test in run.tests} | {run.next_barcode}
        if status.barcode not in barcodes:
            # Its intent stays: should its start arrive later, it is stopped.
            return f"channel {channel} shows {status.barcode!r}, which is not {run.run_id}'s: it is left alone"
        if wrong := await objection_to_stop(self._store, self._tester, run.run_id, status):
            return f"{wrong}: it is left alone; 'cellrig stop --channel {channel}' stops it"
        await self._tester.stop(TestIdentity(channel, status.test_id, status.barcode, None))
        return f"{run.run_id} is stopped at the tester by {by}; its end is written when it can be"


def _latch(run: Run) -> None:
    """Trip a held run whose stored samples require it: an earlier release held it all the same."""
    ending = run.records.ending if run.records is not None else None
    if run.state is RunState.HOLDING and ending is not None and ending.state is RunState.TRIPPED:
        run.finish(ending.joined(Ending(RunState.HOLDING, f"it was held: {run.reason}")))
