"""The MQTT feed as a user has it: a process of the service, before a real broker, read by programs of others."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.bench.serving import ensure_simulated_rack
from orchestrator.rack.lock import owner_of
from orchestrator.store import open_store
from tests import forked_program
from tests.broker import Broker, Subscriber, broker, until
from tests.command_line import cellrig

pytestmark = [
    pytest.mark.needs("mosquitto", "mosquitto_sub", "ps"),
    pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does"),
    # The rack outlives who started it.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
RIG, KEEP_ALIVE_S = "lab-3", 2


class Served:
    """A service with a feed: its parent, and the feed that lives now."""

    def __init__(self, folder: Path, port: int) -> None:
        self.store = folder / "cellrig.db"
        _, said = ensure_simulated_rack(self.store, 60.0)
        found = re.search(r"process (\d+)", said)
        assert found is not None
        self.rack = int(found[1])
        bench = folder / "bench.toml"
        mqtt = f'[mqtt]\nport = {port}\nrig = "{RIG}"\nkeep_alive_s = {KEEP_ALIVE_S}\nhome_assistant = true\n'
        bench.write_text((folder / "cellrig.db.simulated.toml").read_text("utf-8") + mqtt, "utf-8")
        self.log = folder / "log"
        arguments = ["serve", "--bench", str(bench), "--store", str(self.store), "--port", "0"]
        self.process = forked_program.start(arguments, folder / "shown", self.log)
        self._shown = (folder / "shown").open(encoding="utf-8")
        assert any(line.startswith("http://") for line in self._shown)

    def feed(self) -> int:
        """Return the process of the feed: the newest child that is not control."""
        owner = owner_of(self.store)
        assert owner is not None
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], check=True, capture_output=True, text=True
        )
        return max({int(word) for word in listed.stdout.split()} - {owner.pid})

    def end_in_order(self) -> None:
        """End the service as a user does."""
        if self.process.pid is not None and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.join(30)

    def close(self) -> None:
        """End what still lives, the rack too."""
        self.end_in_order()
        self._shown.close()
        os.kill(self.rack, signal.SIGKILL)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    """Give a broker that runs."""
    with broker(tmp_path) as made:
        yield made


@pytest.fixture
def served(tmp_path: Path, mosquitto: Broker) -> Iterator[Served]:
    """Give a service whose feed publishes to the broker."""
    made = Served(tmp_path, mosquitto.port)
    try:
        yield made
    finally:
        made.close()


def test_feed_of_a_service_tells_what_is_and_nothing_commands_it(served: Served, mosquitto: Broker) -> None:
    """States, discovery, a run's records and events; forged commands change nothing; the will after SIGKILL.

    A feed that is stopped (SIGSTOP) is stale within one and a half keep-alives; one that ends in order says so.

    Faults H04, H05.
    """
    with Subscriber(mosquitto.port) as reader:

        def status() -> dict[str, object]:
            return reader.of("status")[-1] if reader.of("status") else {}

        until(lambda: status().get("control_answers"), "the first heartbeat")
        until(lambda: len({body["channel"] for body in reader.of("state")}) == 8, "the state of each channel")
        until(lambda: any(it.topic.startswith("homeassistant/sensor/") for it in reader.got), "discovery")
        for topic in ("command", "21-1-3/stop", "21-1-3/set", "21-1-3/event", "event"):
            reader.publish(f"cellrig/{RIG}/{topic}", '{"stop": "21-1-3", "by": "mallory"}')
        reader.publish("homeassistant/status", "online")
        order = ("run", "li-li-0.2", "--cell", "coated-li-li", "--channel", "21-1-3", "--by", "ada")
        assert cellrig(*order, "--store", served.store).returncode == 0
        until(lambda: reader.of("sample"), "records")
        until(lambda: any(body.get("state") == "running" for body in reader.of("state")), "the state of the run")
        # A program that nobody here wrote reads what is retained.
        topic = f"cellrig/{RIG}/21-1-3/state"
        outside = subprocess.run(
            ["mosquitto_sub", "-p", str(mosquitto.port), "-t", topic, "-C", "1", "-W", "10"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert json.loads(outside.stdout)["run_id"] == "R000001"

        before = served.feed()
        session = status()["session"]
        os.kill(before, signal.SIGKILL)
        until(lambda: not status()["online"], "the last will")
        assert status()["session"] == session
        until(lambda: status()["online"], "the next life")
        assert status()["session"] != session

        os.kill(served.feed(), signal.SIGSTOP)
        stopped_unix_s = time.time()
        # The broker's word comes when it next looks for silent clients; what it has retained is stale before.
        valid = [body["valid_until_unix_s"] for body in reader.of("state") + reader.of("status")]
        assert max(valid) <= stopped_unix_s + 1.5 * KEEP_ALIVE_S
        os.kill(served.feed(), signal.SIGCONT)
        until(lambda: reader.of("status")[-1]["sent_unix_s"] > stopped_unix_s, "the feed goes on")
        served.end_in_order()
        until(lambda: status().get("reason") == "the service was ended in order", "its last word")
    with open_store(served.store, read_only=True) as store:
        messages = [event.message for event in store.events()]
        assert not [message for message in messages if "mallory" in message or "stop ordered" in message]
        told = [body["sequence"] for body in reader.of("event") if "sequence" in body]
        missing = {event.id for event in store.events()} - set(told)
        # What is stored after the feed has ended is sent by the next one.
        assert all(event.id > max(told) for event in store.events() if event.id in missing)
