"""The MQTT feed before a real broker: dead, stopped, slow, full, refusing, and back after hours."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.api import pages
from orchestrator.api.models import EventQuery
from tests.broker import Broker, Subscriber, broker
from tests.feed_rig import CHANNEL, RIG, Rack, come, feeding, made_cycle, open_rack

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.real_time]


@pytest.fixture
def rack(store_path: Path) -> Iterator[Rack]:
    """Give a store with a run that is under way."""
    made = open_rack(store_path)
    with made.store:
        yield made


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    """Give a broker that runs."""
    with broker(tmp_path) as made:
        yield made


def stored_events(rack: Rack) -> list[int]:
    """Return the numbers of all events of the store."""
    return [event.id for event in rack.store.events()]


def in_order(rack: Rack, subscriber: Subscriber, kind: str) -> list[int]:
    """Return the numbers that came, without those that say they may be there already, and see that those were."""
    found: list[int] = []
    for body in subscriber.of(kind):
        if body["sequence"] in found:
            assert body["repeat"], f"{kind} {body['sequence']} came twice and does not say so"
        else:
            found.append(body["sequence"])
    return found


async def test_after_eight_hours_without_broker_all_events_and_cycles_come_in_order(
    rack: Rack, store_path: Path, tmp_path: Path
) -> None:
    """What was stored while no broker answered comes as backfill, once, in order; records left out are counted.

    Faults H01, H02.
    """
    mosquitto = Broker(tmp_path)
    async with feeding(store_path, mosquitto.port, backlog_samples=300):
        rack.hours(8)
        try:
            mosquitto.start()
            with Subscriber(mosquitto.port) as reader:
                await come(lambda: len(reader.numbers("cycle")) == rack.cycles, "the cycles")
                await come(lambda: set(reader.numbers("event")) == set(stored_events(rack)), "the events")
                assert in_order(rack, reader, "event") == stored_events(rack)
                assert in_order(rack, reader, "cycle") == list(range(1, rack.cycles + 1))
                assert all(body["backfill"] for kind in ("event", "cycle") for body in reader.of(kind))
                await come(lambda: reader.numbers("sample")[-1:] == [rack.written], "the newest record")
                sent = [row["sequence"] for body in reader.of("sample") for row in body["samples"]]
                assert sent == list(range(rack.written - 299, rack.written + 1))
                assert reader.of("sample")[-1]["dropped"] == rack.written - 300
                number = rack.event("and now")
                await come(lambda: number in reader.numbers("event"), "the next event")
                assert not reader.of("event")[-1]["backfill"]
        finally:
            mosquitto.kill()


def as_consumer(rack: Rack, bodies: list[dict[str, Any]]) -> list[int]:
    """Read events as docs/mqtt.md says: what lies between a message and the one before it is asked for by number."""
    kept: list[int] = []
    for body in bodies:
        last = kept[-1] if kept else 0
        if body["sequence"] <= last:
            assert body["repeat"], f"event {body['sequence']} came twice and does not say so"
            continue
        if kept and body["previous"] != last:
            page = pages.events(rack.store, rack.run_id, EventQuery(after=last))
            kept += [event["id"] for event in page["events"] if event["id"] < body["sequence"]]
        kept.append(body["sequence"])
    return kept


async def test_killed_broker_costs_no_event_and_no_cycle(
    rack: Rack, store_path: Path, mosquitto: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer that asks by number for what a killed broker threw away has all, in order; duplicates say so.

    Faults H02.
    """
    # Real time from one try to connect to the next.
    monkeypatch.setattr("orchestrator.feed.publishing._AGAIN_S", 0.05)
    async with feeding(store_path, mosquitto.port):
        with Subscriber(mosquitto.port, f"cellrig/{RIG}/{CHANNEL}/#") as reader:
            for burst in range(2):
                for number in range(40):
                    rack.event(f"{burst} {number}")
                rack.cycle()
                await come(lambda: len(reader.numbers("event")) > burst * 40 + 10, "part of the burst")  # noqa: B023 - at once
                mosquitto.kill()
                # A reader that has not noticed yet counts as subscribed, and misses what comes before it is again.
                await come(lambda: not reader.is_subscribed, "the end of the old connection")
                rack.event("while it was dead")
                mosquitto.start()
                await come(lambda: reader.is_subscribed, "the subscription")
            newest = rack.event("again")
            await come(lambda: newest in reader.numbers("event"), "the newest event")
            assert as_consumer(rack, reader.of("event")) == [it.id for it in rack.store.events(rack.run_id)]
            rack.cycle()
            await come(lambda: reader.numbers("cycle")[-1:] == [rack.cycles], "the newest cycle")


async def test_stopped_broker_gets_everything_when_it_goes_on(
    rack: Rack,
    store_path: Path,
    mosquitto: Broker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A broker that hangs (SIGSTOP) and goes on loses no event; what it may have had before says so (faults H03)."""
    async with feeding(store_path, mosquitto.port):
        with Subscriber(mosquitto.port) as reader:
            await come(lambda: reader.numbers("event") == stored_events(rack), "the first event")
            mosquitto.send(signal.SIGSTOP)
            # How long an answer is waited for, in real time; a broker that only has no processor is given all of it.
            with monkeypatch.context() as while_stopped:
                while_stopped.setattr("orchestrator.feed.broker.ANSWER_S", 0.3)
                for number in range(25):
                    rack.event(f"{number}")
                await come(lambda: "no answer to a message" in caplog.text, "the loss of the connection")
            mosquitto.send(signal.SIGCONT)
            await come(lambda: set(reader.numbers("event")) == set(stored_events(rack)), "the events")
            newest = rack.event("more")
            await come(lambda: newest in reader.numbers("event"), "the newest event")
            assert in_order(rack, reader, "event") == stored_events(rack)


async def test_full_queue_of_the_broker_is_seen_and_made_good(rack: Rack, store_path: Path, tmp_path: Path) -> None:
    """A broker that answers for events and throws them away is found out by the number before: REST gives the rest.

    Faults H03.
    """
    with broker(tmp_path, "allow_anonymous true\nmax_queued_messages 20") as mosquitto:
        with Subscriber(mosquitto.port, f"cellrig/{RIG}/{CHANNEL}/event", "reader", clean=False) as reader:
            pass
        async with feeding(store_path, mosquitto.port):
            with Subscriber(mosquitto.port, f"cellrig/{RIG}/{CHANNEL}/event") as witness:
                numbers: list[int] = []
                # Ten at a time: the broker's short queue is for the witness too, when its thread gets no processor.
                while len(numbers) < 100:
                    numbers.extend(rack.event(f"{len(numbers)}") for _ in range(10))
                    await come(lambda: witness.numbers("event")[-1:] == numbers[-1:], "all at one who is there")
            with Subscriber(mosquitto.port, f"cellrig/{RIG}/{CHANNEL}/event", "reader", clean=False) as reader:
                await come(lambda: len(reader.numbers("event")) == 20, "what the broker kept")
                numbers.append(rack.event("the next"))
                await come(lambda: numbers[-1] in reader.numbers("event"), "the next")
                last, newest = reader.of("event")[-2:]
                assert newest["previous"] != last["sequence"]
                assert newest["missed_at"] == f"/api/v1/events?after={{last}}&channel={CHANNEL}"
                page = pages.events(rack.store, rack.run_id, EventQuery(after=last["sequence"]))
                missed = [event["id"] for event in page["events"] if event["id"] < newest["sequence"]]
                assert reader.numbers("event")[:20] + missed + [newest["sequence"]] == numbers


async def test_refusing_broker_is_asked_again(
    rack: Rack, store_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that refuses the feed is told in the log once; when it lets it in, everything comes (faults H01)."""
    with broker(tmp_path, "allow_anonymous false") as mosquitto:
        async with feeding(store_path, mosquitto.port):
            rack.event("refused")
            await come(lambda: "Not authorized" in caplog.text, "the refusal")
            mosquitto.kill()
            mosquitto.configure("allow_anonymous true")
            mosquitto.start()
            with Subscriber(mosquitto.port) as reader:
                await come(lambda: set(reader.numbers("event")) == set(stored_events(rack)), "the events")


async def test_records_are_bundled_once_a_second_a_channel(rack: Rack, store_path: Path, mosquitto: Broker) -> None:
    """Records that are committed twenty times a second come in one message a second, whole and in order."""
    async with feeding(store_path, mosquitto.port):
        with Subscriber(mosquitto.port, f"cellrig/{RIG}/+/sample") as reader:
            begun_s = asyncio.get_running_loop().time()
            for _ in range(30):
                rack.record(2)
                await asyncio.sleep(0.05)
            await come(lambda: reader.numbers("sample")[-1:] == [rack.written], "the newest record")
            assert [row["sequence"] for body in reader.of("sample") for row in body["samples"]] == list(range(1, 61))
            # The first at once, then one for each whole second, which on a busy machine are more than the 1.5 s.
            assert len(reader.got) <= 1 + (asyncio.get_running_loop().time() - begun_s)
            previous = [body["previous"] for body in reader.of("sample")]
            assert previous == [None, *reader.numbers("sample")[:-1]]


async def test_cycle_that_is_stored_anew_comes_again_and_says_so(
    rack: Rack, store_path: Path, mosquitto: Broker
) -> None:
    """A half-cycle that got its other half is published again as revised; the next one follows it."""
    async with feeding(store_path, mosquitto.port):
        with Subscriber(mosquitto.port, f"cellrig/{RIG}/+/cycle") as reader:
            rack.record(1)
            rack.cycle(is_half=True)
            await come(lambda: reader.numbers("cycle") == [1], "the half")
            rack.store.add_cycles(rack.test, [made_cycle(1)])
            rack.cycle()
            await come(lambda: reader.numbers("cycle") == [1, 1, 2], "the whole, and the next")
            assert [body["revised"] for body in reader.of("cycle")] == [False, True, False]
            assert [body["previous"] for body in reader.of("cycle")] == [None, None, 1]
            assert reader.of("cycle")[1]["coulombic_efficiency"] == 0.99
