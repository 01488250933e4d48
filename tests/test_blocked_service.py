"""A service whose process is blocked tells the service manager nothing any more, and is started again by it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.rack.lock import owner_of
from orchestrator.store import open_store
from tests.figures import Figure
from tests.service_bench import RUN, Bench, asked, is_running, service_bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such service manager")
WATCHDOG_S = 1.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a bench."""
    with service_bench(tmp_path) as made:
        yield made


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Give the socket of a service manager that wants a word each second."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as made:
        made.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(int(WATCHDOG_S * 1e6)))
        yield made


def words_until(manager: socket.socket, word: str) -> None:
    """Read on until the manager was told a word."""
    manager.settimeout(60.0)
    while manager.recv(4096).decode() != word:
        pass


def told_last(manager: socket.socket, patience_s: float) -> float:
    """Return when the last word came that was followed by none for so long."""
    manager.settimeout(patience_s)
    last_s = time.monotonic()
    while True:
        try:
            manager.recv(4096)
        except TimeoutError:
            return last_s
        last_s = time.monotonic()


def test_blocked_control_is_found_by_the_service_manager(bench: Bench, manager: socket.socket, figure: Figure) -> None:
    """Control hangs as a whole: no word comes any more, web shows what is stored, the tester rides on (faults E03).

    The service that is started then has the run, and whoever looks reads that it died.
    """
    bench.serve(as_user=True)
    bench.done(*RUN)
    bench.until(is_running)
    words_until(manager, "WATCHDOG=1")
    owner = owner_of(bench.store)
    assert owner is not None
    os.kill(owner.pid, signal.SIGSTOP)
    stopped_s = time.monotonic()
    figure("E03", "last word to the manager after control hangs", told_last(manager, 2 * WATCHDOG_S) - stopped_s, "s")
    assert asked(bench, "/api/v1/runs/R000001")[0] == 200
    # The manager ends all processes of the service and starts it again.
    bench.end(signal.SIGKILL)
    os.kill(owner.pid, signal.SIGKILL)
    bench.until_nobody_serves()
    bench.serve()
    bench.until(is_running)
    assert "died without a word" in bench.done("status")
    assert bench.end(signal.SIGTERM) == 0
    with open_store(bench.store, read_only=True) as store:
        (test,) = store.tests("R000001")
        sequences = [sample.sequence for sample in store.samples(test.id)]
        assert sequences == list(range(1, len(sequences) + 1))
