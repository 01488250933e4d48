"""Runs that measure between cycles: no trouble leaves a cell on the leads that should be off them."""

import asyncio
import logging

import pytest

from orchestrator.clock.virtual import wall_time
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.faults import Fault, Spoil
from simulators.neware.settings import Trouble
from simulators.neware.step_machine import Status
from tests.measuring_rig import OTHER, SLOW, start_by_hand, state, until
from tests.rig import CHANNEL
from tests.service_rig import SAME
from tests.station_rig import StationRig, eis_program, eis_request, measuring_service
from tests.station_trouble import clipped, happens

PORT = 3
_LFP_THREE = """
name: lfp-three
title: A spectrum before each of three charges
for: [lfp]
record: {every: 30 s}
potentiostat: {rest: 5 min, drift_per_min: 1 mV}
steps:
  - {step: rest, until: {time: 1 min}}
  - step: repeat
    times: 3
    steps:
      - {step: eis, high: 100 kHz, low: 10 Hz}
      - {step: constant_current, direction: charge, current: 50 mA/g, until: {time: 5 min, voltage: 4.0 V}}
"""


async def die_in_a_spectrum(rig: StationRig, store: Store) -> str:
    """Let a service die while a cell is measured, which leaves the cell at the leads; give its run."""
    async with measuring_service(rig, store) as service:
        run = service.submit(eis_request(text=SLOW), "ada")
        await happens(lambda: bool(rig.processes_left()) and clipped(rig) == CHANNEL)
        await asyncio.sleep(60.0)
        # A process that is dead orders nothing more, and nothing of what it did is written.
        rig.switch_faults.fail("select", asyncio.CancelledError())
    rig.switch_faults.mend()
    assert clipped(rig) == CHANNEL
    assert [intent.command for intent in store.open_intents()] == ["measure"]
    return run.run_id


@pytest.mark.parametrize("sticks", [False, True])
async def test_stop_of_a_run_that_is_held_in_a_spectrum_takes_its_cell_off_the_leads(
    station_rig: StationRig, store: Store, sticks: bool
) -> None:
    """The service died there, a person stops the run: its cell is off the leads, or the run says that it is not."""
    run_id = await die_in_a_spectrum(station_rig, store)
    async with measuring_service(station_rig, store) as service:
        await asyncio.sleep(30.0)
        _, run = service.find(run_id)
        assert state(run) is RunState.HOLDING
        if sticks:
            station_rig.relays.relays.welded.add(PORT)
        await service.stop(run_id, "ada")
        assert state(run) is RunState.STOPPED
        assert clipped(station_rig) == (CHANNEL if sticks else None)
        assert ("take the leads of chi660e off the cell" in run.reason) is sticks


@pytest.mark.parametrize("sticks", [False, True])
async def test_cell_of_a_resumed_run_rests_off_the_leads(station_rig: StationRig, store: Store, sticks: bool) -> None:
    """The service died in its spectrum, a person resumes it: the cell is taken off first, or the run is held again."""
    run_id = await die_in_a_spectrum(station_rig, store)
    async with measuring_service(station_rig, store) as service:
        await asyncio.sleep(30.0)
        _, run = service.find(run_id)
        if sticks:
            station_rig.relays.relays.welded.add(PORT)
        await service.resume(run_id, "ada")
        await asyncio.sleep(60.0)
        if sticks:
            assert state(run) is RunState.HOLDING
            assert "take the leads of chi660e off the cell" in run.reason
        else:
            assert run.reason.startswith("rests before eis")
            assert clipped(station_rig) is None


async def test_spectrum_during_which_the_switch_lost_its_power_is_measured_again(
    station_rig: StationRig, store: Store
) -> None:
    """The relays open in the middle of a sweep: what was measured of open leads is not taken for the cell's."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(text=SLOW), "ada")
        await asyncio.sleep(900.0)
        assert clipped(station_rig) == CHANNEL
        lost_unix_s = wall_time()
        station_rig.relays.relays.open_all()
        await happens(lambda: bool(store.measurements(run.run_id)), 10.0)
        (row,) = store.measurements(run.run_id)
        assert row.started_unix_s > lost_unix_s
        (failure,) = [e.message for e in store.events(run.run_id) if e.kind == "measurement failed"]
        assert "no longer has the cell of 21-1-3 at the leads" in failure


@pytest.mark.rig(cells={OTHER: "coated-lfp"})
async def test_empty_holder_that_the_tester_still_shows_does_not_hold_the_run(
    station_rig: StationRig, store: Store
) -> None:
    """A cell that must not be at 0 V comes back from the leads: the tester is asked once it shows the cell again."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(RunRequest(eis_program(_LFP_THREE, "coated-lfp"), OTHER, OTHER), "ada")
        await until(run, RunState.COMPLETED, RunState.HOLDING)
        assert state(run) is RunState.COMPLETED, run.reason


async def test_run_that_is_stopped_while_a_dead_switch_is_asked_for_its_cell_ends_nothing_else(
    station_rig: StationRig, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer that does not come begins nothing and fails nothing: the run is stopped, and the next one starts."""
    async with measuring_service(station_rig, store) as service:
        station_rig.relays.wire.spoil(Fault(Spoil.SILENT, times=None))
        first = service.submit(eis_request(), "ada")
        await asyncio.sleep(0.5)
        assert state(first) is RunState.PREFLIGHT
        await service.stop(first.run_id, "ada")
        await asyncio.sleep(120.0)
        assert state(first) is RunState.STOPPED
        station_rig.relays.wire.mend()
        second = service.submit(eis_request(), "ada", SAME)
        await asyncio.sleep(120.0)
        assert state(second) is RunState.RUNNING
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("ends", [Status.FINISH, Status.PROTECT])
async def test_run_that_somebodys_test_has_interrupted_in_a_rest_can_be_resumed(
    station_rig: StationRig, store: Store, ends: Status
) -> None:
    """Held while that test works, also when it is resumed too early; once it is over, the run goes on to its end."""
    tester = station_rig.bench.tester
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await asyncio.sleep(400.0)
        assert run.reason.startswith("rests before eis")
        await start_by_hand(station_rig)
        await until(run, RunState.HOLDING)
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(15.0)
        assert state(run) is RunState.HOLDING
        assert "with 'by-hand', and not by us" in run.reason
        if ends is Status.PROTECT:
            tester.make_trouble(CHANNEL, Trouble(ignore_end_conditions=True))
            tester.pull_out_cell(CHANNEL)
        await asyncio.sleep(300.0)
        assert tester.channel(CHANNEL).machine.status is ends
        if ends is Status.PROTECT:
            tester.make_trouble(CHANNEL, Trouble())
            tester.put_back_cell(CHANNEL)
        await service.resume(run.run_id, "ada")
        await until(run, RunState.COMPLETED, RunState.HOLDING)
        assert state(run) is RunState.COMPLETED, run.reason
    assert len(store.measurements(run.run_id)) == 3
