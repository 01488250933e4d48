"""The MQTT feed through hours of a broker that refuses, hangs and breaks, and of its own deaths, in virtual time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import aiomqtt
import pytest

from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.feed.broker import BrokerClient, Link
from orchestrator.feed.messages import Message
from orchestrator.feed.plan import FeedPlan
from orchestrator.feed.publishing import Feed
from orchestrator.web.control_link import ControlLink, ControlSilent
from orchestrator.web.live_fan import LiveFan
from tests.api_client import TOKEN
from tests.feed_rig import Rack, made_cycle, open_rack
from tests.memory_broker import Health, MemoryBroker
from tests.web_rig import open_web_rig

_MINUTES = 30


def _feed(path: Path, broker: MemoryBroker, over: asyncio.Event) -> Feed:
    link = ControlLink(TOKEN)
    plan = FeedPlan(MqttSettings(rig="lab-3", backlog_samples=200), path, "")
    # In virtual time, in which nobody waits for it, the store is asked less often.
    return Feed(plan, link, LiveFan(link), over, broker.connected, look_s=2.0)


async def _lives(path: Path, broker: MemoryBroker, random: Random, over: asyncio.Event) -> None:
    """Let a feed live, die without a word and live again, until it is over."""
    while not over.is_set():
        feed = _feed(path, broker, over)
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
        for _ in range(random.choice((0, 0, 0, 25))):
            rack.cycle()
        if random.random() < 0.2:
            number = rack.cycle(is_half=random.random() < 0.5)
            await asyncio.sleep(random.uniform(0, 100))
            rack.store.add_cycles(rack.test, [made_cycle(number)])


@pytest.mark.parametrize("seed", range(2))
async def test_no_event_and_no_cycle_is_lost_whatever_the_broker_does(store_path: Path, seed: int) -> None:
    """All come in order, what comes twice says so, and every number before is right; the newest record comes too."""
    rack, broker, random, over = open_rack(store_path), MemoryBroker(seed), Random(f"feed/{seed}"), asyncio.Event()
    with rack.store:
        living = asyncio.ensure_future(_lives(store_path, broker, random, over))
        await asyncio.sleep(1)
        await _written(rack, random)
        broker.health = Health.WELL
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


async def test_cycle_that_was_stored_anew_while_no_feed_lived_comes_revised(store_path: Path) -> None:
    """Also where its run is over by then, and nobody follows it any more."""
    rack, broker = open_rack(store_path), MemoryBroker(0)
    broker.health = Health.WELL
    with rack.store:
        for _ in range(2):
            over = asyncio.Event()
            feed = _feed(store_path, broker, over)
            running = asyncio.ensure_future(feed.run())
            if not rack.cycles:
                rack.cycle(is_half=True)
                rack.record(1)
            await asyncio.sleep(5)
            over.set()
            await running
            feed.close()
            rack.store.add_cycles(rack.test, [made_cycle(1)])
            rack.store.set_run_state(rack.run_id, "completed", "", 0.0)
    assert [(body["sequence"], body["revised"]) for body in broker.of("cycle")] == [(1, False), (1, True)]


async def test_what_was_answered_behind_an_unanswered_message_does_not_count() -> None:
    """Only the messages from the first on that were all answered are done: the others are sent again in their order."""

    class Client:
        """Answers for all messages but one."""

        messages: AsyncIterator[object]

        async def publish(self, topic: str, payload: bytes, qos: int, retain: bool, *, timeout: float) -> None:  # noqa: ASYNC109 - the library's
            """Answer, or not."""
            if topic == "b":
                raise aiomqtt.MqttError("no answer")

    answered, trouble = await Link(Client()).publish_all([Message(topic, b"") for topic in "abc"])
    assert answered == 1
    assert "no answer" in str(trouble)


@pytest.mark.parametrize(("keep_alive_s", "known_after_s"), [(4, 6), (10, 15), (600, 15)])
async def test_control_that_hangs_is_taken_for_alive_no_longer_than_its_states_are_valid(
    store_path: Path, keep_alive_s: int, known_after_s: int
) -> None:
    """It keeps its connections and takes new ones, as a process under SIGSTOP does; when it goes on that is told."""
    over, broker = asyncio.Event(), MemoryBroker(0)
    broker.health = Health.WELL
    async with open_web_rig(store_path) as rig:
        plan = FeedPlan(MqttSettings(rig="lab-3", keep_alive_s=keep_alive_s), store_path, "")
        feed = Feed(plan, rig.link, rig.fan, over, broker.connected)
        running = asyncio.ensure_future(feed.run())
        # A moment after a heartbeat.
        await asyncio.sleep(61)
        assert broker.of("status")[-1]["control_answers"]
        rig.hang_control()
        await asyncio.sleep(known_after_s + 0.5)
        assert not broker.of("status")[-1]["control_answers"]
        await asyncio.sleep(15)
        with pytest.raises(ControlSilent):
            rig.fan.now()
        rig.hang_control(hangs=False)
        await asyncio.sleep(30)
        assert broker.of("status")[-1]["control_answers"]
        over.set()
        await running
        feed.close()


async def test_socket_that_is_closed_before_its_turn_is_not_watched() -> None:
    """Nor is another one that has its number by then: the library's own client would watch it, and write for ever."""
    client, loop = BrokerClient("127.0.0.1"), asyncio.get_running_loop()
    one, other = socket.socketpair()
    with other:
        client._on_socket_register_write(None, None, one)  # noqa: SLF001 - the library calls it
        number = one.fileno()
        one.close()
        with socket.socket() as another:
            assert another.fileno() == number
            await asyncio.sleep(0)
            assert not loop.remove_writer(number)
