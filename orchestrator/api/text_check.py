"""Checks the text of a recipe or a cell while it is written: everything that is wrong, help for its keys, what follows.

A long text takes tenths of a second: it is checked on a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.api import models
from orchestrator.api.order_answers import answer
from orchestrator.api.order_check import JudgedBy, planned
from orchestrator.api.order_reading import KeptFiles
from protocols.document import Document
from protocols.errors import RecipeError, RecipeProblem
from protocols.key_help import keys_of
from protocols.usual_bands import UsualBands

RECIPE_FILE, CELL_FILE = "recipe", "cell"


def checked_recipe(
    text: str, cell: str | None, kept: KeptFiles, by: JudgedBy, now_unix_s: float
) -> models.CheckedRecipe:
    """Check the text of a recipe, and tell what follows from it with a cell, where one is named."""
    from protocols.expansion import plain_text
    from protocols.loading import expansion_of, recipe_of

    document = Document(RECIPE_FILE, text)
    problems: Sequence[RecipeProblem] = ()
    name, kinds, plain, parameters = None, [], None, []
    try:
        found = expansion_of(document)
        parameters = [models.ParameterItem.model_validate(one.as_dict()) for one in found.parameters]
        recipe = recipe_of(document)
        name, kinds = recipe.name, [kind.value for kind in recipe.for_kinds]
        plain = plain_text(found.root)
    except RecipeError as err:
        problems = err.problems
    ahead = None
    if cell is not None and not problems:
        order = models.OrderParts(recipe_yaml=text, recipe_file=RECIPE_FILE, cell=cell)
        ahead = answer(planned(order, None, kept, by), None, [], [], now_unix_s)
    return models.CheckedRecipe(
        **_told(text, "recipe", name, problems), kinds=kinds, parameters=parameters, plain=plain, ahead=ahead
    )


def checked_cell(text: str, bands: UsualBands) -> models.CheckedCellText:
    """Check the text of a cell's file, and tell what follows from it."""
    from protocols.cell_quantities import quantities
    from protocols.loading import parse_cell
    from protocols.plausibility import cell_doubts, cell_notes

    try:
        facts = parse_cell(text, CELL_FILE).facts()
    except RecipeError as err:
        told = _told(text, "cell", None, err.problems)
        return models.CheckedCellText(**told, cell=None, quantities=[], doubts=[], notes=[])
    capacity_ah = facts.nominal_capacity_ah
    return models.CheckedCellText(
        **_told(text, "cell", facts.name, ()),
        cell=models.CheckedCell(
            name=facts.name,
            kind=facts.kind,
            area_cm2=facts.area_cm2,
            active_mass_mg=facts.active_mass_mg,
            nominal_capacity_mah=None if capacity_ah is None else capacity_ah * 1000,
        ),
        quantities=[
            models.DerivedQuantity(name=one.name, words=one.words, value=one.value, unit=one.unit, how=one.how)
            for one in quantities(facts)
        ],
        doubts=list(cell_doubts(facts, bands)),
        notes=list(cell_notes(facts, bands)),
    )


def _told(text: str, kind: str, name: str | None, problems: Iterable[RecipeProblem]) -> dict[str, Any]:
    """Return what is told of every text."""
    helps: list[models.HelpOfKey] = []
    places: dict[object, int] = {}
    keys = []
    for one in keys_of(text, kind):
        if (place := places.setdefault(one.help, len(helps))) == len(helps):
            helps.append(models.HelpOfKey.model_validate(one.help))
        keys.append(models.KeyAtLine(line=one.line, column=one.column, help=place))
    told = [_problem(one) for one in sorted(problems, key=lambda it: it.line)]
    return {"name": name, "problems": told, "helps": helps, "keys": keys}


def _problem(one: RecipeProblem) -> models.TextProblem:
    return models.TextProblem(
        file=one.file, line=one.line, field=one.field, seen=one.seen, expected=one.expected, sentence=str(one)
    )
