"""How soon a committed record is at a subscriber of the MQTT feed, what the feed costs, and what it costs control.

A store is written as 64 channels with ten records a second each would write it, a commit a second; a feed publishes it
to a mosquitto, and mosquitto_sub notes when each message came. The same messages are then published at the same times
by aiomqtt alone. Last, control's loop with and without a feed beside it. Needs mosquitto and its clients.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.door import Clients
from benchmarks.figures import Aim, Figure, Size, percentile_99
from benchmarks.lookers import start_runs
from benchmarks.programs import add_test, seconds_program
from benchmarks.rack import BENCH, UNIT, child, line_of
from drivers.interfaces import Sample
from orchestrator.api.token import token_path
from orchestrator.events import EventKind
from orchestrator.store import Store, open_store

RATE_HZ = 10
_POLL_S = 5.0
_UNITS = 8


@dataclass(frozen=True, slots=True)
class Came:
    """A message as mosquitto_sub has noted it."""

    at_unix_s: float
    topic: str
    payload: str


def measure(size: Size) -> list[Figure]:
    """Measure records, the outbox after an outage, and control beside a feed."""
    if missing := [name for name in ("mosquitto", "mosquitto_sub") if shutil.which(name) is None]:
        raise SystemExit(f"the benchmark of the feed needs {' and '.join(missing)}: apt-get install mosquitto "
                         "mosquitto-clients")  # fmt: skip
    channels, seconds = size.of(64, 64, 4), size.of(60, 10, 2)
    with tempfile.TemporaryDirectory() as folder, _mosquitto(Path(folder)) as port:
        figures = _records(Path(folder), port, channels, seconds)
        figures.append(_outage(Path(folder), port, size.of(20_000, 2_000, 100)))
        if size is not Size.SMOKE:
            figures += _beside(port, size.of(4, 2, 0), size.of(20.0, 8.0, 0.0))
    return figures


def _records(folder: Path, port: int, channels: int, seconds: int) -> list[Figure]:
    with open_store(folder / "records.db") as store:
        tests = [_run(store, f"21-{n // 8 + 1}-{n % 8 + 1}") for n in range(channels)]
        with _subscribed(port, "cellrig/bench/+/sample") as messages:
            with child("feed_process", "feed", str(store.path), str(port)) as feed:
                assert line_of(feed) == "feeding"
                began_s = time.monotonic()
                committed = dict(_written(store, tests, seconds))
                lasted_s = time.monotonic() - began_s
                time.sleep(0.5)
                cpu_s = _ended(feed)
            came = list(messages())
    late_s = []
    for it in came:
        body = json.loads(it.payload)
        late_s.append(it.at_unix_s - committed[body["sequence"]])
    found = sum(len(json.loads(it.payload)["samples"]) for it in came)
    assert found == channels * seconds * RATE_HZ, f"{found} records came"
    bare_s, bare_cpu_s = _bare(folder, port, came)
    return [
        Figure("record: from commit to subscriber, p50", 1e3 * median(late_s), "ms", Aim(50.0, at_most=True)),
        Figure("record: from commit to subscriber, p99", 1e3 * percentile_99(late_s), "ms", Aim(250.0, at_most=True)),
        Figure("messages a second", len(came) / lasted_s, "1/s"),
        Figure("CPU of the feed", 100 * cpu_s / lasted_s, "%", Aim(15.0, at_most=True)),
        Figure("bare aiomqtt: from publish to subscriber, p50", 1e3 * median(bare_s), "ms"),
        Figure("bare aiomqtt: from publish to subscriber, p99", 1e3 * percentile_99(bare_s), "ms"),
        Figure("CPU, to bare aiomqtt with the same messages", cpu_s / bare_cpu_s, "x"),
        Figure("p50, to bare aiomqtt", median(late_s) / median(bare_s), "x"),
    ]


def _run(store: Store, channel: str) -> int:
    test = add_test(store, seconds_program(1), channel)
    (run_id,) = store.connection.execute("SELECT run_id FROM test WHERE id = ?", (test,)).fetchone()
    store.set_run_state(run_id, "running", "", time.time())
    return test


def _written(store: Store, tests: list[int], seconds: int) -> Iterator[tuple[int, float]]:
    """Write ten records of each test a second, in one commit; yield the newest number and when it was committed."""
    first = Sample(1, 0.1, 0.1, 1, 1, 1, "cc_charge", 0.0817, 1.57e-4, 1.3e-6, 1.07e-7, time.time())
    due_s = time.monotonic()
    for second in range(seconds):
        due_s += 1.0
        numbers = range(second * RATE_HZ + 1, (second + 1) * RATE_HZ + 1)
        batch = [_record(first, number) for number in numbers]
        time.sleep(max(0.0, due_s - time.monotonic()))
        store.tick(dict.fromkeys(tests, batch))
        yield numbers[-1], time.time()


def _record(sample: Sample, number: int) -> Sample:
    """Give the record with a number."""
    return sample._replace(sequence=number, time_s=number / RATE_HZ, unix_time_s=sample.unix_time_s + number / RATE_HZ)


def _bare(folder: Path, port: int, came: list[Came]) -> tuple[list[float], float]:
    """Publish the same messages at the same times by the library alone; give how late they were, and its CPU time."""
    file = folder / "messages"
    planned = [(it.at_unix_s - came[0].at_unix_s + 0.2, it.topic.replace("cellrig", "bare"), it.payload) for it in came]
    file.write_text("".join(json.dumps(it) + "\n" for it in planned), "utf-8")
    with _subscribed(port, "bare/#") as messages:
        with child("feed_process", "bare", str(file), str(port)) as bare:
            began_unix_s = float(line_of(bare))
            time.sleep(planned[-1][0] + 0.5)
            cpu_s = _ended(bare)
        again = list(messages())
    assert len(again) == len(came), "not every message of the bare library has come"
    # A message is published when its time has come and the one before it has left.
    return [
        max(0.0, it.at_unix_s - began_unix_s - due_s) for it, (due_s, _, _) in zip(again, planned, strict=True)
    ], cpu_s


def _outage(folder: Path, port: int, events: int) -> Figure:
    """Give how many events a second leave after a time without a broker."""
    with open_store(folder / "outage.db") as store:
        store.add_event(None, EventKind.SERVICE_STARTED, "service started", 0.0)
        with store.transaction():
            for number in range(events):
                store.add_event(None, EventKind.BACKUP, f"event {number}", float(number))
        feeding = child("feed_process", "feed", str(store.path), str(port))
        with _subscribed(port, "cellrig/bench/event") as messages, feeding as feed:
            assert line_of(feed) == "feeding"
            came: list[Came] = []
            while len(came) <= events:
                came += messages(wait=False)
                time.sleep(0.05)
            _ended(feed)
    assert [json.loads(it.payload)["sequence"] for it in came] == list(range(1, events + 2))
    return Figure("events a second after an outage", events / (came[-1].at_unix_s - came[0].at_unix_s), "1/s")


def _beside(port: int, turns: int, lasts_s: float) -> list[Figure]:
    """Give how late control's loop is without and with a feed beside it, by turns."""
    late_s: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(turns):
        for has_feed, found in late_s.items():
            found.extend(_control(port if has_feed else None, lasts_s))
    return [
        Figure("control's loop late by, p50, no feed", 1e3 * median(late_s[False]), "ms"),
        Figure("control's loop late by, p50, with the feed", 1e3 * median(late_s[True]), "ms"),
        Figure("control's loop late by, p99, no feed", 1e3 * percentile_99(late_s[False]), "ms"),
        Figure("control's loop late by, p99, with the feed", 1e3 * percentile_99(late_s[True]), "ms"),
        Figure("the same, to no feed", percentile_99(late_s[True]) / percentile_99(late_s[False]), "x"),
    ]


def _control(port: int | None, lasts_s: float) -> list[float]:
    with tempfile.TemporaryDirectory() as folder, child("late_rack", str(_UNITS), "1") as rack:
        store, bench = Path(folder) / "rack.db", Path(folder) / "bench.toml"
        feed = "" if port is None else f'[mqtt]\nport = {port}\nrig = "beside"\n'
        text = feed + BENCH.format(port=int(line_of(rack)), poll_s=_POLL_S, folder=json.dumps(folder))
        bench.write_text(text + "".join(UNIT.format(unit=unit + 1) for unit in range(_UNITS)), "utf-8")
        with child("timed_service", str(bench), str(store)) as service:
            while not (url := line_of(service)).startswith("http"):
                pass
            start_runs(Clients(url, token_path(store).read_text("ascii").strip()))
            began = time.monotonic()
            time.sleep(lasts_s)
            assert service.stdin is not None
            assert service.stdout is not None
            service.stdin.close()
            measured: dict[str, Any] = json.loads(service.stdout.read().splitlines()[-1])
    return [late_s for at_s, late_s in measured["delays"] if began <= at_s < began + lasts_s]


@contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    with closing(socket.socket()) as asking:
        asking.bind(("127.0.0.1", 0))
        port = asking.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
                      "max_queued_messages 0\n")  # fmt: skip
    command = ["mosquitto", "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as broker:
        while True:
            with closing(socket.socket()) as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
        broker.kill()


class _Messages:
    """What a mosquitto_sub has noted into a file so far."""

    def __init__(self, process: subprocess.Popen[bytes], file: Path) -> None:
        self._process, self._file, self._read = process, file, 0

    def __call__(self, *, wait: bool = True) -> Iterator[Came]:
        """Yield what has come since the last call; by default it is ended before."""
        if wait:
            self._process.terminate()
            self._process.wait()
        text = self._file.read_text("utf-8")
        whole = text[self._read : text.rfind("\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            at, topic, payload = line.split(" ", 2)
            yield Came(float(at), topic, payload)


@contextmanager
def _subscribed(port: int, topic: str) -> Iterator[_Messages]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "came"
        command = ["mosquitto_sub", "-p", str(port), "-t", topic, "-q", "1", "-F", "%U %t %p"]
        with file.open("wb") as into, subprocess.Popen(command, stdout=into) as process:
            # Until it has surely subscribed.
            time.sleep(0.3)
            try:
                yield _Messages(process, file)
            finally:
                process.kill()


def _ended(process: subprocess.Popen[str]) -> float:
    """End a process by its stdin; give the CPU time that it says."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    return float(process.stdout.read().splitlines()[-1])
