"""After a stop or a trip nothing starts on that channel before a person says so; a double click is one order."""

import asyncio

import pytest

from orchestrator.api.routes import channel_now
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import Terms
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.rig import CHANNEL, Rig, li_li_program
from tests.service_rig import NEXT, OTHER, QUEUE, request, serving, state

LONG_S = 6_000.0


def named(label: str, channel: str = CHANNEL, cycles: int = 1) -> RunRequest:
    """Give a short run under a name of its own."""
    return RunRequest(li_li_program(cycles, 600.0), channel, label)


async def test_a_queued_run_waits_behind_a_stop_until_its_cell_is_said_to_be_mounted(rig: Rig, store: Store) -> None:
    """It does not start 0.2 s later; status says why and what to do, and one word lets one run start."""
    async with serving(rig, store) as service:
        first = service.submit(named("a"), "ada")
        second, third = (service.submit(named(label), "ada", QUEUE) for label in "bc")
        await asyncio.sleep(1000)
        await service.stop(first.run_id, "ada")
        await asyncio.sleep(LONG_S)
        assert (state(second), state(third)) == (RunState.QUEUED, RunState.QUEUED)
        assert f"{first.run_id} was stopped on {CHANNEL}" in second.reason
        assert f"cellrig mounted {second.run_id}" in channel_now(service, CHANNEL).words
        assert channel_now(service, CHANNEL).needs_person
        service.cells.mounted(third.run_id, "bob")
        await asyncio.sleep(LONG_S)
        assert (state(second), state(third)) == (RunState.QUEUED, RunState.COMPLETED)
        assert "start ordered by bob" in [e.message for e in store.events(third.run_id) if e.kind == "command"][-1]


async def test_a_queued_run_waits_behind_an_acknowledged_trip(rig: Rig, store: Store) -> None:
    """Before the acknowledgement nobody can let it start; the acknowledgement itself is no word for it."""
    async with serving(rig, store) as service:
        first = service.submit(named("a", cycles=3), "ada")
        second = service.submit(named("b"), "ada", QUEUE)
        await asyncio.sleep(1000)
        rig.bench.tester.pull_out_cell(CHANNEL)
        await asyncio.sleep(1500)
        assert state(first) is RunState.TRIPPED
        with pytest.raises(CommandRefused, match=f"cellrig ack {first.run_id}"):
            service.cells.mounted(second.run_id, "ada")
        between = service.submit(named("c"), "ada", QUEUE)
        service.acknowledge(first.run_id, "bob")
        await asyncio.sleep(LONG_S)
        assert (state(second), state(between)) == (RunState.QUEUED, RunState.QUEUED)
        after = service.submit(named("d"), "ada", QUEUE)
        service.cells.mounted(after.run_id, "ada")
        await asyncio.sleep(1)
        assert state(after) is not RunState.QUEUED


async def test_a_queued_run_waits_behind_a_stop_also_after_a_restart(rig: Rig, store: Store) -> None:
    """The stop is a service's past, and its word still counts."""
    async with serving(rig, store) as service:
        first, second = service.submit(named("a"), "ada"), service.submit(named("b"), "ada", QUEUE)
        await asyncio.sleep(1000)
        await service.stop(first.run_id, "ada")
    async with serving(rig, store) as service:
        await asyncio.sleep(LONG_S)
        assert store.run(second.run_id).state is RunState.QUEUED
        assert "waits for a person" in store.run(second.run_id).reason
    async with serving(rig, store) as service:
        await asyncio.sleep(100)
        service.cells.mounted(second.run_id, "ada")
        await asyncio.sleep(LONG_S)
        assert store.run(second.run_id).state is RunState.COMPLETED


async def test_a_run_that_completes_lets_the_next_test_of_its_cell_start(rig: Rig, store: Store) -> None:
    """Also when it was held and resumed, when a queued run was taken out, and when another channel was stopped."""
    async with serving(rig, store) as service:
        first = service.submit(named("a"), "ada")
        unwanted, last = (service.submit(named("a", cycles=cycles), "ada", NEXT) for cycles in (2, 3))
        other = service.submit(named("d", OTHER), "ada")
        await asyncio.sleep(300)
        await service.stop(unwanted.run_id, "ada")
        await service.stop(other.run_id, "ada")
        await service.hold(first.run_id, "ada")
        await asyncio.sleep(LONG_S)
        assert state(last) is RunState.QUEUED
        await service.resume(first.run_id, "ada")
        await asyncio.sleep(LONG_S)
        assert (state(first), state(last)) == (RunState.COMPLETED, RunState.COMPLETED)


async def test_an_order_that_follows_a_stop_starts_at_once(rig: Rig, store: Store) -> None:
    """It is the new word itself."""
    async with serving(rig, store) as service:
        first = service.submit(named("a"), "ada")
        await asyncio.sleep(1000)
        await service.stop(first.run_id, "ada")
        second = service.submit(named("b"), "ada", Terms(mounted="b"))
        with pytest.raises(CommandRefused, match="starts by itself"):
            service.cells.mounted(second.run_id, "ada")
        await asyncio.sleep(60)
        assert state(second) is RunState.RUNNING


async def test_runs_without_a_service_do_not_wait_for_anybody(rig: Rig, store: Store) -> None:
    """Where nobody can give a word, the runs end that have begun, and the rest is left queued with its reason."""
    rig.bench.tester.pull_out_cell(CHANNEL)
    runs = await Supervisor(store, rig.tester).run([named("a"), named("b"), named("c", OTHER)])
    assert [run.state for run in runs] == [RunState.STOPPED, RunState.QUEUED, RunState.COMPLETED]


async def test_a_double_click_is_one_order(rig: Rig, store: Store) -> None:
    """The same order of the same person within five seconds is refused; another channel, person or time is not.

    Faults I01.
    """
    async with serving(rig, store) as service:
        first = service.submit(request(), "ada")
        for _ in range(20):
            await asyncio.sleep(0.2)
            with pytest.raises(CommandRefused, match=f"ada has just ordered the same .* it is {first.run_id}"):
                service.submit(request(), "ada")
        service.submit(request(OTHER), "ada")
        service.submit(request(), "bob", QUEUE)
        await asyncio.sleep(2)
        service.submit(request(), "ada", QUEUE)
        with pytest.raises(CommandRefused, match="ada has just ordered the same"):
            service.submit(request(), "ada", QUEUE)
        assert len(store.runs()) == 4


async def test_an_order_that_was_stopped_can_be_given_again_at_once(rig: Rig, store: Store) -> None:
    """Whoever stops a run and orders it anew has not clicked twice."""
    async with serving(rig, store) as service:
        await service.stop(service.submit(request(), "ada").run_id, "ada")
        assert state(service.submit(request(), "ada")) is RunState.QUEUED
