"""The load at an instrument's terminals if the holder is empty, bridged, reversed, or shared with another instrument.

These wrap a cell model, because a cell that is pulled out goes on ageing at open circuit and may be put back.
"""

from __future__ import annotations

from simulators.cells.model import CellModel

_OPEN_OHM = 1e9
"""Leakage of an empty holder: any set current drives it to compliance."""

_BETWEEN_OHM = 0.05
"""Leads between two instruments that both hold a voltage on one cell."""

_SEARCH_STEPS = 60


class WiredCell:
    """A cell behind something that does not change what it is: each subclass says what differs at the terminals."""

    def __init__(self, inner: CellModel) -> None:
        """Wire this cell."""
        self.inner = inner
        self.temperature_degc = inner.temperature_degc

    @property
    def max_interval_s(self) -> float:
        """Return the cell's longest interval."""
        return self.inner.max_interval_s

    def voltage_v(self, current_a: float) -> float:
        """Return the cell's voltage."""
        return self.inner.voltage_v(current_a)

    def current_a(self, voltage_v: float) -> float:
        """Return the cell's current."""
        return self.inner.current_a(voltage_v)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell."""
        self.inner.advance(duration_s, current_a)

    def snapshot(self) -> tuple[float, ...]:
        """Return the cell's state."""
        return self.inner.snapshot()

    def restore(self, state: tuple[float, ...]) -> None:
        """Return the cell to a state."""
        self.inner.restore(state)

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the cell's impedance."""
        return self.inner.impedance_ohm(frequency_hz)


class PulledOutCell(WiredCell):
    """An empty holder; the cell lies beside it and rests."""

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage across the leakage."""
        return current_a * _OPEN_OHM

    def current_a(self, voltage_v: float) -> float:
        """Return the leakage current."""
        return voltage_v / _OPEN_OHM

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell at rest: no current of the tester reaches it."""
        self.inner.advance(duration_s, 0.0)

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the leakage."""
        return complex(_OPEN_OHM, 0.0)


class TakenCell(PulledOutCell):
    """An empty holder whose cell is wired to another instrument, which moves it through time."""

    def advance(self, duration_s: float, current_a: float) -> None:
        """Leave the cell to who has it."""

    def snapshot(self) -> tuple[float, ...]:
        """Return no state: it is not the tester's."""
        return ()

    def restore(self, state: tuple[float, ...]) -> None:
        """Return to no state."""


class SharedCell(WiredCell):
    """A cell with the leads of a second instrument on it, which passes a current of its own or holds the voltage."""

    def __init__(self, inner: CellModel, foreign_a: float = 0.0, hold_v: float | None = None) -> None:
        """Add ``foreign_a`` to the tester's current; with ``hold_v`` the other instrument holds that voltage."""
        super().__init__(inner)
        self.foreign_a = foreign_a
        self.hold_v = hold_v

    @property
    def max_interval_s(self) -> float:
        """Return the cell's longest interval, at a held voltage one second at most."""
        return self.inner.max_interval_s if self.hold_v is None else min(self.inner.max_interval_s, 1.0)

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage at both currents together, or the held one."""
        return self.inner.voltage_v(current_a + self.foreign_a) if self.hold_v is None else self.hold_v

    def current_a(self, voltage_v: float) -> float:
        """Return the tester's current at a held voltage; if both hold one, the resistance of its leads decides."""
        if self.hold_v is not None:
            return (voltage_v - self.hold_v) / _BETWEEN_OHM
        return self.inner.current_a(voltage_v) - self.foreign_a

    def advance(self, duration_s: float, current_a: float) -> None:
        """Pass both currents; at a held voltage, the cell's own current, computed again every second."""
        if self.hold_v is None:
            self.inner.advance(duration_s, current_a + self.foreign_a)
            return
        while duration_s > 0.0:
            step_s = min(duration_s, 1.0)
            self.inner.advance(step_s, self.inner.current_a(self.hold_v))
            duration_s -= step_s


class LooseCell(SharedCell):
    """A cell behind a bad contact: a resistance in its leads."""

    def __init__(self, inner: CellModel, resistance_ohm: float) -> None:
        """Put ``resistance_ohm`` between the cell and the terminals."""
        super().__init__(inner)
        self.resistance_ohm = resistance_ohm

    def voltage_v(self, current_a: float) -> float:
        """Return the cell's voltage and that of the contact."""
        return self.inner.voltage_v(current_a) + current_a * self.resistance_ohm

    def current_a(self, voltage_v: float) -> float:
        """Find the current at which both together have the voltage; it lies between none and the cell's own."""
        none_a, all_a, middle_a = 0.0, self.inner.current_a(voltage_v), 0.0
        for _ in range(_SEARCH_STEPS):
            middle_a = 0.5 * (none_a + all_a)
            if (self.voltage_v(middle_a) > voltage_v) == (all_a > 0.0):
                all_a = middle_a
            else:
                none_a = middle_a
        return middle_a

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the impedance of both."""
        return self.inner.impedance_ohm(frequency_hz) + self.resistance_ohm


class ShortedCell(WiredCell):
    """A cell with a resistor across its terminals."""

    def __init__(self, inner: CellModel, resistance_ohm: float) -> None:
        """Bridge this cell with ``resistance_ohm``, above zero."""
        if not resistance_ohm > 0.0:
            raise ValueError(f"a short has a resistance above zero, not {resistance_ohm} ohm")
        super().__init__(inner)
        self.resistance_ohm = resistance_ohm

    @property
    def max_interval_s(self) -> float:
        """Return the cell's longest interval, ten seconds at most."""
        return min(self.inner.max_interval_s, 10.0)

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
        """Return the sum of the currents through cell and resistor."""
        return self.inner.current_a(voltage_v) + voltage_v / self.resistance_ohm

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell with the current that the resistor does not pass."""
        self.inner.advance(duration_s, current_a - self.voltage_v(current_a) / self.resistance_ohm)

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return cell and resistor in parallel."""
        inner_ohm = self.inner.impedance_ohm(frequency_hz)
        return inner_ohm * self.resistance_ohm / (inner_ohm + self.resistance_ohm)


class ReversedCell(WiredCell):
    """A cell that lies the wrong way round in its holder."""

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage, seen from the other side."""
        return -self.inner.voltage_v(-current_a)

    def current_a(self, voltage_v: float) -> float:
        """Return the current at a voltage, both seen from the other side."""
        return -self.inner.current_a(-voltage_v)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell with the current as it flows through it."""
        self.inner.advance(duration_s, -current_a)
