"""One end of the benchmark of the MQTT feed, as a process, until stdin ends; it then prints its CPU time in seconds.

``python -m benchmarks.feed_process feed STORE PORT`` is the feed of a store, without any control.
``python -m benchmarks.feed_process bare MESSAGES PORT`` publishes by aiomqtt alone what a file has: a line of JSON with
the time from the beginning, the topic and the payload for each message. It prints when it began.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from pathlib import Path

import aiomqtt

from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.feed.plan import FeedPlan
from orchestrator.feed.publishing import Feed
from orchestrator.web.control_link import ControlLink
from orchestrator.web.live_fan import LiveFan


async def feed(store: Path, port: int) -> None:
    """Be the feed until stdin ends."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, over.set)
    link = ControlLink("x" * 43)
    made = Feed(FeedPlan(MqttSettings(port=port, rig="bench"), store, ""), link, LiveFan(link), over)
    print("feeding", flush=True)
    await made.run()
    made.close()


async def bare(messages: Path, port: int) -> None:
    """Publish what the file has, each message at its time."""
    text = await asyncio.to_thread(messages.read_text, "utf-8")
    planned = [json.loads(line) for line in text.splitlines()]
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    async with aiomqtt.Client("127.0.0.1", port, socket_options=options) as client:
        began_s, began_unix_s = time.monotonic(), time.time()
        print(began_unix_s, flush=True)
        for due_s, topic, payload in planned:
            if (early_s := began_s + due_s - time.monotonic()) > 0:
                await asyncio.sleep(early_s)
            await client.publish(topic, payload, 0)
    while os.read(0, 4096):
        pass


if __name__ == "__main__":
    # Without the import of the libraries.
    begun_s = time.process_time()
    asyncio.run({"feed": feed, "bare": bare}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3])))
    print(time.process_time() - begun_s, flush=True)
