"""A cell of any model with what goes wrong in its life: shorts behind its contact, bad contacts, hours outside, drift.

At one current every stage but a shunted one is the model's own, and exact. While metal shunts the cell, the current
through the model is held for ``GRID_S`` of the cell's own time at the value with which the voltage at the end of it
agrees (backward Euler): stable also for a bare electrode that charges in milliseconds.
"""

from __future__ import annotations

import math

from simulators.cells.model import CellModel
from simulators.cells.solving import solve_between
from simulators.cells.variation import GRID_S, TEMPERATURE_GRID_S, Variation

_HOLDS_A_CALL = 1000
_OPEN_OHM = 1e9
_SHUNTED_INTERVAL_S = 10.0
_LEAST_INTERVAL_S = 0.1
_OWN_STATE = 5
_SHARE_WITHIN = 1e-8


class VariedCell:
    """A cell model behind a series resistance, beside a shunt, both of which change at stated hours of its life."""

    def __init__(self, inner: CellModel, variation: Variation, contact_ohm: float) -> None:
        """Begin the cell's life; ``contact_ohm`` lies outside the shunt and must not be in ``inner`` too."""
        self.inner = inner
        self._variation = variation
        self._contact_ohm = contact_ohm
        self._clock_s = 0.0
        self._base_degc = inner.temperature_degc
        self._held_for_a = self._held_a = self._hold_left_s = 0.0
        self._set_inner_temperature()

    @property
    def temperature_degc(self) -> float:
        """Return the cell's temperature now; setting it sets that of the place, from which it drifts."""
        return self.inner.temperature_degc

    @temperature_degc.setter
    def temperature_degc(self, value: float) -> None:
        before, self._base_degc = self._base_degc, value
        try:
            self._set_inner_temperature()
        except ValueError:
            self._base_degc = before
            raise
        self._hold_left_s = 0.0

    @property
    def max_interval_s(self) -> float:
        """Return the model's longest interval; shorter while a short drains the cell, and up to the next event."""
        longest_s = min(self.inner.max_interval_s, self._variation.next_change_s(self._clock_s) - self._clock_s)
        if self._siemens() > 0.0:
            longest_s = min(longest_s, _SHUNTED_INTERVAL_S)
        return max(_LEAST_INTERVAL_S, longest_s)

    @property
    def hours(self) -> float:
        """Return the cell's age."""
        return self._clock_s / 3600.0

    @property
    def shunt_ohm(self) -> float:
        """Return the resistance of the shorts that are set, infinite while there is none."""
        siemens = self._siemens()
        return 1.0 / siemens if siemens > 0.0 else math.inf

    def voltage_v(self, current_a: float) -> float:
        """Return the terminal voltage now, at this current."""
        if self._is_out():
            return current_a * _OPEN_OHM
        siemens = self._siemens()
        through_a = current_a if siemens == 0.0 else self._through(current_a, siemens)
        return self.inner.voltage_v(through_a) + current_a * self._series_ohm()

    def current_a(self, voltage_v: float) -> float:
        """Return the current that a source holding this terminal voltage would pass now."""
        if self._is_out():
            return voltage_v / _OPEN_OHM
        siemens, series_ohm = self._siemens(), self._series_ohm()
        if series_ohm == 0.0:
            return self.inner.current_a(voltage_v) + siemens * voltage_v
        divider = 1.0 + siemens * series_ohm

        def excess_v(through_a: float) -> float:
            return self.inner.voltage_v(through_a) * divider + through_a * series_ohm - voltage_v

        # The excess rises by at least the series resistance, so that its root lies between 0 and this.
        through_a = solve_between(excess_v, 0.0, -excess_v(0.0) / series_ohm)
        return through_a + siemens * self.inner.voltage_v(through_a)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell in time at a constant current, from change to change."""
        if not 0.0 <= duration_s < math.inf or not math.isfinite(current_a):
            raise ValueError(f"cannot advance a cell by {duration_s} s at {current_a} A")
        longest_s = max(GRID_S, duration_s / _HOLDS_A_CALL)
        if duration_s == 0.0:
            self.inner.advance(0.0, current_a)
        while duration_s > 0.0:
            change_s = self._next_boundary_s(longest_s)
            step_s = min(duration_s, change_s - self._clock_s)
            siemens = self._siemens()
            if self._is_out():
                self.inner.advance(step_s, 0.0)
            elif siemens == 0.0:
                self.inner.advance(step_s, current_a)
            else:
                step_s = self._advance_shunted(step_s, current_a, siemens, min(longest_s, change_s - self._clock_s))
            duration_s -= step_s
            reached = self._clock_s + step_s
            self._clock_s = change_s if change_s - reached < 1e-9 * change_s else reached
            if self._clock_s == change_s:
                self._hold_left_s = 0.0
                self._set_inner_temperature()

    def snapshot(self) -> tuple[float, ...]:
        """Return the model's state, and the cell's age, temperature and held share of the current."""
        own = (self._clock_s, self._base_degc, self._held_for_a, self._held_a, self._hold_left_s)
        return (*self.inner.snapshot(), *own)

    def restore(self, state: tuple[float, ...]) -> None:
        """Return to a moment that ``snapshot`` kept."""
        self.inner.restore(state[:-_OWN_STATE])
        self._clock_s, self._base_degc, self._held_for_a, self._held_a, self._hold_left_s = state[-_OWN_STATE:]

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the impedance around zero current: the model beside the shorts, behind the contact."""
        inner = self.inner.impedance_ohm(frequency_hz)
        if self._is_out():
            return complex(_OPEN_OHM, 0.0)
        return inner / (1.0 + inner * self._siemens()) + self._series_ohm()

    def _siemens(self) -> float:
        return sum(short.siemens(self._clock_s) for short in self._variation.short)

    def _series_ohm(self) -> float:
        at_s = self._clock_s
        drifted = self._variation.drift.resistance_ohm_per_h * at_s / 3600.0
        return self._contact_ohm + drifted + sum(it.resistance_ohm(at_s) for it in self._variation.contact)

    def _is_out(self) -> bool:
        return any(it.is_out(self._clock_s) for it in self._variation.pulled_out)

    def _set_inner_temperature(self) -> None:
        self.inner.temperature_degc = self._variation.drift.temperature_degc(self._base_degc, self._clock_s)

    def _next_boundary_s(self, longest_s: float) -> float:
        """Return the next time at which something changes: an event, or the drifting temperature."""
        following_s = self._variation.next_change_s(self._clock_s)
        if self._variation.drift.is_warm:
            grid_s = max(TEMPERATURE_GRID_S, TEMPERATURE_GRID_S * math.floor(longest_s / TEMPERATURE_GRID_S))
            following_s = min(following_s, grid_s * (math.floor(self._clock_s / grid_s + 1e-9) + 1.0))
        return following_s

    def _advance_shunted(self, step_s: float, current_a: float, siemens: float, longest_s: float) -> float:
        """Advance the model by its share of the current until the hold ends; return the seconds passed."""
        if self._hold_left_s <= 0.0 or current_a != self._held_for_a:
            self._held_for_a, self._hold_left_s = current_a, longest_s
            self._held_a = self._share_over(longest_s, current_a, siemens)
        step_s = min(step_s, self._hold_left_s)
        self.inner.advance(step_s, self._held_a)
        self._hold_left_s = 0.0 if step_s == self._hold_left_s else self._hold_left_s - step_s
        return step_s

    def _through(self, current_a: float, siemens: float) -> float:
        """Return the current through the model now; the rest flows through the shorts."""

        def excess_a(through_a: float) -> float:
            return through_a - current_a + siemens * self.inner.voltage_v(through_a)

        # The excess rises by at least 1, so that its root lies between the whole current and this.
        other_a = current_a - excess_a(current_a)
        return solve_between(excess_a, current_a, other_a)

    def _share_over(self, duration_s: float, current_a: float, siemens: float) -> float:
        """Return the current through the model whose voltage after ``duration_s`` leaves the rest to the shorts."""
        before = self.inner.snapshot()

        def excess_a(through_a: float) -> float:
            self.inner.advance(duration_s, through_a)
            volts = self.inner.voltage_v(through_a)
            self.inner.restore(before)
            return through_a - current_a + siemens * volts

        other_a = current_a - excess_a(current_a)
        return solve_between(excess_a, current_a, other_a, _SHARE_WITHIN * abs(current_a - other_a))
