"""The potentiostat's corner of the bench: program, switch and leads, which outlive the service, and hands on them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.chi660e.settings import Chi660eSettings
from drivers.interfaces import HostLoss, Isolation
from drivers.mux import RelayMultiplexer, RelayMuxSettings, streams
from drivers.transport.line import Streams
from orchestrator.bench.station import Station
from orchestrator.clock.virtual import VirtualTimeLoop, wall_time
from simulators.bench import SimulatedBench
from simulators.chi660e.control_socket import BenchControl
from simulators.chi660e.launching import BenchProcess, Launcher, program
from simulators.mux import SimulatedMux
from tests.chaos.plan import CHANNELS
from tests.station_rig import popups

PORTS = {channel: port for port, channel in enumerate(CHANNELS, 1)}


@dataclass(slots=True)
class Stay:
    """A cell's stay at the leads, in the bench's seconds."""

    channel: str
    began_s: float
    ended_s: float = inf


class Child:
    """The program as the service that started it sees it: who is dead sees and does nothing any more."""

    def __init__(self, process: BenchProcess, is_dead: Callable[[], bool]) -> None:
        self.process = process
        self.is_dead = is_dead
        self.pid = process.pid

    def poll(self) -> int | None:
        """Give the exit code, None while it runs."""
        return None if self.is_dead() else self.process.poll()

    def terminate(self) -> None:
        """Ask it to end."""
        self.kill()

    def kill(self) -> None:
        """End it."""
        if self.is_dead():
            raise ProcessLookupError("the dead end nobody")
        self.process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self.is_dead():
            raise subprocess.TimeoutExpired("the dead wait for nobody", timeout or 0.0)
        return self.process.wait(timeout)


class Corner:
    """What stands beside the rack. ``clipped`` hears which cell the leads have come to, None for none."""

    def __init__(
        self, bench: SimulatedBench, loop: VirtualTimeLoop, folder: Path, clipped: Callable[[str | None], None]
    ) -> None:
        self.relays = SimulatedMux(len(PORTS), on_select=self._reach)
        self.stays: list[Stay] = []
        self._bench = bench
        self._loop = loop
        self._clipped = clipped
        self._control = BenchControl(bench.leads, working=loop.busy)
        self._children: list[Child] = []
        self._guest: BenchProcess | None = None
        self._folder = folder / "jobs"
        self._folder.mkdir()
        self._cfg, self._screen = self._folder / "cfg.toml", self._folder / "screen.json"
        self._launch = Launcher(self._control, cfg=self._cfg, screen=self._screen)
        self.spoil({})

    @property
    def channel(self) -> str | None:
        """Whose cell is at the leads now."""
        return self._bench.leads.channel

    async def open(self) -> None:
        """Let programs reach the instrument."""
        await self._control.start()

    async def close(self) -> None:
        """End every program."""
        self.everybody_out()
        self.end_programs(lambda _: True)
        await self._control.close()

    def station(self, connect: Callable[[], Streams], is_dead: Callable[[], bool]) -> Station:
        """Give the corner as one life of the service has it, over its own line to the switch."""
        settings = Chi660eSettings(
            program=Path(sys.executable),
            program_arguments=tuple(program()[1:]),
            jobs=self._folder,
            command_line="list",
            working_folder="job",
            host_loss=HostLoss.STOPS,
            poll_period_s=1.0,
        )

        def start(command: str | Sequence[str], folder: Path, environment: Mapping[str, str]) -> Child:
            if is_dead() or isinstance(command, str):
                raise OSError("the dead start nothing")
            self._screen.unlink(missing_ok=True)
            child = Child(self._launch(command, folder, environment), is_dead)
            self._children = [other for other in self._children if other.process.poll() is None] + [child]
            return child

        async def to_switch() -> Streams:
            return connect()

        mux = RelayMuxSettings(
            port="memory",
            identity="RM0001",
            ports=len(PORTS),
            channels={str(port): channel for channel, port in PORTS.items()},
            isolates_tester=Isolation.YES,
        )
        potentiostat = Chi660ePotentiostat(settings, wall_time, start, lambda _: popups(self._screen))
        return Station(potentiostat, RelayMultiplexer(mux, streams(mux.name, to_switch)), PORTS)

    # What may go wrong, and how it is mended

    def spoil(self, faults: Mapping[str, str | bool | float]) -> None:
        """Let every program that begins from now on have these faults."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in faults.items()]
        self._cfg.write_text("\n".join(["[faults]", *lines, ""]), encoding="utf-8")

    def somebody_comes(self) -> bool:
        """Let somebody open the program for himself; who has it open first has the instrument."""
        if self._guest is not None:
            return False
        self._guest = self._launch(program(), self._folder)
        return True

    def everybody_out(self) -> None:
        """Close what somebody has opened."""
        if self._guest is not None:
            self._guest.kill()
            self._guest = None

    def end_programs(self, wanted: Callable[[Child], bool]) -> None:
        """End programs, as a person at the computer or its power switch does."""
        for child in self._children:
            if wanted(child) and child.process.poll() is None:
                child.process.kill()

    def mend(self) -> None:
        """Mend all of it; programs that a dead service has left behind are ended by a person, as its runs ask for."""
        self.spoil({})
        self.everybody_out()
        self.end_programs(lambda child: child.is_dead())
        self.relays.wire.mend()
        self.relays.relays.welded.clear()
        self.relays.relays.dead.clear()

    @contextmanager
    def reached(self, channel: str) -> Iterator[None]:
        """Let hands reach the holder of a channel, also while its cell is wired to the leads."""
        is_here = self.channel == channel
        if is_here:
            self._bench.clip(None)
        yield
        if is_here:
            self._bench.clip(channel)

    def _reach(self, port: int | None) -> None:
        """Follow the switch with the leads."""
        channel = CHANNELS[port - 1] if port else None
        now_s = self._loop.time()
        if self.stays:
            self.stays[-1].ended_s = min(self.stays[-1].ended_s, now_s)
        if channel is not None:
            self.stays.append(Stay(channel, now_s))
        self._bench.clip(channel)
        self._clipped(channel)
