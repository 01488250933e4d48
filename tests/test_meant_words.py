"""What is misspelt in a recipe or a cell is answered with what to write, in one line at its place."""

from __future__ import annotations

import pytest

from protocols import RecipeError, parse_cell, parse_recipe

_HEAD = "name: mine\ntitle: Mine\nfor: [lfp]\nrecord: {every: 30 s}\n"
_STEP = "- {step: constant_current, direction: charge, current: 0.05 C, until: {voltage: 4.0 V}}\n"
_LOOP = "- step: repeat\n  times: 3\n  steps:\n  - {step: rest, until: {time: 1 h}}\n"
_CELL = "name: one\nkind: lfp\narea: 0.7854 cm2\nactive_mass: 1.1 mg\nworking_electrode: W\n"
_CELL += "counter_electrode: C\nelectrolyte: E\n"


def _answers(text: str) -> list[str]:
    with pytest.raises(RecipeError) as refused:
        parse_cell(text) if text.startswith("name: one") else parse_recipe(text)
    return [f"{problem.field}: {problem.expected}" for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("right", "wrong", "answer"),
    [
        ("voltage: 4.0 V", "voltage: 4,0 V", "steps[1].until.voltage: a decimal point: '4.0 V'"),
        ("voltage: 4.0 V", "time: 1,5 h, voltage: 4.0 V", "steps[1].until.time: a decimal point: '1.5 h'"),
        ("0.05 C", "0,05 C", "steps[1].current: a decimal point: '0.05 C'"),
        ("0.05 C", "0.05 c", "steps[1].current: '0.05 C' (upper and lower case matter)"),
        ("0.05 C", "c/20", "steps[1].current: '0.05 C'"),
        ("0.05 C", "1/20 c", "steps[1].current: '0.05 C'"),
        (
            "0.05 C",
            "[0.1, 0.2] C",
            "steps[1].current: one value; several stand in a block, or in `for_each` around a step",
        ),
        (
            "0.05 C",
            "[0.1 C, 0.2 C]",
            "steps[1].current: one value; several stand in a block, or in `for_each` around a step",
        ),
        ("voltage: 4.0 V", "capacity: 10 %", "steps[1].until.capacity: '10 % of nominal capacity'"),
        ("voltage: 4.0 V", "capacity: 10% of capacity", "steps[1].until.capacity: '10 % of nominal capacity'"),
        ("0.05 C", "0.2 mA cm-2", "steps[1].current: '0.2 mA/cm2'"),
        ("0.05 C", "0.2 mA/cm^2", "steps[1].current: '0.2 mA/cm2'"),
        ("0.05 C", "17 mA g-1", "steps[1].current: '17 mA/g'"),
        ("voltage: 4.0 V", "time: 10 hours", "steps[1].until.time: '10 h'"),
        ("voltage: 4.0 V", "time: 1 h 30 min", "steps[1].until.time: '90 min'"),
        ("until", "untill", "steps[1].untill: the key 'until'"),
        (
            "until: {voltage: 4.0 V}",
            "voltage: 4.0 V",
            "steps[1].voltage: the key 'until' around it: until: {voltage: ...}",
        ),
    ],
)
def test_slip_in_a_step_is_answered_with_what_to_write(right: str, wrong: str, answer: str) -> None:
    """One line, also where the comma in braces begins another key, or a misspelt key leaves its own missing."""
    assert _answers(_HEAD + "steps:\n" + _STEP.replace(right, wrong)) == [answer]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("step:\n" + _STEP, "step: the key 'steps'"),
        ("parameter: {a: 1 h}\nsteps:\n" + _STEP, "parameter: the key 'parameters'"),
        ("Steps:\n" + _STEP, "Steps: the key 'steps'"),
        ("limit: {}\nsteps:\n" + _STEP, "limit: the key 'limits'"),
        ("limits: {host: {min: 2 V, high: 4 V}}\nsteps:\n" + _STEP, "limits.host.min: the key 'low'"),
        ("steps:\n" + _LOOP.replace("times", "cycles"), "steps[1].cycles: the key 'times'"),
        ("steps:\n- rest: 1 h\n", "steps[1]: step: rest, and its keys beside it"),
        ("steps:\n- rest\n", "steps[1]: a block of keys, for a step the first of them 'step:'"),
    ],
)
def test_slip_around_steps_is_answered_with_what_to_write(text: str, answer: str) -> None:
    """Keys of the recipe, its limits and its loops."""
    assert _answers(_HEAD + text) == [answer]


def test_unknown_step_is_answered_with_the_nearest() -> None:
    """Words of other programs are known, and all kinds are told."""
    for word, meant in (
        ("CCCV", "cc_cv"),
        ("Rest", "rest"),
        ("loop", "repeat"),
        ("DCIR", "dc_resistance"),
        ("CCD", "critical_current"),
        ("foreach", "for_each"),
        ("constant current", "constant_current"),
    ):
        (answer,) = _answers(_HEAD + "steps:\n" + _STEP.replace("constant_current", word))
        assert answer.startswith(f"steps[1]: step: {meant}; there are rest, constant_current")
    for wrong in ("steps: constant_current", "type: cc"):
        (answer,) = _answers(_HEAD + "steps:\n" + _STEP.replace("step: constant_current", wrong))
        assert answer.startswith("steps[1]: step: constant_current; there are rest")
    (answer,) = _answers(_HEAD + "steps:\n" + _LOOP.replace("steps:\n  -", "step:\n  -"))
    assert "the list of steps in a repeat is 'steps'" in answer


def test_slip_in_a_cell_is_answered_with_what_to_write() -> None:
    """A diameter is told as the area of its disc, a loading as the mass that is asked for."""
    for right, wrong, answer in (
        ("area: 0.7854 cm2", "diameter: 10 mm", "diameter: the key 'area', for a disc of 10 mm 0.7854 cm2"),
        ("active_mass: 1.1 mg", "loading: 1.4 mg", "loading: the key 'active_mass', of the whole cell: loading x area"),
        ("active_mass", "Active mass", "Active mass: the key 'active_mass'"),
    ):
        assert _answers(_CELL.replace(right, wrong)) == [answer]
