"""The parameters of an LFP cell against lithium. Rates, yields and material constants only: no cycle, no curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulators.cells.electrolyte import ElectrolyteParameters


@dataclass(frozen=True, kw_only=True)
class IronPhosphateParameters(ElectrolyteParameters):
    """Parameters of one LFP/Li cell at the reference temperature."""

    MAY_BE_ZERO: ClassVar[frozenset[str]] = frozenset(
        {
            "contact_ohm",
            "crystalline_activation_kj_per_mol",
            "hysteresis_v",
            "side_current_at_rest_a_per_cm2",
            "side_current_fraction",
            "side_isolation_cm2_per_c",
            "side_deposit_ohm_cm4_per_c",
            "spread_fraction",
        }
    )

    # the positive electrode
    active_mass_mg: float
    accessible_capacity_mah_per_g: float
    initial_delithiated_fraction: float
    plateau_v: float
    plateau_slope_v: float
    upper_end_v: float
    upper_end_sharpness: float
    lower_end_v: float
    lower_end_sharpness: float
    hysteresis_v: float
    hysteresis_sharpness: float
    particle_radius_nm: float
    solid_diffusivity_cm2_per_s: float
    solid_activation_kj_per_mol: float
    positive_exchange_a_per_cm2: float
    positive_double_layer_f_per_cm2: float

    # the lithium electrode
    lithium_exchange_a_per_cm2: float
    exchange_activation_kj_per_mol: float
    double_layer_f_per_cm2: float
    double_layer_cpe_exponent: float

    # interfaces, and the side reaction that thickens them and cuts material off
    film_ohm_cm2: float
    interface_activation_kj_per_mol: float
    interface_capacitance_f_per_cm2: float
    interface_cpe_exponent: float
    side_current_at_rest_a_per_cm2: float
    side_current_fraction: float
    side_activation_kj_per_mol: float
    side_isolation_cm2_per_c: float
    side_deposit_ohm_cm4_per_c: float

    # how much cells of one batch differ
    spread_fraction: float
