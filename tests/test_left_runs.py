"""A run that a dead ``cellrig run --bench`` has left: the next order on its channel asks the instrument about it."""

from __future__ import annotations

import asyncio

import pytest

from drivers.errors import CannotRun
from drivers.stepping import SteppedTester
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.left_runs import settle_left_runs
from orchestrator.rack.service import Service
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.memory_source import unconfirmed
from tests.rig import CHANNEL, Rig, li_li_program
from tests.service_rig import check_rows, request, running, serving
from tests.stepped_rig import SLOW, SOURCE, open_stepped_rig


async def test_run_that_its_tester_has_ended_meanwhile_is_collected_to_its_last_record(rig: Rig, store: Store) -> None:
    """A tester rides on: meanwhile nothing is ordered there, and it is said what to do; then the run is whole."""
    async with serving(rig, store) as service:
        run_id = service.submit(request(cycles=1, half_cycle_s=300.0), "ada").run_id
        await asyncio.sleep(200.0)
    with pytest.raises(CannotRun, match=f"{run_id} .* died; its test goes on at .*'cellrig serve' .* --direct"):
        await settle_left_runs(Supervisor(store, rig.tester), CHANNEL)
    assert rig.bench.tester.channel(CHANNEL).busy
    await asyncio.sleep(3000.0)
    (run,) = await settle_left_runs(Supervisor(store, rig.tester), CHANNEL)
    assert (run.run_id, store.run(run_id).state) == (run_id, RunState.COMPLETED)
    check_rows(rig, store, run_id)
    assert await settle_left_runs(Supervisor(store, rig.tester), CHANNEL) == []


async def test_run_of_a_source_that_nobody_decides_about_is_stopped(store: Store) -> None:
    """The output that the dead process left on goes off, the run ends with its records, and another may begin."""
    async with open_stepped_rig(**SLOW) as rig:
        order = RunRequest(li_li_program(cycles=2, half_cycle_s=600.0), SOURCE, SOURCE)
        async with running(Service(store, [rig.tester])) as service:
            run_id = service.submit(order, "ada").run_id
            await asyncio.sleep(900.0)
        # A process that is killed switches nothing off.
        rig.source.wire.next["off"] = unconfirmed(3)
        (task,) = [task for task in asyncio.all_tasks() if task.get_name().startswith(f"{SOURCE} R")]
        task.cancel()
        await asyncio.wait({task})
        assert rig.source.log[-1] != "off"
        later = SteppedTester(rig.settings, rig.sources, wall_time)
        await later.open()
        await settle_left_runs(Supervisor(store, later), SOURCE)
        assert not rig.source.is_on
        row = store.run(run_id)
        assert row.state is RunState.STOPPED
        assert "the process that carried it out died" in row.reason
        lost = [event.message for event in store.events(run_id) if event.kind == EventKind.RECORDS_LOST]
        assert any("was on still, and is off now" in words for words in lost)
        await later.close()
