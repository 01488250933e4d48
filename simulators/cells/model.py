"""The interface of a simulated cell for instruments: its physical state, seen only through its two terminals."""

from __future__ import annotations

from typing import Protocol


class CellModel(Protocol):
    """One simulated cell. Current is positive when it flows into the working electrode's terminal (charge).

    ``advance(a)`` then ``advance(b)`` at one current leaves the state of ``advance(a + b)`` within the tolerance that
    the model states, so an instrument may cut an interval where a cutoff falls. Whatever is random is drawn from the
    cell's own seeded stream by state (an integrated hazard), never by the number of calls: looking changes nothing.
    """

    temperature_degc: float

    @property
    def max_interval_s(self) -> float:
        """Return the longest interval, from now on, with a monotonic terminal voltage at constant current."""

    def voltage_v(self, current_a: float) -> float:
        """Return the terminal voltage now, at this current (0: open circuit)."""

    def current_a(self, voltage_v: float) -> float:
        """Return the current that a source holding this terminal voltage would pass now."""

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell in time at a constant current."""

    def snapshot(self) -> tuple[float, ...]:
        """Return the whole state, so that ``restore`` brings back exactly this moment, randomness included."""

    def restore(self, state: tuple[float, ...]) -> None:
        """Return to a moment that ``snapshot`` kept."""

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the small-signal impedance in the present state; the imaginary part is negative when capacitive."""
