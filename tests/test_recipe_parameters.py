"""What was set of a recipe goes the whole way: command line, REST, store, reports, and runs like an earlier one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator.client.order_body import order_of_files
from orchestrator.runs.order_files import EarlierRun, OrderFiles, order_files
from orchestrator.runs.request import RunRequest
from orchestrator.store import Origins, Store
from protocols import parse_recipe, resolve, shipped_recipes
from protocols.document import Document
from protocols.errors import RecipeError
from protocols.loading import cell_document, load_cell, plain_of, recipe_document, recipe_of
from protocols.usual_bands import BANDS
from tests.api_client import Client
from tests.command_line import cellrig

_GUIDE = (Path(__file__).parents[1] / "docs" / "recipe-language.md").read_text("utf-8")
_HEAD = "name: mine\ntitle: Mine\nfor: [li-li]\nrecord: {every: 30 s}\n"
_RECIPE = f"""{_HEAD}\
parameters:
  current: {{default: 0.2 mA/cm2, from: 0.01 mA/cm2, to: 1 mA/cm2}}
  time: 1 h
steps:
- include: shared.yaml
  with: {{time: $time}}
- {{step: constant_current, direction: charge, current: $current, until: {{time: $time}}}}
"""
_SHARED = "parameters: {time: 1 h}\nsteps:\n- {step: rest, until: {time: $time}}\n"
_PLAIN = "steps:\n- {step: rest, until: {time: 2 h}}\n"
_PLAIN += "- {step: constant_current, direction: charge, current: 0.3 mA/cm2, until: {time: 2 h}}\n"


def test_recipe_of_the_guide_is_sound_and_becomes_plain_steps() -> None:
    """It runs with a shipped cell, and its plain text is the same recipe."""
    block, _ = re.findall(r"```yaml\n(.*?)```", _GUIDE, re.DOTALL)
    document = Document("ramp.yaml", block)
    recipe = recipe_of(document)
    assert recipe.title == "Li/Li, ramp to 0.3 mA/cm2, then 50 cycles at 0.2 mA/cm2"
    assert parse_recipe(plain_of(document) or "") == recipe
    assert resolve(recipe, load_cell("bare-li-li")).cycling[0].steps


async def test_run_keeps_what_was_set_and_one_like_it_has_it_too(store: Store) -> None:
    """Out of the store alone: included files, values, the plain steps; a later value replaces one of them."""
    recipe = Document("mine.yaml", _RECIPE, (("shared.yaml", _SHARED),))
    changes = ["current=0.3 mA/cm2", "time=2 h"]
    files = order_files(recipe, cell_document("bare-li-li"), None, changes, {"set": changes})
    assert recipe_of(files.recipe) == parse_recipe(_HEAD + _PLAIN)
    run_id = RunRequest(files.program(), "21-1-3", "", files=files).judged(BANDS).add_to(store, "ada")
    origin = Origins(store).of(run_id)
    assert origin.recipe == files.recipe
    assert (origin.recipe.text, (origin.check or {})["plain_recipe"]) == (_RECIPE, plain_of(files.recipe))
    again = order_files(None, None, EarlierRun(run_id, origin), ["time=3 h"])
    assert dict(again.recipe.values) == {"current": "0.3 mA/cm2", "time": "3 h"}
    assert order_files(None, None, EarlierRun(run_id, origin)).program() == files.program()


async def test_run_of_plain_steps_keeps_no_more_than_before(store: Store) -> None:
    """Its settings and its check are what they were."""
    files = OrderFiles(recipe_document("li-li-0.2"), cell_document("bare-li-li"))
    run_id = RunRequest(files.program(), "21-1-3", "", files=files).judged(BANDS).add_to(store)
    origin = Origins(store).of(run_id)
    assert (origin.settings, "plain_recipe" in (origin.check or {})) == ({}, False)


async def test_order_by_rest_sets_parameters_and_brings_included_files(client: Client) -> None:
    """What is set is refused outside of its range, and told with the run."""
    order = {"recipe_yaml": _RECIPE, "recipe_included": {"shared.yaml": _SHARED}, "cell": "coated-li-li"}
    order |= {"channel": "21-1-3", "by": "ada"}
    refused = await client.post("/runs", {**order, "set": ["current=2 mA/cm2"]}, 422)
    assert "0.01 mA/cm2 to 1 mA/cm2" in json.dumps(refused)
    without = await client.post("/runs", {**order, "recipe_included": {}}, 422)
    assert "recipe_included" in json.dumps(without)
    run = await client.post("/runs", {**order, "set": ["current=0.3 mA/cm2"]}, 201)
    assert round(run["steps"][-1]["current_density_ma_per_cm2"], 6) == 0.3
    origin = await client.get(f"/runs/{run['run_id']}/origin")
    assert origin["settings"]["recipe_values"] == {"current": "0.3 mA/cm2"}
    listed = await client.get("/recipes")
    assert [one["name"] for one in listed] == list(shipped_recipes())
    names = {one["name"]: [parameter["name"] for parameter in one["parameters"]] for one in listed}
    assert (names["li-li-0.2"], names["lfp-rate"]) == ([], ["cycles", "charge"])


async def test_page_that_orders_asks_what_may_be_set_and_what_becomes_of_it(client: Client) -> None:
    """Parameters with what is set, plain steps, or the faults with their lines; nothing is ordered."""
    text = {"recipe_yaml": _RECIPE, "recipe_included": {"shared.yaml": _SHARED}, "recipe_file": "mine.yaml"}
    told = await client.post("/recipes/opened", {**text, "set": ["current=0.3 mA/cm2", "time=2 h"]})
    assert parse_recipe(told["plain"]) == parse_recipe(_HEAD + _PLAIN)
    assert [(one["name"], one["value"], one["is_set"]) for one in told["parameters"]] == [
        ("current", "0.3 mA/cm2", True),
        ("time", "2 h", True),
    ]
    wrong = await client.post("/recipes/opened", {**text, "set": ["current=3 mA/cm2"]})
    assert (wrong["plain"], wrong["faults"][0]["line"], len(wrong["parameters"])) == (None, 6, 2)
    await client.post("/recipes/opened", {}, 422)
    assert (await client.get("/runs"))["runs"] == []


@pytest.mark.parametrize(
    "wrong",
    # A rate of a charge that the run measures may be a quarter more than the same rate of the nominal one.
    ["{from: 5C, to: C/20}", "{default: 9 C, to: 5C}", "{defualt: 1 C}", "{default: 1 C of cycle 1, to: 1 C}"],
)
def test_parameter_that_is_wrong_is_told_once(wrong: str) -> None:
    """At its own line, and not again, as a name that is unknown, at each step that uses it."""
    text = f"""
name: mine
title: Mine
for: [lfp]
record: {{every: 60 s}}
parameters:
  rate: {wrong}
steps:
  - {{step: constant_current, direction: charge, current: $rate, until: {{voltage: 4.0 V}}}}
  - {{step: constant_current, direction: discharge, current: $rate, until: {{voltage: 2.8 V}}}}
"""
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "mine.yaml")
    assert [problem.line for problem in caught.value.problems] == [7]


def test_include_that_is_written_as_a_step_is_told_how_it_is_written() -> None:
    """It is no step: the list of the kinds of steps, in which it is not, would not help."""
    with pytest.raises(RecipeError, match=r"step: include; expected '- include: FILE', without 'step:'"):
        parse_recipe(f"{_HEAD}steps:\n- step: include\n  file: shared.yaml\n", "mine.yaml")


def test_order_of_a_document_brings_all_of_it() -> None:
    """A run like one of another store has its included files and its values; what is set now comes last."""
    recipe = Document("mine.yaml", _RECIPE, (("shared.yaml", _SHARED),), (("current", "0.3 mA/cm2"),))
    body = order_of_files(recipe, None, ["time=2 h"])
    assert body["recipe_included"] == {"shared.yaml": _SHARED}
    assert body["set"] == ["current=0.3 mA/cm2", "time=2 h"]


_STEPS_SHOWN = [block for block in re.findall(r"```text\n(- .*?)```", _GUIDE, re.DOTALL) if "include:" not in block]


@pytest.mark.parametrize("steps", _STEPS_SHOWN)
def test_steps_that_the_guide_shows_are_sound(steps: str) -> None:
    """Each of them, in a recipe of its kind of cell."""
    kind = "lfp" if "formation" in steps else "li-li"
    assert parse_recipe(f"{_HEAD.replace('li-li', kind)}steps:\n{steps}").steps


def test_command_line_sets_shows_and_keeps_parameters(tmp_path: Path) -> None:
    """A run of a file with an include, and one like it after both files are gone."""
    (tmp_path / "mine.yaml").write_text(_RECIPE, "utf-8")
    (tmp_path / "shared.yaml").write_text(_SHARED, "utf-8")
    told = json.loads(cellrig("recipe", "show", "mine.yaml", "--parameters", "--json", cwd=tmp_path).stdout)
    assert [one["name"] for one in told["parameters"]] == ["current", "time"]
    sets = ("--set", "current=0.3 mA/cm2", "--set", "time=2 h")
    shown = cellrig("recipe", "show", "mine.yaml", "--expanded", *sets, cwd=tmp_path)
    assert parse_recipe(shown.stdout) == parse_recipe(_HEAD + _PLAIN)
    assert "# line 11, steps[2]\n" in shown.stdout
    checked = cellrig("recipe", "check", "mine.yaml", "--cell", "bare-li-li", "--set", "current=2 mA/cm2", cwd=tmp_path)
    assert checked.returncode == 1
    assert "mine.yaml:6: parameters.current" in checked.stderr
    place = ("--cell", "bare-li-li", "--channel", "21-1-3", "--simulate")
    assert cellrig("run", "mine.yaml", *place, *sets, cwd=tmp_path).returncode == 0
    (tmp_path / "mine.yaml").unlink()
    (tmp_path / "shared.yaml").unlink()
    assert cellrig("run", "--like", "R000001", "--simulate", cwd=tmp_path).returncode == 0
    shown = cellrig("show", "R000002", "--store", "cellrig-simulated.db", cwd=tmp_path)
    assert "--set 'current=0.3 mA/cm2' --set 'time=2 h'" in shown.stdout
    plain = cellrig("recipe", "show", "--run", "R000002", "--expanded", "--store", "cellrig-simulated.db", cwd=tmp_path)
    assert parse_recipe(plain.stdout) == parse_recipe(_HEAD + _PLAIN)
