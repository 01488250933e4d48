"""What a hostile look at the supervisor found: stops that were not sent, findings that got lost, channels not seen."""

import asyncio
from pathlib import Path

import pytest

from orchestrator.events import RunUpdate
from orchestrator.run import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from orchestrator.supervisor import Supervisor
from orchestrator.virtual_time import run_virtual
from tests.rig import CHANNEL, Rig, li_li_program, open_rig
from tests.test_service import serving, state, with_rig

pytestmark = pytest.mark.timeout(60)

OTHER = "21-1-5"


def request(channel: str = CHANNEL) -> RunRequest:
    """Give a Li/Li run of many short half-cycles."""
    return RunRequest(li_li_program(50, 1200.0), channel, channel)


def test_stop_is_ordered_until_it_is_confirmed_however_often(store_path: Path) -> None:
    """A channel that is away for half an hour is stopped when it is back: each attempt has an intent of its own."""

    async def work(rig: Rig, store: Store) -> None:
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

    with_rig(store_path, work)


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
    """A closed pipe behind `cellrig run | head` must leave no channel unwatched."""

    def broken(_: RunUpdate) -> None:
        raise BrokenPipeError

    async def main(store: Store) -> None:
        async with open_rig(poll_period_s=60.0) as rig:
            program = li_li_program(1, 600.0)
            (run,) = await Supervisor(store, rig.tester, [broken]).run([RunRequest(program, CHANNEL, "x")])
            assert run.state is RunState.COMPLETED

    with open_store(store_path) as store:
        run_virtual(main(store))
