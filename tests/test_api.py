"""The API as clients use it: what may be read, what may be ordered, and errors as sentences."""

import asyncio
from math import nan
from pathlib import Path

import pytest

from drivers.interfaces import Sample
from orchestrator.api.live_stream import LiveClient, LiveClients, TooManyClients, stream
from orchestrator.events import Bus, RunUpdate
from orchestrator.states import RunState
from tests.api_client import ORDER, Client, with_client
from tests.rig import CHANNEL
from tests.two_cycles import RECIPE

BY = {"by": "ada"}


async def test_run_is_started_read_and_over(client: Client) -> None:
    """From the order to the last row, with a recipe of one's own."""
    started = await client.post("/runs", ORDER | {"label": "my cell"}, 201)
    assert (started["run_id"], started["state"], started["label"]) == ("R000001", "queued", "my cell")
    await asyncio.sleep(600)
    channel = await client.get(f"/channels/{CHANNEL}")
    assert channel["run"]["state"] == "running"
    assert "runs R000001 (my cell)" in channel["words"]
    assert f", {channel['run']['step_name']}, " in channel["words"]
    assert channel["run"]["step_name"].startswith("constant_current ")
    await asyncio.sleep(6000)
    run = await client.get("/runs/R000001")
    assert (run["state"], run["recipe"]) == ("completed", "two-cycles")
    assert run["tests"][0]["samples"] > 100
    assert [row["run_id"] for row in (await client.get("/runs"))["runs"]] == ["R000001"]
    events = (await client.get("/runs/R000001/events"))["events"]
    assert "start ordered by ada" in [event["message"] for event in events]
    assert await client.get("/runs/R000001/deviations") == {"deviations": [], "after": 0, "more": False}


async def test_pages_of_samples_are_whole_and_without_overlap(client: Client) -> None:
    """Whatever the page size, the pages put together are the rows of the store."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(7000)
    for table in ("samples", "steps", "cycles"):
        whole = await client.get(f"/runs/R000001/{table}?limit=2000")
        assert whole["rows"]
        assert not whole["more"]
        rows: list[object] = []
        page = {"after_test": 0, "after": 0, "more": True}
        while page["more"]:
            query = f"after_test={page['after_test']}&after={page['after']}&limit=7"
            page = await client.get(f"/runs/R000001/{table}?{query}")
            assert len(page["rows"]) <= 7
            rows += page["rows"]
        assert rows == whole["rows"]
        again = await client.get(f"/runs/R000001/{table}?after_test={page['after_test']}&after={page['after']}")
        assert again["rows"] == []


async def test_stop_resume_and_acknowledge_by_name(client: Client) -> None:
    """A held run is resumed and stopped; what must not be done is refused with its reason."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(900)
    assert "only a held run" in (await client.post("/runs/R000001/resume", BY, 409))["error"]
    assert "only a tripped run" in (await client.post("/runs/R000001/acknowledge", BY, 409))["error"]
    client.rig.bench.tester.reboot(keep_program=False)
    await asyncio.sleep(300)
    channel = await client.get(f"/channels/{CHANNEL}")
    assert (channel["run"]["state"], channel["needs_person"]) == ("holding", True)
    assert (await client.post("/runs/R000001/resume", BY))["state"] == "running"
    assert (await client.stopped("/runs/R000001/stop"))["state"] == "stopped"
    assert (await client.get("/deviations"))["deviations"][-1]["effect"].startswith("resumed by ada")
    assert await client.post("/rack/stop", BY) == []


async def test_rack_stop_stops_every_run(client: Client) -> None:
    """One order, all channels, each confirmed: the answer comes in time, the confirmations as the tester gives them."""
    for n in (3, 5):
        await client.post("/runs", ORDER | {"channel": f"21-1-{n}"}, 201)
    await asyncio.sleep(300)
    assert [row["channel"] for row in await client.post("/rack/stop", BY)] == ["21-1-3", "21-1-5"]
    await asyncio.sleep(30)
    for n in (3, 5):
        now = await client.get(f"/channels/21-1-{n}")
        assert (now["run"]["state"], now["stop"]["off"]) == ("stopped", True)


@pytest.mark.parametrize("path", ["/runs/R000001/stop", "/rack/stop"])
async def test_stop_says_that_it_has_left_although_it_cannot_be_written_down(client: Client, path: str) -> None:
    """The store takes nothing: the cell is off, and whoever stopped it is not told to try again only."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(300)
    client.service.store.connection.execute("PRAGMA query_only = 1")
    found = await client.post(path, BY)
    (row,) = found if isinstance(found, list) else [found]
    assert "the stop is sent all the same" in row["words"]
    await asyncio.sleep(10)
    assert not client.rig.bench.tester.channel(CHANNEL).busy
    assert "at the tester too" in (await client.get(f"/channels/{CHANNEL}"))["stop"]["words"]
    await asyncio.sleep(100)
    assert len((await client.get("/status"))["troubles"]) == 1
    client.service.store.connection.execute("PRAGMA query_only = 0")
    await asyncio.sleep(200)
    assert (await client.get("/status"))["troubles"] == []
    assert (await client.get("/runs/R000001"))["state"] == "stopped"


async def test_claim_locks_a_channel_until_it_expires(client: Client) -> None:
    """Another client is refused with the owner's name, until time or the owner gives it back."""
    claimed = await client.post(f"/channels/{CHANNEL}/claim", {"owner": "bob", "duration_s": 60})
    assert claimed["claim"] == {"owner": "bob", "left_s": pytest.approx(60)}
    assert "claimed by bob" in (await client.post("/runs", ORDER, 409))["error"]
    gone = await client.http.delete(f"/api/v1/channels/{CHANNEL}/claim", params={"owner": "ada"})
    assert gone.status_code == 409
    await asyncio.sleep(61)
    assert (await client.get(f"/channels/{CHANNEL}"))["claim"] is None
    await client.post("/runs", ORDER, 201)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"channel": "21-9-1"}, 404, ["21-9-1", "21-1-1"]),
        ({"recipe_yaml": None, "recipe": "li-li-0.3"}, 422, ["li-li-0.3", "li-li-0.2"]),
        ({"recipe_yaml": None, "recipe": "../../etc/passwd"}, 422, ["recipe"]),
        ({"recipe_yaml": RECIPE.replace("mA/cm2", "mA/cm3")}, 422, ["recipe_yaml:9", "recipe_yaml:10"]),
        ({"recipe": "li-li-0.2"}, 422, ["either recipe or recipe_yaml"]),
        ({"by": "ada\nstate: running", "label": "x" * 65, "colour": 1}, 422, ["body.by", "body.label", "body.colour"]),
        ({"cell": "coated-lfp"}, 422, ["lfp"]),
    ],
    ids=["channel", "recipe", "path", "units", "both", "line break", "kind"],
)
async def test_wrong_order_is_told_with_every_problem(
    client: Client, change: dict[str, object], status: int, words: list[str]
) -> None:
    """Nothing is queued, and the sentence says what is wrong."""
    error = (await client.post("/runs", ORDER | change, status))["error"]
    assert [word for word in words if word not in error] == []
    assert client.service.runs == []


async def test_unknown_things_are_404(client: Client) -> None:
    """Runs, channels and paths that are not there."""
    for path in ("/runs/R000009", "/runs/R000009/samples", "/runs/x/events", "/channels/1-1-1", "/nothing"):
        assert (await client.get(path, 404))["error"]
    await client.post("/runs/R000009/stop", BY, 404)


def test_status_says_what_happened_since_the_restart(tmp_path: Path) -> None:
    """A run that went on without the service is told so, in words."""

    async def work(client: Client) -> None:
        await client.post("/runs", ORDER, 201)
        await asyncio.sleep(300)

    with_client(tmp_path, work)

    async def afterwards(client: Client) -> None:
        await asyncio.sleep(100)
        told = await client.get("/status")
        lost = [row["what"] for row in told["since_start"] if row["run_id"] == "R000001"]
        assert any("could not go on and is held" in what for what in lost)
        assert told["undecided"] or [row for row in told["channels"] if row["needs_person"]]

    # The rig of the second is a new one, which knows nothing of the run: it is not started again.
    with_client(tmp_path, afterwards)


async def test_lists_of_what_there_is(client: Client) -> None:
    """Instruments with what happens when the host dies, recipes, cells, health."""
    (tester,) = await client.get("/instruments")
    assert (tester["host_loss"], len(tester["channels"])) == ("rides_on", 8)
    assert "li-li-0.2" in [recipe["name"] for recipe in await client.get("/recipes")]
    assert "coated-lfp" in [cell["name"] for cell in await client.get("/cells")]
    await asyncio.sleep(130)
    health = (await client.http.get("/health")).json()
    until = {"observes_until_unix_s": None, "observes_until_utc": None}
    assert health == {"ok": True, "observe_only": False, "ticks": {"ct4008": 2}} | until


def an_update(cycle: int) -> RunUpdate:
    """Give an update that is told from others by its cycle."""
    return RunUpdate("R000001", "", CHANNEL, RunState.RUNNING, "", 0.0, 1.0, cycle, None, 0)


async def test_slow_client_loses_the_oldest_values_and_is_told() -> None:
    """The queue is bounded; what is dropped is counted, and the newest values are kept."""
    core = Bus()
    bus = LiveClients(core)
    with bus.client(length=3) as slow, bus.client() as quick:
        for cycle in range(5):
            core.tell(an_update(cycle))
        assert [update.cycle for update in await slow.take(1) or ()] == [2, 3, 4]
        assert [update.cycle for update in await quick.take(1) or ()] == [0, 1, 2, 3, 4]
        assert (slow.dropped, quick.dropped) == (2, 0)
        bus.close()
        assert await slow.take(1) is None
    assert bus.dropped == 2
    assert bus.clients == 0


async def test_live_values_go_on_where_a_voltage_is_missing(client: Client) -> None:
    """The tester sent no number: the client gets the run's other values, and the stream does not end."""

    def miss(samples: list[Sample]) -> list[Sample]:
        return [sample._replace(voltage_v=nan) if sample.sequence % 3 else sample for sample in samples]

    client.rig.tester.faults.change("records", miss)
    await client.post("/runs", ORDER, 201)
    async with asyncio.timeout(300):
        async for text in stream(client.bus, []):
            if '"state": "running"' in text and '"voltage_v": null' in text and '"samples": 0' not in text:
                return
    pytest.fail("the stream ended")


async def test_live_clients_are_limited() -> None:
    """The service feeds so many clients and no more."""
    bus = LiveClients(Bus())
    with pytest.raises(TooManyClients, match="64"):
        _take_all(bus)


def _take_all(bus: LiveClients) -> None:
    from contextlib import ExitStack

    with ExitStack() as stack:
        clients: list[LiveClient] = [stack.enter_context(bus.client()) for _ in range(65)]
        assert clients == []
