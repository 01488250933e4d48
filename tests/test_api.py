"""The API as clients use it: what may be read, what may be ordered, and errors as sentences."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.api.app import create_app
from orchestrator.api.live_stream import LiveClient, LiveClients, TooManyClients
from orchestrator.clock.virtual import run_virtual
from orchestrator.events import Bus, RunUpdate
from orchestrator.rack.service import Service
from orchestrator.states import RunState
from orchestrator.store import open_store
from tests.rig import CHANNEL, Rig, open_rig

pytestmark = pytest.mark.timeout(60)

TOKEN = "t" * 43
BY = {"by": "ada"}
RECIPE = """\
name: two-cycles
title: Two short cycles
for: [li-li]
record: {every: 30 s, on_voltage_change: 5 mV}
steps:
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 10 min, voltage: 0.5 V}}
      - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 10 min, voltage: -0.5 V}}
"""
ORDER = {"recipe_yaml": RECIPE, "cell": "coated-li-li", "channel": CHANNEL, "by": "ada"}


@dataclass
class Client:
    """A client of a service on a rig."""

    http: httpx.AsyncClient
    rig: Rig
    service: Service
    bus: LiveClients

    async def get(self, path: str, status: int = 200) -> Any:  # noqa: ANN401 - JSON
        """Read, and assert the status."""
        reply = await self.http.get(f"/api/v1{path}")
        assert reply.status_code == status, reply.text
        return reply.json()

    async def post(self, path: str, body: object, status: int = 200) -> Any:  # noqa: ANN401 - JSON
        """Order, and assert the status."""
        reply = await self.http.post(f"/api/v1{path}", json=body)
        assert reply.status_code == status, reply.text
        return reply.json()


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Client]:
    """Run a service with its API on a rig of eight channels."""
    async with open_rig(poll_period_s=60.0) as rig:
        with open_store(path) as store:
            service = Service(store, [rig.tester])
            bus = LiveClients(service.bus)
            task = asyncio.ensure_future(service.run())
            await asyncio.sleep(0)
            transport = httpx.ASGITransport(create_app(service, bus, TOKEN))
            headers = {"authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http:
                yield Client(http, rig, service, bus)
            task.cancel()
            await asyncio.wait({task})


def with_client(folder: Path, work: Callable[[Client], Awaitable[None]]) -> None:
    """Run a test's body in virtual time."""

    async def main() -> None:
        async with serving(folder / "cellrig.db") as client:
            await work(client)

    run_virtual(main())


def test_run_is_started_read_and_over(tmp_path: Path) -> None:
    """From the order to the last row, with a recipe of one's own."""

    async def work(client: Client) -> None:
        started = await client.post("/runs", ORDER | {"label": "my cell"}, 201)
        assert (started["run_id"], started["state"], started["label"]) == ("R000001", "queued", "my cell")
        await asyncio.sleep(600)
        channel = await client.get(f"/channels/{CHANNEL}")
        assert channel["run"]["state"] == "running"
        assert "runs R000001 (my cell)" in channel["words"]
        await asyncio.sleep(6000)
        run = await client.get("/runs/R000001")
        assert (run["state"], run["recipe"]) == ("completed", "two-cycles")
        assert run["tests"][0]["samples"] > 100
        assert [row["run_id"] for row in (await client.get("/runs"))["runs"]] == ["R000001"]
        events = (await client.get("/runs/R000001/events"))["events"]
        assert "start ordered by ada" in [event["message"] for event in events]
        assert await client.get("/runs/R000001/deviations") == {"deviations": [], "after": 0, "more": False}

    with_client(tmp_path, work)


def test_pages_of_samples_are_whole_and_without_overlap(tmp_path: Path) -> None:
    """Whatever the page size, the pages put together are the rows of the store."""

    async def work(client: Client) -> None:
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

    with_client(tmp_path, work)


def test_stop_resume_and_acknowledge_by_name(tmp_path: Path) -> None:
    """A held run is resumed and stopped; what must not be done is refused with its reason."""

    async def work(client: Client) -> None:
        await client.post("/runs", ORDER, 201)
        await asyncio.sleep(900)
        assert "only a held run" in (await client.post("/runs/R000001/resume", BY, 409))["error"]
        assert "only a tripped run" in (await client.post("/runs/R000001/acknowledge", BY, 409))["error"]
        client.rig.bench.tester.reboot(keep_program=False)
        await asyncio.sleep(300)
        channel = await client.get(f"/channels/{CHANNEL}")
        assert (channel["run"]["state"], channel["needs_person"]) == ("holding", True)
        assert (await client.post("/runs/R000001/resume", BY))["state"] == "running"
        assert (await client.post("/runs/R000001/stop", BY))["state"] == "stopped"
        assert (await client.get("/deviations"))["deviations"][-1]["effect"].startswith("resumed by ada")
        assert await client.post("/rack/stop", BY) == []

    with_client(tmp_path, work)


def test_rack_stop_stops_every_run(tmp_path: Path) -> None:
    """One order, all channels, each confirmed."""

    async def work(client: Client) -> None:
        for n in (3, 5):
            await client.post("/runs", ORDER | {"channel": f"21-1-{n}"}, 201)
        await asyncio.sleep(300)
        assert [run["state"] for run in await client.post("/rack/stop", BY)] == ["stopped", "stopped"]

    with_client(tmp_path, work)


@pytest.mark.parametrize("path", ["/runs/R000001/stop", "/rack/stop"])
def test_stop_says_that_it_has_left_although_it_cannot_be_written_down(tmp_path: Path, path: str) -> None:
    """The store takes nothing: the cell is off, and whoever stopped it is not told to try again only."""

    async def work(client: Client) -> None:
        await client.post("/runs", ORDER, 201)
        await asyncio.sleep(300)
        client.service.store.connection.execute("PRAGMA query_only = 1")
        said = await client.post(path, BY, 503)
        assert "at the tester too" in said["error"]
        assert not client.rig.bench.tester.channel(CHANNEL).busy
        await asyncio.sleep(100)
        assert len((await client.get("/status"))["troubles"]) == 1
        client.service.store.connection.execute("PRAGMA query_only = 0")
        await asyncio.sleep(200)
        assert (await client.get("/status"))["troubles"] == []
        assert (await client.get("/runs/R000001"))["state"] == "stopped"

    with_client(tmp_path, work)


def test_claim_locks_a_channel_until_it_expires(tmp_path: Path) -> None:
    """Another client is refused with the owner's name, until time or the owner gives it back."""

    async def work(client: Client) -> None:
        claimed = await client.post(f"/channels/{CHANNEL}/claim", {"owner": "bob", "duration_s": 60})
        assert claimed["claim"] == {"owner": "bob", "left_s": pytest.approx(60)}
        assert "claimed by bob" in (await client.post("/runs", ORDER, 409))["error"]
        gone = await client.http.delete(f"/api/v1/channels/{CHANNEL}/claim", params={"owner": "ada"})
        assert gone.status_code == 409
        await asyncio.sleep(61)
        assert (await client.get(f"/channels/{CHANNEL}"))["claim"] is None
        await client.post("/runs", ORDER, 201)

    with_client(tmp_path, work)


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
def test_wrong_order_is_told_with_every_problem(
    tmp_path: Path, change: dict[str, object], status: int, words: list[str]
) -> None:
    """Nothing is queued, and the sentence says what is wrong."""

    async def work(client: Client) -> None:
        error = (await client.post("/runs", ORDER | change, status))["error"]
        assert [word for word in words if word not in error] == []
        assert client.service.runs == []

    with_client(tmp_path, work)


def test_unknown_things_are_404(tmp_path: Path) -> None:
    """Runs, channels and paths that are not there."""

    async def work(client: Client) -> None:
        for path in ("/runs/R000009", "/runs/R000009/samples", "/runs/x/events", "/channels/1-1-1", "/nothing"):
            assert (await client.get(path, 404))["error"]
        await client.post("/runs/R000009/stop", BY, 404)

    with_client(tmp_path, work)


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


def test_lists_of_what_there_is(tmp_path: Path) -> None:
    """Instruments with what happens when the host dies, recipes, cells, health."""

    async def work(client: Client) -> None:
        (tester,) = await client.get("/instruments")
        assert (tester["host_loss"], len(tester["channels"])) == ("rides_on", 8)
        assert "li-li-0.2" in [recipe["name"] for recipe in await client.get("/recipes")]
        assert "coated-lfp" in [cell["name"] for cell in await client.get("/cells")]
        await asyncio.sleep(130)
        health = (await client.http.get("/health")).json()
        assert health == {"ok": True, "observe_only": False, "ticks": {"ct4008": 2}}

    with_client(tmp_path, work)


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
