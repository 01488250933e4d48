"""The CHI660E as a battery tester of one channel: the cell at its leads, cycled by one ISTEP measurement after another.

The instrument shows nothing while a measurement runs: its records come when its file is read, and until then nothing
but the measurement's own potential limits guards the cell. A limit ends everything. A stop ends the vendor's program,
and what the running measurement had recorded is lost. Between two measurements the cell is open for some seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import nan
from pathlib import Path

from drivers.chi660e import expected_rows, time_digits
from drivers.chi660e.cycling_settings import REACH_V, cycling_settings
from drivers.chi660e.istep_segments import LONGEST_S, SegmentSamples
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import (
    CannotRun,
    ConnectionFailed,
    DriverError,
    Incomplete,
    MeasurementFailed,
    NotConfirmed,
    SettingsError,
    TestGone,
)
from drivers.interfaces import (
    BatteryTesterTraits,
    ChannelState,
    ChannelStatus,
    HostLoss,
    LoadedProgram,
    Measurement,
    Potentiostat,
    TestIdentity,
    Trace,
)
from drivers.memory import HostRecords, LogCode, Memory
from protocols.channel_envelope import ChannelEnvelope
from protocols.program import CyclingSegment, Program
from protocols.step_names import told
from protocols.techniques import CurrentSteps, OpenCircuit

logger = logging.getLogger(__name__)

# The counter electrode is disconnected meanwhile, and picoamperes flow (section 6, OCPT).
_LOOK = OpenCircuit(duration_s=3.0, interval_s=0.5, low_v=-REACH_V, high_v=REACH_V)
_TRAITS = BatteryTesterTraits(
    limits_read_back=False,
    limits_note="the macro of each measurement carries the potential limits; no command shows those in force",
    # Records come from memory. The end of a measurement is seen some polls after it, and its file is read then.
    block_size=1000,
    refresh_s=5.0,
    is_remote=False,
    sign_hint="find out istep_positive_is_charge on the dummy cell",
)
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(slots=True)
class _Test:
    """A test since its start. OTHER: its program was ended, and nobody has seen the cell off since."""

    identity: TestIdentity
    samples: SegmentSamples
    jobs: str
    memory: Memory = field(default_factory=Memory)
    state: ChannelState = ChannelState.WORKING
    detail: str = ""
    task: asyncio.Task[None] | None = None
    # Whether the host has been told that it is over.
    told: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether the cell is, or may be, driven."""
        return self.state.is_busy


class PotentiostatCycler(HostRecords):
    """A ``BatteryTester`` made of a potentiostat that measures ``CurrentSteps``; its channel is named like it.

    ``turn`` is held while a test runs, so that whoever shares it measures no other cell meanwhile.
    """

    traits = _TRAITS
    commissioned_as = Chi660eSettings.commissioned_as
    makes_folder = True

    def __init__(
        self,
        settings: Chi660eSettings,
        potentiostat: Potentiostat,
        wall_time: Callable[[], float],
        turn: asyncio.Lock | None = None,
    ) -> None:
        self.name = settings.name
        self.host_loss: HostLoss = settings.host_loss
        self.poll_period_s = settings.watch_period_s
        # How long the present test's longest measurement may take, until it counts as hung; any, before the first test.
        self.records_every_s = LONGEST_S
        self._settings = settings
        self._channel = cycling_settings(settings)
        self._potentiostat = potentiostat
        self._wall_time = wall_time
        self._turn = turn or asyncio.Lock()
        self._has_turn = False
        self._is_open = False
        self._loaded: dict[str, SegmentSamples] = {}
        self._test: _Test | None = None
        self._voltage_v = nan
        # When the open-circuit voltage was seen last, by the loop's clock.
        self._seen_s: float | None = None
        self._looking = asyncio.Lock()
        self._stopping = asyncio.Lock()

    @property
    def folder(self) -> Path:
        """The folder on this computer in which each measurement gets one of its own."""
        return self._settings.jobs

    async def open(self) -> None:
        """Make the channel known. Whether the instrument answers shows at the first status."""
        self._is_open = True

    async def close(self) -> None:
        """End a running test and its process, and check that the cell is off; an unconfirmed end is logged."""
        self._is_open = False
        if self._test is not None and self._test.is_busy:
            try:
                await self.stop(self._test.identity)
            except DriverError as err:
                logger.error("channel %s: %s", self.name, err)

    def channels(self) -> tuple[str, ...]:
        """Return the one channel, once open."""
        return (self.name,) if self._is_open else ()

    def channel_names(self) -> tuple[str, ...]:
        """Return the one channel, also before it is open."""
        return (self.name,)

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Return the channel's abilities, from settings."""
        return self._channel.envelope(channel)

    def problems(self, channel: str, program: Program) -> list[str]:
        """Return every reason why the channel cannot run a program, from settings."""
        return self._channel.problems(channel, program)

    async def status(self, channels: Sequence[str]) -> dict[str, ChannelStatus]:
        """Return the status of the test. Without a running test, an old open-circuit voltage is measured again.

        Raises ConnectionFailed when that does not succeed.
        """
        for channel in channels:
            self._must_be_here(channel)
        test = self._test
        if channels and (test is None or (test.told and not test.is_busy)):
            await self._look_if_old()
        if test is None:
            state, barcode, test_id, memory = ChannelState.FINISHED, "", 0, Memory()
            detail = f"its tests before this process are not known; the cell is off, at {self._voltage_v:.4f} V"
        else:
            state, barcode, test_id, memory = test.state, test.identity.barcode, test.identity.test_id, test.memory
            detail, test.told = test.detail, test.state is not ChannelState.WORKING
        last = memory.last
        return {
            channel: ChannelStatus(
                channel=channel,
                state=state,
                barcode=barcode,
                voltage_v=self._voltage_v,
                current_a=last.current_a if last and state is ChannelState.WORKING else 0.0,
                step=last.step if last else None,
                cycle=last.tester_cycle if last else 0,
                test_time_s=last.time_s if last else 0.0,
                test_id=test_id,
                record_count=memory.count,
                complete=state is not ChannelState.WORKING,
                detail=detail,
            )
            for channel in channels
        }

    async def load(self, channel: str, segment: CyclingSegment, label: str) -> LoadedProgram:
        """Convert the segment into measurements. Raises CannotRun with every reason against it."""
        self._must_be_here(channel)
        if reasons := self._channel.segment_problems(segment):
            raise CannotRun("; ".join(reasons))
        jobs = self._job(label)
        samples = SegmentSamples(segment, self._settings.cycles_per_job)
        self._loaded = {jobs: samples}
        sha256 = hashlib.sha256(segment.to_json().encode()).hexdigest()
        description = f"{len(samples.jobs)} measurements by ISTEP, {jobs}, of the program with sha256 {sha256}"
        return LoadedProgram(channel, jobs, len(segment.steps) + 1, description)

    async def start(self, program: LoadedProgram, barcode: str) -> TestIdentity:
        """Begin to measure. Raises CannotRun, and nothing is begun, while a test or another cell has the instrument."""
        test = self._test
        if test is not None and test.is_busy:
            raise CannotRun(f"channel {self.name} is {test.state.value} with {test.identity.barcode!r} on it")
        samples = self._loaded.pop(program.location, None)
        if samples is None:
            raise CannotRun(f"nothing is loaded as {program.location!r}: load it again")
        if self._turn.locked():
            raise CannotRun(f"{self.name} is measuring another cell; start again when it has ended")
        await self._turn.acquire()
        self._has_turn = True
        # Counts up, also from one process to the next.
        number = max(int(self._wall_time()), test.identity.test_id + 1 if test else 1)
        identity = TestIdentity(self.name, number, barcode, program.end_step)
        self._test = test = _Test(identity, samples, program.location)
        self.records_every_s = max(expected_rows.deadline_s(job, self._settings) for job in samples.jobs)
        test.task = asyncio.create_task(self._work(test), name=f"{self.name} {barcode}")
        return identity

    async def stop(self, identity: TestIdentity) -> None:
        """End the vendor's program, then see by a short measurement at open circuit that the cell is off.

        Raises NotConfirmed when that fails, or when somebody else's test runs.
        """
        async with self._stopping:
            test = self._test
            if test is not None and test.identity != identity:
                if test.is_busy:
                    raise NotConfirmed(f"channel {self.name} runs {test.identity.barcode!r}, not {identity.barcode!r}")
                return
            if test is not None:
                await _ended(test)
                if not test.is_busy:
                    return
            try:
                await self._look()
            except DriverError as err:
                raise NotConfirmed(
                    f"the program was ended, and {self.name} could not be seen to be off: {err}; take its leads off"
                ) from err
            if test is not None:
                self._end(test, ChannelState.STOPPED, LogCode.STOPPED)

    async def _work(self, test: _Test) -> None:
        """Measure one job after the other; the reason of the end is stored in the test's state."""
        jobs = test.samples.jobs
        name = job = ""
        try:
            for number, technique in enumerate(jobs, 1):
                name, job = f"{test.jobs}-{number:04d}", f"measurement {number} of {len(jobs)}"
                test.memory.note(LogCode.JOB_ORDERED, self._wall_time())
                note = f"{test.identity.barcode}, {job}"
                if not self._keep_records(test, technique, await self._potentiostat.measure(technique, name, note)):
                    return
            self._end(test, ChannelState.FINISHED, LogCode.FINISHED)
        except asyncio.CancelledError:
            test.state, test.detail = ChannelState.OTHER, f"{job} ({name}) was ended: what the cell sees is not known"
            raise
        except DriverError as err:
            await self._fail(test, f"{job} ({name}) failed: {err}", err)
        except Exception as err:  # a task's root: what the cell sees must be found out all the same
            logger.exception("channel %s: a defect", self.name)
            await self._fail(test, f"{job} ({name}) met a defect, {type(err).__name__}: {err}", err)

    def _keep_records(self, test: _Test, technique: CurrentSteps, measured: Measurement) -> bool:
        """Keep the records of a measurement; False when a limit has ended the measurement and the test."""
        trace = measured.result
        if not isinstance(trace, Trace):
            raise TypeError(f"{technique.kind} gave no trace")
        # When the program closed is known better than when it began to measure.
        test.memory.add(test.samples.add(trace, measured.ended_unix_s - trace.time_s[-1]))
        test.memory.note(LogCode.JOB_READ, self._wall_time())
        self._voltage_v, self._seen_s = trace.voltage_v[-1], None
        seconds = expected_rows.expected(technique, self._settings).seconds
        if time_digits.covers(trace.time_s, seconds, technique.interval_s):
            return True
        last = test.memory.last
        where = told(test.samples.steps, last.step) if last else "its first step"
        test.detail = (
            f"{where} ended at {self._voltage_v:.4f} V by the limits of {technique.low_v:g} to {technique.high_v:g} V, "
            "and a potentiostat does not go on after a limit"
        )
        self._end(test, ChannelState.PROTECTED, LogCode.LIMIT)
        return False

    async def _fail(self, test: _Test, what: str, err: Exception) -> None:
        """End a test after an error: STOPPED if the cell is confirmed to be off, else OTHER, which must be stopped."""
        test.detail = what
        test.memory.note(LogCode.FAILED, self._wall_time())
        if not (isinstance(err, MeasurementFailed) and err.cell_state_known):
            if isinstance(err, Incomplete):
                test.detail += " (so does a limit met between two rows: is the cell still at the leads?)"
            test.detail += "; what passed since its start is not recorded"
            try:
                await self._look()
            except asyncio.CancelledError:
                test.state = ChannelState.OTHER
                raise
            except DriverError as unseen:
                test.detail += f"; whether the cell is off cannot be seen: {unseen}"
                test.state = ChannelState.OTHER
                return
            test.detail += f"; looked at afterwards, the cell is off, at {self._voltage_v:.4f} V"
        self._end(test, ChannelState.STOPPED, LogCode.STOPPED)

    def _end(self, test: _Test, state: ChannelState, code: LogCode) -> None:
        """Set the final state of a test whose cell is confirmed to be off."""
        test.state = state
        test.memory.note(code, self._wall_time())
        if self._has_turn:
            self._has_turn = False
            self._turn.release()

    async def _look_if_old(self) -> None:
        """Measure the open-circuit voltage unless it was just now, or another cell has the instrument."""
        async with self._looking:
            now_s = asyncio.get_running_loop().time()
            if self._seen_s is not None and now_s - self._seen_s <= self._settings.open_circuit_age_s:
                return
            if self._turn.locked():
                if self._seen_s is None:
                    raise ConnectionFailed(f"{self.name} is measuring another cell: no voltage is known")
                return
            try:
                await self._look()
            except DriverError as err:
                raise ConnectionFailed(f"{self.name} shows no open-circuit voltage: {err}") from err

    async def _look(self) -> None:
        """Measure the open-circuit voltage for seconds; the cell is off meanwhile and afterwards."""
        measured = await self._potentiostat.measure(_LOOK, self._job(f"{self.name}-look"))
        if isinstance(measured.result, Trace):
            self._voltage_v = measured.result.voltage_v[-1]
        self._seen_s = asyncio.get_running_loop().time()

    def _job(self, label: str) -> str:
        """Return a job name that was never used: from its purpose and the time."""
        now = datetime.fromtimestamp(self._wall_time(), UTC)
        return f"{_UNNAMEABLE.sub('_', label)[:30]}-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}"

    def _memory(self, identity: TestIdentity) -> Memory:
        if self._test is None or self._test.identity != identity:
            raise TestGone(f"{self.name} knows test {identity.test_id} of channel {identity.channel} no more")
        return self._test.memory

    def _must_be_here(self, channel: str) -> None:
        if channel != self.name:
            raise SettingsError(f"there is no channel {channel!r} on {self.name}; it has {self.name}")


async def _ended(test: _Test) -> None:
    """End the task of a test and, with it, the process of its measurement."""
    if test.task is not None and not test.task.done():
        test.task.cancel()
        await asyncio.wait({test.task})
