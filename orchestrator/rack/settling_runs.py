"""Acts on what a poll shows of each run: findings, a channel that somebody has taken, and ends.

One reply may be wrong. An end, or another test, is believed when two polls show the same and the records agree: between
the two a test that went on would have made a record. A ``finished`` also needs the step log and the planned passes.
What contradicts itself is asked again, and soon makes the run unseen, with the contradiction as its reason; it is
watched all the time, and goes on when all agree again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from drivers.errors import TestGone
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, EndReason
from orchestrator.events import EventKind
from orchestrator.judging.steps import end_reason
from orchestrator.rack.collecting import Collector
from orchestrator.rack.stop_repeats import StopRepeats
from orchestrator.runs.ending import conclude
from orchestrator.runs.run import Run
from orchestrator.runs.silence import Silence
from protocols.execution_order import length, nest
from protocols.forecast import planned_duration_s
from protocols.step_names import told

logger = logging.getLogger(__name__)

# A tester looks at its channels ten times a second (reference neware-ct4008, section 7.3), and a step may begin and end
# in between. What a status shows may be some seconds old.
MOST_RECORDS_PER_S = 20
_SPARE_RECORDS = 2_000
# Looks at a channel that shows something else each time, until that is called a contradiction.
_MOST_LOOKS = 4


@dataclass(frozen=True, slots=True)
class _Shown:
    """What one poll has shown of a run that is not simply going on.

    ``looks`` counts such polls in a row; from ``since_s`` on all of them have shown the same.
    """

    kind: str
    evidence: tuple[object, ...]
    looks: int
    since_s: float


class RunSettler:
    """Acts on the status of the runs of one tester, once all of their records are stored."""

    def __init__(self, tester: BatteryTester, collector: Collector, silence: Silence, stops: StopRepeats) -> None:
        self._tester = tester
        self._collector = collector
        self._silence = silence
        self._stops = stops
        self._shown: dict[str, _Shown] = {}
        # Tells the temperature of a channel's place now (degC); None where nothing measures it.
        self.temperature_at: Callable[[str], float | None] = lambda _: None
        # Runs whose test the tester has said not to know, in its words.
        self._gone: dict[str, str] = {}
        self._next_look_s = inf

    def next_look_s(self) -> float:
        """Return in how many seconds another look would settle what has been shown since the last call; or infinity."""
        soonest_s, self._next_look_s = self._next_look_s, inf
        return soonest_s

    def forget(self, run: Run) -> None:
        """Drop what was shown of a run that is over."""
        self._shown.pop(run.run_id, None)
        self._gone.pop(run.run_id, None)

    async def settle(self, run: Run, status: ChannelStatus, seen: bool) -> None:
        """Act on a run's findings and on its channel's status, once all of its records are stored."""
        # A run that is being stopped is ended by its stop, not by what the channel shows meanwhile.
        if not run.is_watched or run.status.stop_is_pending or await self._is_stopped(run):
            self.forget(run)
            return
        if not seen:
            self._silence.check_growth(run)
        elif contradiction := self._contradiction(run, status):
            if self._is_certain(run, contradiction, ()):
                self._silence.doubt(run, f"{contradiction}; look at channel {status.channel}")
        elif run.taken_over(status):
            if (count := await self._own_count(run, status)) is None:
                return
            other = (status.test_id, status.barcode, count)
            if self._is_certain(run, "taken", other, least_s=_growth_s(run, self._tester)):
                self._hold_taken_over(run, status)
        elif run.stored < status.record_count:
            self._silence.check_growth(run)
        elif (status.complete and status.state is not ChannelState.WORKING) or status.state is ChannelState.PAUSED:
            await self._settle_over(run, status)
        else:
            self.forget(run)
            self._silence.believe(run)
            self._silence.check_growth(run)

    async def _is_stopped(self, run: Run) -> bool:
        """Act on a run's findings; True when one of them requires a stop, which is sent also if the store refuses."""
        if run.records is not None:
            run.records.judge_temperature(self.temperature_at(run.request.channel))
        try:
            return run.order_by_findings()
        finally:
            if run.status.stop_is_pending:
                await self._stops.send(run)

    def _is_certain(self, run: Run, kind: str, evidence: tuple[object, ...], *, least_s: float = 0.0) -> bool:
        """Note what a poll has shown, and return whether all polls for ``least_s``, two at least, showed the same.

        A tester that this process itself drives says what it knows: once is enough.
        """
        if not self._tester.traits.is_remote:
            return True
        now_s, before = asyncio.get_running_loop().time(), self._shown.get(run.run_id)
        is_same = before is not None and (before.kind, before.evidence) == (kind, evidence)
        since_s = before.since_s if before is not None and is_same else now_s
        looks = before.looks + 1 if before else 1
        self._shown[run.run_id] = _Shown(kind, evidence, looks, since_s)
        if is_same and now_s - since_s >= least_s:
            return True
        if looks == 1 or is_same:
            left_s = max(least_s - (now_s - since_s), self._tester.traits.refresh_s)
            self._next_look_s = min(self._next_look_s, left_s if is_same else self._tester.traits.refresh_s)
        if looks >= _MOST_LOOKS and not is_same:
            channel = run.request.channel
            self._silence.doubt(run, f"channel {channel} shows something else at each of {looks} polls: look at it")
        return False

    def _contradiction(self, run: Run, status: ChannelStatus) -> str:
        """Return what in a status cannot be, by itself or beside the records; empty when it can."""
        identity = run.records.identity if run.records is not None else None
        if identity is None or not self._tester.traits.is_remote:
            return ""
        if status.state is ChannelState.OTHER and not status.complete and not status.barcode:
            return "what the tester says of the channel cannot be read"
        if status.test_id == identity.test_id and status.barcode != identity.barcode:
            return f"test {status.test_id} now bears the barcode {status.barcode!r}, and began as {identity.barcode!r}"
        if run.taken_over(status):
            return ""
        if status.record_count < run.stored:
            return f"the tester says that its test has fewer records ({status.record_count}) than it has sent"
        if status.state is ChannelState.WORKING and (impossible := _impossible_count(run, status)):
            return impossible
        if status.state is ChannelState.OTHER and not status.complete:
            return "the tester shows a work status that is not known"
        if status.step is not None and status.state is ChannelState.WORKING:
            end_step = identity.end_step or len(run.segment.steps) + 1
            if not 1 <= status.step <= end_step:
                return f"the tester shows step {status.step} of a program that ends with step {end_step}"
        if status.complete and status.state is ChannelState.WORKING:
            return "the tester works on its test and says that it is complete"
        return ""

    async def _settle_over(self, run: Run, status: ChannelStatus) -> None:
        """Conclude a run whose test is over; one that ``finished`` must have done all that was planned.

        A finished test whose step log agrees and a protected channel are decided at two looks; what was ended early, as
        a test that still works may be said to be, only when no record has come for as long as one takes.
        """
        logged, left = run.stored, ""
        if status.state is ChannelState.FINISHED and self._tester.traits.is_remote and run.records is not None:
            steps = await self._tester.step_log(run.records.identity)
            logged = steps[-1].last_sequence if steps else 0
            if logged > run.stored:
                # The record count was wrong: what the step log has there is, or the step log is wrong too.
                await self._collector.fetch([run], {run.run_id: logged})
            left = _left_undone(run)
        least_s = 0.0 if status.state.is_end_of_its_own and not left else _growth_s(run, self._tester)
        shown = (status.state, status.record_count, status.detail, logged)
        if not self._is_certain(run, "over", shown, least_s=least_s):
            return
        if logged != run.stored:
            what = f"the tester says that its test is finished, and its step log ends at record {logged}"
            self._silence.doubt(run, f"{what}, {run.stored} are stored: look at channel {status.channel}")
            return
        self.forget(run)
        if left:
            run.hold(left, (EventKind.EXTERNAL_ACTION, left))
            return
        self._silence.believe(run)
        await conclude(run, self._tester, status)

    async def _own_count(self, run: Run, status: ChannelStatus) -> int | None:
        """Fetch what a run's own test has recorded although its channel shows another one, and return how much.

        None when that is not known, and when replies contradict each other: then nothing is decided.
        """
        if run.records is None:
            return 0
        try:
            count = await self._tester.record_count(run.records.identity)
        except TestGone as err:
            if status.barcode == run.records.identity.barcode:
                self._silence.doubt(run, f"{err}, and its channel shows its barcode: look at it")
                return None
            self._gone[run.run_id] = str(err)
            return run.stored
        await self._collector.fetch([run], {run.run_id: count})
        if run.stored < count:
            self._silence.check_growth(run)
            return None
        return count

    def _hold_taken_over(self, run: Run, status: ChannelStatus) -> None:
        """Hold a run whose channel shows another test: its own test has stopped recording."""
        message = f"channel {status.channel} now shows {status.barcode!r}, test {status.test_id}: it is left alone"
        seen = [(EventKind.EXTERNAL_ACTION, message)]
        if gone := self._gone.get(run.run_id, ""):
            seen.insert(0, (EventKind.RECORDS_LOST, f"{gone}; {run.stored} records of it are stored"))
        run.hold(message, *seen)
        self.forget(run)


def _growth_s(run: Run, tester: BatteryTester) -> float:
    """Return the time in which a test that goes on would have made a record, and shown it."""
    return run.records.growth_s if run.records is not None else tester.poll_period_s


def _impossible_count(run: Run, status: ChannelStatus) -> str:
    """Say why a working test cannot have as many records as its status says; empty when it can.

    It is compared with the tester's own time of the test, so that a long silence or a clock that was set is no reason.
    """
    if not 0 <= status.test_time_s < inf:
        return f"the tester says that its test has gone on for {status.test_time_s} s"
    since_s = max(0.0, status.test_time_s - (run.last.time_s if run.last else 0.0))
    if status.record_count - run.stored <= MOST_RECORDS_PER_S * since_s + _SPARE_RECORDS:
        return ""
    return (
        f"the tester says that its test has {status.record_count} records after {status.test_time_s:.0f} s, and "
        f"{run.stored} have come: no channel makes more than {MOST_RECORDS_PER_S} in a second"
    )


def concerns_polls(run: Run) -> bool:
    """Return whether a poll must ask the tester about a run."""
    return run.is_watched or run.status.stop_is_pending or run.status.start_is_unknown


def _left_undone(run: Run) -> str:
    """Say what of the present segment a finished test has not done; empty when it has done all of it."""
    if run.last is None:
        return ""
    is_last = run.last.step_count >= length(nest(run.segment.steps))
    if is_last and end_reason(run.segment, run.last) is not EndReason.EXTERNAL:
        # Also a segment that is nothing but a contact check, which would be made again if it had been cut.
        return ""
    left = run.progress.after(run.last).remaining_segment()
    if left is None:
        return ""
    left_h = planned_duration_s(replace(run.request.program, segments=(left,))) / 3600
    step = told(run.segment.steps, run.last.step)
    where = f"after {run.last.time_s / 3600:.2f} h, in {step}, cycle {run.progress.cycle(run.last)}"
    return f"its program was ended early {where}, by whom is not known: up to {left_h:.2f} h were left to do"
