"""Starts that reach the tester long after they were sent: never called "did not happen", adopted or stopped."""

import asyncio

import pytest

from orchestrator.api.routes import channel_now
from orchestrator.bench.settings import BenchSettings
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.direct_stop import stop_directly
from orchestrator.rack.mounted_cells import ChannelUse
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.faults import Fault, Spoil
from tests.rig import CHANNEL, Rig
from tests.service_rig import QUEUE, check_rows, request, serving, state


def delay_start(rig: Rig, seconds: float) -> None:
    """Let the next start reach the tester so much later; its reply is lost."""
    rig.bench.wire.spoil(Fault(Spoil.ARRIVES_LATE, "start", seconds=seconds))


def busy(rig: Rig) -> bool:
    """Tell whether the channel works."""
    return rig.bench.tester.channel(CHANNEL).busy


@pytest.mark.parametrize("late_s", [100.0, 500.0])
async def test_start_that_arrives_late_is_waited_for_and_adopted(rig: Rig, store: Store, late_s: float) -> None:
    """Meanwhile the run is unknown and its channel not free; the start arrives, and the run goes to its end."""
    delay_start(rig, late_s)
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        queued = service.submit(request(cycles=1), "bob", QUEUE)
        await asyncio.sleep(95)
        assert (state(run), busy(rig)) == (RunState.UNKNOWN, False)
        assert "may still arrive until" in run.reason
        await asyncio.sleep(late_s + 60)
        assert (state(run), state(queued)) == (RunState.RUNNING, RunState.QUEUED)
        await asyncio.sleep(6000)
        assert state(run) is RunState.COMPLETED
    check_rows(rig, store, run.run_id)


async def test_start_that_arrives_after_a_kill_is_adopted_by_the_next_service(rig: Rig, store: Store) -> None:
    """The start takes 8 s and the service is killed meanwhile: the next one waits for it as this one would have."""
    order = request(cycles=1)
    run_id = order.add_to(store)
    (segment,) = order.program.cycling
    store.set_run_state(run_id, RunState.ARMED, "", wall_time())
    store.open_intent(run_id, CHANNEL, "start", "", "left open by a kill", wall_time())
    barcode = store.barcode(run_id)
    loaded = await rig.tester.load(CHANNEL, segment, barcode)
    async with serving(rig, store):
        await asyncio.sleep(8)
        assert store.run(run_id).state is RunState.UNKNOWN
        await rig.tester.start(loaded, barcode)
        await asyncio.sleep(6500)
    assert store.run(run_id).state is RunState.COMPLETED
    check_rows(rig, store, run_id)


@pytest.mark.parametrize("by", ["run", "rack", "channel"])
async def test_stop_before_the_late_start_arrives_stops_it_when_it_does(rig: Rig, store: Store, by: str) -> None:
    """Whoever stops a channel whose start is under way is not told that it is off, and it is stopped on arrival."""
    delay_start(rig, 200.0)
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(60)
        if by == "run":
            await service.stop(run.run_id, "ada")
        elif by == "rack":
            await service.stop_rack("ada")
        else:
            report = await service.stops.stop_channel(CHANNEL, "ada")
            assert not report.is_off
        assert state(run) is RunState.UNKNOWN
        await asyncio.sleep(400)
        assert (state(run), busy(rig)) == (RunState.STOPPED, False)
        assert len(rig.bench.tester.channels[CHANNEL].tests) == 1
    check_rows(rig, store, run.run_id)
    assert store.open_intents() == []


async def test_start_that_never_arrives_fails_after_the_stated_time(rig: Rig, store: Store) -> None:
    """Ten minutes of watching, then the run has failed in words that claim no more than is known."""
    delay_start(rig, 1e9)
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(590)
        assert state(run) is RunState.UNKNOWN
        now = channel_now(service, CHANNEL)
        assert (now.use, now.needs_person) == (ChannelUse.BUSY, True)
        assert now.words.startswith("LOOK AT THIS CHANNEL")
        await asyncio.sleep(100)
        assert state(run) is RunState.FAILED
        assert "stopped should it arrive all the same" in run.reason
        assert "nothing was energised" not in run.reason
    assert store.open_intents() == []


@pytest.mark.parametrize("restarts", [False, True])
async def test_start_that_arrives_after_it_was_given_up_is_stopped(rig: Rig, store: Store, restarts: bool) -> None:
    """An hour late, also under a later service: recognised from the store, stopped, and its records are kept."""
    delay_start(rig, 3600.0)
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(3000)
        assert state(run) is RunState.FAILED
        if not restarts:
            await asyncio.sleep(900)
            assert not busy(rig)
    async with serving(rig, store):
        await asyncio.sleep(900)
        assert not busy(rig)
        assert store.run(run.run_id).state is RunState.STOPPED
        assert "after it was given up" in store.run(run.run_id).reason
    assert EventKind.LATE_START in {event.kind for event in store.events(run.run_id)}
    check_rows(rig, store, run.run_id)
    assert store.open_intents() == []


@pytest.mark.parametrize("ends_unseen", [False, True])
async def test_channel_said_to_be_empty_needs_a_word_after_a_late_start_there(
    rig: Rig, store: Store, ends_unseen: bool
) -> None:
    """The late test worked on what was put in since, if only between two polls: the next order must name the cell."""
    delay_start(rig, 1500.0)
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        assert state(run) is RunState.FAILED
        service.cells.empty(CHANNEL, "ada")
        assert service.cells.on(CHANNEL) is None
        await asyncio.sleep(504)
        assert busy(rig)
        if ends_unseen:
            rig.bench.tester.stop(CHANNEL)
        await asyncio.sleep(300)
        assert len(store.tests(run.run_id)) == 1
        assert not busy(rig)
        with pytest.raises(CommandRefused, match=f"of {run.run_id}, which was stopped, is still mounted"):
            service.submit(request(), "bob")
        service.cells.empty(CHANNEL, "ada")
        service.submit(request(), "bob")


async def test_late_start_of_a_resumed_run_is_stopped_and_the_run_stays_held(rig: Rig, store: Store) -> None:
    """What was left to do is left: the late part is stopped, and a person may resume the run again."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=2), "ada")
        await asyncio.sleep(1000)
        rig.bench.tester.stop(CHANNEL)
        await asyncio.sleep(200)
        assert state(run) is RunState.HOLDING
        delay_start(rig, 2000.0)
        await service.resume(run.run_id, "ada")
        assert state(run) is RunState.UNKNOWN
        await asyncio.sleep(1000)
        assert state(run) is RunState.HOLDING
        await asyncio.sleep(1500)
        assert not busy(rig)
        (now,) = [it for it in service.runs if it.run_id == run.run_id]
        assert state(now) is RunState.HOLDING
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(9000)
        assert state(now) is RunState.COMPLETED
    check_rows(rig, store, run.run_id)


async def test_hold_of_a_start_that_never_arrives_fails_the_run(rig: Rig, store: Store) -> None:
    """Not stopped, which nobody asked for, and not held: a new start would bear the barcode of the late one."""
    delay_start(rig, 1e9)
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(200)
        assert state(run) is RunState.UNKNOWN
        await service.hold(run.run_id, "ada")
        await asyncio.sleep(700)
        assert state(run) is RunState.FAILED
        assert run.reason.startswith("held by ada; ")
        assert run.reason.endswith("order it as a new run")
    assert store.open_intents() == []


async def test_direct_stop_while_a_start_may_still_arrive_does_not_call_the_channel_off(rig: Rig, store: Store) -> None:
    """With the service dead: the channel is at rest, and who stops it is told to look again until the start is over."""
    run_id = request().add_to(store)
    store.open_intent(run_id, CHANNEL, "start", "", "left open by a kill", wall_time())
    server = await asyncio.start_server(rig.bench.handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tester = rig.tester._settings.model_copy(update={"host": "127.0.0.1", "port": port})  # noqa: SLF001 - the rig's own
    bench = BenchSettings(tester=(tester,))
    try:
        early = await stop_directly(bench, store.path, CHANNEL, "ada")
        await asyncio.sleep(tester.start_may_arrive_s)
        late = await stop_directly(bench, store.path, CHANNEL, "ada")
    finally:
        server.close()
    assert (early.is_off, late.is_off) == (False, True)
    assert f"a start of {run_id} was sent there and may still arrive" in early.words
