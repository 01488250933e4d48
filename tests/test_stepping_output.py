"""The output of a stepped channel is off, on, or not known to be off; then nothing else begins there."""

from __future__ import annotations

import asyncio
import re

import pytest

from drivers.errors import CannotRun, NotConfirmed, OutcomeUnknown
from drivers.interfaces import ChannelState
from drivers.stepping import SteppedTester
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.cycler_rig import until
from tests.memory_source import MemorySource, broken, unconfirmed
from tests.rig import li_li_program
from tests.service_rig import running
from tests.stepped_rig import SOURCE, SteppedRig, charging, open_stepped_rig, runs_for


def later_process(rig: SteppedRig) -> SteppedRig:
    """Give what a process that begins now has of the same sources."""
    return SteppedRig(SteppedTester(rig.settings, rig.sources, wall_time), rig.sources, rig.settings)


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


async def test_run_whose_source_is_pulled_says_why_once_and_when_its_output_was_seen_off(store: Store) -> None:
    """The lost connection is the cause; the sentence has nothing twice, and is not untrue when the output is off."""
    async with open_stepped_rig(interval_s=2.0, decision_timeout_s=10.0) as rig:
        request = RunRequest(li_li_program(cycles=2, half_cycle_s=600.0), SOURCE, SOURCE)
        async with running(Service(store, [rig.tester])) as service:
            run = service.submit(request, "ada")
            await asyncio.sleep(900.0)
            rig.source.wire.next = {"read": broken(20), "off": unconfirmed(9)}
            await until(run, RunState.UNKNOWN)
            told = "the plug is out; the plug is out; take its leads off; but the stop is not confirmed"
            assert run.reason == f"step 4 (constant_current charge): {told}"
            await until(run, RunState.TRIPPED)
            assert not rig.source.is_on
            assert re.search("its stop, not confirmed at first, is since .*:", run.reason)


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
