"""One recipe gives one step table, whichever kind of instrument carries it out."""

from __future__ import annotations

import asyncio

import pytest

from drivers.interfaces import BatteryTester, ChannelState, Sample
from drivers.smu import SmuModel
from orchestrator.judging.steps import ExecutedStep, StepBuilder
from protocols.program import Ceiling, ConstantCurrent, CyclingSegment, Rest, Until
from tests.cycler_rig import CHI, open_cycler_rig
from tests.rig import CHANNEL, li_li_program, open_rig
from tests.smu_rig import smu_rig
from tests.stepped_rig import FULL, SLOW, segment

# What a step may differ by: a reading of a source meter takes up to 0.1 s, and a CHI660E rounds times and currents.
DURATION_S, CHARGE_PART, MEAN_V = 0.1, 0.01, 0.003


async def table_of(tester: BatteryTester, channel: str, made: CyclingSegment) -> list[ExecutedStep]:
    """Run a segment to its end; give its executed steps as they are stored."""
    identity = await tester.start(await tester.load(channel, made, "R000001"), "R000001")
    while (status := (await tester.status([channel]))[channel]).state is ChannelState.WORKING:  # noqa: ASYNC110 -- as a host does
        await asyncio.sleep(30.0)
    assert status.state is ChannelState.FINISHED, status.detail
    samples: list[Sample] = []
    count, size = await tester.record_count(identity), tester.traits.block_size
    while left := count - len(samples):
        samples += await tester.records(identity, samples[-1] if samples else None, min(left, size))
    steps = StepBuilder(made)
    return [*steps.feed(samples), *steps.finish()]


def assert_same(found: list[ExecutedStep], expected: list[ExecutedStep]) -> None:
    """Compare two tables within the tolerance."""
    places = [(step.step, step.tester_cycle, step.end_reason) for step in expected]
    assert [(step.step, step.tester_cycle, step.end_reason) for step in found] == places
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.duration_s == pytest.approx(theirs.duration_s, abs=DURATION_S)
        late_ah = theirs.capacity_ah / theirs.duration_s * DURATION_S
        assert abs(ours.capacity_ah - theirs.capacity_ah) <= CHARGE_PART * theirs.capacity_ah + late_ah + 1e-9
        if theirs.mean_voltage_v is not None and theirs.capacity_ah > 1e-8:
            assert ours.mean_voltage_v == pytest.approx(theirs.mean_voltage_v, abs=MEAN_V)


async def test_lithium_symmetric_cell() -> None:
    """A Li/Li recipe on a CT-4008, a CHI660E and source meters: contact check, rest and cycles are the same."""
    (made,) = li_li_program(cycles=2, half_cycle_s=120.0).cycling
    async with open_rig() as rig:
        expected = await table_of(rig.tester, CHANNEL, made)
    async with open_cycler_rig() as cycler:
        assert_same(await table_of(cycler.cycler, CHI, made), expected)
    for model in (SmuModel.KEITHLEY_2450, SmuModel.KEITHLEY_2400):
        async with smu_rig(model, more=SLOW).tester() as tester:
            assert_same(await table_of(tester, tester.channels()[0], made), expected)


async def test_full_cell_between_its_cutoffs() -> None:
    """An LFP cell from cutoff to cutoff on a CT-4008 and a source meter: each step ends by voltage, at one charge."""
    most = Ceiling(time_s=7200.0, capacity_ah=1e-3)
    made = segment(
        ConstantCurrent(9e-4, Until(voltage_v=3.8), most),
        Rest(Until(time_s=300.0)),
        ConstantCurrent(-9e-4, Until(voltage_v=2.5), most),
        limits=FULL,
    )
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig:
        expected = await table_of(rig.tester, CHANNEL, made)
    async with smu_rig(cell="bare-lfp", more=SLOW).tester() as tester:
        found = await table_of(tester, tester.channels()[0], made)
    # The current of a source at its limit is right to 2 %: times differ by as much, and charges with the rate.
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.end_reason is theirs.end_reason
        assert ours.duration_s == pytest.approx(theirs.duration_s, rel=0.03)
        assert ours.capacity_ah == pytest.approx(theirs.capacity_ah, rel=0.02, abs=1e-9)
