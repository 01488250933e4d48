"""Space is watched: a warning comes early, the reserve is given free, nothing new starts while commits still fit."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.events import EventKind
from orchestrator.states import RunState
from orchestrator.store import (
    CheckpointMode,
    SpaceGuard,
    SpaceVerdict,
    checkpoint,
    open_store,
    predicted_bytes,
    space_verdict,
)
from orchestrator.store.disk_space import Reserve, free_bytes
from tests.storing import add_run, add_test, samples

OK, WARN, RELEASE, HOLD = SpaceVerdict
FLOOR = 100_000
RESERVE = 200_000
AMOUNTS = st.integers(min_value=0, max_value=10**7)


class SmallDisk:
    """A disk of ``size_bytes`` that holds the files of one folder."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._folder = folder
        self.size_bytes = size_bytes

    def free(self, folder: Path) -> int:
        """Give what is left, in bytes."""
        assert folder == self._folder
        return self.size_bytes - sum(file.stat().st_size for file in folder.iterdir())


@pytest.mark.parametrize(
    ("free", "to_come", "reserve", "verdict"),
    [
        (10 * FLOOR, 0, RESERVE, OK),
        (4 * FLOOR, 0, RESERVE, OK),
        (4 * FLOOR - 1, 0, RESERVE, WARN),
        (10 * FLOOR, 2 * FLOOR, RESERVE, OK),
        (10 * FLOOR, 2 * FLOOR + 1, RESERVE, WARN),
        (FLOOR, 0, RESERVE, WARN),
        (FLOOR - 1, 0, RESERVE, RELEASE),
        (0, 10**9, 1, RELEASE),
        (FLOOR, 0, 0, WARN),
        (FLOOR - 1, 0, 0, HOLD),
        (0, 0, 0, HOLD),
    ],
)
def test_verdict_on_space(free: int, to_come: int, reserve: int, verdict: SpaceVerdict) -> None:
    """Records to come fit three times or there is a warning; below the floor the reserve goes first, then the runs."""
    assert space_verdict(free, to_come, reserve, FLOOR) is verdict


@given(free=AMOUNTS, less=AMOUNTS, to_come=AMOUNTS, more=AMOUNTS, reserve=AMOUNTS)
def test_less_space_is_never_judged_better(free: int, less: int, to_come: int, more: int, reserve: int) -> None:
    """Taking space away, or adding records to come, moves the verdict one way only."""
    order = list(SpaceVerdict)
    before = space_verdict(free, to_come, reserve, FLOOR)
    after = space_verdict(max(0, free - less), to_come + more, reserve, FLOOR)
    assert order.index(after) >= order.index(before)


def test_disk_that_fills_up_loses_no_record(store_path: Path) -> None:
    """F01: warned, reserve given free, held, in this order, with every tick kept and room to write why."""
    disk = SmallDisk(store_path.parent, 1_200_000)
    with open_store(store_path, reserve_bytes=RESERVE) as store:
        test = add_test(store, run_id := add_run(store))
        # The file system's own limit: the guard must speak before SQLite does.
        store.connection.execute(f"PRAGMA max_page_count = {(disk.size_bytes - FLOOR) // 4096}")
        guard = SpaceGuard(store_path, reserve_bytes=RESERVE, floor_bytes=FLOOR, free=disk.free)
        report = guard.watch(predicted_bytes(100))
        verdicts = [report.verdict]
        written = 0
        while report.verdict is not HOLD:
            written += store.tick({test: samples(written + 1, 100)}).inserted
            checkpoint(store, CheckpointMode.TRUNCATE)
            report = guard.watch(predicted_bytes(100))
            assert disk.free(store_path.parent) > 0
            verdicts.append(report.verdict)
        store.set_run_state(run_id, RunState.HOLDING, report.sentence, 1.0)
        store.add_event(run_id, EventKind.SPACE_HOLD, report.sentence, 1.0)
        assert list(store.samples(test)) == samples(1, written)
    assert [verdict for verdict, _ in groupby(verdicts)] == [OK, WARN, RELEASE, WARN, HOLD]
    assert verdicts.count(WARN) > 20
    assert disk.free(store_path.parent) > 0
    assert "free space now. Nothing new is started" in report.sentence


def test_reserve_comes_back_with_the_space(store_path: Path) -> None:
    """Once there is room for it and more, the reserve is written anew, and not before."""
    disk = SmallDisk(store_path.parent, RESERVE + FLOOR // 2)
    open_store(store_path).close()
    Reserve(store_path, RESERVE).fill()
    guard = SpaceGuard(store_path, reserve_bytes=RESERVE, floor_bytes=FLOOR, free=disk.free)
    assert (guard.watch(0).verdict, Reserve(store_path, RESERVE).held_bytes) == (RELEASE, 0)
    used = disk.size_bytes - disk.free(store_path.parent)
    disk.size_bytes = used + 4 * FLOOR + RESERVE - 1
    assert (guard.watch(0).verdict, guard.watch(0).reserve_bytes) == (OK, 0)
    disk.size_bytes += 1
    assert (guard.watch(0).verdict, guard.watch(0).reserve_bytes) == (OK, RESERVE)


def test_reserve_is_made_at_opening_of_real_bytes(store_path: Path) -> None:
    """The space is taken on the disk, and incompressible: no hole in a file. It stays for the next start."""
    for _ in range(2):
        open_store(store_path, reserve_bytes=3_000_000).close()
        reserve = store_path.with_name("store.sqlite-reserve")
        content = reserve.read_bytes()
        assert len(content) == 3_000_000
        assert len(set(content[:65536])) == 256
        blocks = getattr(reserve.stat(), "st_blocks", 3_000_000 // 512)
        assert blocks * 512 >= 2_999_808


def test_without_a_setting_there_is_no_reserve(store_path: Path) -> None:
    """A look at a demo's folder does not take space; a reader never does."""
    open_store(store_path).close()
    open_store(store_path, read_only=True, reserve_bytes=RESERVE).close()
    assert not store_path.with_name("store.sqlite-reserve").exists()


def test_guard_without_a_reserve_warns_and_holds(store_path: Path) -> None:
    """Size 0 means none: nothing is written, and the floor still holds."""
    disk = SmallDisk(store_path.parent, 10 * FLOOR)
    guard = SpaceGuard(store_path, reserve_bytes=0, floor_bytes=FLOOR, free=disk.free)
    assert guard.watch(0).verdict is OK
    disk.size_bytes = FLOOR // 2
    assert guard.watch(0).verdict is HOLD
    assert list(store_path.parent.iterdir()) == []


def test_reserve_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    """Where there is no place for it, nothing half-written stays, and the caller is told."""
    reserve = Reserve(tmp_path / "gone" / "store.sqlite", RESERVE)
    assert not reserve.fill()
    assert reserve.held_bytes == 0


def test_free_space_is_the_systems(tmp_path: Path) -> None:
    """Without a stand-in the number comes from the disk itself."""
    assert free_bytes(tmp_path) > 0
