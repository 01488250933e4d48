"""The temperature dependence of resistances and rates: VTF for the polymer, Arrhenius for interfaces.

Sources: Vogel, Tammann and Fulcher's law for polymer electrolytes above the glass transition; Arrhenius' law.
"""

from __future__ import annotations

import math

GAS_J_PER_MOL_K = 8.314462618
FARADAY_C_PER_MOL = 96485.33212
ZERO_DEGC_K = 273.15


def thermal_voltage_v(temperature_degc: float) -> float:
    """Return RT/F."""
    return GAS_J_PER_MOL_K * (temperature_degc + ZERO_DEGC_K) / FARADAY_C_PER_MOL


def arrhenius(activation_kj_per_mol: float, temperature_degc: float, reference_degc: float) -> float:
    """Return the factor of a rate against its value at the reference temperature (above 1 when hotter)."""
    inverse_k = 1.0 / (reference_degc + ZERO_DEGC_K) - 1.0 / (temperature_degc + ZERO_DEGC_K)
    return math.exp(1e3 * activation_kj_per_mol / GAS_J_PER_MOL_K * inverse_k)


def vtf(pseudo_activation_k: float, ideal_glass_k: float, temperature_degc: float, reference_degc: float) -> float:
    """Return the conductivity's factor against the reference temperature: T^-1/2 exp(-B / (T - T0))."""
    now_k, then_k = temperature_degc + ZERO_DEGC_K, reference_degc + ZERO_DEGC_K
    exponent = pseudo_activation_k * (1.0 / (then_k - ideal_glass_k) - 1.0 / (now_k - ideal_glass_k))
    return math.sqrt(then_k / now_k) * math.exp(exponent)
