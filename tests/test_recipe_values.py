"""Values of a recipe as people write them: rates as fractions, shares of a capacity, lists and ranges."""

from __future__ import annotations

import pytest

from protocols import ConstantCurrent, RecipeError, ResolveError, load_cell, parse_cell, parse_recipe, resolve

_RECIPE = """\
name: mine
title: A recipe
for: [lfp]
record: {every: 30 s}
steps:
- step: constant_current
  direction: charge
  current: C/20
  until: {capacity: 10 % of nominal capacity, voltage: 4.0 V}
"""


def test_rate_and_share_are_of_the_nominal_capacity() -> None:
    """C/20 of 0.187 mAh is 9.35 uA, a tenth of it 18.7 uAh."""
    (step,) = resolve(parse_recipe(_RECIPE), load_cell("bare-lfp")).cycling[0].steps
    assert isinstance(step, ConstantCurrent)
    assert (step.current_a, step.until.capacity_ah) == (9.35e-6, 1.87e-5)


def test_share_needs_a_cell_that_knows_its_capacity() -> None:
    """A Li/Li cell without a nominal capacity is told both places that need one."""
    with pytest.raises(ResolveError) as refused:
        resolve(parse_recipe(_RECIPE.replace("[lfp]", "[li-li]").replace("4.0 V", "0.4 V")), load_cell("bare-li-li"))
    # The first reason is the contact check's, which takes the same current.
    assert [reason.split(" is ")[0] for reason in refused.value.reasons[1:]] == [
        "steps[1].current",
        "steps[1].until.capacity",
    ]


def test_capacity_of_a_cell_is_no_share_of_itself() -> None:
    """The nominal capacity itself is a charge, of the cell, its area or its mass."""
    text = "name: one\nkind: lfp\nnominal_capacity: 10 % of nominal capacity\nworking_electrode: W\n"
    with pytest.raises(RecipeError, match="a share of the nominal capacity"):
        parse_cell(f"{text}counter_electrode: C\nelectrolyte: E\n")


def test_share_of_the_nominal_capacity_decides_too() -> None:
    """A loop ends when its cell gives less than half of 0.187 mAh."""
    loop = "- step: repeat\n  times: 3\n  until: {capacity_below: 50 % of nominal capacity}\n  steps:\n"
    inside = _RECIPE.partition("steps:\n")[2].replace("- step", "  - step").replace("\n  ", "\n    ")
    program = resolve(parse_recipe(f"{_RECIPE.partition('steps:')[0]}steps:\n{loop}{inside}"), load_cell("bare-lfp"))
    assert [branch.below for segment in program.segments for branch in segment.after] == [9.35e-5] * 3
