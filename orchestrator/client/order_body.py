"""The recipe and cell of an order as the service takes them: a shipped name, or the text of a file with its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from protocols.document import Document
from protocols.loading import (
    cell_document,
    load_cell,
    parse_cell,
    recipe_document,
    shipped_cells,
    shipped_recipes,
)

Named = str | Path | Document | None


def order_of_files(recipe: Named, cell: Named, changes: Sequence[str] = ()) -> dict[str, Any]:
    """Return the part of an order's body that tells recipe and cell; what is None is left to the run ``like``.

    The service reads no files of its clients, so that they are read here, with the files of steps that a recipe
    includes; what is set of its parameters goes with it. A cell is judged here, too, unless values are
    set in it. Raises RecipeError or UnknownName.
    """
    body: dict[str, Any] = {"set": list(changes)} if changes else {}
    if cell is not None and not changes:
        _ = parse_cell(cell.text, cell.file) if isinstance(cell, Document) else load_cell(cell)
    parts = (("recipe", recipe, shipped_recipes(), recipe_document),)
    for what, given, shipped, read in (*parts, ("cell", cell, shipped_cells(), cell_document)):
        if given is None:
            continue
        if given in shipped:
            body[what] = given
            continue
        document = given if isinstance(given, Document) else read(given)
        body |= {f"{what}_yaml": document.text, f"{what}_file": document.file}
        if document.included:
            body[f"{what}_included"] = dict(document.included)
        if document.values:
            body["set"] = [*(f"{name}={value}" for name, value in document.values), *changes]
    return body
