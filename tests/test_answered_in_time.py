"""Every command is answered within five seconds, whatever the tester and the store do."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from simulators.faults import Fault, Spoil
from tests.api_client import ORDER, Client
from tests.figures import Figure
from tests.rig import CHANNEL, short_segment

BY = {"by": "ada"}
OTHER = "21-1-5"
ORDERS = {
    "run": ("/runs", ORDER | {"channel": OTHER, "label": "second"}),
    "hold": ("/runs/R000001/hold", BY),
    "stop": ("/runs/R000001/stop", BY),
    "stop of a channel": (f"/channels/{CHANNEL}/stop", BY),
    "stop of an idle channel": (f"/channels/{OTHER}/stop", BY),
    "stop of the rack": ("/rack/stop", BY),
    "resume": ("/runs/R000001/resume", BY),
    "acknowledge": ("/runs/R000001/acknowledge", BY),
    "claim": (f"/channels/{OTHER}/claim", {"owner": "ada", "duration_s": 60}),
}


@pytest.mark.parametrize("what", ORDERS)
async def test_silent_tester_keeps_no_answer_waiting(client: Client, what: str) -> None:
    """A run goes on, or is held for ``resume``, and the tester says nothing more: the answer is a sentence."""
    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(300)
    if what == "resume":
        await client.post("/runs/R000001/hold", BY)
        await asyncio.sleep(60)
    client.rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
    path, body = ORDERS[what]
    since_s = asyncio.get_running_loop().time()
    reply = await client.http.post(f"/api/v1{path}", json=body)
    assert asyncio.get_running_loop().time() - since_s <= 5
    assert reply.status_code in {200, 201, 409}
    if what in {"hold", "stop"}:
        assert reply.json()["words"].startswith(f"the {what} of R000001 on {CHANNEL} is ordered and not confirmed")
    assert reply.json()


@pytest.mark.parametrize(("reply_s", "known"), [(1.5, CHANNEL), (3.0, "ct4008")])
async def test_slow_tester_keeps_no_stop_of_a_rack_waiting(client: Client, reply_s: float, known: str) -> None:
    """The look at all channels and the stop of what works there are one answer, and are both carried out after it."""
    tester = client.rig.tester
    await tester.start(await tester.load(CHANNEL, short_segment(50_000.0), "x"), "by-hand")
    client.rig.bench.wire.spoil(Fault(Spoil.LATE, None, None, seconds=reply_s))
    since_s = asyncio.get_running_loop().time()
    rows = await client.post("/rack/stop", BY)
    assert asyncio.get_running_loop().time() - since_s <= 5
    assert [(row["channel"], row["off"]) for row in rows] == [(known, False)]
    await asyncio.sleep(60)
    assert not client.rig.bench.tester.channel(CHANNEL).busy


async def test_locked_store_keeps_no_stop_of_a_rack_waiting(client: Client, figure: Figure) -> None:
    """Another program holds the store: eight runs are stopped at the tester, and the answer comes in time.

    Faults F02.
    """
    channels = [f"21-1-{n}" for n in range(1, 9)]
    for channel in channels:
        await client.post("/runs", ORDER | {"channel": channel, "label": channel}, 201)
    await asyncio.sleep(600)
    store = client.service.store
    store.connection.execute("PRAGMA busy_timeout = 20")
    waited: list[str] = []
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.connection.set_trace_callback(waited.append)
        since_s = asyncio.get_running_loop().time()
        reply = await client.http.post("/api/v1/rack/stop", json=BY)
        assert asyncio.get_running_loop().time() - since_s <= 5
        assert reply.status_code in {200, 503}
        await asyncio.sleep(30)
        store.connection.set_trace_callback(None)
        waits = waited.count("BEGIN IMMEDIATE") - waited.count("PRAGMA busy_timeout = 0")
        assert [channel for channel in channels if client.rig.bench.tester.channel(channel).busy] == []
    # Of all writes of all stops one waits, and another in five seconds of real time, in ten, in twenty.
    assert 1 <= waits <= 4
    figure("F02", "waits of a second while a rack is stopped", waits, "")
    assert waited.count("PRAGMA busy_timeout = 0") >= len(channels)
