"""A client of the API in this process, with the service and the simulated rack behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from orchestrator.api.app import create_app
from orchestrator.api.live_stream import LiveClients
from orchestrator.clock.virtual import run_virtual
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from tests.rig import CHANNEL, Rig, open_rig
from tests.two_cycles import RECIPE

TOKEN = "t" * 43
ORDER = {"recipe_yaml": RECIPE, "cell": "coated-li-li", "channel": CHANNEL, "by": "ada"}


async def answered(http: httpx.AsyncClient, method: str, path: str, status: int, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Give the answer to a request, and assert its status."""
    reply = await http.request(method, f"/api/v1{path}", json=body)
    assert reply.status_code == status, reply.text
    return reply.json()


@dataclass
class Client:
    """A client of a service on a rig."""

    http: httpx.AsyncClient
    rig: Rig
    service: Service
    bus: LiveClients

    async def get(self, path: str, status: int = 200) -> Any:  # noqa: ANN401 - JSON
        """Read, and assert the status."""
        return await answered(self.http, "GET", path, status)

    async def post(self, path: str, body: object, status: int = 200) -> Any:  # noqa: ANN401 - JSON
        """Order, and assert the status."""
        return await answered(self.http, "POST", path, status, body)

    async def stopped(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Order a stop as ada, and give its channel's report once the stop has ended, as the command line does."""
        row = await self.post(path, {"by": "ada"})
        while row["pending"]:
            await asyncio.sleep(1)
            row = (await self.get(f"/channels/{row['channel']}"))["stop"]
        return row


@asynccontextmanager
async def client_of(service: Service, first_s: float = 0.0) -> AsyncIterator[tuple[httpx.AsyncClient, LiveClients]]:
    """Run a service and open a client with its token, after so many seconds; leaving the block kills the service."""
    bus = LiveClients(service.bus)
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(first_s)
    transport = httpx.ASGITransport(create_app(service, bus, TOKEN))
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http:
        yield http, bus
    task.cancel()
    await asyncio.wait({task})


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Client]:
    """Run a service with its API on a rig of eight channels."""
    async with open_rig(poll_period_s=60.0) as rig:
        with open_store(path) as store:
            service = Service(store, [rig.tester])
            async with client_of(service) as (http, bus):
                yield Client(http, rig, service, bus)


def with_client(folder: Path, work: Callable[[Client], Awaitable[None]]) -> None:
    """Run a test's body in virtual time."""

    async def main() -> None:
        async with serving(folder / "cellrig.db") as client:
            await work(client)

    run_virtual(main())
