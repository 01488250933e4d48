"""Advances one cell in whole intervals, each up to the first 0.1 s at which a bound is crossed.

Stepping a cell at 10 Hz for 600 hours would cost minutes and would make nothing more true: between two events the
terminal voltage is monotonic, so one model step reaches from record to record, and only an interval that ends beyond
a threshold is searched. Where the intervals lie depends on the cell and the schedule alone, never on who asks when.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from simulators.cells.model import CellModel
from simulators.neware.load import Load
from simulators.neware.schedule import TICKS_PER_S, UnitRatings

T = TypeVar("T")

_LONGEST_TICKS = 6000
"""Ten minutes: the longest interval even where the model would allow more."""

_HOLD_CHANGE = 0.1
"""While a voltage is held, the current may change by this part of itself in one interval."""

_HOLD_LEAST_A = 1e-9
"""It may change by so much whatever it is: the resolution of a program's currents (reference 5.2). A float of a day is
not stepped at 10 Hz because its current nears zero."""

_LOAD_CHANGE = 0.02
"""Under a load the current may change by this part of itself in one interval."""

_TOO_MUCH = 1.000001
"""A held voltage draws more than the limit when the current is above it by more than rounding."""


class Drive:
    """One cell at one channel's terminals: at rest, under constant current, or held at a voltage.

    Protocol: ``command`` sets what is driven at ``tick``; ``look`` finds where the next interval ends; ``commit`` goes
    there; ``cut`` throws a looked-at interval away and goes to an earlier tick instead. ``low`` and ``high`` bound the
    watched value (the current while holding, else the voltage): an interval ends at the first tick at or beyond one of
    them.
    """

    __slots__ = (
        "_before", "_next_current_a", "_next_voltage_v", "_ratings", "_through_a", "cell", "changed_tick", "charge_ah",
        "current_a", "end_tick", "energy_wh", "high", "hold_v", "holding", "load", "low", "set_a", "tick", "voltage_v",
    )  # fmt: skip

    def __init__(self, cell: CellModel, ratings: UnitRatings, tick: int) -> None:
        """Leave the cell at rest from ``tick`` on."""
        self._ratings = ratings
        self.cell = cell
        self.tick = tick
        self.end_tick: int | None = None
        self._before: tuple[float, ...] = ()
        self._next_voltage_v = self._next_current_a = self._through_a = 0.0
        self.charge_ah = self.energy_wh = 0.0
        self.command(0.0, None)

    def command(self, set_a: float, hold_v: float | None, load: Load | None = None) -> None:
        """Drive this current (signed, 0 is rest) from now on, but hold ``hold_v`` where the current would pass it.

        Without ``hold_v`` the unit's compliance voltage takes its place. With a ``load`` the current follows from the
        voltage, up to ``set_a``. Bounds are left open: set them afterwards.
        """
        self.set_a = set_a
        self.load = load
        self.hold_v = hold_v
        self.changed_tick = self.tick
        self.low, self.high = -math.inf, math.inf
        self.holding = False
        if set_a == 0.0:
            self.current_a = 0.0
            self.voltage_v = self._visible(self.cell.voltage_v(0.0))
            return
        driven_a = self._driven_current()
        natural_v = self.cell.voltage_v(driven_a)
        target_v = self.target_v
        if natural_v >= target_v if set_a > 0 else natural_v <= target_v:
            self.hold()
        else:
            self.current_a, self.voltage_v = driven_a, natural_v

    @property
    def target_v(self) -> float:
        """Return the voltage at which constant current changes to constant voltage."""
        if self.hold_v is not None:
            return self.hold_v
        return math.copysign(self._ratings.compliance_v, self.set_a)

    def hold(self) -> None:
        """Change to holding the target voltage now."""
        self.holding = True
        self.changed_tick = self.tick
        self.voltage_v = self.target_v
        self.current_a = self._held_current(self.voltage_v)

    def release(self) -> None:
        """Change back to constant current: the held voltage asks for more than the limit."""
        self.holding = False
        self.changed_tick = self.tick
        self.current_a = self._driven_current()
        self.voltage_v = self._visible(self.cell.voltage_v(self.current_a))

    @property
    def most_a(self) -> float:
        """Return the magnitude of current at which a held voltage is given up."""
        return abs(self.set_a) * _TOO_MUCH

    @property
    def beyond_limit(self) -> bool:
        """Return whether the held voltage draws more than the set current."""
        return self.holding and abs(self.current_a) >= self.most_a

    def restart_counters(self) -> None:
        """Count charge and energy from zero: a new step begins."""
        self.charge_ah = self.energy_wh = 0.0

    @staticmethod
    def longest_ticks(cell: CellModel) -> int:
        """Return the longest interval in which the cell's voltage is monotonic."""
        return int(min(cell.max_interval_s * TICKS_PER_S, _LONGEST_TICKS))

    def look(self, limit_tick: float) -> int:
        """Find where the next interval ends, at ``limit_tick`` at the latest; nothing is visible before ``commit``."""
        cell = self.cell
        span = self.tick - self.changed_tick or 1
        span = int(min(span, self.longest_ticks(cell), limit_tick - self.tick))
        if span < 1:
            span = 1
        self._before = cell.snapshot()
        if self.holding:
            self.end_tick = self.tick + self._look_holding(span)
            return self.end_tick
        if self.load is not None:
            self.end_tick = self.tick + self._look_loaded(span)
            return self.end_tick
        cell.advance(span / TICKS_PER_S, self.current_a)
        return self.look_back(self._before, span, cell.voltage_v(self.current_a))

    def look_back(self, before: tuple[float, ...], span: int, voltage_v: float) -> int:
        """Find where an interval ends through which the cell has gone, from ``before`` to ``voltage_v``.

        As ``look`` for one that has been taken already: it ends at the first tick at or beyond a bound.
        """
        self._before = before
        if span > 1 and (voltage_v >= self.high or voltage_v <= self.low):
            span, voltage_v = self._first_crossing(span, voltage_v)
        self._next_voltage_v = voltage_v
        self._next_current_a = self._through_a = self.current_a
        self.end_tick = self.tick + span
        return self.end_tick

    def commit(self) -> None:
        """Go to the end of the interval that ``look`` found."""
        end_tick = self.end_tick
        if end_tick is None:
            return
        passed_ah = abs(self._through_a) * (end_tick - self.tick) / (3600.0 * TICKS_PER_S)
        voltage_v = self._next_voltage_v
        compliance_v = self._ratings.compliance_v
        if not -compliance_v <= voltage_v <= compliance_v:
            # The set current can no longer be forced, as when a contact was lost: what still flows is seen.
            voltage_v = self._visible(voltage_v)
            self._next_current_a = self._held_current(voltage_v)
        self.charge_ah += passed_ah
        self.energy_wh += passed_ah * abs(self.voltage_v + voltage_v) * 0.5
        self.voltage_v = voltage_v
        self.current_a = self._next_current_a
        self.tick = end_tick
        self.end_tick = None

    def cut(self, tick: int) -> None:
        """Go exactly to ``tick``, not beyond the looked-at interval; what was looked at and not reached never was."""
        if self.end_tick is None:
            return
        if tick >= self.end_tick:
            self.commit()
            return
        self.cell.restore(self._before)
        span = tick - self.tick
        if span > 0:
            self.cell.advance(span / TICKS_PER_S, self._through_a)
            if self.holding:
                self._next_voltage_v, self._next_current_a = self.voltage_v, self._held_current(self.voltage_v)
            else:
                self._next_current_a = self._driven_current()
                self._next_voltage_v = self.cell.voltage_v(self._next_current_a)
            self.end_tick = tick
            self.commit()
        self.end_tick = None

    def between(self, tick: int) -> tuple[float, float, float, float]:
        """Estimate voltage, current, charge and energy at a tick inside the looked-at interval, moving nothing."""
        if self.end_tick is None or tick <= self.tick:
            return self.voltage_v, self.current_a, self.charge_ah, self.energy_wh
        part = (tick - self.tick) / (self.end_tick - self.tick)
        voltage_v = self.voltage_v + (self._visible(self._next_voltage_v) - self.voltage_v) * part
        current_a = self.current_a + (self._next_current_a - self.current_a) * part
        passed_ah = abs(self._through_a) * (tick - self.tick) / (3600.0 * TICKS_PER_S)
        return voltage_v, current_a, self.charge_ah + passed_ah, self.energy_wh + passed_ah * abs(voltage_v)

    def as_of(self, tick: float, read: Callable[[CellModel, float], T]) -> T:
        """Let ``read`` see cell and current as they are at a tick inside the looked-at interval, moving nothing."""
        ahead = self.cell.snapshot()
        current_a = self.current_a
        if self.end_tick is not None:
            self.cell.restore(self._before)
            current_a = self._through_a
        self.cell.advance(max(0.0, tick - self.tick) / TICKS_PER_S, current_a)
        try:
            return read(self.cell, current_a)
        finally:
            self.cell.restore(ahead)

    def _visible(self, voltage_v: float) -> float:
        """Clip a voltage to the unit's range."""
        compliance_v = self._ratings.compliance_v
        return max(-compliance_v, min(compliance_v, voltage_v))

    def _held_current(self, voltage_v: float) -> float:
        """Return the current at the held voltage; a charge never sinks and a discharge never sources."""
        current_a = self.cell.current_a(voltage_v)
        return max(0.0, current_a) if self.set_a > 0 else min(0.0, current_a)

    def _driven_current(self) -> float:
        """Return the current that is driven now: the set one, or what follows from the voltage."""
        return self.set_a if self.load is None or self.set_a == 0.0 else self.load.current_a(self.cell, self.set_a)

    def _look_loaded(self, span: int) -> int:
        """Step under a load: predict, then pass the mean of both ends' currents; return the ticks gone."""
        first_a = self.current_a
        while True:
            self.cell.advance(span / TICKS_PER_S, first_a)
            last_a = self._driven_current()
            if span == 1 or abs(last_a - first_a) <= _LOAD_CHANGE * abs(first_a):
                break
            self.cell.restore(self._before)
            span //= 2
        slope = (last_a - first_a) / span
        voltage_v = self._loaded_after(span, slope)
        if span > 1 and (voltage_v >= self.high or voltage_v <= self.low):
            before, after = 0, span
            while after - before > 1:
                middle = (before + after) // 2
                voltage_v = self._loaded_after(middle, slope)
                before, after = (before, middle) if not self.low < voltage_v < self.high else (middle, after)
            span = after
            self._loaded_after(span, slope)
        return span

    def _loaded_after(self, span: int, slope: float) -> float:
        """Pass a current that changes by ``slope`` for ``span`` ticks from the interval's start; give the voltage."""
        self.cell.restore(self._before)
        self._through_a = self.current_a + 0.5 * slope * span
        self.cell.advance(span / TICKS_PER_S, self._through_a)
        self._next_current_a = self._driven_current()
        self._next_voltage_v = self.cell.voltage_v(self._next_current_a)
        return self._next_voltage_v

    def _look_holding(self, span: int) -> int:
        """Step at a held voltage: predict, then pass the mean of both ends' currents; return the ticks gone."""
        cell, voltage_v, first_a = self.cell, self.voltage_v, self.current_a
        while True:
            cell.advance(span / TICKS_PER_S, first_a)
            last_a = self._held_current(voltage_v)
            if span == 1 or abs(last_a - first_a) <= max(_HOLD_CHANGE * abs(first_a), _HOLD_LEAST_A):
                break
            cell.restore(self._before)
            span //= 2
        last_a, mean_a = self._held_after(span, 0.5 * (first_a + last_a))
        if span > 1 and (last_a >= self.high or last_a <= self.low):
            slope = 2.0 * (mean_a - first_a) / span
            before, after = 0, span
            while after - before > 1:
                middle = (before + after) // 2
                at_a, _ = self._held_after(middle, first_a + 0.5 * slope * middle)
                if at_a >= self.high or at_a <= self.low:
                    after = middle
                else:
                    before = middle
            span = after
            last_a, mean_a = self._held_after(span, first_a + 0.5 * slope * span)
        self._next_voltage_v, self._next_current_a, self._through_a = voltage_v, last_a, mean_a
        return span

    def _held_after(self, span: int, mean_a: float) -> tuple[float, float]:
        """Pass ``mean_a`` for ``span`` ticks from the interval's start; give the held current then, and ``mean_a``."""
        self.cell.restore(self._before)
        self.cell.advance(span / TICKS_PER_S, mean_a)
        return self._held_current(self.voltage_v), mean_a

    def _first_crossing(self, span: int, end_v: float) -> tuple[int, float]:
        """Find the first tick at or beyond a bound, guessing along the chord; leave the cell there."""
        cell, current_a, before = self.cell, self.current_a, self._before
        bound_v, sign = (self.high, 1.0) if end_v >= self.high else (self.low, -1.0)
        outside, outside_v, inside, inside_v = span, end_v, 0, self.voltage_v
        turn = 0
        at = span
        while outside - inside > 1:
            turn += 1
            middle = (inside + outside) // 2
            if turn % 3 and outside_v != inside_v:
                chord = inside + (bound_v - inside_v) / (outside_v - inside_v) * (outside - inside)
                guess = math.ceil(chord) if turn % 3 == 1 else math.floor(chord)
                middle = max(inside + 1, min(outside - 1, guess))
            cell.restore(before)
            cell.advance(middle / TICKS_PER_S, current_a)
            voltage_v = cell.voltage_v(current_a)
            at = middle
            if (voltage_v - bound_v) * sign >= 0.0:
                outside, outside_v = middle, voltage_v
            else:
                inside, inside_v = middle, voltage_v
        if at != outside:
            cell.restore(before)
            cell.advance(outside / TICKS_PER_S, current_a)
        return outside, outside_v
