"""Runs between two segments: starts, stops and restarts there, each as it must be."""

import asyncio

import pytest

from orchestrator.clock.virtual import wall_time
from orchestrator.rack.service import Service
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.measuring_rig import SLOW, state, until
from tests.rig import CHANNEL
from tests.station_rig import RECIPE, StationRig, eis_request, measuring_service
from tests.station_trouble import (
    clipped,
    half_cycles,
    happens,
    is_driven,
)


@pytest.mark.parametrize("at_s", [0.02, 0.9, 1.9])
@pytest.mark.parametrize("gap_s", [0.0, 0.3])
async def test_two_stops_while_the_next_segment_starts_leave_no_cell_driven(
    station_rig: StationRig, store: Store, at_s: float, gap_s: float
) -> None:
    """A double click on stop while a later segment's start is on its way: it is waited for, then stopped."""
    station_rig.tester.faults.delay("start", before_s=1.0, after_s=1.0)
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await happens(lambda: bool(run.progress.index == 2 and run.status.is_between), 0.05)
        await asyncio.sleep(at_s)
        first = asyncio.ensure_future(service.stop(run.run_id, "ada"))
        await asyncio.sleep(gap_s)
        await asyncio.gather(first, service.stop(run.run_id, "bob"))
        await asyncio.sleep(90.0)
        assert state(run) is RunState.STOPPED
        assert not is_driven(station_rig)
        assert store.open_intents() == []


@pytest.mark.parametrize("link_is_back", [True, False])
async def test_stop_while_a_later_start_is_unknown_is_carried_out(
    station_rig: StationRig, store: Store, link_is_back: bool
) -> None:
    """The reply to the second segment's start is lost; a stop then must find out, not believe that nothing runs."""
    station_rig.tester.faults.lose_reply("start", 2)
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await happens(lambda: bool(run.status.start_is_unknown), 0.5)
        if not link_is_back:
            station_rig.tester.faults.silence()
        await service.stop(run.run_id, "ada")
        station_rig.tester.faults.mend()
        await asyncio.sleep(600.0)
        assert not is_driven(station_rig)
        assert state(run) is RunState.STOPPED


async def test_start_that_is_unknown_behind_a_left_out_spectrum_is_not_taken_for_the_segment_before(
    station_rig: StationRig, store: Store
) -> None:
    """Spectrum left out, reply to the next start lost, service restarted: no segment is passed a second time."""
    station_rig.tester.faults.lose_reply("start", 3, then=station_rig.tester.faults.silence)
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await happens(lambda: not (run.progress.index < 3), 30.0)
        station_rig.spoil(link_failed=True)
        await happens(lambda: bool(run.status.start_is_unknown), 0.5)
    station_rig.tester.faults.mend()
    station_rig.spoil(link_failed=False)
    async with measuring_service(station_rig, store) as service:
        await asyncio.sleep(60.0)
        _, run = service.find(run.run_id)
        await until(run, RunState.COMPLETED, RunState.HOLDING, RunState.TRIPPED)
    assert half_cycles(store, run.run_id) == pytest.approx(8.0, abs=0.1)
    assert [t.segment for t in store.tests(run.run_id) if not t.is_measurement] == [0, 2, 4]


async def test_spectrum_of_few_points_neither_holds_the_run_nor_is_measured_twice(
    station_rig: StationRig, store: Store
) -> None:
    """Six frequencies are too few for the watch over shorts: the spectrum is stored once and cycling goes on."""
    text = RECIPE.replace("high: 100 kHz, low: 1 Hz", "high: 1 kHz, low: 300 Hz")
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(text=text), "ada")
        await until(run, RunState.COMPLETED, RunState.HOLDING)
        assert state(run) is RunState.COMPLETED, run.reason
    assert [t.segment for t in store.tests(run.run_id)] == [0, 1, 2, 3, 4, 5]


async def test_segment_measured_twice_neither_skips_one_nor_ends_the_service(
    station_rig: StationRig, store: Store
) -> None:
    """A store with two measurements of one segment is read as one step on the way, and the service comes up."""
    station_rig.tester.faults.delay("start", before_s=1.0)
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await happens(lambda: bool(run.progress.index == 2 and run.status.is_between), 0.05)
        first = next(test for test in store.tests(run.run_id) if test.is_measurement)
        store.add_test(
            run_id=run.run_id,
            segment=first.segment,
            instrument=first.instrument,
            channel=first.channel,
            tester_test_id=None,
            barcode=f"{first.barcode}-again",
            started_unix_s=wall_time(),
            program_json=first.program_json,
        )
        await happens(lambda: not (run.status.is_between), 10.0)
    service = Service(store, [station_rig.tester], station=station_rig.station)
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(100.0)
    assert not task.done(), task.exception()
    assert service.find(run.run_id)[1].progress.index == 2
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.rig(by_hand=True)
async def test_full_disk_when_a_person_is_to_be_asked_ends_no_watch(station_rig: StationRig, store: Store) -> None:
    """The state cannot be written down: the run waits, and the service goes on watching everything else."""
    service = Service(store, [station_rig.tester], station=station_rig.station)
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(0)
    service.submit(eis_request(), "ada")
    await asyncio.sleep(500.0)
    store.connection.execute("PRAGMA query_only = 1")
    await asyncio.sleep(2000.0)
    store.connection.execute("PRAGMA query_only = 0")
    assert not task.done(), task.exception()
    task.cancel()
    await asyncio.wait({task})


async def test_second_stop_does_not_keep_the_switch_from_letting_go(station_rig: StationRig, store: Store) -> None:
    """Two people press stop during a spectrum: the cell is off the leads when both are told that it is stopped."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(text=SLOW), "ada")
        await asyncio.sleep(900.0)
        assert station_rig.bench.leads.channel == CHANNEL
        station_rig.switch_faults.delay("select", before_s=2.0)  # a line that is opened anew
        first = asyncio.ensure_future(service.stop(run.run_id, "ada"))
        await asyncio.sleep(1.0)
        await asyncio.gather(first, service.stop(run.run_id, "bob"))
        assert clipped(station_rig) is None
        assert store.open_intents() == []


async def test_restart_in_the_last_half_cycle_of_a_later_segment_loses_no_charge(
    station_rig: StationRig, store: Store
) -> None:
    """Restarted, then stopped at the tester, then resumed: what was left of the half-cycle is passed."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await happens(
            lambda: bool(
                run.progress.index == 4 and run.last and run.last.tester_cycle == 2 and run.last.current_a < 0
            ),
            30.0,
        )
    async with measuring_service(station_rig, store) as service:
        await asyncio.sleep(100.0)
        _, run = service.find(run.run_id)
        assert run.records is not None
        await station_rig.tester.stop(run.records.identity)
        await until(run, RunState.HOLDING)
        await service.resume(run.run_id, "ada")
        await until(run, RunState.COMPLETED)
    # Contact checks of 10 s each are in it too.
    assert half_cycles(store, run.run_id) == pytest.approx(8.0, abs=0.06)


async def test_tester_out_of_reach_when_a_spectrum_is_over_costs_no_run(station_rig: StationRig, store: Store) -> None:
    """The link breaks during a spectrum: the run goes on or is held, it is not failed for good."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(text=SLOW), "ada")
        await asyncio.sleep(900.0)
        station_rig.tester.faults.silence()
        await asyncio.sleep(4000.0)
        assert state(run) is not RunState.FAILED
        station_rig.tester.faults.mend()
        if run.state is RunState.HOLDING:
            await service.resume(run.run_id, "ada")
        await until(run, RunState.COMPLETED)
    assert half_cycles(store, run.run_id) == pytest.approx(8.0, abs=0.1)
