"""The polymer electrolyte of both cells: its ohmic resistance, and the salt gradient that a current builds up.

The salt gradient of a film between two lithium surfaces relaxes in modes; the two slowest are kept as state (exact
exponentials), the sum of all faster ones is a plain resistance. Its total follows Bruce and Vincent: in the steady
state only the fraction t+ of the first current still flows, so R_diffusion = R_ohmic (1 - t+) / t+.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

from simulators.cells.thermal import FARADAY_C_PER_MOL, ZERO_DEGC_K, arrhenius, vtf


@dataclass(frozen=True, kw_only=True)
class ElectrolyteParameters:
    """The parameters of the polymer film and the disc; all values at the reference temperature."""

    reference_degc: float
    area_cm2: float
    contact_ohm: float
    electrolyte_thickness_um: float
    conductivity_s_per_cm: float
    vtf_pseudo_activation_k: float
    vtf_ideal_glass_k: float
    melting_degc: float
    crystalline_activation_kj_per_mol: float
    transference_number: float
    salt_diffusivity_cm2_per_s: float
    salt_concentration_mol_per_l: float


@dataclass(frozen=True, slots=True)
class Electrolyte:
    """The film's coefficients at one temperature, per cm2 of electrode."""

    ohmic_ohm_cm2: float
    slow_ohm_cm2: float
    fast_ohm_cm2: float
    rest_ohm_cm2: float
    slow_s: float
    fast_s: float
    limiting_a_per_cm2: float

    @property
    def diffusion_ohm_cm2(self) -> float:
        """Return the whole steady-state resistance of the salt gradient."""
        return self.slow_ohm_cm2 + self.fast_ohm_cm2 + self.rest_ohm_cm2

    def diffusion_impedance_ohm_cm2(self, angular_rad_per_s: float) -> complex:
        """Return the finite-length Warburg impedance whose slow modes the state holds."""
        root = cmath.sqrt(1j * angular_rad_per_s * self.slow_s) * math.pi / 2.0
        return self.diffusion_ohm_cm2 * cmath.tanh(root) / root


def conductivity_factor(p: ElectrolyteParameters, temperature_degc: float) -> float:
    """Return conductivity against the reference: VTF when molten, an extra Arrhenius drop below the melting point."""
    if not p.vtf_ideal_glass_k + 10.0 < temperature_degc + ZERO_DEGC_K < 1000.0:
        raise ValueError(f"no electrolyte law at {temperature_degc} degC: it holds above the ideal glass temperature")
    factor = vtf(p.vtf_pseudo_activation_k, p.vtf_ideal_glass_k, temperature_degc, p.reference_degc)
    if temperature_degc < p.melting_degc:
        factor *= arrhenius(p.crystalline_activation_kj_per_mol, temperature_degc, p.melting_degc)
    return factor


def electrolyte_at(p: ElectrolyteParameters, temperature_degc: float, thickness_um: float) -> Electrolyte:
    """Work out the film's coefficients; diffusivity follows conductivity (Nernst-Einstein at fixed salt content)."""
    factor = conductivity_factor(p, temperature_degc)
    thickness_cm = thickness_um * 1e-4
    diffusivity = p.salt_diffusivity_cm2_per_s * factor
    ohmic = thickness_cm / (p.conductivity_s_per_cm * factor)
    diffusion = ohmic * (1.0 - p.transference_number) / p.transference_number
    slow, fast = 8.0 / math.pi**2, 8.0 / (9.0 * math.pi**2)
    slow_s = thickness_cm**2 / (math.pi**2 * diffusivity)
    salt_mol_per_cm3 = p.salt_concentration_mol_per_l * 1e-3
    return Electrolyte(
        ohmic_ohm_cm2=ohmic,
        slow_ohm_cm2=diffusion * slow,
        fast_ohm_cm2=diffusion * fast,
        rest_ohm_cm2=diffusion * (1.0 - slow - fast),
        slow_s=slow_s,
        fast_s=slow_s / 9.0,
        limiting_a_per_cm2=4.0
        * FARADAY_C_PER_MOL
        * diffusivity
        * salt_mol_per_cm3
        / ((1.0 - p.transference_number) * thickness_cm),
    )
