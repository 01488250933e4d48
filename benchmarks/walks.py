"""Counts how far three things travel through the code: ``python -m benchmarks.walks [--crossings]``.

A recipe from ``POST /runs`` to a started test, a sample from the tester's bytes to the store and its judges, and a stop
from ``POST /runs/ID/stop`` to its stored end, on one channel of a simulated rack in virtual time. Each call from a file
of ours into another is traced while it runs; a walk's figures are the files entered, the distinct crossings (a function
that calls one in another file), the distinct pairs of files among them, and the functions. Not counted: simulators,
benchmarks, libraries, and what every file may ask without going anywhere, the clock and the failpoints.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
_COUNTED = tuple(f"{ROOT / package}/" for package in ("protocols", "drivers", "orchestrator"))
_EVERYWHERE = (f"{ROOT / 'orchestrator' / 'clock'}/", f"{ROOT / 'orchestrator' / 'failpoints.py'}")

# Files and crossings that each walk may have.
AIMS = {"recipe to started test": (20, 60), "sample to store": (12, 30), "stop to stored end": (18, 45)}

CHANNEL = "21-1-3"
_ORDER = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": CHANNEL, "by": "ada"}
_TOKEN = "walks"  # noqa: S105 - opens nothing but the application in this process
_POLL_S = 60.0


@dataclass
class Walk:
    """What was entered on a walk: files, functions with their file, pairs of functions that crossed between files."""

    files: set[str] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    crossings: set[tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=set)

    def enter(self, frame: FrameType) -> None:
        """Take in one call, when it enters a file of ours."""
        if not _is_counted(frame):
            return
        here = _place(frame)
        self.files.add(here[0])
        self.functions.add(here)
        caller = frame.f_back
        while caller is not None and not _is_counted(caller):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename != here[0]:
            self.crossings.add((_place(caller), here))


def _is_counted(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith(_COUNTED) and not file.startswith(_EVERYWHERE)


def _place(frame: FrameType) -> tuple[str, str]:
    return frame.f_code.co_filename, frame.f_code.co_qualname


@contextmanager
def traced() -> Iterator[Walk]:
    """Trace every call on every thread."""
    walk = Walk()

    def seen(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            walk.enter(frame)

    threading.setprofile(seen)
    sys.setprofile(seen)
    try:
        yield walk
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def _walk_all(store_path: Path) -> dict[str, Walk]:
    """Make the three walks, each by one order to the service's own HTTP application."""
    import httpx

    from orchestrator.api.app import create_app
    from orchestrator.api.live_stream import LiveClients
    from orchestrator.bench.simulated import SimulatedRack, open_simulated_rack
    from orchestrator.rack.service import Service
    from orchestrator.store import open_store

    rack = SimulatedRack({CHANNEL: "coated-li-li"}, poll_period_s=_POLL_S)
    async with open_simulated_rack(rack) as (tester, _):
        with open_store(store_path) as store:
            service = Service(store, [tester])
            serving = asyncio.ensure_future(service.run())
            await asyncio.sleep(1)
            transport = httpx.ASGITransport(create_app(service, LiveClients(service.bus), _TOKEN))
            headers = {"authorization": f"Bearer {_TOKEN}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
                with traced() as recipe:
                    (await client.post("/api/v1/runs", json=_ORDER)).raise_for_status()
                    while service.runs[0].state.value != "running":  # noqa: ASYNC110 - nothing of ours wakes it
                        await asyncio.sleep(0)
                await asyncio.sleep(1800 - asyncio.get_running_loop().time())
                with traced() as sample:
                    await asyncio.sleep(_POLL_S)
                with traced() as stop:
                    (await client.post("/api/v1/runs/R000001/stop", json={"by": "ada"})).raise_for_status()
                    # The answer comes within seconds, also where the stop is still being confirmed.
                    while service.runs[0].state.value != "stopped":  # noqa: ASYNC110 - nothing of ours wakes it
                        await asyncio.sleep(1)
            serving.cancel()
            await asyncio.wait({serving})
    return dict(zip(AIMS, (recipe, sample, stop), strict=True))


def walks() -> dict[str, Walk]:
    """Make the three walks twice and give the second: on the first, modules are still being imported."""
    from orchestrator.clock.virtual import run_virtual

    found: dict[str, Walk] = {}
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="cellrig-walks-") as folder:
            found = run_virtual(_walk_all(Path(folder) / "cellrig.db"))
    return found


def main() -> None:
    """Print one line a walk, with ``--crossings`` also each crossing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walks", description="Count how far three things walk.")
    parser.add_argument("--crossings", action="store_true", help="also print every crossing")
    options = parser.parse_args()
    print(f"{'walk':<24}{'files':>6}{'aim':>5}{'crossings':>11}{'aim':>5}{'pairs':>7}{'functions':>11}")
    for name, walk in walks().items():
        files, crossings = AIMS[name]
        pairs = {(caller[0], called[0]) for caller, called in walk.crossings}
        counts = f"{len(walk.files):>6}{files:>5}{len(walk.crossings):>11}{crossings:>5}{len(pairs):>7}"
        print(f"{name:<24}{counts}{len(walk.functions):>11}")
        for (file, caller), (called_file, called) in sorted(walk.crossings) if options.crossings else ():
            print(f"    {_short(file)} {caller} -> {_short(called_file)} {called}")


def _short(file: str) -> str:
    return Path(file).relative_to(ROOT).as_posix()


if __name__ == "__main__":
    main()
