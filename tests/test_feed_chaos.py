"""The MQTT feed through hours of a broker that refuses, hangs and breaks, and of its own deaths, in virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.feed.plan import FeedPlan
from orchestrator.feed.publishing import Feed
from orchestrator.web.control_link import ControlLink
from orchestrator.web.live_fan import LiveFan
from tests.api_client import TOKEN
from tests.feed_rig import Rack, made_cycle, open_rack
from tests.memory_broker import MemoryBroker

_MINUTES = 30


async def _lives(path: Path, broker: MemoryBroker, random: Random, over: asyncio.Event) -> None:
    """Let a feed live, die without a word and live again, until it is over."""
    while not over.is_set():
        link = ControlLink(TOKEN)
        plan = FeedPlan(MqttSettings(rig="lab-3", backlog_samples=200), path, "")
        feed = Feed(plan, link, LiveFan(link), over, broker.connected)
        running = asyncio.ensure_future(feed.run())
        ended = asyncio.ensure_future(over.wait())
        await asyncio.wait({running, ended}, timeout=random.expovariate(1 / 300), return_when=asyncio.FIRST_COMPLETED)
        if not over.is_set():
            running.cancel()
        await asyncio.wait({running})
        ended.cancel()
        feed.close()


async def _written(rack: Rack, random: Random) -> None:
    """Write what a rack writes, some of it in bursts, and a half-cycle now and then that gets its other half."""
    for _ in range(_MINUTES):
        await asyncio.sleep(random.expovariate(1 / 60))
        for number in range(random.choice((0, 1, 1, 40))):
            rack.event(f"{number}", of_rig=random.random() < 0.2)
        rack.record(random.randrange(1, 40))
        if random.random() < 0.2:
            number = rack.cycle(is_half=random.random() < 0.5)
            await asyncio.sleep(random.uniform(0, 100))
            rack.store.add_cycles(rack.test, [made_cycle(number)])


@pytest.mark.parametrize("seed", range(2))
async def test_no_event_and_no_cycle_is_lost_whatever_the_broker_does(
    store_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All come in order, what comes twice says so, and every number before is right; the newest record comes too."""
    # Of virtual time, in which nobody waits for it: the store is asked less often.
    monkeypatch.setattr("orchestrator.feed.publishing._LOOK_S", 2.0)
    rack, broker, random, over = open_rack(store_path), MemoryBroker(seed), Random(f"feed/{seed}"), asyncio.Event()
    with rack.store:
        living = asyncio.ensure_future(_lives(store_path, broker, random, over))
        await asyncio.sleep(1)
        await _written(rack, random)
        broker.is_well = True
        await asyncio.sleep(120)
        over.set()
        await living
        events = [event.id for event in rack.store.events()]
        for kind, numbers in (("event", events), ("cycle", list(range(1, rack.cycles + 1)))):
            seen: list[int] = []
            for body in broker.of(kind):
                if body["sequence"] in seen:
                    assert body["repeat"] or body["revised"]
                else:
                    seen.append(body["sequence"])
            assert seen == numbers
        newest = {body["sequence"]: body for body in broker.of("cycle")}
        assert all(body["discharge_capacity_ah"] is not None for body in newest.values())
        assert all(body["previous"] == (body["sequence"] - 1 or None) for body in newest.values())
        came = {row["sequence"] for body in broker.of("sample") for row in body["samples"]}
        assert max(came) == rack.written
