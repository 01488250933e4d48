"""A full disk reaches people although its event cannot be stored; notices of simulated runs say so."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind, RunUpdate, Severity
from orchestrator.events.run_words import NOT_STORED
from orchestrator.notices.state_file import StateFile
from orchestrator.notices.values import Entry, Message, Notice
from orchestrator.notices.wording import body_of, title_of
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.store.companion_files import notices_path, reserve_path
from orchestrator.store.disk_space import FLOOR_BYTES
from tests.storing import add_run
from tests.told_people import told

# Neither escalation nor repeat comes to help.
ONCE: dict[str, Any] = {"escalate_after_s": 86_400, "repeat_s": 86_400, "poll_s": 1}
FULL = "phone [ALARM] rack-1: disk full"


async def test_a_full_disk_is_told_although_nothing_can_be_stored_on_it(store: Store) -> None:
    """Neither its event nor the file of the notices: within seconds, once until there is room, and again after that.

    Faults F01.
    """
    notices_path(store.path).mkdir()
    async with told(store, **ONCE | {"repeat_s": 600}) as people:
        await asyncio.sleep(30)
        assert people.got == []
        people.free_bytes = 4096
        await asyncio.sleep(15)
        assert people.titles() == [FULL]
        assert "has 0.0 MB free" in people.got[0][2].text
        # A few bytes about the limit are no end and no other alarm.
        for free_bytes in (FLOOR_BYTES + 1, FLOOR_BYTES - 1):
            people.free_bytes = free_bytes
            await asyncio.sleep(60)
        assert len(people.got) == 1
        people.free_bytes = 3 * FLOOR_BYTES
        await asyncio.sleep(3600)
        assert len(people.got) == 1
        people.free_bytes = 0
        await asyncio.sleep(15)
    assert people.titles() == [FULL, FULL]


async def test_what_was_told_on_a_full_disk_is_not_told_again_by_the_next_service(store: Store) -> None:
    """Its file takes the notices, then nothing while they are told; that they were told is kept once there is room.

    Faults F01.
    """
    full = "CREATE TRIGGER full BEFORE UPDATE ON notice BEGIN SELECT raise(ABORT, 'database or disk is full'); END"
    async with told(store, **ONCE) as people:
        with closing(sqlite3.connect(notices_path(store.path))) as other:
            other.execute(full)
            people.happen(EventKind.CLOCK_JUMPED)
            people.happen(EventKind.LOG_GROWS)
            await asyncio.sleep(60)
            assert people.titles() == ["phone [warning] rack-1: 2 warnings: 1 x clock jumped, 1 x log grows"]
            other.execute("DROP TRIGGER full")
        await asyncio.sleep(60)
    async with told(store, people, **ONCE):
        await asyncio.sleep(60)
    assert len(people.got) == 1


async def test_a_reserve_is_given_free_before_people_are_called(store: Store) -> None:
    """While it stands, housekeeping makes room with it; only then is the disk full."""
    reserve_path(store.path).write_bytes(b"reserve")
    async with told(store, **ONCE) as people:
        people.free_bytes = 0
        await asyncio.sleep(120)
        assert people.got == []
        reserve_path(store.path).unlink()
        await asyncio.sleep(15)
    assert people.titles() == [FULL]


@pytest.mark.parametrize("is_stored_first", [True, False])
async def test_a_full_disk_is_one_alarm_beside_its_stored_event(store: Store, is_stored_first: bool) -> None:
    """Whichever comes first; whoever has acknowledged it is told again only when it comes back."""
    async with told(store, **ONCE) as people:
        if is_stored_first:
            people.happen(EventKind.SPACE_HOLD)
            await asyncio.sleep(5)
        people.free_bytes = 0
        await asyncio.sleep(20)
        people.happen(EventKind.SPACE_HOLD if not is_stored_first else EventKind.COMMAND)
        await asyncio.sleep(20)
        assert people.titles() == [FULL]
        with StateFile(store.path) as other:
            assert other.acknowledge(None, "ada", wall_time()) == ["space hold"]
        await asyncio.sleep(600)
        assert people.titles() == [FULL]
        people.free_bytes = 10**12
        await asyncio.sleep(20)
        people.free_bytes = 0
        await asyncio.sleep(20)
    assert people.titles() == [FULL, FULL]


async def test_a_full_disk_that_has_room_after_a_restart_is_over(store: Store) -> None:
    """No event says so: that of the full disk was never stored."""
    async with told(store, **ONCE) as people:
        people.free_bytes = 0
        await asyncio.sleep(15)
    people.free_bytes = 10**12
    async with told(store, people, **ONCE):
        await asyncio.sleep(5)
        with StateFile(store.path) as state:
            assert state.open_incidents() == []
    assert people.titles() == [FULL]


async def test_a_simulated_trip_says_so_before_all_other_words(store: Store) -> None:
    """Also when it is told after a restart, and beside a real one it says that not all are simulated."""
    simulated, real = add_run(store, simulated=True), add_run(store, channel="27-1-4", simulated=False)
    async with told(store, **ONCE) as people:
        people.broken = {"phone", "boss"}
        people.happen(EventKind.EARLY_CUTOFF, simulated)
        await asyncio.sleep(3)
    people.broken = set()
    async with told(store, people, **ONCE):
        await asyncio.sleep(5)
        (title,) = {letter.title for _, _, letter in people.got}
        assert title == f"[ALARM, simulated] rack-1: 27-1-3 bare: {EventKind.EARLY_CUTOFF}"
        assert " alarm, simulated 27-1-3 bare" in people.got[0][2].text
        people.happen(EventKind.EARLY_CUTOFF, real)
        await asyncio.sleep(5)
    assert people.titles()[-1].startswith("phone [ALARM] rack-1: 27-1-4")


def test_a_digest_says_whether_all_of_it_is_simulated() -> None:
    """A real cell among simulated ones is not to be overlooked."""
    one, other = (
        Entry(Notice(n, "late records", Severity.WARNING, "what", 1e9, f"R{n}", f"27-1-{n}", simulated=n == 1))
        for n in (1, 2)
    )
    titles = [title_of(Message(1, "ada", ("phone",), entries), "rack-1") for entries in ((one,), (one, other))]
    assert titles[0].startswith("[warning, simulated] rack-1: 27-1-1: late records")
    assert titles[1].startswith("[warning, some simulated] rack-1: 2 warnings")
    lines = body_of(Message(1, "ada", ("phone",), (one, other)), "rack-1").splitlines()
    assert ["simulated" in line for line in lines[:2]] == [True, False]


def test_a_file_of_before_keeps_what_it_told(store_path: Path) -> None:
    """Version 1 had no mark of simulated runs: of its notices that is not known."""
    alarm = Notice(1, "late records", Severity.WARNING, "what", 1e9, "R000001", "27-1-3", "A17")
    with StateFile(store_path) as state:
        state.keep_notice(alarm, None)
    with closing(sqlite3.connect(notices_path(store_path), isolation_level=None)) as old:
        old.executescript("ALTER TABLE notice DROP COLUMN simulated; PRAGMA user_version = 1;")
    with StateFile(store_path) as state:
        assert state.untold(0.0) == [alarm]


async def test_a_full_disk_is_one_alarm_however_many_runs_it_stops(store: Store) -> None:
    """A store that takes no records while its disk has room is told by the run, with the cause that it names."""
    add_run(store)
    run = RunUpdate(
        "R000001", "A17", "27-1-3", RunState.RUNNING, f"{NOT_STORED}: it is locked", 60.0, 3600.0, 1, 0.08, 2
    )
    async with told(store, data_stop_s=60, **ONCE) as people:
        people.free_bytes = 0
        people.updates = [run]
        await asyncio.sleep(600)
        assert people.titles() == [FULL]
        people.free_bytes = 10**12
        await asyncio.sleep(60)
    assert people.titles()[1:] == ["phone [ALARM] rack-1: 27-1-3 A17: data stopped"]
    assert "no record has been stored for" in people.got[1][2].text
    assert "running: its records are not stored: it is locked" in people.got[1][2].text
