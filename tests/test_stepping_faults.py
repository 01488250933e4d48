"""Whatever goes wrong under a stepped tester, its output goes off, seen off, and the test says why it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from drivers.errors import ConnectionFailed
from drivers.interfaces import ChannelState
from drivers.stepping import SteppedTester
from drivers.stepping.suspension import slept_s
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.current_sign import Direction
from protocols.program import ConstantCurrent, ConstantVoltage, Until
from simulators.cells import load_cell
from tests.figures import Figure
from tests.memory_source import MemorySource, broken
from tests.rig import li_li_program
from tests.stepped_rig import CEILING, FULL, LFP, SOURCE, SteppedRig, charging, open_stepped_rig, runs_for, segment


def pull_plug(source: MemorySource) -> None:
    """Lose the link for one reading; the source is reached again by its next order."""
    source.wire.next["read"] = broken()


def answer_late(source: MemorySource) -> None:
    """Answer one reading after two seconds."""
    source.wire.next["read"] = [2.0]


def lose_values(source: MemorySource) -> None:
    """Give three readings without a voltage."""
    source.wire.without_value = 3


def press_output(source: MemorySource) -> None:
    """Switch it off at the panel."""
    source.press_output()


FAULTS: list[tuple[Callable[[MemorySource], None], str]] = [
    (pull_plug, "the plug is out"),
    (answer_late, "gave no reading within 1 s"),
    (lose_values, "3 readings in a row had no voltage"),
    (press_output, "switched its output off by itself"),
]


@pytest.mark.parametrize(("spoil", "why"), FAULTS, ids=[it[0].__name__ for it in FAULTS])
async def test_fault_switches_the_output_off_and_ends_the_test(
    spoil: Callable[[MemorySource], None], why: str, figure: Figure
) -> None:
    """No current flows past the decision that was lost, and the test says what was seen and in which step."""
    async with open_stepped_rig() as rig:
        await runs_for(rig)
        begun_s, energised_s = asyncio.get_running_loop().time(), rig.source.energised_s
        spoil(rig.source)
        status = await rig.over()
        assert status.state is ChannelState.STOPPED
        assert status.detail.startswith("step 1 (constant_current charge): ")
        assert why in status.detail
        assert not rig.source.is_on
        assert rig.source.energised_s - energised_s <= rig.settings.decision_timeout_s + rig.settings.interval_s
        figure("A01", f"time to the confirmed off: {spoil.__name__}", asyncio.get_running_loop().time() - begun_s, "s")


async def test_one_reading_without_value_ends_nothing() -> None:
    """A single missing value is noted, and the test goes on."""
    async with open_stepped_rig() as rig:
        await runs_for(rig)
        rig.source.wire.without_value = 2
        await asyncio.sleep(60.0)
        assert (await rig.status()).state is ChannelState.WORKING


async def test_voltage_that_does_not_answer_a_current_ends_the_test() -> None:
    """A reading that stays the very same when current begins is none of the cell's: a sense lead is off."""
    async with open_stepped_rig() as rig:
        rig.source.wire.stuck_v = 0.0
        await rig.start(charging())
        status = await rig.over()
        assert (status.state, rig.source.is_on) == (ChannelState.STOPPED, False)
        assert "stays at the very same 0 V" in status.detail
        assert rig.source.energised_s < 10.0


async def test_voltage_that_is_not_the_one_held_ends_the_test() -> None:
    """A source that is not at its limit holds its level: what is measured far from it, it does not sense there."""
    hold = ConstantVoltage(Direction.CHARGE, 3.2, Until(time_s=600.0, voltage_v=3.9), 9e-4, CEILING)
    async with open_stepped_rig(LFP) as rig:
        await rig.start(segment(hold, limits=FULL))
        await asyncio.sleep(30.0)
        assert (await rig.status()).state is ChannelState.WORKING
        rig.source.wire.offset_v = 0.5
        status = await rig.over()
        assert (status.state, rig.source.is_on) == (ChannelState.STOPPED, False)
        assert "3.7000 V is measured where 3.2000 V is held: look at the sense leads" in status.detail
        # What the source holds is not moved to where a step ends.
        assert "adjust" not in rig.source.log


async def test_cutoff_that_source_and_meter_see_apart_ends_the_test() -> None:
    """A held cutoff is corrected by millivolts; where meter and source differ by more, one of them is wrong."""
    async with open_stepped_rig(LFP, interval_s=2.0, decision_timeout_s=10.0) as rig:
        rig.source.wire.offset_v = -0.05
        await rig.start(segment(ConstantCurrent(9e-4, Until(voltage_v=3.8), CEILING), limits=FULL))
        status = await rig.over()
        assert (status.state, rig.source.is_on) == (ChannelState.STOPPED, False)
        assert "3.7500 V is measured where the cutoff of 3.8000 V is held, beyond voltage_trim_v" in status.detail


async def test_pulled_cell_ends_by_the_limits_of_the_run() -> None:
    """Without a cell the source runs to its voltage limit, which lies outside of the run's limits: protected."""
    async with open_stepped_rig() as rig:
        await runs_for(rig)
        rig.source.unplug()
        begun_s = asyncio.get_running_loop().time()
        status = await rig.over()
        assert status.state is ChannelState.PROTECTED
        assert "outside of -1 to 1 V, and no current flows: is the cell still at the leads?" in status.detail
        assert asyncio.get_running_loop().time() - begun_s < 1.0
        assert not rig.source.is_on


async def test_limit_of_the_run_acts_after_its_delay() -> None:
    """A voltage between the tester's limit and the absolute one ends the test after the delay of the program."""
    made = segment(ConstantCurrent(1.5e-4, Until(time_s=3600.0), CEILING))
    async with open_stepped_rig() as rig:
        await rig.start(made)
        await asyncio.sleep(10.0)
        rig.source.wire.offset_v = 0.65
        begun_s = asyncio.get_running_loop().time()
        status = await rig.over()
        assert status.state is ChannelState.PROTECTED
        assert "V is outside of -0.6 to 0.6 V" in status.detail
        assert 5.0 <= asyncio.get_running_loop().time() - begun_s < 6.0


@pytest.mark.real_time
async def test_blocked_loop_loses_its_decision() -> None:
    """A process that could not decide for longer than allowed does not go on as if it had."""
    async with open_stepped_rig(interval_s=0.02, fastest_interval_s=0.02, decision_timeout_s=0.1) as rig:
        await rig.start(charging())
        await asyncio.sleep(0.1)
        time.sleep(0.2)  # noqa: ASYNC251 -- the fault itself
        await asyncio.sleep(0.05)
        status = await rig.status()
        assert (status.state, rig.source.is_on) == (ChannelState.STOPPED, False)
        assert "this computer was busy" in status.detail


async def test_computer_that_slept_ends_the_test() -> None:
    """Fault E06: a loop's clock stands still while the computer sleeps: nothing is late, hours of current are lost."""
    asleep_s = [0.0]
    async with open_stepped_rig() as rig:
        tester = SteppedTester(rig.settings, rig.sources, wall_time, lambda: asleep_s[0])
        slept = SteppedRig(tester, rig.sources, rig.settings)
        await tester.open()
        await runs_for(slept)
        asleep_s[0] = 7200.0
        status = await slept.over()
        assert (status.state, rig.source.is_on) == (ChannelState.STOPPED, False)
        assert "slept for 7200 s" in status.detail
        assert 0.0 <= slept_s() < 1e9


async def test_silent_source_hides_no_other() -> None:
    """A source that cannot be reached makes its own channel absent, the others go on; together they are a lost link."""
    cells = {SOURCE: "coated-li-li", "smu-b": "coated-li-li"}
    async with open_stepped_rig(cells) as rig:
        await rig.tester.close()
        rig.sources["smu-b"].wire.next["open"] = broken(2)
        await rig.tester.open()
        assert rig.tester.channels() == (SOURCE,)
        shown = await rig.tester.status([SOURCE, "smu-b"])
        assert [it.state for it in shown.values()] == [ChannelState.FINISHED, ChannelState.ABSENT]
        with pytest.raises(ConnectionFailed, match="the plug is out"):
            await rig.tester.status(["smu-b"])
        await asyncio.sleep(61.0)
        with pytest.raises(ConnectionFailed, match="the plug is out"):
            await rig.status("smu-b")
        await asyncio.sleep(61.0)
        assert (await rig.status("smu-b")).state is ChannelState.FINISHED


async def test_run_whose_link_breaks_is_held_with_its_records(store: Store) -> None:
    """The run keeps what was measured, and a person decides; nothing is continued silently."""
    async with open_stepped_rig() as rig:
        supervisor = Supervisor(store, rig.tester)
        request = RunRequest(li_li_program(cycles=1, half_cycle_s=300.0), SOURCE, SOURCE)

        async def spoil() -> None:
            while rig.source.energised_s < 60.0:  # noqa: ASYNC110 -- a source tells nobody
                await asyncio.sleep(1.0)
            pull_plug(rig.source)

        spoiling = asyncio.ensure_future(spoil())
        (run,) = await supervisor.run([request])
        await spoiling
        assert run.state is RunState.HOLDING
        assert "the plug is out" in run.reason
        assert run.stored > 3
        assert not rig.source.is_on


def test_limit_below_the_cell_would_let_an_excessive_current_flow() -> None:
    """The source in memory does what a real one does, so that tests see it (reference smu-and-ovens, section 1.2)."""

    async def main() -> Any:  # noqa: ANN401 -- a reading
        from drivers.sources import Drive, Held

        source = MemorySource("raw", load_cell("bare-lfp", seed=1))
        await source.open()
        await source.prepare(Drive(Held.CURRENT, 0.0, 1.0, 1e-6), 0.25)
        await source.switch_on()
        return await source.read()

    assert abs(asyncio.run(main()).current_a) > 1e-3
