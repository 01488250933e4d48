"""A stored program that is not the one that was ordered is never judged by, resumed or started."""

from __future__ import annotations

import asyncio

import pytest

from drivers.errors import NoReply
from orchestrator.rack.claims import CommandRefused
from orchestrator.runs.request import stored_program
from orchestrator.states import RunState
from orchestrator.store import Damaged, MountingKind, Mountings, Store
from simulators.neware.step_machine import Status
from tests.rig import CHANNEL, Rig
from tests.service_rig import NEXT, request, serving, state


def spoil(store: Store, run_id: str) -> None:
    """Change one digit of a stored program: a limit of it, say, by one flipped bit of the disk."""
    store.connection.execute(
        "UPDATE run SET program_json = replace(program_json, '0.6', '0.7') WHERE run_id = ?", (run_id,)
    )


async def test_a_spoiled_program_is_told_before_it_is_read(store: Store) -> None:
    """The row's hash is compared with its text."""
    run_id = request().add_to(store)
    stored_program(store.run(run_id))
    spoil(store, run_id)
    with pytest.raises(Damaged, match=f"the program of run {run_id} in the store is not the one that was ordered"):
        stored_program(store.run(run_id))


async def test_a_running_test_is_not_adopted_by_a_spoiled_program(rig: Rig, store: Store) -> None:
    """It rides on, its channel is kept, everybody is told, and a person can stop it by name."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(600)
        assert state(run) is RunState.RUNNING
    spoil(store, run.run_id)
    async with serving(rig, store) as service:
        await asyncio.sleep(600)
        assert any("not the one that was ordered" in trouble for trouble in service.troubles)
        assert run.run_id not in {known.run_id for known in service.runs}
        other = service.submit(request(), "ada", NEXT)
        await asyncio.sleep(600)
        assert state(other) is RunState.QUEUED
        assert any("not the one that was ordered" in trouble for trouble in service.troubles)
        assert rig.bench.tester.channels[CHANNEL].machine.status is Status.WORKING
        with pytest.raises(CommandRefused, match="is stopped at the tester by ada"):
            await service.stop(run.run_id, "ada")
        assert rig.bench.tester.channels[CHANNEL].machine.status is not Status.WORKING


async def test_a_queued_run_of_a_spoiled_program_does_not_start(rig: Rig, store: Store) -> None:
    """What nobody ordered is not carried out."""
    run_id = request().add_to(store)
    Mountings(store).add(CHANNEL, MountingKind.ORDERED, run_id, "ada", 0.0)
    spoil(store, run_id)
    async with serving(rig, store):
        await asyncio.sleep(600)
    assert store.run(run_id).state is RunState.QUEUED
    assert rig.bench.tester.channels[CHANNEL].tests == []


async def test_a_held_run_is_not_resumed_from_a_spoiled_program(rig: Rig, store: Store) -> None:
    """The hash is compared again when a person resumes."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(600)
        rig.bench.tester.reboot(keep_program=False)
        await asyncio.sleep(600)
        assert state(run) is RunState.HOLDING
        spoil(store, run.run_id)
        with pytest.raises(Damaged):
            await service.resume(run.run_id, "ada")
        assert state(run) is RunState.HOLDING


async def test_a_held_run_that_works_again_is_not_watched_by_a_spoiled_program(rig: Rig, store: Store) -> None:
    """Continued at the tester it stays held, the channel says why, a stop there is repeated, and its name stops it."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(900)
        rig.bench.tester.reboot(keep_program=True)
        await asyncio.sleep(200)
        assert state(run) is RunState.HOLDING
        spoil(store, run.run_id)
        assert rig.bench.tester.resume(CHANNEL)
        await asyncio.sleep(300)
        assert state(run) is RunState.HOLDING
        watch = service.supervisors[0].watch
        assert "not the one that was ordered" in watch.words(CHANNEL)
        rig.tester.faults.fail("stop", NoReply("silent"))
        assert not (await watch.stop(CHANNEL, "ada")).is_off
        rig.tester.faults.mend()
        await asyncio.sleep(300)
        assert rig.bench.tester.channels[CHANNEL].machine.status is not Status.WORKING
