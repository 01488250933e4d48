"""The supervisor of runs: stops are sent until they are confirmed, and one channel's trouble stays its own."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.clock.virtual import run_virtual
from orchestrator.events import Bus, Told
from orchestrator.judging.limits import FindingKind
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store, StoreError, open_store
from tests.rig import CHANNEL, Rig, li_li_program, open_rig, same_rows
from tests.service_rig import serving, state

OTHER = "21-1-5"


def request(channel: str = CHANNEL) -> RunRequest:
    """Give a Li/Li run of many short half-cycles."""
    return RunRequest(li_li_program(50, 1200.0), channel, channel)


async def test_stop_is_ordered_until_it_is_confirmed_however_often(rig: Rig, store: Store) -> None:
    """A channel that is away for half an hour is stopped when it is back: each attempt has an intent of its own."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        gone = rig.bench.tester.channels.pop(CHANNEL)
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.UNKNOWN
        await asyncio.sleep(1800)
        rig.bench.tester.channels[CHANNEL] = gone
        await asyncio.sleep(900)
        assert state(run) is RunState.STOPPED
        assert not rig.bench.tester.channel(CHANNEL).busy


def test_second_ctrl_c_does_not_leave_a_channel_energised(store_path: Path) -> None:
    """Who presses Ctrl-C twice means it: the stop under way is ordered again, not dropped."""

    async def main(store: Store) -> None:
        async with open_rig(poll_period_s=60.0) as rig:
            supervisor = Supervisor(store, rig.tester)
            running = asyncio.ensure_future(supervisor.run([request(), request(OTHER)]))
            await asyncio.sleep(1000)
            running.cancel()
            await asyncio.sleep(2)
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled()
            assert [run.state for run in supervisor.runs] == [RunState.STOPPED] * 2
            assert not rig.bench.tester.channel(CHANNEL).busy
            assert not rig.bench.tester.channel(OTHER).busy

    with open_store(store_path) as store:
        run_virtual(main(store))


def test_subscriber_whose_terminal_is_gone_does_not_end_the_watch(store_path: Path) -> None:
    """A closed pipe behind ``cellrig run | head`` must leave no channel unwatched."""

    def broken(_: Told) -> None:
        raise BrokenPipeError

    async def main(store: Store) -> None:
        async with open_rig(poll_period_s=60.0) as rig:
            program = li_li_program(1, 600.0)
            (run,) = await Supervisor(store, rig.tester, Bus([broken])).run([RunRequest(program, CHANNEL, "x")])
            assert run.state is RunState.COMPLETED

    with open_store(store_path) as store:
        run_virtual(main(store))


@pytest.mark.parametrize("poll_period_s", [60.0, 600.0])
async def test_one_channel_without_records_does_not_blind_the_others(
    rig: Rig, store: Store, poll_period_s: float
) -> None:
    """Its own run becomes unseen; the neighbour's pulled-out cell is found and stopped as ever (faults A05, A14)."""
    async with serving(rig, store) as service:
        lame, other = service.submit(request(), "ada"), service.submit(request(OTHER), "ada")
        await asyncio.sleep(3 * 1200)
        rig.bench.tester.channels[CHANNEL].tests[-1].keep_rows = 0
        rig.bench.tester.pull_out_cell(OTHER)
        await asyncio.sleep(2 * 1200 + 4 * poll_period_s)
        assert state(other) is RunState.TRIPPED
        assert FindingKind.EARLY_CUTOFF in other.reason
        assert state(lame) is RunState.UNSEEN


async def test_channel_that_vanishes_is_unseen_and_found_again(rig: Rig, store: Store) -> None:
    """A unit whose cable is cut for a while is not taken for somebody else's; its records come afterwards."""
    async with serving(rig, store) as service:
        run, other = service.submit(request(), "ada"), service.submit(request(OTHER), "ada")
        await asyncio.sleep(1000)
        gone = rig.bench.tester.channels.pop(CHANNEL)
        await asyncio.sleep(1000)
        assert (state(run), state(other)) == (RunState.UNSEEN, RunState.RUNNING)
        rig.bench.tester.channels[CHANNEL] = gone
        await asyncio.sleep(300)
        assert state(run) is RunState.RUNNING
        (test,) = store.tests(run.run_id)
        count = store.sample_count(test.id)
        await service.stop(run.run_id, "ada")
        assert store.sample_count(test.id) >= count
        same_rows(rig.bench, list(store.samples(test.id)), test.tester_test_id or 0)
        assert [d.category.value for d in store.deviations(run.run_id)] == ["communication_loss"]


async def test_stop_leaves_although_the_store_takes_nothing(rig: Rig, store: Store, store_path: Path) -> None:
    """Another program holds the store's lock: the cell comes first, and the caller hears of the store (faults F02)."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        with closing(sqlite3.connect(store_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError):
                await service.stop(run.run_id, "ada")
            assert not rig.bench.tester.channel(CHANNEL).busy
        await asyncio.sleep(300)
        assert state(run) is RunState.STOPPED
