"""``cellrig archive`` and ``unarchive``: what stays in the store, what comes back, and what is never archived."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from drivers.interfaces import Sample
from orchestrator.analysis.summary import details
from orchestrator.events import EventKind
from orchestrator.packaging.archive_lock import only_archive
from orchestrator.packaging.archiving import archive_run, unarchive_run, why_not_sealed
from orchestrator.packaging.errors import NotSealed, PackageError, PackageTouched
from orchestrator.rack.lock import owning
from orchestrator.states import RunState
from orchestrator.store import MountingKind, Mountings, RunArchived, Store, open_store, samples
from orchestrator.store.health import check_store
from orchestrator.store.sample_numbers import number_pages
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import sample_table
from tests.api_client import serving
from tests.command_line import cellrig, refused
from tests.package_rig import dump, sealed
from tests.run_maker import START_UNIX_S

NOW_S = START_UNIX_S + 1e6


def _untold(_part: str) -> Any:  # noqa: ANN401 - a progress
    return lambda _done, _all: None


def _archived(store: Store, run_id: str, folder: Path) -> Path:
    return archive_run(store, run_id, folder, NOW_S, _untold, [], pictures=False).path(store.path)


@pytest.fixture
def run_with_a_gap(store: Store) -> str:
    """Give a run of which four records at rest were never read: no step's number changes by that."""
    made_id = sealed(store)
    with store.transaction() as connection:
        connection.execute("DELETE FROM sample WHERE test = 1 AND sequence BETWEEN 15 AND 18")
    return made_id


@pytest.fixture
def run_id(store: Store) -> str:
    """Give a run that is over, cut three times."""
    return sealed(store)


def test_records_come_back_row_for_row(store: Store, run_id: str, tmp_path: Path) -> None:
    """After both ways each table has the rows that it had; in between no record is in the store, and the rest is."""
    before = dump(store.path)
    package = _archived(store, run_id, tmp_path / "kept")
    between = dump(store.path)
    assert between["sample"] == []
    changed = {name for name in before if before[name] != between[name]}
    assert changed == {"sample", "archive", "archived_test"}
    assert unarchive_run(store, run_id, None, _untold("")) == package
    assert dump(store.path) == before
    assert package.exists()


def test_lists_and_details_tell_the_same_of_an_archived_run(store: Store, tmp_path: Path) -> None:
    """``runs``, ``show`` and ``morning`` work from what stays: times, gaps, temperatures and numbers of records too."""
    run_id = sealed(store)
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET temperature_degc = 25 + sequence % 7 WHERE test = 1 AND sequence > 5")
    at = ("--store", store.path, "--json")
    commands = [("runs", *at), ("show", run_id, *at)]
    before = [json.loads(cellrig(*command).stdout) for command in commands]
    assert before[1]["temperatures"]["mean_degc"] is not None
    _archived(store, run_id, tmp_path / "kept")
    assert [json.loads(cellrig(*command).stdout) for command in commands] == before
    assert cellrig("morning", "--since", "2026-01-05", *at[:2]).returncode == 0
    ended = Mountings(store).ended(run_id)
    assert ended.time_s == pytest.approx(before[0]["runs"][0]["hours"] * 3600)


def test_what_needs_records_says_the_command(store: Store, run_id: str, tmp_path: Path) -> None:
    """Pictures, exports, analyses and whole columns end with the one command that brings the records back."""
    _archived(store, run_id, tmp_path / "kept")
    command = f"cellrig unarchive {run_id} --store {store.path}"
    data = RunData(store, run_id)
    for read in (
        lambda: sample_table(store, run_id),
        lambda: data.columns("time_s"),
        lambda: list(store.samples(1)),
        lambda: list(store.samples(1, after=3)),
        lambda: data.samples_of(data.steps[3:4]),
        lambda: data.samples_of(data.steps[:1]),
    ):
        with pytest.raises(RunArchived, match=command):
            read()
    for words in (("export", "--to", "csv"), ("plot",), ("analyse",), ("export", "--to", "crate")):
        told = cellrig(words[0], run_id, *words[1:], "--store", store.path, cwd=tmp_path)
        refused(told, 1, "cellrig unarchive")


async def test_rest_says_the_command_too(store_path: Path, tmp_path: Path) -> None:
    """A run that is archived beside a service is refused there with the command, lists it as before, and comes back."""
    with open_store(store_path) as store:
        run_id = sealed(store)
    async with serving(store_path) as client:
        before = await client.get(f"/runs/{run_id}/samples"), await client.get(f"/runs/{run_id}")
        with open_store(store_path) as archive:
            _archived(archive, run_id, tmp_path / "kept")
        for what in ("samples", "series"):
            assert f"cellrig unarchive {run_id}" in str(await client.get(f"/runs/{run_id}/{what}", 409))
        assert (await client.get(f"/runs/{run_id}/steps"))["rows"]
        assert await client.get(f"/runs/{run_id}") == before[1]
        with open_store(store_path) as archive:
            unarchive_run(archive, run_id, None, _untold(""))
        assert await client.get(f"/runs/{run_id}/samples") == before[0]


def test_first_and_last_record_stay_at_hand(store: Store, run_id: str, tmp_path: Path) -> None:
    """A run's begin and end are read from the outline, a missing reading as NaN; nothing comes behind the last."""
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET energy_wh = NULL WHERE test = 1 AND sequence = 1")
    tests = [test.id for test in store.tests(run_id)]

    def ends(test: int) -> list[Sample | None]:
        last = store.last_sample(test)
        first = next(store.samples(test, limit=1), None)
        return [first, last, None if last is None else next(store.samples(test, last.sequence - 1))]

    before = [repr(ends(test)) for test in tests]
    counts = [store.sample_count(test) for test in tests]
    _archived(store, run_id, tmp_path)
    assert [repr(ends(test)) for test in tests] == before
    assert [store.sample_count(test) for test in tests] == counts
    last = store.last_sample(tests[0])
    assert last is not None
    assert list(store.samples(tests[0], last.sequence)) == []


def test_views_keep_their_words(store: Store, run_id: str, tmp_path: Path) -> None:
    """``run_summary`` counts what the store has, and says beside it how many records are in which package."""
    sql = "SELECT samples, archived_samples, archive FROM run_summary WHERE run_id = ?"
    count = store.connection.execute(sql, (run_id,)).fetchone()[0]
    assert store.connection.execute(sql, (run_id,)).fetchone() == (count, 0, None)
    steps = store.connection.execute("SELECT * FROM step_readable").fetchall()
    _archived(store, run_id, tmp_path / "kept")
    told = store.connection.execute(sql, (run_id,)).fetchone()
    assert told == (0, count, f"kept/{run_id}.cellrig.zip")
    assert store.connection.execute("SELECT * FROM step_readable").fetchall() == steps
    assert store.connection.execute("SELECT count(*) FROM sample_readable").fetchone() == (0,)


@pytest.mark.parametrize("state", [state.value for state in RunState if not state.is_over])
def test_run_that_is_not_over_is_never_archived(store: Store, state: str, tmp_path: Path) -> None:
    """Live, queued, held, tripped and doubtful runs are refused in a sentence, and nothing is written."""
    run_id = sealed(store, (), state)
    with pytest.raises(NotSealed, match=state):
        _archived(store, run_id, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_run_that_is_wanted_is_never_archived(store: Store, tmp_path: Path) -> None:
    """A run whose cell a queued run goes on with, or whose last command has no outcome, stays until that is over."""
    run_id, follower = sealed(store, ()), sealed(store, (), "queued")
    Mountings(store).add("27-1-3", MountingKind.SAME_CELL, follower, "ada", START_UNIX_S, follows=run_id)
    with pytest.raises(NotSealed, match=f"{follower} goes on with its cell"):
        _archived(store, run_id, tmp_path)
    store.set_run_state(follower, "stopped", "", START_UNIX_S)
    assert why_not_sealed(store, run_id) == ""
    intent = store.open_intent(run_id, "27-1-3", "stop", "0" * 64, "a stop", START_UNIX_S)
    assert "stop whose outcome is not known" in why_not_sealed(store, run_id)
    store.close_intent(intent, "stopped", START_UNIX_S)
    assert why_not_sealed(store, run_id) == ""


def test_record_that_comes_late_is_kept_beside_the_archived_ones(store: Store, run_id: str, tmp_path: Path) -> None:
    """What a tester still had is stored as ever; on the way back it stands behind the records of the package."""
    test = store.tests(run_id)[-1].id
    last = store.last_sample(test)
    assert last is not None
    count = store.sample_count(test)
    _archived(store, run_id, tmp_path)
    store.tick({test: [last._replace(sequence=last.sequence + 1)]})
    assert store.sample_count(test) == count + 1
    unarchive_run(store, run_id, None, _untold(""))
    assert [sample.sequence for sample in store.samples(test)] == list(range(1, count + 2))


def test_damaged_run_is_not_archived(store: Store, run_id: str, tmp_path: Path) -> None:
    """A record that contradicts its step is found before anything leaves the store."""
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET voltage_v = 0.25 WHERE test = 1 AND sequence = 50")
    before = dump(store.path)
    with pytest.raises(PackageError, match="cellrig store check"):
        _archived(store, run_id, tmp_path / "kept")
    assert dump(store.path) == before
    assert list((tmp_path / "kept").iterdir()) == []


def test_package_that_was_touched_or_is_of_another_run_brings_nothing_back(store: Store, tmp_path: Path) -> None:
    """The pointer knows the end of the chain: neither a spoiled package nor another whole one is taken for it."""
    run_id, other = sealed(store), sealed(store, ())
    package, others = _archived(store, run_id, tmp_path), _archived(store, other, tmp_path)
    before = dump(store.path)
    with pytest.raises(PackageError, match=f"package of run {other}"):
        unarchive_run(store, run_id, others, _untold(""))
    data = bytearray(package.read_bytes())
    data[data.index(b"PAR1") + 20] ^= 1
    package.write_bytes(data)
    with pytest.raises(PackageTouched, match=r"tables/cell\.parquet was changed"):
        unarchive_run(store, run_id, None, _untold(""))
    package.rename(tmp_path / "away.zip")
    with pytest.raises(PackageError, match="--from PATH"):
        unarchive_run(store, run_id, None, _untold(""))
    assert dump(store.path) == before


def test_archive_that_is_there_already_is_used_or_refused(store: Store, run_id: str, tmp_path: Path) -> None:
    """The same package, left by an interrupted command or an earlier archive, will do; another file is not replaced."""
    package = _archived(store, run_id, tmp_path)
    unarchive_run(store, run_id, None, _untold(""))
    assert _archived(store, run_id, tmp_path) == package
    unarchive_run(store, run_id, None, _untold(""))
    package.write_bytes(b"another one")
    with pytest.raises(PackageError, match="is there already"):
        _archived(store, run_id, tmp_path)
    assert package.read_bytes() == b"another one"


def test_what_a_killed_archive_left_is_taken_away(store: Store, run_id: str, tmp_path: Path) -> None:
    """Unfinished files of the same package go with the next archive of the run; others stay."""
    for name in (f".{run_id}.cellrig.zip.1.part", f"..{run_id}.cellrig.zip.1.part.x.part", ".other.part"):
        (tmp_path / "kept" / name).mkdir(parents=True)
    _archived(store, run_id, tmp_path / "kept")
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {f"{run_id}.cellrig.zip", ".other.part"}


def test_store_check_tells_of_a_package_that_is_gone(store: Store, run_id: str, tmp_path: Path) -> None:
    """A store whose packages are there is whole; one that is missing, or has another size, is told with its run."""
    package = _archived(store, run_id, tmp_path / "kept")
    found = [it for it in check_store(store.path, now_unix_s=NOW_S).findings if it.check == "archives"]
    assert [it.level.value for it in found] == ["ok"]
    os.truncate(package, 100)
    (cut,) = [it for it in check_store(store.path, now_unix_s=NOW_S).findings if it.check == "archives"]
    assert "100 bytes" in cut.sentence
    package.unlink()
    (gone,) = [it for it in check_store(store.path, now_unix_s=NOW_S).findings if it.check == "archives"]
    assert run_id in gone.sentence
    assert gone.level.value == "wrong"


def test_command_archives_what_is_old_and_gives_the_space_back(store_path: Path, tmp_path: Path) -> None:
    """--dry-run says which, --older-than takes them and leaves others, the file shrinks, --json tells all of it."""
    with open_store(store_path) as store:
        old, queued = sealed(store), sealed(store, (), "queued")
    at = ("--store", store_path)
    dry = cellrig("archive", "--older-than", "1d", "--dry-run", *at)
    assert dry.stdout == f"{old} would be archived\n"
    done = cellrig("archive", "--older-than", "1d", "--no-pictures", "--json", *at)
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert [one["run"] for one in told["archived"]] == [old]
    assert told["store_bytes_after"] == store_path.stat().st_size < told["store_bytes_before"]
    assert Path(told["archived"][0]["package"]).parent == tmp_path / "store-archive"
    assert "not archived yet" in cellrig("archive", "--older-than", "1d", *at).stdout
    refused(cellrig("archive", old, *at), 1, "archived already")
    refused(cellrig("archive", queued, *at), 1, "queued")
    back = cellrig("unarchive", old, *at)
    assert back.returncode == 0, back.stderr
    refused(cellrig("unarchive", old, *at), 1, "not archived")


@pytest.mark.parametrize("words", [(), ("R000001", "--older-than", "3d"), ("--older-than", "soon")])
def test_command_asks_for_runs_or_an_age(words: tuple[str, ...], tmp_path: Path) -> None:
    """Neither, both, or an age that is none is wrong use; and no store is made."""
    result = cellrig("archive", *words, "--store", tmp_path / "none.db")
    refused(result, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real_time
async def test_both_commands_work_beside_a_service(store_path: Path) -> None:
    """A store that a service has is archived and brought back all the same; its file is not written anew meanwhile."""
    with open_store(store_path) as store:
        run_id, newest = sealed(store, ()), sealed(store, ())
        store.set_run_state(newest, "completed", "", time.time())
    before = dump(store_path)
    async with owning(store_path) as lock:
        lock.write_owner("http://127.0.0.1:1")
        refused(await _in_thread("archive", newest, store_path), 1, "still tells others")
        done = await _in_thread("archive", run_id, store_path)
        assert done.returncode == 0, done.stderr
        assert "are empty and are used by the next runs" in done.stdout
        assert len(dump(store_path)["sample"]) == len(before["sample"]) // 2
        back = await _in_thread("unarchive", run_id, store_path)
        assert back.returncode == 0, back.stderr
    assert dump(store_path) == before


async def _in_thread(command: str, run_id: str, store_path: Path) -> subprocess.CompletedProcess[str]:
    words = ("--no-pictures",) if command == "archive" else ()
    return await asyncio.to_thread(cellrig, command, run_id, *words, "--store", store_path)


def test_second_archive_at_a_time_is_refused(store_path: Path) -> None:
    """What one archive leaves unfinished is another's to take away: so there is one of a store at a time."""
    with open_store(store_path) as store:
        run_id = sealed(store, ())
    with only_archive(store_path):
        for command in ("archive", "unarchive"):
            refused(cellrig(command, run_id, "--store", store_path), 1, "another cellrig")


def test_others_write_and_read_while_records_leave_and_come_back(store_path: Path, tmp_path: Path) -> None:
    """Between two pieces the write lock is free at once, and a reader gets all records or the command, never a part."""
    with open_store(store_path) as store:
        run_id = sealed(store)
        count = len(dump(store_path)["sample"])
    seen: list[int] = []
    with (
        open_store(store_path, busy_timeout_s=0.0) as service,
        open_store(store_path, read_only=True) as reader,
        open_store(store_path) as archive,
    ):

        def others() -> None:
            service.add_event(None, EventKind.STATE, "a second has passed", NOW_S)
            seen.extend(service.connection.execute("SELECT count(*) FROM sample").fetchone())
            assert sum(reader.sample_count(test.id) for test in reader.tests(run_id)) == count
            with pytest.raises(RunArchived):
                sample_table(reader, run_id)
            assert Mountings(reader).ended(run_id).time_s == hours_s

        hours_s = Mountings(reader).ended(run_id).time_s
        archive_run(archive, run_id, tmp_path, NOW_S, _untold, [], pictures=False, pause=others)
        leaving, seen = seen, []
        unarchive_run(archive, run_id, None, _untold(""), others)
        assert sample_table(reader, run_id).height == count
    assert leaving == sorted(leaving, reverse=True)
    assert seen == sorted(seen)
    assert any(0 < rows < count for rows in leaving)
    assert any(0 < rows < count for rows in seen)


def test_reader_that_is_overtaken_by_an_archive_is_told(store: Store, run_id: str, tmp_path: Path) -> None:
    """Pages that were begun before the records left end with the command, and not as if the run ended there."""
    with open_store(store.path, read_only=True) as reader:
        last = reader.last_sample(1)
        assert last is not None
        columns = samples.column_pages(reader.connection, 1, ["sequence"], last.sequence, 10)
        numbers = number_pages(reader.connection, 1, [], last.sequence, 10)
        begun = [next(columns), next(numbers)]
        _archived(store, run_id, tmp_path)
        for pages in (columns, numbers):
            with pytest.raises(RunArchived):
                list(pages)
    assert len(begun) == 2


class _EndedByPower(Exception):
    """What ends an archive in a test."""


def test_record_that_comes_into_a_gap_meanwhile_is_not_deleted(
    store: Store, run_with_a_gap: str, tmp_path: Path
) -> None:
    """Only what the package has leaves the store: a record that a tester gave late between others is kept through."""

    def ends() -> None:
        raise _EndedByPower

    late = next(store.samples(1, 13))._replace(sequence=16)
    with pytest.raises(_EndedByPower):
        archive_run(store, run_with_a_gap, tmp_path, NOW_S, _untold, [], pictures=False, pause=ends)
    store.tick({1: [late]})
    (note,) = [
        it for it in check_store(store.path, now_unix_s=NOW_S).findings if "an archive is at work" in it.sentence
    ]
    assert (note.check, note.level.value) == ("archives", "note")
    _archived(store, run_with_a_gap, tmp_path)
    assert store.connection.execute("SELECT test, sequence FROM sample").fetchall() == [(1, 16)]
    unarchive_run(store, run_with_a_gap, None, _untold(""))
    assert [sample.sequence for sample in store.samples(1)][13:17] == [14, 16, 19, 20]


def test_record_that_differs_is_not_brought_back_over(store: Store, run_id: str, tmp_path: Path) -> None:
    """A record in the store with other values than in the package ends the way back; none of them is replaced."""
    second = next(store.samples(1, 1))
    _archived(store, run_id, tmp_path)
    store.tick({1: [second._replace(voltage_v=0.5)]})
    with pytest.raises(PackageError, match="record 2 of test 1"):
        unarchive_run(store, run_id, None, _untold(""))
    assert store.connection.execute("SELECT voltage_v FROM sample").fetchall() == [(0.5,)]


def test_gap_of_lost_records_is_kept(store: Store, run_with_a_gap: str, tmp_path: Path) -> None:
    """Records that were lost stay a gap, with their number, when the others are archived."""
    before = details(store, run_with_a_gap, 5, 5)
    assert [gap["lost_records"] for gap in before["gaps"] if gap["lost_records"]] == [4]
    _archived(store, run_with_a_gap, tmp_path)
    assert details(store, run_with_a_gap, 5, 5) == before
