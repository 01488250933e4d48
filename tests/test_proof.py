"""The proof of a program: its bounds where it holds, and the story of how it fails where it does not."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest

from protocols.branches import Branch, HostEnd, Measure, StepEnd, Watched
from protocols.errors import ResolveError
from protocols.loading import load_cell, load_recipe, shipped_cells, shipped_recipes
from protocols.program import (
    Ceiling,
    CellFacts,
    ConstantCurrent,
    ConstantVoltage,
    CyclingSegment,
    Guards,
    Limits,
    Loop,
    MeasurementSegment,
    Program,
    Rest,
    Step,
    Until,
    VoltageBand,
)
from protocols.proof import CounterExample, Proof, Rule, prove
from protocols.resolve import resolve
from protocols.techniques import CyclicVoltammetry, Impedance
from tests.command_line import cellrig, refused
from tests.sound_program import CHARGE, DISCHARGE, LI_LI_LIMITS, LIMITS, RECORD, REST

LFP = CellFacts("mine", "lfp", nominal_capacity_ah=0.001)
LI = CellFacts("mine", "li-li", area_cm2=1.0)
CU = CellFacts("mine", "li-cu", area_cm2=1.0)
CU_LIMITS = replace(LIMITS, host=VoltageBand(-0.5, 3.3), tester=VoltageBand(-0.6, 3.4), absolute=VoltageBand(-1, 3.5))
UP = ConstantCurrent(0.001, Until(time_s=3600.0, voltage_v=0.5))
DOWN = ConstantCurrent(-0.001, Until(time_s=3600.0, voltage_v=-0.5))
PLATE = ConstantCurrent(-0.001, Until(capacity_ah=0.001, voltage_v=-0.4), Ceiling(time_s=7200.0))
STRIP = ConstantCurrent(0.001, Until(voltage_v=1.0, time_s=7200.0))
PULSE = ConstantCurrent(-0.001, Until(time_s=180.0))


def made(*steps: Step, cell: CellFacts = LFP, limits: Limits = LIMITS) -> Program:
    """Give a program of one test."""
    return Program("mine", "0" * 64, cell, (CyclingSegment(steps, RECORD, limits),))


def spoiled(cell: CellFacts, limits: Limits, *steps: Step) -> CounterExample:
    """Give the counter-example of a program."""
    found = prove(made(*steps, cell=cell, limits=limits))
    assert isinstance(found, CounterExample), found
    return found


@pytest.mark.parametrize("recipe", shipped_recipes())
def test_every_shipped_recipe_is_proven_for_every_cell_it_fits(recipe: str) -> None:
    """A recipe that people are given has a proof, and its bounds are finite."""
    proven = 0
    for cell in map(load_cell, shipped_cells()):
        try:
            program = resolve(load_recipe(recipe), cell)
        except ResolveError:
            continue
        proof = prove(program, cell)
        assert isinstance(proof, Proof), proof
        assert 0 < proof.shortest_s <= proof.longest_s < inf
        proven += 1
    assert proven


def test_bounds_of_a_small_program_are_what_one_counts_by_hand() -> None:
    """A rest of a minute, and three cycles of an hour each way that a voltage may end at once."""
    proof = prove(made(REST, UP, DOWN, Loop(2, 3), cell=LI, limits=LI_LI_LIMITS))
    assert isinstance(proof, Proof)
    assert (proof.steps, proof.shortest_s, proof.longest_s) == (7, 60.0, 60.0 + 6 * 3600)
    assert (proof.step_charge_ah, proof.charge_ah, proof.net_charge_ah) == (0.001, 0.006, (-0.003, 0.003))
    assert (proof.largest_current_a, proof.voltage) == (0.001, VoltageBand(-0.55, 0.55))


def test_a_step_that_only_its_time_ends_has_an_exact_charge() -> None:
    """What neither voltage nor current can end early passes at least what it passes at most."""
    proof = prove(made(replace(UP, until=Until(time_s=1800.0)), DOWN, cell=LI, limits=LI_LI_LIMITS))
    assert isinstance(proof, Proof)
    assert proof.shortest_s == 1800.0
    assert proof.net_charge_ah == (-0.0005, 0.0005)


_ENDLESS = replace(CHARGE, ceiling=Ceiling(capacity_ah=None, time_s=None))
_HOLD = ConstantVoltage(CHARGE.direction, 4.0, Until(time_s=60.0, current_a=0.0005), 0.001)
_HELD = ConstantVoltage(CHARGE.direction, 0.2, Until(time_s=36_000.0), 0.001)
_SET_PLATE = replace(PLATE, until=Until(capacity_ah=0.001))
_SET_STRIP = replace(STRIP, until=Until(capacity_ah=0.001))
_LONG_HOLD = ConstantVoltage(CHARGE.direction, 0.01, Until(time_s=72_000.0), 0.005)
_CASES: dict[str, tuple[Rule, CellFacts, Limits, tuple[Step, ...], str]] = {
    "current of zero": (Rule.VALUES, LFP, LIMITS, (replace(CHARGE, current_a=0.0),), "a rest"),
    "time of zero": (Rule.VALUES, LI, LI_LI_LIMITS, (replace(UP, until=Until(time_s=0.0)),), "a time of 0"),
    "time below zero": (Rule.VALUES, LFP, LIMITS, (Rest(Until(time_s=-60.0)),), "-60"),
    "charge below zero": (Rule.VALUES, LFP, LIMITS, (replace(CHARGE, until=Until(capacity_ah=-1e-4)),), "capacity"),
    "current that is no number": (Rule.VALUES, LFP, LIMITS, (replace(CHARGE, current_a=nan),), "nan"),
    "voltage without end": (Rule.VALUES, LFP, LIMITS, (replace(CHARGE, until=Until(voltage_v=inf)),), "inf"),
    "taper above the current": (
        Rule.VALUES,
        LFP,
        LIMITS,
        (replace(_HOLD, until=Until(time_s=60.0, current_a=0.002)),),
        "not below the step's 1 mA",
    ),
    "no end": (Rule.ENDS, LFP, LIMITS, (_ENDLESS,), "for ever"),
    "rest without a time": (Rule.ENDS, LFP, LIMITS, (Rest(Until()),), "for ever"),
    "held without a limit": (Rule.CURRENT, LFP, LIMITS, (replace(_HOLD, current_limit_a=None),), "no bound"),
    "current beyond the host": (Rule.CURRENT, LFP, LIMITS, (replace(CHARGE, current_a=0.00106),), "1.05 mA"),
    "target beyond the host": (Rule.VOLTAGE, LFP, LIMITS, (replace(CHARGE, until=Until(voltage_v=4.1)),), "4.1 V"),
    "charge without a voltage": (
        Rule.VOLTAGE,
        LFP,
        LIMITS,
        (replace(CHARGE, until=Until(time_s=1800.0)),),
        "no voltage to end them",
    ),
    "pulses that add up": (Rule.VOLTAGE, LFP, LIMITS, (PULSE, REST, Loop(1, 20)), "In pass"),
    "more than the cell": (
        Rule.CHARGE,
        LFP,
        LIMITS,
        (replace(CHARGE, ceiling=Ceiling(time_s=9000.0, capacity_ah=0.0025)),),
        "1.2 times the cell",
    ),
    "discharge that ends as it begins": (
        Rule.ORDER,
        LFP,
        LIMITS,
        (DISCHARGE, replace(DISCHARGE, until=Until(voltage_v=3.5))),
        "every time",
    ),
    "wrong side of zero": (Rule.ORDER, LI, LI_LI_LIMITS, (replace(UP, until=Until(3600.0, -0.3)),), "rests at 0 V"),
    "loop that stands still": (Rule.LOOPS, LFP, LIMITS, (CHARGE, Loop(1, 50)), "does nothing"),
    "loop to nowhere": (Rule.WAY, LFP, LIMITS, (CHARGE, Loop(5, 3)), "loop to 5"),
    "loop of no pass": (Rule.WAY, LFP, LIMITS, (CHARGE, DISCHARGE, Loop(1, 0)), "0 times"),
    "no step": (Rule.WAY, LFP, LIMITS, (), "nothing to run"),
    "lithium all on one side": (Rule.CHARGE, LI, LI_LI_LIMITS, (UP, UP, Loop(1, 50)), "bare"),
    "lithium all on one side by a held voltage": (Rule.CHARGE, LI, LI_LI_LIMITS, (_HELD, Loop(1, 10)), "bare"),
    "copper stripped of what a held voltage may not have plated": (
        Rule.VOLTAGE,
        CU,
        CU_LIMITS,
        (replace(_HELD, direction=PLATE.direction, voltage_v=-0.1), _SET_STRIP),
        "leave 0 mAh on the copper",
    ),
    "copper stripped of what a voltage may not have let plate": (
        Rule.VOLTAGE,
        CU,
        CU_LIMITS,
        (PLATE, _SET_STRIP),
        "leave 0 mAh on the copper",
    ),
    "copper stripped too far": (
        Rule.VOLTAGE,
        CU,
        CU_LIMITS,
        (PLATE, replace(STRIP, until=Until(time_s=7200.0))),
        "give it an end voltage",
    ),
    "copper plated too far": (Rule.CHARGE, CU, CU_LIMITS, (PLATE, Loop(1, 100)), "counter electrode"),
    "host outside tester": (
        Rule.LAYERS,
        LFP,
        replace(LIMITS, host=VoltageBand(2.7, 4.25)),
        (CHARGE, DISCHARGE),
        "tester",
    ),
    "limits the wrong way": (Rule.LAYERS, LFP, replace(LIMITS, host=VoltageBand(4.1, 2.7)), (CHARGE,), "No voltage"),
    "current limits the wrong way": (Rule.LAYERS, LFP, replace(LIMITS, host_current_a=0.002), (CHARGE,), "above"),
    "wide limit of current": (
        Rule.LAYERS,
        LFP,
        replace(LIMITS, absolute_current_a=0.05),
        (CHARGE, DISCHARGE),
        "unseen",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _CASES)
def test_a_program_that_could_go_wrong_is_told_with_its_story(name: str) -> None:
    """Each rule has a program that breaks it, and the counter-example names the step and what happens."""
    rule, cell, limits, steps, words = _CASES[name]
    found = spoiled(cell, limits, *steps)
    assert found.rule is rule, found
    assert words in str(found)
    assert found.as_json()["story"]


def test_sound_neighbours_of_those_programs_are_proven() -> None:
    """The proof does not refuse what is sound: pulses in a window, strips of what was plated, loops with a rest."""
    sound = [
        made(CHARGE, DISCHARGE, Loop(1, 50)),
        made(PULSE, REST, DISCHARGE, CHARGE, Loop(1, 20)),
        made(CHARGE, REST, Loop(1, 50)),
        made(UP, Loop(1, 50), cell=LI, limits=LI_LI_LIMITS),
        made(UP, DOWN, Loop(1, 1000), cell=LI, limits=LI_LI_LIMITS),
        made(PLATE, STRIP, Loop(1, 50), cell=CU, limits=CU_LIMITS),
        made(_SET_PLATE, _SET_STRIP, Loop(1, 9), STRIP, cell=CU, limits=CU_LIMITS),
    ]
    assert [str(found) for found in map(prove, sound) if isinstance(found, CounterExample)] == []


def test_charge_between_pulses_counts_in_the_last_pass_of_nested_loops() -> None:
    """Pulses drift by the same in each pass: the proof finds the pass that is one too many, and not the one before."""
    up = ConstantCurrent(0.001, Until(time_s=90.0))
    inner = (PULSE, up, Loop(1, 2))  # each pass of the outer loop: 2 x (0.05 - 0.025) = 0.05 mAh
    assert isinstance(prove(made(*inner, Loop(1, 1))), Proof)
    found = spoiled(LFP, LIMITS, *inner, Loop(1, 3))
    assert found.rule is Rule.VOLTAGE
    assert "In pass" in str(found)


@pytest.mark.parametrize(
    ("technique", "words"),
    [
        (Impedance(low_hz=10.0, high_hz=1.0), "from a higher to a lower"),
        (Impedance(bias_v=4.5), "must stay between"),
        (CyclicVoltammetry(3.0, 4.5, 2.8, 1e-3), "4.5 V"),
    ],
)
def test_a_measurement_outside_its_window_is_no_proof(technique: Impedance | CyclicVoltammetry, words: str) -> None:
    """What the potentiostat is to do stays inside the host's limits."""
    program = made(CHARGE)
    measured = MeasurementSegment(technique, VoltageBand(2.7, 4.1))
    found = prove(replace(program, segments=(*program.segments, measured)))
    assert isinstance(found, CounterExample)
    assert found.where == "test 2"
    assert words in str(found)


def test_a_program_for_another_cell_is_no_proof() -> None:
    """The cell on the channel must be the one that the program was made for."""
    cell = load_cell("bare-lfp")
    program = resolve(load_recipe("lfp-200mA-g"), cell)
    found = prove(program, load_cell("coated-lfp"))
    assert isinstance(found, CounterExample)
    assert found.rule is Rule.WAY
    assert isinstance(prove(program, cell, longest_s=3600.0), CounterExample)


def test_recipe_check_prints_the_bounds_and_a_refused_one_its_story(tmp_path: Path) -> None:
    """A technician reads what is proven, and what goes wrong where nothing is; scripts get both as JSON."""
    told = cellrig("recipe", "check", "li-li-0.4", "--cell", "bare-li-li")
    assert "Proven: all 203 steps end, inside -0.55 to 0.55 V" in told.stdout
    assert json.loads(
        cellrig("recipe", "check", "li-li-0.4", "--cell", "bare-li-li", "--json").stdout
    )["proof"]["steps"] == 203  # fmt: skip
    recipe = tmp_path / "slip.yaml"
    text = cellrig("recipe", "show", "li-li-0.2").stdout
    recipe.write_text(re.sub(r"discharge\n(.*\n)(.*)-0\.5 V", r"charge\n\g<1>\g<2>0.5 V", text), encoding="utf-8")
    refused(cellrig("recipe", "check", recipe, "--cell", "bare-li-li"), 1, "moved from one electrode to the other")


def ways(*branches: tuple[int, Branch], tests: int = 4) -> Program:
    """Give a program of several tests, each a charge and a discharge, with branches behind some of them."""
    (segment,) = made(CHARGE, DISCHARGE).cycling
    after = dict.fromkeys(range(tests), ()) | {own: (branch,) for own, branch in branches}
    return replace(made(), segments=tuple(replace(segment, after=after[index]) for index in range(tests)))


def test_tests_that_a_run_may_pass_over_count_at_most_once_and_at_least_never() -> None:
    """A run that leaves a loop early takes less time; the bounds hold both ways through the program."""
    straight, left = prove(ways()), prove(ways((0, Branch(Measure.SHORT, to=3))))
    assert isinstance(straight, Proof)
    assert isinstance(left, Proof)
    assert left.longest_s == straight.longest_s
    fixed = ConstantCurrent(-1e-3, Until(time_s=30.0))
    program = ways((0, Branch(Measure.SHORT, to=3)))
    segments = tuple(replace(segment, steps=(fixed, CHARGE)) for segment in program.cycling)
    shortest = prove(replace(program, segments=segments))
    assert isinstance(shortest, Proof)
    assert shortest.shortest_s == 60.0


@pytest.mark.parametrize(
    ("branch", "rule", "words"),
    [
        (Branch(Measure.SHORT, to=1), Rule.WAY, "forward only"),
        (Branch(Measure.SHORT, to=5), Rule.WAY, "one of 4 tests"),
        (Branch(Measure.VOLTAGE, to=3, below=nan), Rule.VALUES, "No value"),
        (Branch(Measure.CYCLES, to=3, above=5.0, since=3), Rule.WAY, "has not been there"),
    ],
)
def test_a_branch_that_leads_nowhere_or_asks_for_nothing_is_no_proof(branch: Branch, rule: Rule, words: str) -> None:
    """Every way through a program leads forward to its end."""
    found = prove(ways((1, branch)))
    assert isinstance(found, CounterExample)
    assert (found.rule, found.where) == (rule, "test 2")
    assert words in str(found)


def test_charge_counts_on_every_way_that_leads_to_a_test() -> None:
    """A branch that passes over the step that would have met a voltage carries its pulses on to the next test."""
    pulses = replace(PULSE, until=Until(time_s=240.0))
    (segment,) = made(pulses).cycling
    met = replace(segment, steps=(CHARGE,))
    sound = replace(made(), segments=(segment, met, segment))
    assert isinstance(prove(sound), Proof)
    leaving = replace(segment, after=(Branch(Measure.SHORT, to=2),))
    found = prove(replace(sound, segments=(leaving, met, segment)))
    assert isinstance(found, CounterExample)
    assert (found.rule, found.where) == (Rule.VOLTAGE, "test 3, step 1")


def test_a_step_that_the_host_may_end_may_pass_nothing() -> None:
    """What the host watches for ends a step at any time, so that its least is nothing; a threshold of zero is none."""
    (segment,) = made(Rest(Until(time_s=3600.0)), cell=LI, limits=LI_LI_LIMITS).cycling
    ended = replace(segment, ends=(HostEnd(Watched.REST_DRIFT, 1e-3),))
    proof = prove(replace(made(cell=LI), segments=(ended,)))
    assert isinstance(proof, Proof)
    assert (proof.shortest_s, proof.longest_s) == (0.0, 3600.0)
    found = prove(replace(made(cell=LI), segments=(replace(segment, ends=(HostEnd(Watched.REST_DRIFT, 0.0),)),)))
    assert isinstance(found, CounterExample)
    assert found.rule is Rule.VALUES


def test_copper_bears_less_where_the_host_may_end_the_plating() -> None:
    """A plating that a collapse may end leaves nothing that a strip without a voltage can count on."""
    (plated,) = made(_SET_PLATE, cell=CU, limits=CU_LIMITS).cycling
    stripped = replace(plated, steps=(_SET_STRIP,))
    program = replace(made(cell=CU), segments=(plated, stripped))
    assert isinstance(prove(program), Proof)
    ended = replace(plated, ends=(HostEnd(Watched.COLLAPSE, 0.3, 600.0),))
    found = prove(replace(program, segments=(ended, stripped)))
    assert isinstance(found, CounterExample)
    assert (found.rule, found.where) == (Rule.VOLTAGE, "test 2, step 1")


def test_strip_counts_on_a_plating_whose_voltage_leads_elsewhere_and_on_no_other() -> None:
    """Where a run goes on behind a plating only if its voltage has not ended it, the charge is there to be stripped."""
    (plated,) = made(PLATE, cell=CU, limits=CU_LIMITS).cycling
    stripped = replace(plated, steps=(_SET_STRIP,))
    met = Branch(Measure.END_REASON, to=2, reason=StepEnd.VOLTAGE)
    ends = replace(plated, after=(met,))
    assert isinstance(prove(replace(made(cell=CU), segments=(ends, stripped))), Proof)
    watched = replace(ends, ends=(HostEnd(Watched.COLLAPSE, 0.3, 600.0),))
    leads_there = replace(plated, after=(replace(met, to=1),))
    comes_there = replace(plated, after=(replace(met, to=2),)), replace(plated, steps=(STRIP,)), stripped
    for segments in (watched, stripped), (leads_there, stripped), comes_there:
        found = prove(replace(made(cell=CU), segments=segments))
        assert isinstance(found, CounterExample)
        assert (found.rule, found.where) == (Rule.VOLTAGE, f"test {len(segments)}, step 1")


def decided(*passes: tuple[Step, ...], cell: CellFacts = LFP, limits: Limits = LIMITS) -> Program:
    """Give a program with a test for each pass, behind each of which the run may be over."""
    (segment,) = made(CHARGE, cell=cell, limits=limits).cycling
    after = (Branch(Measure.CAPACITY, to=len(passes), above=1.0),)
    return replace(made(cell=cell), segments=tuple(replace(segment, steps=one, after=after) for one in passes))


_UP_AGAIN = replace(CHARGE, until=Until(voltage_v=3.9))


@pytest.mark.parametrize(
    ("passes", "where"),
    [
        ([(CHARGE,)] * 3, "test 2, step 1"),
        ([(REST, CHARGE), (CHARGE, DISCHARGE)], "test 2, step 1"),
        ([(_UP_AGAIN,), (CHARGE,), (_UP_AGAIN,)], "test 3, step 1"),
        ([(CHARGE, DISCHARGE)] * 3, ""),
        ([(CHARGE, REST)] * 3, ""),
        ([(replace(CHARGE, until=Until(time_s=360.0, voltage_v=4.0)),)] * 3, ""),
    ],
)
def test_loop_that_only_a_decision_ends_moves_its_cell(passes: list[tuple[Step, ...]], where: str) -> None:
    """The same charge with nothing between does nothing from the second pass on, decided or not."""
    found = prove(decided(*passes))
    assert isinstance(found, CounterExample) == bool(where), found
    if isinstance(found, CounterExample):
        assert (found.rule, found.where) == (Rule.LOOPS, where)
        assert "ends as it begins" in str(found)


def test_same_charge_is_no_flaw_where_its_voltage_or_the_host_leads_away() -> None:
    """A charge whose voltage ends the loop has no second pass; one that the host has ended is not at its voltage."""
    segments = decided((CHARGE,), (CHARGE,)).cycling
    away = (Branch(Measure.END_REASON, to=2, reason=StepEnd.VOLTAGE),)
    watched = (HostEnd(Watched.COLLAPSE, 0.3, 600.0),)
    for first in replace(segments[0], after=away), replace(segments[0], ends=watched):
        assert isinstance(prove(replace(made(), segments=(first, segments[1]))), Proof)


def test_held_voltage_moves_what_a_sound_cell_lets_through() -> None:
    """A chronoamperometry at 10 mV is no plating at its limit of current: through 10 ohm it passes 1 mA at most."""
    (segment,) = made(_LONG_HOLD, cell=LI, limits=_WIDE).cycling
    assert isinstance(prove(replace(made(cell=LI), segments=(segment,))), CounterExample)
    checked = replace(segment, guards=Guards(resistance_low_ohm=10.0, resistance_high_ohm=1500.0))
    proof = prove(replace(made(cell=LI), segments=(checked,)))
    assert isinstance(proof, Proof)
    assert proof.step_charge_ah == pytest.approx(0.1)
    found = prove(replace(made(cell=LI), segments=(checked,) * 4))
    assert isinstance(found, CounterExample)
    assert found.where == "test 4, step 1"
    assert "1 mA through 10 ohm" in str(found)
    assert "a lower limit of current" in str(found)


_WIDE = replace(LI_LI_LIMITS, host_current_a=5.25e-3, tester_current_a=5.5e-3, absolute_current_a=6e-3)
