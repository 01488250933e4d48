"""The record pipeline of one test: fetches records in blocks, judges stored ones, keeps findings until acted on.

The store commits the records of all runs together; a pipeline is fed by whoever commits them. What the records showed
waits in it as findings, so that a link or a disk that fails loses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from drivers.errors import BadReply, DriverError, RecordsLost, TestGone
from drivers.interfaces import BatteryTester, Sample, TestIdentity
from orchestrator.events import EventKind, Severity
from orchestrator.failpoints import failpoint
from orchestrator.judging.cycles import Cycle
from orchestrator.judging.host_ends import HostEndWatch
from orchestrator.judging.limits import Action, Finding, LimitWatch, by_gravity
from orchestrator.judging.steps import ExecutedStep, StepBuilder
from orchestrator.judging.temperature_ends import TemperatureWatch
from orchestrator.rollback import as_before
from orchestrator.runs.journal import RunJournal
from orchestrator.runs.progress import Progress
from orchestrator.runs.replaying import Replay
from orchestrator.runs.run_guards import TROUBLE_KINDS, RunGuards
from orchestrator.states import ALSO, Ending, RunState
from orchestrator.store import Store
from orchestrator.store.cycle_numbers import CycleBegin, add_cycle_begins, changes, last_cycle_begin
from orchestrator.store.stored_test import reading
from protocols.channel_envelope import ChannelEnvelope
from protocols.execution_order import length, nest
from protocols.program import Loop

# Of one test: ten a second make so many in three years.
MOST_RECORDS = 1_000_000_000
# So long a test is waited for that makes records less often, before it is called still.
_MOST_POLLS = 3

_FINAL = {
    Action.END_SEGMENT: RunState.RUNNING,
    Action.HOLD: RunState.HOLDING,
    Action.COMPLETE: RunState.COMPLETED,
    Action.STOP: RunState.STOPPED,
    Action.TRIP: RunState.TRIPPED,
}


def ending_of(findings: Sequence[Finding]) -> Ending | None:
    """Return the state and reason with which findings end a run; None when all of them are only marks.

    The gravest finding decides the state and begins the reason, which tells the others too.
    """
    ending = by_gravity(findings)
    if not ending:
        return None
    reasons = dict.fromkeys(f"{finding.kind}: {finding.message}" for finding in ending)
    return Ending(_FINAL[ending[0].action], ALSO.join(reasons))


class Scout:
    """Copies of a test's judges for records that the store refused; ``stored`` is the last stored record."""

    def __init__(
        self,
        stored: Sample | None,
        limits: LimitWatch,
        ends: HostEndWatch,
        steps: StepBuilder,
        guards: RunGuards,
        progress: Progress,
    ) -> None:
        self.stored = self.last = stored
        self._limits, self._ends, self._steps, self._guards = deepcopy((limits, ends, steps, guards))
        self._progress = progress.aside()

    def feed(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge records that follow the last ones."""
        self.last = samples[-1]
        numbered, _ = self._progress.number(self._steps.feed(samples))
        found = self._limits.feed(samples) + self._ends.feed(samples)
        return found + self._guards.feed(samples, numbered, self._progress.cycle(self.last))


def _check_count(identity: TestIdentity, count: int) -> None:
    """Raise BadReply for a number of records that no tester makes: nobody would come to an end of fetching them."""
    if not 0 <= count <= MOST_RECORDS:
        raise BadReply(f"the tester says that {identity.barcode!r} has {count} records, and no test has so many")


class RecordPipeline:
    """One test's records, its judges, the steps and cycles built from them, and its findings.

    ``test`` is the test's number in the store, ``last`` its last stored record. The guards and the cycles are the
    run's: they go through all of its tests.
    """

    def __init__(
        self,
        store: Store,
        tester: BatteryTester,
        journal: RunJournal,
        identity: TestIdentity,
        test: int,
        progress: Progress,
        guards: RunGuards,
        envelope: ChannelEnvelope,
    ) -> None:
        self.identity = identity
        self.test = test
        self.segment = progress.segment
        self.last: Sample | None = None
        self.stored = 0
        self.samples = 0
        # Why the records that were asked for last did not come; empty when they did.
        self.trouble = ""
        self._store = store
        self._tester = tester
        self._journal = journal
        self._progress = progress
        self._limits = LimitWatch(progress.segment, envelope)
        self._ends = HostEndWatch(progress.segment)
        self._degrees = TemperatureWatch.of(progress.segment)
        self._steps = StepBuilder(progress.segment)
        self._guards = guards
        self._cycles = progress.cycles
        # The placeholder of records that the tester lost before they were read.
        self._stand_in: Sample | None = None
        # Whether the tester has said that it does not know the test, which is told once.
        self._is_gone = False
        self._findings: tuple[Finding, ...] = ()
        self._new_steps: list[ExecutedStep] = []
        self._new_cycles: list[Cycle] = []
        self._new_begins: list[CycleBegin] = []
        self._begun: CycleBegin = (0, 0)
        # What a jump back at the tester adds behind them stays in the last cycle.
        self._executions = length(nest(progress.segment.steps))

    # Fetched

    async def fetch(self, count: int) -> list[Sample]:
        """Request the block after the last stored record, up to record ``count``; empty when none are missing.

        What the tester has lost is written down before a record behind it is given. Raises DriverError and StoreError.
        """
        try:
            _check_count(self.identity, count)
            samples = await self._fetch(self.last, count, for_scout=False)
            self._check(samples)
        except DriverError as err:
            self.trouble = str(err)
            raise
        self.trouble = ""
        return samples

    async def fetch_for(self, scout: Scout, count: int) -> list[Sample]:
        """Request the block after a scout's last record; these are only judged, and are fetched again later."""
        _check_count(self.identity, count)
        samples = await self._fetch(scout.last, count, for_scout=True)
        self._check(samples)
        return samples

    def _check(self, samples: Sequence[Sample]) -> None:
        """Raise BadReply for records of a step that the program does not have: they are of another test, or garbled."""
        steps = len(self.segment.steps)
        if all(1 <= step <= steps for step in {sample.step for sample in samples}):
            return
        for sample in samples:
            if not 1 <= sample.step <= steps:
                what = f"record {sample.sequence} of {self.identity.barcode!r}"
                raise BadReply(f"{what} is of step {sample.step}, and its program has {steps} steps")

    async def _fetch(self, last: Sample | None, count: int, *, for_scout: bool) -> list[Sample]:
        stored = last
        if self._stand_in is not None and (last is None or last.sequence <= self._stand_in.sequence):
            last = self._stand_in
        missing = count - (last.sequence if last else 0)
        if missing <= 0:
            return []
        try:
            return await self._tester.records(self.identity, last, min(self._tester.traits.block_size, missing))
        except RecordsLost as err:
            stand_in = await self._tester.stand_in(self.identity, err.last)
            if not for_scout:
                self._journal.lost(err, stored)
                self._stand_in = stand_in
            return await self._tester.records(
                self.identity, stand_in, min(self._tester.traits.block_size, count - err.last)
            )

    async def collect_rest(self) -> None:
        """Fetch, store and judge the remaining records of the test, also if another test now uses the channel."""
        logged = await self._logged()
        try:
            count = max(logged, await self._tester.record_count(self.identity))
        except TestGone as err:
            # The step log may know it all the same, and the test may go on although its number is not shown.
            count = max(logged, self.stored + 1 if await self._has_more() else 0)
            if not count and not self._is_gone:
                self._is_gone = True
                self._journal.note(EventKind.RECORDS_LOST, f"{err}; {self.stored} records of it are stored")
        while samples := await self.fetch(count):
            self._store.tick({self.test: samples})
            self.accept(samples)

    async def _has_more(self) -> bool:
        """Return whether the tester gives a record that follows the last one; what it refuses is not there."""
        try:
            return bool(await self._tester.records(self.identity, self.last, 1))
        except DriverError:
            return False

    @property
    def interval_s(self) -> float | None:
        """How often the present step makes a record at least, in seconds; None when it need not make any."""
        step = self.segment.steps[self.last.step - 1] if self.last else None
        own = None if step is None or isinstance(step, Loop) else step.record
        return (own or self.segment.record).every_s

    @property
    def growth_s(self) -> float:
        """The time in which a test that goes on would have made a record, and shown it; three polls at most."""
        most_s = _MOST_POLLS * self._tester.poll_period_s
        return min(self.interval_s or 0.0, most_s) + self._tester.traits.refresh_s

    async def _logged(self) -> int:
        """Return at which record the step log of a remote tester ends: a record count may be wrong; 0 if not known."""
        if not self._tester.traits.is_remote:
            return 0
        try:
            steps = await self._tester.step_log(self.identity)
        except DriverError:
            return 0
        return steps[-1].last_sequence if steps else 0

    # Judged

    def accept(self, samples: Sequence[Sample]) -> None:
        """Judge samples that are committed, in order; the steps and cycles that they complete wait for ``save``.

        Samples that were accepted before are passed over: a stop and a poll may both have fetched them.
        """
        if samples and samples[0].sequence <= self.stored:
            samples = [sample for sample in samples if sample.sequence > self.stored]
        if not samples:
            return
        self.last = samples[-1]
        self.stored = self.last.sequence
        self.samples += len(samples)
        self._begin_cycles()
        found = self._limits.feed(samples) + self._ends.feed(samples)
        numbered = self._keep(self._steps.feed(samples))
        found += self._guards.feed(samples, numbered, self._progress.cycle(self.last))
        self._findings += tuple(found)

    async def replay(self) -> None:
        """Bring the judges to the end of the stored samples, after a restart, in slices between which the loop runs.

        What asked for an end of a run that still goes on was found before, and not acted on. Which marks are written
        already is known from the run's events; the watch for trouble knows it itself.
        """
        last = self._store.last_sample(self.test)
        if last is None:
            return
        with reading(self._store.path, self.test) as stored:
            replay = Replay(stored)
            cycles: dict[int, int] = {}
            async for steps in replay.steps():
                # They are stored, and so are the cycles that they complete: by the same commit.
                numbered, _ = self._progress.number(steps)
                cycles.update((step.step_count, step.cycle) for step in numbered)
                self._found_again(self._guards.feed((), numbered, 0))
            async for samples in replay.samples():
                self._found_again(self._guards.feed_open(samples) + self._ends.feed(samples))
                numbered = self._keep(self._steps.feed(samples))
                cycles.update((step.step_count, step.cycle) for step in numbered)
                self._found_again(self._guards.feed((), numbered, 0))
            cycles.setdefault(last.step_count, self._progress.cycle(last))
            if self._guards.watches_records:
                async for samples in replay.watched_samples():
                    self._found_again(self._guards.feed_again(samples, cycles))
            async for found in replay.findings(self._limits):
                self._found_again(found)
        self.last, self.stored, self.samples = last, last.sequence, replay.count
        self._begun = last_cycle_begin(self._store, self.test)
        self._begin_cycles()
        if replay.doubt:
            self._journal.note(EventKind.STORE_DOUBTED, replay.doubt, severity=Severity.WARNING)

    def _found_again(self, findings: list[Finding]) -> None:
        self._findings += tuple(
            it
            for it in findings
            if it.action is not Action.MARK or it.kind in TROUBLE_KINDS or self._guards.is_untold(it)
        )

    def forget_host_end(self) -> None:
        """Drop the end of the segment that was found again, after a restart: its stop was confirmed before."""
        self._findings = tuple(it for it in self._findings if it.action is not Action.END_SEGMENT)

    def finish(self, *, run_is_over: bool = False) -> None:
        """Judge and save the last step of a finished test; a cycle stays open as long as its run may go on.

        Where the store takes nothing, the step stays open: the test may still go on.
        """
        mine, times = as_before(self, "_new_steps", "_new_cycles", "_findings"), self._progress.times
        with self._store.transaction(mine, self._steps.undo(), self._guards.undo(), self._cycles.undo(), times.undo()):
            self._findings += tuple(self._guards.feed((), self._keep(self._steps.finish()), 0))
            if run_is_over:
                self._findings += tuple(self._guards.finish())
                self._new_cycles = self._new_cycles + self._cycles.finish()
            self.save()

    def _keep(self, steps: list[ExecutedStep]) -> list[ExecutedStep]:
        """Keep executed steps, and the cycles that they complete, for ``save``; return them with the run's cycles."""
        if not steps:
            return []
        self._new_steps = self._new_steps + steps
        numbered, cycles = self._progress.number(steps)
        self._new_cycles = self._new_cycles + cycles
        return numbered

    def _begin_cycles(self) -> None:
        """Keep where the run's cycle changes among the new executed steps of the test, for ``save``."""
        until = min(self.last.step_count if self.last else 0, self._executions)
        if until > self._begun[0]:
            begins = changes(self._progress.cycle_of, until, self._begun)
            self._new_begins = self._new_begins + begins
            self._begun = until, begins[-1][1] if begins else self._begun[1]

    def save(self) -> None:
        """Store steps and cycles that are complete. They follow from the samples, so a tick later is soon enough."""
        if not (self._new_steps or self._new_cycles or self._new_begins):
            return
        with self._store.transaction(as_before(self, "_new_steps", "_new_cycles", "_new_begins")):
            begins, self._new_begins = self._new_begins, []
            add_cycle_begins(self._store, self.test, begins)
            steps, self._new_steps = self._new_steps, []
            cycles, self._new_cycles = self._new_cycles, []
            self._store.add_steps(self.test, steps)
            failpoint("steps saved")
            self._store.add_cycles(self.test, cycles)

    def scout(self) -> Scout:
        """Return a scout: copies of the judges, for records that are judged before they are stored."""
        return Scout(self.last, self._limits, self._ends, self._steps, self._guards, self._progress)

    def judge_temperature(self, degc: float | None) -> None:
        """Judge what the place of the cell shows now, in degC; None where nothing measures it."""
        if not self._degrees.is_needed:
            return
        step, time_s = (self.last.step, self.last.time_s) if self.last else (0, 0.0)
        self._findings += tuple(self._degrees.feed(degc, step, time_s))
        if self._degrees.has_gone_blind:
            message = "nothing shows the temperature of its place: no step ends by it, and no limit of it is watched"
            self._journal.note(EventKind.CONDITION_UNKNOWN, message, {"measure": "temperature_degc"}, Severity.WARNING)

    # Acted on

    @property
    def ending(self) -> Ending | None:
        """The state and reason with which the findings end the run; None when no finding requires an end."""
        return ending_of(self._findings) if self._findings else None

    def write_down(self) -> None:
        """Write every finding as an event; if the store refuses them, they are written at the next call."""
        if not self._findings:
            return
        with self._store.transaction(as_before(self, "_findings")):
            findings, self._findings = self._findings, ()
            self._journal.findings(findings)
