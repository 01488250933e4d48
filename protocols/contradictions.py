"""Values of a cell's file that cannot all be right together, found before anything runs.

Mass, area and nominal capacity are judged by what they make of each other (``usual_bands``): here follow the material
of the working electrode, and the electrolyte, whose own resistance takes a voltage that must leave room for the cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from protocols.cell import SYMMETRIC
from protocols.current_sign import Direction
from protocols.materials import held
from protocols.normalised import plain, specific_capacity_mah_per_g
from protocols.program import CellFacts, Program
from protocols.program_steps import powered
from protocols.usual_bands import BANDS, Judged, KindBands, UsualBand, usual

_CM_PER_UM = 1e-4
# How far a nominal capacity may lie above the theoretical one of its mass before it is told, more than rounding, and
# how far below: a good cell at a low rate gives 150 to 165 mAh/g of the 170 of LFP.
_MORE_THAN_THEORY = 0.05
_LESS_THAN_THEORY = 0.12


def of_cell(cell: CellFacts, bands: KindBands) -> KindBands:
    """Give the bands of a cell: those of its kind, or of its bench, with what a gram of its material holds."""
    own = held(cell.material) if cell.material and specific_capacity_mah_per_g(cell.kind) is None else None
    is_usual = bands.get(Judged.SPECIFIC_CAPACITY) is usual(cell.kind, BANDS).get(Judged.SPECIFIC_CAPACITY)
    if own is None or not is_usual:
        return bands
    made_of = UsualBand(own.low_mah_per_g, own.high_mah_per_g, own.source)
    return MappingProxyType({**bands, Judged.SPECIFIC_CAPACITY: made_of})


def contradictions(program: Program) -> Iterator[str]:
    """Give a sentence for each contradiction between the material, the electrolyte and what the program asks."""
    yield from in_the_file(program.cell, program.cycling[0].guards.resistance_high_ohm)
    resistance_ohm = electrolyte_ohm(program.cell)
    if resistance_ohm is not None:
        yield from _voltage(program, resistance_ohm)


def in_the_file(cell: CellFacts, check_ohm: float | None) -> Iterator[str]:
    """Give a sentence for each contradiction that stands in a cell's file, whatever is done with the cell.

    ``check_ohm``: the most that the contact check may find; None without one.
    """
    if cell.material and specific_capacity_mah_per_g(cell.kind) is not None:
        kind = f"is of the kind {cell.kind}, whose limits and capacity are taken for it"
        yield f"Cell {cell.name}: its working electrode is {cell.material}, and it {kind}."
    resistance_ohm = electrolyte_ohm(cell)
    if check_ohm is not None and resistance_ohm is not None and resistance_ohm >= check_ohm:
        beyond = f"beyond what the contact check may find, at most {plain(check_ohm)} ohm"
        yield f"Cell {cell.name}: {_own(cell, resistance_ohm)} are {beyond}."


def capacity_notes(cell: CellFacts, bands: KindBands) -> Iterator[str]:
    """Give a sentence where the nominal capacity is a usual one, and does not follow from the active mass.

    It is sound where the capacity was measured; where a mass was changed alone, currents in C stay those of the other.
    """
    per_g, mass_mg, nominal_ah = specific_capacity_mah_per_g(cell.kind), cell.active_mass_mg, cell.nominal_capacity_ah
    if per_g is None or not mass_mg or nominal_ah is None:
        return
    is_per_g, usual_band = nominal_ah * 1e6 / mass_mg, bands.get(Judged.SPECIFIC_CAPACITY)
    less = 1 - is_per_g / per_g
    if not -_MORE_THAN_THEORY <= less <= _LESS_THAN_THEORY and (usual_band is None or usual_band.holds(is_per_g)):
        nominal, theory = f"{plain(nominal_ah * 1000)} mAh", f"{plain(per_g * mass_mg / 1000)} mAh"
        yield (
            f"Cell {cell.name}: a nominal_capacity of {nominal} beside {plain(mass_mg)} mg is {plain(is_per_g)} mAh/g, "
            f"{abs(less):.0%} {'less' if less > 0 else 'more'} than {cell.kind} holds in theory ({plain(per_g)} mAh/g, "
            f"{theory}). Currents in C refer to the nominal capacity: if active_mass was changed, change it too."
        )


def electrolyte_ohm(cell: CellFacts) -> float | None:
    """Give the resistance of a cell's electrolyte: thickness / (conductivity x area); None where one is not known."""
    thickness_um, conductivity, area_cm2 = cell.electrolyte_thickness_um, cell.electrolyte_s_per_cm, cell.area_cm2
    if not thickness_um or not conductivity or not area_cm2:
        return None
    return thickness_um * _CM_PER_UM / (conductivity * area_cm2)


def _own(cell: CellFacts, resistance_ohm: float) -> str:
    ms_per_cm = plain((cell.electrolyte_s_per_cm or 0.0) * 1000)
    thickness, area = plain(cell.electrolyte_thickness_um or 0.0), plain(cell.area_cm2 or 0.0)
    sizes = f"{thickness} um at {ms_per_cm} mS/cm on {area} cm2"
    return f"{plain(resistance_ohm)} ohm of its electrolyte alone ({sizes})"


def _voltage(program: Program, resistance_ohm: float) -> Iterator[str]:
    """Find the first step of a cell at rest at 0 V whose current takes its whole voltage in the electrolyte."""
    if program.cell.kind not in SYMMETRIC:
        return
    own = _own(program.cell, resistance_ohm)
    for segment in program.cycling:
        for number, step in powered(segment.steps):
            current_a = step.largest_a or 0.0
            limit = segment.limits.host.high_v if step.direction is Direction.CHARGE else segment.limits.host.low_v
            most_v = abs(limit if step.target_v is None else step.target_v)
            if current_a * resistance_ohm >= most_v:
                takes = f"{plain(current_a * 1000)} mA take {plain(current_a * resistance_ohm)} V in {own}"
                yield f"Step {number}: {takes}, and it ends at {plain(most_v)} V: it would end as it begins."
                return
