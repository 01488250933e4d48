"""Refused log-ins and orders leave a trace that names who asked and why not, and a flood of them fills no store."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.api.refusals import Refusals, into, person_in
from orchestrator.cli.app import app
from orchestrator.events import EventKind
from orchestrator.store import Store
from tests.api_client import ORDER, Client
from tests.rig import CHANNEL


def traces(store: Store) -> list[str]:
    """Give the stored refusals."""
    return [event.message for event in store.events() if event.kind == EventKind.REFUSED]


async def test_a_wrong_token_leaves_a_trace_without_the_token(client: Client) -> None:
    """What was asked and from where, but not what was given as the token."""
    wrong = "w" * 43
    await client.http.get("/api/v1/runs", headers={"authorization": f"Bearer {wrong}"})
    (trace,) = traces(client.service.store)
    assert trace.startswith("GET /api/v1/runs of 127.0.0.1 was refused: this needs the operator's token")
    assert wrong not in trace


async def test_refused_orders_and_claims_leave_a_trace_with_the_name(client: Client) -> None:
    """A channel that somebody has claimed, a run that is not there, a recipe that is none: by whom, and why not."""
    await client.post(f"/channels/{CHANNEL}/claim", {"owner": "eve", "duration_s": 60})
    await client.post("/runs", ORDER, 409)
    await client.post(f"/channels/{CHANNEL}/claim", {"owner": "bob", "duration_s": 60}, 409)
    await client.post("/runs/R000099/stop", {"by": "ada"}, 404)
    await client.post("/runs", ORDER | {"recipe_yaml": "x: 1"}, 422)
    await client.post("/runs/R000099/stop", {}, 422)
    await client.get("/runs/R000099", 404)
    seen = traces(client.service.store)
    assert [trace.partition(" of ")[2].partition(" was refused: ")[0] for trace in seen] == [
        "ada", "bob", "ada", "ada", "nobody named",
    ]  # fmt: skip
    assert "eve" in seen[0]


@pytest.mark.parametrize("value", [b"[" * 100_000, b"9" * 5000], ids=["deep", "long"])
async def test_order_that_no_reader_of_json_takes_is_refused_with_a_trace(client: Client, value: bytes) -> None:
    """Too many levels, a number of thousands of digits: it is said what is wrong, as of any other wrong body."""
    kind = {"content-type": "application/json"}
    for path in ("/api/v1/runs", "/api/v1/rack/stop"):
        answer = await client.http.post(path, content=b'{"by": ' + value + b"}", headers=kind)
        assert (answer.status_code, "too many levels" in answer.json()["error"]) == (422, True)
    assert len(traces(client.service.store)) == 2


@pytest.mark.parametrize("name", ["", " ", "  \t", "\u00a0", "\u200b", "--", "."])
async def test_by_is_never_blank(client: Client, name: str) -> None:
    """A name has a letter or a digit, whatever blanks there are."""
    await client.post("/runs", ORDER | {"by": name}, 422)
    run = await client.post("/runs", ORDER | {"by": " Ada L. "}, 201)
    events = client.service.store.events(run["run_id"])
    assert any("by Ada L." in event.message for event in events)


@pytest.mark.parametrize("name", [" ", "\u200b", "--", "."])
def test_by_is_never_blank_on_the_command_line(tmp_path: Path, name: str) -> None:
    """Also where no service checks it: nothing is asked of anybody, and the sentence says what a name is."""
    direct = ["stop", "--direct", "--channel", CHANNEL, "--bench", str(tmp_path / "bench.toml")]
    for command in (direct, ["ack", "R000001"], ["mounted", "R000001"], ["empty", CHANNEL]):
        result = CliRunner().invoke(app, [*command, f"--by={name}", "--store", str(tmp_path / "x.db")])
        assert (result.exit_code, "a name has a letter or a digit" in result.output) == (2, True), command
    assert list(tmp_path.iterdir()) == []


async def test_a_flood_of_refusals_is_counted(store: Store) -> None:
    """Twenty in a minute are stored, the others are counted with the next."""
    now_s = [0.0]
    refusals = Refusals(into(store), lambda: now_s[0])
    for _ in range(1000):
        refusals.note("GET", "/api/v1/" + "x" * 1000, "10.0.0.9", "no token " * 1000)
    assert len(traces(store)) == 20
    assert max(map(len, traces(store))) < 1500
    assert traces(store)[0].endswith(" ...")
    now_s[0] = 61.0
    refusals.note("GET", "/\n", "10.0.0.9", "no\ntoken")
    assert traces(store)[-1] == "GET /? of 10.0.0.9 was refused: no token (980 more before it)"


async def test_a_flood_of_a_day_hides_no_order_and_fills_no_store(store: Store) -> None:
    """A wrong token each second: some hundred events a day; a refused order among them is stored all the same."""
    now_s = [0.0]
    refusals = Refusals(into(store), lambda: now_s[0])
    for second in range(86_400):
        now_s[0] = float(second)
        refusals.note_log_in("GET", "/", "10.0.0.9", "no token")
    assert 100 < len(traces(store)) < 700
    refusals.note("POST", "/api/v1/runs", "ada", "claimed by bob")
    assert traces(store)[-1] == "POST /api/v1/runs of ada was refused: claimed by bob"
    now_s[0] += 7200.0
    for _ in range(2):
        now_s[0] += 60.0
        for _ in range(25):
            refusals.note_log_in("GET", "/", "10.0.0.9", "no token")
    assert traces(store)[-20].endswith("(5 more before it)")


@pytest.mark.parametrize("body", [b"", b"null", b"[" * 100_000, b'{"by": 5}', b"\xff", b'{"by": "\\u202e"}'])
def test_a_name_that_cannot_be_read_is_none(body: bytes) -> None:
    """Whatever was sent, the trace is made."""
    assert person_in(body) in {"", "?"}
