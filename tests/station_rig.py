"""A simulated CHI660E with its switch beside the simulated rack, in virtual time: what tests of spectra stand on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.chi660e.popups import Popup
from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import DriverError
from drivers.interfaces import HostLoss, Isolation
from drivers.mux import RelayMuxSettings, streams
from orchestrator.bench.station import Station
from orchestrator.clock.virtual import VirtualTimeLoop, wall_time
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.store import Store
from protocols.loading import load_cell, parse_recipe
from protocols.program import Program
from protocols.resolve import resolve
from simulators.chi660e.control_socket import BenchControl
from simulators.chi660e.launching import Launcher, program
from simulators.memory_streams import connect_memory
from simulators.mux.server import SimulatedMux
from tests.rig import CHANNEL, Rig, open_rig
from tests.service_rig import running
from tests.spoiled import Faults, SpoiledSwitch

RECIPE = """
name: short-eis
title: Two cycles between spectra
for: [li-li]
record: {every: 30 s, on_voltage_change: 5 mV}
potentiostat: {rest: 10 min, drift_per_min: 1 mV}
steps:
  - {step: rest, until: {time: 2 min}}
  - {step: eis, high: 100 kHz, low: 1 Hz}
  - step: repeat
    times: 2
    steps:
      - step: repeat
        times: 2
        steps:
          - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 20 min, voltage: 0.5 V}}
          - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 20 min, voltage: -0.5 V}}
      - {step: eis, high: 100 kHz, low: 1 Hz}
"""


@dataclass
class StationRig(Rig):
    """The rack, the potentiostat beside it, and what a test may spoil."""

    station: Station
    relays: SimulatedMux
    control: BenchControl
    launched: list[Any]
    cfg: Path
    settings: Chi660eSettings
    another_potentiostat: Callable[[], Chi660ePotentiostat]

    def spoil(self, **faults: str | bool | float) -> None:
        """Let every process of the program that begins from now on have these faults."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in faults.items()]
        self.cfg.write_text("[faults]\n" + "\n".join(lines) + "\n", encoding="utf-8")

    @property
    def switch_faults(self) -> Faults:
        """Give what is to go wrong with the switch."""
        assert isinstance(self.station.switch, SpoiledSwitch)
        return self.station.switch.faults

    def processes_left(self) -> list[Any]:
        """Give the processes that have not ended."""
        return [process for process in self.launched if process.poll() is None]


@asynccontextmanager
async def open_station_rig(
    *,
    isolation: Isolation = Isolation.YES,
    by_hand: bool = False,
    cells: dict[str, str] | None = None,
    chi: Mapping[str, Any] | None = None,
) -> AsyncIterator[StationRig]:
    """Open the rack with a station beside it; ``by_hand`` without a switch: the test moves the leads.

    ``chi`` are settings of the potentiostat.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    async with open_rig(poll_period_s=60.0, cells=cells) as rig:
        channels = {n: f"21-1-{n}" for n in range(1, 9)}
        relays = SimulatedMux(8, on_select=lambda port: rig.bench.clip(channels[port] if port else None))
        control = BenchControl(rig.bench.leads, working=loop.busy)
        await control.start()
        with tempfile.TemporaryDirectory(prefix="jobs-") as folder:
            cfg, screen = Path(folder) / "cfg.toml", Path(folder) / "screen.json"
            cfg.write_text("", encoding="utf-8")
            launched: list[Any] = []
            launch = Launcher(control, cfg=cfg, screen=screen)

            def start(argv: Any, cwd: Path, environment: Any) -> Any:  # noqa: ANN401 - a process
                process = launch(argv, cwd, environment)
                launched.append(process)
                return process

            settings = chi_settings(folder, chi or {})

            def another() -> Chi660ePotentiostat:
                return Chi660ePotentiostat(settings, wall_time, start, lambda _: popups(screen))

            potentiostat = another()
            station = Station(potentiostat)
            if not by_hand:
                switch = switch_of(relays, channels, isolation)
                station = Station(potentiostat, switch, {channel: port for port, channel in channels.items()})
            try:
                yield StationRig(rig.tester, rig.bench, station, relays, control, launched, cfg, settings, another)
            finally:
                if station.switch is not None:
                    # A test may have pulled it out.
                    with contextlib.suppress(DriverError):
                        await station.switch.close()
                for process in launched:
                    process.kill()
                await control.close()


def chi_settings(folder: str, changes: Mapping[str, Any]) -> Chi660eSettings:
    """Give the settings of a potentiostat whose program is the simulated one, with its jobs in a folder."""
    usual: dict[str, Any] = {
        "program": sys.executable,
        "program_arguments": program()[1:],
        "jobs": folder,
        "command_line": "list",
        "working_folder": "job",
        "host_loss": HostLoss.STOPS,
    }
    return Chi660eSettings(**usual | dict(changes))


def switch_of(relays: SimulatedMux, channels: Mapping[int, str], isolation: Isolation) -> SpoiledSwitch:
    """Give the switch that drives these relays."""
    wired = {str(port): channel for port, channel in channels.items()}
    mux = RelayMuxSettings(port="memory", identity="RM0001", ports=8, channels=wired, isolates_tester=isolation)

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(relays.handle)

    return SpoiledSwitch(mux, streams(mux.name, connect))


def popups(screen: Path) -> list[Popup]:
    """Read what the simulated program shows on its screen."""
    if not screen.exists():
        return []
    shown = json.loads(screen.read_text(encoding="utf-8"))
    screen.unlink()
    return [Popup(window["title"], window["text"]) for window in shown]


def eis_program(text: str = RECIPE, cell: str = "coated-li-li") -> Program:
    """Give a program that measures between its cycles."""
    return resolve(parse_recipe(text), load_cell(cell))


def eis_request(channel: str = CHANNEL, text: str = RECIPE) -> RunRequest:
    """Ask for a run that measures between its cycles."""
    return RunRequest(eis_program(text), channel, channel)


@asynccontextmanager
async def measuring_service(rig: StationRig, store: Store) -> AsyncIterator[Service]:
    """Run a service with the station; leaving the block kills it as SIGTERM would."""
    async with running(Service(store, [rig.tester], station=rig.station)) as service:
        yield service
