"""Whose set point an oven has, also after a service has died: no oven stays hot for nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orchestrator.events import EventKind
from orchestrator.rack.mounted_cells import Terms
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.faults import Fault, Spoil
from tests.oven_service_rig import OTHER, running, served_again, until, warm, warm_rack
from tests.rig import Rig


async def test_service_that_dies_between_the_set_point_and_its_word_leaves_no_oven_hot(
    rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controller has the order, the store does not know: the next service sets it back (faults E01, C11)."""
    async with warm_rack(rig, store, is_cold=True) as rack:
        add_event = Store.add_event

        def dead(self: Store, run_id: str | None, kind: EventKind, *rest: Any) -> int:  # noqa: ANN401 - as it was
            if kind is EventKind.OVEN_SET:
                raise asyncio.CancelledError
            return add_event(self, run_id, kind, *rest)

        # The moment between two lines of a process that is killed is no fault of a simulator.
        monkeypatch.setattr(Store, "add_event", dead)
        rack.service.submit(warm(), "ada")
        await until(lambda: rack.oven.target_degc == 60.0, 30.0, 0.1)
        await asyncio.sleep(1.0)
    monkeypatch.undo()
    assert not rack.events(EventKind.OVEN_SET)
    async with served_again(rig, store, rack.driver_rig) as service:
        await asyncio.sleep(60.0)
        assert service.runs[0].state is RunState.FAILED
        assert rack.oven.target_degc == 25.0


async def test_set_point_that_is_not_confirmed_is_taken_back_when_its_run_is_stopped(rig: Rig, store: Store) -> None:
    """The order arrived and its answer did not: an oven that nobody wants hot any more does not stay so (fault A12)."""
    async with warm_rack(rig, store, is_cold=True) as rack:
        rack.driver_rig.line.wire.spoil(Fault(Spoil.SILENT, "6"))
        run = rack.service.submit(warm(), "ada")
        await until(lambda: rack.oven.target_degc == 60.0, 30.0, 0.01)
        rack.driver_rig.line.wire.spoil(Fault(Spoil.SILENT, times=None))
        await rack.service.stop(run.run_id, "ada")
        await asyncio.sleep(60.0)
        assert not rack.events(EventKind.OVEN_SET)
        rack.driver_rig.line.wire.mend()
        await until(lambda: rack.oven.target_degc == 25.0, 120.0)


async def test_run_that_has_tripped_and_one_in_its_queue_keep_no_oven_hot(rig: Rig, store: Store) -> None:
    """What another run has had heated is taken back with it: nobody looks at these for days (fault C11)."""
    async with warm_rack(rig, store) as rack:
        tripped = await running(rack, warm(cycles=20))
        queued = rack.service.submit(warm(), "ada", Terms(queue=True, same_cell=True))
        rack.oven.stick_heater()
        await until(lambda: tripped.state is RunState.TRIPPED, 400.0, 1.0)
        rack.oven.mend()
        await until(lambda: rack.oven.shown_degc < 55.0, 6 * 3600.0, 60.0)
        other = rack.service.submit(warm(OTHER), "ada")
        await until(lambda: rack.oven.target_degc == 60.0, 60.0)
        await rack.service.stop(other.run_id, "ada")
        await until(lambda: rack.oven.target_degc == 25.0, 30.0)
        assert (tripped.state, queued.state) == (RunState.TRIPPED, RunState.QUEUED)


async def test_oven_is_not_cooled_between_a_run_and_the_next_of_its_queue(rig: Rig, store: Store) -> None:
    """Both want one temperature: the set point is written once."""
    async with warm_rack(rig, store) as rack:
        await running(rack, warm(cycles=1))
        second = rack.service.submit(warm(), "ada", Terms(queue=True, same_cell=True))
        await until(lambda: second.state.is_live, 4 * 3600.0, 10.0)
        assert len(rack.events(EventKind.OVEN_SET)) == 1
