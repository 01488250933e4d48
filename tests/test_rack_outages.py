"""Whoever looks at the rack while control or web hangs or is killed is told so, and never shown more than is known."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import pytest

from orchestrator.bench.settings import load_bench
from orchestrator.rack.lock import owner_of
from orchestrator.store import open_store
from tests.service_bench import RUN, Bench, children_of, is_running, service_bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process")
SAID_WITHIN_S, BACK_WITHIN_S = 5.0, 2.0
CHANNEL = "21-1-3"


@dataclass
class Looker:
    """A browser that follows the rack, and connects again by itself; ``frames`` are what came, and when."""

    url: str
    token: str
    frames: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    broken: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        """Read frames until it is over."""
        where = urlsplit(self.url)
        while not self.over.is_set():
            connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=30.0)
            try:
                connection.request("GET", "/api/v1/live?stream=rack", headers={"Authorization": f"Bearer {self.token}"})
                kind = ""
                for line in connection.getresponse():
                    word, _, value = line.decode().rstrip("\n").partition(": ")
                    kind = value if word == "event" else kind
                    if word == "data" and kind == "rack":
                        self.frames.append((time.monotonic(), json.loads(value)))
                    if self.over.is_set():
                        break
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            self.broken.append(time.monotonic())
            time.sleep(0.2)

    def until(self, is_so: Callable[[dict[str, Any]], bool], since_s: float) -> float:
        """Wait for a frame that is so and came after a moment, and give how long after it."""
        deadline = time.monotonic() + 30.0
        while time.monotonic() < deadline:
            if found := next((at - since_s for at, frame in self.frames if at > since_s and is_so(frame)), None):
                return found
            time.sleep(0.02)
        raise AssertionError(f"no such frame: {self.frames[-1:]}")


@contextlib.contextmanager
def looking(bench: Bench) -> Iterator[Looker]:
    """Follow the rack of a service during the ``with`` block."""
    url = re.findall(r"^http://\S+$", bench.output, re.MULTILINE)[-1]
    looker = Looker(url, (bench.folder / "cellrig.db.token").read_text(encoding="ascii").strip())
    thread = threading.Thread(target=looker.follow, daemon=True)
    thread.start()
    try:
        yield looker
    finally:
        looker.over.set()


def is_shown(frame: dict[str, Any]) -> bool:
    """Say whether control answers, and the run's row is there or was given before."""
    return bool(frame["control"] == "answers")


def is_whole(frame: dict[str, Any]) -> bool:
    """Say whether a frame of a control that answers has all rows."""
    return is_shown(frame) and frame["full"]


def check_honesty(looker: Looker, bench: Bench) -> None:
    """Check that no frame tells a time that is to come, an age that is too young, or a value of another run."""
    clock = load_bench(bench.bench).clock
    assert clock is not None
    with open_store(bench.store, read_only=True) as store:
        stored = {sample.voltage_v for test in store.tests("R000001") for sample in store.samples(test.id)}
    rows, late_s = 0, []
    for at_s, frame in looker.frames:
        true_now = clock.epoch_unix_s + (at_s - clock.origin_s) * clock.speed
        late_s.append((true_now - frame["now"]) / clock.speed)
        assert frame["control_seen_at"] is None or frame["control_seen_at"] <= frame["now"]
        assert all(seen is None or seen <= frame["now"] for seen in frame["seen"].values())
        for row in frame["rows"]:
            if row["channel"] == CHANNEL and row["voltage_v"] is not None:
                rows += 1
                assert (row["run_id"], row["voltage_v"] in stored) == ("R000001", True)
                assert row["record_at"] <= frame["now"]
    assert rows > 1
    # In real seconds: rather too late than too early, by no more than an answer of control takes.
    assert min(late_s) > -1.0
    assert median(late_s) < 1.0


@pytest.mark.needs("ps")
def test_control_and_web_that_hang_or_die_are_said_and_come_back(tmp_path: Path) -> None:
    """Within five seconds, and back within two of the process: frames go on meanwhile, older with each."""
    with service_bench(tmp_path) as bench:
        bench.serve()
        bench.done(*RUN)
        bench.until(is_running)
        owner = owner_of(bench.store)
        assert owner is not None
        assert bench.service is not None
        assert bench.service.pid is not None
        with looking(bench) as looker:
            looker.until(is_whole, 0.0)
            # Control hangs.
            os.kill(owner.pid, signal.SIGSTOP)
            began_s = time.monotonic()
            assert looker.until(lambda frame: frame["control"] == "silent", began_s) < SAID_WITHIN_S
            os.kill(owner.pid, signal.SIGCONT)
            began_s = time.monotonic()
            assert looker.until(is_shown, began_s) < BACK_WITHIN_S
            # Web hangs: nothing comes, then the newest state, and nothing that lay between.
            (web,) = children_of(bench.service.pid) - {owner.pid, bench.rack}
            os.kill(web, signal.SIGSTOP)
            time.sleep(2.0)
            os.kill(web, signal.SIGCONT)
            began_s = time.monotonic()
            assert looker.until(is_shown, began_s) < BACK_WITHIN_S
            # Web is killed: the connection breaks at once, and another web gives everything.
            os.kill(web, signal.SIGKILL)
            began_s = time.monotonic()
            assert looker.until(is_whole, began_s) < SAID_WITHIN_S
            assert min(at for at in looker.broken if at > began_s) - began_s < 1.0
            # Control is killed: another one has the run, and counts anew.
            life = looker.frames[-1][1]["life"]
            os.kill(owner.pid, signal.SIGKILL)
            began_s = time.monotonic()
            looker.until(lambda frame: is_whole(frame) and frame["life"] != life, began_s)
            silences = [at for at, frame in looker.frames if at > began_s and frame["control"] == "silent"]
            back = next(at for at, frame in looker.frames if at > began_s and frame["life"] != life)
            assert back - began_s < SAID_WITHIN_S or min(silences) - began_s < SAID_WITHIN_S
            check_honesty(looker, bench)
        assert bench.end(signal.SIGTERM) == 0
