"""``store check`` tells in sentences what is wrong with a store, and nothing where nothing is."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.events import EventKind
from orchestrator.states import RunState
from orchestrator.store import CannotOpen, Damaged, NotAStore, Store, back_up, open_store
from orchestrator.store.companion_files import newest_path
from orchestrator.store.health import Health, check_store
from orchestrator.store.newest_commit import NewestCommit
from orchestrator.store.row_checks import Level
from orchestrator.store.schema import MIGRATIONS
from orchestrator.store.sqlite_library import Database, Migrations
from tests.command_line import cellrig
from tests.storing import add_run, add_test, samples

# Two hours after the run of ``tests.storing`` was added.
NOW = 1_767_571_200.0 + 7200.0
DAY = 86_400.0


@pytest.fixture
def sound(store_path: Path) -> Path:
    """Give a closed store with a completed run of two hundred samples and a backup made after it."""
    with open_store(store_path) as store:
        run_id = add_run(store)
        store.tick({add_test(store, run_id): samples(1, 200)})
        store.set_run_state(run_id, RunState.COMPLETED, "program finished", NOW)
    back_up(store_path, now_unix_s=NOW)
    return store_path


def wrong(health: Health) -> list[tuple[str, str]]:
    """Give what is wrong, as check and sentence."""
    return [(finding.check, finding.sentence) for finding in health.findings if finding.level is Level.WRONG]


def notes(health: Health) -> list[str]:
    """Give the sentences that are worth knowing."""
    return [finding.sentence for finding in health.findings if finding.level is Level.NOTE]


def test_sound_store_has_nothing_wrong(sound: Path) -> None:
    """All is looked at and fine, and looking changes no byte."""
    before = sound.read_bytes()
    health = check_store(sound, now_unix_s=NOW + 60)
    assert (wrong(health), notes(health)) == ([], [])
    assert health.sound
    assert {finding.check for finding in health.findings} == {
        "integrity", "layout", "references", "gaps", "runs", "intents", "programs", "records", "backup", "space", "log",
    }  # fmt: skip
    assert health.layout == "0012_versions"
    assert health.newest_backup_age_s == 60
    assert sound.read_bytes() == before


def lose_records(store: Store) -> None:
    """Lose three records in the middle, as nobody should."""
    store.connection.execute("DELETE FROM sample WHERE test = 1 AND sequence BETWEEN 101 AND 103")


def lose_first_records(store: Store) -> None:
    """Begin a test with its third record."""
    store.connection.execute("DELETE FROM sample WHERE test = 1 AND sequence <= 2")


def lose_cell(store: Store) -> None:
    """Remove a cell that a run refers to, as an editor without checked references does."""
    store.connection.execute("PRAGMA foreign_keys = OFF")
    store.connection.execute("DELETE FROM cell")


def leave_intent(store: Store) -> None:
    """Send a command whose outcome nobody wrote."""
    store.open_intent("R000001", "27-1-3", "start", "ab" * 32, "R000001-0-start", NOW + 3000)


def leave_run(store: Store) -> None:
    """Leave a run as a killed service does."""
    store.set_run_state("R000001", RunState.RUNNING, "", NOW - 7000)


def come_from_the_future(store: Store) -> None:
    """Give the store a layout of a newer cellrig."""
    store.connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('cellrig', '0099_future', '')"
    )


@pytest.mark.parametrize(
    ("spoil", "check", "sentence"),
    [
        (lose_records, "gaps", "test 1 of run R000001 lacks 3 of its 200 records, the first after number 100"),
        (lose_first_records, "gaps", "test 1 of run R000001 lacks 2 of its 200 records, the first after number 0"),
        (lose_cell, "references", "table run refers in row 1 to a cell that is not there"),
        (leave_intent, "intents", "nobody knows what became of 'start' on channel 27-1-3 for run R000001, sent 10 min"),
        (leave_run, "runs", "run R000001 is running, but nothing was written for 1.3 h; see whether the service runs"),
        (come_from_the_future, "layout", "a newer cellrig wrote it (0099_future); update cellrig"),
    ],
)
def test_each_fault_is_told(sound: Path, spoil: Callable[[Store], None], check: str, sentence: str) -> None:
    """One fault, one sentence with the place and what to do."""
    with open_store(sound) as store:
        spoil(store)
    ((found, told),) = wrong(check_store(sound, now_unix_s=NOW + 3600))
    assert found == check
    assert sentence in told


def test_live_rig_is_not_wrong(sound: Path) -> None:
    """A run that records, one that waits for a person and a command just sent are told, and are no fault."""
    with open_store(sound) as store:
        running, waiting = add_run(store), add_run(store, channel="27-1-4")
        store.set_run_state(running, RunState.RUNNING, "", NOW - 7000)
        store.tick({add_test(store, running, 52): samples(1, 230)})
        store.set_run_state(waiting, RunState.AWAITING_OPERATOR, "", NOW - 7000)
        store.open_intent(waiting, "27-1-4", "start", "ab" * 32, "key", NOW - 1)
        health = check_store(sound, now_unix_s=NOW)
    assert wrong(health) == []
    assert len(notes(health)) == 3
    assert f"run {waiting} is awaiting_operator" in notes(health)


def test_backup_is_old_when_something_was_written_since(sound: Path) -> None:
    """An archive's backup never ages; that of a store in use does after a day."""
    assert check_store(sound, now_unix_s=NOW + 300 * DAY).sound
    with open_store(sound) as store:
        store.add_event("R000001", EventKind.COMMAND, "cell taken out", NOW + DAY)
    assert check_store(sound, now_unix_s=NOW + DAY).sound
    ((check, told),) = wrong(check_store(sound, now_unix_s=NOW + 2 * DAY))
    assert check == "backup"
    assert "48 h old; make one: cellrig store backup" in told


def test_backup_from_the_future_hides_no_missing_one(sound: Path) -> None:
    """One made while a clock ran ahead is named, and the backup before it counts."""
    with open_store(sound) as store:
        store.add_event("R000001", EventKind.COMMAND, "cell taken out", NOW + DAY)
    back_up(sound, now_unix_s=NOW + 300 * DAY)
    health = check_store(sound, now_unix_s=NOW + 2 * DAY)
    ((check, told),) = wrong(health)
    assert (check, "48 h old" in told) == ("backup", True)
    assert any("7152 h ahead of this machine's clock" in note for note in notes(health))


def test_store_without_a_backup_is_told_after_a_day(store_path: Path, sound: Path, tmp_path: Path) -> None:
    """Backups are looked for where they are said to lie; an unfinished one is no backup."""
    folder = tmp_path / "backups"
    folder.mkdir()
    assert check_store(sound, now_unix_s=NOW, backup_folder=folder).sound
    (folder / "store.backup-20260105T000000Z.sqlite.partial").touch()
    health = check_store(sound, now_unix_s=NOW + DAY, backup_folder=folder)
    assert [check for check, _ in wrong(health)] == ["backup"]
    assert any("is an unfinished backup; delete it unless" in note for note in notes(health))
    assert health.newest_backup is None


def test_full_disk_and_long_log_are_told(sound: Path) -> None:
    """Space and log are judged as the guard judges them."""
    with open_store(sound) as store:
        store.tick({1: samples(201, 500)})
        health = check_store(sound, now_unix_s=NOW, free=lambda folder: 1_000_000, wal_cap_bytes=1000)
    assert [check for check, _ in wrong(health)] == ["space", "log"]
    assert health.free_bytes == 1_000_000
    assert health.wal_bytes > 1000


def test_every_page_with_a_spoilt_head_is_found(sound: Path) -> None:
    """F07: checking and opening both refuse, say how to go back and to which backup, and leave the evidence alone."""
    whole = sound.read_bytes()
    name = "store.backup-20260105T020000Z.sqlite"
    for page in range(len(whole) // 4096):
        spoilt = bytearray(whole)
        spoilt[page * 4096 : page * 4096 + 8] = bytes(byte ^ 0xFF for byte in spoilt[page * 4096 : page * 4096 + 8])
        sound.write_bytes(spoilt)
        health = check_store(sound, now_unix_s=NOW)
        ((check, told),) = wrong(health)
        assert check == "integrity"
        with pytest.raises(Damaged, match=r"as evidence, then go back to the last backup") as caught:
            open_store(sound)
        for sentence in (told, str(caught.value)):
            assert f"copy {name} to store.sqlite" in sentence
        assert sound.read_bytes() == bytes(spoilt)


def test_cut_file_is_found(sound: Path) -> None:
    """F07: a file that lost its end is damaged, not shorter."""
    whole = sound.read_bytes()
    sound.write_bytes(whole[: len(whole) // 2])
    assert [check for check, _ in wrong(check_store(sound, now_unix_s=NOW))] == ["integrity"]
    with pytest.raises(Damaged):
        open_store(sound)


def test_lost_log_loses_whole_ticks_that_come_back(store_path: Path, tmp_path: Path) -> None:
    """F07: with the log deleted the store is that of the last checkpoint, whole; the backfill brings the rest.

    Faults E05, F08.
    """
    with open_store(store_path) as store:
        test = add_test(store, add_run(store))
        store.tick({test: samples(1, 100)})
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        store.tick({test: samples(101, 100)})
        left = tmp_path / "left" / "store.sqlite"
        left.parent.mkdir()
        left.write_bytes(store_path.read_bytes())
    with open_store(left) as store:
        last = store.last_sample(test)
        assert last is not None
        assert last.sequence == 100
        assert store.tick({test: samples(101, 100)}).inserted == 100
    assert not [check for check, _ in wrong(check_store(left, now_unix_s=NOW)) if check in ("integrity", "gaps")]


def test_store_that_went_back_is_told(store_path: Path, tmp_path: Path) -> None:
    """F07: without its log the store is sound and older: the file beside it says how far it had been written."""
    left = tmp_path / "left" / "store.sqlite"
    left.parent.mkdir()
    with open_store(store_path) as store:
        store.add_event(None, EventKind.COMMAND, "first", NOW)
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        run_id = add_run(store)
        store.add_event(run_id, EventKind.COMMAND, "second", NOW)
        NewestCommit(store).remember(NOW)
        assert NewestCommit(store).missing() == ""
        left.write_bytes(store_path.read_bytes())
        newest_path(left).write_bytes(newest_path(store_path).read_bytes())
    with open_store(left) as store:
        assert "had 2 events, now it ends with event 1" in NewestCommit(store).missing()
        newest_path(left).write_text("no words of ours")
        assert NewestCommit(store).missing() == ""
    other = tmp_path / "other.sqlite"
    newest_path(other).write_bytes(newest_path(store_path).read_bytes())
    with open_store(other) as store:
        store.add_event(None, EventKind.COMMAND, "another store's first", NOW + 1)
        assert NewestCommit(store).missing() == ""


@pytest.mark.parametrize(
    "spoil",
    [
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.write_text('{"event": Infinity, "first_unix_s": 1, "at_unix_s": 1}'),
    ],
    ids=["pipe", "device", "no number"],
)
def test_a_note_that_is_none_keeps_no_store_from_being_opened(store: Store, spoil: Callable[[Path], object]) -> None:
    """Whatever stands beside a store in the place of its note is not waited for, read without end or believed."""
    spoil(newest_path(store.path))
    assert NewestCommit(store).missing() == ""


def test_what_is_no_store_is_not_checked(tmp_path: Path) -> None:
    """Somebody else's database is not judged."""
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE invoice (id INTEGER)")
    with pytest.raises(NotAStore):
        check_store(other, now_unix_s=NOW)


def test_folder_of_backups_that_is_not_there_is_named(sound: Path, tmp_path: Path) -> None:
    """A drive that is not plugged in is told as such, not as a store without backups."""
    with pytest.raises(CannotOpen, match="usb is not a folder; say where the backups"):
        check_store(sound, now_unix_s=NOW, backup_folder=tmp_path / "usb")


def store_command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command about a store."""
    return cellrig("store", *arguments)


def test_commands_back_up_and_check(sound: Path, tmp_path: Path) -> None:
    """Status 0 and sentences, or JSON alone on stdout; status 1 once something is wrong."""
    folder = tmp_path / "backups"
    folder.mkdir()
    made = [
        json.loads(store_command("backup", "--store", sound, "--to", folder, "--keep", 1, "--json").stdout)
        for _ in "ab"
    ]
    assert [Path(backup["path"]).exists() for backup in made] == [False, True]
    assert made[1]["removed"] == [made[0]["path"]]
    good = store_command("check", "--store", sound, "--backups", folder)
    assert (good.returncode, good.stderr) == (0, "")
    assert "no record is missing among 200" in good.stdout
    with open_store(sound) as store:
        lose_records(store)
    bad = store_command("check", "--store", sound, "--json")
    assert bad.returncode == 1
    report = json.loads(bad.stdout)
    assert not report["sound"]
    assert [finding["check"] for finding in report["findings"] if finding["level"] == "wrong"] == ["gaps"]
    said = store_command("backup", "--store", sound).stdout
    assert "verified" in said


@pytest.mark.parametrize("command", ["check", "backup"])
def test_command_on_a_missing_store_is_one_sentence(tmp_path: Path, command: str) -> None:
    """Status 1, the path, what to do, and no trace."""
    result = store_command(command, "--store", tmp_path / "typo.db")
    assert result.returncode == 1
    assert result.stderr.startswith("cellrig: ")
    assert "typo.db does not exist; check the path" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_store_of_an_older_layout_is_told_to_be_one(tmp_path: Path) -> None:
    """Its columns have older names: it is whole, and its records are checked when it is up to date."""
    old = Migrations("cellrig")
    with Database(memory=True) as empty:
        for migration in MIGRATIONS.pending(empty)[:2]:
            old(name=migration.name)(migration.fn)
    path = tmp_path / "store.sqlite"
    open_store(path, migrations=old).close()
    health = check_store(path, now_unix_s=NOW)
    (told,) = [finding for finding in health.findings if finding.check == "layout"]
    assert told.level is Level.NOTE
    assert "0006_one_cycle_number" in told.sentence
    assert told.sentence.endswith("its records are checked after that: cellrig store upgrade")
