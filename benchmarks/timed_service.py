"""The service itself, with control timed: ``python -m benchmarks.timed_service BENCH STORE``, until stdin ends.

It says where it answers; at its end it prints what it has measured as one line of JSON. Times are of the system's
monotonic clock, which all processes of a machine share. What is timed is called a few times a second.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.api.address import reserved, url_of
from orchestrator.api.parent_link import ParentLink
from orchestrator.api.server import ServePlan, serve
from orchestrator.bench.settings import load_bench
from orchestrator.clock.scaled import in_loop_time, run_by
from orchestrator.feed.plan import FeedPlan
from orchestrator.rack.supervisor import Supervisor
from orchestrator.serving.child import Work
from orchestrator.serving.parent import Parent
from orchestrator.serving.processes import be_feed, be_notices, be_web
from orchestrator.store import Store

# How often the loop is asked to wake a task up; how late it does is the loop's delay.
_PROBE_S = 0.02


@dataclass
class Timings:
    """When something began and how long it took, each in seconds; ``cpu``: when, and the CPU used by then."""

    ticks: list[tuple[float, float]] = field(default_factory=list)
    commits: list[tuple[float, float]] = field(default_factory=list)
    delays: list[tuple[float, float]] = field(default_factory=list)
    cpu: list[tuple[float, float]] = field(default_factory=list)

    def watch(self) -> None:
        """Time every poll and every commit of this process from now on."""
        tick = Supervisor._tick_safely  # noqa: SLF001 - measured from outside, so that the service need not know

        @functools.wraps(tick)
        async def timed(supervisor: Supervisor) -> None:
            began = time.monotonic()
            await tick(supervisor)
            self.ticks.append((began, time.monotonic() - began))

        transaction = Store.transaction

        @contextmanager
        def timed_block(store: Store, *undo: Callable[[], None]) -> Iterator[Any]:
            """Time an outermost transaction; one inside another is part of that."""
            if store.connection.in_transaction:
                with transaction(store, *undo) as given:
                    yield given
                return
            began = time.monotonic()
            with transaction(store, *undo) as given:
                yield given
            self.commits.append((began, time.monotonic() - began))

        Supervisor._tick_safely = timed  # type: ignore[method-assign,assignment]  # noqa: SLF001 - what is timed is the loop as it is
        Store.transaction = timed_block  # type: ignore[method-assign,assignment]  # timed in the place of the real one

    async def probe(self) -> None:
        """Measure how late the loop wakes up a task, and how much CPU the process has used."""
        while True:
            due = time.monotonic() + _PROBE_S
            await asyncio.sleep(in_loop_time(_PROBE_S))
            self.delays.append((due, time.monotonic() - due))
            self.cpu.append((due, time.process_time()))


def main(bench: Path, store: Path) -> None:
    """Serve as users do, and measure control."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    settings = load_bench(bench)
    with closing(reserved(settings.service)) as listening:
        url = url_of(settings.service, listening)
        control = partial(_timed_control, ServePlan(settings, store, url), listening)
        web = partial(be_web, settings.service, store, listening)
        optional: dict[str, Work] = {}
        if settings.mqtt is not None:
            optional["feed"] = partial(be_feed, FeedPlan(settings.mqtt, store, url), settings.service, listening)
        if settings.notices is not None:
            optional["notices"] = partial(be_notices, settings.notices, settings.service, store, listening)
        Parent(control, web, lambda: print(url, flush=True), optional).run()


def _timed_control(plan: ServePlan, listening: socket.socket, parent: ParentLink) -> None:
    listening.close()
    run_by(plan.bench.clock, _timed(plan, parent))


async def _timed(plan: ServePlan, parent: ParentLink) -> None:
    timings = Timings()
    timings.watch()
    probing = asyncio.ensure_future(timings.probe())
    await serve(plan, lambda line: print(line, flush=True), None, parent)
    probing.cancel()
    print(json.dumps(asdict(timings)), flush=True)


def _end_with_stdin() -> None:
    # Not ``sys.stdin``: a child that is forked meanwhile would inherit its lock.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
