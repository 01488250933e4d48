"""One recipe gives one step table on every instrument that can run it, within the tolerance that the manual states."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drivers.interfaces import BatteryTester, ChannelState, EndReason, Sample
from drivers.smu import SmuModel
from orchestrator.judging.steps import ExecutedStep, StepBuilder
from protocols.program import Ceiling, ConstantCurrent, CyclingSegment, Record, Rest, Until
from simulators.smu import Quirks
from tests.cycler_rig import CHI, open_cycler_rig
from tests.rig import CHANNEL, li_li_program, open_rig
from tests.smu_rig import smu_rig
from tests.stepped_rig import FULL, SLOW, segment

MANUAL = Path(__file__).parents[1] / "docs" / "source-meters.md"
CYCLER, POTENTIOSTAT = "CT-4008", "CHI660E"
NAMES = {
    SmuModel.KEITHLEY_2400: "Keithley 2400",
    SmuModel.KEITHLEY_2450: "Keithley 2450",
    SmuModel.KEITHLEY_2460: "Keithley 2460",
    SmuModel.KEYSIGHT_B2901A: "Keysight B2901A",
}
OTHERS = [POTENTIOSTAT, *NAMES.values()]
RECORD_S = 5.0
# So fast the voltage moves at a cutoff is seen in the last seconds of a step.
LAST_S = 10.0


@dataclass(frozen=True)
class Accuracy:
    """A row of the manual's table: the last moment of a step in seconds, and part and offset of each quantity."""

    end_s: float
    symmetric_v: tuple[float, float]
    full_v: tuple[float, float]
    held_a: tuple[float, float]
    limited_a: tuple[float, float]


@dataclass(frozen=True)
class Table:
    """The executed steps of a cell's tests, one after another, with the samples of each step."""

    steps: list[ExecutedStep]
    samples: list[list[Sample]]


def stated() -> dict[str, Accuracy]:
    """Read the manual's table."""
    found = {}
    for line in MANUAL.read_text(encoding="utf-8").splitlines():
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if name in (CYCLER, *OTHERS) and len(cells) == 5:
            pairs = [re.fullmatch(r"(?:([\d.]+) % \+ )?([\d.]+) (mV|µA)", cell) for cell in cells[1:]]
            units = {"mV": 1e-3, "µA": 1e-6}
            values = [(float(it[1] or 0.0) / 100, float(it[2]) * units[it[3]]) for it in pairs if it]
            found[name] = Accuracy(float(cells[0].removesuffix(" s")), *values)
    return found


@asynccontextmanager
async def opened(name: str, cell: str) -> AsyncIterator[tuple[BatteryTester, str]]:
    """Open an instrument with a cell; a source meter lies anywhere within its accuracy."""
    if name == CYCLER:
        async with open_rig(cells={CHANNEL: cell}) as rig:
            yield rig.tester, CHANNEL
    elif name == POTENTIOSTAT:
        async with open_cycler_rig(cells={CHANNEL: cell}) as cycler:
            yield cycler.cycler, CHI
    else:
        (model,) = [model for model, its in NAMES.items() if its == name]
        async with smu_rig(model, cell, Quirks(error_scale=2.0), SLOW).tester() as tester:
            yield tester, tester.channels()[0]


async def table_of(name: str, cell: str, tests: list[CyclingSegment]) -> Table:
    """Run segments one after another on one cell; give its executed steps as they are stored."""
    found = Table([], [])
    async with opened(name, cell) as (tester, channel):
        for number, made in enumerate(tests, 1):
            identity = await tester.start(await tester.load(channel, made, f"R{number:06}"), f"R{number:06}")
            while (status := (await tester.status([channel]))[channel]).state is ChannelState.WORKING:  # noqa: ASYNC110 -- as a host does
                await asyncio.sleep(20.0)
            # A potentiostat goes on after no limit: there a test ends with its first cutoff.
            assert status.state in {ChannelState.FINISHED, ChannelState.PROTECTED}, status.detail
            samples: list[Sample] = []
            while left := await tester.record_count(identity) - len(samples):
                last = samples[-1] if samples else None
                samples += await tester.records(identity, last, min(left, tester.traits.block_size))
            steps = StepBuilder(made)
            found.steps.extend([*steps.feed(samples), *steps.finish()])
            counts = sorted({sample.step_count for sample in samples})
            found.samples.extend([sample for sample in samples if sample.step_count == count] for count in counts)
    return found


def assert_same(name: str, found: Table, expected: Table, *, is_full: bool) -> None:
    """Compare a table with that of the cycler: no more apart than both instruments may be off."""
    both = [stated()[CYCLER], stated()[name]]
    # What the steps to a cutoff before it have left in the cell, or not.
    before_ah = 0.0
    places = [(step.step, step.tester_cycle) for step in expected.steps]
    assert [(step.step, step.tester_cycle) for step in found.steps] == places
    for ours, theirs, samples in zip(found.steps, expected.steps, expected.samples, strict=True):
        is_cutoff = theirs.end_reason is EndReason.VOLTAGE
        # The last row of a potentiostat lies before the cutoff, by a row.
        assert ours.end_reason is theirs.end_reason or (is_cutoff and name == POTENTIOSTAT)
        current_a = abs(samples[-1].current_a)
        largest_v = max(abs(sample.voltage_v) for sample in samples)
        part_v = [it.full_v if is_full else it.symmetric_v for it in both]
        part_a = [it.limited_a if is_full else it.held_a for it in both]
        off_v = sum(part * largest_v + offset for part, offset in part_v)
        off_a = sum(part * current_a + offset for part, offset in part_a)
        off_s = sum(it.end_s for it in both)
        if is_cutoff:
            first, last = next(it for it in samples if it.step_time_s >= theirs.duration_s - LAST_S), samples[-1]
            slope = abs(last.voltage_v - first.voltage_v) / (last.step_time_s - first.step_time_s)
            off_s += off_v / slope + before_ah * 3600 / current_a
            before_ah = current_a * off_s / 3600
            off_s += theirs.duration_s * off_a / current_a
        assert ours.duration_s == pytest.approx(theirs.duration_s, abs=off_s)
        off_ah = (theirs.duration_s * off_a + current_a * off_s) / 3600
        assert ours.capacity_ah == pytest.approx(theirs.capacity_ah, abs=off_ah)
        assert ours.energy_wh == pytest.approx(theirs.energy_wh, abs=off_ah * largest_v + theirs.capacity_ah * off_v)
        if theirs.mean_voltage_v is not None:
            assert ours.mean_voltage_v is not None
            # Records begin and end up to one of their intervals apart.
            span_v = max(it.voltage_v for it in samples) - min(it.voltage_v for it in samples)
            off_v += span_v * RECORD_S / theirs.duration_s
            assert ours.mean_voltage_v == pytest.approx(theirs.mean_voltage_v, abs=off_v)


@pytest.mark.parametrize("name", OTHERS)
async def test_lithium_symmetric_cell(name: str) -> None:
    """Contact check, rest and cycles of a Li/Li recipe: each step ends by its time."""
    (made,) = li_li_program(cycles=2, half_cycle_s=60.0).cycling
    steps = tuple(Rest(Until(time_s=60.0)) if isinstance(step, Rest) else step for step in made.steps)
    tests = [replace(made, steps=steps, record=Record(every_s=RECORD_S))]
    expected = await table_of(CYCLER, "coated-li-li", tests)
    assert len(expected.steps) == 7
    assert_same(name, await table_of(name, "coated-li-li", tests), expected, is_full=False)


@pytest.mark.parametrize("name", OTHERS)
async def test_full_cell_between_its_cutoffs(name: str) -> None:
    """An LFP cell charged to one cutoff, at rest, discharged to the other: two tests, because of the potentiostat."""
    most = Ceiling(capacity_ah=1e-3)
    charge = ConstantCurrent(9e-4, Until(voltage_v=3.8, time_s=7200.0), most)
    discharge = ConstantCurrent(-9e-4, Until(voltage_v=2.5, time_s=7200.0), most)
    both = segment(charge, limits=FULL), segment(Rest(Until(time_s=60.0)), discharge, limits=FULL)
    tests = [replace(made, record=Record(every_s=RECORD_S)) for made in both]
    expected = await table_of(CYCLER, "bare-lfp", tests)
    assert [step.end_reason for step in expected.steps] == [EndReason.VOLTAGE, EndReason.TIME, EndReason.VOLTAGE]
    assert_same(name, await table_of(name, "bare-lfp", tests), expected, is_full=True)
