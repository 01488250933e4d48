"""The computer that the service runs on: it can be killed at any moment, and what dies says nothing to anybody.

A kill closes the store first and the link with it, so that nothing of the dying process is written or sent; only then
is its task cancelled. What was on the wire already arrives, as it would from a real socket.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.interfaces import BatteryTester
from drivers.neware.client import NewareClient
from drivers.neware.settings import NewareSettings, UnitSettings
from drivers.neware.tester import NewareTester
from drivers.transport.line import Streams
from orchestrator.api.app import create_app
from orchestrator.api.live_stream import LiveClients
from orchestrator.clock.virtual import wall_time
from orchestrator.events import Bus, Listener
from orchestrator.rack.ovens import NO_OVENS
from orchestrator.rack.service import Service
from orchestrator.store import Store, open_store
from simulators.bench import SimulatedBench
from simulators.memory_streams import connect_memory
from tests.api_client import TOKEN
from tests.chaos.corner import Corner
from tests.web_rig import InProcess

if TYPE_CHECKING:
    from tests.chaos.instruments import Instruments

POLL_S = 300.0
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Network:
    """The way from the host to an instrument; ``down`` while nobody answers there."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._writers: list[asyncio.StreamWriter] = []
        self.down = False
        self.host_is_dead = False

    async def connect(self) -> Streams:
        """Open a connection, or refuse it."""
        return self.connected()

    def connected(self) -> Streams:
        """Do the same at once."""
        if self.down or self.host_is_dead:
            raise ConnectionRefusedError("nobody answers")
        reader, writer = connect_memory(self._handle)
        self._writers = [other for other in self._writers if not other.is_closing()] + [writer]
        return reader, writer

    def cut(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.close()


class Process:
    """One life of the service."""

    def __init__(
        self,
        bench: SimulatedBench,
        corner: Corner,
        folder: Path,
        listeners: Iterable[Listener],
        instruments: Instruments | None,
    ) -> None:
        self.network = Network(bench.handle)
        self._instruments = None if instruments is None else instruments.life()
        self.to_switch = Network(corner.relays.handle)
        self.store: Store = open_store(folder / "cellrig.db")
        settings = NewareSettings(
            step_files=folder,
            step_files_on_bts_pc=str(folder),
            poll_period_s=POLL_S,
            units=(UnitSettings(devid=21, subdevid=1, voltage_low_v=-5.0),),
        )
        client = NewareClient(self.network.connect, settings.username, settings.password, settings.reply_timeout_s)
        tester = NewareTester(settings, client, wall_time)
        station = corner.station(self.to_switch.connected, lambda: self.network.host_is_dead)
        testers: list[BatteryTester] = [tester]
        ovens = NO_OVENS
        if self._instruments is not None:
            testers.append(self._instruments.tester)
            ovens = self._instruments.ovens
        self.service = Service(self.store, testers, Bus(listeners), station=station, ovens=ovens)
        self._app = create_app(self.service, LiveClients(self.service.bus), TOKEN)
        self._exchanges: list[InProcess] = []
        self.task = asyncio.ensure_future(self.service.run())
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())

    @asynccontextmanager
    async def exchange(self) -> AsyncIterator[InProcess]:
        """Connect to its interface, as another process of the service does."""
        exchange = InProcess(self._app, Counter())
        self._exchanges.append(exchange)
        try:
            yield exchange
        finally:
            self._exchanges.remove(exchange)
            await exchange.close()

    def kill(self) -> None:
        """End it without a word."""
        self.network.host_is_dead = self.to_switch.host_is_dead = True
        for exchange in self._exchanges:
            exchange.break_off()
        self.store.close()
        self.network.cut()
        self.to_switch.cut()
        if self._instruments is not None:
            self._instruments.kill()
        self.task.cancel()


class Host:
    """The computer with its disk: processes come and go."""

    def __init__(
        self,
        bench: SimulatedBench,
        corner: Corner,
        folder: Path,
        listeners: Iterable[Listener],
        instruments: Instruments | None = None,
    ) -> None:
        self._bench = bench
        self._instruments = instruments
        self._corner = corner
        self._folder = folder
        self._listeners = tuple(listeners)
        # Called when the service was started: what lives beside it is started with it.
        self.started: Callable[[], None] = lambda: None
        self._down = self._switch_down = False
        self.process: Process | None = None

    @property
    def store_file(self) -> Path:
        """Where the store is."""
        return self._folder / "cellrig.db"

    @property
    def service(self) -> Service | None:
        """The service, if it is up."""
        return self.process.service if self.process else None

    def start(self) -> None:
        """Start the service unless it is up."""
        if self.process is None:
            self.process = Process(self._bench, self._corner, self._folder, self._listeners, self._instruments)
            self.process.network.down = self._down
            self.process.to_switch.down = self._switch_down
            self.started()

    def kill(self) -> None:
        """Kill the service if it is up."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()

    def bts_is_dead(self, dead: bool) -> None:
        """Let BTS's server die, or live again."""
        self._down = dead
        if self.process is not None:
            self.process.network.down = dead
            if dead:
                self.process.network.cut()

    def switch_is_dead(self, dead: bool) -> None:
        """Let the switch lose its power, at which its relays open, or have it again."""
        self._switch_down = dead
        if dead:
            self._corner.relays.relays.open_all()
        if self.process is not None:
            self.process.to_switch.down = dead
            if dead:
                self.process.to_switch.cut()
