"""A full rack in real time: 64 channels that record, replies that take 50 to 500 ms, and fifty clients that read.

Three processes, so that what each uses is told apart: the simulated rack (``late_rack``), the service
(``timed_service``) and the clients (``crowd``). What a month does to the service's memory is
``benchmarks.month_memory``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import month_memory as month
from benchmarks.figures import Aim, Figure, Size, percentile_99
from orchestrator.api.token import token_path
from orchestrator.store import open_store

# The shipped recipe records every 30 s: its runs are started over one such interval, so that records come evenly.
RECORD_S = 30.0


@dataclass(frozen=True, slots=True)
class Rack:
    """What is measured: units of eight channels, a poll's period, the time of the starts and of each stretch.

    ``paces``: the clients' pauses in seconds between two questions, a stretch for each; None is one without clients.
    """

    units: int = 8
    poll_s: float = 10.0
    start_over_s: float = RECORD_S
    phase_s: float = 45.0
    paces: tuple[float | None, ...] = (None, 1.0, 0.0)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of all channels."""
        return tuple(f"21-{unit}-{n}" for unit in range(1, self.units + 1) for n in range(1, 9))


_WORDS = {None: "alone", 1.0: "50 clients, a question a second each", 0.0: "50 clients without a pause"}
_RACKS = Rack(), Rack(phase_s=30.0), Rack(units=1, poll_s=5.0, start_over_s=0.1, phase_s=11.0, paces=(0.0,))
BENCH = """
[service]
port = 0

[[tester]]
name = "late-ct4008"
host = "127.0.0.1"
port = {port}
poll_period_s = {poll_s}
step_files = {folder}
step_files_on_bts_pc = {folder}
"""
UNIT = "[[tester.units]]\ndevid = 21\nsubdevid = {unit}\nvoltage_low_v = -5.0\n"


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time with the same clients: from and to in seconds of the monotonic clock, and what clients saw."""

    name: str
    from_s: float
    to_s: float
    records: int
    crowd: dict[str, Any] | None

    def of(self, pairs: list[list[float]]) -> list[float]:
        """Give what was measured in this time."""
        return [value for at_s, value in pairs if self.from_s <= at_s < self.to_s]


def measure(size: Size) -> list[Figure]:
    """Measure a rack for a minute and a half (or less), then a month of its memory in virtual time."""
    rack = size.of(*_RACKS)
    with tempfile.TemporaryDirectory() as folder:
        phases, timings = _live(rack, Path(folder))
    figures = [figure for phase in phases for figure in _figures(rack, phase, timings)]
    return [*figures, *month.measure(size)]


def _figures(rack: Rack, phase: Phase, timings: dict[str, list[list[float]]]) -> list[Figure]:
    ticks, commits, delays = (phase.of(timings[name]) for name in ("ticks", "commits", "delays"))
    cpu = phase.of(timings["cpu"])
    lasts_s = phase.to_s - phase.from_s
    assert ticks, f"{phase.name}: no poll in {lasts_s:.0f} s"
    assert phase.records > lasts_s / RECORD_S * len(rack.channels) / 2, (
        f"{phase.name}: only {phase.records} records came"
    )
    figures = [
        Figure(f"{phase.name}: polls", len(ticks), "polls"),
        Figure(f"{phase.name}: records stored", phase.records, "records"),
        Figure(f"{phase.name}: tick, median", median(ticks), "s"),
        Figure(f"{phase.name}: tick, p99", percentile_99(ticks), "s", Aim(rack.poll_s, at_most=True)),
        Figure(f"{phase.name}: commit, median", 1e3 * median(commits), "ms"),
        Figure(f"{phase.name}: commit, p99", 1e3 * percentile_99(commits), "ms"),
        Figure(f"{phase.name}: CPU of the service", 100 * (cpu[-1] - cpu[0]) / lasts_s, "%"),
        Figure(f"{phase.name}: event loop late by, median", 1e3 * median(delays), "ms"),
        Figure(f"{phase.name}: event loop late by, p99", 1e3 * percentile_99(delays), "ms"),
    ]
    if phase.crowd is not None:
        latencies_s = phase.crowd["latencies_s"]
        assert phase.crowd["refused"] == 0, "the service refused what a client asked"
        assert phase.crowd["live_values"] > len(rack.channels), "live values did not come"
        figures += [
            Figure(f"{phase.name}: answers", len(latencies_s) / lasts_s, "1/s"),
            Figure(f"{phase.name}: answer, median", 1e3 * median(latencies_s), "ms"),
            Figure(f"{phase.name}: answer, p99", 1e3 * percentile_99(latencies_s), "ms"),
            Figure(f"{phase.name}: live values", phase.crowd["live_values"] / lasts_s, "1/s"),
        ]
    return figures


def _live(rack: Rack, folder: Path) -> tuple[list[Phase], dict[str, Any]]:
    """Start everything, let it live through its phases, and give them with what the service has measured."""
    store, bench = folder / "rack.db", folder / "bench.toml"
    with child("late_rack", str(rack.units), "1") as late:
        port = int(line_of(late))
        quoted = json.dumps(str(folder))
        units = "".join(UNIT.format(unit=unit) for unit in range(1, rack.units + 1))
        bench.write_text(BENCH.format(port=port, poll_s=rack.poll_s, folder=quoted) + units, "utf-8")
        with child("timed_service", str(bench), str(store)) as service:
            while not (url := line_of(service)).startswith("http"):
                pass
            api = _Api(url, token_path(store).read_text("ascii").strip(), rack.channels)
            api.start_all(rack.start_over_s)
            _tell(late, "late\n")
            if len(rack.paces) > 1:
                time.sleep(2 * rack.poll_s)
            phases = [_phase(rack.phase_s, store, api, pace_s) for pace_s in rack.paces]
            api.check_all_run()
            service.stdin.close()  # type: ignore[union-attr]  # opened as a pipe
            measured: dict[str, Any] = json.loads(service.stdout.read().splitlines()[-1])  # type: ignore[union-attr]  # it is a pipe
    return phases, measured


class _Api:
    """The service as its clients see it."""

    def __init__(self, url: str, token: str, channels: Sequence[str]) -> None:
        self.url, self.token, self._channels = url, token, channels

    def _ask(self, path: str, order: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if order is None else json.dumps(order).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers)  # noqa: S310 - our own service
        with closing(urllib.request.urlopen(request, timeout=30)) as answer:  # noqa: S310 - a loopback address
            return json.load(answer)

    def _is_ready(self) -> bool:
        try:
            return len(self._ask("channels")) == len(self._channels)
        except OSError:
            # The address is told a moment before the socket listens.
            return False

    def start_all(self, over_s: float) -> None:
        """Start a run on every channel, evenly over a time, and wait until all of them record."""
        while not self._is_ready():
            time.sleep(0.1)
        for channel in self._channels:
            self._ask("runs", {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": channel, "by": "benchmark"})
            time.sleep(over_s / len(self._channels))
        deadline = time.monotonic() + 60
        while [row for row in self._ask("channels") if not row["run"] or row["run"]["samples"] == 0]:
            assert time.monotonic() < deadline, "the runs do not record"
            time.sleep(0.5)

    def check_all_run(self) -> None:
        """Check that what was measured is a rack that runs."""
        states = {row["run"]["state"] for row in self._ask("channels")}
        assert states == {"running"}, f"some runs are {states - {'running'}}"


def _phase(lasts_s: float, store: Path, api: _Api, pause_s: float | None) -> Phase:
    """Let a time pass with or without clients."""
    before, began = _records(store), time.monotonic()
    crowd = None
    if pause_s is None:
        time.sleep(lasts_s)
    else:
        command = [sys.executable, "-m", "benchmarks.reading_clients", api.url, api.token, str(lasts_s), str(pause_s)]
        crowd = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return Phase(_WORDS[pause_s], began, time.monotonic(), _records(store) - before, crowd)


def _records(store: Path) -> int:
    with open_store(store, read_only=True) as reader:
        return int(reader.connection.execute("SELECT count(*) FROM sample").fetchone()[0])


@contextmanager
def child(module: str, *arguments: str, folder: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a module of this package as a process; the end of its stdin is its end. ``folder``: another checkout's."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    environment = os.environ | ({} if folder is None else {"PYTHONPATH": str(folder)})
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment
    ) as process:
        try:
            yield process
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=90)
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """Read a line that a process says."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "a process ended before it was ready; its error is above"
    return line.strip()


def _tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word)
    process.stdin.flush()
