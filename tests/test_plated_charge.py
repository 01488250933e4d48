"""What a Li/Cu step strips is what was plated before it: expected times, bounds and the guard follow from it."""

from __future__ import annotations

from textwrap import indent

import pytest

from protocols import forecast, load_cell, load_recipe, parse_cell, parse_recipe, resolve
from protocols.errors import ResolveError
from protocols.program import Program
from protocols.program_steps import expected_s, powered
from protocols.remaining_steps import remaining

_HEAD = """\
name: mine
title: Mine
for: [li-cu]
record: {every: 10 s}
limits:
  host: {low: -0.5 V, high: 2.5 V}
  tester: {low: -0.6 V, high: 2.6 V}
  absolute: {low: -1.0 V, high: 3.0 V}
steps:
"""
_CELL = "name: cu\nkind: li-cu\narea: 1 cm2\nworking_electrode: Cu\ncounter_electrode: Li\nelectrolyte: e\n"


def _step(direction: str, until: str, current: str = "0.5 mA/cm2") -> str:
    return f"- {{step: constant_current, direction: {direction}, current: {current}, until: {{{until}}}}}\n"


def _loop(times: int, *steps: str) -> str:
    return f"- step: repeat\n  times: {times}\n  steps:\n" + indent("".join(steps), "    ")


def _program(*steps: str, cell: str = "") -> Program:
    return resolve(parse_recipe(_HEAD + "".join(steps)), parse_cell(_CELL + cell))


def _expected_mah(program: Program) -> list[float | None]:
    """Give the charge that each charge step of a program is expected to strip."""
    steps = [step for segment in program.cycling for _, step in powered(segment.steps) if step.direction == "charge"]
    return [None if s.ceiling.expected_ah is None else round(s.ceiling.expected_ah * 1e3, 6) for s in steps]


PLATE_5, PLATE_1 = (_step("discharge", f"capacity: {mah} mAh/cm2") for mah in (5, 1))
STRIP_1, TO_1_V = _step("charge", "capacity: 1 mAh/cm2"), _step("charge", "voltage: 1 V")
TIMED = _step("charge", "time: 9 h, voltage: 1 V")
FILM = _step("discharge", "voltage: 0.01 V, time: 10 h", "0.05 mA/cm2")


@pytest.mark.parametrize(
    ("steps", "expected_mah"),
    [
        ((_loop(100, PLATE_1, TO_1_V),), [1.0]),
        ((PLATE_5, TO_1_V, PLATE_5, _loop(10, STRIP_1, PLATE_1), TO_1_V), [5.0, 5.0, 5.0]),
        ((PLATE_5, TIMED, PLATE_5, _loop(10, STRIP_1, PLATE_1), TIMED), [5.0, 5.5, 5.5]),
        ((_loop(10, PLATE_1, PLATE_1, STRIP_1), TO_1_V), [11.0, 10.0]),
        ((_loop(2, _loop(3, PLATE_1, STRIP_1), PLATE_5, TO_1_V),), [1.0, 5.0]),
        ((PLATE_5, "- {step: eis}\n", STRIP_1, "- {step: eis}\n", TO_1_V), [5.0, 4.0]),
        ((FILM, PLATE_1, TO_1_V), [1.0]),
        ((_loop(10, STRIP_1, PLATE_1), TIMED), [None, None]),
    ],
    ids=["cycles", "reservoir", "timed", "gain", "nested", "spectra", "film", "plated before"],
)
def test_stripped_charge_is_what_was_plated(steps: tuple[str, ...], expected_mah: list[float | None]) -> None:
    """Through loops, reservoirs and spectra; a cell that comes with lithium on its copper is not guessed at."""
    cell = "nominal_capacity: 6 mAh/cm2\n" if expected_mah[0] != 1.0 else ""
    assert _expected_mah(_program(*steps, cell=cell)) == expected_mah


def test_cycle_takes_the_time_of_its_plated_charge() -> None:
    """2 h of plating and 2 h of stripping, whatever the cell holds and however long the step may last."""
    for strip in (TO_1_V, _step("charge", "time: 8 h, voltage: 1 V")):
        for cell in ("", "nominal_capacity: 6 mAh/cm2\n"):
            assert forecast(_program(_loop(100, PLATE_1, strip), cell=cell)).expected_duration_s == 400 * 3600


def test_strip_is_bounded_by_twice_the_plated_charge_where_nothing_else_bounds_it() -> None:
    """A capacity of the cell is wider; a time of the step stays as it is; stripping alone has no bound."""
    (alone,) = _program(_loop(3, PLATE_1, TO_1_V)).cycling
    bound = powered(alone.steps)[1][1].ceiling
    assert (bound.capacity_ah, bound.time_s) == pytest.approx((0.002, 4 * 3600))
    (wide,) = _program(_loop(3, PLATE_1, TO_1_V), cell="nominal_capacity: 6 mAh/cm2\n").cycling
    assert powered(wide.steps)[1][1].ceiling.capacity_ah == pytest.approx(0.0072)
    (timed,) = _program(_loop(3, PLATE_1, TIMED)).cycling
    assert powered(timed.steps)[1][1].ceiling.capacity_ah == pytest.approx(1.1 * 0.0045)
    with pytest.raises(ResolveError, match="no bound on its time"):
        _program(TO_1_V)


def test_guard_counts_from_the_plated_charge() -> None:
    """A step that may last two days is expected to strip for half an hour: an early end is counted from that."""
    quarter = _step("discharge", "capacity: 0.25 mAh/cm2")
    (segment,) = _program(_loop(9, quarter, _step("charge", "time: 48 h, voltage: 1 V"))).cycling
    assert expected_s(powered(segment.steps)[1][1]) == pytest.approx(1800.0)


def test_guard_counts_from_what_a_full_cell_holds() -> None:
    """A step at 1 C that is allowed a day is expected to last as long as the most that its cell can pass."""
    recipe = _HEAD.replace("li-cu", "other") + PLATE_1 + _step("charge", "voltage: 2 V, time: 24 h", "1 C")
    cell = _CELL.replace("li-cu", "other") + "nominal_capacity: 1 mAh\n"
    (segment,) = resolve(parse_recipe(recipe), parse_cell(cell)).cycling
    assert expected_s(powered(segment.steps)[1][1]) == pytest.approx(1.5 * 3600.0)


def test_interrupted_strip_expects_what_is_left() -> None:
    """After 0.7 of 1 mAh a resumed step is expected to strip 0.3 mAh."""
    (segment,) = _program(_loop(3, PLATE_1, TO_1_V)).cycling
    left = remaining(segment, executed_steps=2, step_time_s=5040.0, passed_ah=0.0007)
    assert left is not None
    assert powered(left.steps)[0][1].ceiling.expected_ah == pytest.approx(0.0003)


def test_passes_over_a_reservoir_share_their_steps() -> None:
    """Two hundred tests of four kinds are proven and forecast as four: what is equal is one object."""
    program = resolve(load_recipe("li-cu-aurbach"), load_cell("bare-li-cu"))
    assert len(program.segments) > 200
    assert len({id(segment.steps) for segment in program.cycling}) == len(program.different_steps) == 4
