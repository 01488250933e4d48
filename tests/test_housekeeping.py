"""Housekeeping of a service's store: space, log, a verified backup a day."""

import asyncio
from contextlib import nullcontext
from pathlib import Path

import pytest

from orchestrator.clock.virtual import VirtualTimeLoop, run_virtual, wall_time
from orchestrator.events import EventKind
from orchestrator.rack.housekeeping import Housekeeping
from orchestrator.store import Store, StoreError
from orchestrator.store.backup import backups
from orchestrator.store.disk_space import SpaceGuard
from tests.storing import add_run, add_test, samples

_YEARS_S = 9 * 365 * 86400.0


class Disk:
    """A disk whose free space a test sets, in bytes."""

    def __init__(self) -> None:
        self.free = 10**12

    def __call__(self, folder: Path) -> int:
        """Give what is free."""
        assert folder.is_dir()
        return self.free


def test_disk_that_fills_refuses_new_runs_until_there_is_room(store: Store) -> None:
    """Warned, the reserve given free, then nothing new is started; each change is told once (faults F01)."""
    disk = Disk()
    keeper = Housekeeping(store, SpaceGuard(store.path, reserve_bytes=2**20, floor_bytes=2**24, free=disk))
    said: list[str | None] = []

    async def fill() -> None:
        for free in (10**12, 10**12, 5 * 10**7, 10**6, 10**6, 10**6, 10**12):
            disk.free = free
            keeper.look(1000, said.append)

    run_virtual(fill())
    assert [reason is None for reason in said] == [True, True, True, True, False, False, True]
    kinds = [event.kind for event in store.events()]
    assert kinds == ["space warn", "space release_reserve", "space hold", "space ok"]


def test_full_disk_that_takes_no_event_is_told_when_it_takes_one(store: Store) -> None:
    """The word that nothing new is started is not lost with the commit that the disk refused (faults F01)."""
    disk = Disk()
    keeper = Housekeeping(store, SpaceGuard(store.path, reserve_bytes=0, free=disk))

    async def fill() -> None:
        disk.free = 10**6
        for takes_it in (False, False, True, True):
            store.connection.execute(f"PRAGMA query_only = {not takes_it:d}")
            with nullcontext() if takes_it else pytest.raises(StoreError):
                keeper.look(1000, lambda _: None)

    run_virtual(fill())
    assert [event.kind for event in store.events()] == ["space hold"]


def test_one_verified_backup_a_day_and_three_are_kept(store: Store) -> None:
    """Five days of service: a backup each day, the newest three stay."""
    keeper = Housekeeping(store, SpaceGuard(store.path, reserve_bytes=0))

    async def five_days() -> None:
        task = asyncio.ensure_future(keeper.run(lambda: 0, lambda _: None))
        await asyncio.sleep(5 * 86400 - 3600)
        task.cancel()
        await asyncio.wait({task})

    run_virtual(five_days())
    assert sum(event.kind == "backup" for event in store.events()) == 5
    assert len(backups(store.path)) == 3


def test_flipped_bit_of_a_record_is_told_within_a_day(store: Store) -> None:
    """Each daily backup is read through, record by record, and what cannot be what was stored is an event (F07)."""
    test = add_test(store, add_run(store))
    store.tick({test: samples(1, 300)})
    store.connection.execute("UPDATE sample SET voltage_v = voltage_v * (1 + 1e-12) WHERE sequence = 200")
    keeper = Housekeeping(store, SpaceGuard(store.path, reserve_bytes=0))

    async def a_day() -> None:
        task = asyncio.ensure_future(keeper.run(lambda: 0, lambda _: None))
        await asyncio.sleep(86400 - 3600)
        task.cancel()
        await asyncio.wait({task})

    run_virtual(a_day())
    told = [event.message for event in store.events() if event.kind == EventKind.STORE_DOUBTED]
    assert any("record 200 of test 1 of run R000001 cannot be what was stored: voltage_v" in it for it in told), told


def test_backup_that_cannot_be_made_is_told_and_tried_again_the_next_day(store: Store, tmp_path: Path) -> None:
    """A backup folder that is gone is an event, not the end of housekeeping."""
    keeper = Housekeeping(store, SpaceGuard(store.path, reserve_bytes=0), tmp_path / "gone")

    async def two_days() -> None:
        task = asyncio.ensure_future(keeper.run(lambda: 0, lambda _: None))
        await asyncio.sleep(2 * 86400 - 3600)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})

    run_virtual(two_days())
    assert sum(event.kind == "backup failed" for event in store.events()) == 2


def test_clock_that_was_years_ahead_for_an_hour_costs_no_backups(store: Store) -> None:
    """The next one was waited for until then, and the newest was told as new at each start (``backup_check``)."""
    keeper = Housekeeping(store, SpaceGuard(store.path, reserve_bytes=0))

    async def ahead_and_back() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        task = asyncio.ensure_future(keeper.run(lambda: 0, lambda _: None))
        await asyncio.sleep(3600)
        loop.epoch_unix_s += _YEARS_S
        await asyncio.sleep(3600)
        loop.epoch_unix_s -= _YEARS_S
        await asyncio.sleep(86400)
        task.cancel()
        await asyncio.wait({task})
        return wall_time()

    now_unix_s = run_virtual(ahead_and_back())
    assert keeper.newest_backup_unix_s is not None
    assert 0 <= now_unix_s - keeper.newest_backup_unix_s < 86400
