"""A simulated CT-4008 on which people start tests at the vendor's program, and an audit beside it, in virtual time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.neware.reader import NewareReader
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.audit.following import Follower, Look
from orchestrator.audit.kinds import AuditFinding, AuditKind
from orchestrator.audit.rack_audit import RackAudit
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S
from simulators.bench import SimulatedBench
from simulators.cells import load_cell
from simulators.memory_streams import connect_memory
from simulators.neware.settings import Quirks
from simulators.neware.tester import Tester
from simulators.neware.vendor import StepFile, VendorProgram
from simulators.neware.vendor_tests import usual_file

LI_LI, LFP, LI_CU = "coated-li-li", "coated-lfp", "conditioned-li-cu"


@dataclass
class VendorRack:
    """The rack, the person at the vendor's program, and the audit; ``looks`` are what was shown of it."""

    bench: SimulatedBench
    vendor: VendorProgram
    follower: Follower
    audit: RackAudit
    models: Mapping[str, str]
    folder: Path
    looks: list[Look] = field(default_factory=list)

    @property
    def tester(self) -> Tester:
        """The simulated hardware."""
        return self.bench.tester

    def start(self, channel: str, file: StepFile | None = None, barcode: str = "", **options: Any) -> None:  # noqa: ANN401 - of the vendor's start
        """Start the usual test of the channel's cell, or another."""
        name = barcode or f"cell_{channel.rpartition('-')[2]}"
        self.vendor.start(channel, file or usual_file(self.models[channel]), name, **options)

    async def follow(self, hours: float, every_s: float = 60.0) -> list[AuditFinding]:
        """Follow for so long, and return every finding so far."""
        await self.follower.follow(hours * 3600, every_s, self.looks.append)
        return list(self.audit.findings)

    def kinds(self) -> set[AuditKind]:
        """Return the kinds of everything found."""
        return {finding.seen.kind for finding in self.audit.findings}


@asynccontextmanager
async def open_vendor_rack(
    models: Sequence[str] = (LI_LI,), *, quirks: Quirks | None = None, with_files: bool = True, seed: int = 1
) -> AsyncIterator[VendorRack]:
    """Open a unit with these cells in its first channels; without files no step file can be read by the audit."""
    loop = asyncio.get_running_loop()
    channels = [f"21-1-{n}" for n in range(1, len(models) + 1)]
    names = dict(zip(channels, models, strict=True))
    bench = SimulatedBench(
        loop.time,
        getattr(loop, "epoch_unix_s", DEMO_EPOCH_UNIX_S),
        1,
        {channel: load_cell(model, seed=seed + n) for n, (channel, model) in enumerate(names.items())},
        seed=seed,
        negative_voltage=True,
        quirks=quirks,
    )

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(bench.handle)

    with tempfile.TemporaryDirectory() as folder:
        unit = UnitSettings(devid=21, subdevid=1, voltage_low_v=-1.0)
        settings = NewareSettings(step_files=Path(folder), step_files_on_bts_pc=folder, units=(unit,))
        reader = NewareReader(settings, connect)
        await reader.open()
        audit = RackAudit({channel: settings.envelope(channel) for channel in channels}, lag_s=5.0)
        follower = Follower(reader, channels, audit, Path(folder) if with_files else None)
        try:
            yield VendorRack(bench, VendorProgram(bench.tester, Path(folder)), follower, audit, names, Path(folder))
        finally:
            await reader.close()
