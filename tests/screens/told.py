"""The pages of a rack that is only told of: 64 channels in states that no simulated rack comes to in some seconds.

Web is the true one; in the place of control stands what says the same rows and needs every time.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from orchestrator.api.access import PASS_ON, Receive, Scope, Send
from orchestrator.api.models.rack import Need, Priority, RackRow, Reason, Sentence
from orchestrator.dashboard.states import STATES
from orchestrator.store import open_store
from orchestrator.web.app import WebApp
from orchestrator.web.control_link import ControlLink
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.loopback_client import Answer, Headers
from orchestrator.web.rack_feed import RackFeed
from orchestrator.web.reading import Reading
from tests.screens.prepared import LONGEST

UNITS, CHANNELS = 8, 8
_ACTS = {
    "running": ["stop", "hold"],
    "holding": ["resume", "stop"],
    "awaiting_operator": ["plugged", "stop"],
    "tripped": ["acknowledge"],
    "unknown": ["stop_again"],
    "completed": ["cell_out"],
    "stopped": ["cell_out"],
    "free": ["start"],
}
_WHY = {
    "tripped": Reason(code="tripped.limit", values={"voltage_v": 4.112, "time_h": 84.21, "low_v": -0.5, "high_v": 4.1}),
    "unknown": Reason(code="unknown.other", text="a stop was sent at 13:52 and is not confirmed"),
    "holding": Reason(code="held.person", values={"by": "wilhelmina.featherstonehaugh"}),
    "awaiting_operator": Reason(
        code="hands.plug", values={"cell": "lot7-16", "channel": "21-2-8", "potentiostat": "CHI660E-left"}
    ),
    "unseen": Reason(code="unseen.link", values={"instrument": "ct4008-left", "silent_s": 312.0}),
}
_NAMES = {"holding": "held", "awaiting_operator": "hands"}


def row(number: int, state: str, now: float, label: str | None = None) -> RackRow:
    """Give a row of a channel in a state."""
    channel, has_run = f"21-{number // CHANNELS + 1}-{number % CHANNELS + 1}", state in _RUNS
    return RackRow(
        channel=channel, unit=channel.rpartition("-")[0], instrument="ct4008", state=state, since=now - 3600.0,
        run_id=f"R{number + 1:06}" if has_run else None,
        cell=label or "coated-li-li" if has_run else None, kind="li-li" if has_run else None,
        recipe=label or "li-li-0.2" if has_run else None, label=label or f"lot7-{number:02}" if has_run else None,
        step=Sentence(code="step.charge", values={"current_ma": 0.1571}) if state == "running" else None,
        cycle=13 if has_run else None, cycles=300 if has_run else None,
        voltage_v=None if state in ("no_channel", "no_answer") else -0.0431 if number % 2 else 4.1119,
        current_a=0.000157 if state == "running" else 0.0, resistance_ohm=276.2 if has_run else None,
        left_s=86_400.0 * (1 + number) if has_run else None, ends_at=now + 86_400.0 * (1 + number) if has_run else None,
        seen_at=now - 4.0 - number % 9, record_at=now - 4.0 - number % 9, queued=["R000099"] if number % 5 == 0 else [],
        reason=_WHY.get(state), actions=_ACTS.get(state, []), rev=1,
    )  # fmt: skip


_RUNS = frozenset(list(STATES)[: list(STATES).index("free")])


def need(of: RackRow, number: int, now: float) -> Need:
    """Give the need of a row."""
    reason = of.reason or Reason(code=f"{_NAMES.get(of.state, of.state)}.other")
    return Need(
        id=f"{of.channel}-{number}", code=reason.code, values=reason.values, text=reason.text, priority=Priority.A,
        channels=[of.channel], label=of.label, since=now - 60.0 * number, actions=of.actions,
    )  # fmt: skip


def rack_of(states: Sequence[str], now: float, needs: int, label: str | None = None) -> dict[str, Any]:
    """Give a rack of 64 channels whose states are these, again and again, with so many needs."""
    rows = [row(n, states[n % len(states)], now, label) for n in range(UNITS * CHANNELS)]
    wanting = [one for one in rows if STATES.get(one.state, STATES["unknown"]).fill]
    return {
        "rev": 1, "life": "1", "now": now, "control_seen_at": now, "speed": 1.0, "simulated": False, "needs_rev": 1,
        "channels": [one.channel for one in rows], "rows": [one.model_dump(mode="json") for one in rows],
        "needs": [need(one, n, now).model_dump(mode="json") for n, one in enumerate(wanting[:needs])],
        "seen": {one.channel: one.seen_at for one in rows},
    }  # fmt: skip


# By name: the states of the channels, how many needs, and the label of all.
RACKS: dict[str, tuple[Sequence[str], int, str | None]] = {
    "healthy": (("running", "running", "running", "completed", "free"), 0, None),
    "one-need": (("running",) * 63 + ("tripped",), 1, None),
    "three-needs": (("running",) * 20 + ("holding",), 3, None),
    "thirty-needs": (("awaiting_operator", "tripped", "running"), 30, None),
    "every-state": (tuple(STATES), 12, None),
    "longest-names": (tuple(STATES), 12, LONGEST),
}


class ToldLink(ControlLink):
    """In the place of control: tells the rack, and takes no order."""

    def __init__(self, rack: Callable[[], dict[str, Any]]) -> None:
        super().__init__("", "http://127.0.0.1")
        self._rack = rack

    async def ask(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> Answer:
        """Return the rack; of everything else, that there is only a rack."""
        if method == "GET" and "/rack" in target:
            return Answer(200, (), json.dumps(self._rack()).encode())
        return Answer(409, ((b"content-type", b"application/json"),), b'{"error": "only the rack is told of"}')


@contextmanager
def told_racks(folder: Path, *names: str) -> Iterator[dict[str, str]]:
    """Serve these racks, or all, until the block is left; give their addresses by their names."""
    loop, ready, is_over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    urls: dict[str, str] = {}

    async def main() -> None:
        wanted = names or tuple(RACKS)
        started = asyncio.Barrier(len(wanted) + 1)
        async with asyncio.TaskGroup() as group:
            for name in wanted:
                group.create_task(_serve(folder / f"{name}.db", name, urls, started, is_over))
            await started.wait()
            ready.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    try:
        assert ready.wait(30)
        yield urls
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join(20)
        loop.close()


async def _serve(path: Path, name: str, urls: dict[str, str], started: asyncio.Barrier, is_over: asyncio.Event) -> None:
    states, needs, label = RACKS[name]

    with open_store(path), closing(Reading(path)) as reading, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        link = ToldLink(lambda: rack_of(states, time.time(), needs, label))
        feed = RackFeed(link, reading)
        app = WebApp(link, LiveFan(link), reading, feed)

        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            # Nobody waits for a turn.
            scope[PASS_ON] = lambda: None
            await app(scope, receive, send)

        server = uvicorn.Server(uvicorn.Config(served, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
        tasks = [asyncio.create_task(feed.run()), asyncio.create_task(server.serve(sockets=[listening]))]
        urls[name] = f"http://127.0.0.1:{listening.getsockname()[1]}"
        await started.wait()
        await is_over.wait()
        feed.close()
        server.should_exit = True
        await tasks[1]
        tasks[0].cancel()
        await app.aclose()
