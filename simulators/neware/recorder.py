"""Writes a test's records, events and step rows at the moments the real tester does (reference 7.3, 6.3)."""

from __future__ import annotations

import math
from functools import partial

from simulators.cells.walking import Walk, walk_by_intervals
from simulators.neware.cell_drive import Drive
from simulators.neware.memory import LogRow, StepRow, StoredTest
from simulators.neware.readings import Readings
from simulators.neware.schedule import TICKS_PER_S, Step
from simulators.neware.settings import LogCodes, Trouble

_MS_PER_TICK = 1000 // TICKS_PER_S

_WALKED = 120
"""So many intervals are taken at once at most: an hour of half minutes."""


class Recorder:
    """The pen of one channel. ``tick`` is the next time record; ``anchor_v``, ``anchor_a`` are of change records."""

    def __init__(self, readings: Readings, codes: LogCodes) -> None:
        """Begin without a test."""
        self.test: StoredTest | None = None
        self.tick: float = math.inf
        self.anchor_v = self.anchor_a = 0.0
        self.cycle = 1
        self.trouble = Trouble()
        self._readings = readings
        self._codes = codes
        self._first_seq = 1
        self._last_tick = -1

    @property
    def rows(self) -> int:
        """Return the number of records of the test."""
        return 0 if self.test is None else len(self.test)

    def begin_test(self, test: StoredTest) -> None:
        """Write into this test from now on."""
        self.test = test
        self.cycle = 1
        self._last_tick = -1
        self._readings.begin_test(test.test_id)

    def begin_row(self) -> None:
        """Begin a new step row at the next record."""
        self._first_seq = self.rows + 1
        self._last_tick = -1

    def announce_step(self, tick: int) -> None:
        """Log a step's start, with its first record's number plus one as most real files do (6.3)."""
        self.log(self._codes.step_started, tick, seq=self._first_seq + 1)

    def set_anchors(self, drive: Drive) -> None:
        """Measure changes from here on."""
        self.anchor_v, self.anchor_a = drive.voltage_v, drive.current_a

    def set_grid(self, step: Step, start_tick: int, now_tick: int) -> None:
        """Set the grid of time records, anchored at the step's start, independent of other records (7.3.2)."""
        interval = step.records.interval_ticks
        gone = now_tick - start_tick
        self.tick = math.inf if interval is None else start_tick + -(-gone // interval) * interval

    def record_changes(self, step: Step, drive: Drive, start_tick: int) -> None:
        """Record when voltage or current left its anchor by the step's threshold; the anchor moves there (7.3.3)."""
        # Compared as the bounds are computed, so that rounding cannot part the two.
        rules = step.records
        if rules.voltage_v is not None:
            up, down = self.anchor_v + rules.voltage_v, self.anchor_v - rules.voltage_v
            if drive.voltage_v >= up or drive.voltage_v <= down:
                self.anchor_v = drive.voltage_v
                self.record(step, drive, start_tick)
        if rules.current_a is not None:
            up, down = self.anchor_a + rules.current_a, self.anchor_a - rules.current_a
            if drive.current_a >= up or drive.current_a <= down:
                self.anchor_a = drive.current_a
                self.record(step, drive, start_tick)

    def record(
        self, step: Step, drive: Drive, start_tick: int, *, at_cutoff: bool = False, forced: bool = False
    ) -> None:
        """Keep a record of this moment, unless there is one of this step already; move on the time grid."""
        tick, test = drive.tick, self.test
        gone = tick - start_tick
        if tick == self.tick:
            interval = step.records.interval_ticks
            self.tick = math.inf if interval is None else tick - gone % interval + interval
        if test is None or (tick == self._last_tick and not forced):
            return
        self._last_tick = tick
        readings = self._readings
        if drive.holding or drive.load is not None:
            readings.choose_range(drive.current_a, step.range_a, held=drive.holding)
        if at_cutoff:
            voltage_v, current_a = readings.read_at_cutoff(drive.voltage_v, drive.current_a, gone, step.direction)
        else:
            voltage_v, current_a = readings.read(drive.voltage_v, drive.current_a, gone)
        if not step.direction:
            current_a = self.trouble.rest_current_a
        test.append(
            step.number, self.cycle, step.kind, gone * _MS_PER_TICK, tick, voltage_v, current_a,
            drive.charge_ah, drive.energy_wh,
        )  # fmt: skip

    def coast(self, step: Step, drive: Drive, start_tick: int, stop_tick: float) -> None:
        """Go from time record to time record while nothing else happens; the hot loop of long tests.

        It takes exactly the intervals that the drive's ``look`` and ``commit`` would take, and stops before the first
        that ends after ``stop_tick``, or that crosses a bound: at that one the drive has looked then.
        """
        interval, test, cell = step.records.interval_ticks, self.test, drive.cell
        if test is None or drive.holding or drive.load is not None or interval is None:
            return
        own: Walk | None = getattr(cell, "walk", None)
        walk, most = (partial(walk_by_intervals, cell), 1) if own is None else (own, _WALKED)
        current_a, tick, next_tick = drive.current_a, drive.tick, self.tick
        read, rows = self._readings.read, []
        number, cycle, kind = step.number, self.cycle, int(step.kind)
        voltage_v, charge_ah, energy_wh = drive.voltage_v, drive.charge_ah, drive.energy_wh
        rest_a = None if step.direction else self.trouble.rest_current_a
        crossing: tuple[tuple[float, ...], int, float] | None = None
        while crossing is None:
            spans = _spans(drive, (start_tick, interval), tick, next_tick, stop_tick, most)
            if not spans:
                break
            voltages_v, before = walk([span / TICKS_PER_S for span in spans], current_a, drive.low, drive.high)
            if before is not None:
                crossing = before, spans[len(voltages_v) - 1], voltages_v.pop()
            for span, next_v in zip(spans, voltages_v, strict=False):
                tick += span
                passed_ah = abs(current_a) * span / (3600.0 * TICKS_PER_S)
                charge_ah += passed_ah
                energy_wh += passed_ah * abs(voltage_v + next_v) * 0.5
                voltage_v = next_v
                if tick != next_tick:
                    continue
                gone = tick - start_tick
                read_v, read_a = read(voltage_v, current_a, gone)
                if rest_a is not None:
                    read_a = rest_a
                rows.append((number, cycle, kind, gone * _MS_PER_TICK, tick, read_v, read_a, charge_ah, energy_wh))
                next_tick = tick - gone % interval + interval
        drive.tick, drive.voltage_v, drive.charge_ah, drive.energy_wh = tick, voltage_v, charge_ah, energy_wh
        self.tick = next_tick
        if rows:
            test.extend(rows)
            self._last_tick = rows[-1][4]
        if crossing is not None:
            drive.look_back(*crossing)

    def close_step(self, step: Step, drive: Drive, start_tick: int, code: int | None) -> None:
        """Make the step's final record, its events and its row; ``code`` says why it ended by itself."""
        test = self.test
        if test is None:
            return
        self.record(step, drive, start_tick, at_cutoff=code == self._codes.ended_by_voltage)
        if code is not None:
            self.log(code, drive.tick)
        self.log(self._codes.step_finished, drive.tick)
        first, last = test.row(self._first_seq), test.row(len(test))
        test.steps.append(
            StepRow(
                first_seq=first.seq,
                last_seq=last.seq,
                step=step.number,
                cycle=self.cycle,
                kind=step.kind,
                step_time_ms=(drive.tick - start_tick) * _MS_PER_TICK,
                end_tick=drive.tick,
                start_voltage_v=first.voltage_v,
                end_voltage_v=last.voltage_v,
                start_current_a=first.current_a,
                end_current_a=last.current_a,
                capacity_ah=last.capacity_ah,
                energy_wh=last.energy_wh,
            )
        )

    def log(self, code: int, tick: int, *, seq: int | None = None, value: float = 0.0) -> None:
        """Keep an event, by default on the last record."""
        if self.test is not None:
            self.test.log.append(LogRow(self.rows if seq is None else seq, code, tick, value))


def _spans(
    drive: Drive, grid: tuple[int, int], tick: int, record_tick: float, stop_tick: float, most: int
) -> list[int]:
    """Return the next intervals from ``tick`` on in ticks, ``most`` at most, up to ``stop_tick``.

    ``grid`` has the first tick and the interval of time records, ``record_tick`` is the next one.
    """
    (start_tick, interval), changed_tick = grid, drive.changed_tick
    longest = Drive.longest_ticks(drive.cell)
    even = min(longest, interval)
    is_even = most > 1 and interval % even == 0
    spans: list[int] = []
    while len(spans) < most:
        left = record_tick - tick
        if is_even and tick - changed_tick >= even and left % even == 0:
            # From here on all intervals are alike.
            return spans or [even] * int(min(most, (stop_tick - tick) // even))
        span = int(min(tick - changed_tick or 1, longest, left))
        tick += span
        if span < 1 or tick > stop_tick:
            break
        spans.append(span)
        if tick == record_tick:
            record_tick = tick - (tick - start_tick) % interval + interval
    return spans
