"""The service: what becomes of runs when it dies, what clients may order, and what waits for a person."""

import asyncio
import re

import pytest

from orchestrator.clock.local_time import local_time
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused, NoSuchThing
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.neware.settings import Trouble
from tests.rig import CHANNEL, Rig
from tests.service_rig import NEXT, OTHER, QUEUE, check_rows, request, serving, state


async def test_service_keeps_only_the_newest_of_a_channels_runs_that_are_over(rig: Rig, store: Store) -> None:
    """It may live for months: what it looks after does not grow with what has been (faults E04)."""
    async with serving(rig, store) as service:
        for _ in range(5):
            run = service.submit(request(), "ada")
            await service.stop(run.run_id, "ada")
        other = service.submit(request(OTHER), "ada")
        assert [kept.run_id for kept in service.runs] == ["R000004", "R000005", other.run_id]
    assert len(store.runs()) == 6


@pytest.mark.parametrize("dead_at_s", [1.0, 6.0, 12.0, 100.0, 700.0, 3000.0, 7000.0])
@pytest.mark.parametrize("away_s", [1.0, 600.0, 20_000.0])
async def test_service_that_dies_finds_its_runs_again(rig: Rig, store: Store, dead_at_s: float, away_s: float) -> None:
    """Whenever it is ended and however long away: every record is stored, nothing is started twice (faults E02)."""
    async with serving(rig, store) as service:
        ids = [service.submit(request(channel), "ada").run_id for channel in (CHANNEL, OTHER)]
        await asyncio.sleep(dead_at_s)
    await asyncio.sleep(away_s)
    async with serving(rig, store) as service:
        await asyncio.sleep(12_000)
        states = [store.run(run_id).state for run_id in ids]
        assert set(states) <= {RunState.COMPLETED, RunState.FAILED}
        for run_id, channel, state in zip(ids, (CHANNEL, OTHER), states, strict=True):
            assert len(rig.bench.tester.channels[channel].tests) == (state is RunState.COMPLETED)
            check_rows(rig, store, run_id, channel)
        assert store.open_intents() == []


async def test_gap_of_a_dead_service_begins_with_its_last_record(rig: Rig, store: Store) -> None:
    """The deviation lasts from what was stored last until the service is back, not from the restart."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(2000)
    await asyncio.sleep(1000)
    async with serving(rig, store):
        await asyncio.sleep(200)
    (deviation,) = store.deviations(run.run_id)
    assert 1000 <= (deviation.ended_unix_s or 0) - deviation.started_unix_s <= 1200


async def test_runs_for_one_channel_wait_in_its_queue(rig: Rig, store: Store) -> None:
    """The second starts when the first has ended; both are whole."""
    async with serving(rig, store) as service:
        first, second = service.submit(request(cycles=1), "ada"), service.submit(request(cycles=1), "bob", NEXT)
        await asyncio.sleep(2000)
        assert (state(first), state(second)) == (RunState.RUNNING, RunState.QUEUED)
        await asyncio.sleep(6000)
        assert (state(first), state(second)) == (RunState.COMPLETED, RunState.COMPLETED)


async def test_queue_survives_the_service(rig: Rig, store: Store) -> None:
    """A queued run is queued again after a restart and starts in its turn."""
    async with serving(rig, store) as service:
        first = service.submit(request(cycles=1), "ada").run_id
        second = service.submit(request(cycles=1), "bob", NEXT).run_id
        await asyncio.sleep(2000)
    async with serving(rig, store):
        await asyncio.sleep(8000)
    assert [store.run(run_id).state for run_id in (first, second)] == [RunState.COMPLETED] * 2


@pytest.mark.parametrize("dies_again", [False, True])
async def test_rebooted_tester_without_its_program_holds_the_run(rig: Rig, store: Store, dies_again: bool) -> None:
    """No automatic restart; resumed by a person it passes what was left and no more (faults B01, E11).

    Its cycles are counted through, also when the service dies once more in the second test.
    """
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=2, half_cycle_s=1800), "ada")
        await asyncio.sleep(3000)
        rig.bench.tester.reboot(keep_program=False)
        await asyncio.sleep(600)
        assert state(run) is RunState.HOLDING
        await asyncio.sleep(86400)
        assert len(rig.bench.tester.channels[CHANNEL].tests) == 1
        await service.resume(run.run_id, "ada")
        assert state(run) is RunState.RUNNING
        await asyncio.sleep(100 if dies_again else 8000)
    async with serving(rig, store):
        await asyncio.sleep(8000)
    assert store.run(run.run_id).state is RunState.COMPLETED
    check_rows(rig, store, run.run_id)
    effects = [deviation.effect for deviation in store.deviations(run.run_id)]
    assert sum("resumed by ada" in effect for effect in effects) == 1
    passed = dict.fromkeys(("cc", "dc"), 0.0)
    for test in store.tests(run.run_id):
        for step in store.steps(test.id):
            if step.mode in passed and step.duration_s != 5.0:
                passed[step.mode] += step.capacity_ah
    cycles = [cycle for test in store.tests(run.run_id) for cycle in store.cycles(test.id)]
    assert [cycle.cycle for cycle in cycles] == [1, 2]
    for cycle in cycles:
        assert cycle.charge_capacity_ah == pytest.approx(157.08e-6 / 2, rel=0.02)
        assert cycle.discharge_capacity_ah == pytest.approx(157.08e-6 / 2, rel=0.02)
    wanted_ah = 2 * 1800 * 157.08e-6 / 3600
    unknown_ah = 157.08e-6 * 30 / 3600
    for mode in passed:
        assert wanted_ah * 0.999 <= passed[mode] <= wanted_ah * 1.001 + unknown_ah


async def test_tester_that_pauses_after_a_power_cut_is_held_and_resumed(rig: Rig, store: Store) -> None:
    """A kept program is not continued by itself; the person's resume stops it and goes on (faults E11)."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(1500)
        rig.bench.tester.reboot(keep_program=True)
        await asyncio.sleep(600)
        assert state(run) is RunState.HOLDING
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(5000)
        assert state(run) is RunState.COMPLETED


async def test_intent_left_open_by_a_death_at_the_very_end_is_closed(rig: Rig, store: Store) -> None:
    """The run is over and its stop's outcome was never written: the next start writes what is known."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        await service.stop(run.run_id, "ada")
    store.open_intent(run.run_id, CHANNEL, "stop", "0" * 64, "left behind", 0.0)
    async with serving(rig, store):
        await asyncio.sleep(10)
    assert store.open_intents() == []


async def test_tester_that_forgot_the_test_holds_the_run(rig: Rig, store: Store) -> None:
    """Nothing can be backfilled from a tester that was swapped or wiped; the run is held, and others go on."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
    rig.bench.tester.stop(CHANNEL)
    rig.bench.tester.channels[CHANNEL].tests.clear()
    async with serving(rig, store) as service:
        other = service.submit(request(OTHER, cycles=1), "ada")
        await asyncio.sleep(6000)
        assert store.run(run.run_id).state is RunState.HOLDING
        assert state(other) is RunState.COMPLETED


async def test_trip_is_latched_until_acknowledged_by_name(rig: Rig, store: Store) -> None:
    """Nothing starts on a tripped channel; the acknowledgement keeps the reason and the name (faults I06)."""
    async with serving(rig, store) as service:
        rig.bench.tester.make_trouble(CHANNEL, Trouble(current_factor=2.0))
        run = service.submit(request(), "ada")
        queued = service.submit(request(cycles=1), "ada", QUEUE)
        await asyncio.sleep(900)
        assert state(run) is RunState.TRIPPED
        with pytest.raises(CommandRefused, match="tripped"):
            await service.resume(run.run_id, "ada")
    async with serving(rig, store) as service:
        await asyncio.sleep(900)
        assert service.find(queued.run_id)[1].state is RunState.QUEUED
        rig.bench.tester.make_trouble(CHANNEL, Trouble())
        service.acknowledge(run.run_id, "grace")
        await asyncio.sleep(6000)
        assert service.find(queued.run_id)[1].state is RunState.QUEUED
        service.cells.mounted(queued.run_id, "grace")
        await asyncio.sleep(6000)
        assert service.find(queued.run_id)[1].state is RunState.COMPLETED
    assert "acknowledged by grace" in store.run(run.run_id).reason


async def test_third_start_after_two_deaths_only_observes_until_the_time_it_says(rig: Rig, store: Store) -> None:
    """A crash loop starts nothing for ten minutes, then what waits; runs that go on are still stored (faults E07)."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        queued = service.submit(request(cycles=1), "bob", NEXT)
        await asyncio.sleep(100)
    async with serving(rig, store):
        await asyncio.sleep(100)
    async with serving(rig, store) as service:
        assert service.observe_only
        assert service.observes_until_unix_s == wall_time() + 600
        until = re.escape(local_time(wall_time() + 600))
        with pytest.raises(CommandRefused, match=f"died 2 times within 10 minutes: it only observes until {until}"):
            service.submit(request("21-1-6"), "ada")
        await asyncio.sleep(599)
        with pytest.raises(CommandRefused, match="observes"):
            service.submit(request("21-1-6"), "ada")
        await asyncio.sleep(2)
        assert service.troubles == []
        await asyncio.sleep(12000)
        assert store.run(run.run_id).state is RunState.COMPLETED
        assert store.run(queued.run_id).state is RunState.COMPLETED


async def test_restarts_by_a_person_are_no_crash_loop(rig: Rig, store: Store) -> None:
    """However often it is ended in order and started, nor when it dies once between; nor after deaths long ago."""

    async def observes(*, dies: bool) -> bool:
        async with serving(rig, store) as service:
            await asyncio.sleep(1)
            observing = service.observe_only
        if not dies:
            store.add_event(None, EventKind.SERVICE_STOPPED, "the service was ended in order", wall_time())
        return observing

    assert not any([await observes(dies=n == 3) for n in range(6)])
    assert not await observes(dies=True)
    await asyncio.sleep(700)
    assert [await observes(dies=True) for _ in range(3)] == [False, True, True]
    # Who ends it in order and starts it again has looked.
    assert await observes(dies=False)
    assert not await observes(dies=False)


async def test_claim_keeps_others_out_and_ends_by_itself(rig: Rig, store: Store) -> None:
    """A vanished client blocks nothing for longer than its claim (faults I01)."""
    async with serving(rig, store) as service:
        service.claim(CHANNEL, "ada", 60)
        with pytest.raises(CommandRefused, match=r"claimed by ada for another 60 s"):
            service.submit(request(), "grace")
        with pytest.raises(CommandRefused, match="ada"):
            service.claim(CHANNEL, "grace", 60)
        await asyncio.sleep(61)
        service.claim(CHANNEL, "grace", 60)
        service.claims.release(CHANNEL, "grace")
        service.submit(request(), "ada")


async def test_what_is_not_there_is_told(rig: Rig, store: Store) -> None:
    """Unknown runs and channels are named."""
    async with serving(rig, store) as service:
        with pytest.raises(NoSuchThing, match="R000009"):
            await service.stop("R000009", "ada")
        with pytest.raises(NoSuchThing, match="21-7-1"):
            service.submit(request("21-7-1"), "ada")
