"""Runs between two segments: the numbers and words that people are shown there, and what their orders do."""

import asyncio

import pytest

from drivers.chi660e.potentiostat import Chi660ePotentiostat
from orchestrator.rack.service import Service
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.program import MeasurementSegment
from tests.measuring_rig import LFP, OTHER, SLOW, state, until
from tests.rig import CHANNEL
from tests.station_rig import StationRig, eis_program, eis_request, measuring_service


@pytest.mark.rig(by_hand=True)
async def test_restart_while_a_person_is_asked_keeps_the_cycle_numbers(station_rig: StationRig, store: Store) -> None:
    """The last cycle of a segment that is over counts, also when the service was restarted before the spectrum."""

    async def asked(service: Service, run_id: str, clip: str | None) -> None:
        station_rig.bench.clip(clip)
        await service.resume(run_id, "ada")
        await asyncio.sleep(20.0)

    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        for clip in (CHANNEL, None):
            await until(run, RunState.AWAITING_OPERATOR)
            await asked(service, run.run_id, clip)
        await until(run, RunState.AWAITING_OPERATOR)
    async with measuring_service(station_rig, store) as service:
        await asyncio.sleep(30.0)
        _, run = service.find(run.run_id)
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(20.0)
        for clip in (CHANNEL, None, CHANNEL):
            await until(run, RunState.AWAITING_OPERATOR)
            await asked(service, run.run_id, clip)
        await until(run, RunState.COMPLETED)
    assert [row.cycle for row in store.measurements(run.run_id)] == [0, 2, 4]
    assert sorted(c.cycle for t in store.tests(run.run_id) for c in store.cycles(t.id)) == [1, 2, 3, 4]


@pytest.mark.rig(by_hand=True)
async def test_cycle_shown_between_segments_is_the_one_behind(station_rig: StationRig, store: Store) -> None:
    """While the cell waits to be put back, the run shows the cycles that it has had."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await until(run, RunState.AWAITING_OPERATOR)
        station_rig.bench.clip(CHANNEL)
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(20.0)
        await until(run, RunState.AWAITING_OPERATOR)
        assert run.reason.startswith("move cell coated-li-li from chi660e back")
        assert run.update().cycle == 0


async def test_nothing_is_started_behind_a_spectrum_while_starts_are_refused(
    station_rig: StationRig, store: Store
) -> None:
    """A disk that fills during a rest: the next segment does not begin on its own (faults E07, F01)."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await asyncio.sleep(400.0)
        service.supervisors[0].permit.refusal = "nothing is started at present"
        await asyncio.sleep(10_000.0)
        assert len([test for test in store.tests(run.run_id) if not test.is_measurement]) == 1
        service.supervisors[0].permit.refusal = ""
        await until(run, RunState.COMPLETED)


async def test_tester_that_falls_silent_in_a_rest_is_told_and_keeps_nobody_from_the_potentiostat(
    station_rig: StationRig, store: Store
) -> None:
    """Within an hour somebody is told, and the potentiostat is free for the runs of other testers (faults A01)."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await asyncio.sleep(700.0)
        station_rig.tester.faults.silence()
        await asyncio.sleep(3600.0)
        assert "link lost" in [event.kind for event in store.events(run.run_id)] or run.state is RunState.HOLDING
        assert not station_rig.station.turn.locked()


@pytest.mark.rig(by_hand=True)
async def test_stop_in_a_spectrum_without_a_switch_says_that_the_leads_are_on_the_cell(
    station_rig: StationRig, store: Store
) -> None:
    """Nobody but a person takes them off, and what the instrument does is not known: that is said."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(text=SLOW), "ada")
        await until(run, RunState.AWAITING_OPERATOR)
        station_rig.bench.clip(CHANNEL)
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(100.0)
        assert station_rig.processes_left()
        await service.stop(run.run_id, "ada")
        assert "leads" in run.reason


async def test_ctrl_c_does_not_hide_a_relay_that_sticks(station_rig: StationRig, store: Store) -> None:
    """``cellrig run`` ended in a spectrum whose switch does not let go: its last word says so."""
    supervisor = Supervisor(store, station_rig.tester, station=station_rig.station)
    task = asyncio.ensure_future(supervisor.run([eis_request(text=SLOW)]))
    await asyncio.sleep(900.0)
    station_rig.relays.relays.welded.add(3)
    task.cancel()
    await asyncio.wait({task})
    (run,) = supervisor.runs
    assert "leads off" in run.reason


async def test_no_cell_is_connected_while_a_program_from_before_still_measures(
    station_rig: StationRig, store: Store
) -> None:
    """A vendor's program that outlived the service (SIGKILL) drives the leads: no cell is brought to them."""
    before = station_rig.station.potentiostat
    assert isinstance(before, Chi660ePotentiostat)
    slow = eis_program(SLOW).segments[1]
    assert isinstance(slow, MeasurementSegment)
    async with measuring_service(station_rig, store) as service:
        service.submit(eis_request(), "ada")
        await asyncio.sleep(600.0)
        outlived = asyncio.ensure_future(before.measure(slow.technique, "outlived"))
        await asyncio.sleep(20.0)
        station_rig.station.potentiostat = station_rig.another_potentiostat()
        connected: list[int] = []

        def look(port: int | None) -> None:
            if port is not None:
                connected.append(len(station_rig.processes_left()))

        station_rig.switch_faults.before("select", look)
        await asyncio.sleep(300.0)
        outlived.cancel()
        await asyncio.wait({outlived})
        assert not any(connected)


@pytest.mark.rig(by_hand=True, cells={OTHER: "coated-lfp"})
async def test_right_cell_put_on_the_leads_after_a_wrong_one_is_measured(station_rig: StationRig, store: Store) -> None:
    """Held for the wrong cell, the right one clipped on, resumed as told: it is measured, or the way is told."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(RunRequest(eis_program(LFP, "coated-lfp"), OTHER, OTHER), "ada")
        await until(run, RunState.AWAITING_OPERATOR)
        station_rig.bench.clip(CHANNEL)
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(5.0)
        await until(run, RunState.HOLDING)
        if f"back to channel {OTHER}" in run.reason:
            return
        station_rig.bench.clip(OTHER)
        for _ in range(2):
            await service.resume(run.run_id, "ada")
            await asyncio.sleep(20.0)
            await until(run, RunState.HOLDING, RunState.AWAITING_OPERATOR, RunState.COMPLETED)
            if run.state is RunState.COMPLETED:
                break
        assert state(run) is RunState.COMPLETED, run.reason
