"""What the tester meets at a channel's terminals when the holder is empty or bridged.

These wrap a cell model, because a cell that is pulled out goes on ageing at open circuit and may be put back.
"""

from __future__ import annotations

from simulators.cells.model import CellModel

_OPEN_OHM = 1e9
"""Leakage of an empty holder: any set current drives it to compliance."""

_SEARCH_STEPS = 60


class PulledOutCell:
    """An empty holder; the cell lies beside it and rests."""

    def __init__(self, inner: CellModel) -> None:
        """Pull this cell out."""
        self.inner = inner
        self.max_interval_s = inner.max_interval_s
        self.temperature_degc = inner.temperature_degc

    def voltage_v(self, current_a: float) -> float:
        """Give the voltage across the leakage."""
        return current_a * _OPEN_OHM

    def current_a(self, voltage_v: float) -> float:
        """Give the leakage current."""
        return voltage_v / _OPEN_OHM

    def advance(self, duration_s: float, current_a: float) -> None:
        """Let the cell rest: nothing of the tester's current reaches it."""
        self.inner.advance(duration_s, 0.0)

    def snapshot(self) -> tuple[float, ...]:
        """Give the resting cell's state."""
        return self.inner.snapshot()

    def restore(self, state: tuple[float, ...]) -> None:
        """Return the resting cell to a state."""
        self.inner.restore(state)

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Give the leakage."""
        return complex(_OPEN_OHM, 0.0)


class ShortedCell:
    """A cell with a resistor across its terminals."""

    def __init__(self, inner: CellModel, resistance_ohm: float) -> None:
        """Bridge this cell with `resistance_ohm`, above zero."""
        if not resistance_ohm > 0.0:
            raise ValueError(f"a short has a resistance above zero, not {resistance_ohm} ohm")
        self.inner = inner
        self.resistance_ohm = resistance_ohm
        self.max_interval_s = min(inner.max_interval_s, 10.0)
        self.temperature_degc = inner.temperature_degc

    def voltage_v(self, current_a: float) -> float:
        """Find the voltage at which cell and resistor together pass the current; it lies between 0 and the cell's."""
        far_v = self.inner.voltage_v(current_a)
        near_v, middle_v = 0.0, 0.0
        for _ in range(_SEARCH_STEPS):
            middle_v = 0.5 * (near_v + far_v)
            excess_a = self.current_a(middle_v) - current_a
            if (excess_a > 0.0) == (far_v > 0.0):
                far_v = middle_v
            else:
                near_v = middle_v
        return middle_v

    def current_a(self, voltage_v: float) -> float:
        """Give the sum of what cell and resistor pass."""
        return self.inner.current_a(voltage_v) + voltage_v / self.resistance_ohm

    def advance(self, duration_s: float, current_a: float) -> None:
        """Let the cell pass what the resistor does not."""
        self.inner.advance(duration_s, current_a - self.voltage_v(current_a) / self.resistance_ohm)

    def snapshot(self) -> tuple[float, ...]:
        """Give the cell's state."""
        return self.inner.snapshot()

    def restore(self, state: tuple[float, ...]) -> None:
        """Return the cell to a state."""
        self.inner.restore(state)

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Give cell and resistor in parallel."""
        inner_ohm = self.inner.impedance_ohm(frequency_hz)
        return inner_ohm * self.resistance_ohm / (inner_ohm + self.resistance_ohm)
