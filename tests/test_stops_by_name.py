"""Stops of channels that work without a run, by their names: shown in the status, stopped, and never called free."""

import asyncio
import json
from pathlib import Path

import pytest
import typer

from drivers.interfaces import ChannelState
from orchestrator.api.places import Bounds
from orchestrator.api.routes import channel_now
from orchestrator.cli.output import DONE, FAILED
from orchestrator.cli.stops import exit_status, order_stop
from orchestrator.client import ServiceClient
from orchestrator.client.stops import is_worth_waiting
from orchestrator.events import EventKind
from orchestrator.rack.mounted_cells import ChannelUse
from orchestrator.store import Store
from simulators.faults import Fault, Spoil
from simulators.neware.settings import Trouble
from tests.api_client import ORDER, TOKEN, Client
from tests.door_rig import open_door
from tests.rig import CHANNEL, Rig, short_segment
from tests.service_rig import serving as service_on

BY = {"by": "ada"}


async def by_hand(client: Client, barcode: str = "by-hand", channel: str = CHANNEL) -> None:
    """Start a test at the tester, not through the service."""
    tester = client.rig.tester
    await tester.start(await tester.load(channel, short_segment(50_000.0), "x"), barcode)


def busy(client: Client, channel: str = CHANNEL) -> bool:
    """Tell whether a channel works."""
    return client.rig.bench.tester.channel(channel).busy


async def words(client: Client, channel: str = CHANNEL) -> str:
    """Give what the status says of a channel."""
    rows = (await client.get("/status"))["channels"]
    return next(str(row["words"]) for row in rows if row["channel"] == channel)


async def test_test_started_by_hand_is_shown_and_stopped_by_the_channels_name(client: Client) -> None:
    """It is nobody's run: the channel is not free, a person is needed, and its name stops it."""
    await by_hand(client)
    await asyncio.sleep(70)
    assert "works, and not by us: 'by-hand', test 1" in await words(client)
    channel = await client.get(f"/channels/{CHANNEL}")
    assert (channel["needs_person"], channel["run"]) == (True, None)
    row = await client.stopped(f"/channels/{CHANNEL}/stop")
    assert (row["off"], busy(client)) == (True, False)
    await asyncio.sleep(70)
    assert await words(client) == "free"
    kinds = [event.kind for event in client.service.store.events()]
    assert kinds.count(EventKind.EXTERNAL_ACTION) == 1


async def test_hold_of_a_run_whose_channel_somebody_has_taken_does_not_call_it_off(client: Client) -> None:
    """The run is held, and the answer names what works on its channel and how it is stopped."""
    run = await client.post("/runs", ORDER, 201)
    await asyncio.sleep(130)
    client.rig.bench.tester.stop(CHANNEL)
    await by_hand(client)
    row = await client.stopped(f"/runs/{run['run_id']}/hold")
    assert (row["state"], row["off"], busy(client)) == ("unknown", False, True)
    assert "'by-hand'" in row["words"]
    await asyncio.sleep(300)
    row = await client.stopped(f"/runs/{run['run_id']}/stop")
    assert (row["off"], busy(client)) == (False, True)
    assert "works, and not by us: 'by-hand'" in row["words"]
    assert f"'cellrig stop --channel {CHANNEL}' stops it" in row["words"]


@pytest.mark.parametrize("seen", [True, False])
async def test_rack_stop_stops_also_what_works_without_a_run(client: Client, seen: bool) -> None:
    """Runs and tests by hand, whether a poll has seen them yet or not."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(300)
    await by_hand(client, "x", "21-1-5")
    await asyncio.sleep(70 if seen else 0)
    rows = await client.post("/rack/stop", BY)
    assert {row["channel"] for row in rows} == {CHANNEL, "21-1-5"}
    await asyncio.sleep(60)
    assert not busy(client)
    assert not busy(client, "21-1-5")


async def test_stop_of_an_ended_run_stops_its_test_if_that_works_all_the_same(client: Client) -> None:
    """Somebody continues it at the tester: the run's own name is enough."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(300)
    await by_hand_after(client, client.service.store.barcode("R000001"))
    row = await client.stopped("/runs/R000001/stop")
    assert (row["off"], busy(client)) == (True, False)


async def by_hand_after(client: Client, barcode: str) -> None:
    """Let a run end by a stop, and start a test with its barcode by hand."""
    await client.service.stop("R000001", "ada")
    await by_hand(client, barcode)


async def test_stop_of_a_run_leaves_another_test_alone_and_says_so(client: Client) -> None:
    """The run is over, the channel works: not confirmed off, and the command that stops it is named."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(300)
    await by_hand_after(client, "theirs")
    row = await client.stopped("/runs/R000001/stop")
    assert not row["off"]
    assert "cellrig stop --channel 21-1-3" in str(row["words"])
    assert busy(client)


async def test_stop_of_a_test_without_a_run_climbs_the_ladder(client: Client) -> None:
    """A refused stop of somebody's test with any barcode goes on by other means, as for a run."""
    await by_hand(client, "x.y-2")
    client.rig.bench.tester.make_trouble(CHANNEL, Trouble(stop="refuse"))
    row = await client.stopped(f"/channels/{CHANNEL}/stop")
    assert (row["off"], busy(client)) == (True, False)


async def test_channel_that_is_off_is_confirmed_off(client: Client) -> None:
    """Nothing works there: status 0 at once."""
    row = await client.post(f"/channels/{CHANNEL}/stop", BY)
    assert (row["off"], row["pending"], row["run_id"]) == (True, False, None)
    await client.post("/channels/21-9-1/stop", BY, 404)


@pytest.mark.parametrize("path", [f"/channels/{CHANNEL}/stop", "/runs/R000001/stop", "/rack/stop"])
async def test_silent_tester_is_told_within_five_seconds_and_the_stop_goes_on(client: Client, path: str) -> None:
    """Ordered, not confirmed, what to do by hand; seen in the status; carried out as soon as the tester answers."""
    loop = asyncio.get_running_loop()
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(300)
    client.rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
    begun_s = loop.time()
    found = await client.post(path, BY)
    assert loop.time() - begun_s <= 5
    row = next(it for it in (found if isinstance(found, list) else [found]) if it["channel"] == CHANNEL)
    assert (row["off"], row["pending"], row["answers"]) == (False, True, False)
    assert (exit_status([row]), is_worth_waiting(row), is_worth_waiting(row | {"answers": True})) == (1, False, True)
    assert "does not answer" in row["words"]
    assert "by hand" in row["words"]
    assert "a stop is ordered and not confirmed yet" in await words(client)
    await asyncio.sleep(600)
    assert "a stop is ordered and not confirmed yet" in await words(client)
    assert busy(client)
    client.rig.bench.wire.mend()
    await asyncio.sleep(200)
    assert not busy(client)
    assert "not confirmed" not in await words(client)
    assert (await client.get("/runs/R000001"))["state"] == "stopped"
    assert exit_status([(await client.get(f"/channels/{CHANNEL}"))["stop"]]) == 0


async def test_stop_of_a_test_without_a_run_is_repeated_until_the_tester_answers(client: Client) -> None:
    """Nothing begins on the channel meanwhile."""
    await by_hand(client)
    await asyncio.sleep(70)
    client.rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
    row = await client.post(f"/channels/{CHANNEL}/stop", BY)
    assert (row["off"], row["pending"]) == (False, True)
    await asyncio.sleep(300)
    client.rig.bench.wire.mend()
    await asyncio.sleep(200)
    assert not busy(client)
    status = (await client.rig.tester.status([CHANNEL]))[CHANNEL]
    assert status.state is ChannelState.STOPPED


async def test_rack_stop_of_a_silent_tester_is_repeated_for_what_was_seen_to_work(client: Client) -> None:
    """A test by hand that a poll has shown is in the answer with its channel, and stopped when the tester answers."""
    await by_hand(client)
    await asyncio.sleep(70)
    client.rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
    rows = await client.post("/rack/stop", BY)
    assert (CHANNEL, False, True) in [(row["channel"], row["off"], row["pending"]) for row in rows]
    await asyncio.sleep(300)
    client.rig.bench.wire.mend()
    await asyncio.sleep(200)
    assert not busy(client)


async def test_resume_is_answered_within_five_seconds(client: Client) -> None:
    """A held run whose tester is silent: the order is taken, and what is known is told."""
    loop = asyncio.get_running_loop()
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(300)
    client.rig.bench.tester.stop(CHANNEL)
    await asyncio.sleep(200)
    client.rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
    begun_s = loop.time()
    told = await client.post("/runs/R000001/resume", BY)
    assert loop.time() - begun_s <= 5
    assert "the resume is ordered and not confirmed" in told["reason"]


async def test_pending_stop_of_a_test_without_a_run_outlives_the_service(rig: Rig, store: Store) -> None:
    """It is carried out by the next one, once; what is started by hand after that is left alone."""
    segment = short_segment(50_000.0)
    async with service_on(rig, store) as service:
        await asyncio.sleep(1)
        await rig.tester.start(await rig.tester.load(CHANNEL, segment, "x"), "by-hand")
        await asyncio.sleep(70)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
        assert not (await service.supervisors[0].watch.stop(CHANNEL, "ada")).is_off
    assert rig.bench.tester.channel(CHANNEL).busy
    rig.bench.wire.mend()
    async with service_on(rig, store):
        await asyncio.sleep(120)
        assert not rig.bench.tester.channel(CHANNEL).busy
        assert any("stopped" in event.message and "by ada" in event.message for event in store.events())
    await rig.tester.start(await rig.tester.load(CHANNEL, segment, "y"), "by-hand-2")
    async with service_on(rig, store):
        await asyncio.sleep(120)
        assert rig.bench.tester.channel(CHANNEL).busy


async def test_stop_of_a_queued_run_does_not_end_the_report_of_the_one_that_works(client: Client) -> None:
    """Two people: whoever waits for the stop of the run that works is not told that its channel is off."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(300)
    await client.post("/runs", ORDER | {"label": "second", "queue": True}, 201)
    client.rig.bench.wire.spoil(Fault(Spoil.LATE, None, None, seconds=3.0))
    await client.post("/runs/R000001/stop", {"by": "ada"})
    row = await client.post("/runs/R000002/stop", {"by": "bob"})
    assert (row["state"], row["off"], row["words"]) == ("stopped", True, "stopped by bob; R000001 has the channel")
    stop = (await client.get(f"/channels/{CHANNEL}"))["stop"]
    assert (stop["run_id"], stop["off"], stop["pending"], busy(client)) == ("R000001", False, True, True)


async def test_stop_of_a_run_that_is_over_does_not_call_the_channel_of_the_next_one_off(client: Client) -> None:
    """The next test of the same cell has begun by itself: the answer names it, and how it is stopped."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(300)
    await client.post("/runs", ORDER | {"by": "bob", "queue": True, "same_cell": True}, 201)
    await asyncio.sleep(2700)
    row = await client.post("/runs/R000001/stop", {"by": "ada"})
    assert (row["state"], row["off"], busy(client)) == ("completed", False, True)
    assert "R000002 has the channel: 'cellrig stop R000002' stops it" in row["words"]


async def test_hold_of_a_run_that_is_stopped_meanwhile_sends_nobody_to_a_channel_that_is_off(client: Client) -> None:
    """Two people at once: the run is over and not held, and the channel was seen to be off."""
    await client.post("/runs", ORDER, 201)
    stop = client.post("/runs/R000001/stop", BY)
    hold = client.post("/runs/R000001/hold", {"by": "bob"})
    _, row = await asyncio.gather(stop, hold)
    assert (row["state"], row["off"], busy(client)) == ("stopped", False, False)
    assert row["words"] == f"not held, it is over: stopped by ada; channel {CHANNEL} is off"


async def check_shown(client: Client) -> None:
    """Look each second until what somebody has started is shown: soon, and no look says that the channel is off."""
    for _ in range(12):
        row = await client.get(f"/channels/{CHANNEL}")
        if row["works_without_run"]:
            return
        state = row["run"]["state"] if row["run"] else ""
        assert row["use"] == "unknown" or state == "preflight", row["words"]
        await asyncio.sleep(1)
    raise AssertionError(f"not shown: {await words(client)}")


@pytest.mark.parametrize("is_resumed", [False, True])
async def test_start_that_somebodys_test_forbids_does_not_hide_it(client: Client, is_resumed: bool) -> None:
    """A poll leaves the channel to the start, which is refused: the test is shown, or the channel is not known."""
    if is_resumed:
        await client.post("/runs", ORDER, 201)
        await asyncio.sleep(130)
        await client.stopped("/runs/R000001/hold")
    await by_hand(client)
    await asyncio.sleep(70)
    path, body, status = ("/runs/R000001/resume", BY, 200) if is_resumed else ("/runs", ORDER, 201)
    await client.post(path, body, status)
    await asyncio.sleep(1)
    client.service.supervisors[0].wake(to_poll=True)
    await asyncio.sleep(2)
    await check_shown(client)


async def test_channel_is_not_known_before_the_first_look(rig: Rig, store: Store) -> None:
    """A service that has just started calls no channel free that it has not seen, and does not wait for its poll."""
    await rig.tester.start(await rig.tester.load(CHANNEL, short_segment(50_000.0), "x"), "by-hand")
    async with service_on(rig, store) as service:
        assert channel_now(service, CHANNEL).use is ChannelUse.UNKNOWN
        assert "whether it works is being asked of" in channel_now(service, CHANNEL).words
        await asyncio.sleep(2)
        assert "works, and not by us: 'by-hand'" in channel_now(service, CHANNEL).words
        assert channel_now(service, "21-1-5").words == "free"


async def test_channel_of_a_stopped_run_is_called_idle_only_when_it_was_seen(client: Client) -> None:
    """What the run has left is seen at once, and not at the next poll a minute later."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(130)
    await client.service.stop("R000001", "ada")
    assert (await client.get(f"/channels/{CHANNEL}"))["use"] == "unknown"
    await asyncio.sleep(2)
    assert (await client.get(f"/channels/{CHANNEL}"))["use"] == "idle"


# What the service says of a channel that is off, as far as a command looks at it.
ROW = {"channel": CHANNEL, "off": True, "pending": False, "answers": False}


@pytest.mark.real_time
async def test_exit_status_of_a_stop_says_whether_all_is_off(tmp_path: Path) -> None:
    """A script that stops a channel, or the rack, learns from the status alone that nobody has seen it to be off."""
    (tmp_path / "x.db.token").touch(0o600)
    (tmp_path / "x.db.token").write_text(TOKEN)
    on, ordered = ROW | {"off": False}, ROW | {"off": False, "pending": True}
    async with open_door(Bounds()) as door:
        service = ServiceClient(tmp_path / "x.db", f"http://127.0.0.1:{door.port}")
        for rows, status in (([ROW], DONE), ([], DONE), ([ROW, on], FAILED), ([ordered], FAILED)):
            door.app.answer = json.dumps(rows).encode()
            with pytest.raises(typer.Exit) as caught:
                await asyncio.to_thread(order_stop, service, "/rack/stop", "ada", json=True)
            assert caught.value.exit_code == status, rows
