"""A store has one owner: its lock is refused to a second, names who holds it, and goes with its process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.rack.lock import AlreadyOwned, Instance, lock_path, owner_of, owning

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


@pytest.fixture
def owner(store_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another process that holds the store's lock; a line on its input ends it in order."""
    command = [sys.executable, "-c", OWNER, str(store_path)]
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


def test_owner_that_went_in_order_has_not_died(store_path: Path, owner: subprocess.Popen[str]) -> None:
    """Who leaves in order empties the file, and the next owner is told of no death."""
    owner.communicate("go\n")
    assert lock_path(store_path).read_bytes() == b""
    assert owner_of(store_path) is None
    assert _own(store_path).last_alive_unix_s is None


@pytest.mark.usefixtures("owner")
def test_owners_words_begin_behind_the_byte_that_windows_locks(store_path: Path) -> None:
    """Windows lets nobody read a locked byte: the first is a blank, and the words are read without it."""
    with lock_path(store_path).open("rb") as file:
        assert file.read(1) == b" "
        assert file.read(1) == b"{"
