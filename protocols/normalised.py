"""Currents and charges of a cell in the units in which people compare cells: per area, per mass, as a C rate.

>>> cell = CellFacts("one", "lfp", area_cm2=0.7854, active_mass_mg=1.1, nominal_capacity_ah=0.000187)
>>> {judged.unit: plain(value) for judged, value in currents(0.017, cell).items()}
{'mA': '17', 'mA/cm2': '21.6', 'mA/g': '15 455', 'C': '90.9'}
"""

from __future__ import annotations

from decimal import Decimal

from protocols.cell import DEFAULTS, CellKind
from protocols.program import CellFacts
from protocols.usual_bands import Judged


def specific_capacity_mah_per_g(kind: str) -> float | None:
    """Give the specific capacity of a kind's active material; None where the kind does not tell it."""
    known = DEFAULTS[CellKind(kind)].specific_capacity if kind in DEFAULTS else None
    return None if known is None else float(known) * 1000


def capacity_mah(cell: CellFacts) -> float | None:
    """Give the capacity that a C rate refers to: the nominal one, else that of the active mass where the kind tells."""
    if cell.nominal_capacity_ah is not None:
        return cell.nominal_capacity_ah * 1000
    specific = specific_capacity_mah_per_g(cell.kind)
    return None if specific is None or cell.active_mass_mg is None else specific * cell.active_mass_mg / 1000


def currents(current_a: float, cell: CellFacts) -> dict[Judged, float]:
    """Give a current (magnitude) in each unit that the cell allows."""
    current_ma = current_a * 1000
    per = {
        Judged.CURRENT_DENSITY: cell.area_cm2,
        Judged.SPECIFIC_CURRENT: None if cell.active_mass_mg is None else cell.active_mass_mg / 1000,
        Judged.C_RATE: capacity_mah(cell),
    }
    return {Judged.CURRENT: current_ma} | {judged: current_ma / size for judged, size in per.items() if size}


def sizes(cell: CellFacts) -> dict[Judged, float]:
    """Give what the sizes of a cell make of each other: loading, capacity per area and per mass.

    Mass and capacity stand for themselves where no area is known.
    """
    area, mass_mg, nominal_ah = cell.area_cm2, cell.active_mass_mg, cell.nominal_capacity_ah
    found: dict[Judged, float] = {}
    if area:
        found[Judged.AREA] = area
    if mass_mg:
        found |= {Judged.LOADING: mass_mg / area} if area else {Judged.ACTIVE_MASS: mass_mg}
    if nominal_ah:
        nominal_mah = nominal_ah * 1000
        found |= {Judged.AREAL_CAPACITY: nominal_mah / area} if area else {Judged.NOMINAL_CAPACITY: nominal_mah}
    if mass_mg and nominal_ah:
        found[Judged.SPECIFIC_CAPACITY] = nominal_ah * 1e6 / mass_mg
    if cell.electrolyte_thickness_um:
        found[Judged.ELECTROLYTE_THICKNESS] = cell.electrolyte_thickness_um
    if cell.electrolyte_s_per_cm:
        found[Judged.ELECTROLYTE_CONDUCTIVITY] = cell.electrolyte_s_per_cm * 1000
    return found


def plain(value: float) -> str:
    """Write a number with three digits that count, without exponent; thousands stand apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return format(Decimal(f"{value:.3g}"), "f")
