"""Runs that leave the tester for the potentiostat and come back: order, interlock, faults, people and death."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.interfaces import HostLoss, Isolation
from orchestrator.bench.station import station_problems
from orchestrator.rack.claims import CommandRefused
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.measuring_rig import LFP, OTHER, SLOW, check_tests, start_by_hand, state, until
from tests.rig import CHANNEL
from tests.service_rig import QUEUE, SAME
from tests.station_rig import StationRig, eis_program, eis_request, measuring_service


async def test_run_measures_between_its_cycles_by_itself(station_rig: StationRig, store: Store) -> None:
    """Three whole spectra, with the cycles and the charge behind them, and every record of every tester test."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await until(run, RunState.COMPLETED)
    rows = store.measurements(run.run_id)
    assert [row.cycle for row in rows] == [0, 2, 4]
    assert all(len(store.spectrum(row.test)) == 61 for row in rows)
    half_ah = 0.2e-3 * 0.7854 * 20 / 60
    assert rows[2].charge_passed_ah == pytest.approx(8 * half_ah, rel=0.02)
    assert rows[0].rested_s >= 600
    assert [test.segment for test in store.tests(run.run_id)] == [0, 1, 2, 3, 4, 5]
    assert sorted(c.cycle for t in store.tests(run.run_id) for c in store.cycles(t.id)) == [1, 2, 3, 4]
    assert station_rig.bench.double_energised == 0
    kept = {Path(path).suffix for row in rows for path in json.loads(row.files_json)}
    assert {".bin", ".mcr", ".txt"} <= kept
    check_tests(station_rig, store, run.run_id)
    assert store.open_intents() == []


async def test_two_runs_take_turns_at_one_potentiostat(station_rig: StationRig, store: Store) -> None:
    """Both end, and the leads were never on two cells: every spectrum is the run's own cell."""
    async with measuring_service(station_rig, store) as service:
        runs = [service.submit(eis_request(channel), "ada") for channel in (CHANNEL, OTHER)]
        for run in runs:
            await until(run, RunState.COMPLETED)
    spans = sorted((r.started_unix_s, r.ended_unix_s) for run in runs for r in store.measurements(run.run_id))
    assert len(spans) == 6
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ({"link_failed": True}, "InstrumentLinkFailed"),
        ({"hang": "start"}, "Hung"),
        ({"hang": "run"}, "Hung"),
        ({"hang": "end"}, "Hung"),
        ({"comm_loss": True}, "Hung"),
        ({"half_file": True}, "Incomplete"),
        ({"stale_file": True}, "Incomplete"),
        ({"wrong_technique": True}, "WrongFile"),
        ({"wrong_header": True}, "WrongFile"),
        ({"crash": "run"}, "Incomplete"),
        ({"disk_full": True}, "Hung"),
    ],
)
async def test_measurement_that_fails_is_missing_and_cycling_goes_on(
    station_rig: StationRig, store: Store, faults: dict[str, str | bool], error: str
) -> None:
    """The switch takes the cell off for certain, so cycling goes on; no half result is stored as whole (B09, B10)."""
    station_rig.spoil(**faults)
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await until(run, RunState.COMPLETED)
    assert store.measurements(run.run_id) == []
    failures = [e.message for e in store.events(run.run_id) if e.kind == "measurement failed"]
    assert len(failures) == 6
    assert all(error in failure for failure in failures), failures
    assert [d.category.value for d in store.deviations(run.run_id)] == ["equipment_failure"] * 3
    check_tests(station_rig, store, run.run_id)


async def test_slow_file_is_waited_for(station_rig: StationRig, store: Store) -> None:
    """A file that grows while it is looked at is taken when it is whole."""
    station_rig.spoil(slow_file_s=5.0)
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await until(run, RunState.COMPLETED)
    assert len(store.measurements(run.run_id)) == 3


async def test_switch_that_does_not_let_go_holds_the_run(station_rig: StationRig, store: Store) -> None:
    """A relay that sticks leaves the potentiostat on the cell: nothing is started there, a person is told."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await asyncio.sleep(800.0)
        station_rig.relays.relays.welded.add(3)
        await until(run, RunState.HOLDING, RunState.COMPLETED)
        assert state(run) is RunState.HOLDING
        assert "take the leads off" in run.reason
        assert not station_rig.bench.tester.channel(CHANNEL).busy


async def test_nothing_is_started_while_a_dead_services_switch_still_has_the_cell(
    station_rig: StationRig, store: Store
) -> None:
    """A switch left closed is opened before the tester begins; one that does not open lets nothing begin (B13)."""
    assert station_rig.station.switch is not None
    await station_rig.station.switch.select(3)
    async with measuring_service(station_rig, store) as service:
        first = service.submit(eis_request(), "ada")
        await asyncio.sleep(60.0)
        assert state(first) is RunState.RUNNING
        assert station_rig.bench.leads.channel is None
        await service.stop(first.run_id, "ada")
        await station_rig.station.switch.select(3)
        station_rig.relays.relays.welded.add(3)
        second = service.submit(eis_request(), "ada", SAME)
        await asyncio.sleep(60.0)
        assert state(second) is RunState.FAILED
        assert "not known whether the cell is on" in second.reason
    assert store.tests(second.run_id) == []


async def test_somebody_who_starts_the_channel_during_a_spectrum_ends_the_potentiostat(
    station_rig: StationRig, store: Store
) -> None:
    """One energiser per cell: the process is ended, the cell let go, the run held (faults B03, B13)."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(text=SLOW), "ada")
        await asyncio.sleep(900.0)
        assert state(run) is RunState.RUNNING
        assert len(station_rig.processes_left()) == 1
        await start_by_hand(station_rig)
        await until(run, RunState.HOLDING)
        assert "not by us" in run.reason
        assert station_rig.processes_left() == []
        assert station_rig.bench.leads.channel is None


async def test_stop_in_the_middle_of_a_spectrum_takes_the_cell_off(station_rig: StationRig, store: Store) -> None:
    """The process is ended, the switch has let go, and the run is stopped."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(text=SLOW), "ada")
        await asyncio.sleep(900.0)
        assert [process.pid for process in station_rig.processes_left()]
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.STOPPED
        assert station_rig.bench.leads.channel is None
        assert station_rig.processes_left() == []
    assert store.open_intents() == []
    assert store.measurements(run.run_id) == []


async def test_stop_in_a_rest_leaves_the_channel_to_the_next_run(station_rig: StationRig, store: Store) -> None:
    """Nobody goes on for the stopped run: the next in the queue runs whole, once a person says so."""
    async with measuring_service(station_rig, store) as service:
        first, second = service.submit(eis_request(), "ada"), service.submit(eis_request(), "bob", QUEUE)
        await asyncio.sleep(400.0)
        assert first.reason.startswith("rests before eis")
        await service.stop(first.run_id, "ada")
        assert state(first) is RunState.STOPPED
        await asyncio.sleep(400.0)
        assert state(second) is RunState.QUEUED
        service.cells.mounted(second.run_id, "bob")
        await until(second, RunState.COMPLETED)
        assert state(first) is RunState.STOPPED
    assert len(store.measurements(second.run_id)) == 3


@pytest.mark.parametrize("dead_at_s", [130.0, 400.0, 735.0, 745.0, 760.0, 800.0, 900.0, 3000.0])
async def test_service_that_dies_between_segments_goes_on(
    station_rig: StationRig, store: Store, dead_at_s: float
) -> None:
    """Ended in a rest, on the way, in a spectrum or after it: the run completes, or does so once it is resumed."""
    async with measuring_service(station_rig, store) as service:
        run_id = service.submit(eis_request(), "ada").run_id
        await asyncio.sleep(dead_at_s)
    await asyncio.sleep(600.0)
    async with measuring_service(station_rig, store) as service:
        await asyncio.sleep(30.0)
        _, run = service.find(run_id)
        await until(run, RunState.COMPLETED, RunState.HOLDING)
        if run.state is RunState.HOLDING:
            await service.resume(run_id, "ada")
            await until(run, RunState.COMPLETED)
    assert [row.cycle for row in store.measurements(run_id)] == [0, 2, 4]
    assert sorted(c.cycle for t in store.tests(run_id) for c in store.cycles(t.id)) == [1, 2, 3, 4]
    check_tests(station_rig, store, run_id)
    assert store.open_intents() == []


@pytest.mark.rig(by_hand=True)
async def test_cell_is_moved_by_hand_when_there_is_no_switch(station_rig: StationRig, store: Store) -> None:
    """The run says what to plug where, looks whether the cell has come, and asks for it back."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        for _ in range(2):
            await until(run, RunState.AWAITING_OPERATOR)
            assert run.reason.startswith(f"move cell coated-li-li from channel {CHANNEL} to chi660e")
            station_rig.bench.clip(CHANNEL)
            await service.resume(run.run_id, "ada")
            await asyncio.sleep(20.0)
            await until(run, RunState.AWAITING_OPERATOR)
            assert run.reason.startswith(f"move cell coated-li-li from chi660e back to channel {CHANNEL}")
            station_rig.bench.clip(None)
            await service.resume(run.run_id, "ada")
            await asyncio.sleep(20.0)
        await until(run, RunState.AWAITING_OPERATOR)
        station_rig.bench.clip(CHANNEL)
        await service.resume(run.run_id, "ada")
        await until(run, RunState.COMPLETED)
    assert len(store.measurements(run.run_id)) == 3


@pytest.mark.rig(by_hand=True, cells={OTHER: "coated-lfp"})
async def test_wrong_cell_on_the_leads_is_noticed(station_rig: StationRig, store: Store) -> None:
    """A cell at another voltage than the one that left the tester is not measured."""
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await until(run, RunState.AWAITING_OPERATOR)
        station_rig.bench.clip(OTHER)
        await service.resume(run.run_id, "ada")
        await until(run, RunState.HOLDING)
        assert "is it the right cell" in run.reason
    assert store.measurements(run.run_id) == []


@pytest.mark.parametrize("isolation", [Isolation.NO, Isolation.UNKNOWN])
async def test_switch_that_does_not_isolate_needs_a_person(station_rig: StationRig, store: Store) -> None:
    """Its leads would stay beside the potentiostat's: a person takes them off, unattended runs are refused."""
    (reason,) = station_problems(eis_program(), station_rig.station, CHANNEL, attended=False)
    assert "take the leads of channel 21-1-3 off" in reason
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(), "ada")
        await until(run, RunState.AWAITING_OPERATOR)
        assert "take the leads" in run.reason


async def test_what_the_bench_cannot_measure_is_refused_before_anything_starts(
    station_rig: StationRig, store: Store
) -> None:
    """No potentiostat, no wire to the cell, or an instrument of which nobody knows what it does without a host."""
    assert "has none" in station_problems(eis_program(), None, CHANNEL, attended=True)[0]
    assert "no port wired" in station_problems(eis_program(), station_rig.station, "21-9-1", attended=True)[0]
    station_rig.station.potentiostat.host_loss = HostLoss.UNKNOWN
    async with measuring_service(station_rig, store) as service:
        with pytest.raises(CommandRefused, match="host_loss"):
            service.submit(eis_request(), "ada")


@pytest.mark.rig(cells={OTHER: "coated-lfp"})
async def test_cell_that_does_not_settle_is_not_measured(station_rig: StationRig, store: Store) -> None:
    """A voltage that still drifts after the recipe's patience holds the run, and says by how much."""
    text = LFP.replace("drift_per_min: 1 mV}", "drift_per_min: 0.0001 mV, settle_within: 11 min}").replace(
        "rest: 10 min", "rest: 1 min"
    )
    async with measuring_service(station_rig, store) as service:
        run = service.submit(RunRequest(eis_program(text, "coated-lfp"), OTHER, OTHER), "ada")
        await until(run, RunState.HOLDING)
        assert "does not settle" in run.reason
