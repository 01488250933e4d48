"""The parameters of a Li/Li symmetric cell. Rates, states and material constants only: no life, no cycle, no curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulators.cells.electrolyte import ElectrolyteParameters


@dataclass(frozen=True, kw_only=True)
class LithiumSymmetricParameters(ElectrolyteParameters):
    """Parameters of one Li/Li cell at the reference temperature; the interface values are per electrode."""

    MAY_BE_ZERO: ClassVar[frozenset[str]] = frozenset(
        {
            "contact_ohm",
            "crystalline_activation_kj_per_mol",
            "film_growth_ohm2_cm4_per_s",
            "deposit_ohm_cm4_per_c",
            "tip_growth_um_per_s_at_1_ma_per_cm2",
            "tip_area_fraction",
            "soft_short_count_at_bridge",
            "spread_fraction",
        }
    )

    # interface: a compact film that thickens by itself, and a porous deposit that every plating leaves behind
    film_ohm_cm2: float
    film_growth_ohm2_cm4_per_s: float
    deposit_ohm_cm4_per_c: float
    interface_activation_kj_per_mol: float
    growth_activation_kj_per_mol: float
    interface_capacitance_f_per_cm2: float
    interface_cpe_exponent: float

    # charge transfer and the start of plating
    exchange_current_a_per_cm2: float
    exchange_activation_kj_per_mol: float
    double_layer_f_per_cm2: float
    double_layer_cpe_exponent: float
    nucleus_area_fraction: float
    nucleation_charge_c_per_cm2: float

    # dendrites
    tip_growth_um_per_s_at_1_ma_per_cm2: float
    tip_growth_exponent: float
    tip_area_fraction: float

    # shorts
    soft_short_count_at_bridge: float
    soft_short_steepness: float
    soft_short_least_ohm_cm2: float
    soft_short_most_ohm_cm2: float
    soft_short_fuse_c_per_cm2: float
    hard_short_ohm: float

    # how much cells of one batch differ
    spread_fraction: float
