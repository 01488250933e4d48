"""Recipes load by name or from a file, and every problem is told at once, with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from protocols import (
    RecipeError,
    RecipeProblem,
    UnknownName,
    load_recipe,
    parse_recipe,
    recipe_schema,
    recipe_text,
    shipped_recipes,
)

_RECIPE = """\
name: mine
title: A recipe
for: [lfp]
record: {every: 30 s}
steps:
  - step: rest
    until: {time: 10 min}
  - step: repeat
    times: 5
    steps:
      - step: constant_current
        direction: charge
        current: 200 mA/g
        until: {voltage: 4.0 V}
      - step: constant_current
        direction: discharge
        current: 200 mA/g
        until: {voltage: 2.8 V}
"""


def _problems(text: str) -> tuple[RecipeProblem, ...]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "mine.yaml")
    return caught.value.problems


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_loads_under_its_own_name(name: str) -> None:
    """The name in the file is the name of the file."""
    assert load_recipe(name).name == name


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_record_every_30_s_and_on_5_mv(name: str) -> None:
    """The project's record rule."""
    record = load_recipe(name).record
    assert (str(record.every), str(record.on_voltage_change)) == ("30 s", "5 mV")


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_begin_with_a_comment_for_the_technician(name: str) -> None:
    """What to know before the start stands at the top of the file."""
    text = (Path(__file__).parents[1] / "protocols" / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
    assert [line[0] for line in text.splitlines()[:4]] == ["#"] * 4


def test_recipe_loads_from_a_path(tmp_path: Path) -> None:
    """A file anywhere is as good as a shipped name."""
    path = tmp_path / "mine.yaml"
    path.write_text(_RECIPE, encoding="utf-8")
    assert load_recipe(path) == load_recipe(str(path)) == parse_recipe(_RECIPE)


def test_unknown_name_is_answered_with_the_nearest_and_all() -> None:
    """A slip in a name shows what was meant and what there is."""
    with pytest.raises(UnknownName, match=r"Did you mean li-li-0\.2\?.*Shipped: lfp-200mA-g, .*li-li-0\.2"):
        load_recipe("lili-0.2")


def test_text_of_a_recipe_is_its_file_with_comments() -> None:
    """A technician starts from a shipped file."""
    text = recipe_text("li-li-0.2")
    assert text.startswith("# Stripping and plating")
    assert parse_recipe(text) == load_recipe("li-li-0.2")


def test_folder_is_no_recipe(tmp_path: Path) -> None:
    """A folder in place of a file gives a sentence."""
    with pytest.raises(UnknownName, match="no recipe file"):
        load_recipe(tmp_path)


def test_all_problems_are_told_at_once_in_order_of_lines() -> None:
    """Six mistakes, six lines, with file, line, field, what was seen and what was expected."""
    text = (
        _RECIPE.replace("name: mine", "name: my recipe")
        .replace("30 s", "30")
        .replace("times: 5", "times: five")
        .replace("voltage: 4.0 V", "volts: 4.0 V")
        .replace("direction: discharge", "direction: down")
        .replace("voltage: 2.8 V", "voltage: 2.8 A")
    )
    assert [(one.line, one.field) for one in _problems(text)] == [
        (1, "name"),
        (4, "record.every"),
        (9, "steps[2].times"),
        (14, "steps[2].steps[1].until.volts"),
        (16, "steps[2].steps[2].direction"),
        (18, "steps[2].steps[2].until.voltage"),
    ]


def test_problem_is_one_line_with_file_and_line() -> None:
    """An editor jumps to it."""
    (problem,) = _problems(_RECIPE.replace("200 mA/g", "200 mAh/g", 1))
    assert str(problem).startswith(
        "mine.yaml:13: steps[2].steps[1].current: saw '200 mAh/g', a charge per mass; expected a current or"
    )


def test_missing_key_is_reported_where_it_is_missing() -> None:
    """The line is that of the block that lacks the key."""
    (problem,) = _problems(_RECIPE.replace("        current: 200 mA/g\n", "", 1))
    assert (problem.line, problem.field, problem.seen) == (11, "steps[2].steps[1].current", "nothing")


def test_step_without_kind_or_of_an_unknown_kind_is_told_which_there_are() -> None:
    """The kinds are in the message."""
    for text in (_RECIPE.replace("step: rest", "stop: rest"), _RECIPE.replace("step: rest", "step: dcir")):
        problem = _problems(text)[0]
        assert problem.line == 6
        assert "cc_cv" in problem.expected


def test_later_key_never_wins_over_an_earlier_one() -> None:
    """A key that appears twice is an error that names the first line."""
    (problem,) = _problems(_RECIPE + "name: other\n")
    assert (problem.line, problem.seen) == (19, "the key 'name' a second time")
    assert "line 1" in problem.expected


def test_syntax_error_has_its_line() -> None:
    """YAML's own complaint, in our form."""
    (problem,) = _problems(_RECIPE.replace("{time: 10 min}", "{time: 10 min"))
    assert problem.field == "file"
    assert 7 <= problem.line <= 9


def test_few_aliases_are_allowed() -> None:
    """An anchor saves writing a record rule twice."""
    text = _RECIPE.replace("record: {every: 30 s}", "record: &rule {every: 30 s}").replace(
        "until: {time: 10 min}", "until: {time: 10 min}\n    record: *rule"
    )
    assert parse_recipe(text).steps[0].model_dump(mode="json")["record"]["every"] == "30 s"


def test_comments_and_order_do_not_change_the_hash() -> None:
    """The hash is of what the recipe says."""
    lines = _RECIPE.splitlines()
    other = "\n".join(["# a comment", *lines[1:3], lines[0], *lines[3:]])
    assert parse_recipe(other).sha256 == parse_recipe(_RECIPE).sha256
    assert parse_recipe(_RECIPE.replace("4.0 V", "3.9 V")).sha256 != parse_recipe(_RECIPE).sha256


def test_frozen_copy_of_a_recipe_reads_back() -> None:
    """The JSON that a run keeps is YAML too, once its empty keys are left out: the recipe is whole in it."""
    recipe = load_recipe("lfp-200mA-g")
    assert type(recipe).model_validate_json(recipe.to_json()) == recipe


def test_schema_gives_defaults_as_a_file_would() -> None:
    """An editor that fills in a default writes text that the loader takes: ``1 MHz``."""
    properties = recipe_schema()["$defs"]["EisStep"]["properties"]
    defaults = {name: one["default"] for name, one in properties.items() if "default" in one}
    assert defaults == {"high": "1 MHz", "low": "10 mHz", "amplitude": "10 mV"}
    assert all(re.search(properties[name]["pattern"], default) for name, default in defaults.items())


def test_schema_has_every_kind_of_step_and_no_null() -> None:
    """Editors complete steps, and never offer a null that a file must not hold."""
    text = str(recipe_schema())
    for step in ("rest", "constant_current", "constant_voltage", "cc_cv", "repeat"):
        assert f"'const': '{step}'" in text
    assert "'null'" not in text


def test_text_is_parsed_once_and_refused_each_time() -> None:
    """The same text gives the same frozen value; what is wrong is told again, with the name of its file."""
    text = recipe_text("li-li-0.2")
    assert parse_recipe(text) is parse_recipe(text)
    assert parse_recipe(text + "\n") is not parse_recipe(text)
    for file in ("a.yaml", "b.yaml", "a.yaml"):
        with pytest.raises(RecipeError, match=file):
            parse_recipe("name: [", file)
