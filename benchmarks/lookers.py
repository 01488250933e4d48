"""What clients that look cost the process that owns the instruments, and how much they are given.

A rack of 64 channels, seven of which record, and stops of one that does not, each on a connection of its own:
with nobody else there; with fifty clients that ask without a pause; with fifty that never read. Then a run of 600 h in
2,000 points. With ``CELLRIG_BENCH_BEFORE=FOLDER``, a checkout of another revision, the same is measured there by turns,
and the ratios are given.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.door import Clients
from benchmarks.figures import Aim, Figure, Size, percentile_99
from benchmarks.rack import BENCH, UNIT, child, line_of
from orchestrator.api.token import token_path

_UNREAD = 50
_STOP_EVERY_S = 0.25
_POLL_S = 5.0
_UNITS = 8
ALONE, ASKING, UNREAD = "nobody looks", "50 clients without a pause", "50 clients that never read"


@dataclass
class Seen:
    """What all turns of one revision gave, by stretch: delays of the loop and stops in s, answers and CPU a second."""

    delays: dict[str, list[float]] = field(default_factory=dict)
    stops: dict[str, list[float]] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)
    cpu_an_answer_s: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    memory_mib: list[float] = field(default_factory=list)


def measure(size: Size) -> list[Figure]:
    """Measure this revision, and by turns the one in ``CELLRIG_BENCH_BEFORE``."""
    before = os.environ.get("CELLRIG_BENCH_BEFORE")
    seen = {name: Seen() for name in ("now", *(["before"] if before else []))}
    for _ in range(size.of(5, 1, 1)):
        for name, found in seen.items():
            _turn(found, Path(before) if before and name == "before" else None, size.of(15.0, 5.0, 1.0))
    figures = [figure for name, found in seen.items() for figure in _figures(name, found)]
    if before:
        ratio = median(seen["now"].answers) / median(seen["before"].answers)
        figures.append(Figure("answers, to before", ratio, "x", Aim(3.0, at_most=False)))
        cpu = median(seen["before"].cpu_an_answer_s) / median(seen["now"].cpu_an_answer_s)
        figures.append(Figure("answers for the same CPU, to before", cpu, "x"))
    return [*figures, *_series()]


def _figures(name: str, seen: Seen) -> list[Figure]:
    figures = []
    idle_late_s, idle_stop_s = percentile_99(seen.delays[ALONE]), percentile_99(seen.stops[ALONE])
    for stretch, delays in seen.delays.items():
        late_s, more_s = percentile_99(delays), percentile_99(seen.stops[stretch]) - idle_stop_s
        is_aim = name == "now" and stretch != ALONE
        most_ms, most_ratio, most_more_ms = (Aim(it, at_most=True) if is_aim else None for it in (5.0, 2.0, 100.0))
        figures += [
            Figure(f"{name}, {stretch}: control's loop late by, p99", 1e3 * late_s, "ms", most_ms),
            Figure(f"{name}, {stretch}: the same, to idle", late_s / idle_late_s, "x", most_ratio),
            Figure(f"{name}, {stretch}: stop, p99, more than idle", 1e3 * more_s, "ms", most_more_ms),
            Figure(f"{name}, {stretch}: CPU of control", 100 * median(seen.cpu[stretch]), "%"),
        ]
    figures.append(Figure(f"{name}: answers to 50 clients without a pause", median(seen.answers), "1/s"))
    figures.append(Figure(f"{name}: CPU of all its processes an answer", 1e3 * median(seen.cpu_an_answer_s), "ms"))
    figures.append(Figure(f"{name}: memory of all its processes, shared pages once", median(seen.memory_mib), "MiB"))
    return figures


def _turn(seen: Seen, checkout: Path | None, lasts_s: float) -> None:
    """Start a rack and a service, and let each kind of clients look at it for a time."""
    with tempfile.TemporaryDirectory() as folder, child("late_rack", str(_UNITS), "1") as rack:
        store, bench = Path(folder) / "rack.db", Path(folder) / "bench.toml"
        text = BENCH.format(port=int(line_of(rack)), poll_s=_POLL_S, folder=json.dumps(folder))
        bench.write_text(text + "".join(UNIT.format(unit=unit + 1) for unit in range(_UNITS)), "utf-8")
        with child("timed_service", str(bench), str(store), folder=checkout) as service:
            while not (url := line_of(service)).startswith("http"):
                pass
            clients = Clients(url, token_path(store).read_text("ascii").strip())
            start_runs(clients)
            spans = {}
            for stretch, crowd in ((ALONE, _nobody), (ASKING, _asking), (UNREAD, _never_reading)):
                with crowd(clients, service.pid, lasts_s, seen):
                    began, ends = time.monotonic(), time.monotonic() + lasts_s
                    stops = seen.stops.setdefault(stretch, [])
                    # Three at least: at each of them control's loop is timed, on a busy machine too.
                    least = len(stops) + 3
                    while time.monotonic() < ends or len(stops) < least:
                        stops.append(clients.stop("21-1-8"))
                        time.sleep(_STOP_EVERY_S)
                    spans[stretch] = began, time.monotonic()
            seen.memory_mib.append(_memory_mib(service.pid))
            assert service.stdin is not None
            assert service.stdout is not None
            service.stdin.close()
            measured: dict[str, Any] = json.loads(service.stdout.read().splitlines()[-1])
    for stretch, (began, ended) in spans.items():
        inside = {name: [pair for pair in measured[name] if began <= pair[0] < ended] for name in ("delays", "cpu")}
        seen.delays.setdefault(stretch, []).extend(value for _, value in inside["delays"])
        used = inside["cpu"][-1][1] - inside["cpu"][0][1]
        seen.cpu.setdefault(stretch, []).append(used / (ended - began))


def start_runs(clients: Clients) -> None:
    """Start a run on seven channels, and wait until each records."""
    for n in range(1, 8):
        order = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": f"21-1-{n}", "by": "benchmark"}
        assert clients.answer("POST", "runs", order)["run_id"]
    deadline = time.monotonic() + 60
    while [row for row in clients.answer("GET", "channels")[:7] if not row["run"] or row["run"]["samples"] == 0]:
        assert time.monotonic() < deadline, "the runs do not record"
        time.sleep(0.5)


@contextmanager
def _nobody(clients: Clients, service: int, lasts_s: float, seen: Seen) -> Iterator[None]:
    yield


@contextmanager
def _asking(clients: Clients, service: int, lasts_s: float, seen: Seen) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.reading_clients", clients.url, clients.token, str(lasts_s), "0"]
    used_s = _cpu_s(service)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as crowd:
        yield
        told, _ = crowd.communicate(timeout=lasts_s + 60)
    found = json.loads(told)
    assert found["refused"] == 0, "the service refused what a client asked"
    assert found["latencies_s"], "no client had an answer"
    seen.answers.append(len(found["latencies_s"]) / lasts_s)
    seen.cpu_an_answer_s.append((_cpu_s(service) - used_s) / len(found["latencies_s"]))


@contextmanager
def _never_reading(clients: Clients, service: int, lasts_s: float, seen: Seen) -> Iterator[None]:
    with ExitStack() as held:
        for n in range(_UNREAD):
            path = "live" if n % 2 else "events?limit=2000"
            held.enter_context(clients.connect(clients.request("GET", path) * (1 if n % 2 else 100)))
        yield


def _cpu_s(pid: int) -> float:
    """Give the CPU that a process and its children have used; 0 where the system does not tell."""
    told = Path(f"/proc/{pid}/stat")
    if not told.exists():
        return 0.0
    fields = told.read_text().rpartition(") ")[2].split()
    mine = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return mine + sum(_cpu_s(it) for it in _children(pid))


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _memory_mib(pid: int) -> float:
    """Give the memory of a process and of all its children, shared pages in parts; 0 where the system does not tell."""
    told = Path(f"/proc/{pid}/smaps_rollup")
    if not told.exists():
        return 0.0
    mine = sum(int(line.split()[1]) for line in told.read_text().splitlines() if line.startswith("Pss:")) / 1024
    return mine + sum(_memory_mib(it) for it in _children(pid))


def _series() -> list[Figure]:
    """Time a run of 600 h with a record every 30 s in 2,000 points, out of columns and as an answer."""
    import numpy as np

    from orchestrator.analysis.thinning import Columns, thinned_to
    from orchestrator.api.series import as_answer

    n = 600 * 120
    at = np.arange(n)
    step = at // 120 + 1
    sign = np.where(step % 2, 1.0, -1.0)
    volts = (0.04 * sign + 0.002 * np.sin(at / 7.0)).astype(np.float64)
    columns = Columns(np.ones(n, dtype=np.int64), at + 1, step, at.astype(np.float64) * 30.0, volts, 1e-3 * sign)
    ways: dict[str, Callable[[], object]] = {
        "chosen by columns": lambda: thinned_to(columns, 2000),
        "made an answer": lambda: as_answer(columns, 2000),
    }
    figures = []
    for name, work in ways.items():
        times = []
        for _ in range(20):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        figures.append(Figure(f"600 h in 2,000 points: {name}", 1e3 * median(times), "ms", Aim(20.0, at_most=True)))
    return figures
