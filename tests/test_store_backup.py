"""A backup is one moment of a store that is being written, read whole before it gets its name; three are kept."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.store import BackupFailed, CannotOpen, Damaged, NotAStore, Store, back_up, open_store
from orchestrator.store.backup import backups
from tests.command_line import cellrig, refused
from tests.storing import add_run, add_test, samples

ROOT = Path(__file__).resolve().parent.parent
# 2026-01-05, 00:00:00 UTC.
NOW = 1_767_571_200.0
DAY = 86_400.0


@pytest.fixture
def test(store: Store) -> int:
    """Give the number of a test with two thousand samples in the open store."""
    number = add_test(store, add_run(store))
    store.tick({number: samples(1, 2000)})
    return number


def beside(path: Path) -> list[str]:
    """Give the names of the files beside a store that are not SQLite's own."""
    return sorted(file.name for file in path.parent.iterdir() if not file.name.startswith("store.sqlite"))


def test_backup_is_the_moment_it_began_while_the_writer_goes_on(store_path: Path, test: int) -> None:
    """Ticks between the steps of a copy are never refused, never start it anew, and are not in it (faults F08)."""
    steps: list[int] = []
    with open_store(store_path, busy_timeout_s=0.0) as writer:

        def tick(left: int, pages: int) -> None:
            steps.append(left)
            writer.tick({test: samples(2001 + 100 * len(steps), 100)})

        made = back_up(store_path, now_unix_s=NOW, pages_per_step=5, progress=tick)
        assert len(steps) > 5
        assert steps == sorted(steps, reverse=True)
        assert writer.sample_count(test) == 2000 + 100 * len(steps)
    with open_store(made.path, read_only=True) as copy:
        assert list(copy.samples(test)) == samples(1, 2000)


def test_backup_may_be_made_on_another_thread(store: Store, store_path: Path, test: int) -> None:
    """The store belongs to its thread; a backup needs only its path."""
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(back_up, store_path, now_unix_s=NOW, pages_per_step=1)
        for number in range(20):
            store.tick({test: samples(2001 + 10 * number, 10)})
        made = going.result()
    with open_store(made.path, read_only=True) as copy:
        assert copy.sample_count(test) >= 2000


def test_backup_is_one_file_with_the_rows_of_the_log(store_path: Path, test: int, tmp_path: Path) -> None:
    """What is only in the log so far is in the copy, and the copy needs no log, also after it was read."""
    folder = tmp_path / "backups"
    folder.mkdir()
    made = back_up(store_path, folder, now_unix_s=NOW)
    with closing(sqlite3.connect(made.path)) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert copy.execute("SELECT count(*) FROM sample").fetchone() == (2000,)
    assert [file.name for file in folder.iterdir()] == ["store.backup-20260105T000000Z.sqlite"]
    assert made.rows > 2000
    assert made.size_bytes == made.path.stat().st_size


def test_backup_put_in_the_place_of_its_store_goes_on(store: Store, store_path: Path, test: int) -> None:
    """Restoring is copying one file: it opens for writing, durable as before, and takes the next records."""
    made = back_up(store_path, now_unix_s=NOW)
    store.close()
    store_path.write_bytes(made.path.read_bytes())
    with open_store(store_path) as restored:
        assert restored.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert restored.tick({test: samples(1901, 200)}).inserted == 100


def test_three_newest_are_kept(store_path: Path, test: int) -> None:
    """Each backup after the third removes the oldest, and says so."""
    made = [back_up(store_path, now_unix_s=NOW + day * DAY) for day in range(5)]
    assert [backup.removed for backup in made] == [(), (), (), (made[0].path,), (made[1].path,)]
    assert backups(store_path) == [(NOW + day * DAY, made[day].path) for day in (4, 3, 2)]


def test_backups_of_one_second_are_told_apart(store_path: Path, test: int) -> None:
    """A name that is taken is never written over."""
    names = [back_up(store_path, now_unix_s=NOW).path.name for _ in range(2)]
    assert names == ["store.backup-20260105T000000Z.sqlite", "store.backup-20260105T000000Z-2.sqlite"]


def test_clock_that_went_back_does_not_cost_the_backup_just_made(store_path: Path, test: int) -> None:
    """The copy just made is the newest there is, whatever its name says."""
    for day in range(3):
        back_up(store_path, now_unix_s=NOW + day * DAY)
    made = back_up(store_path, now_unix_s=NOW - DAY)
    assert made.path.exists()
    assert len(backups(store_path)) == 3


def test_only_backups_of_this_store_are_removed(store_path: Path, test: int, tmp_path: Path) -> None:
    """A folder shared with another rig's store of the same name, notes and links keeps all that is not ours."""
    folder, elsewhere = tmp_path / "shared", tmp_path / "other rig"
    folder.mkdir()
    elsewhere.mkdir()
    with open_store(elsewhere / store_path.name) as other:
        add_run(other)
    foreign = [back_up(elsewhere / store_path.name, folder, now_unix_s=NOW - day * DAY).path for day in (30, 20)]
    (folder / "store.backup-20200101T000000Z.sqlite").write_text("my notes", encoding="utf-8")
    (folder / "store.backup-20209901T000000Z.sqlite").write_text("no such month", encoding="utf-8")
    (folder / "store.backup-20200101T000000Z.sqlite.txt").write_text("more notes", encoding="utf-8")
    (folder / "store.backup-20200102T000000Z.sqlite").symlink_to(store_path)
    before = sorted(folder.iterdir())
    kept = [back_up(store_path, folder, now_unix_s=NOW + day * DAY, keep=1).path for day in range(3)][-1:]
    assert sorted(folder.iterdir()) == sorted(before + kept)
    assert set(foreign) < set(before)


def test_backup_that_is_broken_off_leaves_nothing(store_path: Path, test: int) -> None:
    """What the caller raises ends the copy; no half of it stays, and the store is free."""

    class Enough(Exception):
        """The caller wants to stop."""

    def stop(left: int, pages: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        back_up(store_path, now_unix_s=NOW, progress=stop)
    assert beside(store_path) == []


def test_killed_backup_is_no_backup_and_in_nobodys_way(store_path: Path, test: int) -> None:
    """What a killed process leaves has another name; the next backup, even of the same second, is made."""
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom orchestrator.store import back_up\n"
        f"back_up(Path(sys.argv[1]), now_unix_s={NOW}, pages_per_step=5, progress=lambda left, pages: os._exit(9))\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(store_path)], cwd=ROOT, check=False)
    assert killed.returncode == 9
    assert beside(store_path) == ["store.backup-20260105T000000Z.sqlite.partial"]
    assert backups(store_path) == []
    made = back_up(store_path, now_unix_s=NOW)
    assert backups(store_path) == [(NOW, made.path)]


def test_backup_leaves_the_disk_to_the_store(store_path: Path, test: int) -> None:
    """A copy that would take the last space is refused before it takes any."""
    with pytest.raises(BackupFailed, match=r"has 1\.0 MB free and the copy needs .* with a margin"):
        back_up(store_path, now_unix_s=NOW, free=lambda folder: 1_000_000)
    assert beside(store_path) == []


def test_copy_of_a_damaged_store_is_not_kept(store: Store, store_path: Path, test: int) -> None:
    """Good backups are not rotated away by bad ones, and the error names the newest."""
    store.close()
    good = back_up(store_path, now_unix_s=NOW)
    whole = store_path.read_bytes()
    store_path.write_bytes(whole[:-8192] + b"\xa5" * 8192)
    with pytest.raises(Damaged, match=rf"is damaged.*as evidence.*copy {good.path.name} to store\.sqlite"):
        back_up(store_path, now_unix_s=NOW + DAY, keep=1)
    assert beside(store_path) == [good.path.name]


def test_backup_of_what_is_no_store_is_refused(tmp_path: Path) -> None:
    """A mistyped path and somebody else's database are named, and nothing is made beside them."""
    with pytest.raises(CannotOpen, match="does not exist"):
        back_up(tmp_path / "typo.sqlite", now_unix_s=NOW)
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE invoice (id INTEGER)")
    with pytest.raises(NotAStore, match="not a store of cellrig"):
        back_up(other, now_unix_s=NOW)
    assert list(tmp_path.iterdir()) == [other]


def test_folder_that_is_not_there_is_named(store_path: Path, test: int) -> None:
    """A drive that is not plugged in is no reason to make a folder in its place."""
    with pytest.raises(BackupFailed, match="check that the folder exists and can be written"):
        back_up(store_path, store_path.parent / "usb", now_unix_s=NOW)
    assert beside(store_path) == []


def test_folder_that_a_person_names_is_made_and_said(store_path: Path, test: int, tmp_path: Path) -> None:
    """Where a backup gets into it; else no folder is left, and a file is no folder."""
    folder = tmp_path / "backups" / "today"
    made = cellrig("store", "backup", "--store", store_path, "--to", folder)
    assert (made.returncode, len(list(folder.iterdir()))) == (0, 1)
    assert f"{folder} was not there and was made" in made.stderr
    assert cellrig("store", "backup", "--store", store_path, "--to", folder).stderr == ""
    refused(cellrig("store", "backup", "--store", tmp_path / "no.db", "--to", tmp_path / "other" / "it"), 1, "no.db")
    assert not (tmp_path / "other").exists()
    (tmp_path / "file").touch()
    refused(cellrig("store", "backup", "--store", store_path, "--to", tmp_path / "file" / "it"), 1, "cannot be made")


def test_backup_has_the_rights_of_its_store(store_path: Path, test: int) -> None:
    """What only the service's account may read stays so in the copy."""
    store_path.chmod(0o600)
    assert back_up(store_path, now_unix_s=NOW).path.stat().st_mode == store_path.stat().st_mode
