"""The parameters of a Li/Cu cell: charges, rates and material constants; no voltage curve and no cycle number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulators.cells.electrolyte import ElectrolyteParameters


@dataclass(frozen=True, kw_only=True)
class LithiumCopperParameters(ElectrolyteParameters):
    """Parameters of one Li/Cu cell at the reference temperature, per cm2 of copper."""

    MAY_BE_ZERO: ClassVar[frozenset[str]] = frozenset(
        {
            "contact_ohm",
            "corrosion_a_per_cm2",
            "counter_film_ohm_cm2",
            "crystalline_activation_kj_per_mol",
            "deposit_ohm_cm4_per_c",
            "film_loss_fraction",
            "film_ohm_cm2",
            "loss_current_exponent",
            "spread_fraction",
        }
    )

    # the copper before lithium is on it: what must be reduced first, and what is charged once all is stripped
    open_circuit_v: float
    film_charge_c_per_cm2: float
    film_shoulder_fraction: float
    film_sharpness: float
    surface_capacitance_f_per_cm2: float
    copper_oxidation_v: float

    # what becomes of plated lithium
    efficiency_fraction: float
    later_efficiency_fraction: float
    efficiency_change_c_per_cm2: float
    loss_current_exponent: float
    film_loss_fraction: float
    corrosion_a_per_cm2: float
    corrosion_activation_kj_per_mol: float

    # interfaces: the copper's film, what dead lithium adds to it, and the film of the lithium foil
    film_ohm_cm2: float
    deposit_ohm_cm4_per_c: float
    counter_film_ohm_cm2: float
    interface_activation_kj_per_mol: float
    interface_capacitance_f_per_cm2: float
    interface_cpe_exponent: float

    # charge transfer, and the start of plating on copper and on lithium
    exchange_current_a_per_cm2: float
    exchange_activation_kj_per_mol: float
    double_layer_f_per_cm2: float
    double_layer_cpe_exponent: float
    copper_nucleus_area_fraction: float
    nucleus_area_fraction: float
    nucleation_charge_c_per_cm2: float

    # how much cells of one batch differ
    spread_fraction: float
