"""Web before control: it answers as control does, says when control is gone, and costs it next to nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.events import EventKind
from orchestrator.store import CheckpointMode, checkpoint
from orchestrator.web.control_link import ControlLink, ControlSilent
from tests.api_client import ORDER, TOKEN
from tests.web_rig import WebRig, open_web_rig

_OF_RUN = tuple(f"runs/R000001{path}" for path in ("", "/samples?limit=50", "/steps", "/cycles", "/events", "/origin"))
_STORED = (*_OF_RUN, "runs", "events?limit=5", "deviations", "recipes", "cells")
_LIVE = ("status", "channels", "channels/21-1-3", "instruments", "live/schema", "openapi.json")
_WRONG = ("runs/R000009", "channels/21-9-9", "events?kin=x", "nowhere", "channels/21-1-3/stop")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[WebRig]:
    """Give web and control, with a run that has recorded for 25 minutes."""
    async with open_web_rig(tmp_path / "cellrig.db") as opened:
        await opened.post("/runs", ORDER, 201)
        await asyncio.sleep(1500)
        yield opened


@pytest.mark.parametrize("paths", [_STORED, _LIVE, _WRONG], ids=["stored", "live", "wrong"])
async def test_web_answers_as_control_does(rig: WebRig, paths: tuple[str, ...]) -> None:
    """Status and document of every kind of question are the same at both addresses, also asked a second time."""
    for path in paths:
        for _ in range(2):
            mine = await rig.web.get(f"/api/v1/{path}")
            its = await rig.control.get(f"/api/v1/{path}")
            assert (path, mine.status_code, mine.json()) == (path, its.status_code, its.json())
            assert mine.headers["content-type"] == its.headers["content-type"]


async def test_order_through_web_is_carried_out_once_under_the_name_in_it(rig: WebRig) -> None:
    """The very next question shows it; who gave it is stored; what control refuses is told in control's words."""
    assert (await rig.get("/channels/21-1-5"))["claim"] is None
    await rig.post("/channels/21-1-5/claim", {"owner": "night script", "duration_s": 60})
    assert (await rig.get("/channels/21-1-5"))["claim"]["owner"] == "night script"
    report = await rig.post("/runs/R000001/hold", {"by": "ada"})
    assert report["state"] == (await rig.get("/channels/21-1-3"))["run"]["state"]
    said = [event["message"] for event in (await rig.get("/runs/R000001/events"))["events"]]
    assert sum("hold ordered by ada" in message for message in said) == 1
    await asyncio.sleep(120)
    assert (await rig.get("/channels/21-1-3"))["run"]["state"] == "holding"
    assert (await rig.post("/runs/R000001/resume", {"by": "bob"}))["run_id"] == "R000001"
    assert "there is no run" in (await rig.post("/runs/R000009/stop", {"by": "ada"}, 404))["error"]
    assert "by" in (await rig.post("/runs/R000001/stop", {}, 422))["error"]


async def test_any_number_of_clients_asks_control_once(rig: WebRig) -> None:
    """Fifty questions on the rack at one moment are one to control, and fifty more within half a second none.

    Faults H06.
    """
    rig.asked.clear()
    for _ in range(2):
        answers = await asyncio.gather(*(rig.get("/channels") for _ in range(50)))
        assert all(answer == answers[0] for answer in answers)
    assert rig.asked["/api/v1/channels"] == 1
    await asyncio.sleep(1)
    await rig.get("/channels")
    assert rig.asked["/api/v1/channels"] == 2
    await rig.get("/runs/R000001/samples")
    assert not [path for path in rig.asked if "samples" in path]


async def test_one_stream_of_control_feeds_all_who_follow(rig: WebRig) -> None:
    """Each gets every run, and each change; when control is lost their streams end, and a new one is refused.

    Faults H08.
    """
    with rig.fan.clients.client() as one, rig.fan.clients.client() as other:
        await asyncio.sleep(300)
        updates = await one.take(1.0)
        assert updates
        assert updates == await other.take(1.0)
        assert [(run.run_id, run.samples) for run in rig.fan.now()] == [("R000001", updates[-1].samples)]
        assert rig.asked["/api/v1/live"] == 1
        rig.lose_control()
        await asyncio.sleep(1)
        assert await one.take(1.0) is None
        assert await other.take(1.0) is None
    assert "what is stored is shown" in (await rig.get("/live", 503))["error"]
    rig.bring_control_back()
    await asyncio.sleep(1)
    assert [update.run_id for update in rig.fan.now()] == ["R000001"]


async def test_with_control_gone_what_is_stored_is_shown_and_the_rest_is_said(rig: WebRig) -> None:
    """Stored pages as before; live questions and orders get 503 and words; all is back with control (faults H08)."""
    before = {path: await rig.get(f"/{path}") for path in _STORED}
    rig.lose_control()
    assert {path: await rig.get(f"/{path}") for path in _STORED} == before
    for path in ("/status", "/channels/21-1-3"):
        assert "what is stored is shown" in (await rig.get(path, 503))["error"]
    assert (await rig.web.get("/health")).status_code == 503
    assert "nothing was ordered" in (await rig.post("/runs/R000001/stop", {"by": "ada"}, 503))["error"]
    rig.bring_control_back()
    assert (await rig.get("/status"))["channels"]
    assert (await rig.web.get("/health")).json()["ok"]


async def test_rows_are_shown_when_they_are_committed_and_not_before(rig: WebRig) -> None:
    """A run that is being added is not in the list, nor kept out of it afterwards by an answer that was kept."""
    with rig.store.transaction():
        rig.store.add_event(None, EventKind.COMMAND, "told in a transaction", 0.0)
        assert "told in a transaction" not in json.dumps(await rig.get("/events?limit=2000"))
    assert "told in a transaction" in json.dumps(await rig.get("/events?limit=2000"))


async def test_reading_holds_no_snapshot_open(rig: WebRig) -> None:
    """Between two pages of a long reading the whole log of the writer can be checkpointed and cut to nothing."""
    after, pages = 0, 0
    while True:
        page = await rig.get(f"/runs/R000001/samples?limit=20&after_test=1&after={after}")
        rig.store.add_event(None, EventKind.COMMAND, "one more commit", 0.0)
        done = checkpoint(rig.store, CheckpointMode.TRUNCATE)
        assert not done.held_up, done
        after, pages = page["after"], pages + 1
        if not page["more"]:
            break
    assert pages > 3


async def test_who_is_refused_at_the_door_of_web_is_stored_by_control(rig: WebRig) -> None:
    """A wrong token is told, and its trace is an event of the store that web cannot write into."""
    reply = await rig.web.get("/api/v1/status", headers={"authorization": f"Bearer {'x' * 43}"})
    assert reply.status_code == 401
    await asyncio.sleep(1)
    assert "needs the operator's token" in json.dumps(await rig.get("/events?kind=request refused"))


async def test_a_program_at_the_port_of_a_dead_control_learns_nothing() -> None:
    """It is asked for a proof that it cannot give; neither token nor order reaches it, and the client is told."""
    heard = bytearray()

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"\r\n\r\n"))
        body = json.dumps({"challenge": "1." + "a" * 43 + "." + "b" * 43, "proof": "c" * 43}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        heard.extend(await reader.read())
        writer.close()

    async with await asyncio.start_server(impostor, "127.0.0.1", 0) as server:
        link = ControlLink(TOKEN, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(ControlSilent, match="nothing was ordered"):
            await link.ask("POST", "/api/v1/rack/stop", (), b'{"by": "ada"}')
        await asyncio.sleep(1)
    assert b"GET /proof?nonce=" in heard
    assert TOKEN.encode() not in heard
    assert b"ada" not in heard
