"""Takes one cell through time at a unit's output: with the relay open, at a current, or held at a voltage.

As the tester's drive (``simulators/neware/cell_drive.py``), but in all four quadrants, without its ticks, and from one
command to the next: an interval ends where somebody looks or the loop that holds the output changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from simulators.cells.model import CellModel
from simulators.smu.leads import Leads
from simulators.smu.regulation import Drive, OperatingPoint, operating_point

_HOLD_CHANGE = 0.1
"""While a voltage is held, the current may change by this part of itself in one interval."""

_HOLD_LEAST_A = 1e-9
"""It may change by so much whatever it is."""

_SHORTEST_S = 0.01
"""A held voltage is not stepped finer: a bare electrode charges in milliseconds."""

_LONGEST_S = 600.0

_CROSSING_S = 1e-3
"""The moment at which another loop takes over is found within this time."""


@dataclass(slots=True)
class Exposure:
    """What a cell has seen at a unit's output since it was put there, for tests: extremes, charge and moments.

    ``spikes`` counts changes of range with the output on, ``switched_on`` how often the output went on.
    """

    lowest_a: float = 0.0
    highest_a: float = 0.0
    lowest_v: float = math.inf
    highest_v: float = -math.inf
    charge_c: float = 0.0
    spikes: int = 0
    switched_on: int = 0

    def see(self, point: OperatingPoint) -> None:
        """Take in one moment."""
        self.lowest_a, self.highest_a = min(self.lowest_a, point.current_a), max(self.highest_a, point.current_a)
        self.lowest_v, self.highest_v = min(self.lowest_v, point.voltage_v), max(self.highest_v, point.voltage_v)


class OutputStage:
    """The output of one unit with its cell. ``drive`` None is an open relay: nothing flows.

    While ``trips_at_limit`` the relay opens as soon as a limit holds the output, and ``tripped`` is set. ``pull`` is
    what the output does before that, for how many seconds; None is nothing.
    """

    def __init__(self, clock: Callable[[], float], leads: Leads) -> None:
        self._clock = clock
        self.leads = leads
        self.exposure = Exposure()
        self._time_s = clock()
        self._drive: Drive | None = None
        self._point = OperatingPoint(0.0, 0.0)
        self.trips_at_limit = self.tripped = False
        # How long the next interval at a held voltage may be, judged by the ones before.
        self._hold_s = _SHORTEST_S
        self.pull: tuple[Drive, float] | None = None
        self._look()

    @property
    def drive(self) -> Drive | None:
        """Return what the output does; None with its relay open."""
        return self._drive

    @property
    def point(self) -> OperatingPoint:
        """Return where the output stands now."""
        self.advance()
        return self._point

    def set_drive(self, drive: Drive | None) -> None:
        """Do something else from now on."""
        self.advance()
        if drive == self._drive:
            return
        self._drive = drive
        self._look()
        self._protect()

    def sense_at_cell(self, *, four_wire: bool) -> None:
        """Sense the voltage at the cell, or at the unit's own terminals."""
        if self.leads.four_wire != four_wire:
            self.advance()
            self.leads.four_wire = four_wire
            self._look()

    def touch(self, change: Callable[[Leads], None]) -> None:
        """Let hands change something about the leads, now."""
        self.advance()
        change(self.leads)
        self._look()
        self._protect()

    def advance(self) -> None:
        """Take the cell to now."""
        now_s = self._clock()
        while self._time_s < now_s:
            left_s = now_s - self._time_s
            span_s = min(left_s, max(self.leads.cell.max_interval_s, _CROSSING_S), _LONGEST_S)
            gone_s = self._step(self.leads.cell, span_s)
            # What rounding leaves of an interval is no interval.
            self._time_s = now_s if gone_s >= left_s else self._time_s + gone_s
            self._protect()

    def pass_through(self, drive: Drive, seconds: float) -> None:
        """Let the output do something for so short a time that nobody can look, then open its relay."""
        self.advance()
        self._pass_through(drive, seconds)

    def trip(self) -> None:
        """Open the relay for the unit's own sake, now."""
        self.advance()
        self._open_in_emergency()

    def _open_in_emergency(self) -> None:
        self.tripped = True
        if self.pull is not None:
            self._pass_through(*self.pull)
        self._drive = None
        self._look()

    def _pass_through(self, drive: Drive, seconds: float) -> None:
        self._drive = drive
        self._look()
        self.leads.cell.advance(seconds, self._point.current_a)
        self.exposure.charge_c += seconds * self._point.current_a
        self._drive = None
        self._look()

    def _protect(self) -> None:
        if self.trips_at_limit and self._drive is not None and self._point.at_limit:
            self._open_in_emergency()

    def _look(self) -> None:
        """Find where the output stands now."""
        if self._drive is None:
            self._point = OperatingPoint(self.leads.voltage_v(0.0), 0.0)
        else:
            self._point = operating_point(self.leads, self._drive)
        self.exposure.see(self._point)

    def _step(self, cell: CellModel, span_s: float) -> float:
        """Advance the cell by at most a span; return the time gone."""
        current_a = self._point.current_a
        if self._drive is None:
            cell.advance(span_s, 0.0)
        elif self._point.holds_voltage:
            span_s, current_a = self._hold(cell, self._drive, span_s)
        else:
            span_s = self._drive_until_crossing(cell, self._drive, span_s)
        self.exposure.charge_c += current_a * span_s
        self._look()
        return span_s

    def _hold(self, cell: CellModel, drive: Drive, span_s: float) -> tuple[float, float]:
        """Hold a voltage: predict, then pass the mean of both ends' currents; return the time gone and the mean."""
        before, first_a = cell.snapshot(), self._point.current_a
        span_s = tried_s = min(span_s, self._hold_s)
        while True:
            cell.advance(span_s, first_a)
            last_a = operating_point(self.leads, drive).current_a
            cell.restore(before)
            if span_s <= _SHORTEST_S * 0.5 or abs(last_a - first_a) <= max(_HOLD_CHANGE * abs(first_a), _HOLD_LEAST_A):
                break
            span_s *= 0.5
        if span_s == tried_s == self._hold_s:
            self._hold_s *= 2.0
        elif span_s < tried_s:
            self._hold_s = span_s
        mean_a = 0.5 * (first_a + last_a)
        cell.advance(span_s, mean_a)
        return span_s, mean_a

    def _drive_until_crossing(self, cell: CellModel, drive: Drive, span_s: float) -> float:
        """Pass the present current, up to the moment at which another loop takes over; return the time gone."""
        before, current_a = cell.snapshot(), self._point.current_a
        cell.advance(span_s, current_a)
        if self._is_same_loop(drive, current_a):
            return span_s
        inside_s, outside_s = 0.0, span_s
        while outside_s - inside_s > _CROSSING_S:
            middle_s = 0.5 * (inside_s + outside_s)
            cell.restore(before)
            cell.advance(middle_s, current_a)
            if self._is_same_loop(drive, current_a):
                inside_s = middle_s
            else:
                outside_s = middle_s
        cell.restore(before)
        cell.advance(outside_s, current_a)
        return outside_s

    def _is_same_loop(self, drive: Drive, current_a: float) -> bool:
        """Return whether the output still passes the same current."""
        return operating_point(self.leads, drive).current_a == current_a
