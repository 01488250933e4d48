"""The quantities of a cell in the terms and units of a textbook: those of its file, and those that follow from them.

>>> from protocols.loading import load_cell
>>> cell = load_cell("bare-lfp")
>>> {one.name: one.value for one in quantities(cell.facts()) if one.name in {"active_mass_mg", "one_c_current_ma"}}
{'active_mass_mg': 1.1, 'one_c_current_ma': 0.187}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from math import pi, sqrt

from protocols.cell import DEFAULTS, CellKind, resistance_window
from protocols.contradictions import electrolyte_ohm
from protocols.normalised import capacity_mah, specific_capacity_mah_per_g
from protocols.program import CellFacts

# Of a value: more would be the dust of binary fractions.
_DIGITS = 12
# Of a value as it is printed: what a formula deserves, and what a file may say.
_DIGITS_DERIVED, _DIGITS_GIVEN = 4, 7

KIND_WORDS = {
    CellKind.LI_LI: "Li/Li symmetric cell",
    CellKind.LFP: "LiFePO4 (LFP) against Li metal",
    CellKind.LI_CU: "Li plated on Cu (Li/Cu cell)",
    CellKind.OTHER: "another cell: nothing is assumed of it",
}


@dataclass(frozen=True, slots=True)
class CellQuantity:
    """One quantity of a cell; ``name`` bears the unit, ``how`` is the formula, empty for what the file says."""

    name: str
    words: str
    value: float
    unit: str
    how: str = ""

    def __str__(self) -> str:
        """Write the value with its unit, without an exponent: as the file has it, or rounded if it is derived."""
        digits = _DIGITS_DERIVED if self.how else _DIGITS_GIVEN
        return f"{format(Decimal(f'{self.value:.{digits}g}'), 'f')} {self.unit}"


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is taken for a cell of a kind where a recipe says nothing else: a band in volts or ohms, both ends in it."""

    name: str
    words: str
    low: float
    high: float
    unit: str

    def __str__(self) -> str:
        """Write the band with its unit."""
        return f"{self.low:g} to {self.high:.4g} {self.unit}"


def quantities(cell: CellFacts) -> tuple[CellQuantity, ...]:
    """Give every quantity that is known of a cell; what cannot be told from its file is left out."""
    found = (*_sizes(cell), *_capacities(cell), *_one_c(cell), *_electrolyte(cell))
    return tuple(replace(one, value=float(f"{one.value:.{_DIGITS}g}")) for one in found)


def assumed(cell: CellFacts) -> tuple[Assumed, ...]:
    """Give what is taken for a cell of this kind: its limits, its voltage before a run, what the contact check finds.

    Nothing where the kind has no defaults: a recipe for such a cell must give its limits.
    """
    kind = CellKind(cell.kind)
    defaults = DEFAULTS[kind]
    area_cm2 = None if cell.area_cm2 is None else Decimal(str(cell.area_cm2))
    bands = (
        ("open_circuit_v", "open circuit, before a run", defaults.open_circuit, "V"),
        ("open_circuit_charged_v", "open circuit, charged", defaults.open_circuit_charged, "V"),
        ("host_limits_v", "the host stops outside", defaults.host, "V"),
        ("tester_limits_v", "the tester stops outside", defaults.tester, "V"),
        ("absolute_limits_v", "never to be seen outside", defaults.absolute, "V"),
        ("contact_check_ohm", "contact check finds", resistance_window(kind, area_cm2), "ohm"),
    )
    return tuple(Assumed(name, words, float(it[0]), float(it[1]), unit) for name, words, it, unit in bands if it)


def _sizes(cell: CellFacts) -> Iterator[CellQuantity]:
    area, mass_mg = cell.area_cm2, cell.active_mass_mg
    if area:
        yield CellQuantity("area_cm2", "area of the electrode", area, "cm2")
        diameter_mm = 2 * sqrt(area / pi) * 10
        yield CellQuantity("disc_diameter_mm", "as a disc, its diameter", diameter_mm, "mm", "2 sqrt(area / pi)")
    if mass_mg:
        yield CellQuantity("active_mass_mg", "active mass", mass_mg, "mg")
    if area and mass_mg:
        yield CellQuantity("loading_mg_per_cm2", "areal loading", mass_mg / area, "mg/cm2", "active mass / area")


def _capacities(cell: CellFacts) -> Iterator[CellQuantity]:
    area, mass_mg = cell.area_cm2, cell.active_mass_mg
    nominal_mah = None if cell.nominal_capacity_ah is None else cell.nominal_capacity_ah * 1000
    if nominal_mah:
        yield CellQuantity("nominal_capacity_mah", "nominal capacity", nominal_mah, "mAh")
    per_g = specific_capacity_mah_per_g(cell.kind)
    if per_g and mass_mg:
        how = f"{per_g:g} mAh/g x active mass"
        yield CellQuantity("theoretical_capacity_mah", "theoretical capacity", per_g * mass_mg / 1000, "mAh", how)
    if nominal_mah and area:
        how = "nominal capacity / area"
        yield CellQuantity("areal_capacity_mah_per_cm2", "areal capacity", nominal_mah / area, "mAh/cm2", how)
    if nominal_mah and mass_mg:
        how = "nominal capacity / active mass"
        per_mass = nominal_mah / mass_mg * 1000
        yield CellQuantity("specific_capacity_mah_per_g", "specific capacity", per_mass, "mAh/g", how)


def _one_c(cell: CellFacts) -> Iterator[CellQuantity]:
    """Give the current that passes the capacity in one hour, in each unit; not of Li/Li, which has no capacity."""
    capacity = capacity_mah(cell)
    if not capacity or DEFAULTS[CellKind(cell.kind)].symmetric:
        return
    of = "nominal" if cell.nominal_capacity_ah else "theoretical"
    yield CellQuantity("one_c_current_ma", "current at 1C", capacity, "mA", f"{of} capacity / 1 h")
    if cell.area_cm2:
        density = capacity / cell.area_cm2
        yield CellQuantity(
            "one_c_current_density_ma_per_cm2", "current density at 1C", density, "mA/cm2", "current at 1C / area"
        )
    if cell.active_mass_mg:
        specific = capacity / cell.active_mass_mg * 1000
        how = "current at 1C / active mass"
        yield CellQuantity("one_c_specific_current_ma_per_g", "specific current at 1C", specific, "mA/g", how)


def _electrolyte(cell: CellFacts) -> Iterator[CellQuantity]:
    if cell.electrolyte_thickness_um:
        yield CellQuantity(
            "electrolyte_thickness_um", "thickness of the electrolyte", cell.electrolyte_thickness_um, "um"
        )
    if cell.electrolyte_s_per_cm:
        of = "conductivity of the electrolyte"
        yield CellQuantity("electrolyte_conductivity_ms_per_cm", of, cell.electrolyte_s_per_cm * 1000, "mS/cm")
    resistance_ohm = electrolyte_ohm(cell)
    if resistance_ohm is not None:
        how = "thickness / (conductivity x area)"
        yield CellQuantity("electrolyte_resistance_ohm", "resistance of the electrolyte", resistance_ohm, "ohm", how)


__all__ = ["KIND_WORDS", "Assumed", "CellQuantity", "assumed", "quantities"]
