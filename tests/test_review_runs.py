"""What a hostile look at the supervisor found: stops that were not sent, findings that got lost, channels not seen."""

import asyncio
from pathlib import Path

import pytest

from orchestrator.run import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.rig import CHANNEL, Rig, li_li_program
from tests.test_service import serving, state, with_rig

pytestmark = pytest.mark.timeout(60)


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
