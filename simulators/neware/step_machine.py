"""Executes one schedule on one cell as the tester does: the order of steps, loops, pauses, and outside commands.

Sans-io and lazy: time is a whole number of 0.1 s ticks, ``advance_to`` makes visible what has happened by then, and
the rows it leaves are the same whether it is called every second or once a month. ``Drive`` moves the cell, ``Watch``
says when a step is over, ``Recorder`` writes. Numbers in brackets are sections of the CT-4008 reference.
"""

from __future__ import annotations

import math
from enum import Enum

from simulators.cells.model import CellModel
from simulators.neware.cell_drive import Drive
from simulators.neware.loops import LoopCounters
from simulators.neware.memory import StoredTest
from simulators.neware.readings import Readings
from simulators.neware.recorder import Recorder
from simulators.neware.schedule import HOLDS_VOLTAGE, Schedule, Step, StepKind, UnitRatings
from simulators.neware.settings import LogCodes, Noise, Trouble
from simulators.neware.step_watch import Watch


class Status(Enum):
    """States of a channel as ``getchlstatus`` and ``inquire`` spell them [6.1]."""

    WORKING = "working"
    STOP = "stop"
    FINISH = "finish"
    PROTECT = "protect"
    PAUSE = "pause"


class StepMachine:
    """One channel's program executor; between tests it keeps its cell at rest."""

    def __init__(
        self, cell: CellModel, ratings: UnitRatings, seed: str, tick: int, codes: LogCodes, noise: Noise
    ) -> None:
        """Begin at ``tick`` with the cell at rest and nothing running."""
        self.drive = Drive(cell, ratings, tick)
        self.status = Status.FINISH
        self.step: Step | None = None
        self.step_start_tick = tick
        self._ratings = ratings
        self._codes = codes
        self._readings = Readings(seed, ratings, noise)
        self._recorder = Recorder(self._readings, codes)
        self._watch = Watch(ratings, codes)
        self._schedule: Schedule | None = None
        self._loops = LoopCounters()
        self._paused_ticks = 0

    # What others ask for ---------------------------------------------------------------------------------------

    @property
    def test(self) -> StoredTest | None:
        """Return the running or last test."""
        return self._recorder.test

    @property
    def cycle(self) -> int:
        """Return the cycle number: 1, and one more for every backward jump taken [7.2]."""
        return self._recorder.cycle

    @property
    def trouble(self) -> Trouble:
        """Return the faults of this channel."""
        return self._recorder.trouble

    @trouble.setter
    def trouble(self, trouble: Trouble) -> None:
        self._recorder.trouble = trouble

    @property
    def last_step(self) -> int:
        """Return the number of the last step of the schedule, 0 without one."""
        return 0 if self._schedule is None else len(self._schedule.steps)

    def advance_to(self, tick: int) -> None:
        """Make visible all that happened at or before ``tick``. Asking again, or for less, changes nothing."""
        drive, watch, recorder = self.drive, self._watch, self._recorder
        while True:
            end_tick = drive.end_tick
            if end_tick is None:
                if self.step is not None and self.status is Status.WORKING and watch.violated_tick is None:
                    recorder.coast(self.step, drive, self.step_start_tick, watch.coast_end(drive, tick))
                end_tick = drive.end_tick or drive.look(watch.limit_tick(drive, recorder.tick))
            if end_tick > tick:
                return
            drive.commit()
            if self.step is None or self.status is not Status.WORKING:
                continue
            if not watch.quiet(drive):
                self._judge(self.step)
            elif drive.tick == recorder.tick:
                recorder.record(self.step, drive, self.step_start_tick)

    # Orders from outside ---------------------------------------------------------------------------------------

    def start(self, schedule: Schedule, test: StoredTest, tick: int) -> None:
        """Begin a test at ``tick``; the caller has made sure that nothing is running."""
        self._go_to(tick)
        self._schedule = schedule
        self.status = Status.WORKING
        self._loops = LoopCounters()
        self._recorder.begin_test(test)
        self._log(self._codes.test_started, seq=1)
        self._begin_step(schedule.start_step)

    def stop(self, tick: int) -> None:
        """End the test at ``tick`` by order: a last record, then rest."""
        self._go_to(tick)
        self._close_step(None)
        self._finish(Status.STOP, self._codes.stopped)

    def protect(self, tick: int) -> None:
        """End the test at ``tick`` by a protection that no limit of the schedule asks for, such as too much heat."""
        self._go_to(tick)
        self._close_step(None)
        self._finish(Status.PROTECT, self._codes.protect)

    def goto(self, number: int, tick: int) -> None:
        """Leave the running step at ``tick`` and begin another, counters of loops at zero (unsure, 4.9)."""
        self._go_to(tick)
        self._close_step(None)
        self._loops = LoopCounters()
        self._begin_step(number)

    def pause(self, tick: int) -> None:
        """Interrupt the running step at ``tick``; ``resume`` continues it."""
        self._go_to(tick)
        if self.step is not None:
            self._recorder.record(self.step, self.drive, self.step_start_tick, forced=True)
        self._pause()

    def resume(self, tick: int) -> None:
        """Continue after a pause, in the interrupted step or after the pause step; after a stop likewise."""
        self._go_to(tick)
        step, test = self.step, self.test
        if step is None or test is None:
            return
        if test.complete:  # After a stop: the interrupted step gets a second row.
            test.complete = False
            self._recorder.begin_row()
        self.status = Status.WORKING
        self._log(self._codes.continued)
        if step.kind is StepKind.PAUSE:
            self._begin_step(step.number + 1)
            return
        self.step_start_tick = self.drive.tick - self._paused_ticks
        self._enter(step)
        self._recorder.record(step, self.drive, self.step_start_tick, forced=True)
        self._set_bounds(step)

    def replace_schedule(self, schedule: Schedule, tick: int) -> None:
        """Continue with another schedule from ``tick`` on: step time keeps counting, one more record follows [4.12].

        The step of the same number goes on; where the new schedule has none, its first step.
        """
        self._go_to(tick)
        old = self.step
        if old is None:
            return
        self._recorder.record(old, self.drive, self.step_start_tick)
        for code in (self._codes.reset_before, self._codes.reset_after, self._codes.schedule_set):
            self._log(code)
        self._loops = LoopCounters()
        step = schedule.step(old.number if old.number <= len(schedule.steps) else schedule.start_step)
        if step.kind in (StepKind.LOOP, StepKind.END, StepKind.PAUSE):
            self._close_step(None)
            self._schedule = schedule
            self._begin_step(step.number)
            return
        self._schedule, self.step = schedule, step
        self._enter(step)
        self._recorder.tick = self.drive.tick + 1
        self._set_bounds(step)

    def exchange(self, cell: CellModel, tick: int) -> None:
        """Put other terminals into the holder at ``tick``; whatever is driven goes on against them."""
        self._go_to(tick)
        self.drive.cell = cell
        self.drive.command(self.drive.set_a, self.drive.hold_v, self.drive.load)
        if self.step is not None and self.status is Status.WORKING:
            # Against an empty holder the drive is at its compliance at once, where only the current is waited for.
            self._watch.notice(self.drive)
            self._set_bounds(self.step)

    def warm(self, cell: CellModel, temperature_degc: float, tick: int) -> None:
        """Let the cell in the holder have a temperature from ``tick`` on; whatever is driven goes on."""
        self._go_to(tick)
        cell.temperature_degc = temperature_degc
        self.exchange(self.drive.cell, tick)

    def _go_to(self, tick: int) -> None:
        """Advance exactly to ``tick`` and drop the results of looking beyond it."""
        self.advance_to(tick)
        self.drive.cut(tick)

    # The order of steps ----------------------------------------------------------------------------------------

    def _judge(self, step: Step) -> None:
        """Decide at an interval's end: step over, protection, held voltage, or records only."""
        drive, watch, recorder = self.drive, self._watch, self._recorder
        code = watch.end_code(step, drive)
        if code is not None and not self.trouble.ignore_end_conditions:
            self._close_step(code)
            self._begin_step(step.number + 1)
            return
        watch.forget_reached_ends(drive)
        if watch.must_protect(step, drive) and not self.trouble.ignore_protections:
            self._close_step(None)
            self._finish(Status.PROTECT, self._codes.protect)
            return
        if drive.beyond_limit:
            drive.release()
            self._readings.choose_range(drive.current_a, step.range_a, held=False)
        elif not drive.holding and step.direction and (drive.voltage_v - drive.target_v) * step.direction >= 0.0:
            drive.hold()
            if step.kind in HOLDS_VOLTAGE:
                self._log(self._codes.switch_to_cv, value=drive.voltage_v)
        recorder.record_changes(step, drive, self.step_start_tick)
        if drive.tick == recorder.tick:
            recorder.record(step, drive, self.step_start_tick)
        self._set_bounds(step)

    def _begin_step(self, number: int) -> None:
        """Begin the step with this number, running through loops, pauses and the end, which take no time."""
        schedule, drive, recorder = self._schedule, self.drive, self._recorder
        if schedule is None:
            return
        step = schedule.step(number)
        while step.kind is StepKind.LOOP:
            number, jumped = self._loops.after(step)
            recorder.cycle += jumped
            step = schedule.step(number)
        self.step = step
        self.step_start_tick = drive.tick
        drive.restart_counters()
        if step.kind is StepKind.END:
            self._finish(Status.FINISH, self._codes.test_finished)
            return
        if step.kind is StepKind.PAUSE:
            self._pause()
            return
        recorder.begin_row()
        recorder.announce_step(drive.tick)
        self._enter(step)
        recorder.set_anchors(drive)
        recorder.record(step, drive, self.step_start_tick)
        self._set_bounds(step)

    def _enter(self, step: Step) -> None:
        """Command what the step drives from now on, and watch for its ends, counted from the step's start."""
        drive, readings = self.drive, self._readings
        self._watch.begin(step, self.step_start_tick)
        self._recorder.set_grid(step, self.step_start_tick, drive.tick)
        limit_a = self._ratings.top_current_a if step.current_a is None else step.current_a
        hold_v = None
        if step.kind in HOLDS_VOLTAGE and step.voltage_v is not None:
            hold_v = step.voltage_v + readings.held_offset_v
        factor = self.trouble.current_factor
        load = None if step.load is None else step.load.scaled(factor)
        drive.command(step.direction * limit_a * (factor if load is None else 1.0), hold_v, load)
        readings.begin_step(drive.current_a, step.range_a, drive.holding)
        self._watch.notice(drive)

    def _set_bounds(self, step: Step) -> None:
        """Set the drive's bounds, between which no step end and no protection can occur."""
        recorder = self._recorder
        ends = not self.trouble.ignore_end_conditions
        self._watch.set_bounds(step, self.drive, recorder.anchor_v, recorder.anchor_a, ends=ends)

    def _close_step(self, code: int | None) -> None:
        """Write the end of the running step, if one is running."""
        if self.step is not None and self.status is Status.WORKING:
            self._recorder.close_step(self.step, self.drive, self.step_start_tick, code)

    def _pause(self) -> None:
        """Rest with the program kept."""
        self._log(self._codes.paused)
        self._idle(Status.PAUSE)

    def _finish(self, status: Status, code: int) -> None:
        """End the test: the data file is complete, the cell rests."""
        self._log(code)
        if self.test is not None:
            self.test.complete = True
        self._idle(status)

    def _idle(self, status: Status) -> None:
        """Rest without records until a command arrives; the step's charge and time are kept."""
        self.status = status
        self._paused_ticks = self.drive.tick - self.step_start_tick
        self._recorder.tick = math.inf
        self._watch.clear()
        self.drive.command(0.0, None)

    def _log(self, code: int, *, seq: int | None = None, value: float = 0.0) -> None:
        self._recorder.log(code, self.drive.tick, seq=seq, value=value)
