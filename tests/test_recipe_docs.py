"""What docs/recipes.md says is true."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

from protocols import RecipeError, load_cell, parse_cell, parse_recipe, resolve, shipped_cells, shipped_recipes
from protocols.cell import Cell
from protocols.plausibility import plausibility
from protocols.proof import Proof, prove
from protocols.quantities import UNITS
from protocols.recipe import Recipe

_DOCS = Path(__file__).parents[1] / "docs"
_GUIDE = (_DOCS / "recipes.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"```yaml\n(.*?)```", _GUIDE, re.DOTALL)


@pytest.mark.parametrize(
    "module",
    [
        *("", ".quantities", ".loading", ".resolve", ".channel_envelope", ".forecast"),
        *(
            ".cell_amounts",
            ".likely_slips",
            ".loads",
            ".measured_amounts",
            ".measured_source",
            ".normalised",
            ".plausibility",
            ".usual_bands",
        ),
        *(".blocks", ".expansion.parameters", ".value_lists"),
    ],
)
def test_session_in_a_docstring_runs(module: str) -> None:
    """Modules show a session, and it is true."""
    found = doctest.testmod(importlib.import_module(f"protocols{module}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_guide_has_two_recipes_and_a_cell() -> None:
    """The guide's three blocks are the ones that the next test loads."""
    assert len(_BLOCKS) == 3


def test_every_block_of_the_guide_loads_and_fits_together() -> None:
    """The recipes of the guide resolve for the cell of the guide."""
    recipe, cell = parse_recipe(_BLOCKS[0]), parse_cell(_BLOCKS[1])
    steps = resolve(recipe, cell).cycling[0].steps
    assert [step.kind for step in steps] == [
        "rest",
        "constant_current",
        "constant_current",
        "loop",
        "cc_cv",
        "constant_current",
        "loop",
    ]
    kinds = [step.kind for step in resolve(parse_recipe(_BLOCKS[2]), cell).cycling[0].steps]
    assert kinds == ["cc_cv", "constant_power", "constant_power", "constant_resistance"]


def test_guide_shows_messages_as_they_are() -> None:
    """The messages of the guide are what a file with these two mistakes gives."""
    text = """\
name: mine
title: Two mistakes
for: [li-li]
record:
  every: 30 s
steps:
  - step: constant_current
    direction: charge
    current: 0.2 MA/cm2
    until: {voltage: 0.5, time: 1 h}
"""
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "mine.yaml")
    for line in str(caught.value).splitlines():
        assert line in _GUIDE


def test_every_shipped_name_is_in_the_guide() -> None:
    """A technician finds all shipped cells in the guide, and all recipes in the library, each with its course."""
    assert [name for name in shipped_cells() if f"`{name}`" not in _GUIDE] == []
    library = (_DOCS / "recipe-library.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(.+?)` \|.*\(pictures/recipes/(.+?)\.png\) \|$", library, re.MULTILINE))
    assert rows == {name: name for name in shipped_recipes()}


def test_pictures_of_the_library_are_small() -> None:
    """All of them together are below 1 MB, and there is none of a recipe that is gone."""
    pictures = list((_DOCS / "pictures" / "recipes").iterdir())
    assert {picture.stem for picture in pictures} == set(shipped_recipes())
    assert sum(picture.stat().st_size for picture in pictures) < 1_000_000


def _recipes_of_the_pages() -> list[tuple[str, str]]:
    """Give every whole recipe that a page shows, with the page."""
    blocks = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
    found = [
        (page.name, text) for page in sorted(_DOCS.glob("*.md")) for text in blocks.findall(page.read_text("utf-8"))
    ]
    return [(page, text) for page, text in found if re.search(r"^steps:", text, re.MULTILINE)]


def test_every_recipe_of_the_pages_is_proven_and_plausible() -> None:
    """What a page shows can be run as it stands, on a shipped cell of its kind."""
    found = _recipes_of_the_pages()
    assert {page for page, _ in found} >= {"recipes.md", "recipe-language.md", "recipes-that-decide.md"}
    for page, text in found:
        recipe = parse_recipe(text, page)
        cells = [cell for cell in map(load_cell, shipped_cells()) if cell.kind in recipe.for_kinds]
        program = resolve(recipe, cells[0])
        assert isinstance(prove(program), Proof), (page, recipe.name)
        assert plausibility(program).sentences == (), (page, recipe.name)


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_every_unit_is_in_the_guide(unit: str) -> None:
    """The guide's table of units is complete."""
    assert f"`{unit}`" in _GUIDE


@pytest.mark.parametrize("field", sorted({"for", *Recipe.model_fields, *Cell.model_fields} - {"for_kinds"}))
def test_every_key_is_in_the_guide(field: str) -> None:
    """The guide has all keys of recipe and cell files."""
    assert f"`{field}`" in _GUIDE
