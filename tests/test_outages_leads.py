"""A cell at the potentiostat's leads, or on its way there, while the store takes nothing: a stop does not wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from orchestrator.clock.virtual import run_virtual
from orchestrator.measuring.between_segments import BetweenSegments
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.runs.starting import StartPermit
from orchestrator.states import RunState
from orchestrator.store import StoreError
from tests.measuring_rig import LFP, OTHER, SLOW, state, until
from tests.outage import FailingStore, Outage, fail_for, open_failing_store
from tests.rig import CHANNEL
from tests.station_rig import StationRig, eis_program, eis_request, measuring_service, open_station_rig
from tests.station_trouble import clipped, happens

_PORT = 3
_LONG_S = 20_000.0
Work = Callable[[StationRig, FailingStore], Awaitable[None]]


def with_outage(path: Path, work: Work, cells: dict[str, str] | None = None) -> None:
    """Run a test's body with a potentiostat beside the rack and a store that fails when the test says so."""

    async def main() -> None:
        async with open_station_rig(cells=cells) as rig:
            with open_failing_store(path, Outage()) as store:
                await work(rig, store)

    run_virtual(main())


async def set_out(rig: StationRig, store: FailingStore) -> tuple[BetweenSegments, Run, asyncio.Task[bool]]:
    """Bring a run through its first segment, and let its errand begin."""
    request = eis_request()
    run = Run(store, rig.tester, request, request.add_to(store))
    await run.starting.start()
    assert run.records is not None
    await asyncio.sleep(200.0)
    await run.records.collect_rest()
    assert run.border.go_to_next()
    errands = BetweenSegments(store, rig.tester, rig.station, StartPermit())
    return errands, run, asyncio.ensure_future(errands.go_on(run))


async def end(task: asyncio.Task[bool]) -> float:
    """End an errand as a stop does, and give how long that takes."""
    began_s = asyncio.get_running_loop().time()
    task.cancel()
    await asyncio.wait({task})
    return asyncio.get_running_loop().time() - began_s


async def test_person_who_stops_a_cell_at_the_leads_does_not_wait_for_the_disk(
    station_rig: StationRig, failing_store: FailingStore
) -> None:
    """The cell is off the leads at once, who has ordered it hears of the disk, and the end is written with room."""
    async with measuring_service(station_rig, failing_store) as service:
        run = service.submit(eis_request(text=SLOW), "ada")
        await happens(lambda: clipped(station_rig) == CHANNEL)
        await asyncio.sleep(60.0)
        fail_for(failing_store, _LONG_S)
        async with asyncio.timeout(60.0):
            with pytest.raises(StoreError):
                await service.stop(run.run_id, "ada")
        assert clipped(station_rig) is None
        await until(run, RunState.STOPPED)


async def test_service_that_ends_with_a_cell_at_the_leads_does_not_wait_for_the_disk(
    station_rig: StationRig, failing_store: FailingStore
) -> None:
    """The cell is off the leads; the next start finds what is open, and asks a person."""
    async with measuring_service(station_rig, failing_store) as service:
        run_id = service.submit(eis_request(text=SLOW), "ada").run_id
        await happens(lambda: clipped(station_rig) == CHANNEL)
        await asyncio.sleep(60.0)
        fail_for(failing_store, 600.0)
        ends_s = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - ends_s < 60.0
    assert clipped(station_rig) is None
    await asyncio.sleep(600.0)
    async with measuring_service(station_rig, failing_store) as service:
        await asyncio.sleep(60.0)
        assert state(service.find(run_id)[1]) is RunState.HOLDING


@pytest.mark.parametrize("ended_after_s", [0.0, 300.0])
async def test_switch_that_sticks_is_not_hidden_by_a_stop_while_the_disk_is_full(
    station_rig: StationRig, failing_store: FailingStore, ended_after_s: float
) -> None:
    """Why the run must be held is kept until it is written, whether or not the errand had waited with it before."""
    errands, run, task = await set_out(station_rig, failing_store)
    await happens(lambda: clipped(station_rig) == CHANNEL)
    station_rig.relays.relays.welded.add(_PORT)
    fail_for(failing_store, 3000.0)
    if ended_after_s:
        await happens(lambda: "waits for the store" in run.reason)
        assert "take the leads off" in run.reason
    await asyncio.sleep(ended_after_s)
    assert await end(task) < 10.0
    assert "take the leads off" in errands.trouble_of(run)
    assert "take the leads off" in run.reason
    with pytest.raises(StoreError):
        errands.write_pending(run)
    assert state(run) is RunState.RUNNING
    await asyncio.sleep(3000.0)
    errands.write_pending(run)
    assert state(run) is RunState.HOLDING
    assert "take the leads off" in run.reason
    assert errands.trouble_of(run) == ""
    assert [event.kind for event in failing_store.events(run.run_id)].count("stop not confirmed") == 1
    assert [intent for intent in failing_store.open_intents() if intent.command == "measure"] == []
    assert len(failing_store.measurements(run.run_id)) == bool(ended_after_s)


async def test_errand_that_is_let_go_on_first_writes_what_it_owes(
    station_rig: StationRig, failing_store: FailingStore
) -> None:
    """Nothing is measured, and nobody goes on, before a person has taken the leads off."""
    errands, run, task = await set_out(station_rig, failing_store)
    await happens(lambda: clipped(station_rig) == CHANNEL)
    station_rig.relays.relays.welded.add(_PORT)
    fail_for(failing_store, 600.0)
    await end(task)
    assert not await errands.go_on(run)
    assert state(run) is RunState.HOLDING
    assert (failing_store.measurements(run.run_id), failing_store.open_intents()) == ([], [])


def test_spectrum_that_nobody_has_stored_is_told_with_its_files(
    store_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A service that ends with a whole spectrum in memory says where its files are, which are copied by then."""

    async def work(rig: StationRig, store: FailingStore) -> None:
        errands, run, task = await set_out(rig, store)
        await happens(lambda: clipped(rig) == CHANNEL)
        fail_for(store, 3000.0)
        await happens(lambda: "waits for the store" in run.reason)
        with caplog.at_level(logging.ERROR):
            assert await end(task) < 10.0
        assert errands.trouble_of(run) == ""
        await asyncio.sleep(3000.0)
        errands.write_pending(run)
        (row,) = store.measurements(run.run_id)
        assert len(store.spectrum(row.test)) == 61
        assert run.progress.index == 2

    with_outage(store_path, work)
    (folder,) = store_path.with_name(f"{store_path.name}.measurements").iterdir()
    assert list(folder.iterdir())
    (line,) = [record.getMessage() for record in caplog.records if "its files are in" in record.getMessage()]
    assert f"its files are in {folder}: the disk is full" in line


async def test_cell_that_is_being_let_go_is_let_go_although_the_run_is_stopped(
    station_rig: StationRig, failing_store: FailingStore
) -> None:
    """A stop in the moment between the relay and its answer cuts nothing short, and the spectrum is stored."""
    _, run, task = await set_out(station_rig, failing_store)
    await happens(lambda: clipped(station_rig) == CHANNEL)
    loop = asyncio.get_running_loop()
    # Once the relay is under way to let go, the errand is cancelled.
    station_rig.switch_faults.before("select", lambda port: port or loop.call_soon(task.cancel))
    await asyncio.wait({task})
    assert task.cancelled()
    assert clipped(station_rig) is None
    assert len(failing_store.measurements(run.run_id)) == 1
    assert failing_store.open_intents() == []


async def test_rest_that_the_disk_has_made_longer_is_stored_as_long_as_it_was(
    station_rig: StationRig, failing_store: FailingStore
) -> None:
    """A cell that has waited three hours for the store has rested so much longer before its spectrum."""
    async with measuring_service(station_rig, failing_store) as service:
        run = service.submit(eis_request(), "ada")
        await until(run, RunState.RUNNING)
        await happens(lambda: "rests before" in run.reason, 10.0)
        began_s = asyncio.get_running_loop().time()
        fail_for(failing_store, 10_800.0)
        await happens(lambda: clipped(station_rig) == CHANNEL)
        rested_s = asyncio.get_running_loop().time() - began_s
        await happens(lambda: bool(failing_store.measurements(run.run_id)), 60.0)
        (row,) = failing_store.measurements(run.run_id)
        assert rested_s > 10_800.0
        assert row.rested_s == pytest.approx(rested_s, abs=60.0)


@pytest.mark.rig(cells={OTHER: "coated-lfp"})
async def test_cell_that_has_drifted_while_the_disk_was_full_is_the_right_one(
    station_rig: StationRig, failing_store: FailingStore
) -> None:
    """Its voltage at the leads is compared with the tester's of that moment, not of hours before."""
    relaxing = LFP.replace("rest: 10 min, drift_per_min: 1 mV", "rest: 5 min, drift_per_min: 10 mV")
    station_rig.station.arrival_v = 0.001
    async with measuring_service(station_rig, failing_store) as service:
        run = service.submit(RunRequest(eis_program(relaxing, "coated-lfp"), OTHER, OTHER), "ada")
        await happens(lambda: "rests before" in run.reason, 10.0)
        fail_for(failing_store, 10_800.0)
        await until(run, RunState.COMPLETED, RunState.HOLDING)
        assert state(run) is RunState.COMPLETED, run.reason


async def test_person_whose_stop_meets_a_switch_that_sticks_finds_the_run_held(
    station_rig: StationRig, failing_store: FailingStore
) -> None:
    """It has not plainly stopped: its leads are on the cell, which is said at once and written when there is room."""
    async with measuring_service(station_rig, failing_store) as service:
        run = service.submit(eis_request(), "ada")
        await happens(lambda: clipped(station_rig) == CHANNEL)
        station_rig.relays.relays.welded.add(_PORT)
        fail_for(failing_store, 3000.0)
        await happens(lambda: "waits for the store" in run.reason)
        with pytest.raises(StoreError):
            await service.stop(run.run_id, "ada")
        assert "take the leads off" in run.reason
        await asyncio.sleep(4000.0)
        assert state(run) is RunState.HOLDING
        assert "take the leads off" in run.reason
        assert len(failing_store.measurements(run.run_id)) == 1
        assert failing_store.open_intents() == []
