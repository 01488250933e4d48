"""The feed of a store in this process, and what a rack writes into the store meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.interfaces import EndReason
from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.events import EventKind
from orchestrator.feed.plan import FeedPlan
from orchestrator.feed.publishing import Feed
from orchestrator.judging.cycles import Cycle
from orchestrator.store import Store, open_store
from orchestrator.web.control_link import ControlLink
from orchestrator.web.live_fan import LiveFan
from tests.api_client import TOKEN
from tests.storing import add_run, add_test, samples

RIG = "lab-3"
CHANNEL = "27-1-3"
HALF = EndReason.TIME


@dataclass
class Rack:
    """A store with a run on a channel, into which a rack writes."""

    store: Store
    run_id: str
    test: int
    written: int = 0
    cycles: int = 0

    def event(self, sentence: str, *, of_rig: bool = False, at_unix_s: float | None = None) -> int:
        """Store an event of the run, or of the rig."""
        at = time.time() if at_unix_s is None else at_unix_s
        return self.store.add_event(None if of_rig else self.run_id, EventKind.COMMAND, sentence, at)

    def cycle(self, *, is_half: bool = False) -> int:
        """Store the next cycle."""
        self.cycles += 1
        self.store.add_cycles(self.test, [made_cycle(self.cycles, is_half=is_half)])
        return self.cycles

    def record(self, count: int) -> int:
        """Store the next records in one commit, and give the number of the newest."""
        self.store.tick({self.test: samples(self.written + 1, count)})
        self.written += count
        return self.written

    def hours(self, hours: int) -> None:
        """Write what a rack writes in so many hours: a record each 30 s, an event a minute, a cycle each half-hour."""
        begin = time.time() - hours * 3600
        for half in range(hours * 2):
            with self.store.transaction():
                for minute in range(half * 30, half * 30 + 30):
                    self.event(f"minute {minute}", of_rig=minute % 10 == 0, at_unix_s=begin + minute * 60)
                    self.record(2)
                self.cycle()


def made_cycle(number: int, *, is_half: bool = False) -> Cycle:
    """Give a cycle of a Li/Li test, or the half that may end its run."""
    whole = Cycle(
        number, number * 7200.0, 1e-4, 9.9e-5, None, None, 0.1, 0.099, 0.99, None, 0.05, -0.05, 0.1, HALF, HALF
    )
    if not is_half:
        return whole
    return replace(whole, discharge_capacity_ah=None, discharge_capacity_mah_cm2=None, coulombic_efficiency=None,
                   discharge_mean_voltage_v=None, polarisation_v=None, discharge_end_reason=None)  # fmt: skip


def open_rack(path: Path, *, simulated: bool | None = None) -> Rack:
    """Open a new store with a run that is under way, and its test."""
    store = open_store(path)
    store.add_event(None, EventKind.SERVICE_STARTED, "service started", time.time())
    run_id = add_run(store, channel=CHANNEL, simulated=simulated)
    store.set_run_state(run_id, "running", "", time.time())
    return Rack(store, run_id, add_test(store, run_id))


@asynccontextmanager
async def feeding(path: Path, port: int, **settings: object) -> AsyncIterator[None]:
    """Run the feed of a store; control does not answer. Leaving the block ends it in order.

    Its keep-alive is long: a broker parts with a client that gets no processor for that time, and has it all again.
    """
    over = asyncio.Event()
    mqtt = MqttSettings.model_validate({"port": port, "rig": RIG, "keep_alive_s": 600, **settings})
    link = ControlLink(TOKEN)
    feed = Feed(FeedPlan(mqtt, path, "http://127.0.0.1:8765"), link, LiveFan(link), over)
    running = asyncio.ensure_future(feed.run())
    try:
        yield
        over.set()
        await running
    finally:
        running.cancel()
        await asyncio.wait({running})
        feed.close()


async def come(condition: Callable[[], object], what: str) -> None:
    """Wait in real time until something holds, while the feed goes on in this loop."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what comes is another process's
            await asyncio.sleep(0.01)
    assert condition(), what
