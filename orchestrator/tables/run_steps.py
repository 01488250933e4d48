"""Reads a run's executed steps from its store, through all its tests: with run time, original step and cycle number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from drivers.interfaces import EndReason, Sample
from orchestrator.judging.placing import ProgramWalk, RunPlace
from orchestrator.judging.steps import ExecutedStep, executed_step
from orchestrator.store import Store, TesterTestRow
from orchestrator.store.errors import explained
from orchestrator.store.imports import Imports
from orchestrator.store.samples import unfinished_steps
from protocols.program import CyclingSegment, Program


@dataclass(frozen=True, slots=True)
class RunTest:
    """One test of a run; ``start_s`` is the run time at its start, ``last`` its last sample, None without any."""

    row: TesterTestRow
    start_s: float
    last: Sample | None

    @property
    def end_s(self) -> float:
        """The run time at its last sample."""
        return self.start_s + (self.last.time_s if self.last else 0.0)


@dataclass(frozen=True, slots=True)
class Passed:
    """The charge, energy and time of all earlier parts of a step; magnitudes in Ah and Wh."""

    step_time_s: float = 0.0
    capacity_ah: float = 0.0
    energy_wh: float = 0.0


@dataclass(frozen=True, slots=True)
class RunStep:
    """One executed step of a test, or one part of a step that an interruption cut, and its place in the run.

    ``start_s`` is in run time; ``executed`` is the step as the test has it, with the numbers of that test.
    ``earlier`` is what the parts before this one have passed.
    ``is_over`` is False for a step that still runs, or of which the store has samples only.
    """

    test: int
    start_s: float
    place: RunPlace
    executed: ExecutedStep
    earlier: Passed = Passed()
    is_over: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return the step for JSON, in the run's time and numbers; a missing reading is None."""
        numbers = {"step_count": self.place.count, "step": self.place.step, "cycle": self.place.cycle}
        more = {"half_cycle": self.place.half_cycle, "part": self.place.part}
        executed = {name: None if value != value else value for name, value in asdict(self.executed).items()}
        return {**executed, **numbers, "start_s": self.start_s, "test": self.test, **more}


class StepReader:
    """Reads a run's executed steps test by test; each call continues where the last stopped, no test is read twice."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        program = Program.from_json(store.run(run_id).program_json)
        self._walk = ProgramWalk(program) if program.segments else None
        self._test = 0
        self._time_s = 0.0
        self._passed = Passed()

    def read(self) -> Iterator[tuple[RunTest, list[RunStep]]]:
        """Return each test that is new since the last call, with its steps; a measurement's trace is one step."""
        for row in self._store.tests(self._run_id):
            if row.id > self._test:
                test = RunTest(row, self._time_s, self._store.last_sample(row.id))
                yield test, self._measurement(test) if row.is_measurement else self._cycling(test)
                self._test, self._time_s = row.id, test.end_s

    def _cycling(self, test: RunTest) -> list[RunStep]:
        walk = self._walk
        if walk is None:
            return self._recorded(test)
        segment = CyclingSegment.from_json(test.row.program_json)
        walk.begin(test.row.segment, segment)
        stored = self._store.steps(test.row.id)
        steps = [self._placed(walk, test, executed) for executed in stored]
        after = stored[-1].last_sequence if stored else -1
        for first, samples in self._unfinished(test, after):
            executed = replace(executed_step(segment, samples), first_sequence=first)
            executed = replace(executed, mean_voltage_v=None, resistance_ohm=None)
            steps.append(replace(self._placed(walk, test, executed), is_over=False))
        walk.end(test.last)
        return steps

    def _recorded(self, test: RunTest) -> list[RunStep]:
        """Return the steps of a test without a program, which was imported: as its file numbers them."""
        places = Imports(self._store).places(test.row.id)
        found = []
        for executed in self._store.steps(test.row.id):
            at = places[executed.step_count]
            half = 0 if at.pulse is not None else at.half
            place = RunPlace(test.row.segment, executed.step, executed.step_count, at.cycle, half, 1)
            found.append(RunStep(test.row.id, test.start_s + executed.start_s, place, executed))
        return found

    def _placed(self, walk: ProgramWalk, test: RunTest, executed: ExecutedStep) -> RunStep:
        place = walk.place(executed)
        earlier = self._passed if place.part > 1 else Passed()
        if not place.is_repeated_check:
            self._passed = Passed(
                earlier.step_time_s + executed.duration_s,
                earlier.capacity_ah + executed.capacity_ah,
                earlier.energy_wh + executed.energy_wh,
            )
        return RunStep(test.row.id, test.start_s + executed.start_s, place, executed, earlier)

    def _unfinished(self, test: RunTest, after: int) -> Iterator[tuple[int, list[Sample]]]:
        """Return the first sequence number and the last sample of each step that is stored only as samples."""
        with explained(self._store.path):
            found = unfinished_steps(self._store.connection, test.row.id, after)
        for _, first, last in found:
            if test.last is not None and last <= test.last.sequence:
                yield first, list(self._store.samples(test.row.id, last - 1, 1))

    def _measurement(self, test: RunTest) -> list[RunStep]:
        place = None if self._walk is None else self._walk.measurement(test.row.segment)
        last = test.last
        if last is None or place is None:
            return []
        (first,) = self._store.samples(test.row.id, limit=1)
        executed = ExecutedStep(
            step_count=1,
            step=1,
            tester_cycle=1,
            mode=last.mode,
            start_s=0.0,
            duration_s=last.step_time_s,
            capacity_ah=last.capacity_ah,
            energy_wh=last.energy_wh,
            mean_voltage_v=None,
            resistance_ohm=None,
            end_reason=EndReason.TIME,
            first_sequence=first.sequence,
            last_sequence=last.sequence,
        )
        return [RunStep(test.row.id, test.start_s, place, executed)]


def parts_together(steps: Sequence[RunStep]) -> list[tuple[RunStep, ...]]:
    """Return the executed steps of the original program, each with its parts; repeated contact checks are omitted."""
    found: list[list[RunStep]] = []
    for step in steps:
        if step.place.part > 1:
            found[-1].append(step)
        elif not step.place.is_repeated_check:
            found.append([step])
    return [tuple(parts) for parts in found]


def samples_of(store: Store, parts: Sequence[RunStep]) -> list[Sample]:
    """Return the samples of consecutive steps, or parts of one, as if they were one step.

    ``time_s`` is run time; ``step_time_s``, ``capacity_ah`` and ``energy_wh`` go on from one part to the next.
    ``sequence`` stays that of the part's own test.
    """
    found: list[Sample] = []
    time_s = capacity_ah = energy_wh = 0.0
    for part in parts:
        done, before_s = part.executed, part.start_s - part.executed.start_s
        for sample in store.samples(part.test, done.first_sequence - 1, done.last_sequence - done.first_sequence + 1):
            if sample.sequence > done.last_sequence:
                break
            found.append(
                sample._replace(
                    time_s=sample.time_s + before_s,
                    step_time_s=sample.step_time_s + time_s,
                    capacity_ah=sample.capacity_ah + capacity_ah,
                    energy_wh=sample.energy_wh + energy_wh,
                )
            )
        time_s += done.duration_s
        capacity_ah += done.capacity_ah
        energy_wh += done.energy_wh
    return found


def joined(store: Store, segment: CyclingSegment, parts: Sequence[RunStep]) -> ExecutedStep:
    """Join the parts of a step of ``segment`` into one executed step, in the run's time and numbers.

    It ended as its last part did. Sequence numbers are those of the first part's test and of the last part's.
    """
    first, last = parts[0], parts[-1]
    whole = first.executed
    if len(parts) > 1:
        whole = replace(executed_step(segment, samples_of(store, parts)), end_reason=last.executed.end_reason)
    place = first.place
    return replace(whole, step_count=place.count, step=place.step, cycle=place.cycle, start_s=first.start_s)
