"""One channel of the simulated tester in its own time, and a run's judges behind it, fed as a run feeds them.

The records are those of the simulated CT-4008, straight from its memory: no service, no wire and no store. They go
the way of ``orchestrator.runs.records``: steps are built and numbered, and judged with the limits and the guards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.guards.tests_of_cells import DrawnTest
from drivers.interfaces import Sample
from drivers.neware.stepfile import write
from orchestrator.judging.limits import Finding, LimitWatch
from orchestrator.judging.steps import StepBuilder
from orchestrator.runs.progress import Progress
from orchestrator.runs.run_guards import RunGuards
from protocols.channel_envelope import ChannelEnvelope, CurrentRange
from protocols.program import CyclingSegment
from simulators.neware.memory import RecordRow
from simulators.neware.schedule import TICKS_PER_S, UnitRatings
from simulators.neware.settings import Quirks
from simulators.neware.stepfile import read_schedule
from simulators.neware.tester import Tester, Unit

CHANNEL = "21-1-1"
_RATINGS = UnitRatings(negative_voltage=True)
ENVELOPE = ChannelEnvelope(-5.0, 5.0, tuple(CurrentRange(0.0, high_a) for high_a in _RATINGS.ranges_a))
# A cell away at the potentiostat rests so long.
_AWAY_S = 3600.0
# The clock goes in slices: a test of several segments has the same times whoever runs it.
SLICE_S = 6 * 3600.0


class SimulatedChannel:
    """A tester with one channel and a cell on it, whose clock is moved by hand; ``now_s`` counts from its start."""

    def __init__(self, test: DrawnTest, seed: int) -> None:
        self.now_s = 0.0
        unit = Unit(channels=1, ratings=_RATINGS)
        self.tester = Tester(lambda: self.now_s, 1_767_571_200, [unit], {CHANNEL: test.cell.build()}, seed, Quirks())
        self._count = 0
        self._first: RecordRow | None = None
        self._step = (0, 0, 0)

    def start(self, segment: CyclingSegment) -> None:
        """Start a segment."""
        schedule = read_schedule(write(segment, "guards", 0.0), _RATINGS)
        if self.tester.start(CHANNEL, schedule, "guards") is None:
            raise ValueError("the simulated channel is busy")
        self._count, self._first, self._step = 0, None, (0, 0, 0)

    @property
    def is_busy(self) -> bool:
        """Whether the segment goes on."""
        return self.tester.channel(CHANNEL).busy

    def samples(self) -> list[Sample]:
        """Give the records made since the last call."""
        test = self.tester.channel(CHANNEL).test(0)
        if test is None:
            return []
        found = [self._sample(row) for row in test.rows(self._count + 1)]
        self._count += len(found)
        return found

    def _sample(self, row: RecordRow) -> Sample:
        if self._first is None:
            self._first = row
        number, count, last_ms = self._step
        if row.step != number or row.step_time_ms < last_ms:
            count += 1
        self._step = row.step, count, row.step_time_ms
        time_s = (row.tick - self._first.tick) / TICKS_PER_S
        return Sample(
            row.seq, time_s, row.step_time_ms / 1000, row.step, count, row.cycle, "", row.voltage_v, row.current_a,
            row.capacity_ah, row.energy_wh, 0.0,
        )  # fmt: skip


class Judges:
    """The judges of a run: limits and guards, fed with the records of one test after the other."""

    def __init__(self, test: DrawnTest) -> None:
        self.progress = Progress.at_start(test.program)
        self._guards = RunGuards(test.program, "check the leads")
        self._before_s = 0.0
        self._limits = LimitWatch(test.program.cycling[0], ENVELOPE)
        self._steps = StepBuilder(test.program.cycling[0])
        # The last record of the present test.
        self.last: Sample | None = None

    def begin(self) -> CyclingSegment:
        """Begin the present segment's test."""
        segment = self.progress.segment
        self.progress = self.progress.with_test()
        self._guards.enter(segment, self._before_s)
        self._limits, self._steps, self.last = LimitWatch(segment, ENVELOPE), StepBuilder(segment), None
        return segment

    def feed(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge records of the present test."""
        if not samples:
            return []
        self.last = samples[-1]
        numbered, _ = self.progress.number(self._steps.feed(samples))
        return self._limits.feed(samples) + self._guards.feed(samples, numbered, self.progress.cycle(self.last))

    def finish(self) -> list[Finding]:
        """Judge the last step of the present test, and what is open at the end of the run."""
        found = self._guards.feed((), self.progress.number(self._steps.finish())[0], 0)
        return found + self._guards.finish() if self.progress.is_in_last else found

    def end(self) -> bool:
        """End the present segment; False where no other follows."""
        self._before_s += self.last.time_s if self.last is not None else 0.0
        self.progress = self.progress.after(self.last).advanced()
        while not self.progress.is_over and self.progress.measurement is not None:
            self.progress = self.progress.advanced()
        return not self.progress.is_over


def segments(channel: SimulatedChannel, judges: Judges) -> Iterator[CyclingSegment]:
    """Start each segment of a test in turn, with an hour between two of them."""
    while True:
        segment = judges.begin()
        channel.start(segment)
        yield segment
        if not judges.end():
            return
        channel.now_s += _AWAY_S
