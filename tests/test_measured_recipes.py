"""Recipes whose values are measured while they run: how they are written, cut, bounded, proven, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import Program, load_cell, load_recipe, resolve
from protocols.channel_envelope import ChannelEnvelope, CurrentRange, problems
from protocols.errors import RecipeError, ResolveError
from protocols.expected_path import notes
from protocols.formats.exchange import export_recipe
from protocols.formats.ours import OURS
from protocols.loading import parse_recipe
from protocols.measured_amounts import AmountKey, MeasuredAmount
from protocols.program import CyclingSegment
from protocols.proof import CounterExample, Proof, prove
from protocols.recipe import Recipe

_HEAD = """\
name: mine
title: measured
for: [KIND]
record: {every: 60 s}
steps:
"""
_CHARGE = "  - {step: constant_current, direction: charge, current: C/2, until: {voltage: 4.0 V}}\n"
_REFERENCE = "  - {step: constant_current, name: ref, direction: discharge, current: C/2, until: {voltage: 2.8 V}}\n"
_AGAIN = "  - {step: constant_current, direction: charge, current: C/2 of step ref, until: {voltage: 4.0 V}}\n"
_TENTH = """\
  - {step: constant_current, direction: discharge, current: C/2,
     until: {capacity: 10 % of step ref, voltage: 2.8 V}}
"""
_ALL = _CHARGE + _REFERENCE + _AGAIN + _TENTH


def recipe(steps: str, kind: str = "lfp", more: str = "") -> Recipe:
    """Read the steps as a recipe."""
    return parse_recipe(_HEAD.replace("KIND", kind).replace("steps:", f"{more}steps:") + steps, "mine.yaml")


def program(steps: str, cell: str = "coated-lfp", kind: str = "lfp", more: str = "") -> Program:
    """Resolve the steps for a shipped cell."""
    return resolve(recipe(steps, kind, more), load_cell(cell))


def amounts(of: Program) -> list[tuple[int, MeasuredAmount]]:
    """Give the measured values of a program with the numbers of their segments."""
    return [(n, one) for n, segment in enumerate(of.cycling, 1) for one in segment.measured]


def test_value_is_expected_at_the_nominal_capacity_and_bounded_around_it() -> None:
    """The program foretells with what is expected; the range is half to five quarters, or the recipe's own."""
    found = amounts(program(_ALL))
    assert [(n, one.key, one.of_segment, one.of_step) for n, one in found] == [
        (2, AmountKey.CURRENT, 0, 2),
        (2, AmountKey.CAPACITY, 0, 2),
    ]
    nominal_ah = load_cell("coated-lfp").facts().nominal_capacity_ah or 0.0
    current, capacity = (one for _, one in found)
    assert (current.low, current.high) == pytest.approx((0.25 * nominal_ah, 0.625 * nominal_ah))
    assert (capacity.low, capacity.high) == pytest.approx((0.05 * nominal_ah, 0.125 * nominal_ah))
    narrow = amounts(program(_ALL, more="measured: {at_least: 80 %, at_most: 100 %}\n"))
    assert narrow[0][1].low == pytest.approx(0.4 * nominal_ah)


def test_taper_that_is_not_below_the_least_current_is_told_with_that_current() -> None:
    """What is refused is half of the expected rate, and the sentence says that one."""
    steps = (
        _ALL
        + "  - {step: cc_cv, direction: charge, current: C/15 of step ref, voltage: 3.8 V, until: {current: C/20}}\n"
    )
    with pytest.raises(ResolveError, match=r"ends at 0\.00935 mA, which is not below its 0\.00623"):
        program(steps)


def test_notes_say_which_part_of_what_is_expected() -> None:
    """A technician reads the share and the rate as they are written, and where the run is held."""
    said = notes(program(_ALL), 0.0)
    assert any("a charge of 0.0187 mAh is expected: 10 % of the charge of step 2 of segment 1" in one for one in said)
    assert any("0.5 C of the charge" in one and "the run is held" in one for one in said)


def test_range_that_is_the_usual_one_leaves_no_trace_in_the_hash() -> None:
    """Recipes of before have no such key: their hashes hold."""
    assert recipe(_ALL, more="measured: {at_least: 50 %, at_most: 125 %}\n").sha256 == recipe(_ALL).sha256
    assert '"measured":' not in recipe(_CHARGE).to_json()


# What measures is over before the loop: the loop stays the tester's.
_LOOP = """\
  - step: repeat
    times: 5
    steps:
      - step: constant_current
        direction: discharge
        current: C/2
        until: {capacity: 10 % of step ref, voltage: 2.8 V}
"""
# Measured anew in each pass: written out, and cut before each step that asks.
_IN_A_LOOP = """\
  - step: repeat
    times: 3
    steps:
      - {step: constant_current, name: up, direction: charge, current: C/2, until: {voltage: 4.0 V}}
      - step: constant_current
        direction: discharge
        current: C/2
        until: {capacity: 50 % of the step before, voltage: 2.8 V}
"""
_BY_CYCLE = """\
  - {step: constant_current, direction: charge, current: C/2, until: {capacity: 10 % of cycle 1, voltage: 4.0 V}}
"""
_CUTS = {
    "in a row": (_ALL, [2, 2]),
    "loop behind": (_CHARGE + _REFERENCE + _AGAIN + _LOOP, [2, 3]),
    "in a loop": (_IN_A_LOOP, [1, 2, 2, 1]),
    "by cycle": (_CHARGE + _REFERENCE + _BY_CYCLE, [2, 1]),
}


@pytest.mark.parametrize("name", _CUTS)
def test_program_is_cut_where_a_value_is_measured_and_nowhere_else(name: str) -> None:
    """A value is known when the program of its step is written: no earlier cut, and loops stay whole where they may."""
    steps, sizes = _CUTS[name]
    assert [len(segment.steps) for segment in program(steps).cycling] == sizes


def test_passes_that_measure_anew_have_one_range_and_share_their_steps() -> None:
    """What differs is by which step each is measured, so that a loop of a thousand passes is proven once."""
    found = [it for it in program(_IN_A_LOOP.replace("times: 3", "times: 30")).cycling if len(it.steps) == 2]
    assert len(found) == 29
    assert len({it.measured_ranges for it in found}) == len({id(it.steps) for it in found}) == 1
    assert len({it.measured for it in found}) == 29


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["lfp-hppc-measured", "mine"]))
def test_proof_holds_whatever_is_measured(current: float, capacity: float, name: str) -> None:
    """With any values of the ranges the program is proven, and its bounds lie inside those told before the run."""
    whole = resolve(load_recipe(name), load_cell("coated-lfp")) if name != "mine" else program(_ALL)
    part = {AmountKey.CURRENT: current, AmountKey.CAPACITY: capacity}

    def measured(segment: CyclingSegment) -> CyclingSegment:
        return segment.with_measured({one: one.low + part[one.key] * (one.high - one.low) for one in segment.measured})

    filled = tuple(measured(it) if isinstance(it, CyclingSegment) else it for it in whole.segments)
    told, true = prove(whole), prove(replace(whole, segments=filled))
    assert isinstance(told, Proof), told
    assert isinstance(true, Proof), true
    assert true.longest_s <= told.longest_s * (1 + 1e-9)
    assert true.shortest_s >= told.shortest_s * (1 - 1e-9)
    assert true.charge_ah <= told.charge_ah * (1 + 1e-9)
    assert true.largest_current_a <= told.largest_current_a * (1 + 1e-9)
    assert told.net_charge_ah[0] - 1e-12 <= true.net_charge_ah[0]
    assert true.net_charge_ah[1] <= told.net_charge_ah[1] + 1e-12


_COPPER = """\
limits:
  host: {low: -0.5 V, high: 3.3 V}
  tester: {low: -0.6 V, high: 3.4 V}
  absolute: {low: -1.0 V, high: 3.5 V}
check_block: false
"""


def test_strip_of_a_measured_share_needs_an_end_voltage_where_it_may_take_more_than_is_plated() -> None:
    """Of lithium on copper 80 % of what was plated is there whatever is measured; 99 % may be more than the least."""
    steps = """\
  - {step: constant_current, name: plate, direction: discharge, current: 0.5 mA/cm2, until: {capacity: 1 mAh/cm2}}
  - {step: constant_current, direction: charge, current: 0.5 mA/cm2, until: {capacity: PART % of step plate}}
"""
    few, many = (program(steps.replace("PART", part), "bare-li-cu", "li-cu", _COPPER) for part in ("80", "99"))
    assert isinstance(prove(few), Proof)
    found = prove(many)
    assert isinstance(found, CounterExample)
    assert "without a voltage that ends it" in str(found)


def test_channel_is_asked_for_the_largest_and_the_least_value() -> None:
    """A range that the channel does not reach with the largest current refuses, though it reaches the expected one."""
    whole = program(_ALL)
    (_, current), _ = amounts(whole)
    expected = load_cell("coated-lfp").facts().nominal_capacity_ah or 0.0
    reach = 1.1 * max(expected / 2, 1e-9)
    envelope = ChannelEnvelope(-5.0, 5.0, (CurrentRange(1e-7, reach),))
    assert current.high > reach
    assert any("Step 1" in reason for reason in problems(whole, envelope))


_TEN = "capacity: 10 % of step ref"
_FIRST = "direction: charge, current: C/2, until"
_OWN = "current: C/2, until: {voltage: 2.8 V}"
_NAMED = "  - {step: constant_current, name: ref,"
_RESTS = "  - {step: rest, name: ref, until: {time: 1 h}}\n  - {step: constant_current,"
_HOLD = "  - {step: constant_voltage, direction: charge, voltage: 4.0 V, until: {time: 1 h}}\n"
_RULE = "record: {every: 60 s, on_current_change: C/5 of step ref}"
SLIPS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "a name of two words": (_TEN, "capacity: 10 % of step the check", ("such as '10 % of step NAME', a name without",)),
    "no word step": (_TEN, "capacity: 10 % of ref", ("'10 % of step ref'",)),
    "capacity of": (_TEN, "capacity: 10 % of capacity of step ref", ("'10 % of step ref'",)),
    "a rate for a charge": (_TEN, "capacity: C/10 of step ref", ("'80 % of step ref'",)),
    "a share for a current": ("C/2 of step ref", "50 % of step ref", ("'C/3 of step ref'",)),
    "milliamperes": ("C/2 of step ref", "1 mA of step ref", ("'C/3 of step ref'",)),
    "no such step": (_TEN, "capacity: 10 % of step reference", ("a name that no step has", "there are: ref")),
    "no percent": (_TEN, "capacity: 0.1 of step ref", ("'80 % of step ref'",)),
    "nothing": (_TEN, "capacity: 0 % of step ref", ("a part above zero",)),
    "itself": (_OWN, "current: C/2 of step ref, until: {voltage: 2.8 V}", ("itself",)),
    "later": (_FIRST, "direction: charge, current: C/2 of step ref, until", ("runs later",)),
    "cycle that is not over": (_TEN, "capacity: 10 % of cycle 2", ("cycle 2", "not over")),
    "cycle that never is": (_TEN, "capacity: 10 % of cycle 9", ("cycle 9", "not over")),
    "more than the cell holds": (_TEN, "capacity: 300 % of step ref", ("more than 1.2 times",)),
    "by a rest": (_NAMED, _RESTS, ("is a rest",)),
    "first of all": (_FIRST, "direction: charge, current: C/2 of the step before, until", ("no step with current",)),
    "held behind it": (_TENTH, _HOLD, ("current_limit",)),
    "a range beside it": ("steps:", "measured: {at_least: 110 %, at_most: 120 %}\nsteps:", ("around 100 %",)),
    "a rule of records": ("record: {every: 60 s}", _RULE, ("known before the run",)),
}


@pytest.mark.parametrize("name", SLIPS)
def test_slip_is_told_with_what_to_write(name: str) -> None:
    """A technician reads what was seen and what to write in its place."""
    meant, typed, words = SLIPS[name]
    text = _HEAD.replace("KIND", "lfp") + _ALL
    assert meant in text
    with pytest.raises((RecipeError, ResolveError)) as refused:
        resolve(parse_recipe(text.replace(meant, typed, 1), "mine.yaml"), load_cell("coated-lfp"))
    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_cell_whose_cycles_are_set_is_told_to_name_a_step() -> None:
    """A cycle of a Li/Li cell passes what its steps set: a share of it is that of a step."""
    steps = """\
  - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 1 h, voltage: 0.5 V}}
  - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 1 h, voltage: -0.5 V}}
  - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {capacity: 50 % of cycle 1, voltage: 0.5 V}}
"""
    with pytest.raises(ResolveError, match="'50 % of step NAME'"):
        program(steps, "bare-li-li", "li-li")


def test_block_takes_measured_values_by_name_and_not_by_the_step_before() -> None:
    """HPPC at tenths of what was measured is plain steps with the same words; inside a block no step is before."""
    plain = load_recipe("lfp-hppc-measured").to_json()
    assert "10 % of step reference" in plain
    assert "C/3 of step reference" in plain
    block = (
        "  - {step: hppc, current: 1 C, remove_current: C/2, low: 2.8 V, high: 4.0 V, remove: 9 % of the step before}\n"
    )
    with pytest.raises(RecipeError, match="9 % of step NAME"):
        recipe(_CHARGE + block)


@pytest.mark.parametrize("name", [name for name, one in OURS.items() if one.write is not None])
def test_export_says_which_values_are_measured(name: str) -> None:
    """A file has the expected values, and each is told as lost, at its step."""
    lost = export_recipe(recipe(_ALL), load_cell("coated-lfp"), OURS[name], 1.7e9).lost
    told = [str(note) for note in lost if "is measured by cellrig" in str(note)]
    assert len(told) == 2
    assert "C/2 of step ref" in told[0]
    assert "10 % of step ref" in told[1]
