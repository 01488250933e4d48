"""A store has one owner: its lock is refused to a second, names who holds it, and goes with its process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.client.errors import NoAnswer
from orchestrator.client.service_client import ServiceClient
from orchestrator.rack.lock import AlreadyOwned, Instance, lock_path, owner_of, owner_that_died, owning, public_address
from orchestrator.store import CannotOpen, open_store

OWNER = """
import asyncio, pathlib, sys
from orchestrator.rack.lock import owning
async def hold():
    async with owning(pathlib.Path(sys.argv[1])) as instance:
        instance.write_owner("http://127.0.0.1:8765")
        print("held", flush=True)
        sys.stdin.readline()
asyncio.run(hold())
"""


SECOND = [
    sys.executable,
    "-c",
    OWNER.replace("sys.stdin.readline()", "pass"),
]


@pytest.fixture
def owner(store_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another process that holds the store's lock; a line on its input ends it in order."""
    with started_owner(store_path) as process:
        yield process


@contextmanager
def started_owner(store: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds a store's lock."""
    command = [sys.executable, "-c", OWNER, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def _own(store: Path) -> Instance:
    async def work() -> Instance:
        async with owning(store) as instance:
            return instance

    return asyncio.run(work())


def test_lock_of_a_store_that_was_refused_is_taken_away(store_path: Path) -> None:
    """A service that refuses its store leaves no lock that was not there; one that was there stays."""

    async def refused() -> None:
        async with owning(store_path):
            raise CannotOpen("not this one")

    for was_there in (False, True):
        if was_there:
            lock_path(store_path).touch()
        with pytest.raises(CannotOpen):
            asyncio.run(refused())
        assert lock_path(store_path).exists() is was_there


def test_second_owner_is_refused_and_told_who_is_the_first(store_path: Path, owner: subprocess.Popen[str]) -> None:
    """The refusal names process and address, and leaves the owner's words as they were (faults E08)."""
    words = lock_path(store_path).read_text("utf-8")
    with pytest.raises(AlreadyOwned, match=rf"process {owner.pid} on .* at http://127\.0\.0\.1:8765"):
        _own(store_path)
    assert lock_path(store_path).read_text("utf-8") == words
    found = owner_of(store_path)
    assert found is not None
    assert (found.pid, found.url) == (owner.pid, "http://127.0.0.1:8765")


def test_killed_owner_is_taken_over_and_when_it_last_lived_is_known(
    store_path: Path, owner: subprocess.Popen[str]
) -> None:
    """The system drops a dead process's lock; its words stay, and the time of the file is its last sign of life."""
    last_s = lock_path(store_path).stat().st_mtime
    owner.kill()
    owner.wait()
    assert owner_of(store_path) is None
    assert _own(store_path).last_alive_unix_s == last_s


def test_guest_leaves_what_a_dead_service_left(store_path: Path, owner: subprocess.Popen[str]) -> None:
    """An import or an archive between two services hides no death, and a lock file that was not there is none after."""
    before = lock_path(store_path).read_text("utf-8"), lock_path(store_path).stat().st_mtime
    owner.kill()
    owner.wait()

    async def visits(path: Path) -> None:
        async with owning(path, is_guest=True) as instance:
            instance.write_owner("", command="cellrig import")
            assert lock_path(path).read_text("utf-8") != before[0]

    asyncio.run(visits(store_path))
    assert (lock_path(store_path).read_text("utf-8"), lock_path(store_path).stat().st_mtime) == before
    asyncio.run(visits(store_path.with_name("new.db")))
    assert not lock_path(store_path.with_name("new.db")).exists()


def test_a_start_that_fails_leaves_the_death_before_it_to_be_seen(
    store_path: Path, owner: subprocess.Popen[str]
) -> None:
    """A watcher from outside is not told that the service was ended in order, nor that it died only now."""
    last_s = lock_path(store_path).stat().st_mtime
    owner.kill()
    owner.wait()

    async def fails() -> None:
        async with owning(store_path) as instance:
            instance.write_owner("http://127.0.0.1:1")
            raise CannotOpen("the disk is full")

    with pytest.raises(CannotOpen):
        asyncio.run(fails())
    died = owner_that_died(store_path)
    assert died is not None
    assert (died.pid, lock_path(store_path).stat().st_mtime) == (owner.pid, last_s)


def test_owner_that_went_in_order_has_not_died(store_path: Path, owner: subprocess.Popen[str]) -> None:
    """Who leaves in order empties the file, and the next owner is told of no death."""
    owner.communicate("go\n")
    assert lock_path(store_path).read_bytes() == b""
    assert owner_of(store_path) is None
    assert _own(store_path).last_alive_unix_s is None


@pytest.mark.usefixtures("owner")
def test_a_symbolic_link_leads_to_the_same_lock(store_path: Path, owner: subprocess.Popen[str]) -> None:
    """A store has one owner whatever name leads to it: the second service is refused and told who is the first."""
    link = store_path.parent / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(store_path)
    with pytest.raises(AlreadyOwned, match=rf"process {owner.pid} on"):
        _own(link)
    found = owner_of(link)
    assert found is not None
    assert found.pid == owner.pid


def test_a_hard_link_is_refused_with_the_owner(store_path: Path) -> None:
    """The second name of a served store names who serves it; with nobody there, it is refused for its two names."""
    with open_store(store_path):
        pass
    link = store_path.with_name("other.db")
    with started_owner(store_path) as owner:
        link.hardlink_to(store_path)
        with pytest.raises(AlreadyOwned, match=rf"process {owner.pid} on"):
            _own(link)
    for name in (store_path, link):
        with pytest.raises(CannotOpen, match="one file under 2 names"):
            _own(name)
        with pytest.raises(CannotOpen, match="one file under 2 names"):
            open_store(name)
    with open_store(link, read_only=True):
        pass
    link.unlink()
    assert _own(store_path).last_alive_unix_s is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds the lock of a file")
def test_a_hard_link_in_another_folder_names_the_owner_too(store_path: Path) -> None:
    """The owner's words are found by its process, which has the lock file open; a dead one holds nothing."""
    with open_store(store_path):
        pass
    link = store_path.parent / "elsewhere" / "other.db"
    link.parent.mkdir()
    with started_owner(store_path) as owner:
        link.hardlink_to(store_path)
        found = owner_of(link)
        assert found is not None
        assert (found.pid, found.url) == (owner.pid, "http://127.0.0.1:8765")
        with pytest.raises(AlreadyOwned, match=rf"process {owner.pid} on .* at http"):
            _own(link)
    assert owner_of(link) is None


@pytest.mark.parametrize("replace", [False, True], ids=["deleted", "replaced"])
def test_a_deleted_lock_is_made_anew_and_nobody_else_gets_in(
    store_path: Path, replace: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner goes on, locks a new file with its own words at the next sign of life, and tells it in the log."""
    with open_store(store_path):
        pass

    async def work() -> None:
        async with owning(store_path) as instance:
            instance.write_owner("http://127.0.0.1:8765")
            words = lock_path(store_path).read_text("utf-8")
            lock_path(store_path).unlink()
            if replace:
                lock_path(store_path).touch()
            second = await asyncio.to_thread(
                subprocess.run, [*SECOND, str(store_path)], check=False, capture_output=True
            )
            assert b"AlreadyOwned" in second.stderr
            instance.beat()
            assert lock_path(store_path).read_text("utf-8") == words
            second = await asyncio.to_thread(
                subprocess.run, [*SECOND, str(store_path)], check=False, capture_output=True
            )
            assert f"process {os.getpid()} on".encode() in second.stderr
            instance.beat()

    asyncio.run(work())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "made anew" in caplog.text
    assert lock_path(store_path).read_bytes() == b""


def test_a_lock_that_somebody_else_took_ends_no_service(store_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Before the store is there only the lock file can be taken: the owner says so once, and goes on."""

    async def work() -> None:
        async with owning(store_path) as instance:
            instance.write_owner("")
            lock_path(store_path).unlink()
            with started_owner(store_path):
                instance.beat()
                instance.beat()
            instance.beat()

    asyncio.run(work())
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "start no second one" in caplog.text


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_lock_that_is_no_file_is_a_sentence(store_path: Path, make: Callable[[Path], object]) -> None:
    """A folder, a pipe or a device under the lock's name is neither waited for nor written to."""
    make(lock_path(store_path))
    with pytest.raises(CannotOpen, match=r"the lock .* (cannot be opened|is not a file)"):
        _own(store_path)
    with pytest.raises(CannotOpen, match=r"the lock .* (cannot be opened|is not a file)"):
        owner_of(store_path)


@pytest.mark.parametrize("words", [b"x" * 10_000_000, b" " + b"[" * 100_000, b" {}", b" null", b"\xff\xff"])
def test_words_of_a_lock_that_are_none_name_nobody(store_path: Path, words: bytes) -> None:
    """Whatever stands in the file, it is read as far as an owner's words go, and the lock can be taken."""
    lock_path(store_path).write_bytes(words)
    assert owner_of(store_path) is None
    _own(store_path)


@pytest.mark.usefixtures("owner")
def test_owners_words_begin_behind_the_byte_that_windows_locks(store_path: Path) -> None:
    """Windows lets nobody read a locked byte: the first is a blank, and the words are read without it."""
    with lock_path(store_path).open("rb") as file:
        assert file.read(1) == b" "
        assert file.read(1) == b"{"


async def test_people_are_told_the_public_address_of_what_commands_ask(store_path: Path) -> None:
    """Control answers at an address of its own that changes with each start; another's is told as it was asked."""
    async with owning(store_path) as instance:
        instance.write_owner("http://127.0.0.1:41234", "http://rig.lab.example:8765")
        assert public_address(store_path, "http://127.0.0.1:41234") == "http://rig.lab.example:8765"
        assert public_address(store_path, "http://127.0.0.1:5") == "http://127.0.0.1:5"


async def test_owner_that_is_no_service_is_told_as_what_it_is(store_path: Path) -> None:
    """Beside ``cellrig run --bench`` nobody is sent to a service, nor told that nothing is watched (fault E08)."""
    async with owning(store_path) as instance:
        for command, words in (
            ("cellrig run --bench", "by 'cellrig run --bench', process"),
            ("", "by another process"),
        ):
            instance.write_owner("", command=command)
            with pytest.raises(AlreadyOwned, match=rf"in use {words}.* wait until that has ended") as refused:
                async with owning(store_path):
                    pass
            assert not refused.value.is_service
            assert "status" not in str(refused.value)
        instance.write_owner("", command="cellrig commission")
        with pytest.raises(
            NoAnswer, match=r"in use by 'cellrig commission'.* watches its own channel itself"
        ) as silent:
            ServiceClient(store_path, None).no_service()
        assert "nothing is watched" not in str(silent.value)
