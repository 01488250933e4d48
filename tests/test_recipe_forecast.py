"""A forecast tells how long, how much charge and how many records, without simulating anything."""

from __future__ import annotations

import time
from dataclasses import replace
from math import inf

import pytest

from protocols import (
    CellFacts,
    ConstantCurrent,
    CyclingSegment,
    Limits,
    Loop,
    Program,
    Record,
    Rest,
    Until,
    VoltageBand,
    expected_duration_s,
    forecast,
    load_cell,
    load_recipe,
    planned_duration_s,
    resolve,
)
from protocols.current_sign import Direction
from protocols.program import Ceiling, ConstantVoltage

_BAND = VoltageBand(0.0, 1.0)
_LIMITS = Limits(_BAND, _BAND, _BAND, 1.0, 1.0, 1.0)


def _program(*steps: Rest | ConstantCurrent | Loop) -> Program:
    return Program("r", "", CellFacts("c", "lfp"), (CyclingSegment(steps, Record(every_s=10.0), _LIMITS),))


@pytest.mark.parametrize(("recipe", "hours"), [("li-li-0.2", 600), ("li-li-0.4", 200), ("li-plating-1.0", 20)])
def test_li_li_recipes_take_the_papers_hours(recipe: str, hours: int) -> None:
    """Plus ten minutes of rest and ten seconds of check block."""
    program = resolve(load_recipe(recipe), load_cell("coated-li-li"))
    assert planned_duration_s(program) == expected_duration_s(program) == hours * 3600 + 610


def test_lfp_is_expected_to_take_half_of_what_it_may_take() -> None:
    """Its time ceilings are twice the expected time."""
    found = forecast(resolve(load_recipe("lfp-200mA-g"), load_cell("coated-lfp")))
    assert found.planned_duration_s - 600 == pytest.approx(2 * (found.expected_duration_s - 600))
    assert found.expected_duration_s == pytest.approx(100 * 0.187 / 0.22 * 3600 + 600)
    assert found.charge_ah == pytest.approx(100 * 0.000187)
    assert found.cycles == 50


def test_voltage_that_is_held_behind_a_charge_to_it_passes_nothing_more() -> None:
    """The charge is counted as one that fills the cell; alone a held voltage may take its limit all the time."""
    charge = ConstantCurrent(0.001, Until(voltage_v=0.5), Ceiling(time_s=7200.0))
    held = ConstantVoltage(Direction.CHARGE, 0.5, Until(time_s=36_000.0), 0.001, Ceiling(capacity_ah=0.0012))
    cell = CellFacts("c", "lfp", nominal_capacity_ah=0.001)
    behind, alone = (replace(_program(*steps), cell=cell) for steps in ((charge, Rest(Until(1.0)), held), (held,)))
    assert forecast(behind).charge_ah == pytest.approx(0.001)
    assert forecast(alone).charge_ah == pytest.approx(0.0012)


def test_nested_loops_multiply() -> None:
    """Two times three passes of the inner rest, two of the outer."""
    program = _program(Rest(Until(time_s=100.0)), Rest(Until(time_s=1.0)), Loop(2, 3), Loop(1, 2))
    assert planned_duration_s(program) == 206.0


def test_step_without_bound_takes_forever_at_most() -> None:
    """The bound is honest."""
    assert planned_duration_s(_program(ConstantCurrent(0.001, Until(voltage_v=0.5)))) == inf


def test_records_by_time_and_first_and_last_are_counted() -> None:
    """A rest of 100 s at 10 s has its first, its last and ten between."""
    assert forecast(_program(Rest(Until(time_s=100.0)), Loop(1, 5))).records == 60


def test_the_forecast_of_a_long_program_takes_no_time() -> None:
    """Thousands of steps in hundreds of loops are told in one walk: the service's loop is not held up by one recipe."""
    segment = resolve(load_recipe("li-li-0.2"), load_cell("bare-li-li")).cycling[0]
    rest = Rest(Until(time_s=1.0))
    steps: list[Rest | Loop] = []
    for n in range(3000):
        steps += [rest, Loop(2 * n + 1, 1000)]
    program = resolve(load_recipe("li-li-0.2"), load_cell("bare-li-li"))
    long = replace(program, segments=(replace(segment, steps=tuple(steps)),))
    begun_s = time.process_time()
    found = forecast(long)
    assert time.process_time() - begun_s < 1.0
    assert found.planned_duration_s == 3000 * 1000.0


def test_step_in_three_loops_is_executed_as_often_as_their_product_says() -> None:
    """A step in three loops is executed as often as their product says, one behind them once."""
    program = resolve(load_recipe("li-li-0.2"), load_cell("bare-li-li"))
    rest = Rest(Until(time_s=1.0))
    steps = (rest, rest, Loop(2, 3), Loop(1, 5), rest, Loop(1, 7), rest)
    nested = replace(program, segments=(replace(program.cycling[0], steps=steps),))
    assert forecast(nested).planned_duration_s == 5 * 7 + 3 * 5 * 7 + 7 + 1
