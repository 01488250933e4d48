"""Which runs wait for the disk at each commit: all but those in virtual time, which their seed makes again."""

import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.bench.settings import load_bench
from orchestrator.bench.simulated import rack_with
from orchestrator.demo import run_demo
from orchestrator.events import Listener, Told
from orchestrator.rack.launch import Launch, launch
from orchestrator.store import Durability, open_store
from protocols.loading import load_cell, parse_recipe
from tests.packages import TOY_BENCH, install_toy
from tests.two_cycles import RECIPE

ORCHESTRATOR = Path(__file__).parent.parent / "orchestrator"
# SQLite's numbers for ``synchronous``.
FULL, NORMAL = 2, 1

_connections: list[sqlite3.Connection] = []


def _note(event: str, args: tuple[object, ...]) -> None:
    if event == "sqlite3.connect/handle" and isinstance(args[0], sqlite3.Connection):
        _connections.append(args[0])


# An audit hook sees every connection, whoever opens it, and needs no patching.
sys.addaudithook(_note)


@pytest.fixture
def in_force() -> Iterator[Callable[[], set[int]]]:
    """Give a function that says how the connections which are open now, and may write, wait for the disk."""
    _connections.clear()

    def ask() -> set[int]:
        found = set()
        for connection in _connections:
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                continue  # Closed, reading only, or in a transaction of its own.
            found.add(connection.execute("PRAGMA synchronous").fetchone()[0])
        return found

    yield ask
    _connections.clear()


def demo(folder: Path, listener: Listener) -> None:
    """Run the demo."""
    run_demo(folder, 1, (listener,))


def simulated(folder: Path, listener: Listener) -> None:
    """Make a run as ``cellrig run --simulate`` does."""
    cell = load_cell("coated-li-li")
    launch(Launch(parse_recipe(RECIPE), cell, "21-1-1", rack_with(cell, "21-1-1", None, 1)), folder / "s.db", listener)


def on_a_bench(folder: Path, listener: Listener) -> None:
    """Make a run as ``cellrig run --bench`` does, on a tester that is simulated and goes by the real clock."""
    file = folder / "bench.toml"
    file.write_text(TOY_BENCH, encoding="utf-8")
    launch(Launch(parse_recipe(RECIPE), load_cell("coated-li-li"), "left", load_bench(file)), folder / "b.db", listener)


@pytest.mark.parametrize(
    ("run", "waits"), [(demo, NORMAL), (simulated, NORMAL), (on_a_bench, FULL)], ids=["demo", "simulated", "bench"]
)
def test_only_runs_in_virtual_time_do_not_wait_for_the_disk(
    run: Callable[[Path, Listener], None],
    waits: int,
    tmp_path: Path,
    in_force: Callable[[], set[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked of the connection itself, at the first thing that is told of a run, which then ends."""
    monkeypatch.syspath_prepend(str(install_toy(tmp_path)))
    found: list[set[int]] = []

    async def look(_: Told) -> None:
        found.append(in_force())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, look)
    assert found[0] == {waits}


def test_nothing_else_opens_a_store_that_does_not_wait_for_the_disk() -> None:
    """The service, on simulated instruments too, the direct stop and every other command are not to be found."""
    says = re.compile(r"Durability\.KILLED_PROCESS|durability=|\bsynchronous\b")
    files = {
        path.relative_to(ORCHESTRATOR).as_posix()
        for path in ORCHESTRATOR.rglob("*.py")
        if says.search(path.read_text("utf-8"))
    }
    # The files beside the store that processes of their own keep.
    own = {"store/durability.py", "store/opening.py", "feed/marks.py", "notices/state_file.py", "people/people_file.py"}
    # A copy is synchronised as a whole before it bears its name; a package is unpacked to be read, and thrown away.
    assert files - own == {"demo.py", "packaging/opened.py", "rack/launch.py", "store/verified_copy.py"}


@pytest.mark.parametrize(("durability", "waits"), [(Durability.POWER_CUT, FULL), (Durability.KILLED_PROCESS, NORMAL)])
def test_store_waits_for_the_disk_as_it_was_opened(store_path: Path, durability: Durability, waits: int) -> None:
    """It is a setting of the connection: the next one that opens the same store is told anew (faults E05)."""
    with open_store(store_path, durability=durability) as store:
        assert store.connection.execute("PRAGMA synchronous").fetchone() == (waits,)
        assert store.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with open_store(store_path) as store:
        assert store.connection.execute("PRAGMA synchronous").fetchone() == (FULL,)
