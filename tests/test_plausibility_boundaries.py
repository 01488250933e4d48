"""The very edges of what is plausible: how far outside, in which of several bounds, and what is listed."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from protocols.current_sign import Direction
from protocols.plausibility import (
    GROSS_FACTOR,
    ImplausibleValue,
    Plausibility,
    cell_doubts,
    cell_notes,
    gross,
    plausibility,
)
from protocols.program import (
    CcCv,
    Ceiling,
    CellFacts,
    ConstantCurrent,
    ConstantVoltage,
    Loop,
    MeasurementSegment,
    Program,
    Step,
    Until,
    VoltageBand,
)
from protocols.techniques import CyclicVoltammetry, Impedance
from protocols.usual_bands import Judged, UsualBand
from tests.sound_program import BOUNDS, CHARGE, DISCHARGE, REST, program_of

LI_LI = CellFacts("mine", "li-li", area_cm2=2.0)
LFP = CellFacts("mine", "lfp", area_cm2=0.7854, active_mass_mg=1.1, nominal_capacity_ah=1.87e-4)
HELD = ConstantVoltage(Direction.CHARGE, 4.0, Until(time_s=60.0), None, BOUNDS)


def outside(value: float, low: float, high: float) -> ImplausibleValue:
    """Give a value outside of a band."""
    return ImplausibleValue("Step 1", Judged.CURRENT, value, UsualBand(low, high, "a source"), f"{value!r} mA")


@pytest.mark.parametrize(
    ("value", "low", "high", "times"),
    [
        (30.0, 1.0, 10.0, 3.0),
        (0.25, 1.0, 10.0, 4.0),
        (1.0, 0.0, 0.5, 2.0),
        (0.5, 2.0, 10.0, 4.0),
        (0.0, 0.5, 10.0, inf),
        (0.0, 0.0, 10.0, 0.0),
        (5.0, 0.0, 0.0, inf),
    ],
)
def test_value_lies_so_many_times_above_or_below_its_band(value: float, low: float, high: float, times: float) -> None:
    """By the nearer end; nothing at all lies infinitely far below a band that begins above it."""
    assert outside(value, low, high).times_outside == times


@pytest.mark.parametrize(
    ("part", "is_gross"), [(1.0, True), (1 - 1e-9, True), (1 - 1.5e-9, False), (1 - 1e-6, False), (1.1, True)]
)
def test_gross_begins_at_the_factor_but_for_rounding(part: float, is_gross: bool) -> None:
    """What is ten times wrong needs two persons, whatever rounding made of its last digits."""
    finding = outside(GROSS_FACTOR * part, 0.0, 1.0)
    assert gross(Plausibility((), (finding,), ())) == ((finding.sentence,) if is_gross else ())


def li_li(*steps: Step) -> Program:
    """Give a program of steps for a Li/Li cell of 2 cm2."""
    return replace(program_of(*steps, kind="li-li"), cell=LI_LI)


def plated(mah_per_cm2: float | None, hours: float | None = None, current_a: float = 0.001) -> ConstantCurrent:
    """Give a step that sets so much charge per area, or a time, or both."""
    charge_ah = None if mah_per_cm2 is None else mah_per_cm2 * 2.0 / 1000
    return ConstantCurrent(current_a, Until(None if hours is None else hours * 3600, capacity_ah=charge_ah), BOUNDS)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (plated(60.0), None),
        (plated(61.0), "Step 1: 122 mAh on 2 cm2 is 61 mAh/cm2. "),
        (plated(None, 120.0), None),
        (plated(None, 121.0), "Step 1: 0.5 mA/cm2 for 121 h is 60.5 mAh/cm2. "),
        # The end that comes first is the charge that passes.
        (plated(1.0, 500.0), None),
        (plated(500.0, 1.0), None),
        (plated(100.0, 500.0), "Step 1: 200 mAh on 2 cm2 is 100 mAh/cm2. "),
        (plated(500.0, 200.0), "Step 1: 0.5 mA/cm2 for 200 h is 100 mAh/cm2. "),
        # Slips of ten, a hundred and a thousand, and minutes for hours, where the meant one is plausible.
        (plated(100.0), "Did you mean 20 mAh?"),
        (plated(1000.0), "Did you mean 20 mAh?"),
        (plated(10_000.0), "Did you mean 20 mAh?"),
        (plated(None, 7200.0), "Did you mean 7 200 min?"),
        # A step without an end by charge or time sets none, and one that holds a voltage does not tell which flows.
        (ConstantCurrent(0.001, Until(voltage_v=0.5), BOUNDS), None),
        (CcCv(0.001, 0.5, Until(time_s=3600.0, capacity_ah=1.0), BOUNDS), None),
        (CcCv(0.001, 0.5, Until(capacity_ah=1.0), BOUNDS), None),
        (replace(HELD, until=Until(time_s=1e9, capacity_ah=1.0)), None),
    ],
)
def test_charge_that_a_step_sets_is_told_from_the_end_of_its_band_on(step: Step, words: str | None) -> None:
    """At most 60 mAh/cm2 in a half-cycle, by the charge or by current and time."""
    told = " ".join(plausibility(li_li(step)).sentences)
    assert told == "" if words is None else words in told


def test_no_guess_is_offered_that_is_implausible_itself() -> None:
    """Minutes for hours would still be too much."""
    (told,) = plausibility(li_li(plated(None, 8000.0))).sentences
    assert "mean" not in told


def test_up_to_four_steps_are_listed_by_their_numbers() -> None:
    """Then they are counted; a step whose current nothing limits has a row without one."""
    assert [row.steps for row in plausibility(program_of(*[CHARGE] * 4)).steps] == ["1, 2, 3, 4"]
    for number in (5, 6):
        (row,) = plausibility(program_of(*[CHARGE] * number)).steps
        assert row.steps == f"1, 2, 3, 4 and {number - 4} more"
    (row,) = plausibility(program_of(HELD)).steps
    assert (row.what, row.current_ma, row.c_rate) == ("charge, 4 V, at most", None, None)


def test_steps_of_several_tests_are_named_behind_the_test() -> None:
    """In the table, among the rests, in doubts, and where a measurement lies between."""
    one = program_of(REST, CHARGE)
    less = replace(CHARGE, until=Until(voltage_v=3.9), ceiling=Ceiling(1e9, 1.0))
    segment = replace(one.cycling[0], steps=(REST, CHARGE, REST, less))
    two = replace(one, segments=(one.segments[0], segment))
    seen = plausibility(two)
    assert [row.steps for row in seen.steps] == ["1.2, 2.2, 2.4"]
    assert seen.rests == ("steps 1.1, 2.1, 2.3 are rests, without a current",)
    assert [doubt.partition(":")[0] for doubt in seen.doubts] == ["Step 2.4"]
    assert "step 2.2 has charged to 4 V" in seen.doubts[0]
    alone = plausibility(replace(two, segments=(segment,)))
    assert [doubt.partition(":")[0] for doubt in alone.doubts] == ["Step 4"]
    assert alone.rests == ("steps 1, 3 are rests, without a current",)


def test_step_that_ends_as_it_begins_in_some_passes_is_a_note() -> None:
    """The first pass begins with an empty cell, the second where the first has ended; nobody confirms it."""
    ends = (CHARGE, 3.0), (CHARGE, 4.0), (DISCHARGE, 3.5)
    steps = [replace(step, until=Until(voltage_v=volts)) for step, volts in ends]
    seen = plausibility(program_of(*steps, Loop(1, 2)))
    assert seen.doubts == ()
    words = "ends as it begins in some passes of its loop, where step 3 has discharged to 3.5 V."
    assert seen.notes == (f"Step 1: a charge to 3 V {words}",)


@pytest.mark.parametrize(
    ("technique", "words"),
    [
        (Impedance(amplitude_v=0.05), ""),
        (Impedance(amplitude_v=0.0505), "Tests 2, 3: an eis with 50.5 mV"),
        (Impedance(amplitude_v=5.0), "Did you mean 5 mV?"),
        (Impedance(amplitude_v=5e-6), "Did you mean 5 mV?"),
        (CyclicVoltammetry(3.4, 4.0, 2.8, 1.0), ""),
        (CyclicVoltammetry(3.4, 4.0, 2.8, 2.0), "Tests 2, 3: a cyclic voltammetry with 2 000 mV/s"),
    ],
)
def test_measurements_are_judged_by_their_bands(technique: Impedance | CyclicVoltammetry, words: str) -> None:
    """Amplitudes up to 50 mV and rates up to 1 V/s, with the tests that they are; a slip of a thousand is named."""
    program = program_of(CHARGE)
    twice = (MeasurementSegment(technique, VoltageBand(2.0, 4.3)),) * 2
    told = " ".join(plausibility(replace(program, segments=(*program.segments, *twice))).sentences)
    assert words in told if words else told == ""


def test_sizes_that_are_wrong_are_told_and_no_current_is_guessed_from_them() -> None:
    """A mass in another unit makes every rate wrong: the mass is what is asked about, once."""
    program = replace(program_of(replace(CHARGE, current_a=0.01), DISCHARGE), cell=replace(LFP, active_mass_mg=110.0))
    told = plausibility(program).sentences
    of_cell = [sentence for sentence in told if sentence.startswith("Cell")]
    assert len(of_cell) > 1
    assert ["Did you mean" in sentence for sentence in told] == [True] + [False] * (len(told) - 1)
    assert sum("mg at 170 mAh/g hold" in sentence for sentence in of_cell) == 1
    right = plausibility(replace(program, cell=LFP)).sentences
    assert [sentence for sentence in right if "Did you mean" in sentence]


@pytest.mark.parametrize(
    ("kind", "nominal_ah", "doubts"), [("lfp", 1e-3, 1), ("lfp", 1.1e-3, 0), ("lfp", None, 0), ("li-li", 1e-3, 0)]
)
def test_time_that_fills_the_cell_is_no_end_before_its_voltage(
    kind: str, nominal_ah: float | None, doubts: int
) -> None:
    """By the nominal capacity of a cell that has one full state; a Li/Li cell has none."""
    steps = replace(CHARGE, until=Until(3600.0, 4.0)), REST, replace(CHARGE, until=Until(voltage_v=3.9))
    program = replace(program_of(*steps, kind=kind), cell=CellFacts("mine", kind, nominal_capacity_ah=nominal_ah))
    assert len(plausibility(program).doubts) == doubts


def test_specific_capacity_is_judged_by_the_material_and_all_else_by_the_kind() -> None:
    """The sentence says which; of several units outside each is told once."""
    cell = CellFacts("mine", "other", 1.0, 100.0, 1.0, material="LTO")
    told = plausibility(replace(program_of(replace(CHARGE, current_a=30.0)), cell=cell)).sentences
    assert ["Usual for LTO is 70 to 180 mAh/g" in sentence for sentence in told] == [False, False, True, False]
    assert "Usual for other is 0.001 to 20 mA/cm2" in told[3]
    assert told[3].endswith("It is also outside 0.1 to 10 000 mA/g.")


def test_capacity_that_does_not_follow_from_the_mass_is_a_note() -> None:
    """It is sound where it was measured: with the program and with the cell alone, and no doubt."""
    cell = replace(LFP, nominal_capacity_ah=1e-4)
    (note,) = cell_notes(cell)
    assert plausibility(replace(program_of(CHARGE), cell=cell)).notes == (note,)
    assert (cell_notes(LFP), cell_doubts(cell)) == ((), ())


@pytest.mark.parametrize("area_cm2", [0.7854, 1.5708])
@pytest.mark.parametrize(("thickness_um", "told"), [(1180.0, True), (1170.0, False)])
def test_electrolyte_that_no_contact_check_would_pass_is_told_with_the_cell(
    area_cm2: float, thickness_um: float, told: bool
) -> None:
    """Its resistance against the window's high end, both by the area; without an area or a window none is known."""
    cell = CellFacts("mine", "li-li", area_cm2, None, None, thickness_um, 1e-4, 25.0)
    assert any("beyond what the contact check may find" in doubt for doubt in cell_doubts(cell)) == told
    assert cell_doubts(replace(cell, area_cm2=None)) == cell_doubts(replace(cell, kind="lfp")) == ()
