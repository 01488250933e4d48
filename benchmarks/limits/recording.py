"""Records of healthy tests on the simulated tester, made once and judged again with one thing changed in each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.guards.cells import drawn_cell
from benchmarks.guards.channel import SLICE_S, Judges, SimulatedChannel, segments
from benchmarks.guards.tests_of_cells import KINDS, DrawnTest
from drivers.interfaces import Sample
from orchestrator.judging.limits import Finding
from protocols.loading import load_recipe
from protocols.program import CyclingSegment
from protocols.resolve import resolve

# The models that fit each shipped recipe; the bare ones age, as those of the paper do.
SHIPPED = {
    "li-li-0.2": ("bare-li-li", "coated-li-li"),
    "li-li-0.4": ("bare-li-li", "coated-li-li"),
    "li-li-eis": ("bare-li-li", "coated-li-li"),
    "li-plating-1.0": ("bare-li-li", "coated-li-li"),
    "lfp-200mA-g": ("bare-lfp", "coated-lfp"),
    "li-cu-efficiency": ("bare-li-cu", "conditioned-li-cu"),
    "li-cu-reservoir": ("bare-li-cu", "conditioned-li-cu"),
}
# Kinds of test of sound cells: none in which cells age within days, or are meant to reach a cutoff.
OTHERS = ("GITT", "first charge and formation", "taper", "float", "full cell charged again", "pulses", "rate test",
          "cell of unknown kind")  # fmt: skip
# As many records as a poll brings from a tester that was not asked for a while.
_BLOCK = 100


@dataclass(frozen=True, slots=True)
class Recorded:
    """A healthy test with the records of each of its segments."""

    test: DrawnTest
    segments: tuple[tuple[CyclingSegment, tuple[Sample, ...]], ...]

    @property
    def hours(self) -> float:
        """The test time of all segments."""
        return sum(samples[-1].time_s for _, samples in self.segments if samples) / 3600


def healthy(seed: str, number: int, recipe: str) -> DrawnTest:
    """Draw a healthy cell for a shipped recipe, whole, or for a kind of test of the guards' benchmark."""
    draws = random.Random(f"{seed}/healthy/{recipe}/{number}")
    if recipe not in SHIPPED:
        return KINDS[recipe](recipe, draws)
    models = SHIPPED[recipe]
    cell = drawn_cell(draws, models[number % len(models)])
    return DrawnTest(recipe, resolve(load_recipe(recipe), cell.file), cell)


def record(test: DrawnTest, seed: int) -> tuple[Recorded, list[Finding]]:
    """Run a test; return its records, and what the judges of a run found in them."""
    channel, judges = SimulatedChannel(test, seed), Judges(test)
    made: list[tuple[CyclingSegment, tuple[Sample, ...]]] = []
    found: list[Finding] = []
    for segment in segments(channel, judges):
        kept: list[Sample] = []
        while channel.is_busy:
            channel.now_s += SLICE_S
            samples = channel.samples()
            found += judges.feed(samples)
            kept += samples
        found += judges.finish()
        made.append((segment, tuple(kept)))
    return Recorded(test, tuple(made)), found


def judged(
    recorded: Recorded, changed: Callable[[int, Sequence[Sample]], Sequence[Sample]], block: int = _BLOCK
) -> Iterator[tuple[Sample, Finding]]:
    """Judge records that ``changed`` makes of those of each segment; give findings, with the last record judged."""
    judges = Judges(recorded.test)
    for number, (_, samples) in enumerate(recorded.segments):
        judges.begin()
        shown = changed(number, samples)
        for at in range(0, len(shown), block):
            together = shown[at : at + block]
            for finding in judges.feed(together):
                yield together[-1], finding
        if shown:
            for finding in judges.finish():
                yield shown[-1], finding
        judges.end()
