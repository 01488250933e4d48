"""Whatever goes wrong under a stepped tester, its output goes off, seen off, and the test says why it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from drivers.errors import CannotRun, ConnectionFailed, NotConfirmed, OutcomeUnknown
from drivers.interfaces import ChannelState
from drivers.stepping import SteppedTester
from drivers.stepping.suspension import slept_s
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.service import Service
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.current_sign import Direction
from protocols.program import ConstantCurrent, ConstantVoltage, CyclingSegment, Until
from simulators.cells import load_cell
from tests.cycler_rig import until
from tests.figures import Figure
from tests.memory_source import MemorySource, broken, unconfirmed
from tests.rig import li_li_program
from tests.service_rig import running
from tests.stepped_rig import CEILING, FULL, LFP, SOURCE, SteppedRig, open_stepped_rig, segment


def charging() -> CyclingSegment:
    """Give a Li/Li cell an hour of current."""
    return segment(ConstantCurrent(1.5e-4, Until(time_s=3600.0), CEILING))


async def runs_for(rig: SteppedRig, seconds: float = 30.0) -> None:
    """Start an hour of current, and let it run for a while."""
    await rig.start(charging())
    await asyncio.sleep(seconds)
    assert rig.source.is_on


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


async def test_stop_that_is_not_seen_off_is_not_confirmed() -> None:
    """Nobody is told that a cell is off that may be driven; a later stop that is confirmed ends it."""
    async with open_stepped_rig() as rig:
        identity = await rig.start(charging())
        await asyncio.sleep(30.0)
        rig.source.wire.next["off"] = unconfirmed(6)
        with pytest.raises(NotConfirmed, match="take its leads off"):
            await rig.tester.stop(identity)
        status = await rig.status()
        assert (status.state, status.state.is_busy) == (ChannelState.OTHER, True)
        with pytest.raises(CannotRun, match="is other with"):
            await rig.start(charging(), "R000002")
        await rig.tester.stop(identity)
        assert (await rig.status()).state is ChannelState.STOPPED
        assert not rig.source.is_on


async def test_output_goes_off_however_often_its_task_is_cancelled() -> None:
    """A second Ctrl-C while the output is being switched off does not leave it on."""
    async with open_stepped_rig() as rig:
        await runs_for(rig)
        rig.source.wire.order_s = 2.0
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"{SOURCE} R000001"]
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.5)
        await asyncio.wait({task})
        assert not rig.source.is_on
        assert (await rig.status()).state is ChannelState.STOPPED


@pytest.mark.parametrize("is_stopping", [False, True])
def test_end_of_the_loop_switches_the_output_off(is_stopping: bool) -> None:
    """Ctrl-C cancels every task of a program at once, also one that switches an output off."""
    source: list[MemorySource] = []

    async def main() -> None:
        opened = open_stepped_rig()
        rig = await opened.__aenter__()
        source.append(rig.source)
        await rig.start(charging())
        rig.source.wire.order_s = 0.05
        while not rig.source.is_on:  # noqa: ASYNC110 -- a source tells nobody
            await asyncio.sleep(0.01)
        if is_stopping:
            (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"{SOURCE} R000001"]
            task.cancel()
            await asyncio.sleep(0.01)
        raise InterruptedError(opened)

    with pytest.raises(InterruptedError):
        asyncio.run(main())
    assert not source[0].is_on
    assert source[0].log[-1] == "off"


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


def later_process(rig: SteppedRig) -> SteppedRig:
    """Give what a process that begins now has of the same sources."""
    return SteppedRig(SteppedTester(rig.settings, rig.sources, wall_time), rig.sources, rig.settings)


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


async def test_output_found_on_is_left_alone_until_somebody_stops_it() -> None:
    """After the death of a process its output may be on: the channel says so, starts nothing, and can be stopped."""
    async with open_stepped_rig() as rig:
        identity = await rig.start(charging())
        await asyncio.sleep(30.0)
        later = later_process(rig)
        await later.tester.open()
        status = await later.status()
        words = f"the output of {SOURCE} is on, and no test of this process runs there: stop the channel"
        assert (status.state, status.detail) == (ChannelState.OTHER, words)
        assert SOURCE in later.tester.channels()
        with pytest.raises(CannotRun, match="stop the channel"):
            await later.start(charging())
        await later.tester.stop(identity)
        assert not rig.source.is_on
        assert (await later.status()).state is ChannelState.FINISHED


async def test_output_that_a_hand_switched_on_is_not_set_under_its_cell() -> None:
    """A look finds an output on that this process did not switch on, and sends it nothing."""
    async with open_stepped_rig() as rig:
        await rig.status()
        orders = list(rig.source.log)
        rig.source.is_on = True
        await asyncio.sleep(3600.0)
        assert (await rig.status()).state is ChannelState.OTHER
        assert rig.source.log == orders
        rig.source.press_output()
        assert (await rig.status()).state is ChannelState.FINISHED


async def test_death_of_the_host_ends_with_the_output_off_and_the_run_held(store: Store) -> None:
    """The next process finds the output on, switches it off, and leaves run and records to a person (fault E01)."""
    async with open_stepped_rig(interval_s=2.0, decision_timeout_s=10.0) as rig:
        request = RunRequest(li_li_program(cycles=2, half_cycle_s=600.0), SOURCE, SOURCE)
        async with running(Service(store, [rig.tester])) as service:
            service.submit(request, "ada")
            await asyncio.sleep(900.0)
        # A process that is killed switches nothing off.
        rig.source.wire.next["off"] = unconfirmed(3)
        (task,) = [task for task in asyncio.all_tasks() if task.get_name().startswith(f"{SOURCE} R")]
        task.cancel()
        await asyncio.wait({task})
        later = later_process(rig)
        await later.tester.open()
        assert (await later.status()).state is ChannelState.OTHER
        async with running(Service(store, [later.tester])) as service:
            await asyncio.sleep(10.0)
            (run,) = service.runs
            assert not rig.source.is_on
            assert run.state is RunState.HOLDING
            assert "its output is off" in run.reason
            await service.resume(run.run_id, "ada")
            await until(run, RunState.COMPLETED)
            assert len(store.tests(run.run_id)) == 2


async def test_look_that_fails_starts_nothing() -> None:
    """A start whose look at the cell fails is refused where the output is seen off, and unknown where it is not."""
    async with open_stepped_rig() as rig:
        rig.source.wire.next["read"] = broken()
        with pytest.raises(CannotRun, match="nothing was started"):
            await rig.start(charging())
        rig.source.wire.next = {"read": [0.0, *broken()], "off": unconfirmed(3)}
        with pytest.raises(OutcomeUnknown, match="take its leads off"):
            await rig.start(charging())
        assert (await rig.status()).state is ChannelState.OTHER


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


async def test_start_during_which_the_tester_is_closed_starts_nothing() -> None:
    """The look at the cell is ended with the output off, and no test begins that nobody would end."""
    async with open_stepped_rig() as rig:
        loaded = await rig.tester.load(SOURCE, charging(), "R000001")
        start = asyncio.create_task(rig.tester.start(loaded, "R000001"))
        await asyncio.sleep(0.05)
        assert rig.source.is_on
        await rig.tester.close()
        with pytest.raises(CannotRun, match="is being closed"):
            await start
        await asyncio.sleep(30.0)
        assert rig.source.log[-1] == "off"
        assert rig.source.energised_s == 0.0


@pytest.mark.parametrize("starts", [True, False], ids=["start", "status"])
async def test_cell_is_lent_to_nobody_while_it_is_looked_at(*, starts: bool) -> None:
    """A look has the output on: a potentiostat that takes the cell then would be a second energiser."""
    async with open_stepped_rig() as rig:
        loaded = await rig.tester.load(SOURCE, charging(), "R000001")
        await asyncio.sleep(60.0)
        ordered = rig.tester.start(loaded, "R000001") if starts else rig.tester.status([SOURCE])
        task = asyncio.ensure_future(ordered)
        await asyncio.sleep(0.05)
        assert rig.source.is_on
        with pytest.raises(CannotRun, match="looks at its cell: chi660e cannot have it"):
            rig.tester.keep_off(SOURCE, "chi660e")
        await task
        if not starts:
            rig.tester.keep_off(SOURCE, "chi660e")
