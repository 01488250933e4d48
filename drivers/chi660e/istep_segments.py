"""Cycling on the potentiostat: a segment of constant currents and rests becomes a few ISTEP measurements, and samples.

ISTEP runs at most 12 steps of 10000 s, in cycles (reference chi660e, sections 6 and 7). Three things differ from a
battery tester. A voltage cutoff ends the whole measurement instead of the step, so the last trace may be short. Between
two measurements the cell is open for the seconds that the program needs to start, which count in no sample's time. A
rest is a current of zero, of which it is not known whether the cell is open.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from drivers.chi660e import current_rebuilding as rebuilding
from drivers.chi660e.macro import ISTEP_STEPS
from drivers.errors import CannotRun
from drivers.interfaces import Sample, Trace
from protocols.execution_order import Block, Leaf, Node, Place, flow, nest
from protocols.program import CyclingSegment, Record
from protocols.program_steps import longest
from protocols.techniques import CurrentStep, CurrentSteps

_LONGEST_S = 10_000.0
_CYCLES_MAX = 10_000
_SLOWEST_S = 1.0
# Below the program's data length of 256 K rows.
POINTS_MAX = 200_000
# No measurement lasts longer.
LONGEST_S = POINTS_MAX * _SLOWEST_S
_JOBS_MAX = 1000


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a step that ISTEP can carry out; ``begins`` with the first part of each."""

    step: CurrentStep
    begins: bool
    interval_s: float
    high_v: float | None = None
    low_v: float | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """A measurement, with the pieces of one of its cycles. A part of a loop is not ``joined`` with its neighbours."""

    pieces: tuple[_Piece, ...]
    cycles: int = 1
    joined: bool = True

    @property
    def interval_s(self) -> float:
        return self.pieces[0].interval_s

    @property
    def points(self) -> float:
        """Rows of one cycle."""
        return math.fsum(piece.step.duration_s for piece in self.pieces) / self.interval_s


def as_current_steps(segment: CyclingSegment, cycles_per_job: int = _CYCLES_MAX) -> list[CurrentSteps]:
    """Return the measurements that carry out a segment one after the other, ended early by a cutoff of any step.

    Limits are the cutoffs, of charging steps above and of discharging ones below, where there are none the segment's
    limits for the tester. Rows are at least one a second, whatever the segment records. A measurement has at most
    ``cycles_per_job`` passes of a loop. Raises CannotRun.
    """
    return [_technique(job, segment) for job in _plan(segment, cycles_per_job)]


def _technique(job: _Job, segment: CyclingSegment) -> CurrentSteps:
    high = next((piece.high_v for piece in job.pieces if piece.high_v is not None), segment.limits.tester.high_v)
    low = next((piece.low_v for piece in job.pieces if piece.low_v is not None), segment.limits.tester.low_v)
    return CurrentSteps(tuple(piece.step for piece in job.pieces), high, low, job.cycles, job.interval_s)


def _plan(segment: CyclingSegment, cycles_per_job: int) -> list[_Job]:
    try:
        nodes = nest(segment.steps)
    except ValueError as err:
        raise CannotRun(f"the loops cannot be carried out: {err}") from err
    jobs = list(_joined(_jobs(nodes, segment.record, cycles_per_job)))
    if not jobs:
        raise CannotRun("the segment has no steps")
    return jobs


def _jobs(nodes: Sequence[Node], record: Record, cycles_per_job: int) -> Iterator[_Job]:
    """Return a job for each piece and each loop that fits; loops that do not are unrolled."""
    count = 0
    for node in nodes:
        for job in (
            [_Job((piece,)) for piece in _pieces(node, record)]
            if isinstance(node, Leaf)
            else _looped(node, record, cycles_per_job)
        ):
            count += 1
            if count > _JOBS_MAX * ISTEP_STEPS:
                raise CannotRun("the loops do not fit into ISTEP's twelve steps, and unrolled they are too many")
            yield job


def _looped(block: Block, record: Record, cycles_per_job: int) -> Iterator[_Job]:
    flat = tuple(_flat(block.body, record))
    one = _Job(flat[:ISTEP_STEPS])
    if len(flat) > ISTEP_STEPS or not all(_fit(a, b) for a in flat for b in flat) or one.points > POINTS_MAX:
        for _ in range(block.times):
            yield from _jobs(block.body, record, cycles_per_job)
        return
    most = max(1, min(_CYCLES_MAX, cycles_per_job, int(POINTS_MAX / one.points)))
    for begun in range(0, block.times, most):
        yield replace(one, cycles=min(most, block.times - begun), joined=block.times <= most)


def _flat(nodes: Iterable[Node], record: Record) -> Iterator[_Piece]:
    """Return the pieces of nodes, inner loops unrolled, and one more than fits at most."""
    count = 0
    for node in nodes:
        inner = _pieces(node, record) if isinstance(node, Leaf) else _unrolled(node, record)
        for piece in inner:
            yield piece
            count += 1
            if count > ISTEP_STEPS:
                return


def _unrolled(block: Block, record: Record) -> Iterator[_Piece]:
    for _ in range(block.times):
        yield from _flat(block.body, record)


def _joined(jobs: Iterable[_Job]) -> Iterator[_Job]:
    """Join neighbours that are carried out once, as far as they fit into one measurement."""
    open_job: _Job | None = None
    for job in jobs:
        if open_job is not None and _join(open_job, job):
            open_job = replace(open_job, pieces=open_job.pieces + job.pieces)
            continue
        if open_job is not None:
            yield open_job
        open_job = job
    if open_job is not None:
        yield open_job


def _join(first: _Job, second: _Job) -> bool:
    return (
        first.joined
        and second.joined
        and first.cycles == second.cycles == 1
        and len(first.pieces) + len(second.pieces) <= ISTEP_STEPS
        and first.points + second.points <= POINTS_MAX
        and all(_fit(a, b) for a in first.pieces for b in second.pieces)
    )


def _fit(first: _Piece, second: _Piece) -> bool:
    """Return whether two pieces can share interval and limits: two currents of one direction need the same cutoff."""
    if first.interval_s != second.interval_s:
        return False
    if first.step.current_a > 0 and second.step.current_a > 0:
        return first.high_v == second.high_v
    if first.step.current_a < 0 and second.step.current_a < 0:
        return first.low_v == second.low_v
    return True


def _pieces(leaf: Leaf, record: Record) -> list[_Piece]:
    current_a, duration_s, cutoff_v = _ends(leaf)
    every_s = (leaf.step.record or record).every_s
    duration_s = round(duration_s, 3) or duration_s
    interval_s = min(_SLOWEST_S, every_s or _SLOWEST_S, duration_s)
    parts = max(1, math.ceil(duration_s / min(_LONGEST_S, POINTS_MAX * interval_s) - 1e-9))
    step = CurrentStep(current_a, duration_s / parts)
    # The last row falls on the step's end, which shows that its time or charge was reached.
    interval_s = round(step.duration_s / math.ceil(step.duration_s / interval_s - 1e-6), 9)
    high = cutoff_v if current_a > 0 else None
    low = cutoff_v if current_a < 0 else None
    return [_Piece(step, part == 0, interval_s, high, low) for part in range(parts)]


def _ends(leaf: Leaf) -> tuple[float, float, float | None]:
    """Return current, duration and cutoff of a step. Raises CannotRun for one that ISTEP cannot do."""
    step, number = leaf.step, leaf.number
    current_a = step.constant_a
    if current_a is None:
        raise CannotRun(f"step {number}: a potentiostat cycles with constant currents and rests, not {step.kind}")
    time_s, capacity_ah = longest(step)
    if step.direction is None:
        if step.until.time_s is None:
            raise CannotRun(f"step {number}: a rest needs a time")
        return current_a, time_s, None
    if step.until.current_a is not None:
        raise CannotRun(f"step {number}: a constant current cannot end at a current")
    if step.until.time_s is None and step.until.capacity_ah is None:
        raise CannotRun(f"step {number}: it ends at a voltage only, and that would end the whole measurement")
    return current_a, min(time_s, capacity_ah * 3600 / abs(current_a)), step.target_v


def samples_of(
    segment: CyclingSegment, jobs: Sequence[CurrentSteps], traces: Sequence[Trace], started_unix_s: Sequence[float] = ()
) -> list[Sample]:
    """Return the samples of a segment from the traces of its measurements, numbered as the program's steps are.

    ``jobs`` are those of ``as_current_steps``, whatever its cycles per job; there may be fewer traces, of which only
    the last may have ended early. ``started_unix_s`` are the starts of the measurements; without them the samples'
    clock is NaN.
    """
    writer = SegmentSamples(segment, max((job.cycles for job in jobs), default=_CYCLES_MAX))
    if list(writer.jobs) != list(jobs) or len(traces) > len(jobs):
        raise ValueError("these are not the measurements of this segment")
    starts = started_unix_s or (math.nan,) * len(traces)
    return [sample for trace, start in zip(traces, starts, strict=True) for sample in writer.add(trace, start)]


class SegmentSamples:
    """Turns the traces of a segment's measurements into samples, as one measurement after the other is made.

    Capacity is current times time, energy follows the voltage between rows. ``jobs`` are what is to be measured,
    ``steps`` the segment's.
    """

    def __init__(self, segment: CyclingSegment, cycles_per_job: int = _CYCLES_MAX) -> None:
        """Begin at the segment's first step. Raises CannotRun for one that ISTEP cannot carry out."""
        plan, self.steps = _plan(segment, cycles_per_job), segment.steps
        self.jobs = tuple(_technique(job, segment) for job in plan)
        self._to_come = iter(zip(plan, self.jobs, strict=True))
        self._samples: list[Sample] = []
        self._sequence = 0
        self._places = flow(segment.steps)
        self._place = Place(0, 0)
        self._step_count = 0
        self._job_begun_s = self._step_begun_s = 0.0
        self._last: tuple[float, float] | None = None  # time and voltage of the row before, in the same step
        self._energy_wh = 0.0

    def add(self, trace: Trace, started_unix_s: float = math.nan) -> list[Sample]:
        """Return the samples of the next measurement's rows; after one that ended early there is no next."""
        job, technique = next(self._to_come)
        self._samples = []
        ends = rebuilding.step_ends(technique)
        begins = (0.0, *ends[:-1])
        done = -1  # the number of the piece of the row before, through all cycles
        rows = zip(trace.time_s, trace.voltage_v, trace.current_a, strict=True)
        for row, (cycle, step) in zip(rows, rebuilding.steps_at(technique, trace.time_s), strict=True):
            now = cycle * len(ends) + step
            for piece in range(done + 1, now + 1):
                cycle_of, step_of = divmod(piece, len(ends))
                self._enter(job.pieces[step_of], self._job_begun_s + cycle_of * ends[-1] + begins[step_of])
            done = now
            self._write(*row, started_unix_s)
        self._job_begun_s += technique.cycles * ends[-1]
        for piece in range(done + 1, technique.cycles * len(ends)):
            self._enter(job.pieces[piece % len(ends)], self._job_begun_s)
        return self._samples

    def _enter(self, piece: _Piece, begun_s: float) -> None:
        if not piece.begins:
            return
        self._place = next(self._places)
        self._step_count += 1
        self._step_begun_s, self._last, self._energy_wh = begun_s, None, 0.0

    def _write(self, time_s: float, voltage_v: float, current_a: float, started_unix_s: float) -> None:
        whole_s = self._job_begun_s + time_s
        before_s, before_v = self._last or (self._step_begun_s, voltage_v)
        mean_v = abs(before_v + voltage_v) / 2
        self._energy_wh += mean_v * abs(current_a) * (whole_s - before_s) / 3600
        self._last = whole_s, voltage_v
        step_s = whole_s - self._step_begun_s
        self._sequence += 1
        self._samples.append(
            Sample(
                sequence=self._sequence,
                time_s=whole_s,
                step_time_s=step_s,
                step=self._place.step,
                step_count=self._step_count,
                tester_cycle=self._place.cycle,
                mode="rest" if current_a == 0 else "cc" if current_a > 0 else "dc",
                voltage_v=voltage_v,
                current_a=current_a,
                capacity_ah=abs(current_a) * step_s / 3600,
                energy_wh=self._energy_wh,
                unix_time_s=started_unix_s + time_s,
            )
        )
