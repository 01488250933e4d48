"""What is said of trouble agrees everywhere: on a run's own line, for the whole rack, in notices, in the log."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from orchestrator.api.routes import channel_now
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.report.morning_reading import Sources, morning
from orchestrator.states import RunState
from orchestrator.store import Store, StoreError
from simulators.faults import Fault, Spoil
from tests.rig import CHANNEL, Rig
from tests.service_rig import request, serving


def full(store: Store, *, is_full: bool = True) -> None:
    """Let the store's file take nothing more, not even an event on its last pages, as on a full disk; or again."""
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0] if is_full else 1_000_000
    store.connection.execute(f"PRAGMA max_page_count = {pages}")
    with contextlib.suppress(StoreError):
        while is_full:
            store.add_event(None, EventKind.COMMAND, "looked at by ada", wall_time())


async def test_full_disk_is_named_on_the_line_of_each_run(
    rig: Rig, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """It says that records are not stored and why, never that the tester is silent; once there is room it goes on.

    Faults F01.
    """
    caplog.set_level(logging.INFO)
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=9), "ada")
        await asyncio.sleep(1000)
        full(store)
        await asyncio.sleep(3000)
        words = channel_now(service, CHANNEL).words
        assert f"runs {run.run_id} ({CHANNEL}): its records are not stored: the disk with {store.path} is full" in words
        assert run.state is RunState.RUNNING
        assert all(words.endswith("the run's records wait in the tester") for words in service.troubles)
        full(store, is_full=False)
        await asyncio.sleep(300)
        assert "not stored" not in channel_now(service, CHANNEL).words
    assert EventKind.LINK_LOST not in {event.kind for event in store.events(run.run_id)}
    said = [record.getMessage() for record in caplog.records]
    assert not [line for line in said if EventKind.LINK_LOST in line]
    # An outage of 3000 s, and thousands of polls.
    assert 1 <= sum("the store takes nothing" in line for line in said) <= 5


async def test_stop_on_a_full_disk_is_said_to_be_confirmed_once_it_is(rig: Rig, store: Store) -> None:
    """Whoever reads the line need not switch anything off; the end is written when there is room.

    Faults F01.
    """
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=9), "ada")
        await asyncio.sleep(1000)
        full(store)
        with contextlib.suppress(StoreError):
            await service.supervisor_of(CHANNEL).stop(run, "stopped by ada")
        await asyncio.sleep(300)
        assert not rig.bench.tester.channel(CHANNEL).busy
        words = channel_now(service, CHANNEL).words
        assert words.startswith(
            f"{run.run_id} ({CHANNEL}) is stopped, which is not stored yet: stopped by ada; the disk"
        )
        assert "not confirmed" not in words
        full(store, is_full=False)
        await asyncio.sleep(300)
        assert (run.state, run.reason) == (RunState.STOPPED, "stopped by ada")


async def test_silent_tester_is_named_although_the_disk_is_full(rig: Rig, store: Store) -> None:
    """What cannot be stored is said all the same, and no more once the tester answers and there is room."""
    async with serving(rig, store) as service:
        service.submit(request(cycles=9), "ada")
        await asyncio.sleep(1000)
        full(store)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, times=None))
        await asyncio.sleep(600)
        assert "nothing heard from ct4008" in channel_now(service, CHANNEL).words
        rig.bench.wire.mend()
        full(store, is_full=False)
        await asyncio.sleep(300)
        assert "nothing heard" not in channel_now(service, CHANNEL).words


async def test_empty_holder_asks_for_a_person_until_it_is_said_what_is_there(rig: Rig, store: Store) -> None:
    """In ``needs_person``, on the line and in the morning report, also after a restart; nothing is latched.

    Faults C03.
    """
    async with serving(rig, store) as service:
        rig.bench.tester.pull_out_cell(CHANNEL)
        run = service.submit(request(cycles=9), "ada")
        await asyncio.sleep(600)
        assert (run.state, run.reason.partition(":")[0]) == (RunState.STOPPED, EventKind.CHECK_FAILED)
        before = channel_now(service, CHANNEL)
    async with serving(rig, store) as service:
        await asyncio.sleep(10)
        for now in (before, channel_now(service, CHANNEL)):
            assert now.needs_person
            assert f"Look at {CHANNEL}: put a sound cell in, the right way round" in now.words
        # Days later, too.
        report = morning(store, Sources(wall_time() + 10 * 86_400))
        assert [line.to_do for line in report.needs] == [before.words.partition(". ")[2]]
        assert report.stopped == ()
        service.cells.empty(CHANNEL, "ada")
        assert not channel_now(service, CHANNEL).needs_person
        assert morning(store, Sources(wall_time() + 60)).needs == ()
