"""Starts that are stopped, or lost, half way: what is energised always has a run that looks after it."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.events import EventKind
from orchestrator.rack.mounted_cells import Terms
from orchestrator.runs.silence import FIRST_LOOK_S
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.faults import Fault, Spoil
from simulators.neware.settings import Quirks
from tests.rig import CHANNEL, Rig
from tests.service_rig import request, serving, state


@pytest.mark.parametrize("after_s", [0.0, 0.3, 0.6, 1.1, 2.0, 4.0, 8.0])
async def test_stop_within_a_start_leaves_nothing_energised(rig: Rig, store: Store, after_s: float) -> None:
    """Whether the start has left or not, the run ends stopped, the channel is quiet and the service goes on.

    Faults I04.
    """
    rig.bench.tester.quirks = Quirks(reply_delay_s=0.25)
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(after_s)
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.STOPPED
        assert not rig.bench.tester.channel(CHANNEL).busy
        await asyncio.sleep(300)
        assert not rig.bench.tester.channel(CHANNEL).busy
        after = service.submit(request(cycles=1), "ada", Terms(mounted=CHANNEL))
        await asyncio.sleep(6000)
        assert state(after) is RunState.COMPLETED


@pytest.mark.parametrize("reached", [True, False])
@pytest.mark.parametrize("dies", [True, False])
@pytest.mark.parametrize("stopped", [True, False])
async def test_start_whose_outcome_is_unknown_is_asked_about(
    rig: Rig, store: Store, reached: bool, dies: bool, stopped: bool
) -> None:
    """Once the link is good again the run is adopted or failed, or stopped if that was ordered (faults A12)."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await _lose_the_start(rig, reached)
        assert state(run) is RunState.UNKNOWN
        assert rig.bench.tester.channel(CHANNEL).busy == reached
        assert len(store.open_intents()) == 1
        if stopped:
            await service.stop(run.run_id, "ada")
            assert state(run) is RunState.UNKNOWN
        if not dies:
            rig.bench.wire.mend()
            await asyncio.sleep(6000)
    rig.bench.wire.mend()
    async with serving(rig, store):
        await asyncio.sleep(6000)
    ended = store.run(run.run_id).state
    assert len(rig.bench.tester.channels[CHANNEL].tests) == reached
    assert not rig.bench.tester.channel(CHANNEL).busy
    assert store.open_intents() == []
    if reached:
        assert ended is (RunState.STOPPED if stopped else RunState.COMPLETED)
    else:
        assert ended in {RunState.STOPPED, RunState.FAILED}


@pytest.mark.parametrize("after_poll_s", [0.5, 2.5, 4.5, 5.5, 7.5])
async def test_stop_beside_a_poll_that_finds_a_lost_start_is_confirmed_when_it_returns(
    rig: Rig, store: Store, after_poll_s: float
) -> None:
    """Whoever finds out first that the start arrived, a person's stop waits until the run is stopped."""
    async with serving(rig, store) as service:
        arrived = asyncio.Event()
        rig.tester.faults.lose_reply("start", then=arrived.set)
        run = service.submit(request(cycles=1), "ada")
        await arrived.wait()
        rig.tester.faults.delay("status", after_s=4.0)
        await asyncio.sleep(FIRST_LOOK_S + after_poll_s)
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.STOPPED
        assert store.open_intents() == []


async def _lose_the_start(rig: Rig, reached: bool) -> None:
    """Let the link die when a start is on its way, before or after BTS has carried it out."""
    rig.bench.wire.spoil(Fault(Spoil.SILENT, "start", None))
    if not reached:
        # Somebody holds the channel from between the last look and the start: BTS does not take it.
        start = rig.bench.tester.start
        rig.bench.tester.start = lambda *_: None  # type: ignore[method-assign]  # the simulator, not code of ours
        await asyncio.sleep(20)
        rig.bench.tester.start = start  # type: ignore[method-assign]  # as above
    else:
        await asyncio.sleep(20)
    rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
    await asyncio.sleep(300)


async def test_program_is_told_to_be_loaded_before_its_test_is_told_to_have_begun(rig: Rig, store: Store) -> None:
    """The events of a run stand in the order of what happened."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(120)
        kinds = [event.kind for event in store.events(run.run_id)]
        assert kinds.index(EventKind.LOADED) < kinds.index(EventKind.STARTED)
