"""A recipe and a cell give a program in absolute values, bounded everywhere, or every reason why not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import (
    CcCv,
    Cell,
    ConstantCurrent,
    ConstantVoltage,
    CyclingSegment,
    Direction,
    Loop,
    PoweredStep,
    Program,
    Purpose,
    Recipe,
    Record,
    ResolveError,
    Rest,
    ShortPolicy,
    Until,
    VoltageBand,
    load_cell,
    load_recipe,
    resolve,
    shipped_cells,
    shipped_recipes,
)

_WIDE = {
    "host": {"low": "-1 V", "high": "5 V"},
    "tester": {"low": "-2 V", "high": "6 V"},
    "absolute": {"low": "-3 V", "high": "7 V"},
}


def _recipe(*steps: Mapping[str, object], kind: str = "lfp", **more: object) -> Recipe:
    return Recipe.model_validate(
        {"name": "mine", "title": "t", "for": [kind], "record": {"every": "30 s"}, "steps": steps, **more}
    )


def _cell(kind: str = "lfp", **more: str) -> Cell:
    needed = {"working_electrode": "w", "counter_electrode": "c", "electrolyte": "e"}
    return Cell.model_validate({"name": "mine", "kind": kind, **needed, **more})


def _current(
    until: dict[str, str], current: str = "1 mA", direction: str = "charge", **more: object
) -> dict[str, object]:
    return {"step": "constant_current", "direction": direction, "current": current, "until": until, **more}


def _segment(recipe: Recipe, cell: Cell) -> CyclingSegment:
    (segment,) = resolve(recipe, cell).cycling
    return segment


def _first(recipe: Recipe, cell: Cell) -> PoweredStep:
    step = _segment(recipe, cell).steps[0]
    assert isinstance(step, PoweredStep)
    return step


def _reasons(recipe: Recipe, cell: Cell) -> tuple[str, ...]:
    with pytest.raises(ResolveError) as caught:
        resolve(recipe, cell)
    return caught.value.reasons


def _fitting() -> list[tuple[str, str]]:
    return [
        (recipe, cell)
        for recipe in shipped_recipes()
        for cell in shipped_cells()
        if load_cell(cell).kind in load_recipe(recipe).for_kinds
    ]


@pytest.mark.parametrize("current_a", [0.00015708, 0.00031416])
def test_li_li_program_is_the_papers(current_a: float) -> None:
    """0.2 and 0.4 mA/cm2 on 0.7854 cm2, an hour each way, +-0.5 V, the loop behind check block and rest."""
    name = "li-li-0.2" if current_a < 0.0002 else "li-li-0.4"
    segment = _segment(load_recipe(name), load_cell("bare-li-li"))
    rest, charge, discharge, loop = segment.steps[2:]
    assert isinstance(rest, Rest)
    assert isinstance(charge, ConstantCurrent)
    assert isinstance(discharge, ConstantCurrent)
    assert (charge.current_a, discharge.current_a) == (current_a, -current_a)
    assert charge.until == Until(time_s=3600.0, voltage_v=0.5)
    assert discharge.until == Until(time_s=3600.0, voltage_v=-0.5)
    assert loop == Loop(back_to=4, times=300 if name == "li-li-0.2" else 100)
    assert segment.record == Record(every_s=30.0, voltage_change_v=0.005)


def test_lfp_program_is_the_papers() -> None:
    """200 mA/g on 1.10 mg between 2.8 and 4.0 V, charge first, fifty times."""
    segment = _segment(load_recipe("lfp-200mA-g"), load_cell("coated-lfp"))
    rest, charge, discharge, loop = segment.steps
    assert isinstance(rest, Rest)
    assert isinstance(charge, ConstantCurrent)
    assert isinstance(discharge, ConstantCurrent)
    assert (charge.current_a, charge.until) == (0.00022, Until(voltage_v=4.0))
    assert (discharge.current_a, discharge.until) == (-0.00022, Until(voltage_v=2.8))
    assert loop == Loop(back_to=2, times=50)


@pytest.mark.parametrize(("recipe", "cell"), _fitting())
def test_every_powered_step_is_bounded_in_time_and_in_charge(recipe: str, cell: str) -> None:
    """By an end or by a ceiling, never by both of the same kind."""
    for step in (s for segment in resolve(load_recipe(recipe), load_cell(cell)).cycling for s in segment.steps):
        if isinstance(step, PoweredStep):
            assert (step.until.time_s is None) != (step.ceiling.time_s is None)
            assert (step.until.capacity_ah is None) != (step.ceiling.capacity_ah is None)


@pytest.mark.parametrize(("recipe", "cell"), _fitting())
def test_program_survives_its_json(recipe: str, cell: str) -> None:
    """The store's copy is the program, to the bit, and the same inputs give the same bytes."""
    program = resolve(load_recipe(recipe), load_cell(cell))
    assert Program.from_json(program.to_json()) == program
    assert resolve(load_recipe(recipe), load_cell(cell)).sha256 == program.sha256
    assert program.recipe_sha256 == load_recipe(recipe).sha256


def test_check_block_passes_the_first_current_both_ways_for_5_s() -> None:
    """Recorded at 0.1 s, ended by the recipe's cutoffs, and told apart from the recipe's steps."""
    segment = _segment(load_recipe("li-li-0.4"), load_cell("bare-li-li"))
    charge, discharge = segment.steps[:2]
    assert isinstance(charge, ConstantCurrent)
    assert isinstance(discharge, ConstantCurrent)
    assert (charge.current_a, discharge.current_a) == (0.00031416, -0.00031416)
    assert (charge.until, discharge.until) == (
        Until(time_s=5.0, voltage_v=0.5),
        Until(time_s=5.0, voltage_v=-0.5),
    )
    assert charge.record == discharge.record == Record(every_s=0.1)
    assert charge.purpose is discharge.purpose is Purpose.CHECK
    assert {step.purpose for step in segment.steps[2:] if isinstance(step, Rest | PoweredStep)} == {Purpose.RECIPE}
    assert (segment.guards.resistance_low_ohm, segment.guards.resistance_high_ohm) == (10.0, 1500.0)


def test_check_window_follows_the_area() -> None:
    """10 ohm on a disc of 10 mm are 1.6 on 5 cm2 and 39 on 0.2 cm2; what a recipe says itself is per cell."""
    small, large = (_segment(load_recipe("li-li-0.2"), _cell("li-li", area=f"{cm2} cm2")) for cm2 in ("0.2", "5"))
    assert small.guards.resistance_low_ohm == pytest.approx(39.27)
    assert large.guards.resistance_low_ohm == pytest.approx(1.5708)


def test_open_circuit_never_looks_like_a_resistance_inside_the_window() -> None:
    """1 mA/cm2 reaches the cutoff at about 630 ohm, so the window ends below that."""
    segment = _segment(load_recipe("li-plating-1.0"), load_cell("bare-li-li"))
    high_ohm = segment.guards.resistance_high_ohm
    assert high_ohm is not None
    assert high_ohm < 0.495 / 0.0007854


def test_check_block_cutoffs_stay_inside_the_host_limits_where_the_recipe_has_none() -> None:
    """Plating has no upper cutoff; the check of it has."""
    segment = _segment(load_recipe("li-plating-1.0"), load_cell("bare-li-li"))
    charge = segment.steps[0]
    assert isinstance(charge, ConstantCurrent)
    assert charge.until.voltage_v is not None
    assert 0.4 < charge.until.voltage_v < segment.limits.host.high_v


def test_check_block_can_be_left_out_by_name() -> None:
    """Then there is no window either."""
    recipe = load_recipe("li-li-0.2").model_copy(update={"check_block": False})
    segment = _segment(recipe, load_cell("bare-li-li"))
    assert isinstance(segment.steps[0], Rest)
    assert segment.guards.resistance_low_ohm is None
    assert segment.steps[-1] == Loop(back_to=2, times=300)


def test_nested_repeats_become_loops_that_jump_to_their_own_first_step() -> None:
    """Numbers are those of the flat list, and count from 1."""
    rest = {"step": "rest", "until": {"time": "1 s"}}
    inner = {"step": "repeat", "times": 3, "steps": [_current({"voltage": "4 V"}), rest]}
    segment = _segment(
        _recipe(rest, {"step": "repeat", "times": 2, "steps": [rest, inner, rest]}), load_cell("bare-lfp")
    )
    assert [step.kind for step in segment.steps] == [
        "rest",
        "rest",
        "constant_current",
        "rest",
        "loop",
        "rest",
        "loop",
    ]
    assert segment.steps[4] == Loop(back_to=3, times=3)
    assert segment.steps[6] == Loop(back_to=2, times=2)


def test_limits_are_layered_as_the_design_says() -> None:
    """Volts by kind; amperes 105, 110 and 120 % of the largest set current."""
    li, lfp = (
        _segment(load_recipe(recipe), load_cell(cell)).limits
        for recipe, cell in (("li-li-0.2", "bare-li-li"), ("lfp-200mA-g", "bare-lfp"))
    )
    assert (li.host, li.tester, li.absolute) == (
        VoltageBand(-0.55, 0.55),
        VoltageBand(-0.6, 0.6),
        VoltageBand(-1.0, 1.0),
    )
    assert (lfp.host, lfp.tester, lfp.absolute) == (
        VoltageBand(2.7, 4.1),
        VoltageBand(2.5, 4.2),
        VoltageBand(2.0, 4.3),
    )
    assert (lfp.host_current_a, lfp.tester_current_a, lfp.absolute_current_a) == (0.000231, 0.000242, 0.000264)


def test_short_completes_a_li_li_run_and_trips_a_full_cell() -> None:
    """By kind, unless the recipe says otherwise."""
    li = _segment(load_recipe("li-li-0.2"), load_cell("bare-li-li"))
    lfp = _segment(load_recipe("lfp-200mA-g"), load_cell("bare-lfp"))
    assert (li.guards.short_policy, lfp.guards.short_policy) == (ShortPolicy.COMPLETE, ShortPolicy.TRIP)
    own = _recipe(_current({"voltage": "4 V"}), guards={"short": {"policy": "complete"}})
    assert _segment(own, load_cell("bare-lfp")).guards.short_policy is ShortPolicy.COMPLETE


def test_open_circuit_window_follows_the_kind() -> None:
    """A Li/Li cell reads about zero, a discharged or charged LFP cell 2.8 to 4.0 V."""
    li = _segment(load_recipe("li-li-0.2"), load_cell("bare-li-li"))
    lfp = _segment(load_recipe("lfp-200mA-g"), load_cell("bare-lfp"))
    assert (li.guards.open_circuit, lfp.guards.open_circuit) == (VoltageBand(-0.1, 0.1), VoltageBand(2.8, 4.0))


@pytest.mark.parametrize(
    ("until", "time_s", "capacity_ah"),
    [
        ({"time": "1 h"}, None, 0.0011),
        ({"time": "1 h", "voltage": "0.5 V"}, None, 0.0011),
        ({"capacity": "1 mAh"}, 3960.0, None),
        ({"capacity": "1 mAh", "time": "2 h"}, None, None),
    ],
)
def test_li_li_ceiling_is_110_percent_of_the_set_charge(
    until: dict[str, str], time_s: float | None, capacity_ah: float | None
) -> None:
    """The set charge is the capacity, or current times time; what is an end needs no ceiling."""
    ceiling = _first(_recipe(_current(until), kind="li-li", check_block=False), _cell("li-li")).ceiling
    assert (ceiling.time_s, ceiling.capacity_ah) == (time_s, capacity_ah)


@pytest.mark.parametrize(
    ("until", "time_s", "capacity_ah"),
    [
        ({"voltage": "4 V"}, 2 * 3600 * 0.17, 0.000204),
        ({"voltage": "4 V", "time": "6 min"}, None, 0.00011),
        ({"voltage": "4 V", "time": "10 h"}, None, 0.000204),
        ({"capacity": "0.1 mAh"}, 720.0, None),
    ],
)
def test_lfp_ceiling_is_1_2_times_170_mah_per_gram_and_twice_the_expected_time(
    until: dict[str, str], time_s: float | None, capacity_ah: float | None
) -> None:
    """1 mg of LFP holds 0.17 mAh, whatever nominal capacity the cell file states."""
    cell = _cell(active_mass="1 mg", nominal_capacity="5 mAh")
    ceiling = _first(_recipe(_current(until)), cell).ceiling
    assert (ceiling.time_s, ceiling.capacity_ah) == (time_s, capacity_ah)


def test_more_charge_than_a_full_cell_holds_is_refused() -> None:
    """Whether by capacity or by a time that nothing shortens."""
    cell = _cell(active_mass="1 mg")
    for until in ({"capacity": "0.3 mAh"}, {"time": "1 h"}):
        assert "more than 1.2 times the cell's capacity (0.204 mAh)" in _reasons(_recipe(_current(until)), cell)[0]


def test_li_li_step_without_a_set_charge_is_refused() -> None:
    """A voltage alone may never come."""
    reasons = _reasons(_recipe(_current({"voltage": "0.5 V"}), kind="li-li"), _cell("li-li"))
    assert [reason.split(":")[0] for reason in reasons] == [
        "steps[1] has no bound on its charge",
        "steps[1] has no bound on its time (Li/Li)",
    ]


def test_other_kinds_take_the_nominal_capacity_or_must_give_bounds() -> None:
    """A Li/Cu cell without capacity strips to 1 V only if something else bounds it."""
    recipe = _recipe(_current({"voltage": "1 V"}), kind="li-cu", limits=_WIDE)
    assert len(_reasons(recipe, _cell("li-cu"))) == 2
    ceiling = _first(recipe, _cell("li-cu", nominal_capacity="1 mAh")).ceiling
    assert (ceiling.time_s, ceiling.capacity_ah) == (7200.0, 0.0012)
    first_lithiation = _first(
        _recipe(_current({"voltage": "1 V"}), kind="other", limits=_WIDE), _cell("other", nominal_capacity="1 mAh")
    )
    assert first_lithiation.ceiling.capacity_ah == 0.0015


@pytest.mark.parametrize(
    ("current", "needs"), [("1 mA/cm2", "area"), ("100 mA/g", "active_mass"), ("0.5 C", "nominal_capacity")]
)
def test_cell_that_lacks_what_a_unit_needs_is_refused_by_name(current: str, needs: str) -> None:
    """The sentence says what to add."""
    recipe = _recipe(_current({"capacity": "0.1 mAh"}, current))
    assert _reasons(recipe, _cell()) == (
        f"steps[1].current is {current}, but cell mine has no {needs}: add it to the cell.",
    )


def test_cell_of_another_kind_is_refused() -> None:
    """Cutoffs of one kind would ruin another."""
    reasons = _reasons(load_recipe("li-li-0.2"), load_cell("bare-lfp"))
    assert reasons == ("Recipe li-li-0.2 is for li-li; cell bare-lfp is lfp. Choose another recipe or cell.",)


def test_all_reasons_are_given_at_once() -> None:
    """Each step's, with the step as the recipe counts it."""
    inner = {"step": "repeat", "times": 2, "steps": [_current({"voltage": "4 V"}, "1 mA/g")]}
    reasons = _reasons(_recipe(_current({"voltage": "4 V"}, "1 C"), inner), _cell())
    assert [reason.split(" ")[0] for reason in reasons] == ["steps[1].current", "steps[2].steps[1].current"]


def test_recipe_of_rests_only_is_refused() -> None:
    """A run without current has no limits to derive."""
    assert "passes no current" in _reasons(_recipe({"step": "rest", "until": {"time": "1 h"}}), _cell())[0]


def test_c_rate_refers_to_the_nominal_capacity() -> None:
    """Half a C on 0.187 mAh."""
    step = _first(_recipe(_current({"voltage": "4 V"}, "0.5 C")), load_cell("bare-lfp"))
    assert isinstance(step, ConstantCurrent)
    assert step.current_a == 0.0000935


def test_cc_cv_keeps_sign_voltage_and_taper() -> None:
    """And the tail at falling current gets its time."""
    until = {"current": "0.05 C"}
    step = {"step": "cc_cv", "direction": "discharge", "current": "1 C", "voltage": "2.8 V", "until": until}
    found = _first(_recipe(step), load_cell("bare-lfp"))
    assert isinstance(found, CcCv)
    assert (found.current_a, found.voltage_v, found.until) == (-0.000187, 2.8, Until(current_a=0.00000935))
    assert found.ceiling.time_s is not None
    assert 2 * 3600 * 3.1 < found.ceiling.time_s < 2 * 3600 * 3.2


def test_taper_current_not_below_the_set_current_is_refused() -> None:
    """The held voltage would end at once."""
    until = {"current": "1 C", "time": "1 h"}
    step = {"step": "cc_cv", "direction": "charge", "current": "1 C", "voltage": "4 V", "until": until}
    assert "which is not below" in _reasons(_recipe(step), load_cell("bare-lfp"))[0]


def test_held_voltage_takes_the_current_of_the_step_before_as_its_limit() -> None:
    """First of all it has none to take, and is refused."""
    hold = {"step": "constant_voltage", "direction": "charge", "voltage": "4 V", "until": {"time": "1 h"}}
    found = _segment(_recipe(_current({"voltage": "4 V"}, "0.1 mA"), hold), load_cell("bare-lfp")).steps[1]
    assert isinstance(found, ConstantVoltage)
    assert (found.direction, found.current_limit_a) == (Direction.CHARGE, 0.0001)
    assert "give it a current_limit" in _reasons(_recipe(hold), load_cell("bare-lfp"))[0]


def test_record_rule_of_a_step_replaces_the_recipes() -> None:
    """Relative currents count there too."""
    rule = {"every": "1 min", "on_current_change": "0.1 C"}
    step = _first(_recipe(_current({"voltage": "4 V"}, record=rule)), load_cell("bare-lfp"))
    assert step.record == Record(every_s=60.0, current_change_a=0.0000187)


@given(
    density=st.decimals("0.001", "10", places=3),
    hours=st.decimals("0.01", "100", places=2),
    area=st.decimals("0.01", "10", places=4),
)
def test_any_li_li_half_cycle_is_bounded_by_110_percent(density: object, hours: object, area: object) -> None:
    """For any density, time and area the ceiling is 1.1 times the charge, and limits lie above the current."""
    recipe = _recipe(_current({"time": f"{hours} h"}, f"{density} mA/cm2"), kind="li-li", check_block=False)
    segment = _segment(recipe, _cell("li-li", area=f"{area} cm2"))
    step = segment.steps[0]
    assert isinstance(step, ConstantCurrent)
    assert step.until.time_s is not None
    assert step.ceiling.capacity_ah == pytest.approx(1.1 * step.current_a * step.until.time_s / 3600)
    limits = segment.limits
    assert step.current_a < limits.host_current_a < limits.tester_current_a < limits.absolute_current_a
