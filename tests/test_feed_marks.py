"""What the MQTT feed sends and what it keeps of that, without a broker: outboxes, marks, schemas, settings."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from drivers.errors import SettingsError
from orchestrator.api.models.mqtt import MessageKind, mqtt_schema
from orchestrator.bench.mqtt_settings import MqttSettings, mqtt_in, named, with_broker
from orchestrator.events import EventKind
from orchestrator.feed.broker_report import TOLD_AFTER_S, BrokerReport
from orchestrator.feed.discovery import Discovery
from orchestrator.feed.live_samples import LiveSamples
from orchestrator.feed.marks import Marks
from orchestrator.feed.messages import MOST_BYTES, Topics, as_json
from orchestrator.feed.outbox import CYCLES, SPECTRA, EventOutbox, RowOutbox
from orchestrator.store import MeasurementRow, SpectrumPoint, open_store
from orchestrator.store.companion_files import mqtt_marks_path
from tests.api_client import Client
from tests.feed_rig import CHANNEL, Rack, open_rack

ROOT = Path(__file__).resolve().parent.parent
TOPICS = Topics("lab-3", "5b1f0c4e9a7d")


@pytest.fixture
def rack(store_path: Path) -> Iterator[Rack]:
    """Give a store with a run that is under way."""
    made = open_rack(store_path)
    with made.store:
        yield made


@pytest.fixture
def marks(store_path: Path) -> Iterator[Marks]:
    """Give the marks of a feed that has sent nothing yet."""
    opened = Marks(mqtt_marks_path(store_path))
    yield opened
    opened.close()


def events_of(rack: Rack, marks: Marks) -> EventOutbox:
    """Give the events that a life of the feed has before it."""
    return EventOutbox(lambda: rack.store, marks, TOPICS)


def told(messages: list[Any]) -> list[tuple[int, bool]]:
    """Return number and repeat of each message."""
    bodies = [json.loads(message.payload) for message in messages]
    return [(body["sequence"], body["repeat"]) for body in bodies]


@pytest.mark.parametrize("kind", MessageKind, ids=str)
def test_published_schema_is_that_of_the_code(kind: MessageKind) -> None:
    """The file under docs/mqtt is the schema of the messages of today; make it anew after a change."""
    file = ROOT / "docs" / "mqtt" / f"{kind.value}.schema.json"
    assert json.loads(file.read_text("utf-8")) == mqtt_schema(kind)


async def test_service_gives_the_schemas(client: Client) -> None:
    """All at one address, each at its own; another kind there is not."""
    all_of_them = await client.get("/mqtt/schemas")
    assert all_of_them == {kind.value: mqtt_schema(kind) for kind in MessageKind}
    assert await client.get("/mqtt/schemas/event") == mqtt_schema(MessageKind.EVENT)
    assert "kind" in (await client.get("/mqtt/schemas/command", 422))["error"]


def test_events_of_unknown_fate_say_that_they_are_repeated(rack: Rack, marks: Marks) -> None:
    """Killed between sending and the answer, the next life sends the same again and says so; others do not."""
    first = events_of(rack, marks)
    numbers = [rack.event(f"{number}") for number in range(4)]
    batch = first.pending(3)
    first.trying(batch)
    first.answered(batch[:1])
    pending = [message for _, message in events_of(rack, marks).pending(10)]
    assert told(pending) == [(numbers[0], True), (numbers[1], True), (numbers[2], False), (numbers[3], False)]


def test_new_feed_begins_at_the_start_of_the_service(rack: Rack, marks: Marks) -> None:
    """What was stored before the first start with a broker is not sent; what that start has stored is."""
    (event, _), *_ = events_of(rack, marks).pending(10)
    assert event.kind == "service started"


def test_store_from_a_backup_goes_on_where_it_went_back_to(rack: Rack, marks: Marks, tmp_path: Path) -> None:
    """Events that a store put back from a backup numbers anew are sent; the ones before them are not."""
    outbox = events_of(rack, marks)
    for number in range(5):
        rack.event(f"{number}", at_unix_s=4e9 + number)
    outbox.answered(outbox.pending(10))
    with open_rack(tmp_path / "back.sqlite").store as back:
        back.add_event(None, EventKind.COMMAND, "after the backup", 5e9)
        pending = EventOutbox(lambda: back, marks, TOPICS).pending(10)
        assert [event.sentence for event, _ in pending] == ["after the backup"]


def test_long_event_is_sent_without_its_data(rack: Rack, marks: Marks) -> None:
    """A message never exceeds the bound: the data of such an event are asked for by REST."""
    outbox = events_of(rack, marks)
    rack.store.add_event(rack.run_id, EventKind.COMMAND, "long", 1.0, json.dumps({"text": "x" * MOST_BYTES}))
    body = json.loads(outbox.pending(10)[-1][1].payload)
    assert (body["data"], body["data_omitted"]) == (None, True)


def test_damaged_marks_are_set_aside(store_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file of marks that is none is kept under another name, said, and the feed begins anew."""
    path = mqtt_marks_path(store_path)
    path.write_bytes(b"no database" * 1000)
    marks = Marks(path)
    assert marks.events() is None
    marks.close()
    assert path.with_name(f"{path.name}.damaged").is_file()
    assert "begins anew" in caplog.text


def test_file_that_takes_nothing_ends_no_feed(rack: Rack, marks: Marks, caplog: pytest.LogCaptureFixture) -> None:
    """F01: on a full disk events and cycles go on to be sent, each once; it is logged once, and notes work again."""
    events, cycles = events_of(rack, marks), RowOutbox(CYCLES, lambda: rack.store, marks, TOPICS, is_new=True)
    kinds = ("event_mark", "row_mark", "sample_mark")
    with closing(sqlite3.connect(mqtt_marks_path(rack.store.path), isolation_level=None)) as disk:
        for table in kinds:
            refuse = f"CREATE TRIGGER full_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'full'); END"
            disk.execute(refuse).close()
        for _ in range(2):
            rack.event("told")
            rack.cycle()
            pending, rows = events.pending(10), cycles.pending([rack.run_id], 10)
            events.trying(pending)
            cycles.trying(rows)
            events.answered(pending)
            cycles.answered(rows)
            marks.note_samples({1: 7})
        assert not events.pending(10)
        assert not cycles.pending([rack.run_id], 10)
        assert (marks.rows("cycle"), marks.samples()) == ({}, {})
        assert caplog.text.count("sent all the same") == 1
        for table in kinds:
            disk.execute(f"DROP TRIGGER full_{table}").close()
    marks.note_samples({1: 7})
    assert marks.samples() == {1: 7}


async def test_broker_that_is_away_for_a_minute_is_told_once_and_so_is_its_return() -> None:
    """H01: a restart of the broker is told to nobody; what control could not store is tried at the next occasion."""
    told: list[tuple[EventKind, str]] = []
    answers = [False, True, True]

    async def stored(kind: EventKind, sentence: str) -> bool:
        told.append((kind, sentence))
        return answers.pop(0)

    report = BrokerReport(stored, "broker.lab.example:8883")
    await report.back()
    await report.lost("refused")
    await asyncio.sleep(TOLD_AFTER_S - 1)
    await report.back()
    for _ in range(5):
        await report.lost("refused")
        await asyncio.sleep(30)
    await report.back()
    await report.back()
    assert [kind for kind, _ in told] == [EventKind.BROKER_LOST, EventKind.BROKER_LOST, EventKind.BROKER_BACK]
    assert "broker.lab.example:8883 cannot be reached (refused)" in told[0][1]
    assert "is back after 2 min 30 s" in told[2][1]


def test_client_id_is_the_same_in_all_lives(store_path: Path) -> None:
    """The random part is made once: the next life takes over the connection that a broker still believes in."""
    ids = set()
    for _ in range(2):
        marks = Marks(mqtt_marks_path(store_path))
        ids.add(marks.client_id())
        marks.close()
    assert len(ids) == 1


def test_cycles_of_unknown_fate_say_that_they_are_repeated(rack: Rack, marks: Marks) -> None:
    """After a kill the cycles that were not answered come again, marked, and those behind them unmarked."""
    first = RowOutbox(CYCLES, lambda: rack.store, marks, TOPICS, is_new=True)
    for _ in range(3):
        rack.cycle()
    batch = first.pending([rack.run_id], 2)
    first.trying(batch)
    first.answered(batch[:1])
    again = RowOutbox(CYCLES, lambda: rack.store, marks, TOPICS, is_new=False)
    assert again.behind() == [rack.run_id]
    assert told([row.message for row in again.pending([rack.run_id], 10)]) == [(2, True), (3, False)]


def test_spectrum_is_sent_whole_by_its_schema(rack: Rack, marks: Marks) -> None:
    """A measurement with a spectrum is one message with all of its points, whose gap is asked for by its test."""
    outbox = RowOutbox(SPECTRA, lambda: rack.store, marks, TOPICS, is_new=True)
    row = MeasurementRow(rack.test, "eis", "job", None, 0.01, None, 10, 0.01, 0.002, 60.0, 1.0, 2.0, "[]")
    rack.store.add_measurement(row)
    assert outbox.pending(outbox.everything(), 10) == []
    rack.store.add_spectrum(rack.test, [SpectrumPoint(1, 1e5, 12.0, -1.0), SpectrumPoint(2, 1e4, 13.0, -2.0)])
    (sent,) = outbox.pending(outbox.behind(), 10)
    body = json.loads(sent.message.payload)
    jsonschema_rs.validator_for(mqtt_schema(MessageKind.SPECTRUM) | {"additionalProperties": False}).validate(body)
    assert [point["z_real_ohm"] for point in body["points"]] == [12.0, 13.0]
    assert body["simulated"] is None
    assert sent.message.topic == f"cellrig/lab-3/{CHANNEL}/spectrum"


@pytest.mark.parametrize("simulated", [True, False, None])
async def test_messages_of_a_simulated_run_say_so(store_path: Path, marks: Marks, simulated: bool | None) -> None:
    """Events, cycles and records of a run carry its mark as its state does; what is the rig's own has none."""
    rack = open_rack(store_path, simulated=simulated)
    with rack.store:
        events = events_of(rack, marks)
        cycles = RowOutbox(CYCLES, lambda: rack.store, marks, TOPICS, is_new=True)
        rack.event("of the run")
        rack.cycle()
        rack.record(1)
        live = LiveSamples(lambda: rack.store, marks, TOPICS, 600, is_new=False)
        (started, _), *_ = pending = events.pending(10)
        assert started.run_id is None
        sent = [message for _, message in pending] + [row.message for row in cycles.pending([rack.run_id], 10)]
        bodies = [json.loads(message.payload) for message in (*sent, *(it.message for it in live.due(0.0)))]
    assert [body["simulated"] for body in bodies] == [None, simulated, simulated, simulated]


async def test_records_since_the_last_answer_are_sent_again(rack: Rack, marks: Marks) -> None:
    """What left without any later answer of the broker is sent again over the next connection, and marked."""
    live = LiveSamples(lambda: rack.store, marks, TOPICS, 600, is_new=False)
    rack.record(5)
    live.look_for_tests(0.0)
    (bundle,) = live.due(0.0)
    live.note_sent(bundle, 0.0)
    live.confirm(live.left_by_now())
    rack.record(5)
    assert list(live.due(0.9)) == []
    (bundle,) = live.due(1.0)
    live.note_sent(bundle, 1.0)
    rack.record(2)
    live.begin_connection(1.1)
    (again,) = live.due(2.0)
    body = json.loads(again.message.payload)
    assert [row["sequence"] for row in body["samples"]] == [6, 7, 8, 9, 10, 11, 12]
    assert (body["previous"], body["backfill"], body["repeat"]) == (5, True, True)


def test_what_is_no_number_is_null() -> None:
    """JSON has no word for NaN, and one such value must not end the feed."""
    assert as_json({"a": float("nan"), "b": [float("inf"), 1.0]}) == b'{"a":null,"b":[null,1.0]}'


def test_home_assistant_is_told_of_nothing_to_press() -> None:
    """Every entity is a sensor with keys that Home Assistant knows and no command; each id stands for one of them."""
    known = {"name", "unique_id", "state_topic", "value_template", "device_class", "state_class", "options",
             "unit_of_measurement", "suggested_display_precision", "expire_after", "availability", "device",
             "origin"}  # fmt: skip
    messages = Discovery(TOPICS, "homeassistant", 10, "0.1.0").messages(["21-1-1", "21-1-2"])
    configs = [json.loads(message.payload) for message in messages]
    assert {message.topic.split("/")[1] for message in messages} == {"sensor", "binary_sensor"}
    assert all(message.retain and message.topic.endswith("/config") for message in messages)
    assert {key for config in configs for key in config} <= known
    assert len({config["unique_id"] for config in configs}) == len(configs) == 1 + 2 * 10
    read = {key for kind in (MessageKind.STATE, MessageKind.SAMPLE, MessageKind.STATUS)
            for key in mqtt_schema(kind)["properties"]}  # fmt: skip
    for config in configs:
        assert config["value_template"].partition("value_json.")[2].split()[0].split("[")[0] in read


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"host": "broker.lab.example"}, "unencrypted = true"),
        ({"password_file": "/etc/pw"}, "needs a user"),
        ({"user": "a", "password_file": "/etc/pw", "password_env": "PW"}, "say one of them"),
        ({"tls": True, "client_certificate": "/c.pem"}, "needs its key"),
        ({"ca_certificate": "/ca.pem"}, "say tls = true"),
        ({"rig": "a/b"}, "rig"),
        ({"pasword": "hunter2"}, "pasword"),
    ],
)
def test_wrong_settings_are_refused_in_words(table: dict[str, Any], words: str) -> None:
    """A broker elsewhere without TLS, a password without a user, half a certificate, a topic's separator in a name."""
    with pytest.raises(ValidationError, match=words):
        mqtt_in({"mqtt": table})


def test_broker_of_the_command_line_takes_the_place_of_the_files() -> None:
    """--mqtt changes host and port, and nothing else; an address that is none is refused."""
    settings = with_broker(MqttSettings(rig="lab-3", keep_alive_s=5), "localhost:1884")
    assert (settings.host, settings.broker_port, settings.rig, settings.keep_alive_s) == ("localhost", 1884, "lab-3", 5)
    assert named(settings, "rack-1").rig == "lab-3"
    assert named(with_broker(None, "localhost"), "rack 1").rig_name == "rack-1"
    assert with_broker(None, "[::1]:1885").broker_port == 1885
    assert with_broker(None, "127.0.0.1").broker_port == 1883
    for wrong in ("127.0.0.1:x", ":1883", "10.0.0.9:1883"):
        with pytest.raises(SettingsError, match="--mqtt"):
            with_broker(None, wrong)


def test_password_is_read_where_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file without its line end, or from the environment; one that is not there is said."""
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    assert MqttSettings(user="a", password_file=file).password() == "hunter2"
    named = MqttSettings(user="a", password_env="CELLRIG_MQTT")  # noqa: S106 - a name
    with pytest.raises(SettingsError, match="CELLRIG_MQTT"):
        named.password()
    monkeypatch.setenv("CELLRIG_MQTT", "hunter3")
    assert named.password() == "hunter3"


def test_store_is_not_changed_by_the_feed(rack: Rack, marks: Marks, store_path: Path) -> None:
    """A feed needs no right to write into the store: it reads one that is opened for reading."""
    with open_store(store_path, read_only=True) as reading:
        outbox = EventOutbox(lambda: reading, marks, TOPICS)
        outbox.answered(outbox.pending(10))
    assert [event.id for event in rack.store.events()] == [1]
