"""The JSON Schema of recipe files takes what the loader takes, in whichever way it is written."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from protocols import RecipeError, parse_recipe, recipe_schema, recipe_text, shipped_recipes
from protocols.blocks import BLOCKS
from protocols.errors import InputError

_GUIDE = (Path(__file__).parents[1] / "docs" / "recipe-language.md").read_text("utf-8")
_RECIPE, _MEASURED = re.findall(r"```yaml\n(.*?)```", _GUIDE, re.DOTALL)
_VALIDATOR = jsonschema_rs.validator_for(recipe_schema())


def _read(text: str) -> Any:  # noqa: ANN401 - what an editor makes of YAML
    # An editor knows YAML alone; in quotes a list with a unit is read the same.
    return YAML(typ="safe").load(re.sub(r"(\[[^]]*\] [a-zA-Z/0-9]+)", r'"\1"', text))


@pytest.mark.parametrize(
    "text",
    [_RECIPE, _MEASURED, *map(recipe_text, shipped_recipes())],
    ids=["guide", "guide, measured", *shipped_recipes()],
)
def test_recipe_that_loads_is_valid(text: str) -> None:
    """Shipped recipes, and the guide's with parameters, lists, a phase and a block, and with what is measured."""
    assert not list(_VALIDATOR.iter_errors(_read(text)))
    assert parse_recipe(text).steps


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("direction: charge", "direction: chage"),
        ("watched_rest", "wached_rest"),
        ("from: 0.01", "fro: 0.01"),
        ("times: $cycles", "times: cycles"),
    ],
)
def test_slip_is_invalid(right: str, wrong: str) -> None:
    """An editor underlines what the loader refuses."""
    text = _RECIPE.replace(right, wrong, 1)
    assert list(_VALIDATOR.iter_errors(_read(text)))
    with pytest.raises(RecipeError):
        parse_recipe(text)


def test_list_with_a_unit_is_read_the_same_in_quotes() -> None:
    """For editors, which refuse what is no YAML."""
    assert parse_recipe(_RECIPE.replace("[0.05, 0.1] mA/cm2", '"[0.05, 0.1] mA/cm2"')) == parse_recipe(_RECIPE)


def test_every_block_has_its_row_in_the_guide_with_each_of_its_keys() -> None:
    """What a technician may write is there, and nothing else is."""
    for kind, block in BLOCKS.items():
        (row,) = re.findall(rf"^\| `{kind}` \|(.*)\|.*\|$", _GUIDE, re.MULTILINE)
        keys = {field.alias or name for name, field in block.model_fields.items()} - {"step", "record", "temperature"}
        assert {word for word in re.findall(r"`(\w+)`", row) if word in keys} == keys


_LINES = _RECIPE.splitlines()


@settings(max_examples=40)
@given(
    drawn=st.lists(st.tuples(st.integers(0, len(_LINES) - 1), st.integers(0, len(_LINES) - 1)), min_size=1, max_size=3),
    cut=st.tuples(st.integers(0, 60), st.sampled_from(("", "$", "[", "from ", ": ", "0", "- ", "{"))),
)
def test_any_spoiled_recipe_is_read_or_refused(drawn: list[tuple[int, int]], cut: tuple[int, str]) -> None:
    """Lines in other places, and letters in them: nothing but a sentence comes of it."""
    lines = list(_LINES)
    for at, to in drawn:
        line = lines[at]
        lines[to] = line[: cut[0]] + cut[1] + line[cut[0] :]
    with contextlib.suppress(InputError):
        parse_recipe("\n".join(lines))
