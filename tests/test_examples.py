"""The files under examples/ as the programs read them for which they are: mosquitto, Grafana, Home Assistant."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from orchestrator.api.models.mqtt import MessageKind
from orchestrator.feed.discovery import Discovery
from orchestrator.feed.messages import Topics
from tests.broker import Broker, Subscriber, until
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
EXAMPLES, SCHEMAS = ROOT / "examples", ROOT / "docs" / "mqtt"
TOPICS = Topics("lab-3", "a session")
CHANNEL = "21-1-3"
USERS = ("cellrig-lab-3", "viewer", "homeassistant")
# What Home Assistant allows of a device class (its documentation: "Sensor", "Binary sensor"): units, or None for none.
SENSOR_UNITS: dict[str | None, set[str | None]] = {
    "enum": {None},
    "voltage": {"V", "mV", "µV"},
    "current": {"A", "mA"},
    "duration": {"d", "h", "min", "s", "ms"},
    None: {None, "Ah"},
}
BINARY_CLASSES = {"connectivity", "problem"}


def fields_of(topic: str) -> dict[str, Any]:
    """Give the fields of the messages on a topic, by the schema that is published under docs/."""
    kinds = {TOPICS.of(kind, None if kind is MessageKind.STATUS else CHANNEL): kind for kind in MessageKind}
    schema = json.loads((SCHEMAS / f"{kinds[topic].value}.schema.json").read_text("utf-8"))
    fields: dict[str, Any] = schema["properties"]
    return fields


def test_grafana_board_reads_topics_and_fields_that_the_feed_has() -> None:
    """Each panel's topic is one of the feed's, each field that it shows is in the schema of that topic's messages."""
    board = json.loads((EXAMPLES / "grafana" / "cellrig-mqtt.json").read_text("utf-8"))
    given = {variable["name"] for variable in board["templating"]["list"]}
    assert set(re.findall(r"\$\{(\w+)\}", json.dumps(board))) == given
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        (target,) = panel["targets"]
        assert (
            panel["datasource"] == target["datasource"] == {"type": "grafana-mqtt-datasource", "uid": "${datasource}"}
        )
        there = fields_of(target["topic"].replace("${rig}", "lab-3").replace("${channel}", CHANNEL))
        shown, renamed = panel["transformations"]
        names = set(shown["options"]["include"]["names"])
        assert "Time" in names, panel["title"]
        assert names - {"Time"} <= set(there), panel["title"]
        assert set(renamed["options"]["renameByName"]) <= names, panel["title"]
        assert (panel["type"] != "timeseries") or all(_is_number(there[name]) for name in names - {"Time"})


def _is_number(field: dict[str, Any]) -> bool:
    kinds = {it.get("type") for it in field.get("anyOf", [field])}
    return "number" in kinds or "integer" in kinds


def test_home_assistant_gets_templates_of_fields_and_units_that_it_allows() -> None:
    """Every value that a template reads is in the schema of the topic it is read from; device class and unit agree."""
    for message in Discovery(TOPICS, "homeassistant", 10, "0.1.0").messages([CHANNEL]):
        config = json.loads(message.payload)
        read_from = [(config["state_topic"], config["value_template"])]
        read_from += [(it["topic"], it["value_template"]) for it in config.get("availability", ())]
        for topic, template in read_from:
            names = set(re.findall(r"value_json\.(\w+)", template))
            assert names
            assert names <= set(fields_of(topic)), message.topic
        kind, unit = config.get("device_class"), config.get("unit_of_measurement")
        if message.topic.split("/")[1] == "binary_sensor":
            assert (kind in BINARY_CLASSES, unit, "state_class" in config) == (True, None, False), message.topic
        else:
            assert unit in SENSOR_UNITS[kind], message.topic
            # Numbers are drawn over time; what has options, or no number in its schema, must not claim to be one.
            name = message.topic.split("/")[3]
            is_counted = "state_class" in config
            assert not is_counted or (_is_number(fields_of(config["state_topic"])[name]) and kind != "enum")
        if kind == "enum":
            states = json.loads((SCHEMAS / "state.schema.json").read_text("utf-8"))["$defs"]["RunState"]["enum"]
            assert set(config["options"]) == {"none", *states}


class Client:
    """A client of version 5 of the protocol, whose broker says of each message whether it was allowed."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._codes: dict[int, str] = {}
        self.refused: list[str] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.username_pw_set(user, password)
        self._client.on_publish = self._note
        self._client.on_connect = lambda *words: self.refused.append(str(words[3]))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        until(lambda: self.refused, "the broker's answer")

    def said(self, topic: str, *, retain: bool = False) -> str:
        """Publish something, and give what the broker says to it."""
        number = self._client.publish(topic, '{"by": "mallory"}', qos=1, retain=retain).mid
        until(lambda: number in self._codes, f"the broker's answer to {topic}")
        return self._codes[number]

    def close(self) -> None:
        """Go away."""
        self._client.disconnect()
        self._client.loop_stop()

    def _note(self, _: object, __: object, number: int, code: ReasonCode, ___: Properties) -> None:
        self._codes[number] = str(code)


def started(folder: Path) -> Broker:
    """Start mosquitto with the example's configuration and access list, in a folder of this test."""
    made = Broker(folder, "")
    text = (EXAMPLES / "mosquitto" / "mosquitto.conf").read_text("utf-8")
    (folder / "access-list").write_text((EXAMPLES / "mosquitto" / "access-list").read_text("utf-8"), "utf-8")
    for place in ("/etc/mosquitto/certs", "/etc/mosquitto", "/var/lib/mosquitto"):
        text = text.replace(place, str(folder))
    text = text.replace("listener 1883 127.0.0.1", f"listener {made.port} 127.0.0.1")
    text = text.replace("listener 8883", f"listener {free_port()} 127.0.0.1")
    (folder / "mosquitto.conf").write_text(f"user root\n{text}", "utf-8")
    for number, user in enumerate(USERS):
        new = ["-c"] if number == 0 else []
        subprocess.run(["mosquitto_passwd", *new, "-b", str(folder / "passwords"), user, user], check=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=broker"]
    where = ["-keyout", str(folder / "broker.key"), "-out", str(folder / "broker.pem")]
    subprocess.run(["openssl", "req", "-x509", *key, *where], check=True, capture_output=True)
    return made.start()


@pytest.mark.needs("mosquitto", "mosquitto_passwd", "openssl")
def test_mosquitto_with_the_examples_lets_only_the_rig_write_under_its_name(tmp_path: Path) -> None:
    """Whatever the feed sends is taken; displays, Home Assistant and another rig's name are refused, nobody gets it.

    The configuration is the example's own, with its places and ports in a folder of this test.
    """
    broker = started(tmp_path)
    clients: list[Client] = []
    try:
        with Subscriber(broker.port, "cellrig/#", user="viewer") as display:
            rig, viewer, home = clients = [Client(broker.port, user, user) for user in USERS]
            sent = [TOPICS.of(kind, None if kind is MessageKind.STATUS else CHANNEL) for kind in MessageKind]
            sent += [message.topic for message in Discovery(TOPICS, "homeassistant", 10, "0").messages([CHANNEL])]
            assert {rig.said(topic) for topic in sent} <= {"Success", "No matching subscribers"}
            forged = TOPICS.of(MessageKind.STATE, CHANNEL)
            for client, topic in (
                (viewer, forged),
                (viewer, "homeassistant/sensor/a/b/config"),
                (home, forged),
                (rig, "cellrig/lab-4/status"),
                (rig, "homeassistant/status"),
            ):
                assert client.said(topic, retain=True) == "Not authorized", topic
            assert home.said("homeassistant/status") in {"Success", "No matching subscribers"}
            rig.said(TOPICS.of(MessageKind.EVENT, CHANNEL))
            until(
                lambda: [it.topic for it in display.got].count(TOPICS.of(MessageKind.EVENT, CHANNEL)) == 2, "the last"
            )
            assert [it.topic for it in display.got].count(forged) == 1
        # A rig takes no orders from here: it reads nothing.
        with Subscriber(broker.port, "cellrig/#", user="cellrig-lab-3") as reads:
            rig.said(forged, retain=True)
            with Subscriber(broker.port, "cellrig/#", user="viewer") as display:
                until(lambda: display.got, "what is retained")
            assert reads.got == []
        for user, password in (("viewer", "wrong"), ("", "")):
            clients.append(Client(broker.port, user, password))
            assert clients[-1].refused[0] == "Not authorized"
    finally:
        for client in clients:
            client.close()
        broker.kill()
