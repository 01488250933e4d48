"""The MQTT feed over a slow wire, and over TLS with a client's certificate."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.broker import Subscriber, broker, until
from tests.feed_rig import come, feeding, open_rack

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.real_time]

_CHUNK = 512


@asynccontextmanager
async def slow_wire(port: int, bytes_per_s: float) -> AsyncIterator[int]:
    """Give a port behind which a broker is reached so slowly."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause_s: float) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await asyncio.sleep(pause_s)
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, forth, _CHUNK / bytes_per_s), pass_on(back, writer, 0))

    # Little is buffered: what does not get through is felt at once.
    async with await asyncio.start_server(serve, "127.0.0.1", 0, limit=_CHUNK) as server:
        yield server.sockets[0].getsockname()[1]


async def test_slow_broker_gets_all_events_and_the_newest_records(store_path: Path, tmp_path: Path) -> None:
    """Over 20 kB/s every event and cycle comes in order; records that find no room are left out and counted."""
    rack = open_rack(store_path)
    with rack.store, broker(tmp_path) as mosquitto, Subscriber(mosquitto.port) as reader:
        async with slow_wire(mosquitto.port, 20_000) as port, feeding(store_path, port, backlog_samples=50):
            await come(lambda: reader.numbers("event"), "the first event")
            numbers = [rack.event(f"{number}") for number in range(40)]
            rack.record(2000)
            rack.cycle()
            await come(lambda: reader.numbers("event")[-1] == numbers[-1], "the newest event")
            await come(lambda: reader.numbers("cycle") == [1], "the cycle")
            await come(lambda: reader.numbers("sample")[-1:] == [rack.written], "the newest record")
            assert reader.numbers("event") == [1, *numbers]
            sent = [row["sequence"] for body in reader.of("sample") for row in body["samples"]]
            assert sent == list(range(1951, 2001))
            assert reader.of("sample")[-1]["dropped"] == 1950


def made_certificates(folder: Path) -> None:
    """Make an authority, and certificates of a broker at 127.0.0.1 and of a client that it has signed."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority = ["-CA", "ca.pem", "-CAkey", "ca.key"]
    for name, more in (
        ("ca", ["-addext", "keyUsage=critical,keyCertSign"]),
        ("broker", [*authority, "-addext", "subjectAltName=IP:127.0.0.1"]),
        ("client", authority),
    ):
        command = ["openssl", "req", "-x509", *key, "-subj", f"/CN=cellrig-{name}", "-days", "2", *more]
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run([*command, *files], cwd=folder, check=True, capture_output=True)


@pytest.mark.needs("openssl")
# paho leaves the socket of a handshake that fails to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_feed_speaks_tls_with_its_certificate_and_to_nobody_else(
    store_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that asks for certificates lets the feed in by its own; one that the feed cannot check gets nothing."""
    made_certificates(tmp_path)
    more = "cafile ca.pem\ncertfile broker.pem\nkeyfile broker.key\nrequire_certificate true\nallow_anonymous true"
    client = {"client_certificate": tmp_path / "client.pem", "client_key": tmp_path / "client.key"}
    rack = open_rack(store_path)
    with rack.store, broker(tmp_path, more) as mosquitto:
        async with feeding(store_path, mosquitto.port, tls=True, **client):
            await come(lambda: "certificate verify failed" in caplog.text, "the refusal of an unknown broker")
        got: list[str] = []
        reader = paho.Client(CallbackAPIVersion.VERSION2)
        reader.tls_set(str(tmp_path / "ca.pem"), str(tmp_path / "client.pem"), str(tmp_path / "client.key"))
        reader.on_connect = lambda its, *_: its.subscribe("#", qos=1)
        reader.on_message = lambda *its: got.append(its[2].topic)
        subscribed: list[object] = []
        reader.on_subscribe = lambda *its: subscribed.append(its)
        reader.connect("127.0.0.1", mosquitto.port)
        reader.loop_start()
        until(lambda: subscribed, "the subscription")
        async with feeding(store_path, mosquitto.port, tls=True, ca_certificate=tmp_path / "ca.pem", **client):
            await come(lambda: "cellrig/lab-3/event" in got, "the event")
        reader.disconnect()
        reader.loop_stop()
