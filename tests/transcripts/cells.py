"""Small cells whose answers can be worked out on paper, for judging the simulated tester without real physics."""

from __future__ import annotations

import math


class SourceCell:
    """A fixed voltage behind a resistance: nothing in it ever changes."""

    max_interval_s = math.inf
    temperature_degc = 25.0

    def __init__(self, rest_v: float = 3.2, resistance_ohm: float = 50.0) -> None:
        self.rest_v = rest_v
        self.resistance_ohm = resistance_ohm

    def voltage_v(self, current_a: float) -> float:
        """Give rest voltage plus drop."""
        return self.rest_v + current_a * self.resistance_ohm

    def current_a(self, voltage_v: float) -> float:
        """Invert the drop."""
        return (voltage_v - self.rest_v) / self.resistance_ohm

    def advance(self, duration_s: float, current_a: float) -> None:
        """Change nothing."""

    def snapshot(self) -> tuple[float, ...]:
        """Give no state."""
        return ()

    def restore(self, state: tuple[float, ...]) -> None:
        """Return to no state."""

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Give the resistance."""
        return complex(self.resistance_ohm, 0.0)


class CapacitorCell(SourceCell):
    """A capacitor behind a resistance: voltage climbs in a straight line at constant current."""

    def __init__(self, rest_v: float = 3.2, resistance_ohm: float = 50.0, farad: float = 1.0) -> None:
        super().__init__(rest_v, resistance_ohm)
        self.farad = farad

    def advance(self, duration_s: float, current_a: float) -> None:
        """Charge the capacitor."""
        self.rest_v += current_a * duration_s / self.farad

    def snapshot(self) -> tuple[float, ...]:
        """Give the capacitor's voltage."""
        return (self.rest_v,)

    def restore(self, state: tuple[float, ...]) -> None:
        """Set the capacitor's voltage."""
        (self.rest_v,) = state


class RelaxingCell(CapacitorCell):
    """A capacitor behind a resistance and a slow resistance-capacitance pair, so that a rest relaxes."""

    max_interval_s = 60.0
    pair_ohm = 40.0
    pair_s = 200.0

    def __init__(self, rest_v: float = 3.2, resistance_ohm: float = 50.0, farad: float = 1.0) -> None:
        super().__init__(rest_v, resistance_ohm, farad)
        self.pair_v = 0.0

    def voltage_v(self, current_a: float) -> float:
        """Add the pair's voltage."""
        return super().voltage_v(current_a) + self.pair_v

    def current_a(self, voltage_v: float) -> float:
        """Take the pair's voltage off."""
        return super().current_a(voltage_v - self.pair_v)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Let the pair relax exactly."""
        super().advance(duration_s, current_a)
        end_v = current_a * self.pair_ohm
        self.pair_v = end_v + (self.pair_v - end_v) * math.exp(-duration_s / self.pair_s)

    def snapshot(self) -> tuple[float, ...]:
        """Give both voltages."""
        return (self.rest_v, self.pair_v)

    def restore(self, state: tuple[float, ...]) -> None:
        """Set both voltages."""
        self.rest_v, self.pair_v = state
