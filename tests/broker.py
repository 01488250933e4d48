"""A real mosquitto for tests, and a subscriber that notes what it gets, as a stranger would read the feed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import jsonschema_rs
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from orchestrator.api.models.mqtt import MessageKind, mqtt_schema
from tests.ports import free_port

PATIENCE_S = 30.0
# Of each kind of message; strict: a field that the schema does not name is a fault here.
_SCHEMAS = {
    kind.value: jsonschema_rs.validator_for(mqtt_schema(kind) | {"additionalProperties": False}) for kind in MessageKind
}


def until(condition: Callable[[], object], what: str) -> None:
    """Wait in real time until something holds: the other end is another process."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what} did not come true in {PATIENCE_S:.0f} s"
        time.sleep(0.01)


class Broker:
    """A mosquitto at one port, which may be killed, stopped and started again."""

    def __init__(self, folder: Path, more: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._folder, self._process = folder, None
        self.configure(more)

    _process: subprocess.Popen[bytes] | None

    def configure(self, more: str) -> None:
        """Write the configuration for the next start."""
        # Started by root it would take another user, who may not read a test's folder.
        text = f"user root\nlistener {self.port} 127.0.0.1\nset_tcp_nodelay true\n{more}\n"
        (self._folder / "mosquitto.conf").write_text(text)

    def start(self) -> Self:
        """Start it, and wait until it listens."""
        command = ["mosquitto", "-c", str(self._folder / "mosquitto.conf")]
        log = (self._folder / "mosquitto.log").open("ab")
        with log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        until(self._listens, "mosquitto listens")
        return self

    def kill(self) -> None:
        """Kill it, with all that it keeps in memory."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def send(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        if self._process is not None:
            os.kill(self._process.pid, number)

    def _listens(self) -> bool:
        with closing(socket.socket()) as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def broker(folder: Path, more: str = "allow_anonymous true") -> Iterator[Broker]:
    """Give a broker that runs, and kill it afterwards."""
    made = Broker(folder, more).start()
    try:
        yield made
    finally:
        made.kill()


@dataclass(frozen=True, slots=True)
class Got:
    """A message as a subscriber got it."""

    topic: str
    body: dict[str, Any]
    retained: bool
    at_s: float


class Subscriber:
    """A paho client that connects again by itself, and subscribes each time; it checks messages by their schema."""

    def __init__(self, port: int, topic: str = "#", client_id: str = "", *, clean: bool = True, user: str = "") -> None:
        self.got: list[Got] = []
        self.faults: list[str] = []
        self.is_subscribed = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = self._subscribed
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._note
        self._client.reconnect_delay_set(0.1, 0.1)  # type: ignore[arg-type]  # it takes fractions of a second, too
        if user:
            self._client.username_pw_set(user, user)
        self._port = port

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        until(lambda: self.is_subscribed, "the subscription")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        assert self.faults == []

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a kind, in the order in which they came."""
        return [it.body for it in list(self.got) if it.topic.startswith("cellrig/") and it.topic.endswith(f"/{kind}")]

    def numbers(self, kind: str) -> list[int]:
        """Return the sequence numbers of the messages of a kind."""
        return [it["sequence"] for it in self.of(kind)]

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish something, as anybody can whom the broker lets."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def _subscribed(self, *_: object) -> None:
        self.is_subscribed = True

    def _disconnected(self, *_: object) -> None:
        self.is_subscribed = False

    def _note(self, client: object, data: object, message: paho.MQTTMessage) -> None:
        del client, data
        try:
            body = json.loads(message.payload) if message.payload else {}
        except ValueError:
            body = {"text": message.payload.decode(errors="replace")}
        kind = message.topic.rpartition("/")[2]
        if message.topic.startswith("cellrig/") and "schema_version" in body:
            self.faults += [f"{message.topic}: {error}" for error in _SCHEMAS[kind].iter_errors(body)]
        self.got.append(Got(message.topic, body, message.retain, time.monotonic()))
