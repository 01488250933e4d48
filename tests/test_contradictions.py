"""Values of a cell's file that cannot all be right are named before anything runs, for every kind of cell."""

from __future__ import annotations

import pytest

from protocols.cell import CellKind
from protocols.loading import parse_cell, parse_recipe
from protocols.materials import MATERIALS, materials
from protocols.plausibility import plausibility
from protocols.resolve import resolve
from protocols.usual_bands import BANDS, Judged, UsualBand, UsualBands, replaced

_OTHER = """\
name: mine
title: Mine
for: [other, lfp]
record: {every: 30 s}
limits:
  host: {low: 0 V, high: 4.4 V}
  tester: {low: -0.1 V, high: 4.5 V}
  absolute: {low: -0.5 V, high: 4.7 V}
steps:
  - {step: constant_current, direction: charge, current: 0.1 C, until: {time: 20 h, voltage: 4.0 V}}
"""
_LI_LI = """\
name: mine
title: Mine
for: [li-li]
record: {every: 30 s}
steps:
  - {step: constant_current, direction: charge, current: 0.4 mA/cm2, until: {time: 1 h, voltage: 0.5 V}}
"""


def told(kind: str, electrode: str, sizes: str, bands: UsualBands = BANDS) -> str:
    """Give what is said of a cell with these sizes: ``area 0.785 cm2, active_mass 11 mg``."""
    lines = [line.strip().replace(" ", ": ", 1) for line in sizes.split(",")]
    ends = [f"working_electrode: {electrode}", "counter_electrode: C", "electrolyte: E"]
    cell = parse_cell("\n".join(["name: one", f"kind: {kind}", *lines, *ends]) + "\n")
    recipe = parse_recipe(_LI_LI if kind == "li-li" else _OTHER)
    return " ".join(plausibility(resolve(recipe, cell), bands).sentences)


DISC = "area 0.785 cm2"
WRONG = f"{DISC}, active_mass 11 mg, nominal_capacity 0.187 mAh"
FILM = "area 0.785 cm2, electrolyte_conductivity 0.24 mS/cm, electrolyte_conductivity_at 60 degC"


@pytest.mark.parametrize(
    ("kind", "electrode", "sizes", "words"),
    [
        ("lfp", "LFP on Al foil", WRONG, "while 11 mg at 170 mAh/g hold 1.87 mAh"),
        ("other", "NMC on Al foil", WRONG, "11 mg of NMC hold 0.77 to 3.13 mAh. Usual for NMC is 70 to 285 mAh/g"),
        ("other", "an oxide", WRONG, "17 mAh/g. Usual for other is 20 to 4 300 mAh/g"),
        ("other", "graphite", f"{DISC}, active_mass 5 mg, nominal_capacity 1000 mAh/g", "graphite holds 372"),
        ("other", "NMC622", f"{DISC}, active_mass 18 mg, nominal_capacity 372 mAh/g", "Usual for NMC"),
        ("lfp", "NMC622", f"{DISC}, active_mass 1.1 mg, nominal_capacity 0.187 mAh", "electrode is NMC, and it is of"),
        ("li-li", "Li", f"{DISC}, active_mass 1 mg, nominal_capacity 10 mAh", "Li holds 3861 mAh/g"),
        (
            "li-li",
            "Li",
            f"{FILM}, electrolyte_thickness 4000 um",
            "beyond what the contact check may find, at most",
        ),
        ("li-li", "Li", f"{FILM}, electrolyte_thickness 4000 um", "0.314 mA take 0.667 V"),
        ("lfp", "LFP", "area 10 mm2, active_mass 11 mg, nominal_capacity 1.87 mAh", "a disc of 10 mm, 0.785 cm2"),
    ],
)
def test_contradiction_is_named(kind: str, electrode: str, sizes: str, words: str) -> None:
    """With what the values make of each other, what is usual, and the source."""
    assert words in told(kind, electrode, sizes)


@pytest.mark.parametrize(
    ("electrode", "sizes"),
    [
        ("NMC811 on Al foil", "area 1.54 cm2, active_mass 18 mg, nominal_capacity 3.4 mAh"),
        ("NMC or LNMO on Al foil", "area 1.54 cm2, active_mass 18 mg, nominal_capacity 60 mAh/g"),
        ("Si/graphite on Cu foil", "area 1.54 cm2, active_mass 5 mg, nominal_capacity 1500 mAh/g"),
        ("S/C on Al foil", "area 1.13 cm2, active_mass 1.5 mg, nominal_capacity 1000 mAh/g"),
        ("LTO", "area 1.54 cm2, active_mass 15 mg, nominal_capacity 160 mAh/g"),
        ("an organic electrode", "area 1.54 cm2, active_mass 5 mg, nominal_capacity 60 mAh/g"),
    ],
)
def test_electrodes_of_laboratories_are_plausible(electrode: str, sizes: str) -> None:
    """Poor and good electrodes, blends and materials that no table knows need nobody's confirmation."""
    assert told("other", electrode, sizes) == ""


def test_film_of_a_li_li_cell_is_plausible() -> None:
    """90 um at 0.24 mS/cm have 48 ohm: inside the contact check's window, and 15 mV at 0.4 mA/cm2."""
    assert told("li-li", "Li", f"{FILM}, electrolyte_thickness 90 um") == ""


def test_band_of_a_bench_stands_in_the_place_of_the_materials() -> None:
    """A laboratory that counts the mass of its solid electrolyte as well says so once."""
    own = {CellKind.OTHER: {Judged.SPECIFIC_CAPACITY: UsualBand(5.0, 300.0, "composites, with their electrolyte")}}
    assert told("other", "NMC on Al foil", WRONG, replaced(BANDS, own)) == ""


def test_materials_are_named_once_and_have_a_source() -> None:
    """Each name finds its own material, and foils none."""
    for material in MATERIALS:
        assert [found.name for found in materials(material.name)] == [material.name]
        assert 0 < material.low_mah_per_g < material.high_mah_per_g
        assert len(material.source) > 15
    assert materials("Cu foil, Li foil, stainless steel") == ()
