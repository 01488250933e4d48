"""What needs a person: lines by cause, few in a flood, put off by name and told again on time."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from drivers.errors import ConnectionFailed
from orchestrator.api.how_long import HowLong
from orchestrator.api.models.rack import Priority
from orchestrator.api.need_lines import NeedLines
from orchestrator.api.put_offs import until_unix_s
from orchestrator.api.raw_needs import RawNeed
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.events.told_codes import told
from orchestrator.rack.service import Service
from orchestrator.states import RunState
from orchestrator.store import open_store
from simulators.neware.settings import Trouble
from tests.api_client import ORDER, Client, answered, client_of
from tests.rig import CHANNEL, open_rig

BY = {"by": "ada"}
LATER = BY | {"how_long": "1h", "reason": "the potentiostat is in use"}


def need(
    channel: str, code: str = "tripped.limit", since: float = 0.0, *, tester: str = "ct1", priority: str = "A"
) -> RawNeed:
    """Give something that needs a person at a channel."""
    return RawNeed(
        f"{channel}-{code}-{since:.0f}", Priority(priority), code, "", code.partition(".")[0], since,
        instrument=tester, unit=channel.rpartition("-")[0], channel=channel, run_id="R000001", label=channel,
        actions=("acknowledge",),
    )  # fmt: skip


def test_sixty_four_channels_out_of_sight_at_once_are_one_line() -> None:
    """With the count and all channels, in whatever order they were found; those that come back leave it."""
    lines = NeedLines()
    lost = [need(f"21-{n // 8}-{n % 8}", "unseen.link", n / 4, tester=f"ct{n // 32}", priority="C") for n in range(64)]
    (line,) = lines.lines(lost, 20.0)
    assert (line.code, line.values["count"], len(line.channels)) == ("group.unseen", 64, 64)
    (line,) = lines.lines(lost[10:], 40.0)
    assert (line.values["count"], len(line.items)) == (54, 54)
    assert lines.lines([], 50.0) == []


def test_things_of_one_kind_that_begin_minutes_apart_are_lines_of_their_own() -> None:
    """The most urgent stands first, of one urgency the oldest; each has its own buttons."""
    lines = NeedLines()
    first = [need("21-1-1", since=0.0)]
    (one,) = lines.lines(first, 0.0)
    more = [*first, need("21-1-2", since=200.0), need("21-2-1", "holding.person", 100.0, priority="B")]
    found = lines.lines(more, 200.0)
    assert [line.channels for line in found] == [["21-1-1"], ["21-1-2"], ["21-2-1"]]
    assert (found[0].id, found[0].actions, found[0].items) == (one.id, ["acknowledge"], [])


def test_three_different_things_at_one_tester_within_a_minute_are_one_line() -> None:
    """They have one cause, whatever each says of it; a fourth, later, is another one."""
    lines = NeedLines()
    codes = ("holding.power", "holding.taken", "holding.other")
    burst = [need(f"21-1-{n}", code, 10.0 * n, priority="B") for n, code in enumerate(codes)]
    burst.append(need("22-1-1", "holding.measured", 5.0, tester="ct2", priority="B"))
    later = need("21-1-7", "holding.person", 300.0, priority="B")
    found = lines.lines([*burst, later], 300.0)
    assert [line.channels for line in found] == [["21-1-0", "21-1-1", "21-1-2"], ["22-1-1"], ["21-1-7"]]


def test_thirty_different_things_in_a_minute_are_told_by_kind_until_the_flood_is_over() -> None:
    """Over ten new lines in ten minutes only groups are shown; later each is a line again."""
    lines = NeedLines()
    kinds = ("tripped", "unknown")
    many = [need(f"{n}-1-1", f"{kinds[n % 2]}.{n}", 2.0 * n, tester=f"ct{n}") for n in range(30)]
    assert all(len(lines.lines(many[: n + 1], 2.0 * n)) <= 10 for n in range(30))
    assert lines.is_flood
    found = {line.code: line.values["count"] for line in lines.lines(many, 60.0)}
    assert found == {"group.tripped": 15, "group.unknown": 15}
    few = many[:3]
    lines.lines(few, 500.0)
    assert len(lines.lines(few, 700.0)) == 3
    assert not lines.is_flood


def test_what_comes_and_goes_again_and_again_is_one_line_that_says_how_often() -> None:
    """From the third time within ten minutes on; it stays ten minutes after the last."""
    lines = NeedLines()
    told = []
    for n in range(7):
        told.append(lines.lines([need("21-1-1", "unseen.link", 60.0 * n, priority="C")], 60.0 * n))
        gone = lines.lines([], 60.0 * n + 30.0)
        assert [line.code for line in gone] == (["went"] if n >= 2 else [])
    (line,) = told[-1]
    assert (line.code, line.values["times"], line.values["first_at"]) == ("went", 7, 0.0)
    assert lines.lines([], 60.0 * 6 + 601.0) == []


def test_tomorrow_is_eight_in_the_morning_and_never_more_than_a_day_away() -> None:
    """By the clock of the machine; a quarter and an hour are just that."""
    evening = datetime(2026, 11, 27, 19, 5).astimezone().timestamp()
    morning = datetime(2026, 11, 28, 8, 0).astimezone().timestamp()
    assert until_unix_s(HowLong.TOMORROW, evening) == morning
    assert until_unix_s(HowLong.TOMORROW, morning - 8 * 3600) - morning <= 24 * 3600
    assert [until_unix_s(it, 0.0) for it in (HowLong.QUARTER, HowLong.HOUR)] == [900.0, 3600.0]


async def test_trip_stays_until_it_is_acknowledged_and_cannot_be_put_off(client: Client) -> None:
    """Priority A, with its sentence, its cell and its button; who acknowledges it takes it off the list."""
    client.rig.bench.tester.make_trouble(CHANNEL, Trouble(current_factor=2.0))
    await client.post("/runs", ORDER | {"label": "lot7-27"}, 201)
    await asyncio.sleep(900)
    client.rig.bench.tester.make_trouble(CHANNEL, Trouble())
    (line,) = (await client.get("/rack"))["needs"]
    assert (line["priority"], line["code"], line["label"]) == ("A", "tripped.absolute", "lot7-27")
    assert line["actions"] == ["acknowledge"]
    assert set(line["values"]) == {"voltage_v", "current_ma", "time_h", "low_v", "high_v"}
    refused = await client.post(f"/needs/{line['id']}/put-off", LATER, 409)
    assert "needs a person now" in refused["error"]
    await asyncio.sleep(3600)
    assert [it["id"] for it in (await client.get("/rack"))["needs"]] == [line["id"]]
    await client.post("/runs/R000001/acknowledge", BY)
    assert (await client.get("/rack"))["needs"] == []
    assert "no longer there" in (await client.post(f"/needs/{line['id']}/put-off", LATER, 404))["error"]


async def test_tester_that_is_silent_is_one_line_that_turns_urgent_after_ten_minutes(client: Client) -> None:
    """All its running channels in it; nothing is to be done at first."""
    for n in (1, 3, 5, 7):
        await client.post("/runs", ORDER | {"channel": f"21-1-{n}"}, 201)
    await asyncio.sleep(200)
    client.rig.tester.faults.fail("status", ConnectionFailed("no answer"))
    await asyncio.sleep(300)
    (line,) = (await client.get("/rack"))["needs"]
    assert (line["priority"], line["code"], line["values"]["count"]) == ("C", "group.unseen", 4)
    assert "nothing has to be done" in (await client.post(f"/needs/{line['id']}/put-off", LATER, 409))["error"]
    await asyncio.sleep(600)
    (line,) = (await client.get("/rack"))["needs"]
    assert (line["priority"], line["channels"]) == ("B", ["21-1-1", "21-1-3", "21-1-5", "21-1-7"])


async def test_stop_that_is_not_confirmed_within_half_a_minute_needs_a_person_now(client: Client) -> None:
    """The tester does not answer: until it is so the row says that a stop is sent; then it is A, and asked again."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(200)
    client.rig.tester.faults.delay("stop", before_s=500.0)
    await client.post("/runs/R000001/stop", BY)
    found = await client.get("/rack")
    (row,) = [row for row in found["rows"] if row["channel"] == CHANNEL]
    assert (row["reason"]["code"], row["priority"], row["actions"][0]) == ("stop.sent", None, "stop_again")
    assert found["needs"] == []
    await asyncio.sleep(40)
    (line,) = (await client.get("/rack"))["needs"]
    assert (line["priority"], line["code"], line["actions"]) == ("A", "stop.sent", ["stop_again"])
    await asyncio.sleep(600)
    assert (await client.get("/rack"))["needs"] == []


async def test_put_off_ends_on_time_over_a_restart_and_stands_in_the_log(tmp_path: Path) -> None:
    """It is told by whom and why meanwhile, also at once after the restart; then the need is told again."""
    async with open_rig(poll_period_s=60.0) as rig:
        with open_store(tmp_path / "cellrig.db") as store:
            async with client_of(Service(store, [rig.tester])) as (http, _):
                await answered(http, "POST", "/runs", 201, ORDER)
                await asyncio.sleep(300)
                await answered(http, "POST", "/runs/R000001/hold", 200, BY)
                await asyncio.sleep(60)
                (line,) = (await answered(http, "GET", "/rack", 200))["needs"]
                assert (line["code"], line["put_off"]) == ("held.person", None)
                off = await answered(http, "POST", f"/needs/{line['id']}/put-off", 200, LATER)
                assert off["put_off"]["until_at"] == pytest.approx(wall_time() + 3600)
                await asyncio.sleep(2400)
        with open_store(tmp_path / "cellrig.db") as store:
            async with client_of(Service(store, [rig.tester])) as (http, _):
                for after_s, by in ((0.0, "ada"), (1190.0, "ada"), (20.0, None)):
                    await asyncio.sleep(after_s)
                    (line,) = (await answered(http, "GET", "/rack", 200))["needs"]
                    assert (line["put_off"] or {}).get("by") == by
            (said,) = [row.message for row in store.events() if row.kind == EventKind.PUT_OFF]
    assert "by ada: the potentiostat is in use (21-1-3: held by ada" in said


_HANDS = "move cell A17 from channel 21-1-3 to chi660e: green on the working electrode, red and white on the other"
_GONE = "channel 21-1-3 shows 0.0000 V, 2.8 to 3.6 V expected: no cell, or a short, or a cell of another kind?"


@pytest.mark.parametrize(
    ("state", "reason", "code", "values"),
    [
        ("tripped", "limit exceeded: 4.1120 V, 0.1571 mA at 0.417 h; the limits are -0.5 to 4.1 V; also x: y",
         "tripped.limit", {"voltage_v": 4.112, "high_v": 4.1}),
        ("holding", "held by Anna; resume it or stop it", "held.person", {"by": "Anna"}),
        ("stopped", "stopped by ada (acknowledged by bob)", "stopped.person", {"by": "ada"}),
        ("unknown", "stopped by ada; but the stop is not confirmed: no reply", "unknown.stop", {}),
        ("unknown", "ct4008 did not answer; look at channel 21-1-3", "unknown.start", {"channel": "21-1-3"}),
        ("unseen", "nothing heard from ct4008 for 183 s (no reply); the tester rides on", "unseen.link",
         {"instrument": "ct4008", "silent_s": 183.0}),
        ("holding", "channel 21-1-3 is stopped, by a person at the tester or a loss of its power; resume it or stop it",
         "held.power", {"channel": "21-1-3"}),
        ("failed", _GONE, "failed.ocv", {"voltage_v": 0.0, "low_v": 2.8, "high_v": 3.6}),
        ("stopped", "contact check failed: 1840 ohm; the window is 10 to 1500 ohm: no cell, or bad contact",
         "stopped.contact", {"resistance_ohm": 1840.0, "high_ohm": 1500.0}),
        ("awaiting_operator", f"{_HANDS}; then resume the run", "hands.plug", {"potentiostat": "chi660e"}),
        ("completed", "what nobody knows", "done.other", {}),
    ],
)  # fmt: skip
def test_reason_of_a_run_has_a_code_and_its_values(
    state: str, reason: str, code: str, values: dict[str, object]
) -> None:
    """So that it can be told in another language; what is not known keeps its stored English."""
    found, given = told(RunState(state), reason)
    assert found == code
    assert given.items() >= values.items()
