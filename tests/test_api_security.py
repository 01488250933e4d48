"""No way round the token, made from the application's own routes, and no secret in any log or error."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from drivers.errors import SettingsError
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.api.access import BODY_LIMIT, Guard, Message, Scope
from orchestrator.api.address import check_exposure, reserved
from orchestrator.api.app import OPENAPI, build_routes
from orchestrator.api.live_stream import LiveClients
from orchestrator.api.logs import Redaction
from orchestrator.api.server import ServePlan, serve
from orchestrator.api.store_rights import check_rights
from orchestrator.api.token import ensure_token, read_token, token_path
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.bench.settings import BenchSettings, load_bench
from orchestrator.events import Bus
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from tests.api_client import ORDER, TOKEN, Client, with_client


def all_routes(folder: Path) -> list[tuple[str, str]]:
    """Give method and path of every route that the application has."""
    with open_store(folder / "routes.db") as store:
        app = build_routes(Service(store, []), LiveClients(Bus()))
    found = [(method, url) for url, item in app.openapi()["paths"].items() for method in item]
    assert len(found) > 20
    assert all(isinstance(route, APIRoute) or route.path == OPENAPI for route in app.routes if hasattr(route, "path"))
    return [(method.upper(), url.replace("{", "").replace("}", "")) for method, url in found] + [("GET", OPENAPI)]


async def test_every_route_but_health_needs_the_token(client: Client, tmp_path: Path) -> None:
    """Without it, with a wrong one, with half of it, in another scheme: 401, whatever the route."""
    routes = all_routes(tmp_path)
    wrong = (None, "Bearer", "Bearer x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}\xe9")
    del client.http.headers["authorization"]
    for method, path in [*routes, ("GET", "/nothing"), ("GET", "/docs"), ("PUT", "/api/v1/runs")]:
        for value in wrong:
            headers = {b"authorization": value.encode("latin-1")} if value else {}
            reply = await client.http.request(method, path, headers=headers, json={} if method == "POST" else None)
            assert reply.status_code == (200 if path == "/health" else 401), (method, path, value)
    assert (await client.http.get("/health/../api/v1/runs")).status_code == 401
    assert (await client.http.get("//health")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 400),
        ({"host": "127.0.0.1.evil.example:8765"}, 400),
        ({"host": ""}, 400),
        ({"host": "localhost:8765"}, 200),
        ({"host": "[::1]:1"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:8080"}, 200),
    ],
)
async def test_foreign_names_and_origins_are_refused(client: Client, headers: dict[str, str], status: int) -> None:
    """A page that was led to this address by a false name server, or that sends orders from elsewhere."""
    assert (await client.http.get("/api/v1/runs", headers=headers)).status_code == status
    if "host" in headers:
        assert (await client.http.get("/health", headers=headers)).status_code == status


async def test_body_is_json_and_short(client: Client) -> None:
    """A form, which a foreign page could send, a body without end and one that lies about its length are refused."""
    path = "/api/v1/runs"
    form = await client.http.post(path, data={"by": "ada"})
    assert form.status_code == 415
    long = await client.http.post(path, content=b" " * (BODY_LIMIT + 1), headers={"content-type": "application/json"})
    assert long.status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT // 1024 + 1):
            yield b" " * 1024

    endless = await client.http.post(path, content=pieces(), headers={"content-type": "application/json"})
    assert endless.status_code == 413


async def test_body_of_a_refused_request_is_taken_in_before_the_answer() -> None:
    """A connection that is closed on unread bytes is reset, and the client never hears why it was refused."""
    body: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.request", "body": b"}", "more_body": False},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return body.pop(0)

    async def send(message: Message) -> None:
        assert body == []
        sent.append(message)

    async def app(_: Scope, __: object, ___: object) -> None:
        raise AssertionError("nothing refused gets here")

    scope: Scope = {"type": "http", "method": "POST", "path": "/api/v1/runs", "headers": [(b"host", b"127.0.0.1")]}
    await Guard(app, TOKEN)(scope, receive, send)
    assert sent[0]["status"] == 401


async def test_websocket_is_closed_at_the_door() -> None:
    """A layer that only looked at HTTP would let sockets pass."""
    sent: list[Message] = []

    async def application(scope: Scope, receive: object, send: object) -> None:
        raise AssertionError(f"reached by {scope['type']}")

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await Guard(application, TOKEN)({"type": "websocket", "headers": [], "path": "/api/v1/live"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "lab.example"])  # noqa: S104 - addresses that are refused
def test_other_addresses_need_tls_and_a_token(tmp_path: Path, host: str) -> None:
    """The service answers this machine only, unless certificate, key and token file are named."""
    for settings in (
        ServiceSettings(host=host),
        ServiceSettings(host=host, tls_certificate=tmp_path, tls_key=tmp_path),
        ServiceSettings(host=host, token_file=tmp_path),
    ):
        with pytest.raises(SettingsError, match="this machine only"):
            check_exposure(settings)
    check_exposure(ServiceSettings(host=host, tls_certificate=tmp_path, tls_key=tmp_path, token_file=tmp_path))
    for local in ("127.0.0.1", "::1", "localhost"):
        check_exposure(ServiceSettings(host=local))


@pytest.mark.parametrize(("mode", "fine"), [(0o600, True), (0o640, True), (0o644, False), (0o660, False)])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int, fine: bool) -> None:
    """A group for keys may read it, as many systems have one; nobody else may, and only the owner writes it."""
    key = tmp_path / "lab.key"
    key.touch()
    key.chmod(mode)
    settings = ServiceSettings(tls_certificate=tmp_path, tls_key=key)
    if fine:
        check_exposure(settings)
        # It is no certificate, which is told before anything is made.
        with pytest.raises(SettingsError, match="tls_certificate and tls_key cannot be used"):
            reserved(settings)
        return
    with pytest.raises(SettingsError, match=f"lab.key may be read or changed by others .its rights are {mode:03o}"):
        check_exposure(settings)


@pytest.mark.parametrize("name", ["cellrig.db", "cellrig.db-wal"])
@pytest.mark.parametrize(("mode", "fine"), [(0o600, True), (0o640, True), (0o644, False), (0o660, False)])
async def test_a_store_that_others_may_read_is_not_served(tmp_path: Path, name: str, mode: int, fine: bool) -> None:
    """Its owner is told how to take their rights away; his group may read it, as the one of a key may."""
    store, units = tmp_path / "cellrig.db", (UnitSettings(devid=21, subdevid=1),)
    tester = NewareSettings(step_files=tmp_path, step_files_on_bts_pc="S:/", units=units)
    bench = BenchSettings(service=ServiceSettings(port=0), tester=(tester,))
    with open_store(store):
        (tmp_path / name).chmod(mode)
        if fine:
            check_rights(store)
            return
        with pytest.raises(SettingsError, match=rf"its rights are {mode:03o}.* chmod 600 \S*{name} "):
            async with asyncio.timeout(1):
                await serve(ServePlan(bench, store), print)
    assert not token_path(store).exists()


def test_token_file_is_the_owners_alone(tmp_path: Path) -> None:
    """Made once with owner-only rights, read again at the next start; short, long or open to others it is refused."""
    path = tmp_path / "cellrig.db.token"
    token, made = ensure_token(path)
    assert made
    assert path.stat().st_mode & 0o077 == 0
    assert ensure_token(path) == (token, False)
    for mode in (0o644, 0o640, 0o602):
        path.chmod(mode)
        for read in (ensure_token, read_token):
            with pytest.raises(SettingsError, match=f"its rights are {mode:03o}"):
                read(path)
    path.chmod(0o600)
    for text, words in (("short", "holds no token"), ("x" * 5000, "cannot be read; check what it is")):
        path.write_text(text)
        with pytest.raises(SettingsError, match=words):
            read_token(path)


SECRET = "s3cr3t-of-the-bench"  # noqa: S105 - the one that is looked for


@pytest.mark.parametrize(
    "line",
    [
        f'password = "{SECRET}"\npoll_period_s = 1',
        f'password = "{SECRET}"\nunits = []',
        f'password = ["{SECRET}"]',
        f'pasword = "{SECRET}"',
    ],
)
def test_bench_error_shows_no_password(tmp_path: Path, line: str) -> None:
    """Whatever is wrong with a bench file: missing keys, wrong values, the password itself or its key."""
    bench = tmp_path / "bench.toml"
    bench.write_text(f"[[tester]]\n{line}\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_bench(bench)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_secrets_are_blotted_out_of_every_log_line() -> None:
    """In the message, its arguments and a trace."""
    redaction = Redaction({SECRET})
    try:
        raise ValueError(SECRET)
    except ValueError as err:
        info = (type(err), err, err.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "token %s", (SECRET,), info)
    assert redaction.filter(record)
    line = logging.Formatter().format(record)
    assert SECRET not in line
    assert line.count("***") >= 2


def test_no_answer_and_no_log_line_holds_the_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Refused, wrong, accepted: what was sent as token never comes back."""
    caplog.set_level(logging.DEBUG)
    answers: list[str] = []

    async def work(client: Client) -> None:
        for headers in ({}, {"authorization": f"Bearer {TOKEN}x"}, {"host": TOKEN}):
            for path in ("/api/v1/runs", OPENAPI, f"/{TOKEN[:3]}", "/api/v1/status"):
                reply = await client.http.get(path, headers=headers)
                answers.append(reply.text + str(reply.headers))
        await client.post("/runs", ORDER | {"by": 3, "colour": TOKEN}, 422)
        await asyncio.sleep(100)

    with_client(tmp_path, work)
    assert TOKEN not in "".join(answers) + caplog.text
