"""What it costs that fifty browsers look at the rack: 64 channels faster than real time, ten that never read.

Control's loop is timed alone and while they look. A change counts from its commit to the frame that has it, at each
reader: the first whose rows control made after that commit.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.door import Clients
from benchmarks.figures import Aim, Figure, Size, percentile_99
from benchmarks.rack import UNIT, child, line_of
from benchmarks.rack_viewers import READERS
from orchestrator.api.token import token_path
from orchestrator.clock.scaled import ScaledClock
from orchestrator.rack.lock import owner_of

# Of real time: every row has news in every frame.
_POLL_S = 1.0
_BENCH = """
simulated = true
[service]
port = 0
[clock]
speed = {speed}
epoch_unix_s = {epoch!r}
origin_s = {origin!r}
[[tester]]
name = "ct4008"
host = "127.0.0.1"
port = {port}
poll_period_s = {poll_s}
reply_timeout_s = {patience_s}
confirm_timeout_s = {patience_s}
step_files = {folder}
step_files_on_bts_pc = {folder}
"""
_MIB = 1024.0


def measure(size: Size) -> list[Figure]:
    """Measure a rack of 64 channels for a minute and a half, or a small one for some seconds."""
    units, lasts_s, speed = size.of(8, 8, 1), size.of(60.0, 20.0, 4.0), size.of(3600.0, 600.0, 600.0)
    clock = ScaledClock(speed, time.time(), time.monotonic())
    with tempfile.TemporaryDirectory() as name, _rack(Path(name), units, clock) as port:
        folder = Path(name)
        _write_bench(folder, units, clock, port)
        with child("timed_service", str(folder / "bench.toml"), str(folder / "rack.db")) as service:
            while not (url := line_of(service)).startswith("http"):
                pass
            clients = Clients(url, token_path(folder / "rack.db").read_text("ascii").strip())
            _start_all(clients, units)
            owner = owner_of(folder / "rack.db")
            assert owner is not None
            web = next((it for it in _children(service.pid) if it != owner.pid), 0)
            spans = {"alone": _span(lasts_s / 3)}
            memory, spans["looking"], told = _looked_at(clients, web, lasts_s)
            assert service.stdin is not None
            assert service.stdout is not None
            service.stdin.close()
            measured: dict[str, Any] = json.loads(service.stdout.read().splitlines()[-1])
    return _figures(told, measured, spans, memory, clock)


@contextmanager
def _rack(folder: Path, units: int, clock: ScaledClock) -> Iterator[int]:
    """Give the port of a simulated rack that goes by a clock."""
    cells = folder / "cells.toml"
    cells.write_text("".join(f'"{channel}" = "coated-li-li"\n' for channel in _channels(units)), "utf-8")
    command = [sys.executable, "-m", "simulators", "ct4008", "--port", "0", "--negative-voltage", "--units", str(units)]
    command += [
        "--cells",
        str(cells),
        "--speed",
        str(clock.speed),
        "--clock",
        repr(clock.epoch_unix_s),
        repr(clock.origin_s),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as rack:
        try:
            yield int(line_of(rack).strip().rpartition(":")[2].split()[0])
        finally:
            rack.terminate()


def _write_bench(folder: Path, units: int, clock: ScaledClock, port: int) -> None:
    text = _BENCH.format(
        speed=clock.speed, epoch=clock.epoch_unix_s, origin=clock.origin_s, port=port, folder=json.dumps(str(folder)),
        poll_s=_POLL_S * clock.speed, patience_s=30.0 * clock.speed,
    )  # fmt: skip
    (folder / "bench.toml").write_text(text + "".join(UNIT.format(unit=unit + 1) for unit in range(units)), "utf-8")


def _looked_at(clients: Clients, web: int, lasts_s: float) -> tuple[list[float], tuple[float, float], dict[str, Any]]:
    """Let the browsers look; return web's memory before and meanwhile, the time, and what they saw."""
    memory, began = [_memory_mib(web)], time.monotonic()
    command = [sys.executable, "-m", "benchmarks.rack_viewers", clients.url, clients.token, str(lasts_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as looking:
        while time.monotonic() < began + lasts_s:
            time.sleep(1.0)
            memory.append(_memory_mib(web))
        ended = time.monotonic()
        told, _ = looking.communicate(timeout=lasts_s + 60)
    seen: dict[str, Any] = json.loads(told)
    return memory, (began, ended), seen


def _figures(
    seen: dict[str, Any], measured: dict[str, Any], spans: dict[str, tuple[float, float]], memory: list[float],
    clock: ScaledClock,
) -> list[Figure]:  # fmt: skip
    assert seen["refused"] == 0, "a page was refused"
    late = {name: _inside(measured["delays"], span) for name, span in spans.items()}
    began, ended = spans["looking"]
    cpu = [pair for pair in measured["cpu"] if began <= pair[0] < ended]
    delays = _delays(seen["frames"], [at + took for at, took in measured["commits"] if began < at < ended], clock)
    lengths = [length for *_, length in seen["frames"]]
    p99_late_ms = 1e3 * percentile_99(late["looking"])
    return [
        Figure("web's memory, nobody looks", memory[0], "MiB"),
        Figure("web's memory, at most", max(memory), "MiB", Aim(200.0, at_most=True)),
        Figure("control's loop late by, p99, nobody looks", 1e3 * percentile_99(late["alone"]), "ms"),
        Figure("control's loop late by, p99", p99_late_ms, "ms", Aim(10.0, at_most=True)),
        Figure("control's loop late by, at most", 1e3 * max(late["looking"]), "ms"),
        Figure("CPU of control", 100 * (cpu[-1][1] - cpu[0][1]) / (ended - began), "%"),
        Figure("commit to frame, median", median(delays), "s"),
        Figure("commit to frame, p99", percentile_99(delays), "s", Aim(1.0, at_most=True)),
        Figure("frame, median", median(lengths) / 1e3, "kB"),
        Figure("frames a reader and second", len(lengths) / READERS / (ended - began), "1/s"),
        Figure(f"first page ({seen['page']}), fifty at once, median", median(seen["pages_s"]), "s"),
        Figure("first page, fifty at once, at most", max(seen["pages_s"]), "s", Aim(1.5, at_most=True)),
    ]


def _delays(frames: list[Any], commits: list[float], clock: ScaledClock) -> list[float]:
    """Return, for each commit and reader, the time to the first frame whose rows control made after it."""
    found: list[float] = []
    by_reader: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for reader, at_s, made_unix_s, _ in frames:
        made_s = clock.origin_s + (made_unix_s - clock.epoch_unix_s) / clock.speed
        by_reader[reader].append((made_s, at_s))
    for rows in by_reader.values():
        made = [made_s for made_s, _ in rows]
        shown = [commit for commit in commits if made[0] < commit <= made[-1]]
        found += [rows[bisect_left(made, commit)][1] - commit for commit in shown]
    assert found, "no change reached a reader"
    return found


def _channels(units: int) -> list[str]:
    return [f"21-{unit}-{n}" for unit in range(1, units + 1) for n in range(1, 9)]


def _start_all(clients: Clients, units: int) -> None:
    for channel in _channels(units):
        order = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": channel, "by": "benchmark"}
        assert clients.answer("POST", "runs", order)["run_id"]
    deadline = time.monotonic() + 120
    while [row for row in clients.answer("GET", "channels") if not row["run"] or row["run"]["samples"] == 0]:
        states = {row["run"]["state"] for row in clients.answer("GET", "channels") if row["run"]}
        assert time.monotonic() < deadline, f"the runs do not record: they are {states}"
        time.sleep(0.5)


def _span(lasts_s: float) -> tuple[float, float]:
    began = time.monotonic()
    time.sleep(lasts_s)
    return began, time.monotonic()


def _inside(pairs: list[list[float]], span: tuple[float, float]) -> list[float]:
    return [value for at, value in pairs if span[0] <= at < span[1]]


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in told.read_text().split()] if told.exists() else []


def _memory_mib(pid: int) -> float:
    """Give the memory of a process that is its own or shared, as the system counts it; 0 where it does not tell."""
    told = Path(f"/proc/{pid}/status")
    if not told.exists():
        return 0.0
    return next(int(line.split()[1]) for line in told.read_text().splitlines() if line.startswith("VmRSS:")) / _MIB
