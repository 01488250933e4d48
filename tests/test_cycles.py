"""Per-cycle numbers: from executed steps, incrementally, equal to the full computation."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.interfaces import EndReason
from orchestrator.judging.cycles import Cycle, CycleBuilder
from orchestrator.judging.steps import ExecutedStep
from protocols.loading import load_cell, load_recipe
from protocols.program import CellFacts, CyclingSegment, Loop, Program
from protocols.resolve import resolve

LFP = resolve(load_recipe("lfp-200mA-g"), load_cell("coated-lfp"))
LI_LI = resolve(load_recipe("li-li-0.2"), load_cell("coated-li-li"))


def executed(step: int, cycle: int, count: int, mah: float, volt: float | None, reason: EndReason) -> ExecutedStep:
    """Give an executed step of 1,000 s."""
    return ExecutedStep(
        count, step, cycle, "x", count * 1000.0, 1000.0, mah / 1e3, 0.0, volt, 100.0, reason, count * 10, count * 10 + 9
    )


def pairs(charge_mah: list[float], ratio: float = 0.99) -> list[ExecutedStep]:
    """Give the steps of an LFP run: rest, then charge and discharge for each capacity."""
    steps = [executed(1, 1, 1, 0.0, None, EndReason.TIME)]
    for cycle, mah in enumerate(charge_mah, 1):
        steps.append(executed(2, cycle, 2 * cycle, mah, 3.5, EndReason.VOLTAGE))
        steps.append(executed(3, cycle, 2 * cycle + 1, mah * ratio, 3.3, EndReason.VOLTAGE))
    return steps


def built(program: Program, steps: list[ExecutedStep]) -> list[Cycle]:
    """Build the cycles of a whole run at once."""
    builder = CycleBuilder(program.cycling[0], program.cell)
    return builder.feed(steps) + builder.finish()


def test_cycle_of_a_full_cell_has_its_numbers() -> None:
    """0.16 mAh charged, 0.1584 mAh discharged by 1.10 mg on 0.7854 cm2."""
    (cycle,) = built(LFP, pairs([0.16]))
    assert cycle.cycle == 1
    assert cycle.charge_capacity_mah_g == pytest.approx(0.16 / 1.10e-3)
    assert cycle.discharge_capacity_mah_g == pytest.approx(144.0)
    assert cycle.discharge_capacity_mah_cm2 == pytest.approx(0.1584 / 0.7854)
    assert cycle.coulombic_efficiency == pytest.approx(0.99)
    assert cycle.polarisation_v == pytest.approx(0.2)
    assert (cycle.charge_end_reason, cycle.discharge_end_reason) == (EndReason.VOLTAGE, EndReason.VOLTAGE)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=12), st.lists(st.integers(1, 7), max_size=20))
def test_incremental_equals_all_at_once(capacities: list[float], cuts: list[int]) -> None:
    """How steps arrive does not change any row."""
    steps = pairs(capacities)
    builder = CycleBuilder(LFP.cycling[0], LFP.cell)
    found: list[Cycle] = []
    at = 0
    for cut in [*cuts, len(steps)]:
        found += builder.feed(steps[at : at + cut])
        at += cut
    assert found + builder.finish() == built(LFP, steps)


def test_cycle_is_given_as_soon_as_its_discharge_has_ended() -> None:
    """Numbers come while the run goes on, not a cycle later."""
    builder = CycleBuilder(LFP.cycling[0], LFP.cell)
    steps = pairs([0.16, 0.15])
    assert [len(builder.feed([step])) for step in steps] == [0, 0, 1, 0, 1]
    assert builder.finish() == []


def test_half_a_cycle_is_no_cycle() -> None:
    """A charge without its discharge gives no row, a plating without stripping neither."""
    assert built(LFP, pairs([0.16])[:2]) == []


def test_time_limited_li_li_has_no_coulombic_efficiency() -> None:
    """Equal charges by construction say nothing; capacities and voltages are there, signed."""
    steps = [
        executed(4, 1, 4, 0.157, 0.043, EndReason.TIME),
        executed(5, 1, 5, 0.157, -0.044, EndReason.TIME),
    ]
    (cycle,) = built(LI_LI, steps)
    assert cycle.coulombic_efficiency is None
    assert cycle.charge_capacity_mah_g is None
    assert cycle.charge_capacity_mah_cm2 == pytest.approx(0.2, rel=1e-2)
    assert cycle.discharge_mean_voltage_v == -0.044
    assert cycle.polarisation_v == pytest.approx(0.087)


def test_li_li_half_that_met_its_cutoff_has_an_efficiency() -> None:
    """When a cutoff cut one half short, stripped over plated means something."""
    steps = [executed(4, 1, 4, 0.157, 0.3, EndReason.TIME), executed(5, 1, 5, 0.1, -0.5, EndReason.VOLTAGE)]
    (cycle,) = built(LI_LI, steps)
    assert cycle.coulombic_efficiency == pytest.approx(0.1 / 0.157)


def test_check_block_is_no_part_of_a_cycle() -> None:
    """The contact check bears cycle number 1 too, and is left out."""
    check = [executed(1, 1, 1, 0.0002, 0.04, EndReason.TIME), executed(2, 1, 2, 0.0002, -0.04, EndReason.TIME)]
    steps = [executed(4, 1, 4, 0.157, 0.043, EndReason.TIME), executed(5, 1, 5, 0.157, -0.044, EndReason.TIME)]
    assert built(LI_LI, check + steps) == built(LI_LI, steps)


def test_li_cu_efficiency_is_stripped_over_plated() -> None:
    """Plating is the discharge, stripping the charge."""
    program = replace(LFP, cell=CellFacts("x", "li-cu"))
    (cycle,) = built(program, pairs([0.16], ratio=1.1))
    assert cycle.coulombic_efficiency == pytest.approx(1 / 1.1)


def test_steps_of_several_stages_are_added() -> None:
    """A charge of two stages counts as one half; the pair closes after the loop's last powered step."""
    segment = LFP.cycling[0]
    rest, charge, discharge, _ = segment.steps
    staged = replace(segment, steps=(rest, charge, charge, discharge, Loop(2, 5)))
    program = replace(LFP, segments=(staged,))
    steps = [
        executed(2, 1, 2, 0.10, 3.5, EndReason.VOLTAGE),
        executed(3, 1, 3, 0.06, 3.9, EndReason.VOLTAGE),
        executed(4, 1, 4, 0.15, 3.3, EndReason.VOLTAGE),
    ]
    (cycle,) = built(program, steps)
    assert cycle.charge_capacity_ah == pytest.approx(0.16e-3)
    assert cycle.charge_mean_voltage_v == pytest.approx((0.10 * 3.5 + 0.06 * 3.9) / 0.16)
    assert isinstance(staged, CyclingSegment)
