"""A stepped tester of sources in memory, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from drivers.errors import SettingsError
from drivers.interfaces import ChannelState, ChannelStatus, HostLoss, Sample, TestIdentity
from drivers.sources import Drive
from drivers.stepping import SteppedSettings, SteppedTester
from orchestrator.clock.virtual import wall_time
from protocols.channel_envelope import ChannelEnvelope, CurrentRange
from protocols.program import (
    CcCv,
    Ceiling,
    ConstantCurrent,
    ConstantVoltage,
    CyclingSegment,
    Limits,
    Loop,
    Record,
    Rest,
    Until,
    VoltageBand,
)
from simulators.cells import load_cell
from tests.memory_source import MemorySource

SOURCE = "smu-a"
FULL = Limits(VoltageBand(2.3, 4.0), VoltageBand(2.2, 4.1), VoltageBand(2.0, 4.3), 1.05e-3, 1.1e-3, 1.2e-3)
LI_LI = Limits(VoltageBand(-0.55, 0.55), VoltageBand(-0.6, 0.6), VoltageBand(-1.0, 1.0), 1.05e-3, 1.1e-3, 1.2e-3)
CEILING = Ceiling(time_s=40000.0, capacity_ah=1.0)
# Hours of virtual time need no four decisions a second.
SLOW: dict[str, Any] = {"interval_s": 2.0, "decision_timeout_s": 10.0}
LFP = {SOURCE: "bare-lfp"}


class MemorySettings(SteppedSettings):
    """Sources in memory; ``cells`` says which simulated cell each holds."""

    kind: Literal["memory"] = "memory"
    name: str = "memory"
    cells: dict[str, str]
    rides: HostLoss = HostLoss.STOPS

    def channel_names(self) -> tuple[str, ...]:
        """Give the names as they stand in the file."""
        return tuple(self.cells)

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Give what a source meter can do."""
        if channel not in self.cells:
            raise SettingsError(f"there is no channel {channel!r} on {self.name}; it has {', '.join(self.cells)}")
        return ChannelEnvelope(-10.0, 10.0, (CurrentRange(1e-8, 0.1),), record_every_min_s=0.05)

    def host_loss_of(self, channel: str, drive: Drive) -> HostLoss:
        """Say what was said."""
        return self.rides


def segment(*steps: Rest | ConstantCurrent | ConstantVoltage | CcCv | Loop, limits: Limits = LI_LI) -> CyclingSegment:
    """Give a segment that records every minute."""
    return CyclingSegment(steps, Record(every_s=60.0), limits)


def charging() -> CyclingSegment:
    """Give a Li/Li cell an hour of current."""
    return segment(ConstantCurrent(1.5e-4, Until(time_s=3600.0), CEILING))


@dataclass
class SteppedRig:
    """A tester, and the sources behind it by channel."""

    tester: SteppedTester
    sources: Mapping[str, MemorySource]
    settings: MemorySettings

    @property
    def source(self) -> MemorySource:
        """The first source."""
        return self.sources[SOURCE]

    async def status(self, channel: str = SOURCE) -> ChannelStatus:
        """Ask for a channel."""
        return (await self.tester.status([channel]))[channel]

    async def start(self, segment: CyclingSegment, barcode: str = "R000001") -> TestIdentity:
        """Load and start a segment on the first source."""
        return await self.tester.start(await self.tester.load(SOURCE, segment, barcode), barcode)

    async def over(self, within_s: float = 1e6) -> ChannelStatus:
        """Wait until the first source works no more."""
        async with asyncio.timeout(within_s):
            while (status := await self.status()).state is ChannelState.WORKING:  # noqa: ASYNC110 -- as a host does
                await asyncio.sleep(0.5)
        return status

    async def records(self, identity: TestIdentity) -> list[Sample]:
        """Give all records of a test."""
        return await self.tester.records(identity, None, await self.tester.record_count(identity))


async def runs_for(rig: SteppedRig, seconds: float = 30.0) -> None:
    """Start an hour of current, and let it run for a while."""
    await rig.start(charging())
    await asyncio.sleep(seconds)
    assert rig.source.is_on


@asynccontextmanager
async def open_stepped_rig(
    cells: Mapping[str, str] | None = None,
    made: Mapping[str, Any] | None = None,
    **settings: Any,  # noqa: ANN401 - fields of MemorySettings
) -> AsyncIterator[SteppedRig]:
    """Open the rig; ``made`` are arguments of its sources."""
    cells = dict(cells or {SOURCE: "coated-li-li"})
    told = MemorySettings(cells=cells, **settings)
    sources = {
        name: MemorySource(name, load_cell(model, seed=1), rides=told.rides, **(made or {}))
        for name, model in cells.items()
    }
    rig = SteppedRig(SteppedTester(told, sources, wall_time), sources, told)
    await rig.tester.open()
    try:
        yield rig
    finally:
        await rig.tester.close()
