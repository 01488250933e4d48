"""Every reason why a channel cannot run a program is a sentence, and a program that fits has none."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import (
    CcCv,
    Ceiling,
    ChannelEnvelope,
    ConstantCurrent,
    ConstantVoltage,
    CurrentRange,
    Direction,
    Limits,
    Loop,
    Program,
    Record,
    Rest,
    Step,
    Until,
    VoltageBand,
    load_cell,
    load_recipe,
    problems,
    resolve,
)
from tests.sound_program import BOUNDS, CHARGE, DISCHARGE, LIMITS, REST, SMALL, program_of

LARGE = ChannelEnvelope(0.025, 5.0, (CurrentRange(0.0005, 0.1), CurrentRange(0.1, 6.0)), discharge_voltage_min_v=1.0)

_OUTSIDE = "outside what this channel measures, 0.025 to 5 V"


def _shipped(recipe: str, cell: str) -> Program:
    return resolve(load_recipe(recipe), load_cell(cell))


@pytest.mark.parametrize(
    ("recipe", "cell"),
    [
        ("li-li-0.2", "bare-li-li"),
        ("li-li-0.4", "coated-li-li"),
        ("li-plating-1.0", "bare-li-li"),
        ("lfp-200mA-g", "bare-lfp"),
    ],
)
def test_shipped_programs_fit_a_small_channel_with_negative_voltage(recipe: str, cell: str) -> None:
    """The 5V10mA class with a bipolar range runs all of the paper's tests."""
    assert problems(_shipped(recipe, cell), SMALL) == []


def test_li_li_on_a_standard_6_a_unit_is_refused_for_every_reason() -> None:
    """No negative voltage, cutoff and limits out of reach, and 0.157 mA under a range that starts at 0.5 mA."""
    assert problems(_shipped("li-li-0.2", "bare-li-li"), LARGE) == [
        "Steps 2 and 5: a discharge drives a li-li cell below 0 V, and this channel has no negative voltage.",
        f"Steps 2 and 5: -0.5 V is {_OUTSIDE}.",
        f"The tester's limits, -0.6 to 0.6 V, are {_OUTSIDE}: they would never act.",
        "Steps 2 and 5: a discharge to -0.5 V; this channel discharges down to 1 V.",
        "Steps 1, 2, 4 and 5: 0.15708 mA is below the smallest current here, 0.5 mA.",
    ]


def test_li_li_discharge_without_a_cutoff_needs_negative_voltage_too() -> None:
    """The cell goes below zero whether or not the recipe says so."""
    step = ConstantCurrent(-0.001, Until(time_s=60.0), Ceiling(capacity_ah=0.001))
    band = VoltageBand(0.0, 0.5), VoltageBand(-0.0, 0.6), VoltageBand(-1.0, 1.0)
    channel = ChannelEnvelope(0.0, 5.0, (CurrentRange(0.0, 0.1),))
    found = problems(program_of(step, kind="li-li", limits=Limits(*band, 0.00105, 0.0011, 0.0012)), channel)
    assert any("below 0 V" in reason for reason in found)


def test_program_that_fits_has_no_reasons() -> None:
    """The program that the tests below spoil is sound."""
    assert problems(program_of(REST, CHARGE, DISCHARGE, Loop(2, 50)), SMALL) == []


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([replace(CHARGE, current_a=0.00100)], None),
        ([replace(CHARGE, current_a=0.02)], "20 mA is above the largest current here, 10 mA"),
        ([replace(CHARGE, current_a=0.0)], "current of zero"),
        ([replace(CHARGE, until=Until())], "no end condition"),
        ([replace(CHARGE, ceiling=Ceiling(time_s=1.0))], "nothing bounds its charge"),
        ([replace(CHARGE, ceiling=Ceiling(capacity_ah=1.0))], "nothing bounds its time"),
        ([replace(CHARGE, until=Until(voltage_v=0.0))], "is not inside the host's limits"),
        ([replace(CHARGE, until=Until(voltage_v=4.1))], "4.1 V is not inside the host's limits, 2.7 to 4.1 V"),
        ([replace(CHARGE, until=Until(voltage_v=5.5))], "outside what this channel measures, -5 to 5 V"),
        ([replace(CHARGE, current_a=0.00105)], "1.05 mA is not below the host's limit, 1.05 mA"),
        ([replace(CHARGE, until=Until(time_s=0.0))], "it lasts 0 s"),
        ([replace(CHARGE, ceiling=Ceiling(366 * 86400.0, 1.0))], "may last 366 days; this channel allows 365 days"),
        ([Rest(Until())], "a rest needs a time"),
        ([Rest(Until(time_s=400 * 86400.0))], "may last 400 days"),
        ([replace(CHARGE, record=Record(every_s=0.05))], "a record every 0.05 s; this channel needs 0.1 s"),
        ([REST, Loop(2, 5)], "back to step 2"),
        ([REST, Loop(0, 5)], "back to step 0"),
        ([REST, Loop(1, 0)], "a loop of 0 times"),
        ([REST, Loop(1, 65535)], None),
        ([REST, Loop(1, 65536)], "this channel counts from 1 to 65535"),
        ([REST, Loop(1, 2), Loop(1, 2), Loop(1, 2)], None),
        ([REST, Loop(1, 2), Loop(1, 2), Loop(1, 2), Loop(1, 2)], "nested 4 deep; this channel nests 3"),
        ([REST, REST, Loop(1, 2), REST, Loop(2, 2)], "cross"),
        ([REST] * 253, None),
        ([REST] * 254, "255 steps with its End; this channel holds 254"),
        ([], "no steps"),
        ([ConstantVoltage(Direction.CHARGE, 4.0, Until(time_s=60.0), 0.001, Ceiling(capacity_ah=0.001))], None),
        ([CcCv(0.001, 4.0, Until(current_a=0.02), BOUNDS)], "20 mA is above the largest current"),
    ],
)
def test_each_fault_of_a_program_has_its_sentence(steps: list[Step], words: str | None) -> None:
    """And the nearest program without the fault has none."""
    found = problems(program_of(*steps), SMALL)
    assert (found == []) if words is None else any(words in reason for reason in found), found


def test_cutoffs_exchanged_are_on_the_wrong_side() -> None:
    """The second step would end at once, and so would the first in every pass behind it: one sentence is enough."""
    swapped = replace(CHARGE, until=Until(voltage_v=2.8)), replace(DISCHARGE, until=Until(voltage_v=4.0))
    found = problems(program_of(*swapped), SMALL)
    assert [reason for reason in found if "at once" in reason] == [
        "Step 2: a discharge to 4 V begins at 2.8 V or below, after step 1, and would end at once.",
    ]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (replace(LIMITS, tester=VoltageBand(2.7, 4.2)), "The tester limits, 2.7 to 4.2 V, are not wider"),
        (replace(LIMITS, absolute=VoltageBand(2.6, 4.3)), "The absolute limits"),
        (replace(LIMITS, tester_current_a=0.00105), "The tester current limit, 1.05 mA, is not above the host limit"),
        (replace(LIMITS, absolute_current_a=0.001), "The absolute current limit"),
    ],
)
def test_limits_out_of_order_are_refused(limits: Limits, words: str) -> None:
    """Equal is out of order."""
    assert any(words in reason for reason in problems(program_of(CHARGE, limits=limits), SMALL))


def test_tester_limit_that_the_channel_cannot_measure_is_refused() -> None:
    """A limit beyond full scale would never act."""
    channel = replace(SMALL, voltage_high_v=4.15, current_ranges=(CurrentRange(0.0, 0.00105),))
    found = problems(program_of(CHARGE), channel)
    assert len(found) == 2
    assert all("this channel measures" in reason for reason in found)


def test_current_between_two_ranges_is_refused() -> None:
    """Ranges may leave a gap."""
    channel = replace(SMALL, current_ranges=(CurrentRange(0.0, 0.0005), CurrentRange(0.002, 0.01)))
    assert problems(program_of(CHARGE), channel) == ["Step 1: 1 mA lies between two ranges of this channel."]


def test_single_range_units_hold_no_voltage_on_discharge() -> None:
    """Reference neware-ct4008, section 1.2."""
    step = CcCv(-0.001, 2.8, Until(current_a=0.0001), BOUNDS)
    assert problems(program_of(step), SMALL) == []
    found = problems(program_of(step), replace(SMALL, holds_voltage_on_discharge=False))
    assert found == ["Step 1: this channel cannot hold a voltage on discharge."]


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_number_that_is_not_finite_never_passes(number: float) -> None:
    """A NaN would pass every comparison, so it is looked for first."""
    programs = (
        program_of(replace(CHARGE, current_a=number)),
        program_of(replace(CHARGE, until=Until(voltage_v=number))),
        program_of(CHARGE, record=Record(every_s=number)),
        program_of(CHARGE, limits=replace(LIMITS, host=VoltageBand(2.7, number))),
    )
    for program in programs:
        assert "not a finite number" in problems(program, SMALL)[0]


def test_same_reason_for_many_steps_is_one_sentence() -> None:
    """A technician reads a screen, not a list of 253 lines."""
    found = problems(program_of(*[replace(CHARGE, current_a=0.02)] * 100), SMALL)
    assert found[0].startswith("Steps 1, 2, 3, 4, 5 and 95 more: 20 mA is above")


def test_program_without_segments_is_refused() -> None:
    """Nothing to run is no program."""
    assert problems(replace(program_of(CHARGE), segments=()), SMALL) == ["The program is empty."]


@given(
    low=st.floats(-10, 10),
    high=st.floats(-10, 10),
    current=st.floats(-1, 1),
    volts=st.floats(-10, 10),
    back_to=st.integers(-3, 5),
    times=st.integers(-1, 70_000),
)
def test_reasons_are_sentences_whatever_the_program(
    low: float, high: float, current: float, volts: float, back_to: int, times: int
) -> None:
    """No program makes the check fall over, and what passes obeys the envelope."""
    step = ConstantCurrent(current, Until(voltage_v=volts), BOUNDS)
    found = problems(program_of(step, Loop(back_to, times), limits=replace(LIMITS, host=VoltageBand(low, high))), SMALL)
    assert all(reason.endswith(".") and reason[0].isupper() for reason in found)
    if not found:
        assert 2.5 < low < volts < high < 4.2
        assert 0 < abs(current) < 0.00105
        assert back_to == 1
        assert 1 <= times <= 65535


_CV = ConstantVoltage(Direction.CHARGE, 4.0, Until(time_s=60.0), 0.001, Ceiling(capacity_ah=0.001))


@pytest.mark.parametrize(
    ("step", "sound", "words"),
    [
        (replace(CHARGE, until=Until(time_s=1e-12, voltage_v=4.0)), False, "an end after 1e-12 s; this channel looks"),
        (replace(CHARGE, until=Until(time_s=0.1, voltage_v=4.0)), True, ""),
        (replace(CHARGE, ceiling=Ceiling(0.09, 1.0)), False, "an end after 0.09 s"),
        (Rest(Until(time_s=0.05)), False, "an end after 0.05 s"),
        (replace(CHARGE, current_a=0.001, until=Until(capacity_ah=2.7e-8)), False, "an end after 2.7e-05 mAh"),
        (replace(CHARGE, current_a=0.001, until=Until(capacity_ah=2.8e-8)), True, ""),
        (replace(CHARGE, ceiling=Ceiling(100.0, 1e-15)), False, "an end after 1e-12 mAh"),
        (replace(_CV, until=Until(capacity_ah=0.0), ceiling=Ceiling(time_s=1.0)), False, "it ends after 0 Ah"),
        (replace(CHARGE, record=Record(voltage_change_v=5e-5)), False, "a record every 5e-05 V"),
        (replace(CHARGE, record=Record(voltage_change_v=1e-4)), True, ""),
        (replace(CHARGE, record=Record(current_change_a=1e-12)), False, "a record every 1e-12 A"),
    ],
)
def test_what_the_channel_takes_for_nothing_is_refused(step: Step, sound: bool, words: str) -> None:
    """An end that rounds to zero is none to a tester: it is told before anything is loaded, and its neighbour runs."""
    found = problems(program_of(step), SMALL)
    assert (found == []) is sound, found
    assert any(words in reason for reason in found) or sound


def test_a_voltage_below_a_tenth_of_a_millivolt_is_refused() -> None:
    """0.01 mV is written as 0.1 in the tester's unit, and taken for zero; 0 V and 0.1 mV are what they say."""
    limits = Limits(VoltageBand(-0.55, 0.55), VoltageBand(-0.6, 0.6), VoltageBand(-1, 1), 0.00105, 0.0011, 0.0012)
    for voltage_v, sound in ((1e-5, False), (-1e-5, False), (0.0, True), (1e-4, True)):
        step = ConstantCurrent(0.001, Until(voltage_v=voltage_v), Ceiling(100.0, 0.001))
        found = problems(program_of(step, kind="li-li", limits=limits), SMALL)
        assert any("is zero to this channel" in reason for reason in found) is not sound, (voltage_v, found)
