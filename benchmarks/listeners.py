"""What bad listeners cost: time of a tick and of a stop without any, and with each kind, in turns of one run.

Eight channels on the simulated rack in virtual time, so that a tick lasts as long as its work. A listener that raises,
one that never returns, one that blocks its thread, one that is slow, and one that is slow while 10,000 events come in
one commit, are each set against the same without them.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Size, percentile_99
from benchmarks.programs import CELL, CHANNELS, seconds_program
from orchestrator.bench.simulated import SimulatedRack, open_simulated_rack
from orchestrator.clock.virtual import run_virtual
from orchestrator.events import Bus, EventKind, Listener, Told
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.store import NewEvent, open_store

_POLL_S = 10.0
BURST = 10_000


async def raising(_: Told) -> None:
    """Raise at every call."""
    raise ValueError("this listener is broken")


async def hanging(_: Told) -> None:
    """Never return."""
    await asyncio.Event().wait()


async def slow(_: Told) -> None:
    """Take almost as long as a call may."""
    await asyncio.sleep(59.0)


@dataclass
class Blocking:
    """Blocks its thread until it is released."""

    released: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: Told) -> None:
        """Wait."""
        self.released.wait()


@dataclass
class Timed:
    """Times in seconds over all turns, and what was dropped in the last one."""

    ticks: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    burst_s: list[float] = field(default_factory=list)
    dropped_updates: int = 0
    dropped_events: int = 0


# Name, how the listener is made (None: there is none), and whether the burst comes.
_CASES: dict[str, tuple[Callable[[], Listener] | None, bool]] = {
    "no listener": (None, False),
    "raises": (lambda: raising, False),
    "never returns": (lambda: hanging, False),
    "blocks its thread": (Blocking, False),
    "slow": (lambda: slow, False),
    "burst, no listener": (None, True),
    "burst, slow": (lambda: slow, True),
}


def measure(size: Size) -> list[Figure]:
    """Measure every case in each of several turns, so that what else the machine does falls on all alike."""
    logger = logging.getLogger("orchestrator.events")
    usual = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        found = _all_turns(size)
    finally:
        logger.setLevel(usual)
    figures = []
    for name, timed in found.items():
        beside = found["burst, no listener" if _CASES[name][1] else "no listener"]
        figures += _figures(name, timed, None if beside is timed else beside)
    return figures


def _all_turns(size: Size) -> dict[str, Timed]:
    # What the first turn of all pays for, imports and caches, is nobody's.
    _turn(Timed(), None, bursts=False)
    found: dict[str, Timed] = defaultdict(Timed)
    for _ in range(size.of(5, 2, 1)):
        for name, (make, bursts) in _CASES.items():
            _turn(found[name], make() if make else None, bursts)
    return found


def _figures(name: str, timed: Timed, beside: Timed | None) -> list[Figure]:
    figures = [
        Figure(f"{name}: tick, p50", 1e3 * median(timed.ticks), "ms"),
        Figure(f"{name}: tick, p99", 1e3 * percentile_99(timed.ticks), "ms"),
        Figure(f"{name}: stop of 8 channels, p50", 1e3 * median(timed.stops), "ms"),
    ]
    if timed.burst_s:
        figures.append(Figure(f"{name}: commit of {BURST} events, p50", 1e3 * median(timed.burst_s), "ms"))
    if beside is None:
        return figures
    figures += [
        Figure(f"{name}: tick, p50, to that without", median(timed.ticks) / median(beside.ticks), "x"),
        Figure(f"{name}: tick, p99, to that without", percentile_99(timed.ticks) / percentile_99(beside.ticks), "x"),
        Figure(f"{name}: stop, p50, to that without", median(timed.stops) / median(beside.stops), "x"),
        Figure(f"{name}: updates dropped", timed.dropped_updates, "updates"),
        Figure(f"{name}: events dropped", timed.dropped_events, "events"),
    ]
    if timed.burst_s:
        figures.append(Figure(f"{name}: commit, to that without", median(timed.burst_s) / median(beside.burst_s), "x"))
    return figures


def _turn(timed: Timed, listener: Listener | None, bursts: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_virtual(_serve(timed, listener, bursts, Path(folder) / "cellrig.db"))


async def _serve(timed: Timed, listener: Listener | None, bursts: bool, path: Path) -> None:
    """Watch eight channels for ten minutes, then stop them all."""
    rack = SimulatedRack(dict.fromkeys(CHANNELS, CELL), poll_period_s=_POLL_S)
    with open_store(path) as store:
        async with open_simulated_rack(rack) as (tester, _):
            bus = Bus()
            heard = bus.subscribe(listener, length=256) if listener else None
            service = Service(store, [tester], bus)
            serving = asyncio.ensure_future(service.run())
            await asyncio.sleep(0)
            for channel in CHANNELS:
                service.submit(RunRequest(seconds_program(2), channel, channel), "benchmark")
            await asyncio.sleep(3 * _POLL_S)
            timed.ticks += [await _tick() for _ in range(60)]
            if bursts:
                began = time.perf_counter()
                store.tick({}, [NewEvent(None, EventKind.LOG_GROWS, f"event {n}", 0.0) for n in range(BURST)])
                timed.burst_s.append(time.perf_counter() - began)
                timed.ticks += [await _tick() for _ in range(30)]
            began = time.perf_counter()
            await service.stop_rack("benchmark")
            timed.stops.append(time.perf_counter() - began)
            if heard is not None:
                timed.dropped_updates, timed.dropped_events = heard.inbox.dropped_updates, heard.inbox.dropped_events
            if isinstance(listener, Blocking):
                listener.released.set()
            serving.cancel()
            await asyncio.wait({serving})


async def _tick() -> float:
    """Let one poll period of virtual time pass, and give how long all the work in it took."""
    began = time.perf_counter()
    await asyncio.sleep(_POLL_S)
    return time.perf_counter() - began
