"""Loads recipes and cells with values set, and shows what a recipe stands for: its parameters, its plain steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from protocols.cell import Cell
    from protocols.document import Document
    from protocols.expansion import ParameterValue
    from protocols.recipe import Recipe


def set_recipe(name: str, changes: Sequence[str]) -> Recipe:
    """Load a recipe with values set. Raises RecipeError, UnknownName and WrongChange."""
    from protocols.changes import ChangedFile, changed, parse_change
    from protocols.loading import recipe_document, recipe_of

    wanted = [change for change in map(parse_change, changes) if change.file is not ChangedFile.CELL]
    return recipe_of(changed(recipe_document(name), wanted))


def set_cell(name: str, changes: Sequence[str]) -> Cell:
    """Load a cell with values set. Raises RecipeError, UnknownName and WrongChange."""
    from protocols.changes import ChangedFile, changed, parse_change
    from protocols.loading import cell_document, parse_cell

    wanted = [change for change in map(parse_change, changes) if change.file is ChangedFile.CELL]
    document = changed(cell_document(name), wanted)
    return parse_cell(document.text, document.file)


def show_opened(document: Document, changes: Sequence[str], *, json: bool, steps: bool) -> None:
    """Print the plain steps of a recipe, or its parameters, with values set. Raises RecipeError and WrongChange."""
    from protocols.changes import ChangedFile, changed, parse_change
    from protocols.errors import WrongChange
    from protocols.expansion import plain_text
    from protocols.loading import expansion_of, recipe_of

    parsed = [parse_change(text) for text in changes]
    if of_cell := [str(change) for change in parsed if change.file is ChangedFile.CELL]:
        raise WrongChange(f"--set {of_cell[0]}: no cell is shown here")
    document = changed(document, parsed)
    found = expansion_of(document)
    if not steps:
        _tell_parameters(document.file, found.parameters, json=json)
        return
    recipe = recipe_of(document)
    plain = plain_text(found.root)
    if not json:
        typer.echo(plain, nl=False)
        return
    told = [one.as_dict() for one in found.parameters]
    print_json({"recipe": recipe.name, "sha256": recipe.sha256, "parameters": told, "plain": plain})


def _tell_parameters(file: str, parameters: Sequence[ParameterValue], *, json: bool) -> None:
    if json:
        print_json({"recipe": file, "parameters": [one.as_dict() for one in parameters]})
        return
    if not parameters:
        say(f"{file} has no parameters")
        return
    rows = [(one.name, one.value or "to be set", one.allowed, one.why) for one in parameters]
    print_table(("parameter", "value", "allowed", "why"), rows)
