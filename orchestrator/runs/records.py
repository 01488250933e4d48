"""What happens to the samples of one test after they are committed: judged, grouped into steps, paired into cycles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

from drivers.interfaces import Sample
from orchestrator.failpoints import failpoint
from orchestrator.judging.cycles import Cycle, CycleBuilder
from orchestrator.judging.guards import StepWatch
from orchestrator.judging.limits import Finding, LimitWatch
from orchestrator.judging.steps import ExecutedStep, StepBuilder
from orchestrator.rollback import as_before
from orchestrator.store import Store
from protocols.channel_envelope import ChannelEnvelope
from protocols.program import CyclingSegment


class Scout:
    """Copies of a test's judges, which see more than is stored; ``stored`` is the last record that is."""

    def __init__(self, stored: Sample | None, limits: LimitWatch, steps: StepBuilder, watch: StepWatch) -> None:
        self.stored = self.last = stored
        self._limits, self._steps, self._watch = deepcopy((limits, steps, watch))

    def feed(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge records that follow the last ones."""
        self.last = samples[-1]
        return self._limits.feed(samples) + self._watch.feed(self._steps.feed(samples))


class Ingest:
    """One test's judges and its steps. Cycles are the run's: ``in_original`` gives a step its number there, or None."""

    def __init__(
        self,
        store: Store,
        test: int,
        segment: CyclingSegment,
        envelope: ChannelEnvelope,
        cycles: CycleBuilder,
        in_original: Callable[[ExecutedStep], ExecutedStep | None],
        watch: StepWatch,
    ) -> None:
        self.test = test
        self.segment = segment
        self.last: Sample | None = None
        self.samples = 0
        self._store = store
        self._limits = LimitWatch(segment, envelope)
        self._steps = StepBuilder(segment)
        self._watch = watch
        self._cycles = cycles
        self._in_original = in_original
        self._new_steps: list[ExecutedStep] = []
        self._new_cycles: list[Cycle] = []

    def accept(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge samples that are committed, in order; the steps and cycles that they complete wait for `save`.

        Samples that were accepted before are passed over: a stop and a poll may both have fetched them.
        """
        after = self.last.sequence if self.last else 0
        samples = samples if not samples or samples[0].sequence > after else [s for s in samples if s.sequence > after]
        if not samples:
            return []
        self.last = samples[-1]
        self.samples += len(samples)
        return self._limits.feed(samples) + self._keep(self._steps.feed(samples))

    def finish(self, *, segment_is_over: bool) -> list[Finding]:
        """Judge and save what is open when the test is over; a cycle stays open if its segment may go on.

        Where the store takes nothing, it stays open: the test may still go on.
        """
        mine = as_before(self, "_new_steps", "_new_cycles")
        with self._store.transaction(mine, self._steps.undo(), self._watch.undo(), self._cycles.undo()):
            findings = self._keep(self._steps.finish())
            if segment_is_over:
                self._new_cycles = self._new_cycles + self._cycles.finish()
            self.save()
        return findings

    def _keep(self, steps: list[ExecutedStep]) -> list[Finding]:
        self._new_steps = self._new_steps + steps
        placed = [self._in_original(step) for step in steps]
        self._new_cycles = self._new_cycles + self._cycles.feed([step for step in placed if step is not None])
        return self._watch.feed(steps)

    def save(self) -> None:
        """Store steps and cycles that are complete. They follow from the samples, so a tick later is soon enough."""
        if not self._new_steps and not self._new_cycles:
            return
        with self._store.transaction(as_before(self, "_new_steps", "_new_cycles")):
            steps, self._new_steps = self._new_steps, []
            cycles, self._new_cycles = self._new_cycles, []
            self._store.add_steps(self.test, steps)
            failpoint("steps saved")
            self._store.add_cycles(self.test, cycles)

    def scout(self) -> Scout:
        """Give what judges further records without taking them in."""
        return Scout(self.last, self._limits, self._steps, self._watch)

    def replay(self) -> list[Finding]:
        """Take in what the store holds, after a restart; give what it shows (most of it is known already)."""
        return self.accept(list(self._store.samples(self.test)))
