"""Carries out one segment on one source: measures, decides, switches, until its end or a reason to end it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from drivers.errors import ConnectionFailed
from drivers.interfaces import ChannelState
from drivers.memory import LogCode, Memory
from drivers.sources import Drive, Held, Source, SourceReading
from drivers.stepping.deadline import Deadline
from drivers.stepping.drives import SegmentDrives, keeps_preparation, mode_of
from drivers.stepping.recording import Executed, StepRecorder
from drivers.stepping.settings import SteppedSettings
from drivers.stepping.step_ends import Pace, StepEnds
from drivers.stepping.suspension import slept_s
from drivers.stepping.watching import EndedEarly, FaultWatch, LimitWatch
from protocols.execution_order import Place, flow
from protocols.program import CyclingSegment
from protocols.program_steps import Loop

# A source that has just been switched may regulate before the cell has followed.
_MOST_OFF_CUTOFF = 20
# A source of current at its voltage limit that passes less than this part of its level has no cell.
_OPEN_PART = 0.1


class SegmentRun:
    """A segment on a source from its first order to its end. Whoever runs it switches the output off afterwards.

    ``voltage_v`` and ``current_a`` are those of the last reading. ``slept_s`` tells how long the computer has slept.
    """

    def __init__(
        self,
        source: Source,
        segment: CyclingSegment,
        settings: SteppedSettings,
        memory: Memory,
        wall_time: Callable[[], float],
        open_circuit_v: float,
        slept_s: Callable[[], float] = slept_s,
    ) -> None:
        self._source, self._segment, self._settings = source, segment, settings
        self._memory, self._wall_time = memory, wall_time
        self.voltage_v, self.current_a = open_circuit_v, 0.0
        self.place: Place | None = None
        self.begun_s = asyncio.get_running_loop().time()
        self._drives = SegmentDrives(segment, settings, open_circuit_v)
        self._drive: Drive | None = None
        self._limits = LimitWatch(segment.limits)
        self._faults = FaultWatch(open_circuit_v)
        self._clock = asyncio.get_running_loop().time
        # When the next reading is due, by the loop's clock.
        self._due_s = self.begun_s
        self._off_cutoff = 0
        self._deadline = Deadline()
        self._slept_s, self._slept_before_s = slept_s, slept_s()

    async def carry_out(self) -> None:
        """Execute all steps. Raises EndedEarly, DriverError and CancelledError, with the output still on."""
        try:
            for count, place in enumerate(flow(self._segment.steps), 1):
                await self._step(count, place)
        finally:
            self._deadline.close()

    async def _step(self, count: int, place: Place) -> None:
        step = self._segment.steps[place.step - 1]
        if isinstance(step, Loop):
            raise TypeError(f"step {place.step} is a loop, and no execution")
        drive = self._drives.of(step, self._drive)
        await self._switch(drive)
        self.place, begun_s = place, self._clock()
        executed = Executed(place, count, mode_of(step), self.begun_s, begun_s)
        recorder = StepRecorder(executed, step.record or self._segment.record, self._memory, self._wall_time)
        ends = StepEnds(step, drive)
        self._faults.begin(drive, begun_s)
        self._due_s, self._off_cutoff = begun_s, 0
        try:
            while not await self._decide(recorder, ends, begun_s):
                if (pause_s := self._due_s - self._clock()) > 0:
                    await asyncio.sleep(pause_s)
        finally:
            recorder.close()

    async def _decide(self, recorder: StepRecorder, ends: StepEnds, begun_s: float) -> bool:
        """Measure and decide once; returns whether the step is over, and sets when the next reading is due."""
        asked_s = self._clock()
        reading = await self._read()
        at_s, drive = self._clock(), self._drive
        settings = self._settings
        self._due_s = asked_s + settings.interval_s
        if drive is None:
            raise TypeError("a reading without an order")
        voltage_v, current_a = reading.voltage_v, reading.current_a
        if not self._faults.check_value(reading) or voltage_v is None or current_a is None:
            self._memory.note(LogCode.NO_VALUE, self._wall_time())
            return False
        self.voltage_v, self.current_a = voltage_v, current_a
        recorder.add(at_s, voltage_v, current_a)
        elapsed_s, charge_ah = at_s - begun_s, recorder.charge_ah
        self._faults.check(drive, at_s, voltage_v, current_a, at_limit=reading.at_limit)
        is_open = reading.at_limit and drive.held is Held.CURRENT and abs(current_a) < _OPEN_PART * abs(drive.level)
        self._limits.check_absolute(voltage_v, current_a, is_open=is_open)
        regulates_voltage = drive.held is Held.VOLTAGE and not reading.at_limit
        if ends.reason(elapsed_s, voltage_v, current_a, charge_ah, regulates_voltage=regulates_voltage) is not None:
            return True
        # As a tester does: what ends the step is no breach of a limit.
        self._limits.check(at_s, voltage_v, current_a)
        if regulates_voltage and ends.held_cutoff_v is not None:
            await self._trim(ends.held_cutoff_v, voltage_v)
        pace = Pace(settings.fastest_interval_s, at_s - asked_s)
        wait_s = ends.wait_s(elapsed_s, voltage_v, current_a, charge_ah, pace)
        due_s = min(self._due_s, at_s + wait_s)
        if recorder.next_due_s is not None:
            due_s = min(due_s, recorder.next_due_s)
        self._due_s = max(due_s, self._clock())
        return False

    async def _read(self) -> SourceReading:
        """Measure once. Raises EndedEarly when the reading, or this process, came too late to decide by it."""
        late_s = self._settings.decision_timeout_s
        try:
            reading = await self._deadline.bound(self._source.read(), late_s)
        except TimeoutError:
            raise EndedEarly(
                ChannelState.STOPPED, f"{self._source.name} gave no reading within {late_s:g} s: the decision was lost"
            ) from None
        if (asleep_s := self._slept_s() - self._slept_before_s) > late_s:
            raise EndedEarly(
                ChannelState.STOPPED,
                f"this computer slept for {asleep_s:.0f} s, and nobody knows what the cell saw: forbid it to sleep",
            )
        if (behind_s := self._clock() - self._due_s) > late_s:
            raise EndedEarly(
                ChannelState.STOPPED,
                f"a decision came {behind_s:.1f} s after it was due, {late_s:g} s at most: this computer was busy",
            )
        return reading

    async def _switch(self, drive: Drive) -> None:
        """Let a source carry out an order; function and ranges change only while the output is off."""
        before, late_s = self._drive, self._settings.decision_timeout_s
        if before is not None and keeps_preparation(before, drive):
            if drive != before:
                await self._in_time(self._source.adjust(drive), late_s, "change its level")
        else:
            self._drive = None
            if before is not None:
                await self._in_time(
                    self._source.switch_off(), self._settings.order_timeout_s, "switch off between two steps"
                )
            prepared = self._source.prepare(drive, self._settings.interval_s)
            await self._in_time(prepared, self._settings.order_timeout_s, "be prepared")
            await self._in_time(self._source.switch_on(), self._settings.order_timeout_s, "switch on")
        self._drive = drive

    async def _trim(self, cutoff_v: float, voltage_v: float) -> None:
        """Correct a held cutoff by what is measured there: source and meter of one instrument differ by millivolts."""
        drive, most_v = self._drive, self._settings.voltage_trim_v
        if drive is None:
            return
        level_v = drive.level + cutoff_v - voltage_v
        if abs(level_v - cutoff_v) <= most_v:
            self._off_cutoff = 0
            await self._switch(replace(drive, level=level_v))
            return
        self._off_cutoff += 1
        if self._off_cutoff >= _MOST_OFF_CUTOFF:
            raise EndedEarly(
                ChannelState.STOPPED,
                f"{voltage_v:.4f} V is measured where the cutoff of {cutoff_v:.4f} V is held, beyond voltage_trim_v, "
                f"{most_v:g} V, off: calibrate the source",
            )

    async def _in_time(self, order: Awaitable[None], within_s: float, what: str) -> None:
        """Await an order to the source. Raises ConnectionFailed when it takes too long."""
        try:
            async with asyncio.timeout(within_s):
                await order
        except TimeoutError:
            raise ConnectionFailed(f"{self._source.name} did not {what} within {within_s:g} s") from None
