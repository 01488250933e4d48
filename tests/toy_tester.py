"""A battery tester of one's own, as small as one can be: host-driven, in memory, around simulated cells.

``docs/add-an-instrument.md`` quotes it. It can rest and pass constant currents; each channel is a task that switches
the current, waits, and measures.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from drivers.errors import CannotRun, NotConfirmed, SettingsError, TestGone
from drivers.interfaces import (
    BatteryTesterTraits,
    ChannelState,
    ChannelStatus,
    ExecutedStep,
    HostLoss,
    LoadedProgram,
    LogEntry,
    Sample,
    TestIdentity,
)
from drivers.tester_kind import BatteryTesterKind, BatteryTesterSettings
from protocols.channel_envelope import ChannelEnvelope, CurrentRange
from protocols.execution_order import Place, flow
from protocols.program import ConstantCurrent, CyclingSegment, Program, Rest
from simulators.cells import CellModel, load_cell

_TRAITS = BatteryTesterTraits(
    limits_read_back=True,
    limits_note="the host itself compares each voltage with the limits",
    block_size=500,
    refresh_s=1.0,
    is_remote=False,
    sign_hint="swap the toy's leads",
)


class ToySettings(BatteryTesterSettings):
    """A toy in a bench file: ``cells`` says which simulated cell each channel holds."""

    kind: Literal["toy"] = "toy"
    name: str = "toy"
    cells: dict[str, str]
    interval_s: float = 1.0
    poll_period_s: float = 10.0

    def channel_names(self) -> tuple[str, ...]:
        """Give the names as they stand in the file."""
        return tuple(self.cells)

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Give what each channel can do."""
        if channel not in self.cells:
            raise SettingsError(f"there is no channel {channel!r} on {self.name}; it has {', '.join(self.cells)}")
        return ChannelEnvelope(-5.0, 5.0, (CurrentRange(1e-6, 0.1),), record_every_min_s=0.1)

    def problems(self, channel: str, program: Program) -> list[str]:
        """Add to what the envelope forbids that a toy holds no voltage."""
        kinds = {step.kind for segment in program.cycling for step in segment.steps}
        held = sorted(kinds & {"constant_voltage", "cc_cv"})
        return super().problems(channel, program) + [f"A toy has no {kind} steps." for kind in held]


@dataclass
class _Test:
    """A test from its start on."""

    identity: TestIdentity
    segment: CyclingSegment
    state: ChannelState = ChannelState.WORKING
    detail: str = ""
    samples: list[Sample] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


@dataclass
class _Channel:
    """A holder with its cell, and all tests that ran on it."""

    cell: CellModel
    current_a: float = 0.0
    tests: list[_Test] = field(default_factory=list)


class ToyTester:
    """A ``BatteryTester`` whose programs this process carries out: they stop with it."""

    host_loss = HostLoss.STOPS
    records_every_s = 0.0
    traits = _TRAITS

    def __init__(self, settings: ToySettings, wall_time: Callable[[], float]) -> None:
        self.name, self.poll_period_s = settings.name, settings.poll_period_s
        self._settings, self._wall_time = settings, wall_time
        self._channels = {name: _Channel(load_cell(model, seed=1)) for name, model in settings.cells.items()}
        self._loaded: dict[str, CyclingSegment] = {}
        self._is_open = False

    async def open(self) -> None:
        """Make the channels known: a real tester connects here, and looks who answers."""
        self._is_open = True

    async def close(self) -> None:
        """End what runs: nobody would measure it."""
        self._is_open = False
        for channel in self._channels.values():
            for test in channel.tests:
                await _end(channel, test)

    def channels(self) -> tuple[str, ...]:
        """Give the channels, once open."""
        return tuple(self._channels) if self._is_open else ()

    def channel_names(self) -> tuple[str, ...]:
        """Give the channels, open or not."""
        return tuple(self._channels)

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Give what the channel can do."""
        return self._settings.envelope(channel)

    def problems(self, channel: str, program: Program) -> list[str]:
        """Give every reason why the channel cannot run a program."""
        return self._settings.problems(channel, program)

    async def status(self, channels: Sequence[str]) -> dict[str, ChannelStatus]:
        """Measure many channels at once."""
        return {name: self._status(name) for name in channels}

    def _status(self, name: str) -> ChannelStatus:
        channel = self._channel(name)
        test = channel.tests[-1] if channel.tests else None
        last = test.samples[-1] if test and test.samples else None
        return ChannelStatus(
            channel=name,
            state=test.state if test else ChannelState.FINISHED,
            barcode=test.identity.barcode if test else "",
            voltage_v=channel.cell.voltage_v(channel.current_a),
            current_a=channel.current_a,
            step=last.step if last else None,
            cycle=last.tester_cycle if last else 0,
            test_time_s=last.time_s if last else 0.0,
            test_id=test.identity.test_id if test else 0,
            record_count=len(test.samples) if test else 0,
            complete=test is None or test.state is not ChannelState.WORKING,
            detail=test.detail if test else "",
        )

    async def load(self, channel: str, segment: CyclingSegment, label: str) -> LoadedProgram:
        """Keep the segment until it is started: nothing of it has to be written anywhere."""
        self._channel(channel)
        sha256 = hashlib.sha256(segment.to_json().encode()).hexdigest()
        self._loaded[label] = segment
        return LoadedProgram(channel, label, len(segment.steps) + 1, f"{label} in the toy's memory, sha256 {sha256}")

    async def start(self, program: LoadedProgram, barcode: str) -> TestIdentity:
        """Begin a loaded program in a task of its own. Raises CannotRun on a channel that works."""
        channel = self._channel(program.channel)
        for test in channel.tests:
            if test.state is ChannelState.WORKING:
                raise CannotRun(f"channel {program.channel} works on {test.identity.barcode!r}")
        identity = TestIdentity(program.channel, len(channel.tests) + 1, barcode, program.end_step)
        test = _Test(identity, self._loaded.pop(program.location))
        channel.tests.append(test)
        test.task = asyncio.create_task(self._work(channel, test), name=f"{self.name} {barcode}")
        return identity

    async def stop(self, identity: TestIdentity) -> None:
        """Switch the current off and end the task. Raises NotConfirmed where somebody else's test works."""
        channel = self._channel(identity.channel)
        for test in channel.tests:
            if test.state is ChannelState.WORKING and test.identity != identity:
                raise NotConfirmed(f"channel {identity.channel} works on {test.identity.barcode!r}: it is left alone")
            await _end(channel, test)

    async def records(self, identity: TestIdentity, last: Sample | None, count: int) -> list[Sample]:
        """Give records from memory."""
        first = last.sequence if last else 0
        return self._test(identity).samples[first : first + count]

    async def stand_in(self, identity: TestIdentity, sequence: int) -> Sample:
        """Give the record itself: this memory loses none."""
        return self._test(identity).samples[sequence - 1]

    async def record_count(self, identity: TestIdentity) -> int:
        """Tell how many records a test has."""
        return len(self._test(identity).samples)

    async def step_log(self, identity: TestIdentity) -> list[ExecutedStep]:
        """Give the executed steps, each with its first and last record."""
        steps = []
        for index, (_, group) in enumerate(groupby(self._test(identity).samples, lambda s: s.step_count), 1):
            first, *more = group
            last = more[-1] if more else first
            numbers = first.sequence, last.sequence, last.step_time_s, last.capacity_ah
            steps.append(ExecutedStep(index, first.step, first.tester_cycle, *numbers))
        return steps

    async def event_log(self, identity: TestIdentity) -> list[LogEntry]:
        """Give nothing but the start: a toy keeps no log."""
        return [LogEntry(1, 1, test.unix_time_s) for test in self._test(identity).samples[:1]]

    async def _work(self, channel: _Channel, test: _Test) -> None:
        """Carry out a program step by step; a limit ends it, and the cell is off whatever happens."""
        try:
            for place in flow(test.segment.steps):
                await self._step(channel, test, place)
                if test.state is not ChannelState.WORKING:
                    return
            test.state = ChannelState.FINISHED
        finally:
            channel.current_a = 0.0

    async def _step(self, channel: _Channel, test: _Test, place: Place) -> None:
        step, limits = test.segment.steps[place.step - 1], test.segment.limits.tester
        if not isinstance(step, Rest | ConstantCurrent):
            raise CannotRun(f"a toy has no {step.kind} steps")
        current_a = channel.current_a = step.current_a if isinstance(step, ConstantCurrent) else 0.0
        begun_s = test.samples[-1].time_s if test.samples else 0.0
        count = test.samples[-1].step_count + 1 if test.samples else 1
        every_s = (step.record or test.segment.record).every_s or self._settings.interval_s
        elapsed_s, due_s = 0.0, 0.0
        while True:
            voltage_v = channel.cell.voltage_v(current_a)
            is_over = _is_over(step, elapsed_s, voltage_v)
            is_outside = not limits.low_v <= voltage_v <= limits.high_v
            if is_over or is_outside or elapsed_s >= due_s:
                due_s += every_s
                test.samples.append(self._sample(test, place, count, begun_s, elapsed_s, voltage_v, current_a))
            if is_outside:
                test.state, test.detail = ChannelState.PROTECTED, f"{voltage_v:.4f} V is outside the limits"
            if is_over or is_outside:
                return
            wait_s = min(self._settings.interval_s, every_s, (step.until.time_s or elapsed_s + 1e9) - elapsed_s)
            await asyncio.sleep(wait_s)
            channel.cell.advance(wait_s, current_a)
            elapsed_s += wait_s

    def _sample(
        self,
        test: _Test,
        place: Place,
        count: int,
        begun_s: float,
        elapsed_s: float,
        voltage_v: float,
        current_a: float,
    ) -> Sample:
        charge_ah = abs(current_a) * elapsed_s / 3600
        return Sample(
            sequence=len(test.samples) + 1,
            time_s=begun_s + elapsed_s,
            step_time_s=elapsed_s,
            step=place.step,
            step_count=count,
            tester_cycle=place.cycle,
            mode="rest" if current_a == 0 else "cc" if current_a > 0 else "dc",
            voltage_v=voltage_v,
            current_a=current_a,
            capacity_ah=charge_ah,
            energy_wh=charge_ah * abs(voltage_v),
            unix_time_s=self._wall_time(),
        )

    def _channel(self, name: str) -> _Channel:
        if name not in self._channels:
            raise SettingsError(f"there is no channel {name!r} on {self.name}; it has {', '.join(self._channels)}")
        return self._channels[name]

    def _test(self, identity: TestIdentity) -> _Test:
        for test in self._channel(identity.channel).tests:
            if test.identity == identity:
                return test
        raise TestGone(f"{self.name} knows no test {identity.test_id} of channel {identity.channel}")


def _is_over(step: Rest | ConstantCurrent, elapsed_s: float, voltage_v: float) -> bool:
    until = step.until
    if until.time_s is not None and elapsed_s >= until.time_s - 1e-9:
        return True
    if isinstance(step, Rest):
        return False
    charge_ah = abs(step.current_a) * elapsed_s / 3600
    if until.capacity_ah is not None and charge_ah >= until.capacity_ah:
        return True
    ahead_v = 0.0 if until.voltage_v is None else (voltage_v - until.voltage_v) * (1 if step.current_a > 0 else -1)
    return until.voltage_v is not None and ahead_v >= 0


async def _end(channel: _Channel, test: _Test) -> None:
    if test.task is not None and not test.task.done():
        test.task.cancel()
        await asyncio.wait({test.task})
        test.state, channel.current_a = ChannelState.STOPPED, 0.0


KIND = BatteryTesterKind(ToySettings, ToyTester)
