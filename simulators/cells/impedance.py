"""Small-signal elements of an interface: what a potentiostat sees of the same state that sets the voltage."""

from __future__ import annotations

import math


def angular_rad_per_s(frequency_hz: float) -> float:
    """Turn a frequency into rad/s, refusing what is not a positive finite number."""
    if not 0.0 < frequency_hz < math.inf:
        raise ValueError(f"impedance asked at {frequency_hz} Hz: the frequency must be positive and finite")
    return 2.0 * math.pi * frequency_hz


def film_ohm_cm2(resistance_ohm_cm2: float, capacitance_f_per_cm2: float, exponent: float, angular: float) -> complex:
    """Give a resistance beside a constant-phase element whose capacitance is stated at the arc's top (Brug)."""
    if resistance_ohm_cm2 <= 0.0:
        return 0j
    # With (j w R C)^n the top of the arc lies at w = 1/RC whatever n is, so C keeps its meaning in F/cm2.
    return resistance_ohm_cm2 / (1.0 + (1j * angular * resistance_ohm_cm2 * capacitance_f_per_cm2) ** exponent)
