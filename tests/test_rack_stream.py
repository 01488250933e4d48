"""The stream of the rack: one question for all browsers, a frame a second, and the truth about a lost control."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.clock.virtual import wall_time
from orchestrator.web.rack_feed import PERIOD_S, RackFeed
from orchestrator.web.rack_stream import MOST_VIEWERS, RackStream
from tests.api_client import ORDER
from tests.rig import CHANNEL
from tests.web_rig import WebRig, open_web_rig

Frame = dict[str, Any]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[WebRig]:
    """Give web and control, with a run that has recorded for five minutes."""
    async with open_web_rig(tmp_path / "cellrig.db") as opened:
        await opened.post("/runs", ORDER, 201)
        await asyncio.sleep(300)
        yield opened


def read(told: bytes) -> dict[str, Frame]:
    """Give the events of one piece of a stream by their names."""
    found = {}
    for text in told.decode().strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in text.split("\n"))
        found[lines["event"]] = json.loads(lines["data"]) | {"id": lines.get("id", "")}
    return found


@asynccontextmanager
async def browser(stream: RackStream, life: str = "", rev: int = 0) -> AsyncIterator[AsyncGenerator[bytes, None]]:
    """Give the frames of one browser."""
    async with aclosing(stream.frames(life, rev)) as frames:
        yield frames


async def take(frames: AsyncGenerator[bytes, None], count: int = 1) -> dict[str, Frame]:
    """Give the last of so many frames."""
    told = b""
    for _ in range(count):
        told = await anext(frames)
    return read(told)


async def test_first_frame_has_everything_and_later_ones_what_changed(rig: WebRig) -> None:
    """Greeting, all rows, needs; then a pulse each second, with rows only after a record, and when each was seen."""
    async with browser(rig.stream) as frames:
        first = await take(frames)
        assert set(first) == {"hello", "rack", "need"}
        assert (first["hello"]["speed"], first["need"]["list"]) == (1.0, [])
        assert len(first["rack"]["rows"]) == len(first["rack"]["channels"]) == 8
        for _ in range(3):
            began = wall_time()
            frame = (await take(frames, 2))["rack"]
            assert wall_time() - began <= 2 * PERIOD_S
            assert (frame["rows"], frame["control"], frame["full"]) == ([], "answers", False)
        changed = (await take(frames, 75))["rack"]
        while not changed["rows"]:
            changed = (await take(frames))["rack"]
        assert [row["channel"] for row in changed["rows"]] == [CHANNEL]
        assert all(changed["seen"][channel] <= changed["now"] for channel in changed["seen"])


async def test_any_number_of_browsers_is_one_question_a_second_and_one_encoding(rig: WebRig) -> None:
    """Fifty get the very same bytes; control is asked once for all, and by nobody when nobody looks."""
    streams = [rig.stream.frames() for _ in range(50)]
    await asyncio.gather(*(anext(frames) for frames in streams))
    rig.asked.clear()
    for _ in range(10):
        told = await asyncio.gather(*(anext(frames) for frames in streams))
        assert len({id(one) for one in told}) <= len(set(told)) == 1
    assert 9 <= rig.asked["/api/v1/rack"] <= 11
    for frames in streams:
        await frames.aclose()
    rig.asked.clear()
    await asyncio.sleep(60)
    assert rig.asked["/api/v1/rack"] <= 1
    assert rig.stream.viewers == 0


async def test_slow_browser_gets_the_newest_state_and_is_told_how_much_it_missed(rig: WebRig) -> None:
    """Not the backlog: one frame with all that changed meanwhile."""
    async with browser(rig.stream) as slow, browser(rig.stream) as quick:
        await take(slow)
        await take(quick)
        for _ in range(200):
            await take(quick)
        caught_up = await take(slow)
        assert caught_up["dropped"]["dropped"] > 190
        assert wall_time() - caught_up["rack"]["now"] < 1.0
        assert [row["channel"] for row in caught_up["rack"]["rows"]] == [CHANNEL]
        assert "dropped" not in await take(slow)


async def test_browser_that_comes_back_gets_what_it_has_missed(rig: WebRig) -> None:
    """By the id of its last frame; of another life of control, everything."""
    async with browser(rig.stream) as frames:
        life, _, rev = (await take(frames))["rack"]["id"].partition("-")
    await asyncio.sleep(60)
    for known, rows, full in ((life, 1, False), ("another", 8, True)):
        async with browser(rig.stream, known, int(rev)) as frames:
            frame = (await take(frames))["rack"]
            assert (len(frame["rows"]), frame["full"]) == (rows, full)


@pytest.mark.parametrize("how", ["killed", "hangs"])
async def test_control_that_is_gone_is_said_within_five_seconds_and_back_within_two(rig: WebRig, how: str) -> None:
    """Frames go on with what was known, older with each; only stops may be tried; then all is as before."""
    async with browser(rig.stream) as frames:
        known = (await take(frames, 3))["rack"]
        began = wall_time()
        if how == "killed":
            rig.lose_control()
        else:
            rig.hang_control()
        frame = known
        while frame["control"] == "answers":
            frame = (await take(frames))["rack"]
            assert frame["control_seen_at"] <= began + 0.1
        assert wall_time() - began < 5.0
        assert frame["only"] == ["stop", "stop_again"]
        silent = (await take(frames, 30))["rack"]
        assert silent["now"] - silent["control_seen_at"] > 25.0
        assert silent["seen"] == frame["seen"]
        began = wall_time()
        if how == "killed":
            rig.bring_control_back()
        else:
            rig.hang_control(hangs=False)
        while frame["control"] != "answers":
            frame = (await take(frames))["rack"]
        assert wall_time() - began < 2.0
        assert frame["only"] is None


async def test_channel_that_changes_its_run_while_control_is_away_shows_no_value_under_the_wrong_one(
    rig: WebRig,
) -> None:
    """What was known stays as one row; what comes then is the other run's alone."""
    async with browser(rig.stream) as frames:
        await take(frames)
        rig.lose_control()
        for path, order in (
            ("runs/R000001/stop", {"by": "ada"}),
            ("runs", ORDER | {"mounted": "lot7-33", "label": "lot7-33"}),
        ):
            await asyncio.sleep(60)
            assert (await rig.control.post(f"/api/v1/{path}", json=order)).status_code in {200, 201}
        await asyncio.sleep(200)
        known = next(row for row in rig.feed.latest["rows"] if row["channel"] == CHANNEL)
        assert (known["run_id"], known["state"]) == ("R000001", "running")
        rig.bring_control_back()
        rows: list[Frame] = []
        while not rows:
            rows = [row for row in (await take(frames))["rack"]["rows"] if row["channel"] == CHANNEL]
        assert (rows[0]["run_id"], rows[0]["label"], rows[0]["cell_in"]) == ("R000002", "lot7-33", "lot7-33")
        (test,) = rig.store.tests("R000002")
        assert rows[0]["voltage_v"] in {sample.voltage_v for sample in rig.store.samples(test.id)}


async def test_web_that_begins_without_a_control_shows_what_is_stored(rig: WebRig) -> None:
    """What ran is called unseen, with the time of its last record; control, once it answers, tells the rest."""
    before = (await rig.feed.fresh())["rows"]
    rig.lose_control()
    feed = RackFeed(rig.link, rig.reading)
    task = asyncio.ensure_future(feed.run())
    async with browser(RackStream(feed)) as frames:
        first = (await take(frames))["rack"]
        (row,) = first["rows"]
        assert (row["channel"], row["state"], row["run_id"]) == (CHANNEL, "unseen", "R000001")
        assert (row["reason"]["code"], row["actions"]) == ("unseen.control", ["stop"])
        mine = next(one for one in before if one["channel"] == CHANNEL)
        assert row["voltage_v"] == pytest.approx(mine["voltage_v"])
        assert row["record_at"] <= mine["record_at"] + 1.0
        assert first["control"] == "silent"
        rig.bring_control_back()
        frame = await take(frames)
        while not frame["rack"]["rows"]:
            frame = await take(frames)
        assert ("hello" in frame, len(frame["rack"]["rows"])) == (True, 8)
        assert {one["state"] for one in frame["rack"]["rows"]} == {"running", "free"}
    task.cancel()


async def test_traces_are_a_few_records_of_the_last_cycles(rig: WebRig) -> None:
    """At most sixty, each as it was recorded, oldest first; kept for a minute; both addresses tell the same."""
    await asyncio.sleep(1500)
    (trace,) = await rig.get("/channels/traces")
    assert (trace["channel"], trace["run_id"]) == (CHANNEL, "R000001")
    assert 20 < len(trace["voltages"]) == len(trace["times_at"]) <= 60
    assert trace["times_at"] == sorted(trace["times_at"])
    table = await rig.get("/runs/R000001/samples?limit=2000")
    recorded = {round(row[table["columns"].index("voltage_v")], 5) for row in table["rows"]}
    assert recorded >= set(trace["voltages"])
    assert wall_time() - trace["times_at"][-1] < 120.0
    await asyncio.sleep(30)
    assert await rig.get("/channels/traces") == [trace]
    await asyncio.sleep(60)
    assert (await rig.get("/channels/traces"))[0]["times_at"][-1] > trace["times_at"][-1]
    assert (await rig.control.get("/api/v1/channels/traces")).status_code == 200


async def test_rack_is_answered_without_control_as_it_was_told_last(rig: WebRig) -> None:
    """By one question, as by the stream: with the time at which control was heard, and that it is silent."""
    known = await rig.feed.fresh()
    rig.lose_control()
    await asyncio.sleep(10)
    told = await rig.get("/rack")
    assert (told["rows"], told["control"]) == (known["rows"], "silent")
    assert told["now"] - told["control_seen_at"] >= 10.0


async def test_so_many_browsers_and_no_more(rig: WebRig) -> None:
    """One more is refused with a sentence; the stream of runs is another one."""
    rig.served.viewers = MOST_VIEWERS
    assert "close some" in (await rig.get("/live?stream=rack", 503))["error"]
    rig.served.viewers = 0
    told = await rig.control.get("/api/v1/live?stream=rack")
    assert (told.status_code, "public address" in told.json()["error"]) == (404, True)
    assert "rack" in (await rig.get("/live?stream=nothing", 422))["error"]
