"""Per-cycle numbers: from executed steps, incrementally, equal to the full computation."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.interfaces import EndReason
from orchestrator.judging.cycles import Cycle, CycleBuilder, EfficiencyOf
from orchestrator.judging.steps import ExecutedStep
from protocols.loading import load_cell, load_recipe
from protocols.program import CellFacts, ConstantCurrent, Loop, Program, Rest, Step, Until
from protocols.resolve import resolve

LFP = resolve(load_recipe("lfp-200mA-g"), load_cell("coated-lfp"))
LI_LI = resolve(load_recipe("li-li-0.2"), load_cell("coated-li-li"))
CHARGE, DISCHARGE = (ConstantCurrent(amperes, Until(time_s=1e4, voltage_v=1.0)) for amperes in (1e-4, -1e-4))
PULSE = ConstantCurrent(1e-4, Until(time_s=10.0))
REST = Rest(Until(time_s=60.0))
Ran = tuple[float, EndReason]
FULL, SET, CUT = EndReason.VOLTAGE, EndReason.TIME, EndReason.EXTERNAL


def program_of(kind: str, *steps: Step) -> Program:
    """Give a program of these steps for a kind of cell."""
    segment = replace(LFP.cycling[0], steps=steps)
    return replace(LFP, cell=replace(LFP.cell, kind=kind), segments=(segment,))


def executed(count: int, mah: float, volt: float | None, reason: EndReason) -> ExecutedStep:
    """Give an executed step of 1,000 s."""
    return ExecutedStep(
        count, 0, 0, "x", count * 1000.0, 1000.0, mah / 1e3, 0.0, volt, 100.0, reason, count * 10, count * 10 + 9
    )


def pairs(charge_mah: list[float], ratio: float = 0.99) -> list[ExecutedStep]:
    """Give the steps of an LFP run: rest, then charge and discharge for each capacity."""
    steps = [executed(1, 0.0, None, SET)]
    for cycle, mah in enumerate(charge_mah, 1):
        steps.append(executed(2 * cycle, mah, 3.5, FULL))
        steps.append(executed(2 * cycle + 1, mah * ratio, 3.3, FULL))
    return steps


def fed(builder: CycleBuilder, steps: list[ExecutedStep]) -> list[Cycle]:
    """Feed steps that a test of the whole program executed."""
    return [row for step in steps for row in builder.feed(step.step_count, step)]


def built(program: Program, steps: list[ExecutedStep]) -> list[Cycle]:
    """Build the cycles of a whole run at once."""
    builder = CycleBuilder(program)
    return fed(builder, steps) + builder.finish()


def rows(kind: str, steps: list[Step], ran: list[Ran]) -> list[Cycle]:
    """Build the cycles of a program whose steps passed these charges (mAh) and ended so."""
    done = [executed(count, mah, 0.5, why) for count, (mah, why) in enumerate(ran, 1)]
    return built(program_of(kind, *steps), done)


def test_cycle_of_a_full_cell_has_its_numbers() -> None:
    """0.16 mAh charged, 0.1584 mAh discharged by 1.10 mg on 0.7854 cm2."""
    (cycle,) = built(LFP, pairs([0.16]))
    assert cycle.cycle == 1
    assert cycle.charge_capacity_mah_g == pytest.approx(0.16 / 1.10e-3)
    assert cycle.discharge_capacity_mah_g == pytest.approx(144.0)
    assert cycle.discharge_capacity_mah_cm2 == pytest.approx(0.1584 / 0.7854)
    assert cycle.coulombic_efficiency == pytest.approx(0.99)
    assert cycle.efficiency_of is EfficiencyOf.DISCHARGE_BY_CHARGE
    assert cycle.polarisation_v == pytest.approx(0.2)
    assert (cycle.charge_end_reason, cycle.discharge_end_reason) == (FULL, FULL)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=12), st.lists(st.integers(1, 7), max_size=20))
def test_incremental_equals_all_at_once(capacities: list[float], cuts: list[int]) -> None:
    """How steps arrive does not change any row."""
    steps = pairs(capacities)
    builder = CycleBuilder(LFP)
    found: list[Cycle] = []
    at = 0
    for cut in [*cuts, len(steps)]:
        found += fed(builder, steps[at : at + cut])
        at += cut
    assert found + builder.finish() == built(LFP, steps)


def test_cycle_is_given_as_soon_as_its_discharge_has_ended() -> None:
    """Numbers come while the run goes on, not a cycle later."""
    builder = CycleBuilder(LFP)
    steps = pairs([0.16, 0.15])
    assert [len(fed(builder, [step])) for step in steps] == [0, 0, 1, 0, 1]
    assert builder.finish() == []


def test_half_without_a_partner_has_its_row() -> None:
    """A charge that ends its run has a row whose other half is empty; a run that goes on does not give it yet."""
    builder = CycleBuilder(LFP)
    assert fed(builder, pairs([0.16])[:2]) == []
    (cycle,) = builder.finish()
    assert cycle.charge_capacity_ah == pytest.approx(0.16e-3)
    empty = [cycle.discharge_capacity_ah, cycle.discharge_mean_voltage_v, cycle.discharge_end_reason]
    assert [*empty, cycle.coulombic_efficiency, cycle.efficiency_of, cycle.polarisation_v] == [None] * 6
    assert not cycle.is_whole
    (whole,) = fed(builder, pairs([0.16])[2:])
    assert whole.is_whole


def test_time_limited_li_li_has_no_coulombic_efficiency() -> None:
    """Equal charges by construction say nothing; capacities and voltages are there, signed."""
    (cycle,) = built(LI_LI, [executed(4, 0.157, 0.043, SET), executed(5, 0.157, -0.044, SET)])
    assert cycle.coulombic_efficiency is None
    assert cycle.charge_capacity_mah_g is None
    assert cycle.charge_capacity_mah_cm2 == pytest.approx(0.2, rel=1e-2)
    assert cycle.discharge_mean_voltage_v == -0.044
    assert cycle.polarisation_v == pytest.approx(0.087)


def test_li_li_half_that_met_its_cutoff_has_an_efficiency() -> None:
    """When a cutoff cut one half short, stripped over plated means something."""
    (cycle,) = built(LI_LI, [executed(4, 0.157, 0.3, SET), executed(5, 0.1, -0.5, FULL)])
    assert cycle.coulombic_efficiency == pytest.approx(0.1 / 0.157)


def test_check_block_is_no_part_of_a_cycle() -> None:
    """The contact check passes current both ways before cycle 1, and is left out."""
    check = [executed(1, 0.0002, 0.04, SET), executed(2, 0.0002, -0.04, SET)]
    steps = [executed(4, 0.157, 0.043, SET), executed(5, 0.157, -0.044, SET)]
    assert built(LI_LI, check + steps) == built(LI_LI, steps)


@pytest.mark.parametrize(
    ("kind", "steps", "expected"),
    [
        ("li-cu", [DISCHARGE, CHARGE], [(0.9, EfficiencyOf.CHARGE_BY_DISCHARGE), None]),
        ("li-cu", [CHARGE, DISCHARGE], [None, (0.9 / 1.0, EfficiencyOf.CHARGE_BY_DISCHARGE_BEFORE)]),
        ("lfp", [DISCHARGE, CHARGE], [None, (0.9 / 1.0, EfficiencyOf.DISCHARGE_BY_CHARGE_BEFORE)]),
        ("other", [DISCHARGE, CHARGE], [(0.9, EfficiencyOf.CHARGE_BY_DISCHARGE), None]),
        ("other", [CHARGE, DISCHARGE], [(0.9, EfficiencyOf.DISCHARGE_BY_CHARGE), None]),
    ],
)
def test_efficiency_names_which_half_was_divided_by_which(
    kind: str, steps: list[Step], expected: list[tuple[float, EfficiencyOf] | None]
) -> None:
    """What comes back is divided by what went in just before it, which may be a half of the cycle before."""
    ran = [(1.0, FULL), (0.9, FULL), (0.9, FULL)]
    if expected[0] is None:
        ran = [(0.5, FULL), (1.0, FULL), (0.9, FULL)]
    found = rows(kind, [*steps, Loop(1, 2)], ran)
    assert [c.efficiency_of for c in found] == [one and one[1] for one in expected]
    assert [c.coulombic_efficiency for c in found] == [one and pytest.approx(one[0]) for one in expected]


@pytest.mark.parametrize(
    "ran",
    [
        # Stripped for a set time only: what it left is unknown, and comes out with the next strip.
        [(5.0, SET), (4.5, SET), (5.0, SET), (5.2, FULL)],
        # A reservoir under short cycles: neither its first nor its last pair is an efficiency.
        [(5.0, SET), (1.0, EndReason.CAPACITY), (1.0, SET), (4.6, FULL)],
        # Stopped while it stripped.
        [(5.0, SET), (0.3, CUT)],
    ],
)
def test_strip_that_does_not_take_all_of_its_plating_has_no_efficiency(ran: list[Ran]) -> None:
    """A ratio of 4.6 over 1 or 0.3 over 5 would go into a paper as a coulombic efficiency."""
    assert {cycle.coulombic_efficiency for cycle in rows("li-cu", [DISCHARGE, CHARGE, Loop(1, 9)], ran)} == {None}


def test_rate_at_which_a_cell_gives_nothing_has_no_efficiency() -> None:
    """A discharge that is cut off at once is no 1 %, and the slow cycle behind it no 5,700 %."""
    ran = [
        (0.17, FULL),
        (0.16, FULL),
        (0.17, FULL),
        (0.002, FULL),
        (0.003, FULL),
        (0.17, FULL),
        (0.17, FULL),
        (0.17, FULL),
    ]
    found = rows("lfp", [CHARGE, DISCHARGE, Loop(1, 4)], ran)
    assert [c.coulombic_efficiency for c in found] == [pytest.approx(16 / 17), None, None, pytest.approx(1.0)]


def test_cell_that_is_no_longer_there_has_no_efficiency() -> None:
    """Behind a pulled-out cell the tester's looks have 1e-9 mAh each way, which was called 100 %, and at 20C 50 %."""
    ran = [
        (0.17, FULL),
        (0.16, FULL),
        (0.0002, FULL),
        (0.0001, FULL),
        (1e-9, FULL),
        (1e-9, FULL),
        (0.17, FULL),
        (0.17, FULL),
    ]
    found = rows("lfp", [CHARGE, DISCHARGE, Loop(1, 4)], ran)
    assert [c.coulombic_efficiency for c in found] == [pytest.approx(16 / 17), None, None, pytest.approx(1.0)]


def test_steps_of_several_stages_are_added() -> None:
    """A charge of two stages and a titration in pulses with rests are one half each."""
    steps: list[Step] = [CHARGE, REST, CHARGE, DISCHARGE, REST, Loop(4, 3), Loop(1, 5)]
    ran = [(0.10, FULL), (0.0, SET), (0.06, FULL), (0.05, SET), (0.0, SET), (0.05, SET), (0.0, SET), (0.05, FULL)]
    (cycle,) = rows("lfp", steps, ran)
    assert cycle.charge_capacity_ah == pytest.approx(0.16e-3)
    assert cycle.discharge_capacity_ah == pytest.approx(0.15e-3)
    assert cycle.coulombic_efficiency == pytest.approx(0.15 / 0.16)


def test_pulses_are_no_half_cycles_and_their_charge_counts_net() -> None:
    """Ten seconds of charge within a discharge, as a resistance is measured, begin no cycle (each did)."""
    back = replace(PULSE, current_a=-1e-4)
    ran = [(0.2, FULL), (0.1, SET), (0.003, SET), (0.001, SET), (0.1, SET), (0.003, SET), (0.001, SET)]
    (cycle,) = rows("lfp", [CHARGE, DISCHARGE, back, PULSE, Loop(2, 2)], ran)
    assert cycle.cycle == 1
    assert cycle.discharge_capacity_ah == pytest.approx((0.1 + 0.003 - 0.001 + 0.1) * 1e-3)


def test_cycles_of_a_cell_that_was_pulled_out_have_no_efficiency() -> None:
    """Both cutoffs at once, until the run was stopped: each such cycle had 100 %."""
    ran = [(mah, FULL) for mah in (0.16, 0.159, 3e-5, 3e-5, 2e-8, 2e-8, 0.1, 0.1)]
    found = rows("lfp", [CHARGE, DISCHARGE, Loop(1, 4)], ran)
    assert [c.coulombic_efficiency is None for c in found] == [False, True, True, False]


def test_cell_that_was_never_there_has_no_efficiency() -> None:
    """Its nominal capacity says how little that is."""
    (cycle,) = rows("lfp", [CHARGE, DISCHARGE], [(3e-5, FULL), (3e-5, FULL)])
    assert cycle.coulombic_efficiency is None


def test_half_cycle_that_was_not_recorded_leaves_its_place_empty() -> None:
    """Its cycle has the other half, and the cycles behind it keep their numbers."""
    steps = [step for step in pairs([0.1, 0.2, 0.3]) if step.step_count != 4]
    found = built(LFP, steps)
    assert [(c.cycle, c.charge_capacity_ah is None) for c in found] == [(1, False), (2, True), (3, False)]
    assert [c.coulombic_efficiency is None for c in found] == [False, True, False]


def test_capacity_that_was_not_read_is_no_number() -> None:
    """Nothing is divided by it, and the half is there."""
    program = program_of("lfp", CHARGE, DISCHARGE)
    (cycle,) = built(program, [executed(1, float("nan"), None, FULL), executed(2, 0.1, 3.3, FULL)])
    assert cycle.is_whole
    assert cycle.coulombic_efficiency is None
    assert cycle.charge_capacity_ah != cycle.charge_capacity_ah


def test_cell_facts_leave_out_what_is_not_known() -> None:
    """Without mass and area a capacity is an absolute one only."""
    program = replace(LFP, cell=CellFacts("x", "lfp"))
    (cycle,) = built(program, pairs([0.16]))
    assert (cycle.charge_capacity_mah_g, cycle.charge_capacity_mah_cm2) == (None, None)


def test_copy_is_fed_without_a_trace_in_the_original() -> None:
    """Records that the store refused are judged by copies: what these have seen is not counted twice afterwards."""
    steps = pairs([0.18, 0.17, 0.16])
    builder = CycleBuilder(LFP)
    fed(builder, steps[:4])
    fed(copy(builder), steps[4:])
    assert fed(builder, steps[4:]) == built(LFP, steps)[1:]
