"""Stops ordered of a service: confirmed, repeated, carried out by the next process; one run or the whole rack."""

import asyncio

import pytest

from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.faults import Fault, Spoil
from simulators.neware.settings import Trouble
from tests.rig import CHANNEL, Rig, short_segment
from tests.service_rig import check_rows, request, serving, state


async def test_stop_of_a_held_run_clears_its_paused_program_from_the_channel(rig: Rig, store: Store) -> None:
    """What the tester still holds could be let go on there by hand: the stop takes it away (faults E11)."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(1500)
        rig.bench.tester.reboot(keep_program=True)
        await asyncio.sleep(600)
        assert state(run) is RunState.HOLDING
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.STOPPED
        assert not rig.bench.tester.channel(CHANNEL).busy
        assert not rig.bench.tester.resume(CHANNEL)


async def test_stop_is_confirmed_also_while_the_link_is_slow(rig: Rig, store: Store) -> None:
    """A person's stop does not wait for a poll that hangs (faults I04)."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, "inquire"))
        await asyncio.sleep(30)
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.STOPPED
        assert not rig.bench.tester.channel(CHANNEL).busy
    check_rows(rig, store, run.run_id)


async def test_stop_that_cannot_be_confirmed_is_ordered_again(rig: Rig, store: Store) -> None:
    """While the tester is silent the run is unknown; once it answers, the stop is carried out."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.UNKNOWN
        rig.bench.wire.mend()
        await asyncio.sleep(300)
        assert state(run) is RunState.STOPPED
        assert "stopped by ada" in run.reason


@pytest.mark.parametrize("before_poll_s", range(0, 60, 4))
async def test_stop_beside_a_poll_that_sees_the_channel_stopped_ends_the_run_once(
    rig: Rig, store: Store, before_poll_s: float
) -> None:
    """While a stop is being confirmed a poll sees the channel stopped: one end, one closed intent."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        # Stops begun at many moments of the poll period, so that polls fall into their confirmation.
        await asyncio.sleep(before_poll_s)
        await service.stop(run.run_id, "ada")
        await asyncio.sleep(300)
        assert state(run) is RunState.STOPPED
        assert store.open_intents() == []
        assert sum(event.kind == "ended" for event in store.events(run.run_id)) == 1


async def test_stop_of_a_held_run_whose_tester_is_silent_is_carried_out_later(rig: Rig, store: Store) -> None:
    """Whether a program is still on the channel cannot be asked: the stop stays pending until it can."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        rig.bench.tester.reboot(keep_program=True)
        await asyncio.sleep(300)
        rig.bench.wire.spoil(Fault(Spoil.CLOSED, None, None))
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.UNKNOWN
        rig.bench.wire.mend()
        await asyncio.sleep(300)
        assert state(run) is RunState.STOPPED
        assert not rig.bench.tester.channel(CHANNEL).busy


async def test_pending_stop_survives_the_service(rig: Rig, store: Store) -> None:
    """A stop that was under way when the service died is carried out by the next one."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
        await service.stop(run.run_id, "ada")
    rig.bench.wire.mend()
    assert rig.bench.tester.channel(CHANNEL).busy
    async with serving(rig, store):
        await asyncio.sleep(300)
    assert store.run(run.run_id).state is RunState.STOPPED
    assert not rig.bench.tester.channel(CHANNEL).busy


async def test_pending_stop_survives_a_second_death_before_it_is_carried_out(rig: Rig, store: Store) -> None:
    """A service that has only just taken up a stop, and dies again, does not make the next one forget it."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
        await service.stop(run.run_id, "ada")
    rig.bench.wire.mend()
    async with serving(rig, store):
        await asyncio.sleep(1)
    assert rig.bench.tester.channel(CHANNEL).busy
    await asyncio.sleep(700)
    async with serving(rig, store):
        await asyncio.sleep(300)
    assert store.run(run.run_id).state is RunState.STOPPED
    assert not rig.bench.tester.channel(CHANNEL).busy


async def test_stop_that_reached_the_tester_ends_as_ordered(rig: Rig, store: Store) -> None:
    """A service that dies between the stop and its note finds the channel stopped: by us, and no reason to hold."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
    store.open_intent(run.run_id, CHANNEL, "stop", "", "left open by a death", 0.0)
    rig.bench.tester.stop(CHANNEL)
    async with serving(rig, store):
        await asyncio.sleep(300)
    assert store.run(run.run_id).state is RunState.STOPPED
    check_rows(rig, store, run.run_id)


async def test_rack_stop_reaches_every_channel(rig: Rig, store: Store) -> None:
    """One order, confirmed for each channel, also where a stop is refused (faults I09)."""
    async with serving(rig, store) as service:
        channels = [f"21-1-{n}" for n in range(1, 9)]
        for channel in channels:
            service.submit(request(channel), "ada")
        await asyncio.sleep(1000)
        rig.bench.tester.make_trouble(channels[3], Trouble(stop="refuse"))
        runs = await service.stop_rack("ada")
        assert len(runs) == 8
        assert {run.state for run in runs} == {RunState.STOPPED}
        assert not any(rig.bench.tester.channel(channel).busy for channel in channels)


async def test_stop_of_a_run_whose_channel_somebody_has_taken_ends_the_run(rig: Rig, store: Store) -> None:
    """Its own test is over when no record of it has come for a while; the other one is left alone (faults B03)."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=9), "ada")
        await asyncio.sleep(1000)
        rig.bench.tester.stop(CHANNEL)
        loaded = await rig.tester.load(CHANNEL, short_segment(5000.0), "by-hand")
        theirs = await rig.tester.start(loaded, "by-hand")
        await service.stop(run.run_id, "ada")
        assert (state(run), "by-hand" in run.reason) == (RunState.UNKNOWN, True)
        await asyncio.sleep(300)
        assert state(run) is RunState.STOPPED
        assert (await rig.tester.status([CHANNEL]))[CHANNEL].barcode == theirs.barcode
        assert rig.bench.tester.channel(CHANNEL).busy
    check_rows(rig, store, run.run_id)
    assert store.open_intents() == []


async def test_rack_stop_of_a_service_whose_tester_never_answered_is_carried_out_later(rig: Rig, store: Store) -> None:
    """Nothing is known yet of the runs of before: the order raises nothing, is noted, and stops the run afterwards."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=9), "ada")
        await asyncio.sleep(1000)
    rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
    await rig.tester.close()
    async with serving(rig, store) as service:
        await asyncio.sleep(30)
        await service.stop_rack("ada")
        assert rig.bench.tester.channel(CHANNEL).busy
        rig.bench.wire.mend()
        await asyncio.sleep(300)
        assert not rig.bench.tester.channel(CHANNEL).busy
    assert store.run(run.run_id).state is RunState.STOPPED
    check_rows(rig, store, run.run_id)
