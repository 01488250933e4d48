"""Tests on the CHI660E that end early: limits, stops, faults of the program, a cell pulled out, a host that dies."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.errors import CannotRun
from drivers.interfaces import ChannelState, EndReason
from orchestrator.clock.virtual import run_virtual
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
    with_cycler,
)

pytestmark = pytest.mark.timeout(60)


def test_limit_trips_the_run(store_path: Path) -> None:
    """ISTEP ends at a limit and nothing follows: the rows before it are kept, and the reason names step and limits."""

    async def work(rig: CyclerRig, store: Store) -> None:
        run = await rig.supervise(store, short_program(cutoff_v=0.04))
        assert run.state is RunState.TRIPPED
        assert "step 4, cycle 1 ended at 0.0400 V by the limits of -0.04 to 0.04 V" in run.reason
        assert executed(store, run)[-1].end_reason is EndReason.VOLTAGE
        assert await state_of(rig) is ChannelState.PROTECTED

    with_cycler(store_path, work)


def test_stop_ends_the_process_and_sees_the_cell_off(store_path: Path) -> None:
    """In the middle of a measurement: what was read before it is kept, the potentiostat is free again."""

    async def work(rig: CyclerRig, store: Store) -> None:
        rig.rig.bench.leads.keeps_driving = True
        async with cycling_service(rig.cycler, store) as service:
            run = service.submit(request(), "ada")
            await rig.jobs(4)
            await asyncio.sleep(300.0)
            assert rig.rig.station.turn.locked()
            await service.stop(run.run_id, "ada")
            assert (run.state, run.reason) == (RunState.STOPPED, "stopped by ada")
            assert rig.rig.processes_left() == []
            assert rig.rig.bench.leads.terminals().current_a() == 0.0
            assert run.stored == 700
            assert not rig.rig.station.turn.locked()

    with_cycler(store_path, work)


def test_closing_in_the_middle_leaves_no_process() -> None:
    """Also of an instrument that would go on driving the cell: the look afterwards switches it off."""

    async def main() -> None:
        async with open_cycler_rig() as rig:
            rig.rig.bench.leads.keeps_driving = True
            await started(rig)
            await rig.jobs(3)
            await asyncio.sleep(60.0)
            await rig.cycler.close()
            assert rig.cycler.channels() == ()
            assert rig.rig.processes_left() == []
            assert rig.rig.bench.leads.terminals().current_a() == 0.0

    run_virtual(main())


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"link_failed": True}, "Link Failed"),
        ({"hang": "start"}, "no end after"),
        ({"hang": "run"}, "no end after"),
        ({"comm_loss": True}, "no end after"),
        ({"half_file": True}, "ends within a line"),
        ({"crash": "run"}, "left no"),
        ({"wrong_header": True}, "another job"),
    ],
)
def test_measurement_that_fails_holds_the_run_with_its_reason(
    store_path: Path, faults: dict[str, str | bool], said: str
) -> None:
    """The driver's own sentence, the cell seen off before anybody is asked, and nothing of it stored as whole."""

    async def work(rig: CyclerRig, store: Store) -> None:
        async def spoil() -> None:
            await rig.jobs(3)
            rig.rig.spoil(**faults)
            await rig.jobs(4)
            await asyncio.sleep(20.0)
            rig.rig.spoil()

        spoiling = asyncio.ensure_future(spoil())
        run = await rig.supervise(store, short_program())
        await spoiling
        assert run.state is RunState.HOLDING
        assert said in run.reason
        assert ("the cell is off" in run.reason) is ("link_failed" not in faults)
        assert EventKind.MEASUREMENT_FAILED in kinds(store, run)
        assert run.stored == 700
        assert rig.rig.bench.leads.terminals().current_a() == 0.0

    with_cycler(store_path, work)


def test_cell_that_cannot_be_seen_off_is_unknown_until_it_can(store_path: Path) -> None:
    """A program that hangs again and again: a stop is tried at every poll, and once confirmed the run is tripped."""

    async def work(rig: CyclerRig, store: Store) -> None:
        async with cycling_service(rig.cycler, store) as service:
            run = service.submit(request(), "ada")
            await rig.jobs(3)
            rig.rig.spoil(hang="run")
            await until(run, RunState.UNKNOWN)
            assert "whether the cell is off cannot be seen" in run.reason
            assert await state_of(rig) is ChannelState.OTHER
            with pytest.raises(CannotRun, match="R000001"):
                await started(rig, "R000002")
            rig.rig.spoil()
            await until(run, RunState.TRIPPED)
            assert await state_of(rig) is ChannelState.STOPPED

    with_cycler(store_path, work)


def test_held_run_goes_on_where_it_was(store_path: Path) -> None:
    """Four cycles in two tests, each counted once, and the charge that nobody recorded is written down."""

    async def work(rig: CyclerRig, store: Store) -> None:
        async with cycling_service(rig.cycler, store) as service:
            run = service.submit(request(short_program(4)), "ada")
            await rig.jobs(5)
            rig.rig.spoil(half_file=True)
            await rig.jobs(6)
            rig.rig.spoil()
            await until(run, RunState.HOLDING)
            await service.resume(run.run_id, "ada")
            await until(run, RunState.COMPLETED)
        assert [c.cycle for test in store.tests(run.run_id) for c in store.cycles(test.id)] == [1, 2, 3, 4]
        (deviation,) = store.deviations(run.run_id)
        # At most the 1200 s that failed, and the time until the deadline.
        assert 0.157 * 1200 / 3600 <= float(deviation.effect.partition("up to ")[2].split()[0]) < 0.08

    with_cycler(store_path, work)


def test_death_of_the_host_holds_the_run(store_path: Path) -> None:
    """Nothing of the test is left but what was stored; what is still to do waits for a person."""

    async def work(rig: CyclerRig, store: Store) -> None:
        async with cycling_service(rig.cycler, store) as service:
            service.submit(request(short_program(3)), "ada")
            await rig.jobs(4)
            await asyncio.sleep(300.0)
        assert rig.rig.processes_left() == []
        async with cycling_service(rig.another(), store) as service:
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

    with_cycler(store_path, work)


def test_cell_pulled_out_is_noticed_at_once(store_path: Path) -> None:
    """The voltage jumps beyond its limit between two rows: no whole measurement, and a question about the leads."""

    async def work(rig: CyclerRig, store: Store) -> None:
        async def pull() -> None:
            await rig.jobs(4)
            await asyncio.sleep(100.0)
            rig.rig.bench.clip(None)

        pulling = asyncio.ensure_future(pull())
        run = await rig.supervise(store, short_program())
        await pulling
        assert run.state is RunState.HOLDING
        assert "is the cell still at the leads?" in run.reason

    with_cycler(store_path, work)
