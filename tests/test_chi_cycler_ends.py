"""Tests on the CHI660E that end early: limits, stops, faults of the program, a cell pulled out, a host that dies."""

from __future__ import annotations

import asyncio

import pytest

from drivers.errors import CannotRun
from drivers.interfaces import ChannelState, EndReason
from orchestrator.events import EventKind
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.cycler_rig import (
    CyclerRig,
    cycling_service,
    executed,
    kinds,
    open_cycler_rig,
    request,
    short_program,
    started,
    state_of,
    until,
)


async def test_limit_trips_the_run(cycler_rig: CyclerRig, store: Store) -> None:
    """ISTEP ends at a limit and nothing follows: the rows before it are kept, and the reason names step and limits."""
    run = await cycler_rig.supervise(store, short_program(cutoff_v=0.04))
    assert run.state is RunState.TRIPPED
    assert "step 4 (constant_current charge) ended at 0.0400 V by the limits of -0.04 to 0.04 V" in run.reason
    assert executed(store, run)[-1].end_reason is EndReason.VOLTAGE
    assert await state_of(cycler_rig) is ChannelState.PROTECTED


async def test_stop_ends_the_process_and_sees_the_cell_off(cycler_rig: CyclerRig, store: Store) -> None:
    """In the middle of a measurement: what was read before it is kept, the potentiostat is free again."""
    cycler_rig.rig.bench.leads.keeps_driving = True
    async with cycling_service(cycler_rig.cycler, store) as service:
        run = service.submit(request(), "ada")
        await cycler_rig.jobs(4)
        await asyncio.sleep(300.0)
        assert cycler_rig.rig.station.turn.locked()
        await service.stop(run.run_id, "ada")
        assert (run.state, run.reason) == (RunState.STOPPED, "stopped by ada")
        assert cycler_rig.rig.processes_left() == []
        assert cycler_rig.rig.bench.leads.terminals().current_a() == 0.0
        assert run.stored == 700
        assert not cycler_rig.rig.station.turn.locked()


async def test_closing_in_the_middle_leaves_no_process() -> None:
    """Also of an instrument that would go on driving the cell: the look afterwards switches it off."""
    async with open_cycler_rig() as rig:
        rig.rig.bench.leads.keeps_driving = True
        await started(rig)
        await rig.jobs(3)
        await asyncio.sleep(60.0)
        await rig.cycler.close()
        assert rig.cycler.channels() == ()
        assert rig.rig.processes_left() == []
        assert rig.rig.bench.leads.terminals().current_a() == 0.0


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"link_failed": True}, "Link Failed"),
        ({"hang": "start"}, "no end after"),
        ({"hang": "run"}, "no end after"),
        ({"comm_loss": True}, "no end after"),
        ({"half_file": True}, " end"),
        ({"crash": "run"}, "left no"),
        ({"wrong_header": True}, "another job"),
    ],
)
async def test_measurement_that_fails_holds_the_run_with_its_reason(
    cycler_rig: CyclerRig, store: Store, faults: dict[str, str | bool], said: str
) -> None:
    """The driver's own sentence, the cell seen off before anybody is asked, and nothing of it stored as whole."""

    async def spoil() -> None:
        await cycler_rig.jobs(3)
        cycler_rig.rig.spoil(**faults)
        await cycler_rig.jobs(4)
        await asyncio.sleep(20.0)
        cycler_rig.rig.spoil()

    spoiling = asyncio.ensure_future(spoil())
    run = await cycler_rig.supervise(store, short_program())
    await spoiling
    assert run.state is RunState.HOLDING
    assert said in run.reason
    assert ("the cell is off" in run.reason) is ("link_failed" not in faults)
    assert EventKind.MEASUREMENT_FAILED in kinds(store, run)
    assert run.stored == 700
    assert cycler_rig.rig.bench.leads.terminals().current_a() == 0.0


async def test_cell_that_cannot_be_seen_off_is_unknown_until_it_can(cycler_rig: CyclerRig, store: Store) -> None:
    """A program that hangs again and again: a stop is tried at every poll, and once confirmed the run is tripped."""
    async with cycling_service(cycler_rig.cycler, store) as service:
        run = service.submit(request(), "ada")
        await cycler_rig.jobs(3)
        cycler_rig.rig.spoil(hang="run")
        await until(run, RunState.UNKNOWN)
        assert "whether the cell is off cannot be seen" in run.reason
        assert await state_of(cycler_rig) is ChannelState.OTHER
        with pytest.raises(CannotRun, match="R000001"):
            await started(cycler_rig, "R000002")
        cycler_rig.rig.spoil()
        await until(run, RunState.TRIPPED)
        assert await state_of(cycler_rig) is ChannelState.STOPPED


async def test_held_run_goes_on_where_it_was(cycler_rig: CyclerRig, store: Store) -> None:
    """Four cycles in two tests, each counted once, and the charge that nobody recorded is written down."""
    async with cycling_service(cycler_rig.cycler, store) as service:
        run = service.submit(request(short_program(4)), "ada")
        await cycler_rig.jobs(5)
        cycler_rig.rig.spoil(half_file=True)
        await cycler_rig.jobs(6)
        cycler_rig.rig.spoil()
        await until(run, RunState.HOLDING)
        await service.resume(run.run_id, "ada")
        await until(run, RunState.COMPLETED)
    assert [c.cycle for test in store.tests(run.run_id) for c in store.cycles(test.id)] == [1, 2, 3, 4]
    (deviation,) = store.deviations(run.run_id)
    # At most the 1200 s that failed, and the time until the deadline.
    assert 0.157 * 1200 / 3600 <= float(deviation.effect.partition("up to ")[2].split()[0]) < 0.08


async def test_death_of_the_host_holds_the_run(cycler_rig: CyclerRig, store: Store) -> None:
    """Nothing of the test is left but what was stored; what is still to do waits for a person."""
    async with cycling_service(cycler_rig.cycler, store) as service:
        service.submit(request(short_program(3)), "ada")
        await cycler_rig.jobs(4)
        await asyncio.sleep(300.0)
    assert cycler_rig.rig.processes_left() == []
    async with cycling_service(cycler_rig.another(), store) as service:
        await asyncio.sleep(100.0)
        (run,) = service.runs
        assert run.state is RunState.HOLDING
        assert "before this process" in run.reason
        assert "the cell is off" in run.reason
        await service.resume(run.run_id, "ada")
        await until(run, RunState.COMPLETED)
        first, second = store.tests(run.run_id)
        assert (second.tester_test_id or 0) > (first.tester_test_id or 0)
        assert [c.cycle for test in store.tests(run.run_id) for c in store.cycles(test.id)] == [1, 2, 3]


async def test_cell_pulled_out_is_noticed_at_once(cycler_rig: CyclerRig, store: Store) -> None:
    """The voltage jumps beyond its limit between two rows: no whole measurement, and a question about the leads."""

    async def pull() -> None:
        await cycler_rig.jobs(4)
        await asyncio.sleep(100.0)
        cycler_rig.rig.bench.clip(None)

    pulling = asyncio.ensure_future(pull())
    run = await cycler_rig.supervise(store, short_program())
    await pulling
    assert run.state is RunState.HOLDING
    assert "is the cell still at the leads?" in run.reason
