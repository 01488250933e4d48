"""Guesses what was meant by an implausible value: a wrong prefix, a forgotten normalisation, a moved decimal point.

A guess is offered only if everything that it touches would be plausible with it. Nothing is ever changed by one.

>>> from protocols.usual_bands import usual
>>> cell = CellFacts("one", "lfp", area_cm2=0.7854, active_mass_mg=1.1, nominal_capacity_ah=0.000187)
>>> current_slips(0.017, cell, usual("lfp"))
['17 mA/g = 0.0187 mA', '17 uA', '1.7 mA']
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import pi

from protocols.materials import held
from protocols.normalised import capacity_mah, currents, plain, sizes, specific_capacity_mah_per_g
from protocols.program import CellFacts
from protocols.usual_bands import Judged, KindBands, outside

_MOST = 3
_DECIMALS = (0.1, 10.0, 0.01, 100.0)
# A thousandth and a thousandfold of a unit, as a technician writes them.
_PREFIXED = {
    Judged.CURRENT: ("uA", "A"),
    Judged.CURRENT_DENSITY: ("uA/cm2", "A/cm2"),
    Judged.SPECIFIC_CURRENT: ("uA/g", "A/g"),
}


def current_slips(current_a: float, cell: CellFacts, bands: KindBands) -> list[str]:
    """Say which plausible currents may be meant by an implausible one (magnitude).

    A program does not say in which unit a current was written. It was probably the one that needs fewest digits: 17 mA
    and not 21.6451 mA/cm2. Others are tried where they are as likely, or where that one leads nowhere.
    """
    values = currents(current_a, cell)
    units = sorted(values, key=lambda judged: _digits(values[judged]))
    fewest = _digits(values[units[0]])
    found: dict[str, str] = {}
    for meant_in in (_units_meant, _decimals_meant):
        for written in units:
            if found and _digits(values[written]) > fewest + 1:
                continue
            for words, meant_a in meant_in(written, values):
                in_ma = f"{plain(meant_a * 1000)} mA"
                if in_ma not in found and not outside(currents(meant_a, cell), bands):
                    found[in_ma] = words if words.endswith((" mA", " uA")) else f"{words} = {in_ma}"
    return list(found.values())[:_MOST]


def _units_meant(written: Judged, values: dict[Judged, float]) -> Iterator[tuple[str, float]]:
    """Give the currents that the same number means in other units, each with its words."""
    number, current_a = values[written], values[Judged.CURRENT] / 1000
    if written is Judged.C_RATE:
        yield f"C/{plain(number)}", current_a / number**2
        return
    for judged in (Judged.SPECIFIC_CURRENT, Judged.CURRENT_DENSITY, Judged.CURRENT):
        if judged is not written and judged in values:
            yield f"{plain(number)} {judged.unit}", current_a * number / values[judged]
    yield _thousandth(number, written), current_a / 1000
    yield _thousandfold(number, written), current_a * 1000


def _decimals_meant(written: Judged, values: dict[Judged, float]) -> Iterator[tuple[str, float]]:
    """Give the currents whose decimal point stands elsewhere, each with its words."""
    for factor in _DECIMALS:
        yield f"{plain(values[written] * factor)} {written.unit}", values[Judged.CURRENT] / 1000 * factor


def _thousandth(number: float, judged: Judged) -> str:
    return f"{plain(number / 1000)} {judged.unit}" if number >= 1000 else f"{plain(number)} {_PREFIXED[judged][0]}"


def _thousandfold(number: float, judged: Judged) -> str:
    return f"{plain(number * 1000)} {judged.unit}" if number < 1 else f"{plain(number)} {_PREFIXED[judged][1]}"


def _digits(value: float) -> int:
    return len(f"{value:.6e}".partition("e")[0].replace(".", "").rstrip("0"))


def cell_slips(cell: CellFacts, bands: KindBands) -> list[str]:
    """Say which plausible sizes may be meant by those of a cell that contradict each other, or what is usual."""
    found = [words for words, meant in _cells_meant(cell) if not outside(sizes(meant), bands)]
    return list(dict.fromkeys(found))[:_MOST]


def _cells_meant(cell: CellFacts) -> Iterator[tuple[str, CellFacts]]:
    mass, area, nominal_ah = cell.active_mass_mg, cell.area_cm2, cell.nominal_capacity_ah
    if mass:
        yield f"an active_mass of {plain(mass / 1000)} mg", replace(cell, active_mass_mg=mass / 1000)
        yield f"an active_mass of {plain(mass)} g, {plain(mass * 1000)} mg", replace(cell, active_mass_mg=mass * 1000)
    if area:
        yield from _areas_meant(cell, area)
    if nominal_ah:
        yield from _capacities_meant(cell, nominal_ah)
    for factor in _DECIMALS:
        if mass:
            yield f"an active_mass of {plain(mass * factor)} mg", replace(cell, active_mass_mg=mass * factor)
    for factor in _DECIMALS:
        if nominal_ah:
            number = plain(nominal_ah * factor * 1000)
            yield f"a nominal_capacity of {number} mAh", replace(cell, nominal_capacity_ah=nominal_ah * factor)
    for factor in (0.1, 10.0):
        if area:
            yield f"an area of {plain(area * factor)} cm2", replace(cell, area_cm2=area * factor)
    yield from _electrolytes_meant(cell)


def _electrolytes_meant(cell: CellFacts) -> Iterator[tuple[str, CellFacts]]:
    if cell.electrolyte_thickness_um:
        thin_um = cell.electrolyte_thickness_um / 1000
        yield f"an electrolyte_thickness of {plain(thin_um)} um", replace(cell, electrolyte_thickness_um=thin_um)
    for factor in (1e-3, 1e3):
        if cell.electrolyte_s_per_cm:
            meant = cell.electrolyte_s_per_cm * factor
            words = f"an electrolyte_conductivity of {plain(meant * 1000)} mS/cm"
            yield words, replace(cell, electrolyte_s_per_cm=meant)


def _areas_meant(cell: CellFacts, area: float) -> Iterator[tuple[str, CellFacts]]:
    """Give the areas that a number of square centimetres may stand for: discs are punched with round diameters."""
    if _digits(area) <= 2:
        for diameter_mm in (area, area * 100):
            disc = pi * (diameter_mm / 20) ** 2
            yield f"a disc of {plain(diameter_mm)} mm, {plain(disc)} cm2", replace(cell, area_cm2=disc)
    yield f"an area of {plain(area)} mm2", replace(cell, area_cm2=area / 100)
    yield f"an area of {plain(area * 100)} cm2", replace(cell, area_cm2=area * 100)


def _capacities_meant(cell: CellFacts, nominal_ah: float) -> Iterator[tuple[str, CellFacts]]:
    number = nominal_ah * 1000
    for unit, size in (
        ("mAh/g", cell.active_mass_mg and cell.active_mass_mg / 1000),
        ("mAh/cm2", cell.area_cm2),
        ("uAh", 1e-3),
        ("Ah", 1e3),
    ):
        if size:
            yield (
                f"a nominal_capacity of {plain(number)} {unit}, {plain(number * size)} mAh",
                replace(cell, nominal_capacity_ah=nominal_ah * size),
            )
    # A number per mass or per area that was taken for one of the whole cell, or the other way round.
    for unit, size in (("mAh/g", cell.active_mass_mg and cell.active_mass_mg / 1000), ("mAh/cm2", cell.area_cm2)):
        if size:
            yield (
                f"a nominal_capacity of {plain(number / size)} mAh, not {plain(number / size)} {unit}",
                replace(cell, nominal_capacity_ah=nominal_ah / size),
            )


def capacity_hint(cell: CellFacts) -> str:
    """Say what the active mass holds by its kind, beside a nominal capacity that contradicts it; empty if unknown."""
    by_mass = capacity_mah(replace(cell, nominal_capacity_ah=None))
    specific = specific_capacity_mah_per_g(cell.kind)
    made_of = held(cell.material) if cell.material and specific is None else None
    if made_of is not None and cell.active_mass_mg is not None:
        low, high = (per_g * cell.active_mass_mg / 1000 for per_g in (made_of.low_mah_per_g, made_of.high_mah_per_g))
        return f"{plain(cell.active_mass_mg)} mg of {cell.material} hold {plain(low)} to {plain(high)} mAh"
    if by_mass is None or specific is None or cell.active_mass_mg is None:
        return ""
    return f"{plain(cell.active_mass_mg)} mg at {plain(specific)} mAh/g hold {plain(by_mass)} mAh"
