"""The rows of the rack: each state of a channel, what may be done there, and times that are never younger than true."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drivers.errors import ConnectionFailed
from drivers.neware import stepfile
from orchestrator.clock.virtual import wall_time
from orchestrator.states import RunState
from simulators.neware.settings import Trouble
from simulators.neware.stepfile import read_schedule
from tests.api_client import ORDER, Client
from tests.rig import CHANNEL, short_segment

BY = {"by": "ada"}
OTHER = "21-1-5"


async def row_of(client: Client, channel: str = CHANNEL) -> Any:  # noqa: ANN401 - JSON
    """Give the row of a channel."""
    return next(row for row in (await client.get("/rack"))["rows"] if row["channel"] == channel)


async def started(client: Client, *, after_s: float = 300.0, **order: object) -> Any:  # noqa: ANN401 - JSON
    """Order a run, wait, and give its row."""
    await client.post("/runs", ORDER | {"label": "lot7-31"} | order, 201)
    await asyncio.sleep(after_s)
    return await row_of(client, str(order.get("channel", CHANNEL)))


async def test_row_of_a_running_cell_has_values_their_times_and_what_may_be_done(client: Client) -> None:
    """Cell, recipe, step with its values, cycle of cycles, voltage by current, and both times; nobody is wanted."""
    row = await started(client)
    assert (row["state"], row["unit"], row["run_id"], row["priority"]) == ("running", "21-1", "R000001", None)
    named = ("label", "cell", "kind", "recipe", "cycle", "cycles", "cell_in")
    assert tuple(row[name] for name in named) == (
        "lot7-31", "coated-li-li", "li-li", "two-cycles", 1, 2, "lot7-31",
    )  # fmt: skip
    assert row["actions"] == ["hold", "stop", "note", "repeat"]
    step = row["step"]["values"]
    assert (row["step"]["code"], step["until_time_s"]) == ("step.constant_current.charge", 600.0)
    assert step["current_a"] == pytest.approx(157.08e-6)
    assert row["resistance_ohm"] == pytest.approx(row["voltage_v"] / row["current_a"])
    assert row["ends_at"] - wall_time() == pytest.approx(row["left_s"], abs=2.0)
    assert row["record_at"] <= row["seen_at"] <= wall_time()


async def test_free_completed_and_emptied_channel_say_so(client: Client) -> None:
    """Free until a run begins; over, its cell is to be taken out; then free again, by a person's word."""
    await asyncio.sleep(61)
    row = await row_of(client)
    assert (row["state"], row["actions"], row["priority"]) == ("free", ["start"], None)
    row = await started(client, after_s=4000)
    assert (row["state"], row["priority"], row["cell_in"]) == ("completed", "C", "lot7-31")
    assert row["actions"] == ["start", "cell_out", "note", "repeat"]
    assert (row["reason"]["code"], row["reason"]["text"]) == ("done.program", "program finished")
    await client.post(f"/channels/{CHANNEL}/empty", BY | {"rev": row["rev"], "run_id": "R000001"})
    row = await row_of(client)
    assert (row["state"], row["run_id"], row["cell_in"], row["actions"]) == ("free", None, None, ["start"])


async def test_held_run_needs_a_person_and_goes_on_by_resume(client: Client) -> None:
    """Its row says by whom it is held, and what may be done with it."""
    await started(client)
    await client.post("/runs/R000001/hold", BY)
    await asyncio.sleep(30)
    row = await row_of(client)
    assert (row["state"], row["priority"], row["actions"][:2]) == ("holding", "B", ["resume", "stop"])
    assert (row["reason"]["code"], row["reason"]["values"]["by"]) == ("held.person", "ada")
    assert row["ends_at"] is None
    assert row["left_s"] > 1000
    await client.post("/runs/R000001/resume", BY | {"rev": row["rev"]})
    await asyncio.sleep(120)
    assert (await row_of(client))["state"] == "running"


async def test_tripped_run_is_acknowledged_with_a_note(client: Client) -> None:
    """Until then nothing starts there; the note stands in the event of the acknowledgement."""
    client.rig.bench.tester.make_trouble(CHANNEL, Trouble(current_factor=2.0))
    row = await started(client, after_s=900)
    assert (row["state"], row["priority"], row["actions"][0]) == ("tripped", "A", "acknowledge")
    assert "start" not in row["actions"]
    assert row["reason"]["code"] == "tripped.absolute"
    await client.post("/runs/R000001/acknowledge", BY | {"note": "range was wrong", "rev": row["rev"]})
    row = await row_of(client)
    assert (row["state"], row["priority"]) == ("stopped", "C")
    events = (await client.get("/runs/R000001/events"))["events"]
    assert "trip acknowledged by ada: range was wrong" in [event["message"] for event in events]


async def test_tester_that_says_nothing_makes_rows_unseen_and_their_age_grows(client: Client) -> None:
    """After three polls; a person has to look after ten minutes more; channels without a run keep their old time."""
    before = await started(client)
    client.rig.tester.faults.fail("status", ConnectionFailed("no answer"))
    for _ in range(20):
        await asyncio.sleep(7)
        row = await row_of(client)
        assert row["seen_at"] <= before["seen_at"] + 60.0
    await asyncio.sleep(100)
    row = await row_of(client)
    assert (row["state"], row["priority"], row["actions"]) == ("unseen", "C", ["stop", "note", "repeat"])
    assert row["reason"]["code"] == "unseen.link"
    await asyncio.sleep(600)
    assert (await row_of(client))["priority"] == "B"
    client.rig.tester.faults.mend()
    await asyncio.sleep(120)
    row = await row_of(client)
    assert (row["state"], wall_time() - row["seen_at"] < 70.0) == ("running", True)


async def test_test_of_somebody_else_is_left_to_bts_until_somebody_takes_its_cell_out(client: Client) -> None:
    """While it works nothing is offered; over, it says that BTS finished there; a person's word makes it free."""
    await started(client)
    tester = client.rig.bench.tester
    schedule = read_schedule(stepfile.write(short_segment(1000.0), "theirs", 0.0), tester.units[0].ratings)
    tester.start(OTHER, schedule, "theirs")
    await asyncio.sleep(120)
    row = await row_of(client, OTHER)
    assert (row["state"], row["reason"]["values"]["barcode"], row["actions"]) == ("other_test", "theirs", [])
    assert row["voltage_v"] is not None
    tester.stop(OTHER)
    await asyncio.sleep(120)
    row = await row_of(client, OTHER)
    assert (row["state"], row["actions"]) == ("bts_stopped", ["start", "cell_out"])
    await client.post(f"/channels/{OTHER}/empty", BY)
    assert (await row_of(client, OTHER))["state"] == "free"


async def test_queued_run_waits_for_a_word_on_its_cell(client: Client) -> None:
    """Behind a run it is named there; when that is over, the channel is its own, and needs somebody."""
    await started(client)
    await client.post("/runs", ORDER | {"queue": True, "label": "lot7-32"}, 201)
    assert (await row_of(client))["queued"] == ["R000002"]
    await client.stopped("/runs/R000001/stop")
    await asyncio.sleep(120)
    row = await row_of(client)
    assert (row["state"], row["run_id"], row["priority"]) == ("queued", "R000002", "B")
    assert row["actions"] == ["cell_in", "stop", "note", "repeat"]
    await client.post("/runs/R000002/mounted", BY | {"rev": row["rev"]})
    await asyncio.sleep(200)
    assert (await row_of(client))["state"] == "running"


async def test_claim_stands_in_the_row_until_it_ends(client: Client) -> None:
    """Who has taken a channel, and until when."""
    await client.post(f"/channels/{CHANNEL}/claim", {"owner": "night script", "duration_s": 60})
    row = await row_of(client)
    assert row["claim"]["owner"] == "night script"
    assert row["claim"]["ends_at"] == pytest.approx(wall_time() + 60, abs=1)
    await asyncio.sleep(61)
    assert (await row_of(client))["claim"] is None


async def test_only_rows_that_changed_are_given_again(client: Client) -> None:
    """By ``since``, with the times at which all were seen; a row without news keeps its revision."""
    await started(client)
    first = await client.get("/rack")
    assert len(first["rows"]) == 8
    again = await client.get(f"/rack?since={first['rev']}")
    assert (again["rows"], again["rev"]) == ([], first["rev"])
    await asyncio.sleep(60)
    later = await client.get(f"/rack?since={first['rev']}")
    assert [row["channel"] for row in later["rows"]] == [CHANNEL]
    assert later["rows"][0]["rev"] > first["rev"]
    assert all(later["seen"][channel] > first["seen"][channel] for channel in first["channels"])


async def test_order_for_what_is_no_longer_so_is_refused_with_what_is(client: Client) -> None:
    """A revision from before a change, another run: nothing is done; a new record alone is no change."""
    row = await started(client)
    await asyncio.sleep(120)
    assert (await row_of(client))["rev"] > row["rev"]
    told = await client.post(f"/channels/{CHANNEL}/stop", BY | {"run_id": "R000009"}, 409)
    assert "R000009 was there, and now R000001 (lot7-31) is there, running" in told["error"]
    await client.post("/runs/R000001/hold", BY | {"rev": row["rev"]})
    await asyncio.sleep(30)
    told = await client.post("/runs/R000001/resume", BY | {"rev": row["rev"]}, 409)
    assert "has changed since you looked" in told["error"]
    assert (await row_of(client))["state"] == "holding"


async def test_stop_of_a_run_that_is_over_stops_no_other(client: Client) -> None:
    """A stop that comes late or twice is that run's: the next one on its channel goes on."""
    await started(client)
    first = await client.stopped("/runs/R000001/stop")
    again = await client.post("/runs/R000001/stop", BY)
    assert (first["state"], again["state"]) == ("stopped", "stopped")
    await client.post("/runs", ORDER | {"mounted": "lot7-33"}, 201)
    await asyncio.sleep(200)
    late = await client.post("/runs/R000001/stop", BY | {"rev": 1})
    assert "R000002 has the channel" in late["words"]
    await asyncio.sleep(60)
    row = await row_of(client)
    assert (row["run_id"], row["state"]) == ("R000002", "running")


async def test_stop_of_the_rack_names_what_began_after_its_person_looked(client: Client) -> None:
    """What was seen, what began since, and what begins while a tester is waited for: all is stopped."""
    await started(client)
    await client.post("/runs", ORDER | {"channel": OTHER}, 201)
    await asyncio.sleep(200)
    client.rig.tester.faults.delay("stop", before_s=3.0)
    stopping = asyncio.ensure_future(client.post("/rack/stop", BY | {"runs": ["R000001"]}))
    await asyncio.sleep(1)
    await client.post("/runs", ORDER | {"channel": "21-1-7"}, 201)
    found = {row["channel"]: row["meanwhile"] for row in await stopping}
    assert found == {CHANNEL: False, OTHER: True, "21-1-7": True}
    await asyncio.sleep(200)
    assert {run.state for run in client.service.runs} == {RunState.STOPPED}
    assert not any(client.rig.bench.tester.channel(channel).busy for channel in found)
