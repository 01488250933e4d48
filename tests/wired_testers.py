"""What gives cells current, at a spoiled wire: the source meters, and the CT-4008's client program."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from drivers.errors import ConnectionFailed
from drivers.interfaces import ChannelState, ChannelStatus, TestIdentity
from drivers.neware.client import NewareClient
from drivers.neware.settings import NewareSettings, UnitSettings
from drivers.neware.tester import NewareTester
from drivers.smu import SmuModel, SmuSettings, SmuSource
from drivers.smu.links import StreamLink
from drivers.sources import Drive, Held, SourceReading
from drivers.stepping import SteppedTester
from drivers.testing import WireFacts, lines, marked, short_program
from drivers.testing.spoiled_wire import Connect
from orchestrator.clock.virtual import wall_time
from protocols.program import VoltageBand
from simulators.bench import SimulatedBench
from simulators.cells import load_cell
from simulators.neware.tester import Unit
from simulators.smu import SimulatedSmu
from tests.rig import short_segment
from tests.smu_talk import EXACT, Battery
from tests.wired_in_memory import NO_CHECKSUM, ONE_MASTER, InMemory, reach

CHANNEL = "smu-1"
HELD = Drive(Held.CURRENT, 1e-4, 1.0, 2e-4)
CHANGED = Drive(Held.CURRENT, 1.234e-4, 1.0, 2e-4)
PROGRAM = short_program(1e-4, VoltageBand(-0.5, 0.5))


class WiredSmu(InMemory):
    """A source meter, as a source, and as a channel while a cell is driven. Its cell's voltage is changed by hand."""

    def __init__(self, model: SmuModel) -> None:
        self.cell = Battery(0.1, 10.0)
        self.unit = SimulatedSmu(model, asyncio.get_running_loop().time, self.cell, quirks=EXACT)
        super().__init__(
            WireFacts(
                name=f"{model}, socket",
                wire="TCP, lines of SCPI",
                cut=lines(),
                order=re.compile(rb":OUTP ON|[^;\n?]*1\.2340*E-04"),
                identifying=re.compile(rb"\*IDN\?\n"),
                is_cable=False,
                late_s=1.6,
                answers_within_s=6.0,
                recovers_within_s=6.0,
                off_within_s=1.3,
                meaningless=NO_CHECKSUM | ONE_MASTER,
            ),
            self.unit.handle,
        )
        resource = "TCPIP::memory::5025::SOCKET"
        described = {"channel": CHANNEL, "model": model, "resource": resource, "serial": self._serial(self.unit)}
        self.settings = SmuSettings.model_validate({"units": [described], "accept_unknown_host_loss": True})
        link = StreamLink(resource, self.connect)
        self.source = SmuSource(self.settings.units[0], link, self.settings.decision_timeout_s)
        self.tester = SteppedTester(self.settings, {CHANNEL: self.source}, wall_time)

    @staticmethod
    def _serial(unit: SimulatedSmu) -> str:
        return unit.instrument.identity.split(",")[2].strip()

    async def open(self) -> None:
        """Open the source, and prepare it."""
        await self.source.open()
        await self.source.prepare(HELD, 0.25)

    async def close(self) -> None:
        """Close both."""
        await self.tester.close()
        await self.source.close()

    async def begin(self) -> None:
        """Switch on: off, there is nothing to read."""
        await self.source.switch_on()

    async def ask(self) -> object:
        """Read it."""
        return await self.source.read()

    def is_right(self, answer: object) -> bool:
        """Compare with the cell, and with the output."""
        assert isinstance(answer, SourceReading)
        if not answer.output_on:
            return not self.unit.instrument.unit.output and answer.voltage_v is None
        assert answer.voltage_v is not None
        assert answer.current_a is not None
        own_v = self.cell.voltage_v(answer.current_a)
        return abs(answer.voltage_v - own_v) < 1e-3 and 0.9e-4 < answer.current_a < 1.3e-4

    async def change(self) -> None:
        """Let the cell have another voltage."""
        self.cell.emf_v = 0.1 + 0.003 * (next(self.steps) % 100)

    async def order(self) -> None:
        """Switch on, and change the level."""
        await self.source.switch_on()
        await self.source.adjust(CHANGED)

    def is_obeyed(self) -> bool:
        """Look at the output."""
        unit = self.unit.instrument.unit
        unit.stage.advance()
        return unit.output and abs(unit.stage.exposure.highest_a - CHANGED.level) < 1e-6

    async def make_safe(self) -> None:
        """Switch off."""
        await self.source.switch_off()

    def is_safe(self) -> bool:
        """Look at the output."""
        return not self.unit.instrument.unit.output

    async def drive(self) -> None:
        """Run a program on it, and wait until current flows."""
        await self.tester.open()
        await self.tester.start(await self.tester.load(CHANNEL, PROGRAM.cycling[0], "R000001"), "R000001")
        await asyncio.sleep(25.1)

    def others(self) -> Sequence[tuple[str, Connect]]:
        """Return a unit with another serial number, and another model with this one's."""
        clock, own = asyncio.get_running_loop().time, self._serial(self.unit)
        mine = self.settings.units[0].model
        model = next(one for one in SmuModel if one is not mine)
        found = {
            "another serial number": SimulatedSmu(mine, clock, Battery(0.1), quirks=EXACT, serial="9999999"),
            "another model": SimulatedSmu(model, clock, Battery(0.1), quirks=EXACT, serial=own),
        }
        return [(name, reach(unit.handle)) for name, unit in found.items()]


CT = "21-1-3"
BARCODE = "R000001"
_WRITES = rb"start|stop|continue|goto|reset|light|clearflag|broadcaststop"


class WiredCt4008(InMemory):
    """The CT-4008: its programs ride on, and what is off in time is a channel that the host stops."""

    def __init__(self) -> None:
        self.bench = self._bench(21)
        super().__init__(
            WireFacts(
                name="neware-ct4008",
                wire="TCP, XML",
                cut=marked(b"#\r\n"),
                order=re.compile(rb"<cmd>start</cmd>"),
                identifying=re.compile(rb"(?s)(?!.*<cmd>(?:" + _WRITES + rb")</cmd>).*"),
                is_cable=False,
                late_s=4.0,
                answers_within_s=25.0,
                recovers_within_s=20.0,
                off_within_s=60.0,
                rides_on=True,
                meaningless=NO_CHECKSUM | ONE_MASTER,
            ),
            self.bench.handle,
        )
        self._folder = TemporaryDirectory()
        self.settings = NewareSettings(
            step_files=Path(self._folder.name),
            step_files_on_bts_pc=self._folder.name,
            units=(UnitSettings(devid=21, subdevid=1, voltage_low_v=-5.0),),
            reply_timeout_s=3.0,
        )
        client = NewareClient(self.connect, self.settings.username, self.settings.password, 3.0)
        self.driver = NewareTester(self.settings, client, wall_time)
        self.begun_count = 0
        self.identity: TestIdentity | None = None

    @staticmethod
    def _bench(devid: int) -> SimulatedBench:
        loop = asyncio.get_running_loop()
        cells = {f"{devid}-1-3": load_cell("coated-li-li", seed=1)}
        epoch_s: float = getattr(loop, "epoch_unix_s", 0.0)
        return SimulatedBench(loop.time, epoch_s, [Unit(devid=devid, subdevid=1)], cells, negative_voltage=True)

    async def open(self) -> None:
        """Open it."""
        await self.driver.open()

    async def close(self) -> None:
        """Close it."""
        await self.driver.close()
        self._folder.cleanup()

    async def begin(self) -> None:
        """Start a test of hours: its number of records is asked for."""
        await self._start(36000.0)

    drive = begin

    async def _start(self, rest_s: float) -> None:
        self.identity = await self.driver.start(await self.driver.load(CT, short_segment(rest_s), BARCODE), BARCODE)

    @property
    def count(self) -> int:
        """How many records the tester has."""
        return len(self.bench.tester.records(CT)) if self.bench.tester.channels[CT].tests else 0

    async def ask(self) -> object:
        """Ask for the channel, for the number of records, and for the last of them."""
        self.begun_count = self.count
        status = await self._status()
        return status.barcode, status.record_count

    async def _status(self) -> ChannelStatus:
        """Ask for the channel; one that is not there is told by its state, which is as good as an error."""
        status = (await self.driver.status([CT]))[CT]
        if status.state is ChannelState.ABSENT:
            raise ConnectionFailed(f"channel {CT} is not there")
        return status

    def is_right(self, answer: object) -> bool:
        """Compare with the tester's memory: it grew while it was asked."""
        assert isinstance(answer, tuple)
        barcode, count = str(answer[0]), int(answer[1])
        tests = self.bench.tester.channels[CT].tests
        return barcode == (tests[-1].barcode if tests else "") and self.begun_count <= count <= self.count

    async def change(self) -> None:
        """Wait for the next record."""
        await asyncio.sleep(6.0)

    async def order(self) -> None:
        """Start a test."""
        await self._start(20.0)

    def is_obeyed(self) -> bool:
        """Look at the channel."""
        tests = self.bench.tester.channels[CT].tests
        return len(tests) == 1 and tests[0].barcode == BARCODE

    async def make_safe(self) -> None:
        """Stop what is ours; a test whose start was not confirmed is looked for by its barcode."""
        if self.identity is None:
            status = await self._status()
            if status.barcode == BARCODE:
                self.identity = TestIdentity(CT, status.test_id, BARCODE, 4)
        if self.identity is not None:
            await self.driver.stop(self.identity)

    def is_safe(self) -> bool:
        """Look at the channel."""
        return not self.bench.tester.channel(CT).busy

    def others(self) -> Sequence[tuple[str, Connect]]:
        """Return the client program of another rack."""
        return [("another unit", reach(self._bench(22).handle))]
