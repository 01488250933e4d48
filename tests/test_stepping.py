"""A stepped tester carries out segments on sources: which order for which step, its ends, its records, its looks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from pydantic import ValidationError

from drivers.errors import CannotRun, RecordsLost
from drivers.interfaces import ChannelState, EndReason, HostLoss, Sample
from drivers.memory import Memory
from drivers.stepping.drives import SegmentDrives, keeps_preparation
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.checks import CheckName, Outcome
from orchestrator.judging.steps import end_reason
from orchestrator.measuring import tester_off
from orchestrator.preflight.common import program_checks
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols import CellKind
from protocols.current_sign import Direction
from protocols.program import (
    CcCv,
    CellFacts,
    ConstantCurrent,
    ConstantVoltage,
    CyclingSegment,
    Loop,
    Program,
    Record,
    Rest,
    Until,
    VoltageBand,
)
from protocols.usual_bands import BANDS
from tests.memory_source import Capacitor
from tests.rig import li_li_program
from tests.stepped_rig import (
    CEILING,
    FULL,
    LFP,
    LI_LI,
    SLOW,
    SOURCE,
    MemorySettings,
    SteppedRig,
    open_stepped_rig,
    segment,
)


async def ends(rig: SteppedRig, made: CyclingSegment) -> list[tuple[EndReason, float]]:
    """Run a segment; give why each step ended by its last record, and the voltage there."""
    identity = await rig.start(made)
    status = await rig.over()
    assert status.state is ChannelState.FINISHED, status.detail
    records = await rig.records(identity)
    lasts = [records[row.last_sequence - 1] for row in await rig.tester.step_log(identity)]
    return [(end_reason(made, last), last.voltage_v) for last in lasts]


@pytest.mark.parametrize("offset_v", [0.0, 0.004, -0.004])
async def test_full_cell_is_driven_by_a_voltage_source_at_its_cutoffs(offset_v: float) -> None:
    """The instrument itself never passes a cutoff, and the measured voltage ends the step although it differs."""
    made = segment(
        ConstantCurrent(9e-4, Until(voltage_v=3.8), CEILING),
        ConstantCurrent(-9e-4, Until(voltage_v=2.5), CEILING),
        limits=FULL,
    )
    async with open_stepped_rig(LFP, **SLOW) as rig:
        rig.source.wire.offset_v = offset_v
        (charged, high_v), (discharged, low_v) = await ends(rig, made)
        assert (charged, discharged) == (EndReason.VOLTAGE, EndReason.VOLTAGE)
        assert abs(high_v - 3.8) < 0.001
        assert abs(low_v - 2.5) < 0.001
        assert rig.source.most_v <= 3.8 - offset_v + 0.001
        assert rig.source.least_v >= 2.5 - offset_v - 0.001
        # One preparation for both: the same function and ranges.
        assert rig.source.log.count("prepare voltage") == 1


async def test_cell_around_zero_is_driven_by_a_current_source() -> None:
    """Half-cycles of a Li/Li cell change the level of one preparation; its limit is above the cell's voltage."""
    made = segment(
        ConstantCurrent(1.5e-4, Until(time_s=30.0), CEILING),
        ConstantCurrent(-1.5e-4, Until(time_s=30.0), CEILING),
        Rest(Until(time_s=10.0)),
        Loop(1, 3),
    )
    async with open_stepped_rig() as rig:
        await ends(rig, made)
        # The look before the start, and one switching on for all nine steps.
        assert rig.source.log.count("on") == 2
        assert rig.source.log.count("adjust") == 8
        drives = SegmentDrives(made, rig.settings, 2.4)
        assert drives.voltage_limit_v == 2.4 + rig.settings.voltage_margin_v


async def test_stripping_ends_at_its_cutoff_however_steep_it_is() -> None:
    """A Li/Cu cell whose lithium is used up is at its cutoff in milliseconds: a source of voltage holds it there."""
    limits = replace(LI_LI, host=VoltageBand(-0.5, 3.3), tester=VoltageBand(-0.6, 3.4), absolute=VoltageBand(-1.0, 3.5))
    made = segment(
        ConstantCurrent(-5e-4, Until(time_s=1.0), CEILING),
        ConstantCurrent(5e-4, Until(voltage_v=1.0), CEILING),
        limits=limits,
    )
    async with open_stepped_rig() as rig:
        # 20 V/s, which no loop of a computer can follow.
        rig.source.cell = Capacitor(25e-6, 100.0, stop_v=-0.05, max_interval_s=1e-3)
        (_, (reason, end_v)) = await ends(rig, made)
        assert reason is EndReason.VOLTAGE
        assert end_v == pytest.approx(1.0, abs=1e-6)
        assert rig.source.most_v <= 1.0


async def test_taper_ends_a_held_voltage() -> None:
    """A CC-CV charge goes from its current to its voltage, and ends when the current has fallen."""
    made = segment(CcCv(9e-4, 3.7, Until(current_a=2e-4), CEILING), limits=FULL)
    async with open_stepped_rig(LFP, **SLOW) as rig:
        identity = await rig.start(made)
        await rig.over()
        records = await rig.records(identity)
        assert end_reason(made, records[-1]) is EndReason.CURRENT
        assert records[-1].current_a == pytest.approx(2e-4, rel=0.02)
        assert records[0].current_a == pytest.approx(9e-4)
        assert records[-1].voltage_v == pytest.approx(3.7)
        assert {record.mode for record in records} == {"cccv"}


async def test_held_voltage_takes_no_more_than_its_limit() -> None:
    """A constant-voltage step passes its current limit until the cell is at its voltage, and ends by time."""
    made = segment(ConstantVoltage(Direction.CHARGE, 3.5, Until(time_s=600.0), 3e-4, CEILING), limits=FULL)
    async with open_stepped_rig(LFP, **SLOW) as rig:
        identity = await rig.start(made)
        await rig.over()
        records = await rig.records(identity)
        assert max(abs(record.current_a) for record in records) == pytest.approx(3e-4)
        assert end_reason(made, records[-1]) is EndReason.TIME


async def test_charge_of_a_falling_current_is_its_trapezoid() -> None:
    """A capacitor knows what went into it: readings four times in a time constant give that to 1 %."""
    made = segment(CcCv(1e-3, 0.5, Until(current_a=2e-5), CEILING))
    async with open_stepped_rig() as rig:
        rig.source.cell = Capacitor(0.01, 100.0, max_interval_s=0.01)
        identity = await rig.start(made)
        await rig.over()
        last = (await rig.records(identity))[-1]
        stored_c = 0.01 * rig.source.cell.voltage_v(0.0)
        assert last.capacity_ah * 3600 == pytest.approx(stored_c, rel=0.01)
        assert last.mode == "cccv"


async def test_charge_is_that_of_the_measured_current() -> None:
    """Late replies delay decisions; charge, times and the end by charge follow what was measured."""
    made = segment(ConstantCurrent(1e-4, Until(capacity_ah=1e-6), CEILING))
    async with open_stepped_rig() as rig:
        rig.source.wire.reply_s = 0.12
        identity = await rig.start(made)
        await rig.over()
        last = (await rig.records(identity))[-1]
        assert end_reason(made, last) is EndReason.CAPACITY
        assert last.capacity_ah == pytest.approx(1e-4 * last.step_time_s / 3600, rel=1e-9)
        # 36 s of current, and the reply to the last reading.
        assert last.step_time_s == pytest.approx(36.0, abs=0.3)


@pytest.mark.parametrize(("reply_s", "most_v"), [(0.0, 0.0011), (0.1, 0.012)])
async def test_cutoff_is_met_where_the_voltage_is_steep(reply_s: float, most_v: float) -> None:
    """Readings are aimed at a cutoff: of 0.1 V/s a hundredth of a second remains, and what a late reply lasts."""
    made = segment(ConstantCurrent(1e-3, Until(voltage_v=0.4567), CEILING))
    async with open_stepped_rig() as rig:
        rig.source.cell = Capacitor(0.01)
        rig.source.wire.reply_s = reply_s
        ((reason, end_v),) = await ends(rig, made)
        assert reason is EndReason.VOLTAGE
        assert 0.4567 <= end_v < 0.4567 + most_v
        assert rig.source.readings < 40


async def test_records_follow_the_conditions_of_a_step() -> None:
    """A change of voltage makes a record where the program asks for it, besides the first and the last."""
    step = ConstantCurrent(1e-3, Until(time_s=20.0), CEILING, record=Record(voltage_change_v=0.002))
    async with open_stepped_rig() as rig:
        rig.source.cell = Capacitor(1.0)
        identity = await rig.start(segment(step))
        await rig.over()
        records = await rig.records(identity)
        steps_v = [b.voltage_v - a.voltage_v for a, b in pairwise(records[:-1])]
        assert len(records) == 11
        assert all(0.002 <= step_v < 0.00226 for step_v in steps_v)
        assert (records[0].step_time_s, records[-1].step_time_s) == (0.0, 20.0)


def test_memory_is_bounded() -> None:
    """Records that nobody reads are dropped, oldest first, and a reader is told which are lost."""
    memory = Memory(most=500)
    for sequence in range(1, 2001):
        memory.add([Sample(sequence, 0.0, 0.0, 1, 1, 1, "rest", 0.0, 0.0, 0.0, 0.0, 0.0)])
    assert memory.count == 2000
    with pytest.raises(RecordsLost) as lost:
        memory.records(0, 1)
    assert 500 <= memory.count - lost.value.last <= 1500
    assert memory.records(lost.value.last, 1)[0].sequence == lost.value.last + 1


async def test_idle_voltage_is_looked_at_when_it_is_old() -> None:
    """Each look connects the cell for a moment without current; while another instrument has it there is none."""
    async with open_stepped_rig() as rig:
        assert (await rig.status()).voltage_v == pytest.approx(0.0, abs=1e-6)
        await rig.status()
        assert rig.source.log.count("on") == 1
        rig.tester.keep_off(SOURCE, "the potentiostat")
        await asyncio.sleep(3600.0)
        await rig.status()
        assert rig.source.log.count("on") == 1
        with pytest.raises(CannotRun, match="the potentiostat has the cell"):
            await rig.start(segment(Rest(Until(time_s=5.0))))
        rig.tester.keep_off(SOURCE, "")
        await rig.status()
        assert rig.source.log.count("on") == 2
        assert not rig.source.is_on
        assert rig.source.energised_s == 0.0


@pytest.mark.parametrize(("made", "why"), [({"reversed_cell": True}, "reversed polarity"), ({}, "outside of the run")])
async def test_wrong_cell_is_refused_before_current_flows(made: dict[str, bool], why: str) -> None:
    """A look without current sees a reversed cell, and one outside of the limits; the voltage source never meets it."""
    limits = FULL if made else replace(FULL, tester=VoltageBand(3.2, 4.1))
    async with open_stepped_rig(LFP, made) as rig:
        with pytest.raises(CannotRun, match=why):
            await rig.start(segment(ConstantCurrent(1e-4, Until(voltage_v=3.8), CEILING), limits=limits))
        assert rig.source.energised_s == 0.0
        assert not rig.source.is_on
        assert "prepare voltage" not in rig.source.log


async def test_what_nobody_knows_without_this_computer_is_refused_unattended() -> None:
    """A step whose source goes on in an unknown way is named, unless the bench file says that somebody stays."""
    unknown = MemorySettings(cells={SOURCE: "coated-li-li"}, rides=HostLoss.UNKNOWN)
    program = li_li_program(1)
    (sentence,) = unknown.problems(SOURCE, program)
    assert "accept_unknown_host_loss" in sentence
    attended = unknown.model_copy(update={"accept_unknown_host_loss": True})
    assert attended.problems(SOURCE, program) == []
    rides = MemorySettings(cells={SOURCE: "bare-lfp"}, rides=HostLoss.RIDES_ON)
    assert rides.host_loss() is HostLoss.UNKNOWN
    # Held at its cutoff a cell may be left; held at the whole run's limit it may not.
    until_cutoff = segment(ConstantCurrent(1e-4, Until(voltage_v=3.8), CEILING), limits=FULL)
    until_time = segment(ConstantCurrent(1e-4, Until(time_s=60.0), CEILING), limits=FULL)
    assert rides.segment_problems(SOURCE, until_cutoff) == []
    assert rides.unknown_steps(SOURCE, until_time) == [1]


@pytest.mark.parametrize(
    ("until", "rides", "loss", "words"),
    [
        (Until(voltage_v=3.8), HostLoss.RIDES_ON, HostLoss.RIDES_ON, "holds the cell at the voltage of its step"),
        (Until(time_s=60.0), HostLoss.RIDES_ON, HostLoss.UNKNOWN, "is not known: current may flow on"),
        (Until(time_s=60.0), HostLoss.STOPS, HostLoss.STOPS, "switches its output off"),
    ],
)
async def test_loss_of_this_computer_is_told_for_the_program(
    until: Until, rides: HostLoss, loss: HostLoss, words: str
) -> None:
    """A check warns of what nobody knows of this very program, not of what another one would do to the same channel."""
    made = segment(ConstantCurrent(1e-4, until, CEILING), limits=FULL)
    program = Program("told", "", CellFacts("bare-lfp", CellKind.LFP), (made,))
    async with open_stepped_rig(LFP, rides=rides, accept_unknown_host_loss=True) as rig:
        told, seen = rig.tester.host_loss_in(SOURCE, program)
        assert (told, words in seen) == (loss, True)
        checks = program_checks(RunRequest(program, SOURCE, ""), rig.tester, [], BANDS, PreflightSettings())
    (check,) = [it for it in checks if it.check is CheckName.DURATION]
    assert (check.outcome is Outcome.WARN, words in check.sentence) == (loss is HostLoss.UNKNOWN, True)


def test_settings_that_would_lose_decisions_are_refused() -> None:
    """An interval near the time after which a decision counts as lost is an error of the bench file."""
    with pytest.raises(ValidationError, match="half of decision_timeout_s"):
        MemorySettings(cells={SOURCE: "bare-lfp"}, interval_s=0.6)
    with pytest.raises(ValidationError, match="for 3600 s an output would stay on that nobody decides about"):
        MemorySettings(cells={SOURCE: "bare-lfp"}, decision_timeout_s=3600.0)


def test_order_with_another_limit_is_prepared_anew() -> None:
    """A larger limit needs a larger range of the meter, which never changes under a cell."""
    slow, fast = ConstantCurrent(1e-4, Until(voltage_v=3.8)), ConstantCurrent(9e-4, Until(voltage_v=3.8))
    drives = SegmentDrives(segment(slow, fast, limits=FULL), MemorySettings(cells=LFP), 3.0)
    assert not keeps_preparation(drives.of(slow, None), drives.of(fast, None))
    assert keeps_preparation(drives.of(slow, None), drives.of(replace(slow, current_a=-1e-4), None))


async def test_run_comes_to_its_end_on_a_stepped_tester(store: Store) -> None:
    """The whole path, checks before the start and contact check included, works on a source as on a tester."""
    async with open_stepped_rig(**SLOW) as rig:
        program = li_li_program(cycles=2, half_cycle_s=300.0)
        (run,) = await Supervisor(store, rig.tester).run([RunRequest(program, SOURCE, SOURCE)])
        assert (run.state, run.reason) == (RunState.COMPLETED, "program finished")
        assert not rig.source.is_on
        # Between two segments the potentiostat borrows the cell: the channel stays off, and is still answered for.
        off, looks = tester_off.TesterOffWatch(rig.tester), rig.source.log.count("on")
        off.lend(run, "chi660e")
        await asyncio.sleep(3600.0)
        assert await off.check(run) is not None
        assert rig.source.log.count("on") == looks
        off.lend(run, "")
        assert await off.check(run) is not None
        assert rig.source.log.count("on") == looks + 1
