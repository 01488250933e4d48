"""The only reader of a run from its store: all its tests, interruptions and measurements as one continuous record.

Pictures, summaries, verdicts and exports all read a run here, so that time, steps, half-cycles and cycles mean the same
everywhere. Run time counts the time of the run's tests, one behind the other: seconds in which nothing recorded (a
tester without power, a run that is held, a spectrum) are not part of it and are listed as gaps. What a run holds is
taken once, when it is first asked for: records that come later belong to the next reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import inf, nan
from typing import TYPE_CHECKING

from drivers.interfaces import Sample, Spectrum
from orchestrator.judging.cycles import Cycle, CycleSums, PlacedCycles
from orchestrator.judging.steps import ExecutedStep
from orchestrator.store import DeviationRow, EventRow, MeasurementRow, RunRow, Store
from orchestrator.store.errors import explained
from orchestrator.store.imports import Imports
from orchestrator.store.samples import jumps, last_temperature_degc, temperatures
from orchestrator.tables.run_steps import RunStep, RunTest, StepReader, joined, parts_together, samples_of
from protocols.current_sign import Direction
from protocols.half_cycles import CycleNumbers, CyclePlace
from protocols.program import CyclingSegment, Program

if TYPE_CHECKING:
    from orchestrator.tables.sample_columns import Columns

CHUNK_ROWS = 20_000
"""Rows of a chunk of columns: about 10 MB while it is made."""

_AROUND = (
    "SELECT id, run_id, kind, message, at_unix_s, data_json FROM event WHERE run_id IS NULL "
    "AND EXISTS (SELECT 1 FROM json_each(data_json, '$.runs') WHERE value = ?)"
)


@dataclass(frozen=True, slots=True)
class MeasuredSpectrum:
    """A stored spectrum, its test, its begin, and the cycle of the half-cycle before it (``protocols.half_cycles``).

    ``temperature_degc`` is that of the cell's place meanwhile; None where nobody measured it.
    """

    test: int
    cycle: int
    started_unix_s: float
    spectrum: Spectrum
    temperature_degc: float | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without records of a run, ``time_s`` in run time; ``deviations`` give the reason.

    A gap without deviations is as planned: the cell rested, or a potentiostat had it. ``lost`` counts records that the
    tester made in it and that were never read.
    """

    time_s: float
    started_unix_s: float
    ended_unix_s: float
    lost: int
    deviations: tuple[DeviationRow, ...]


def measured_spectrum(store: Store, row: MeasurementRow) -> MeasuredSpectrum | None:
    """Return the spectrum of a measurement; None if it measured something else."""
    points = store.spectrum(row.test)
    if not points:
        return None
    frequency_hz = tuple(point.frequency_hz for point in points)
    impedance_ohm = tuple(complex(point.z_real_ohm, point.z_imag_ohm) for point in points)
    bias_v = nan if row.bias_v is None else row.bias_v
    spectrum = Spectrum(frequency_hz, impedance_ohm, bias_v)
    return MeasuredSpectrum(row.test, row.cycle, row.started_unix_s, spectrum, row.temperature_degc)


@dataclass(frozen=True, slots=True)
class RunTemperatures:
    """The temperatures of a cell's place in the samples of a run, None without any.

    ``samples`` is how many there are, ``samples_without`` how many of them have none, because nobody measured it then;
    the same of the run's measurements.
    """

    lowest_degc: float | None
    mean_degc: float | None
    highest_degc: float | None
    samples: int
    samples_without: int
    measurements: int
    measurements_without: int


class RunData:
    """A run as stored. Raises StoreError, when it is created, for a run that the store does not have."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run: RunRow = store.run(run_id)

    @cached_property
    def program(self) -> Program:
        """The original program; without segments for a run of a file that says nothing of its own."""
        return Program.from_json(self.run.program_json)

    @cached_property
    def as_run(self) -> Program:
        """The original program, by which the steps are numbered: segments that the run has left out are empty in it."""
        return self.program.as_begun({test.row.segment for test in self.tests})

    @cached_property
    def tests(self) -> list[RunTest]:
        """The run's tests on its time axis, measurements too."""
        found: list[RunTest] = []
        for row in self.store.tests(self.run.run_id):
            found.append(RunTest(row, found[-1].end_s if found else 0.0, self.store.last_sample(row.id)))
        return found

    @property
    def duration_s(self) -> float:
        """Seconds of test time so far."""
        return self.tests[-1].end_s if self.tests else 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds by the clock from its first record to its newest, with measurements, rests between, interruptions."""
        return self.ended_unix_s(self.tests[-1]) - self.began_unix_s(self.tests[0]) if self.tests else 0.0

    @property
    def temperature_degc(self) -> float | None:
        """The temperature of the cell's place at the run's newest record; None where nobody measured it."""
        recorded = [test for test in self.tests if test.last is not None]
        if not recorded:
            return None
        with explained(self.store.path):
            return last_temperature_degc(self.store.connection, recorded[-1].row.id)

    @property
    def temperatures(self) -> RunTemperatures:
        """The temperatures of the cell's place in all samples and measurements of the run."""
        with explained(self.store.path):
            samples, measured, lowest, total, highest = temperatures(self.store.connection, self.run.run_id)
        rows = self.store.measurements(self.run.run_id)
        lacking = sum(row.temperature_degc is None for row in rows)
        mean = round(total / measured, 3) if measured else None
        return RunTemperatures(lowest, mean, highest, samples, samples - measured, len(rows), lacking)

    @property
    def events(self) -> list[EventRow]:
        """The events of the run, and those of its oven that name it among the runs inside, in the order written."""
        with explained(self.store.path):
            found = self.store.connection.execute(_AROUND, (self.run.run_id,)).fetchall()
        around = [EventRow(*row) for row in found]
        return sorted([*self.store.events(self.run.run_id), *around], key=lambda event: event.id)

    @cached_property
    def steps_by_test(self) -> list[tuple[RunTest, list[RunStep]]]:
        """The tests with their executed steps, in order; a potentiostat's trace is one step."""
        # A test that has begun since is of the next reader.
        mine = {test.row.id for test in self.tests}
        return [found for found in StepReader(self.store, self.run.run_id).read() if found[0].row.id in mine]

    @property
    def steps(self) -> list[RunStep]:
        """The executed steps of the testers, in order; parts of a cut step and repeated contact checks are apart."""
        return [
            step for test, steps in self.steps_by_test if not test.row.is_measurement for step in steps if step.is_over
        ]

    @property
    def newest_step(self) -> RunStep | None:
        """The step of the original program that ran last on a tester, over or not; None before the first."""
        steps = [step for test, found in self.steps_by_test if not test.row.is_measurement for step in found]
        return next((step for step in reversed(steps) if not step.place.is_repeated_check), None)

    @property
    def whole_steps(self) -> list[tuple[RunStep, ...]]:
        """The executed steps of the original program, each with its parts; repeated contact checks are omitted."""
        return parts_together(self.steps)

    @property
    def cycles(self) -> list[Cycle]:
        """The numbers of each cycle, in order, made of the executed steps; the last of an ended run may be a half."""
        whole, still_open = self._cycle_sums
        return [sums.cycle for sums in (whole + still_open if self.run.state.has_ended else whole)]

    @property
    def cycle_sums(self) -> list[CycleSums]:
        """The cycles with the halves that they are made of, also the one that still runs, as far as it has run."""
        whole, still_open = self._cycle_sums
        return whole + still_open

    @cached_property
    def _cycle_sums(self) -> tuple[list[CycleSums], list[CycleSums]]:
        builder = PlacedCycles(self.program.cell, self._begins_with)
        found: list[CycleSums] = []
        for step in self.steps:
            if not step.place.is_repeated_check:
                found += builder.feed(self.cycle_place(step), replace(step.executed, start_s=step.start_s))
        return found, builder.finish()

    def cycle_place(self, step: RunStep) -> CyclePlace:
        """Return the place of a step of the original program among the cycles of the run."""
        if not self.program.segments:
            return self._recorded_places[step.test, step.executed.step_count]
        return CycleNumbers.of(self.as_run).at(step.place.count)

    @property
    def _begins_with(self) -> Direction | None:
        """The direction of the first half-cycle, None without any."""
        if self.program.segments:
            return CycleNumbers.of(self.as_run).begins_with
        return next((place.direction for place in self._recorded_places.values() if place.half), None)

    @cached_property
    def _recorded_places(self) -> dict[tuple[int, int], CyclePlace]:
        imports = Imports(self.store)
        tests = [(test.row.id, imports.places(test.row.id)) for test in self.tests]
        return {(test, count): place for test, found in tests for count, place in found.items()}

    @cached_property
    def spectra(self) -> list[MeasuredSpectrum]:
        """The impedance spectra, in the order measured."""
        rows = self.store.measurements(self.run.run_id)
        if self.program.segments:
            numbers = CycleNumbers.of(self.as_run)
            cycles = {test.row.id: numbers.cycle_before(test.row.segment) for test in self.tests}
        else:
            cycles = {row.test: row.cycle for row in rows}
        read = [found for row in rows if (found := measured_spectrum(self.store, row)) is not None]
        return [replace(spectrum, cycle=cycles[spectrum.test]) for spectrum in read]

    def samples_of(self, steps: Sequence[RunStep]) -> list[Sample]:
        """Return the samples of consecutive steps, or of the parts of one, as if they were one step, in run time."""
        return samples_of(self.store, steps)

    def joined(self, parts: Sequence[RunStep]) -> ExecutedStep:
        """Join the parts of an executed step into one step, in the run's time and numbers."""
        segment = self.program.segments[parts[0].place.segment]
        if not isinstance(segment, CyclingSegment):
            raise TypeError("a measurement has no parts")
        return joined(self.store, segment, parts)

    def chunks(self, names: Sequence[str] = (), rows: int = CHUNK_ROWS) -> Iterator[Columns]:
        """Yield all samples of all tests as columns, in chunks of at most ``rows`` rows; memory holds one at a time.

        ``names`` are some of ``orchestrator.tables.sample_columns.COLUMNS``, all by default. A chunk never spans
        tests.
        """
        from orchestrator.tables.sample_columns import chunks

        for test, steps in self.steps_by_test:
            yield from chunks(self.store, test, steps, names, rows)

    def chunks_of(self, step: RunStep, names: Sequence[str] = (), rows: int = CHUNK_ROWS) -> Iterator[Columns]:
        """Yield the samples of one executed step, or of one part of it, as ``chunks`` does."""
        from orchestrator.tables.sample_columns import chunks

        for test, steps in self.steps_by_test:
            if test.row.id == step.test:
                yield from chunks(self.store, test, steps, names, rows, step)

    def columns(self, *names: str) -> Columns:
        """Return complete columns of all samples: those named, or all."""
        from orchestrator.tables.sample_columns import concatenated

        return concatenated(self.chunks(names), names)

    @cached_property
    def gaps(self) -> list[Gap]:
        """The spans in which the run has no records: between its tests, and where a tester's records were lost."""
        deviations = self.store.deviations(self.run.run_id)
        found: list[Gap] = []
        for before, after in pairwise([None, *self.tests]):
            if after is None:
                continue
            if before is not None:
                began, ended = self._span(before)[1], self._span(after)[0]
                if ended > began:
                    found.append(Gap(after.start_s, began, ended, 0, _overlapping(deviations, began, ended)))
            with explained(self.store.path):
                lost = jumps(self.store.connection, after.row.id)
            for began, ended, time_s, count in lost:
                overlapping = _overlapping(deviations, began, ended)
                found.append(Gap(after.start_s + time_s, began, ended, count, overlapping))
        return found

    @cached_property
    def _measured_spans(self) -> dict[int, tuple[float, float]]:
        rows = self.store.measurements(self.run.run_id)
        return {row.test: (row.started_unix_s, row.ended_unix_s) for row in rows}

    def ended_unix_s(self, test: RunTest) -> float:
        """Return when a test has ended, or its newest record was made, by its instrument's clock."""
        return self._span(test)[1]

    def began_unix_s(self, test: RunTest) -> float:
        """Return when a test began to record, by its instrument's clock."""
        return self._span(test)[0]

    def _span(self, test: RunTest) -> tuple[float, float]:
        """Return when a test began to record and when it ended, by the wall clock."""
        started_s = test.row.started_unix_s
        if test.last is None or test.row.is_measurement:
            return self._measured_spans.get(test.row.id, (started_s, started_s))
        first = next(self.store.samples(test.row.id, limit=1))
        return first.unix_time_s - first.time_s, test.last.unix_time_s


def _overlapping(
    deviations: Sequence[DeviationRow], started_unix_s: float, ended_unix_s: float
) -> tuple[DeviationRow, ...]:
    """Return the deviations that share time with a span; a tester's clock is read to the second."""
    return tuple(
        row
        for row in deviations
        if row.started_unix_s <= ended_unix_s + 1.0
        and (inf if row.ended_unix_s is None else row.ended_unix_s) >= started_unix_s - 1.0
    )
