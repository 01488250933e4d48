"""The store fails while a cell is on its way to the potentiostat, at it, or back."""

import asyncio
from pathlib import Path

import pytest

from orchestrator.rack.service import Service
from orchestrator.states import RunState
from orchestrator.store import StoreError
from tests.measuring_rig import check_tests, until
from tests.outage import FailingStore, Outage, fail_for, open_failing_store
from tests.rig import CHANNEL
from tests.service_rig import QUEUE
from tests.station_rig import StationRig, eis_request, measuring_service, open_station_rig


async def _through(rig: StationRig, store: FailingStore, service: Service) -> None:
    """See a run to its end, with a person who resumes it where a start failed; all three spectra are there."""
    run = service.submit(eis_request(), "ada")
    await until(run, RunState.COMPLETED, RunState.HOLDING)
    if run.state is RunState.HOLDING:
        assert any(words in run.reason for words in ("while starting", "when it was started", "nothing was started"))
        await asyncio.sleep(600.0)
        await service.resume(run.run_id, "ada")
        await until(run, RunState.COMPLETED)
    assert store.run(run.run_id).state is RunState.COMPLETED
    assert [row.cycle for row in store.measurements(run.run_id)] == [0, 2, 4]
    assert all(len(store.spectrum(row.test)) == 61 for row in store.measurements(run.run_id))
    assert store.open_intents() == []
    assert rig.bench.leads.channel is None
    check_tests(rig, store, run.run_id)


@pytest.mark.parametrize("write", [*range(12, 24), 110, 112, 204])
async def test_disk_that_fails_between_segments_costs_no_spectrum(store_path: Path, write: int) -> None:
    """What cannot be written waits with the cell at rest, off the leads; no measurement is lost or made twice."""
    outage = Outage(write, 600.0 if write % 3 else 0.0, at_commit=write % 2 == 0)
    async with open_station_rig() as rig:
        with open_failing_store(store_path, outage) as store:
            async with measuring_service(rig, store) as service:
                await _through(rig, store, service)
    assert outage.failed > 0


async def test_run_that_is_stopped_between_segments_while_the_disk_is_full_does_not_go_on(store_path: Path) -> None:
    """Who presses stop hears that it cannot be written; it is written, and nothing begins, when there is room."""
    async with open_station_rig() as rig:
        with open_failing_store(store_path, Outage()) as store:
            async with measuring_service(rig, store) as service:
                run = service.submit(eis_request(), "ada")
                waiting = service.submit(eis_request(), "bob", QUEUE)
                await asyncio.sleep(500.0)
                assert run.status.is_between
                fail_for(store, 3000.0)
                for one in (run, waiting):
                    with pytest.raises(StoreError):
                        await service.stop(one.run_id, "ada")
                await asyncio.sleep(10_000.0)
                assert [one.state for one in (run, waiting)] == [RunState.STOPPED, RunState.STOPPED]
                assert store.measurements(run.run_id) == []
                assert len(rig.bench.tester.channels[CHANNEL].tests) == 1
