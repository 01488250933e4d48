"""Records per second of the whole path: simulated tester, XML, driver, durable commit, judgement, in virtual time.

Eight channels record every second and are polled when each has almost a block; then the same rows go through the
codecs and commits alone (`benchmarks.bare`), by turns. What the alone loop leaves out, the model and the step machine
included, counts against the whole path.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.bare import Bare
from benchmarks.figures import Aim, Figure
from benchmarks.parts import by_part
from benchmarks.rack import CELL, CHANNELS, add_test, seconds_program
from drivers.interfaces import Sample
from orchestrator.bench import SimulatedRack, open_simulated_rack
from orchestrator.events import RunUpdate
from orchestrator.run import BLOCK, Run, RunRequest
from orchestrator.states import RunState
from orchestrator.store import open_store
from orchestrator.supervisor import Supervisor
from orchestrator.virtual_time import run_virtual
from protocols.program import Program
from simulators.bench import SimulatedBench

# A little under a block of 1,000, so that one download a channel and poll brings everything.
_POLL_PERIOD_S = 980.0


@dataclass
class Ticks:
    """A subscriber that notes how many records each poll brought, by channel."""

    counts: list[dict[str, int]] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict)

    def __call__(self, update: RunUpdate) -> None:
        """Take a run's update; a channel that comes again begins a new poll."""
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


def measure(quick: bool) -> list[Figure]:
    """Run both by turns, then once more with every part timed."""
    program = seconds_program(2 if quick else 4)
    turns = []
    for _ in range(1 if quick else 3):
        whole = _whole(program)
        turns.append((whole, _alone(program, whole)))
    with by_part() as parts:
        timed = _whole(program)
    rows = timed.rows
    whole_s = median(whole.seconds for whole, _ in turns)
    alone_s = median(alone.total_s for _, alone in turns)
    ratio = median(alone.total_s / whole.seconds for whole, alone in turns)
    codecs_s = median(alone.format_s + alone.parse_s for _, alone in turns)
    commits_s = median(alone.commit_s for _, alone in turns)
    shares = parts.shares(timed.seconds)
    return [
        Figure("records in each turn", rows, "records"),
        Figure("whole path", rows / whole_s, "records/s", Aim(40_000, at_most=False)),
        Figure("codecs and commits alone", rows / alone_s, "records/s"),
        Figure("whole path / codecs and commits alone", ratio, "x", Aim(0.7, at_most=False)),
        Figure("codecs alone", rows / codecs_s, "records/s"),
        Figure("commits alone (bare executemany)", rows / commits_s, "records/s"),
        *(Figure(f"time: {part}", 100 * share, "%") for part, share in shares.items()),
    ]


def _whole(program: Program) -> Whole:
    """Run the program on all channels through the supervisor, into a fresh store."""
    ticks = Ticks()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        runs, bench = run_virtual(_supervise(program, Path(folder) / "whole.db", ticks))
        seconds = time.perf_counter() - began
    assert all(run.state is RunState.COMPLETED for run in runs), [run.reason for run in runs]
    assert all(count <= BLOCK for tick in ticks.counts for count in tick.values()), "a poll brought more than a block"
    test_ids = {run.identity.channel: run.identity.test_id for run in runs if run.identity is not None}
    return Whole(seconds, sum(run.samples for run in runs), ticks.counts, test_ids, bench)


async def _supervise(program: Program, path: Path, ticks: Ticks) -> tuple[list[Run], SimulatedBench]:
    rack = SimulatedRack(dict.fromkeys(CHANNELS, CELL), poll_period_s=_POLL_PERIOD_S)
    with open_store(path) as store:
        async with open_simulated_rack(rack) as (tester, bench):
            requests = [RunRequest(program, channel, channel) for channel in CHANNELS]
            return await Supervisor(store, tester, [ticks]).run(requests), bench


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
