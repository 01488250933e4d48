"""Small-signal elements of an interface: the impedance of the same state that sets the voltage."""

from __future__ import annotations

import cmath
import math


def angular_rad_per_s(frequency_hz: float) -> float:
    """Convert a frequency into rad/s. Raises for a value that is not positive and finite."""
    if not 0.0 < frequency_hz < math.inf:
        raise ValueError(f"impedance asked at {frequency_hz} Hz: the frequency must be positive and finite")
    return 2.0 * math.pi * frequency_hz


def film_ohm_cm2(
    resistance_ohm_cm2: float, capacitance_f_per_cm2: float, exponent: float, angular: float, behind: complex = 0j
) -> complex:
    """Return the impedance of a resistance (with ``behind``) beside a constant-phase element (Brug's capacitance)."""
    if resistance_ohm_cm2 <= 0.0:
        return behind
    # With (j w R C)^n the top of the arc lies at w = 1/RC whatever n is, so C keeps its meaning in F/cm2.
    admittance = (1j * angular * resistance_ohm_cm2 * capacitance_f_per_cm2) ** exponent / resistance_ohm_cm2
    return 1.0 / (1.0 / (resistance_ohm_cm2 + behind) + admittance)


def sphere_s(angular: float, diffusion_s: float) -> complex:
    """Return the surface's answer to a filling rate by diffusion into a sphere: 1/jw plus the part of the gradient."""
    square = 1j * angular * diffusion_s
    if abs(square) < 1e-3:
        return 1.0 / (1j * angular) + diffusion_s / 15.0
    root = cmath.sqrt(square)
    tanh = cmath.tanh(root)
    return diffusion_s / 3.0 * tanh / (root - tanh)
