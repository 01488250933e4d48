"""The lives of the service with its REST interface, in this process and in memory: ended in order, or killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from drivers.neware.client import NewareClient
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.api.app import create_app
from orchestrator.api.live_stream import LiveClients
from orchestrator.clock.virtual import wall_time
from orchestrator.events import Bus, Listener
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from simulators.bench import SimulatedBench
from tests.chaos.host import Network
from tests.spoiled import SpoiledTester

POLL_S = 60.0
_TOKEN = "t" * 43

# Hears of each start that leaves the service: its barcode, the name of its recipe, its run and its channel.
Sent = Callable[[str, str, str, str], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service has answered, and how long that took."""

    status: int
    body: Any
    took_s: float

    @property
    def is_accepted(self) -> bool:
        """Whether the order was taken."""
        return self.status < 300

    @property
    def error(self) -> str:
        """Why it was not."""
        return str(self.body.get("error", "")) if isinstance(self.body, dict) else ""


class Life:
    """One life of the service."""

    def __init__(self, bench: SimulatedBench, folder: Path, listener: Listener, sent: Sent) -> None:
        self.began_s = asyncio.get_running_loop().time()
        self._network = Network(bench.handle)
        self._store = open_store(folder / "cellrig.db")
        settings = NewareSettings(
            step_files=folder,
            step_files_on_bts_pc=str(folder),
            poll_period_s=POLL_S,
            units=(UnitSettings(devid=21, subdevid=1, voltage_low_v=-5.0),),
        )
        client = NewareClient(self._network.connect, settings.username, settings.password, settings.reply_timeout_s)
        tester = SpoiledTester(settings, client, wall_time)
        self.service = Service(self._store, [tester], Bus([listener]))
        tester.faults.before("start", lambda program, barcode: self._tell(program.channel, barcode, sent))
        self.task = asyncio.ensure_future(self.service.run())
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        transport = httpx.ASGITransport(create_app(self.service, LiveClients(self.service.bus), _TOKEN))
        headers = {"authorization": f"Bearer {_TOKEN}"}
        self._http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1", headers=headers)
        self._over = asyncio.Event()

    def _tell(self, channel: str, barcode: str, sent: Sent) -> None:
        for run in self.service.runs:
            if run.starting.barcode == barcode:
                sent(barcode, run.request.program.recipe, run.run_id, channel)

    async def ask(self, method: str, path: str, body: object = None) -> Reply | None:
        """Ask the service; None when it died meanwhile."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        asking = asyncio.ensure_future(self._http.request(method, path, json=body))
        over = asyncio.ensure_future(self._over.wait())
        await asyncio.wait({asking, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if self._over.is_set():
            asking.cancel()
            await asyncio.wait({asking})
            return None
        reply = asking.result()
        return Reply(reply.status_code, reply.json(), loop.time() - began_s)

    def kill(self) -> None:
        """End it without a word: nothing of it is written or sent any more."""
        self._over.set()
        self._network.host_is_dead = True
        self._store.close()
        self._network.cut()
        self.task.cancel()

    async def end(self) -> None:
        """End it in order; the tester goes on by itself."""
        self.task.cancel()
        await asyncio.wait({self.task})
        self._over.set()
        self._network.cut()
        self._store.close()
