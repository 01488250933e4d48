"""A service on a simulated rack behind a real loopback socket, for clients that are programs of real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.api.address import listen, url_of
from orchestrator.api.app import create_app
from orchestrator.api.http_server import http_server
from orchestrator.api.live_stream import LiveClients
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from tests.api_client import TOKEN
from tests.rig import open_rig


@dataclass(frozen=True, slots=True)
class Served:
    """A service that answers at ``url``."""

    url: str
    service: Service
    live: LiveClients


@asynccontextmanager
async def served(folder: Path, poll_period_s: float = 60.0) -> AsyncIterator[Served]:
    """Serve a rig with the store ``cellrig.db`` in a folder; leaving the block ends the service in order."""
    settings = ServiceSettings(port=0)
    async with open_rig(poll_period_s=poll_period_s) as rig:
        with open_store(folder / "cellrig.db") as store, closing(listen(settings)) as listening:
            service = Service(store, [rig.tester])
            live = LiveClients(service.bus)
            server = http_server(create_app(service, live, TOKEN), settings)
            tasks = [asyncio.ensure_future(service.run()), asyncio.ensure_future(server.serve(sockets=[listening]))]
            try:
                yield Served(url_of(settings, listening), service, live)
            finally:
                live.close()
                server.should_exit = True
                await tasks[1]
                tasks[0].cancel()
                await asyncio.wait(tasks)
