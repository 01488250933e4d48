"""Records per second of the whole path: simulated tester, XML, driver, durable commit, judgement, in virtual time.

Eight channels record every second and are polled when each has almost a block; then the same rows go through the
codecs and commits alone (``benchmarks.bare_codecs``), by turns. What the alone loop leaves out, the model and the step
machine included, counts against the whole path.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.bare_codecs import Bare
from benchmarks.figures import Aim, Figure, Size
from benchmarks.programs import BLOCK_SIZE, CELL, CHANNELS, add_test, seconds_program
from benchmarks.time_shares import CELLS, by_part
from drivers.interfaces import Sample
from orchestrator.bench.simulated import SimulatedRack, open_simulated_rack
from orchestrator.clock.virtual import run_virtual
from orchestrator.events import Bus, RunUpdate, Told
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import open_store
from protocols.program import Program
from simulators.bench import SimulatedBench

# A little under a block of 1,000, so that one download a channel and poll brings everything.
_POLL_PERIOD_S = 980.0


@dataclass
class Ticks:
    """A listener that notes how many records each poll brought, by channel."""

    counts: list[dict[str, int]] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict)

    async def __call__(self, update: Told) -> None:
        """Take a run's update; a channel that comes again begins a new poll."""
        if not isinstance(update, RunUpdate):
            return
        if not self.counts or update.channel in self.counts[-1]:
            self.counts.append({})
        self.counts[-1][update.channel] = update.samples - self._seen.get(update.channel, 0)
        self._seen[update.channel] = update.samples


@dataclass(frozen=True, slots=True)
class Whole:
    """What the whole path did: seconds, rows, and what is needed to do the same rows again."""

    seconds: float
    rows: int
    ticks: list[dict[str, int]]
    test_ids: dict[str, int]
    bench: SimulatedBench
    shares: dict[str, float]

    @property
    def cells(self) -> float:
        """Give the share of the simulated cells and step machines: the part that is no work at a real rack."""
        return self.shares[CELLS]


def measure(size: Size) -> list[Figure]:
    """Run both by turns and keep the fastest of each: other work on the machine only ever adds time."""
    program = seconds_program(size.of(3, 2, 1))
    turns = []
    for _ in range(size.of(5, 2, 1)):
        whole = _whole(program)
        turns.append((whole, _alone(program, whole)))
    best = min((whole for whole, _ in turns), key=lambda whole: whole.seconds)
    alone = min((alone for _, alone in turns), key=lambda alone: alone.total_s)
    rows = best.rows
    ratios = [alone.total_s / whole.seconds for whole, alone in turns]
    return [
        Figure("records in each turn", rows, "records"),
        Figure("whole path, fastest turn", rows / best.seconds, "records/s", Aim(40_000, at_most=False)),
        Figure("whole path, median turn", rows / median(whole.seconds for whole, _ in turns), "records/s"),
        Figure("codecs and commits alone, fastest turn", rows / alone.total_s, "records/s"),
        Figure("whole / alone, fastest turns", alone.total_s / best.seconds, "x", Aim(0.7, at_most=False)),
        Figure("whole / alone, median of turns", median(ratios), "x"),
        Figure("whole less cells and step machines / alone", alone.total_s / (best.seconds * (1 - best.cells)), "x"),
        Figure("codecs alone", rows / (alone.format_s + alone.parse_s), "records/s"),
        Figure("commits alone (bare executemany)", rows / alone.commit_s, "records/s"),
        *(Figure(f"time: {part}", 100 * share, "%") for part, share in best.shares.items()),
    ]


def _whole(program: Program) -> Whole:
    """Run the program on all channels through the supervisor, into a fresh store."""
    ticks = Ticks()
    with tempfile.TemporaryDirectory() as folder, by_part() as parts:
        began = time.perf_counter()
        updates, bench = run_virtual(_supervise(program, Path(folder) / "whole.db", ticks))
        seconds = time.perf_counter() - began
    assert all(update.state is RunState.COMPLETED for update in updates), [update.reason for update in updates]
    assert all(count <= BLOCK_SIZE for tick in ticks.counts for count in tick.values()), (
        "a poll brought more than a block"
    )
    latest = {channel: bench.tester.channel(channel).test(0) for channel in CHANNELS}
    test_ids = {channel: test.test_id for channel, test in latest.items() if test is not None}
    return Whole(
        seconds, sum(update.samples for update in updates), ticks.counts, test_ids, bench, parts.shares(seconds)
    )


async def _supervise(program: Program, path: Path, ticks: Ticks) -> tuple[list[RunUpdate], SimulatedBench]:
    rack = SimulatedRack(dict.fromkeys(CHANNELS, CELL), poll_period_s=_POLL_PERIOD_S)
    with open_store(path) as store:
        async with open_simulated_rack(rack) as (tester, bench):
            requests = [RunRequest(program, channel, channel) for channel in CHANNELS]
            runs = await Supervisor(store, tester, Bus([ticks])).run(requests)
            return [run.update() for run in runs], bench


def _alone(program: Program, whole: Whole) -> Bare:
    """Send the same rows, in the same blocks and ticks, through codecs and commits alone."""
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "alone.db") as store:
        tests = {channel: add_test(store, program, channel) for channel in whole.test_ids}
        bare = Bare(whole.bench, store)
        last: dict[str, Sample] = {}
        for tick in whole.ticks:
            batches = {}
            for channel, count in tick.items():
                if count:
                    samples = bare.fetch(channel, whole.test_ids[channel], last.get(channel), count)
                    batches[tests[channel]] = samples
                    last[channel] = samples[-1]
            if batches:
                bare.commit(batches)
        assert sum(store.sample_count(test) for test in tests.values()) == whole.rows
    return bare
