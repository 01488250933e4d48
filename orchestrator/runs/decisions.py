"""The decisions of a run between its segments: judged from stored records, stored as events, and read again from them.

A decision is made once: who comes to the end of the segment again, after a kill or a resume, follows the stored one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from drivers.interfaces import Sample
from orchestrator.events import EventKind
from orchestrator.judging.branching import Judged, Seen, judge
from orchestrator.judging.cycles import Cycle
from orchestrator.judging.rest_drift import drift_v_per_h, window_s
from orchestrator.judging.steps import ExecutedStep
from orchestrator.runs.journal import RunJournal
from orchestrator.runs.progress import Progress
from orchestrator.states import RunState
from orchestrator.store import EventRow, Store, TesterTestRow
from protocols.branches import Branch, Measure, StepEnd, Then
from protocols.half_cycles import CycleNumbers
from protocols.program import CyclingSegment, Loop, Purpose, Step

_ENDS = {end.value: end for end in StepEnd}


@dataclass(frozen=True, slots=True)
class Decided:
    """Where a run goes on behind a segment, and why; ``then`` says how."""

    to: int
    then: Then
    reason: str


class Decisions:
    """The decisions of one run."""

    def __init__(self, store: Store, journal: RunJournal, run_id: str) -> None:
        self._store = store
        self._journal = journal
        self._run_id = run_id

    def stored(self, segment: int) -> Decided | None:
        """Return the decision that was made behind a segment; None without one."""
        data = next(self._told(EventKind.DECIDED, segment), None)
        return None if data is None else Decided(data["to"], Then(data["then"]), data["reason"])

    def was_held(self, segment: int, kind: EventKind = EventKind.DECIDED) -> bool:
        """Return whether the run has been held, or has waited for a person, since an event of a kind about a segment.

        That is the decision behind it, or that its values were measured.
        """
        events = self._store.events(self._run_id)
        made = next((event.id for event in reversed(events) if _is_of(event, kind, segment)), None)
        held = (event.id for event in reversed(events) if event.kind == EventKind.STATE and _is_wait(event.message))
        return made is not None and next(held, 0) > made

    def why_over(self, segments: int) -> str:
        """Return the reason of the decision that has led to the end of the program; "" without one."""
        for event in reversed(self._store.events(self._run_id)):
            if event.kind == EventKind.DECIDED and event.data_json:
                data: dict[str, Any] = json.loads(event.data_json)
                return str(data["reason"]) if data["to"] >= segments else ""
        return ""

    def was_asked(self, segment: int) -> bool:
        """Return whether a person has been asked for what must be done before a segment."""
        return next(self._told(EventKind.PERSON_ASKED, segment), None) is not None

    def ask(self, segment: int, prompt: str) -> None:
        """Store that a person is asked."""
        self._journal.note(EventKind.PERSON_ASKED, prompt, {"segment": segment})

    def was_ended(self, segment: int) -> bool:
        """Return whether the host has ended a segment, and its stop was confirmed."""
        return next(self._told(EventKind.SEGMENT_ENDED, segment), None) is not None

    def end(self, segment: int, reason: str) -> None:
        """Store that the host has ended a segment."""
        self._journal.note(EventKind.SEGMENT_ENDED, reason, {"segment": segment})

    def decide(self, progress: Progress) -> Decided | None:
        """Judge the branches of the segment that is over, and store which one holds; None where the next one follows.

        Call it in the transaction that leaves the segment, behind that which stores its last step.
        """
        index = progress.index
        branches = progress.program.segments[index].after
        if not branches:
            return None
        if (before := self.stored(index)) is not None:
            return before
        judged = judge(branches, self._seen(progress, branches))
        for branch in judged.unknown:
            self._unknown(index, branch)
        if judged.held is None:
            return None
        decided = Decided(judged.held.to, judged.held.then, judged.words)
        self._note(index, judged, decided, len(progress.program.segments))
        return decided

    def _note(self, index: int, judged: Judged, decided: Decided, segments: int) -> None:
        branch = judged.held
        if branch is None:
            return
        where = "the run ends" if decided.to >= segments else f"the run goes on with segment {decided.to + 1}"
        held = "the run is held; then " if decided.then is Then.HOLD else ""
        data: dict[str, object] = {"segment": index, "to": decided.to, "then": decided.then.value}
        data |= {"reason": decided.reason, "measure": branch.measure.value, "value": judged.value}
        data |= {"below": branch.below, "above": branch.above, "of_cycle": branch.of_cycle}
        message = f"behind segment {index + 1}: {decided.reason}; {held}{where}"
        self._journal.note(EventKind.DECIDED, message, {key: it for key, it in data.items() if it is not None})

    def _unknown(self, index: int, branch: Branch) -> None:
        """Say once in a run that a condition cannot be told."""
        message = f"nothing tells yet whether {branch.told}: it does not hold"
        if all(event.message != message for event in self._store.events(self._run_id)):
            self._journal.note(
                EventKind.CONDITION_UNKNOWN, message, {"segment": index, "measure": branch.measure.value}
            )

    def _told(self, kind: EventKind, segment: int) -> Iterator[dict[str, Any]]:
        for event in self._store.events(self._run_id):
            if _is_of(event, kind, segment):
                yield json.loads(event.data_json or "{}")

    # What was measured

    def _seen(self, progress: Progress, branches: tuple[Branch, ...]) -> Seen:
        asked = {branch.measure for branch in branches}
        tests = self._store.tests(self._run_id)
        of_segment = [test for test in tests if test.segment == progress.index]
        last = self._store.last_sample(of_segment[-1].id) if of_segment else None
        wanted = {branch.of_cycle for branch in branches if branch.of_cycle is not None}
        cycles = self.cycles(progress, tests, wanted) if asked & _OF_CYCLES else {}
        newest = cycles[max(cycles)] if cycles else None
        step = self._last_step(of_segment)
        since = {branch.since for branch in branches}
        numbers = CycleNumbers.of(progress.as_run)
        return Seen(
            capacities_ah={number: progress.cycles.capacity_ah(cycle) for number, cycle in cycles.items()},
            efficiency=newest.coulombic_efficiency if newest else None,
            resistance_ohm=self._resistance_ohm(tests) if Measure.RESISTANCE in asked else None,
            voltage_v=last.voltage_v if last else None,
            drift_v_per_h=self._drift(of_segment, branches) if Measure.REST_DRIFT in asked else None,
            times_s={it: self._time_s(tests, it) for it in since} if Measure.TIME in asked else {},
            cycles={it: max(cycles, default=0) - numbers.cycle_before(it) for it in since},
            end=StepEnd.HOST if self.was_ended(progress.index) else _ENDS.get(step.end_reason if step else ""),
            is_shorted=Measure.SHORT in asked and self._is_shorted(progress, tests),
        )

    def cycles(self, progress: Progress, tests: list[TesterTestRow], wanted: set[int]) -> dict[int, Cycle]:
        """Return the newest whole cycle of the run, which may not be closed yet, and the wanted ones, by their numbers.

        A cycle of whose second half a later stage is to come is not whole: a part of a discharge is no capacity.
        The newest is of one of the last tests and the wanted ones mostly of the first: a run may have thousands.
        """
        open_ = [] if progress.cycles.is_within_half else progress.cycles.finish()
        found = {cycle.cycle: cycle for cycle in open_ if cycle.is_whole}
        for test in reversed(tests):
            if found:
                break
            found = {cycle.cycle: cycle for cycle in self._store.cycles(test.id) if cycle.is_whole}
        for test in tests:
            if wanted <= found.keys() or not found:
                break
            stored = self._store.cycles(test.id)
            found |= {cycle.cycle: cycle for cycle in stored if cycle.is_whole and cycle.cycle in wanted}
            if stored and stored[-1].cycle >= max(wanted):
                break
        return found

    def _last_step(self, of_segment: list[TesterTestRow]) -> ExecutedStep | None:
        steps = self._store.steps(of_segment[-1].id) if of_segment else []
        return steps[-1] if steps else None

    def _time_s(self, tests: list[TesterTestRow], since: int) -> float:
        """Return the time of the tests from the first segment of a loop on, in seconds."""
        lasts = [self._store.last_sample(test.id) for test in tests if test.segment >= since]
        return sum(last.time_s for last in lasts if last is not None)

    def _resistance_ohm(self, tests: list[TesterTestRow]) -> float | None:
        """Return the change of the voltage by that of the current, from the record before the last powered step on.

        That is from the end of what ran before it to its own end, with all that polarises meanwhile. A contact check
        is no such step: the one before what is left of a segment that was held would tell another resistance.
        """
        for test in (it for it in reversed(tests) if not it.is_measurement):
            steps = CyclingSegment.from_json(test.program_json).steps
            for step in reversed(self._store.steps(test.id)):
                end = self._at(test.id, step.last_sequence)
                if end is None or not end.current_a or _is_check(steps, step.step):
                    continue
                before = self._at(test.id, step.first_sequence - 1) or self._end_before(tests, test)
                if before is None or end.current_a == before.current_a:
                    return None
                return (end.voltage_v - before.voltage_v) / (end.current_a - before.current_a)
        return None

    def _end_before(self, tests: list[TesterTestRow], test: TesterTestRow) -> Sample | None:
        earlier = [other for other in tests if other.id < test.id and not other.is_measurement]
        return self._store.last_sample(earlier[-1].id) if earlier else None

    def _at(self, test: int, sequence: int) -> Sample | None:
        found = next(iter(self._store.samples(test, after=sequence - 1, limit=1)), None)
        return found if found is not None and found.sequence == sequence else None

    def _drift(self, of_segment: list[TesterTestRow], branches: tuple[Branch, ...]) -> float | None:
        """Return the drift of the last step, over the window of the smallest drift that is asked for, in V/h.

        Of a rest that was held, the latest part counts that is as long as the window: what a resume has left of it may
        tell nothing but how the cell takes the contact check. Where none is so long, the longest part counts.
        """
        asked = [branch.below or branch.above for branch in branches if branch.measure is Measure.REST_DRIFT]
        last_s = window_s(min(drift for drift in asked if drift))
        longest: list[Sample] = []
        for test, step in self._parts(of_segment):
            end = self._at(test.id, step.last_sequence)
            if end is None:
                continue
            records = self._store.samples(test.id, after=step.first_sequence - 1)
            part = [it for it in records if end.time_s - last_s <= it.time_s <= end.time_s]
            if not longest or _spans_s(part) > _spans_s(longest):
                longest = part
            if end.step_time_s >= last_s:
                break
        return drift_v_per_h([it.time_s for it in longest], [it.voltage_v for it in longest])

    def _parts(self, of_segment: list[TesterTestRow]) -> Iterator[tuple[TesterTestRow, ExecutedStep]]:
        """Yield the parts of the last step of a segment, the latest first, each with the test that it is in."""
        for test in reversed(of_segment):
            own = CyclingSegment.from_json(test.program_json).steps if not test.is_measurement else ()
            last = self._last_step([test])
            if last is not None and not _is_check(own, last.step):
                yield test, last
            # A resumed test that was to do more than this step has done all of it.
            if sum(not isinstance(it, Loop) and it.purpose is not Purpose.CHECK for it in own) != 1:
                break

    def _is_shorted(self, progress: Progress, tests: list[TesterTestRow]) -> bool:
        """Return whether a hard short was found since the run last asked for one.

        A pass may be of several segments, and a short that stays is told once.
        """
        segments = progress.program.segments
        earlier = {test.segment for test in tests if test.segment < progress.index}
        asked = [it for it in earlier if any(branch.measure is Measure.SHORT for branch in segments[it].after)]
        behind = [test.started_unix_s for test in tests if test.segment > max(asked, default=-1)]
        events = self._store.events(self._run_id)
        return any(it.kind == EventKind.CELL_SHORTED and it.at_unix_s >= min(behind, default=0.0) for it in events)


def _is_of(event: EventRow, kind: EventKind, segment: int) -> bool:
    """Return whether an event of a kind is about a segment."""
    return event.kind == kind and json.loads(event.data_json or "{}").get("segment") == segment


def _is_check(steps: Sequence[Step], number: int) -> bool:
    """Return whether the step of a test with this number checks the contact, or is the rest behind such a check."""
    step = steps[number - 1] if 1 <= number <= len(steps) else None
    return step is not None and not isinstance(step, Loop) and step.purpose is Purpose.CHECK


def _spans_s(samples: Sequence[Sample]) -> float:
    """Return the time between the first and the last of samples."""
    return samples[-1].time_s - samples[0].time_s if samples else 0.0


def _is_wait(message: str) -> bool:
    """Return whether the message of a change of state tells that the run waits for a person."""
    return RunState(message.partition(":")[0]).can_be_resumed


_OF_CYCLES = frozenset({Measure.CAPACITY, Measure.CAPACITY_FRACTION, Measure.COULOMBIC_EFFICIENCY, Measure.CYCLES})
