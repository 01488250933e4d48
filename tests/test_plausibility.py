"""Plausibility: what laboratories do passes, what a slip of a unit makes of it is found, with the slip named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.errors import ResolveError
from protocols.loading import load_cell, load_recipe, parse_cell, parse_recipe, shipped_cells, shipped_recipes
from protocols.normalised import plain
from protocols.plausibility import Plausibility, plausibility
from protocols.program import Program
from protocols.resolve import resolve
from protocols.usual_bands import BANDS, Judged, UsualBand, replaced

_LIMITS = """\
limits:
  host: {low: -1 V, high: 4.4 V}
  tester: {low: -1.1 V, high: 4.5 V}
  absolute: {low: -1.5 V, high: 4.7 V}
"""


def cell_text(kind: str, sizes: str) -> str:
    """Give a cell file; ``sizes`` as ``area 0.785 cm2, active_mass 1.1 mg``."""
    lines = [line.strip().replace(" ", ": ", 1) for line in sizes.split(",") if line.strip()]
    ends = ["working_electrode: W", "counter_electrode: Li foil", "electrolyte: LP57"]
    return "\n".join(["name: mine", f"kind: {kind}", *lines, *ends]) + "\n"


def recipe_text(kind: str, current: str, until: str = "", extra: str = "") -> str:
    """Give a recipe that charges and discharges at one current."""
    up, down = ("0.5 V", "-0.5 V") if kind.startswith("li-") else ("4.0 V", "2.8 V")
    time = until or ("time: 1 h" if kind != "lfp" else "")
    ends = [f"{{voltage: {volts}{', ' if time else ''}{time}}}" for volts in (up, down)]
    return (
        f"name: mine\ntitle: Mine\nfor: [{kind}]\nrecord: {{every: 30 s}}\n"
        + (_LIMITS if kind in {"li-cu", "other"} else "")
        + "steps:\n"
        + f"  - {{step: constant_current, direction: charge, current: {current}, until: {ends[0]}}}\n"
        + extra
        + f"  - {{step: constant_current, direction: discharge, current: {current}, until: {ends[1]}}}\n"
    )


def program(kind: str, sizes: str, current: str, until: str = "", extra: str = "") -> Program:
    """Resolve a recipe of one current for a cell."""
    return resolve(parse_recipe(recipe_text(kind, current, until, extra)), parse_cell(cell_text(kind, sizes)))


def seen(kind: str, sizes: str, current: str, until: str = "", extra: str = "") -> Plausibility:
    """Judge a recipe of one current for a cell."""
    return plausibility(program(kind, sizes, current, until, extra))


DISC = "area 0.7854 cm2, "
LFP = DISC + "active_mass 1.10 mg, nominal_capacity 0.187 mAh"
NMC = "area 1.54 cm2, active_mass 18 mg, nominal_capacity 3 mAh"

PLAUSIBLE = [
    ("formation at C/20", "lfp", LFP, "0.05 C"),
    ("open-circuit curve at C/100", "lfp", LFP, "0.01 C"),
    ("open-circuit curve at C/200", "lfp", LFP, "0.005 C"),
    ("the paper's rate", "lfp", LFP, "200 mA/g"),
    ("rate test, 10 C", "lfp", LFP, "10 C"),
    ("rate test, 20 C", "lfp", LFP, "20 C"),
    ("rate test in milliamperes", "lfp", LFP, "1.87 mA"),
    ("thick electrode, 25 mg/cm2, C/3", "lfp", "area 1.131 cm2, active_mass 28.3 mg", "57 mA/g"),
    ("thick electrode, 40 mg/cm2, C/10", "lfp", "area 1.131 cm2, active_mass 45 mg", "17 mA/g"),
    ("thin electrode, 0.3 mg/cm2, 10 C", "lfp", DISC + "active_mass 0.24 mg", "1700 mA/g"),
    ("micro-cell of 0.2 cm2", "lfp", "area 0.2 cm2, active_mass 0.4 mg", "17 mA/g"),
    ("2 mAh/cm2 at 5 C", "lfp", "area 2 cm2, active_mass 24 mg, nominal_capacity 150 mAh/g", "5 C"),
    ("mass alone", "lfp", "active_mass 1.10 mg", "200 mA/g"),
    ("nominal capacity alone", "lfp", "nominal_capacity 0.187 mAh", "1 C"),
    ("small mass alone, C/200", "lfp", "active_mass 0.2 mg, nominal_capacity 170 mAh/g", "0.005 C"),
    ("mass with binder and carbon, 90 mAh/g", "lfp", DISC + "active_mass 2 mg, nominal_capacity 0.18 mAh", "0.1 C"),
    ("largest disc of a CR2032", "lfp", "area 2.8 cm2, active_mass 30 mg", "170 mA/g"),
    ("Li/Li at 0.05 mA/cm2", "li-li", DISC, "0.05 mA/cm2"),
    ("cold garnet at 0.01 mA/cm2", "li-li", DISC, "0.01 mA/cm2"),
    ("Li/Li at 1 mA/cm2", "li-li", "area 2.01 cm2", "1 mA/cm2"),
    ("Li/Li at 10 mA/cm2", "li-li", DISC, "10 mA/cm2"),
    ("Li/Li without an area, in milliamperes", "li-li", "", "0.2 mA"),
    ("Li/Cu, the usual test", "li-cu", "area 1.13 cm2, nominal_capacity 6 mAh/cm2", "0.5 mA/cm2"),
    ("Li/Cu at 5 mA/cm2", "li-cu", "area 1.13 cm2", "5 mA/cm2"),
    ("NMC full cell at C/10", "other", NMC, "0.1 C"),
    ("NMC full cell at 10 C", "other", NMC, "10 C"),
    (
        "rate test, 20 C of a capacity per mass of 178 mAh/g",
        "lfp",
        DISC + "active_mass 1 mg, nominal_capacity 178 mAh/g",
        "20 C",
    ),
    ("LTO at 20 C", "other", "area 1.13 cm2, active_mass 1 mg, nominal_capacity 165 mAh/g", "20 C"),
    ("silicon at C/5", "other", "area 1.13 cm2, active_mass 1 mg, nominal_capacity 3579 mAh/g", "0.2 C"),
    ("sulphur at C/10", "other", "area 1.13 cm2, active_mass 5 mg, nominal_capacity 1675 mAh/g", "0.1 C"),
    ("hard carbon at 5 A/g", "other", "area 1.13 cm2, active_mass 1.5 mg, nominal_capacity 300 mAh/g", "5 A/g"),
    ("double layer at 1 A/g", "other", "area 1.13 cm2, active_mass 10 mg, nominal_capacity 40 mAh/g", "1 A/g"),
    (
        "Swagelok cell, pellet of 50 mg/cm2",
        "other",
        "area 1.27 cm2, active_mass 63 mg, nominal_capacity 9 mAh",
        "0.05 C",
    ),
]

# What is implausible, and words that the sentence must hold: the value, and the slip where one is to be named.
IMPLAUSIBLE = [
    ("mA for mA/g", "lfp", LFP, "17 mA", ("90.9 C", "15 455 mA/g", "21.6 mA/cm2", "17 mA/g = 0.0187 mA")),
    ("mA for uA", "lfp", LFP, "150 mA", ("802 C", "150 uA")),
    ("mA for mA/cm2", "lfp", "area 0.2 cm2, active_mass 0.1 mg", "0.5 mA", ("29.4 C", "0.5 mA/cm2 = 0.1 mA")),
    ("A/g for mA/g", "lfp", LFP, "200 A/g", ("1 176 C", "200 mA/g = 0.22 mA")),
    ("mA/g for mA", "lfp", LFP, "0.2 mA/g", ("0.00118 C", "0.2 mA")),
    ("uA for mA", "lfp", LFP, "0.2 uA", ("0.00107 C", "0.2 mA")),
    ("20 C for C/20 and more", "lfp", LFP, "50 C", ("50 C", "C/50 = 0.00374 mA")),
    ("mass without a decimal point", "lfp", "area 1.13 cm2, active_mass 112 mg", "17 mA/g", ("99.1 mg/cm2", "1.12 mg")),
    ("mass in g", "lfp", "area 1.13 cm2, active_mass 0.0112 mg", "17 mA/g", ("0.00991 mg/cm2", "0.0112 g, 11.2 mg")),
    ("g for mg", "lfp", DISC + "active_mass 1.10 g", "17 mA/g", ("1 401 mg/cm2", "1.1 mg")),
    ("ug for mg", "lfp", DISC + "active_mass 1.10 ug", "17 mA/g", ("0.0014 mg/cm2", "1.1 mg")),
    (
        "mass ten times too large",
        "lfp",
        DISC + "active_mass 11 mg, nominal_capacity 0.187 mAh",
        "0.1 C",
        ("0.187 mAh beside 11 mg is 17 mAh/g", "11 mg at 170 mAh/g hold 1.87 mAh", "1.1 mg"),
    ),
    (
        "a capacity per area of another electrode",
        "lfp",
        DISC + "active_mass 1.10 mg, nominal_capacity 6 mAh/cm2",
        "0.1 C",
        ("4 284 mAh/g", "1.1 mg at 170 mAh/g hold 0.187 mAh"),
    ),
    (
        "mAh for mAh/g",
        "lfp",
        DISC + "active_mass 1.10 mg, nominal_capacity 170 mAh",
        "0.1 C",
        ("170 mAh/g, 0.187 mAh",),
    ),
    ("Ah for mAh", "lfp", DISC + "active_mass 1.10 mg, nominal_capacity 0.187 Ah", "0.01 C", ("187 uAh, 0.187 mAh",)),
    ("cm2 for mm2", "lfp", "area 78.54 cm2, active_mass 1.10 mg", "17 mA/g", ("78.5 cm2", "78.5 mm2")),
    ("mm2 for cm2", "lfp", "area 0.7854 mm2, active_mass 1.10 mg", "17 mA/g", ("0.00785 cm2", "0.785 cm2")),
    (
        "a diameter for an area",
        "li-li",
        "area 12 cm2",
        "0.5 mA/cm2",
        ("an area of 12 cm2", "a disc of 12 mm, 1.13 cm2"),
    ),
    ("an area without its decimal point", "li-cu", "area 11.3 cm2", "0.5 mA/cm2", ("11.3 cm2", "an area of 1.13 cm2")),
    ("mA/cm2 for mA/g", "lfp", LFP, "170 mA/cm2", ("714 C", "121 380 mA/g", "170 mA/g = 0.187 mA")),
    ("mA/g for mA/cm2", "lfp", LFP, "0.2 mA/g", ("0.00028 mA/cm2", "0.2 mA/cm2 = 0.157 mA")),
    ("mA for mA/g, thick electrode", "lfp", "area 1.131 cm2, active_mass 11.2 mg", "170 mA", ("170 mA/g = 1.9 mA",)),
    (
        "mass with its foil",
        "lfp",
        "area 1.13 cm2, active_mass 25.6 mg, nominal_capacity 0.3 mAh",
        "0.1 C",
        ("0.3 mAh beside 25.6 mg is 11.7 mAh/g", "25.6 mg at 170 mAh/g hold 4.35 mAh"),
    ),
    ("Li/Li, 17 mA", "li-li", DISC, "17 mA", ("17 mA is 21.6 mA/cm2", "17 uA")),
    ("NMC, mA/cm2 for mA/g", "other", NMC, "200 mA/cm2", ("103 C", "200 mA/g = 3.6 mA")),
    (
        "NMC, mAh for mAh/g",
        "other",
        "area 1.54 cm2, active_mass 18 mg, nominal_capacity 175 mAh",
        "0.1 C",
        ("3.15 mAh",),
    ),
    (
        "S/cm for mS/cm",
        "lfp",
        LFP + ", electrolyte_conductivity 2.4 S/cm, electrolyte_conductivity_at 60 degC",
        "0.1 C",
        ("an electrolyte_conductivity of 2 400 mS/cm", "conductivity of 2.4 mS/cm"),
    ),
    ("mm for um", "lfp", LFP + ", electrolyte_thickness 90 mm", "0.1 C", ("90 000 um", "thickness of 90 um")),
    ("Li/Li at 40 mA/cm2", "li-li", DISC, "40 mA/cm2", ("31.4 mA is 40 mA/cm2", "10 mA/cm2", "40 uA/cm2")),
    ("Li/Li, mA for mA/cm2", "li-li", "area 0.05 cm2", "1 mA", ("20 mA/cm2", "1 mA/cm2 = 0.05 mA")),
    ("Li/Li, uA for mA", "li-li", DISC, "0.2 uA/cm2", ("0.0002 mA/cm2", "0.2 mA/cm2 = 0.157 mA")),
    ("Li/Li without an area", "li-li", "", "40 mA", ("40 mA. Usual for li-li is 0.0005 to 28 mA", "40 uA")),
    ("Li/Cu at 50 mA/cm2", "li-cu", "area 1.13 cm2", "50 mA/cm2", ("50 mA/cm2", "50 uA/cm2")),
    ("Li/Cu, mm2 for cm2", "li-cu", "area 1.13 mm2", "0.5 mA", ("0.0113 cm2", "an area of 1.13 cm2")),
    ("NMC, mA for mA/g", "other", NMC, "150 mA", ("50 C", "97.4 mA/cm2", "150 mA/g = 2.7 mA")),
    ("NMC at 40 C", "other", NMC, "40 C", ("40 C", "C/40 = 0.075 mA")),
    ("NMC, mass of 112 mg", "other", "area 1.13 cm2, active_mass 112 mg, nominal_capacity 3 mAh", "0.1 C", ("99.1",)),
    ("NMC, capacity of a pouch", "other", "area 1.54 cm2, nominal_capacity 3 Ah", "0.1 C", ("1 948 mAh/cm2", "3 mAh")),
    ("LFP, a mass alone", "lfp", "active_mass 112 mg", "17 mA/g", ("an active_mass of 112 mg", "11.2 mg")),
    ("LFP, a mass in g alone", "lfp", "active_mass 0.0112 mg", "17 mA/g", ("0.0112 mg", "0.0112 g, 11.2 mg")),
    ("LFP, Ah for mAh alone", "lfp", "nominal_capacity 0.187 Ah", "0.1 C", ("of 187 mAh", "0.187 mAh")),
    ("a mass alone", "other", "active_mass 1.10 mg, nominal_capacity 0.187 mAh", "17 mA", ("90.9 C", "17 mA/g")),
]


@pytest.mark.parametrize("case", PLAUSIBLE, ids=[case[0] for case in PLAUSIBLE])
def test_what_laboratories_do_is_plausible(case: tuple[str, str, str, str]) -> None:
    """Rate tests, slow curves, thick and thin electrodes and small cells need nobody's confirmation."""
    _, kind, sizes, current = case
    assert seen(kind, sizes, current).sentences == ()


@pytest.mark.parametrize("case", IMPLAUSIBLE, ids=[case[0] for case in IMPLAUSIBLE])
def test_slip_is_found_and_named(case: tuple[str, str, str, str, tuple[str, ...]]) -> None:
    """A slip of a unit is told with the value in all units, the band, its source and what may be meant (faults I07)."""
    _, kind, sizes, current, words = case
    told = " ".join(seen(kind, sizes, current).sentences)
    assert [word for word in words if word not in told] == []
    assert f"Usual for {kind} is " in told


@pytest.mark.parametrize("case", PLAUSIBLE, ids=[case[0] for case in PLAUSIBLE])
@pytest.mark.parametrize(("size", "factor"), [("active_mass_mg", 1e3), ("nominal_capacity_ah", 1e3), ("area_cm2", 1e2)])
def test_size_in_a_wrong_unit_is_always_found(case: tuple[str, str, str, str], size: str, factor: float) -> None:
    """Whatever the cell: g or ug for mg, Ah or uAh for mAh and mm2 for cm2 do not pass, in either direction."""
    _, kind, sizes, current = case
    known = program(kind, sizes, current)
    value = getattr(known.cell, size)
    for wrong in () if value is None else (value * factor, value / factor):
        assert plausibility(replace(known, cell=replace(known.cell, **{size: wrong}))).findings, wrong


def test_shipped_recipes_are_plausible_with_every_shipped_cell() -> None:
    """No shipped recipe is questioned with a shipped cell that it is for."""
    judged = 0
    for recipe in shipped_recipes():
        for cell in shipped_cells():
            try:
                resolved = resolve(load_recipe(recipe), load_cell(cell))
            except ResolveError:
                continue
            judged += 1
            assert plausibility(resolved).sentences == (), (recipe, cell)
    assert judged >= 10


def test_edge_of_a_band_is_inside() -> None:
    """20 C is usual for LFP where 20.1 C is not, whatever rounding makes of the amperes."""
    rounded = DISC + "active_mass 0.247 mg, nominal_capacity 0.042 mAh"  # 20.000000000000004 C
    assert not seen("lfp", rounded, "20 C").findings
    assert not seen("lfp", LFP, "20 C").findings
    assert seen("lfp", LFP, "20.1 C").findings


def test_guesses_are_plausible_themselves() -> None:
    """What is offered for 17 mA would pass: 17 mA/g does, 17 mA/cm2 (71 C) is not offered."""
    (sentence,) = seen("lfp", LFP, "17 mA").sentences
    assert "17 mA/cm2" not in sentence
    assert not seen("lfp", LFP, "17 mA/g").findings


@pytest.mark.parametrize(
    "sizes",
    [
        "area 0.7854 cm2, active_mass 11.0 mg, nominal_capacity 0.187 mAh",
        "area 0.7854 cm2, active_mass 0.110 mg, nominal_capacity 0.187 mAh",
        "area 0.7854 cm2, active_mass 1.10 mg, nominal_capacity 1.87 mAh",
        "area 0.7854 cm2, active_mass 1.10 mg, nominal_capacity 0.0187 mAh",
        "area 7.854 cm2, active_mass 1.10 mg, nominal_capacity 0.187 mAh",
    ],
)
def test_size_wrong_by_ten_contradicts_the_others(sizes: str) -> None:
    """Of a cell whose file gives area, mass and capacity, a size that is wrong by ten is found (faults I07).

    But an area that is too small by ten: 14 mg/cm2 is what other people weigh.
    """
    assert seen("lfp", sizes, "0.1 mA").findings


def test_charge_of_a_step_is_judged_by_its_area() -> None:
    """1 mA/cm2 for 200 h strips a foil of a millimetre, as 100 mAh do: slips that no current shows."""
    (sentence,) = seen("li-li", DISC, "1 mA/cm2", "time: 200 h").sentences
    assert "1 mA/cm2 for 200 h is 200 mAh/cm2" in sentence
    assert "at most 60 mAh/cm2" in sentence
    assert "200 min" in sentence
    (charge,) = seen("li-li", DISC, "1 mA/cm2", "capacity: 100 mAh").sentences
    assert "Steps 3, 4: 100 mAh on 0.785 cm2 is 127 mAh/cm2" in charge
    assert charge.endswith("Did you mean 10 mAh?")


def test_amplitude_and_scan_rate_are_judged() -> None:
    """Ten volts of amplitude for ten millivolts, and volts a second for millivolts, are found."""
    (volts,) = seen("lfp", LFP, "0.1 C", extra="  - {step: eis, amplitude: 10 V}\n").sentences
    assert "Test 2: an eis with 10 000 mV. Usual for lfp is 0.5 to 50 mV" in volts
    assert volts.endswith("Did you mean 10 mV?")
    sweep = "  - {step: cyclic_voltammetry, low: 2.8 V, high: 4.0 V, start: 3.4 V, scan_rate: 2 V/s}\n"
    (rate,) = seen("lfp", LFP, "0.1 C", extra=sweep).sentences
    assert "2 000 mV/s" in rate
    assert "2 mV/s" in rate


def test_every_powered_step_is_told_in_all_units() -> None:
    """Equal steps share a row, a held voltage tells its limit, and a unit that the cell does not allow is None."""
    steps = seen(
        "lfp",
        LFP,
        "0.22 mA",
        extra="  - {step: constant_voltage, direction: charge, voltage: 4 V, until: {time: 1 h}}\n",
    ).steps
    assert [(step.steps, step.what) for step in steps] == [
        ("1", "charge"),
        ("2", "charge, 4 V, at most"),
        ("3", "discharge"),
    ]
    assert steps[0].specific_current_ma_per_g == pytest.approx(200)
    assert steps[0].current_density_ma_per_cm2 == pytest.approx(0.2801, rel=1e-3)
    assert steps[0].c_rate == pytest.approx(1.176, rel=1e-3)
    bare = seen("li-li", DISC, "0.2 mA/cm2")
    assert (bare.steps[0].what, bare.steps[0].c_rate) == ("contact check, charge", None)
    assert any("nominal_capacity" in reason for reason in bare.untold)


def test_c_rate_follows_from_the_mass_where_no_capacity_is_given() -> None:
    """A rate in C is told for LFP by 170 mAh/g, so a slip is found without a nominal capacity."""
    (finding,) = seen("lfp", "active_mass 1.10 mg", "17 mA").findings
    assert (finding.judged, round(finding.value, 1)) == (Judged.C_RATE, 90.9)


def test_kind_of_a_newer_cellrig_has_the_bands_of_other() -> None:
    """A program of a kind that is not known here is judged, not passed."""
    known = program("other", NMC, "150 mA")
    unknown = replace(known, cell=replace(known.cell, kind="na-na"))
    assert plausibility(unknown).findings


def test_bands_of_a_bench_stand_in_the_place_of_the_usual() -> None:
    """A laboratory that drives Li/Li at 40 mA/cm2 says so once, with its reason; other kinds keep their bands."""
    own = {"li-li": {Judged.CURRENT_DENSITY: UsualBand(0.005, 50.0, "ramp tests of this laboratory")}}
    bands = replaced(BANDS, own)  # type: ignore[arg-type]  # a cell's kind is a word
    assert not plausibility(program("li-li", DISC, "40 mA/cm2"), bands).findings
    assert plausibility(program("li-li", DISC, "60 mA/cm2"), bands).findings
    assert plausibility(program("li-cu", "area 1.13 cm2", "40 mA/cm2"), bands).findings


def test_rests_are_named_beside_the_table_of_currents() -> None:
    """They pass no current and have no row: which steps they are is said."""
    assert plausibility(resolve(load_recipe("lfp-200mA-g"), load_cell("bare-lfp"))).rests == (
        "step 1 is a rest, without a current",
    )
    assert seen("lfp", LFP, "0.1 C").rests == ()


def test_every_band_has_a_source_and_its_ends_in_order() -> None:
    """No band without a reason: a technician is told where the number comes from."""
    for kind, bands in BANDS.items():
        for judged, band in bands.items():
            assert 0 <= band.low < band.high, (kind, judged)
            assert len(band.source) > 20
            assert not band.source.endswith("."), "the sentence around it ends with one"


def test_page_lists_every_band() -> None:
    """The table of docs/recipes.md and the bands say the same."""
    page = (Path(__file__).parent.parent / "docs" / "recipes.md").read_text(encoding="utf-8")
    rows = {judged: re.search(rf"^\| `{judged.value}`[^|]*\|(.+)\|$", page, re.MULTILINE) for judged in Judged}
    for judged, row in rows.items():
        assert row is not None, judged
        said = [cell.strip() for cell in row[1].split("|")]
        assert said == [_shown(kind.get(judged)) for kind in BANDS.values()], judged


def _shown(band: UsualBand | None) -> str:
    if band is None:
        return ""
    return f"at most {plain(band.high)}" if band.low <= 0 else f"{plain(band.low)} to {plain(band.high)}"


_EMPTIED = """
name: emptied
title: emptied
for: [lfp]
record: {every: 10 s}
steps:
  - {step: constant_current, direction: charge, current: 0.5 C, until: {voltage: 4.0 V}}
  - {step: constant_current, direction: discharge, current: 0.5 C, until: {voltage: 2.8 V}}
"""
_HELD = "- {step: cc_cv, direction: discharge, current: 0.5 C, voltage: 2.9 V, until: {time: 2 h}}"


@pytest.mark.parametrize(
    ("steps", "is_noted"),
    [
        (_HELD, True),
        (_HELD.replace("2.9 V", "2.75 V"), False),
        (f"- {{step: rest, until: {{time: 1 h}}}}\n  {_HELD}", False),
    ],
)
def test_hold_that_begins_past_its_voltage_is_noted(steps: str, is_noted: bool) -> None:
    """A discharge that holds 2.9 V directly behind one to 2.8 V waits for its time, and passes nothing."""
    found = plausibility(resolve(parse_recipe(f"{_EMPTIED}  {steps}\n"), load_cell("bare-lfp")))
    told = "Step 3: a discharge that holds 2.9 V, after step 2 has discharged to 2.8 V: it passes no current until"
    assert [note.startswith(told) for note in found.notes] == [True] * is_noted
    assert not found.sentences


@pytest.mark.parametrize(("per_gram", "is_noted"), [(148, True), (150, False), (160, False), (178, False), (180, True)])
def test_capacity_of_a_good_cell_is_no_contradiction_of_its_mass(per_gram: int, is_noted: bool) -> None:
    """LFP gives 150 to 165 mAh/g of the 170 of theory: a capacity that was measured is nothing to look at."""
    sizes = f"active_mass 2 mg, nominal_capacity {per_gram} mAh/g, area 0.7854 cm2"
    notes = seen("lfp", sizes, "0.1 mA").notes
    assert any("in theory" in note for note in notes) == is_noted
