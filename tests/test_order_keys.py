"""Orders with an idempotency key: carried out once, answered the same again, whatever dies in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.rack.service import Service
from orchestrator.store import Store, open_store
from tests.api_client import ORDER, Client, client_of
from tests.rig import Rig

KEY = {"Idempotency-Key": "night-script-17"}


async def order(http: httpx.AsyncClient, status: int = 201, headers: dict[str, str] = KEY, **change: object) -> Any:  # noqa: ANN401 - JSON
    """Order a run with a key, and assert the status."""
    reply = await http.post("/api/v1/runs", json=ORDER | change, headers=headers)
    assert reply.status_code == status, reply.text
    return reply.json()


@asynccontextmanager
async def life(path: Path, rig: Rig) -> AsyncIterator[tuple[httpx.AsyncClient, Service, Store]]:
    """Run a service on a store and a rig until the block is left: then it is killed."""
    with open_store(path) as store:
        service = Service(store, [rig.tester])
        async with client_of(service) as (http, _):
            yield http, service, store


async def test_same_order_with_the_same_key_is_one_run(client: Client) -> None:
    """The answer is the first one, letter for letter, hours later too, and however the order's text is laid out."""
    first = await order(client.http)
    await asyncio.sleep(600)
    assert await order(client.http) == first
    turned = dict(reversed(list((ORDER | {"queue": False}).items())))
    assert (await client.http.post("/api/v1/runs", json=turned, headers=KEY)).json() == first
    assert [run.run_id for run in client.service.runs] == [first["run_id"]] == ["R000001"]


async def test_two_at_once_with_the_same_key_are_one_run(client: Client) -> None:
    """The second comes while the first one's recipe is being read."""
    answers = await asyncio.gather(order(client.http), order(client.http))
    assert answers[0] == answers[1]
    assert len(client.service.runs) == 1


async def test_another_order_with_a_used_key_is_refused(client: Client) -> None:
    """It is told which run has the key, and nothing is ordered; other keys and no key are other orders."""
    await order(client.http)
    error = (await order(client.http, 422, channel="21-1-5"))["error"]
    assert "night-script-17" in error
    assert "R000001" in error
    await order(client.http, headers={"Idempotency-Key": "another"}, channel="21-1-5")
    await order(client.http, headers={}, channel="21-1-7")
    assert len(client.service.runs) == 3


async def test_refused_order_leaves_its_key_free(client: Client) -> None:
    """What was refused was not carried out: the same key serves when the reason is gone."""
    claim = {"owner": "bob", "duration_s": 60}
    await client.post("/channels/21-1-3/claim", claim)
    await order(client.http, 409)
    await asyncio.sleep(61)
    assert (await order(client.http))["run_id"] == "R000001"


async def test_key_holds_over_a_kill_of_the_service(tmp_path: Path, rig: Rig) -> None:
    """A client that asks the next service again has the answer of the one that died, and no second run."""
    async with life(tmp_path / "cellrig.db", rig) as (http, _, _):
        first = await order(http)
        await asyncio.sleep(300)
    async with life(tmp_path / "cellrig.db", rig) as (http, service, store):
        assert await order(http) == first
        await order(http, 422, label="another cell")
        await asyncio.sleep(300)
        assert [row.run_id for row in store.runs()] == [run.run_id for run in service.runs] == ["R000001"]


async def test_answer_is_stored_with_its_run_or_neither_is(client: Client) -> None:
    """The answer cannot be written: nothing is ordered, and the same order is carried out when it can."""
    client.service.store.connection.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON main.event WHEN new.kind = 'order key' "
        "BEGIN SELECT raise(ABORT, 'no room'); END"
    )
    await order(client.http, 503)
    assert client.service.runs == []
    assert client.service.store.runs() == []
    client.service.store.connection.execute("DROP TRIGGER full")
    assert (await order(client.http))["run_id"] == "R000001"


@pytest.mark.parametrize("key", ["", "two words", "x" * 129])
async def test_key_is_a_word(client: Client, key: str) -> None:
    """An empty key, one with a space and one without end are refused by name."""
    assert "Idempotency-Key" in (await order(client.http, 422, headers={"Idempotency-Key": key}))["error"]


async def test_key_that_was_sent_twice_is_refused(client: Client) -> None:
    """Two programs in between may each use another one."""
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert (await client.http.post("/api/v1/runs", json=ORDER, headers=twice)).status_code == 400
