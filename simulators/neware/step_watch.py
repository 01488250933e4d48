"""Watches one step: its ends, its protections, and the values between which none of them can occur.

Kept apart from the order of steps, because each of these rules is about one state of one drive and nothing else.
Numbers in brackets are sections of the CT-4008 reference.
"""

from __future__ import annotations

import math

from simulators.neware.cell_drive import Drive
from simulators.neware.schedule import HOLDS_VOLTAGE, TICKS_PER_S, Protection, Step, UnitRatings
from simulators.neware.settings import LogCodes

_WHOLE = 1.0 - 1e-9
"""A capacity is reached at this part of it: the rest is rounding of sums."""


_RISING = 0.9
"""A current that follows from the voltage may rise on the way: it goes so far at once towards a charge."""


class Watch:
    """The ends and protections of the running step, of none while nothing runs."""

    def __init__(self, ratings: UnitRatings, codes: LogCodes) -> None:
        """Watch nothing."""
        self.violated_tick: int | None = None
        self.deadline: float = math.inf
        self._ratings = ratings
        self._codes = codes
        self._protection = Protection()
        self._charge_end_ah = self._charge_limit_ah = math.inf

    def begin(self, step: Step, start_tick: int) -> None:
        """Set a step's ends and protections; its time counts from ``start_tick``."""
        self.deadline = math.inf if step.duration_ticks is None else start_tick + step.duration_ticks
        self._protection = step.protection
        self._charge_end_ah = math.inf if step.capacity_ah is None else step.capacity_ah
        upper_ah = step.protection.upper_capacity_ah
        self._charge_limit_ah = min(self._charge_end_ah, math.inf if upper_ah is None else upper_ah)
        self.violated_tick = None

    def clear(self) -> None:
        """Watch nothing any more."""
        self.deadline = self._charge_end_ah = self._charge_limit_ah = math.inf
        self._protection = Protection()
        self.violated_tick = None

    def forget_reached_ends(self, drive: Drive) -> None:
        """Run on past ends that have been reached, for a channel in that trouble."""
        if drive.tick >= self.deadline:
            self.deadline = math.inf
        if drive.charge_ah >= self._charge_end_ah * _WHOLE:
            self._charge_limit_ah = self._charge_end_ah = math.inf

    # How far time may go unwatched -----------------------------------------------------------------------------

    def limit_tick(self, drive: Drive, record_tick: float) -> float:
        """Return the latest end of the next interval: a record, the step's time or charge, a protection's delay."""
        limit = min(self.deadline, record_tick)
        if self._charge_limit_ah < math.inf and drive.current_a:
            ticks = self._ticks_of_charge(drive)
            limit = min(limit, drive.tick + max(1, ticks if drive.load is None else int(ticks * _RISING)))
        if self.violated_tick is not None:
            due = self.violated_tick + (self._protection.delay_ticks or 0)
            limit = min(limit, due, drive.tick + TICKS_PER_S)
        return max(limit, drive.tick + 1)

    def coast_end(self, drive: Drive, until_tick: int) -> float:
        """Return the last tick before the step's end by time or charge, ``until_tick`` at most."""
        end = min(until_tick, self.deadline - 1)
        if self._charge_limit_ah < math.inf and drive.current_a:
            # Two ticks off, for the rounding of a sum that is added up along the way.
            end = min(end, drive.tick + self._ticks_of_charge(drive) - 2)
        return end

    def _ticks_of_charge(self, drive: Drive) -> int:
        left_ah = self._charge_limit_ah - drive.charge_ah
        return math.ceil(left_ah * _WHOLE * 3600.0 * TICKS_PER_S / abs(drive.current_a))

    def quiet(self, drive: Drive) -> bool:
        """Return whether nothing but the time grid's record can be due."""
        watched = drive.current_a if drive.holding else drive.voltage_v
        return (
            drive.low < watched < drive.high
            and drive.tick < self.deadline
            and self.violated_tick is None
            and drive.charge_ah < self._charge_limit_ah * _WHOLE
        )

    def set_bounds(self, step: Step, drive: Drive, anchor_v: float, anchor_a: float, *, ends: bool) -> None:
        """Set the drive's bounds, between which nothing can happen; without ``ends`` the step's ends are ignored."""
        bounds = self._held_bounds(step, drive, ends) if drive.holding else self._driven_bounds(step, drive, ends)
        change, anchor = (step.records.current_a, anchor_a) if drive.holding else (step.records.voltage_v, anchor_v)
        if change is not None:
            bounds += [(1, anchor + change), (-1, anchor - change)]
        drive.high = min((v for way, v in bounds if way > 0 and v is not None), default=math.inf)
        drive.low = max((v for way, v in bounds if way < 0 and v is not None), default=-math.inf)
        if drive.holding and (self._forced_too_low(step, drive) or (ends and _cutoff_passed(step, drive))):
            drive.low = math.inf  # Nothing to wait for: the next tick is judged.

    def _held_bounds(self, step: Step, drive: Drive, ends: bool) -> list[tuple[int, float | None]]:
        """Return bounds of the current at a held voltage: which way it crosses, and where."""
        limits, sign = self._protection, step.direction
        stop_a = step.stop_current_a if ends and step.kind in HOLDS_VOLTAGE else None
        return [
            (sign, sign * drive.most_a),
            (1, limits.upper_current_a),
            (-1, limits.lower_current_a),
            (-sign, None if stop_a is None else sign * stop_a),
        ]

    def _driven_bounds(self, step: Step, drive: Drive, ends: bool) -> list[tuple[int, float | None]]:
        """Return bounds of the voltage at rest or constant current: which way it crosses, and where."""
        limits, sign = self._protection, step.direction
        bounds = [(1, limits.upper_voltage_v), (-1, limits.lower_voltage_v)]
        if sign:
            bounds += [(sign, step.stop_voltage_v if ends else None), (sign, drive.target_v)]
            bounds += _bounds_of_load(drive, limits.upper_current_a if sign > 0 else limits.lower_current_a)
            if not self._ratings.negative_voltage:
                bounds.append((-1, math.nextafter(self._floor_v(sign), -1.0)))
        return bounds

    # What holds now --------------------------------------------------------------------------------------------

    def end_code(self, step: Step, drive: Drive) -> int | None:
        """Return the event code of the end condition that holds now, None while none does."""
        codes = self._codes
        if _cutoff_passed(step, drive):
            return codes.ended_by_voltage
        tapers = drive.holding and step.kind in HOLDS_VOLTAGE and step.stop_current_a is not None
        if tapers and abs(drive.current_a) <= (step.stop_current_a or 0.0):
            return codes.ended_by_current
        if drive.charge_ah >= self._charge_end_ah * _WHOLE:
            return codes.ended_by_capacity
        if drive.tick >= self.deadline:
            return codes.ended_by_time
        return None

    def must_protect(self, step: Step, drive: Drive) -> bool:
        """Return whether a limit has been broken for its delay, or the unit would have to force the cell too low."""
        if self._forced_too_low(step, drive):
            return True
        if not self._broken(drive):
            self.violated_tick = None
            return False
        if self.violated_tick is None:
            self.violated_tick = drive.tick
        return drive.tick - self.violated_tick >= (self._protection.delay_ticks or 0)

    def notice(self, drive: Drive) -> None:
        """Start a protection's delay at once if a limit is broken already."""
        if self._broken(drive):
            self.violated_tick = drive.tick

    def _broken(self, drive: Drive) -> bool:
        """Return whether the present state is outside the limits."""
        limits = self._protection
        return (
            (limits.upper_voltage_v is not None and drive.voltage_v >= limits.upper_voltage_v)
            or (limits.lower_voltage_v is not None and drive.voltage_v <= limits.lower_voltage_v)
            or (limits.upper_current_a is not None and drive.current_a >= limits.upper_current_a)
            or (limits.lower_current_a is not None and drive.current_a <= limits.lower_current_a)
            or (limits.upper_capacity_ah is not None and drive.charge_ah >= limits.upper_capacity_ah * _WHOLE)
        )

    def _floor_v(self, sign: int) -> float:
        """Return the voltage under which a unit without negative voltage cannot force a cell [1.3]."""
        return self._ratings.minimum_voltage_v if sign < 0 else 0.0

    def _forced_too_low(self, step: Step, drive: Drive) -> bool:
        """Return whether this step drives the cell under what the unit can force; a rest never does."""
        if not step.direction or self._ratings.negative_voltage:
            return False
        return drive.voltage_v < self._floor_v(step.direction)


def _bounds_of_load(drive: Drive, limit_a: float | None) -> list[tuple[int, float | None]]:
    """Return the voltage at which a load passes a protection's current: a power below it, a resistance above."""
    if drive.load is None or not limit_a:
        return []
    return [(1 if drive.load.power_w is None else -1, drive.load.voltage_at(abs(limit_a)))]


def _cutoff_passed(step: Step, drive: Drive) -> bool:
    """Return whether the voltage is at or beyond the step's cutoff."""
    stop_v = step.stop_voltage_v
    return bool(step.direction) and stop_v is not None and (drive.voltage_v - stop_v) * step.direction >= 0.0
