"""Holds ordered of a service: the current is off and confirmed, the run is kept, and what is left goes on later."""

import asyncio
from collections.abc import Callable

import pytest

from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.service import Service
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.faults import Fault, Spoil
from tests.outage import FailingStore, fail_for
from tests.rig import CHANNEL, Rig, short_segment
from tests.service_rig import QUEUE, check_rows, request, serving, state


async def running(service: Service, after_s: float = 1000.0) -> Run:
    """Give a run that has gone on for a while."""
    run = service.submit(request(), "ada")
    await asyncio.sleep(after_s)
    return run


async def test_a_held_run_goes_on_with_what_is_left(rig: Rig, store: Store) -> None:
    """The channel is off when the answer comes, every record is stored, and no step is passed twice."""
    async with serving(rig, store) as service:
        run = await running(service)
        await service.hold(run.run_id, "ada")
        assert (state(run), run.reason) == (RunState.HOLDING, "held by ada; resume it or stop it")
        assert not rig.bench.tester.channel(CHANNEL).busy
        check_rows(rig, store, run.run_id)
        assert store.open_intents() == []
        await asyncio.sleep(50_000)
        assert state(run) is RunState.HOLDING
        await service.resume(run.run_id, "bob")
        await asyncio.sleep(20_000)
        assert state(run) is RunState.COMPLETED
        first, second = store.tests(run.run_id)
        check_rows(rig, store, run.run_id)
        cycles = [cycle.cycle for test in (first, second) for cycle in store.cycles(test.id)]
        assert cycles == [1, 2, 3]


async def test_a_run_is_held_and_resumed_more_than_once_and_then_stopped(rig: Rig, store: Store) -> None:
    """A stop that was confirmed for one test is sent anew for the next: no second hold leaves its channel on."""
    async with serving(rig, store) as service:
        run = await running(service)
        for _ in range(2):
            await service.hold(run.run_id, "ada")
            assert not rig.bench.tester.channel(CHANNEL).busy
            await service.resume(run.run_id, "ada")
            await asyncio.sleep(600)
            assert rig.bench.tester.channel(CHANNEL).busy
        await service.stop(run.run_id, "ada")
        assert (state(run), run.reason) == (RunState.STOPPED, "stopped by ada")
        assert not rig.bench.tester.channel(CHANNEL).busy
    check_rows(rig, store, run.run_id)
    # Told once, however often it is started: nothing is wrong with a tester that shows no limits.
    assert [event.kind for event in store.events(run.run_id)].count(EventKind.LIMITS_AS_LOADED) == 1


async def test_a_hold_that_cannot_be_confirmed_is_ordered_again(rig: Rig, store: Store) -> None:
    """While the tester is silent the run is unknown; once it answers the run is held."""
    async with serving(rig, store) as service:
        run = await running(service)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
        await service.hold(run.run_id, "ada")
        assert state(run) is RunState.UNKNOWN
        rig.bench.wire.mend()
        await asyncio.sleep(300)
        assert state(run) is RunState.HOLDING
        assert run.reason.startswith("held by ada")
        assert not run.status.stop_is_pending
        assert not rig.bench.tester.channel(CHANNEL).busy


async def test_a_stop_after_a_hold_that_is_not_confirmed_ends_the_run(rig: Rig, store: Store) -> None:
    """The graver order decides, also of two that wait for one tester."""
    async with serving(rig, store) as service:
        run = await running(service)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
        await service.hold(run.run_id, "ada")
        await service.stop(run.run_id, "bob")
        rig.bench.wire.mend()
        await asyncio.sleep(300)
        assert state(run) is RunState.STOPPED
        assert run.reason.startswith("stopped by bob; also held by ada; its stop, not confirmed at first, is since ")


async def test_a_hold_does_not_hide_that_the_cell_was_beyond(rig: Rig, store: Store) -> None:
    """What the hold fetches last is judged: such a run is tripped, and nobody resumes it."""
    async with serving(rig, store) as service:
        run = await running(service)
        rig.tester.faults.change("records", lambda found: [s._replace(voltage_v=1.2) for s in found])
        await service.hold(run.run_id, "ada")
        assert state(run) is RunState.TRIPPED
        assert run.reason.startswith("absolute limit exceeded: 1.2000 V")
        assert run.reason.endswith("also held by ada")


@pytest.mark.parametrize("deaths", [1, 2])
async def test_a_pending_hold_survives_the_service(rig: Rig, store: Store, deaths: int) -> None:
    """A hold that was under way when the service died is carried out by the next one, as a hold."""
    async with serving(rig, store) as service:
        run = await running(service)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
        await service.hold(run.run_id, "ada")
    rig.bench.wire.mend()
    for _ in range(deaths):
        await asyncio.sleep(700)
        async with serving(rig, store):
            await asyncio.sleep(1)
    await asyncio.sleep(700)
    async with serving(rig, store) as service:
        await asyncio.sleep(300)
        (run,) = service.runs
        assert state(run) is RunState.HOLDING
        assert not rig.bench.tester.channel(CHANNEL).busy
        assert store.open_intents() == []
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(20_000)
        assert state(run) is RunState.COMPLETED


async def test_a_hold_that_reached_the_tester_ends_held_after_a_death(rig: Rig, store: Store) -> None:
    """A service that dies between the command and its note finds the channel stopped: held, as it was ordered."""
    async with serving(rig, store) as service:
        run = await running(service)
    store.open_intent(run.run_id, CHANNEL, "hold", "", "left open by a death", 0.0)
    rig.bench.tester.stop(CHANNEL)
    async with serving(rig, store):
        await asyncio.sleep(300)
    assert store.run(run.run_id).state is RunState.HOLDING
    assert store.run(run.run_id).reason.startswith("a hold had been ordered")
    check_rows(rig, store, run.run_id)


async def test_a_hold_of_a_run_whose_start_is_under_way_keeps_the_run(rig: Rig, store: Store) -> None:
    """A start that has not left yet does not leave; the run is held without a test, and resumed from its beginning."""
    async with serving(rig, store) as service:
        rig.tester.faults.delay("status", before_s=5.0)
        run = service.submit(request(), "ada")
        await asyncio.sleep(1)
        assert state(run) is RunState.PREFLIGHT
        await service.hold(run.run_id, "ada")
        assert (state(run), store.tests(run.run_id)) == (RunState.HOLDING, [])
        rig.tester.faults.mend()
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(20_000)
        assert state(run) is RunState.COMPLETED


async def test_a_hold_leaves_while_the_disk_is_full(rig: Rig, failing_store: FailingStore) -> None:
    """Only what energises waits for the store: the current is off at once, the hold is written with room."""
    async with serving(rig, failing_store) as service:
        run = await running(service)
        fail_for(failing_store, 500.0)
        with pytest.raises(Exception, match="the disk is full"):
            await service.hold(run.run_id, "ada")
        assert not rig.bench.tester.channel(CHANNEL).busy
        await asyncio.sleep(1000)
        assert state(run) is RunState.HOLDING
        check_rows(rig, failing_store, run.run_id)


def _queued(service: Service) -> str:
    return service.submit(request(cycles=2), "ada", QUEUE).run_id


@pytest.mark.parametrize(
    ("make", "words"),
    [(lambda service, _: _queued(service), "has not begun"), (lambda _, run: run.run_id, "is holding already")],
)
async def test_what_passes_no_current_cannot_be_held(
    rig: Rig, store: Store, make: Callable[[Service, Run], str], words: str
) -> None:
    """The answer says what the run does and what to do instead."""
    async with serving(rig, store) as service:
        run = await running(service)
        await service.hold(run.run_id, "ada")
        with pytest.raises(CommandRefused, match=words):
            await service.hold(make(service, run), "ada")


async def test_reason_of_a_held_run_that_was_stopped_tells_nobody_to_resume_it(rig: Rig, store: Store) -> None:
    """Who held and who stopped it is kept, and the advice to a person is not."""
    async with serving(rig, store) as service:
        run = await running(service)
        await service.hold(run.run_id, "ada")
        assert run.reason == "held by ada; resume it or stop it"
        await service.stop(run.run_id, "bob")
        assert store.run(run.run_id).reason == "stopped by bob; it was held: held by ada"


async def test_a_hold_of_a_run_whose_channel_somebody_has_taken_keeps_the_run(rig: Rig, store: Store) -> None:
    """The other test is left alone (faults B03); ours can go on once the channel is free."""
    async with serving(rig, store) as service:
        run = await running(service)
        rig.bench.tester.stop(CHANNEL)
        await rig.tester.start(await rig.tester.load(CHANNEL, short_segment(5000.0), "by-hand"), "by-hand")
        await service.hold(run.run_id, "ada")
        await asyncio.sleep(300)
        assert state(run) is RunState.HOLDING
        assert rig.bench.tester.channel(CHANNEL).busy
    check_rows(rig, store, run.run_id)
