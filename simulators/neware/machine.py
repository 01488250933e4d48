"""Executes one schedule on one cell as the tester does: steps, loops, ends, protections, records and events.

Sans-io and lazy: time is a whole number of 0.1 s ticks, `advance_to` makes visible what has happened by then, and
the rows it leaves are the same whether it is called every second or once a month. Numbers in brackets are sections
of the CT-4008 reference.
"""

from __future__ import annotations

import math
from enum import Enum

from simulators.cells.model import CellModel
from simulators.neware.drive import Drive
from simulators.neware.loops import LoopCounters
from simulators.neware.memory import LogRow, StepRow, StoredTest
from simulators.neware.readings import Readings
from simulators.neware.schedule import (
    HOLDS_VOLTAGE,
    TICKS_PER_S,
    Protection,
    Schedule,
    Step,
    StepKind,
    UnitRatings,
)
from simulators.neware.settings import LogCodes, Noise, Trouble

_MS_PER_TICK = 1000 // TICKS_PER_S
_WHOLE = 1.0 - 1e-9
"""A capacity is reached at this part of it: the rest is rounding of sums."""


class Status(Enum):
    """States of a channel as `getchlstatus` and `inquire` spell them [6.1]."""

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
        """Begin at `tick` with the cell at rest and nothing running."""
        self.drive = Drive(cell, ratings, tick)
        self.status = Status.FINISH
        self.test: StoredTest | None = None
        self.trouble = Trouble()
        self.step: Step | None = None
        self.cycle = 1
        self.step_start_tick = tick
        self._ratings = ratings
        self._codes = codes
        self._readings = Readings(seed, ratings, noise)
        self._schedule: Schedule | None = None
        self._loops = LoopCounters()
        self._executed = 0
        self._first_seq = 1
        self._paused_ticks = 0
        self._record_tick: float = math.inf
        self._deadline: float = math.inf
        self._charge_end_ah: float = math.inf
        self._violated_tick: int | None = None
        self._protection = Protection()
        self._anchor_v = self._anchor_a = 0.0
        self._recorded_tick = -1
        self._charge_limit_ah = math.inf

    # What others ask for ---------------------------------------------------------------------------------------

    def advance_to(self, tick: int) -> None:
        """Make visible all that happened at or before `tick`. Asking again, or for less, changes nothing."""
        drive = self.drive
        while True:
            end_tick = drive.end_tick
            if end_tick is None:
                self._coast(tick)
                end_tick = drive.look(self._limit_tick())
            if end_tick > tick:
                return
            drive.commit()
            if self.status is Status.WORKING:
                self._settle()

    def start(self, schedule: Schedule, test: StoredTest, tick: int) -> None:
        """Begin a test at `tick`; the caller has made sure that nothing is running."""
        self._go_to(tick)
        self.test, self._schedule = test, schedule
        self.status, self.cycle, self._executed = Status.WORKING, 1, 0
        self._loops = LoopCounters()
        self._readings.begin_test(test.test_id)
        self._recorded_tick = -1
        self._log(self._codes.test_started, seq=1)
        self._begin_step(schedule.start_step)

    def stop(self, tick: int) -> None:
        """End the test at `tick` by order: a last record, then rest."""
        self._go_to(tick)
        if self.status is Status.WORKING:
            self._close_step(None)
        self._finish(Status.STOP, self._codes.stopped)

    def goto(self, number: int, tick: int) -> None:
        """Leave the running step at `tick` and begin another, counters of loops at zero (unsure, 4.9)."""
        self._go_to(tick)
        self._close_step(None)
        self._loops = LoopCounters()
        self._begin_step(number)

    def pause(self, tick: int) -> None:
        """Interrupt the running step at `tick`; `resume` goes on with it."""
        self._go_to(tick)
        self._record(forced=True)
        self._pause()

    def resume(self, tick: int) -> None:
        """Go on after a pause, in the interrupted step or after the pause step."""
        self._go_to(tick)
        step = self.step
        if self.test is not None and self.test.complete:  # After a stop: the interrupted step gets a second row.
            self.test.complete = False
            self._first_seq = self._rows + 1
        self.status = Status.WORKING
        self._log(self._codes.continued)
        if step is None or step.kind is StepKind.PAUSE:
            self._begin_step(1 if step is None else step.number + 1)
            return
        self.step_start_tick = self.drive.tick - self._paused_ticks
        self._set_limits(step)
        self._drive_step(step)
        self._record(forced=True)
        self._set_bounds()

    def replace_schedule(self, schedule: Schedule, tick: int) -> None:
        """Go on under another schedule from `tick` on: step time keeps counting, one more record follows [4.12]."""
        self._go_to(tick)
        self._record()
        for code in (self._codes.reset_before, self._codes.reset_after, self._codes.schedule_set):
            self._log(code)
        self._schedule = schedule
        self._loops = LoopCounters()
        number = self.step.number if self.step is not None else schedule.start_step
        step = schedule.step(number) if number <= len(schedule.steps) else schedule.step(schedule.start_step)
        if step.kind in (StepKind.LOOP, StepKind.END, StepKind.PAUSE):
            self._close_step(None)
            self._begin_step(step.number)
            return
        self.step = step
        self._set_limits(step)
        self._drive_step(step)
        self._record_tick = self.drive.tick + 1
        self._set_bounds()

    def exchange(self, cell: CellModel, tick: int) -> None:
        """Put other terminals into the holder at `tick`; whatever is driven goes on against them."""
        self._go_to(tick)
        self.drive.cell = cell
        self.drive.command(self.drive.set_a, self.drive.hold_v)
        if self.status is Status.WORKING:
            self._set_bounds()

    @property
    def last_step(self) -> int:
        """Give the number of the last step of the schedule, 0 without one."""
        return 0 if self._schedule is None else len(self._schedule.steps)

    @property
    def step_time_ticks(self) -> int:
        """Give the time in the running step as of the last visible event."""
        return self.drive.tick - self.step_start_tick

    # Time ------------------------------------------------------------------------------------------------------

    def _go_to(self, tick: int) -> None:
        """Advance exactly to `tick` and forget what was seen of the time after it."""
        self.advance_to(tick)
        self.drive.cut(tick)

    def _coast(self, until_tick: int) -> None:
        """Go from record to record while nothing else happens; the hot loop of long tests.

        It takes exactly the intervals that `look` and `commit` would take, and stops before the first that holds
        more than a record of the time grid, is not a whole grid step, or ends after `until_tick`.
        """
        drive, step, test = self.drive, self.step, self.test
        if step is None or test is None or drive.holding or self._violated_tick is not None:
            return
        interval = step.records.interval_ticks
        tick = drive.tick
        if interval is None or self._record_tick - tick != interval or interval > tick - drive.changed_tick:
            return
        stop_tick = self._coast_end(until_tick)
        cell, current_a, low, high = drive.cell, drive.current_a, drive.low, drive.high
        snapshot, advance, voltage_at = cell.snapshot, cell.advance, cell.voltage_v
        read, append = self._readings.read, test.append
        number, cycle, kind, start = step.number, self.cycle, int(step.kind), self.step_start_tick
        duration_s = interval / TICKS_PER_S
        passed_ah = abs(current_a) * interval / (3600.0 * TICKS_PER_S)
        voltage_v, charge_ah, energy_wh = drive.voltage_v, drive.charge_ah, drive.energy_wh
        rest_a = None if step.direction else self.trouble.rest_current_a
        while tick + interval <= stop_tick and interval <= Drive.longest_ticks(cell):
            before = snapshot()
            advance(duration_s, current_a)
            next_v = voltage_at(current_a)
            if not low < next_v < high:
                cell.restore(before)
                break
            tick += interval
            charge_ah += passed_ah
            energy_wh += passed_ah * abs(voltage_v + next_v) * 0.5
            voltage_v = next_v
            gone = tick - start
            read_v, read_a = read(voltage_v, current_a, gone)
            if rest_a is not None:
                read_a = rest_a
            append(number, cycle, kind, gone * _MS_PER_TICK, tick, read_v, read_a, charge_ah, energy_wh)
        drive.tick, drive.voltage_v, drive.charge_ah, drive.energy_wh = tick, voltage_v, charge_ah, energy_wh
        self._record_tick = tick + interval
        self._recorded_tick = tick

    def _coast_end(self, until_tick: int) -> float:
        """Give the last tick that coasting may reach: before the step's end by time or charge."""
        drive = self.drive
        end = min(until_tick, self._deadline - 1)
        if self._charge_limit_ah < math.inf and drive.current_a:
            left_ah = self._charge_limit_ah - drive.charge_ah
            end = min(end, drive.tick + math.ceil(left_ah * _WHOLE * 3600.0 * TICKS_PER_S / abs(drive.current_a)) - 2)
        return end

    def _limit_tick(self) -> float:
        """Give the latest end of the next interval: a record, the step's time or charge, a protection's delay."""
        drive = self.drive
        limit = min(self._deadline, self._record_tick)
        if self._charge_limit_ah < math.inf and drive.current_a:
            left_ah = self._charge_limit_ah - drive.charge_ah
            ticks = math.ceil(left_ah * _WHOLE * 3600.0 * TICKS_PER_S / abs(drive.current_a))
            limit = min(limit, drive.tick + max(1, ticks))
        if self._violated_tick is not None:
            due = self._violated_tick + (self._protection.delay_ticks or 0)
            limit = min(limit, due, drive.tick + TICKS_PER_S)
        return max(limit, drive.tick + 1)

    def _settle(self) -> None:
        """See what holds at the end of an interval; most hold nothing but a record of the time grid."""
        drive = self.drive
        watched = drive.current_a if drive.holding else drive.voltage_v
        quiet = drive.low < watched < drive.high and drive.tick < self._deadline
        if quiet and self._violated_tick is None and drive.charge_ah < self._charge_limit_ah * _WHOLE:
            if drive.tick == self._record_tick:
                self._record()
            return
        self._judge()

    def _judge(self) -> None:
        """Decide at an interval's end: step over, protection, held voltage, or records only."""
        drive, step = self.drive, self.step
        if step is None:
            return
        if not self.trouble.ignore_end_conditions:
            code = self._end_code(step)
            if code is not None:
                self._close_step(code)
                self._begin_step(step.number + 1)
                return
        else:
            self._forget_ends()
        if self._must_protect(step):
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
        self._record_changes(step)
        if drive.tick == self._record_tick:
            self._record()
        self._set_bounds()

    def _forget_ends(self) -> None:
        """Run on past ends that have been reached, for a channel in that trouble."""
        if self.drive.tick >= self._deadline:
            self._deadline = math.inf
        if self.drive.charge_ah >= self._charge_end_ah * _WHOLE:
            self._charge_limit_ah = self._charge_end_ah = math.inf

    # Steps -----------------------------------------------------------------------------------------------------

    def _begin_step(self, number: int) -> None:
        """Begin the step with this number, running through loops, pauses and the end, which take no time."""
        schedule = self._schedule
        if schedule is None:
            return
        step = schedule.step(number)
        while step.kind is StepKind.LOOP:
            number, jumped = self._loops.after(step)
            self.cycle += jumped
            step = schedule.step(number)
        self.step = step
        drive = self.drive
        self.step_start_tick = drive.tick
        drive.restart_counters()
        if step.kind is StepKind.END:
            self._finish(Status.FINISH, self._codes.test_finished)
            return
        if step.kind is StepKind.PAUSE:
            self._pause()
            return
        self._first_seq = self._rows + 1
        self._log(self._codes.step_started, seq=self._first_seq + 1)
        self._set_limits(step)
        self._drive_step(step)
        self._recorded_tick = -1
        self._anchor_v, self._anchor_a = drive.voltage_v, drive.current_a
        self._record()
        self._set_bounds()

    def _set_limits(self, step: Step) -> None:
        """Take over a step's ends and protections, counted from the step's start."""
        start = self.step_start_tick
        self._deadline = math.inf if step.duration_ticks is None else start + step.duration_ticks
        interval = step.records.interval_ticks
        gone = self.drive.tick - start
        # Records lie on a grid anchored at the step's start, whatever else is recorded in between [7.3.2].
        self._record_tick = math.inf if interval is None else start + -(-gone // interval) * interval
        self._protection = step.protection
        self._charge_end_ah = math.inf if step.capacity_ah is None else step.capacity_ah
        upper_ah = self._protection.upper_capacity_ah
        self._charge_limit_ah = min(self._charge_end_ah, math.inf if upper_ah is None else upper_ah)
        self._violated_tick = None

    def _drive_step(self, step: Step) -> None:
        """Command what the step drives, from now on."""
        drive, readings = self.drive, self._readings
        limit_a = self._ratings.top_current_a if step.current_a is None else step.current_a
        set_a = step.direction * limit_a * self.trouble.current_factor
        hold_v = None
        if step.kind in HOLDS_VOLTAGE and step.voltage_v is not None:
            hold_v = step.voltage_v + readings.held_offset_v
        drive.command(set_a, hold_v)
        readings.begin_step(drive.current_a, step.range_a, drive.holding)
        if self._breaks(self._protection):
            self._violated_tick = drive.tick

    def _end_code(self, step: Step) -> int | None:
        """Give the event code of the end condition that holds now, None while none does."""
        drive, codes = self.drive, self._codes
        if self._cutoff_passed(step):
            return codes.ended_by_voltage
        if drive.holding and step.kind in HOLDS_VOLTAGE and abs(drive.current_a) <= (step.stop_current_a or 0.0):
            return codes.ended_by_current
        if drive.charge_ah >= self._charge_end_ah * _WHOLE:
            return codes.ended_by_capacity
        if drive.tick >= self._deadline:
            return codes.ended_by_time
        return None

    def _close_step(self, code: int | None) -> None:
        """Make the step's final record, its events and its row; `code` says why it ended by itself."""
        drive, step, test = self.drive, self.step, self.test
        if step is None or test is None or self.status is not Status.WORKING:
            return
        self._record(at_cutoff=code == self._codes.ended_by_voltage)
        if code is not None:
            self._log(code)
        self._log(self._codes.step_finished)
        self._executed += 1
        first, last = test.row(self._first_seq), test.row(len(test))
        test.steps.append(
            StepRow(
                self._first_seq,
                len(test),
                step.number,
                self.cycle,
                step.kind,
                self.step_time_ticks * _MS_PER_TICK,
                drive.tick,
                first.voltage_v,
                last.voltage_v,
                first.current_a,
                last.current_a,
                last.capacity_ah,
                last.energy_wh,
            )
        )

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
        """Rest without records until somebody acts."""
        self.status = status
        self._paused_ticks = self.step_time_ticks
        self._record_tick = self._deadline = self._charge_limit_ah = math.inf
        self._violated_tick = None
        charge_ah, energy_wh = self.drive.charge_ah, self.drive.energy_wh
        self.drive.command(0.0, None)
        self.drive.charge_ah, self.drive.energy_wh = charge_ah, energy_wh

    # Protection and bounds -------------------------------------------------------------------------------------

    def _breaks(self, limits: Protection) -> bool:
        """Tell whether the present state is outside the limits."""
        drive = self.drive
        return (
            (limits.upper_voltage_v is not None and drive.voltage_v >= limits.upper_voltage_v)
            or (limits.lower_voltage_v is not None and drive.voltage_v <= limits.lower_voltage_v)
            or (limits.upper_current_a is not None and drive.current_a >= limits.upper_current_a)
            or (limits.lower_current_a is not None and drive.current_a <= limits.lower_current_a)
            or (limits.upper_capacity_ah is not None and drive.charge_ah >= limits.upper_capacity_ah * _WHOLE)
        )

    def _must_protect(self, step: Step) -> bool:
        """Tell whether a limit has been broken for its delay, or the unit would have to force the cell too low."""
        drive = self.drive
        if self._forced_too_low(step):
            return True
        if not self._breaks(self._protection):
            self._violated_tick = None
            return False
        if self._violated_tick is None:
            self._violated_tick = drive.tick
        return drive.tick - self._violated_tick >= (self._protection.delay_ticks or 0)

    def _set_bounds(self) -> None:
        """Tell the drive between which values nothing happens."""
        step, drive, limits = self.step, self.drive, self._protection
        if step is None or self.status is not Status.WORKING:
            return
        sign = step.direction
        bounds: list[tuple[int, float | None]] = []
        if drive.holding:
            limit_a = abs(drive.set_a) * 1.000001
            bounds += [(sign, sign * limit_a), (1, limits.upper_current_a), (-1, limits.lower_current_a)]
            if step.kind in HOLDS_VOLTAGE and step.stop_current_a is not None:
                bounds.append((-sign, sign * step.stop_current_a))
            change, anchor = step.records.current_a, self._anchor_a
        else:
            bounds += [(1, limits.upper_voltage_v), (-1, limits.lower_voltage_v)]
            if sign:
                stop_v = None if self.trouble.ignore_end_conditions else step.stop_voltage_v
                bounds += [(sign, stop_v), (sign, drive.target_v)]
            if sign and not self._ratings.negative_voltage:
                floor_v = self._ratings.minimum_voltage_v if sign < 0 else 0.0
                bounds.append((-1, math.nextafter(floor_v, -1.0)))
            change, anchor = step.records.voltage_v, self._anchor_v
        if change is not None:
            bounds += [(1, anchor + change), (-1, anchor - change)]
        drive.high = min((v for way, v in bounds if way > 0 and v is not None), default=math.inf)
        drive.low = max((v for way, v in bounds if way < 0 and v is not None), default=-math.inf)
        if drive.holding and (self._forced_too_low(step) or self._cutoff_passed(step)):
            drive.low = math.inf  # Nothing to wait for: the next tick is judged.

    def _cutoff_passed(self, step: Step) -> bool:
        """Tell whether the voltage is at or beyond the step's cutoff."""
        stop_v = step.stop_voltage_v
        return bool(step.direction) and stop_v is not None and (self.drive.voltage_v - stop_v) * step.direction >= 0.0

    def _forced_too_low(self, step: Step) -> bool:
        """Tell whether this step drives the cell under what the unit can force."""
        if not step.direction or self._ratings.negative_voltage:
            return False
        return self.drive.voltage_v < (self._ratings.minimum_voltage_v if step.direction < 0 else 0.0)

    # Records and events ----------------------------------------------------------------------------------------

    @property
    def _rows(self) -> int:
        return 0 if self.test is None else len(self.test)

    def _record_changes(self, step: Step) -> None:
        """Record when voltage or current left its anchor by the step's threshold; the anchor moves there [7.3.3]."""
        drive, rules = self.drive, step.records
        # Compared as the bounds are computed, so that rounding cannot part the two.
        if rules.voltage_v is not None:
            up, down = self._anchor_v + rules.voltage_v, self._anchor_v - rules.voltage_v
            if drive.voltage_v >= up or drive.voltage_v <= down:
                self._anchor_v = drive.voltage_v
                self._record()
        if rules.current_a is not None:
            up, down = self._anchor_a + rules.current_a, self._anchor_a - rules.current_a
            if drive.current_a >= up or drive.current_a <= down:
                self._anchor_a = drive.current_a
                self._record()

    def _record(self, *, at_cutoff: bool = False, forced: bool = False) -> None:
        """Keep a record of this moment, unless there is one of this step already; move on the time grid."""
        drive, step, test = self.drive, self.step, self.test
        tick = drive.tick
        if tick == self._record_tick and step is not None:
            interval = step.records.interval_ticks
            gone = tick - self.step_start_tick
            self._record_tick = math.inf if interval is None else tick - gone % interval + interval
        if step is None or test is None or (tick == self._recorded_tick and not forced):
            return
        self._recorded_tick = tick
        gone = tick - self.step_start_tick
        if drive.holding:
            self._readings.choose_range(drive.current_a, step.range_a, held=True)
        if at_cutoff:
            voltage_v, current_a = self._readings.read_at_cutoff(drive.voltage_v, drive.current_a, gone, step.direction)
        else:
            voltage_v, current_a = self._readings.read(drive.voltage_v, drive.current_a, gone)
        if not step.direction:
            current_a = self.trouble.rest_current_a
        test.append(
            step.number, self.cycle, step.kind, gone * _MS_PER_TICK, tick, voltage_v, current_a,
            drive.charge_ah, drive.energy_wh,
        )  # fmt: skip

    def _log(self, code: int, *, seq: int | None = None, value: float = 0.0) -> None:
        """Keep an event, by default on the last record."""
        if self.test is not None:
            self.test.log.append(LogRow(self._rows if seq is None else seq, code, self.drive.tick, value))
