"""Simulated source meters at the driver of source meters, in memory and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from drivers.interfaces import BatteryTester
from drivers.smu import SmuModel, SmuSettings, SmuSource, SmuUnitSettings, build_tester
from drivers.smu.links import StreamLink
from drivers.transport.line import Streams
from orchestrator.clock.virtual import wall_time
from simulators.cells import load_cell
from simulators.memory_streams import connect_memory
from simulators.smu import Quirks, SimulatedSmu
from simulators.smu.output_stage import Exposure

CHANNEL = "smu-1"


@dataclass
class SmuRig:
    """One simulated source meter with its settings.

    ``connections`` counts those that were made; ``at_address`` is another unit that has come to stand at its address.
    """

    unit: SimulatedSmu
    settings: SmuSettings
    connections: int = 0
    at_address: SimulatedSmu | None = None

    @property
    def of_unit(self) -> SmuUnitSettings:
        """The settings of the one unit."""
        return self.settings.units[0]

    @property
    def output_on(self) -> bool:
        """Whether current can flow, by the simulator itself."""
        return self.unit.instrument.unit.output

    @property
    def exposure(self) -> Exposure:
        """What the cell has seen."""
        self.unit.instrument.unit.stage.advance()
        return self.unit.instrument.unit.stage.exposure

    async def connect(self) -> Streams:
        """Connect in memory."""
        self.connections += 1
        return connect_memory((self.at_address or self.unit).handle)

    def source(self) -> SmuSource:
        """Return a driver of the unit, not open yet."""
        return SmuSource(
            self.of_unit, StreamLink(self.of_unit.resource, self.connect), self.settings.decision_timeout_s
        )

    @asynccontextmanager
    async def tester(self) -> AsyncIterator[BatteryTester]:
        """Open the unit as a tester of one channel."""
        tester = build_tester(self.settings, wall_time, {CHANNEL: self.connect})
        await tester.open()
        try:
            yield tester
        finally:
            await tester.close()


def smu_rig(
    model: SmuModel = SmuModel.KEITHLEY_2450,
    cell: str = "coated-li-li",
    quirks: Quirks | None = None,
    more: Mapping[str, object] | None = None,
) -> SmuRig:
    """Return a source meter with a cell, and its settings; ``more`` are settings of the tester."""
    unit = SimulatedSmu(model, asyncio.get_running_loop().time, load_cell(cell, seed=1), quirks=quirks)
    described = {
        "channel": CHANNEL,
        "model": model,
        "resource": "TCPIP::memory::5025::SOCKET",
        "serial": unit.instrument.identity.split(",")[2].strip(),
    }
    settings = SmuSettings.model_validate({"units": [described], "accept_unknown_host_loss": True} | dict(more or {}))
    return SmuRig(unit, settings)
