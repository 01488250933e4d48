"""The formats in which recipes are exchanged: ours, and those of other packages, found by name or by what a file is.

A package of your own adds one by an entry point of the group ``cellrig.recipe_formats``: its name is the format's, its
object a ``RecipeFormat`` (``protocols.formats.recipe_format``) of that name.
"""

from __future__ import annotations

from orchestrator.export.catalogue import Catalogue
from orchestrator.export.errors import ExportError
from orchestrator.extensions import RECIPE_FORMATS
from protocols.formats.ours import OURS
from protocols.formats.recipe_format import RecipeFormat

CATALOGUE = Catalogue(tuple(OURS.values()), RECIPE_FORMATS, RecipeFormat)


def format_of(data: bytes) -> RecipeFormat:
    """Return the format of which a file is, ours before others. Raises ExportError for a file that none knows."""
    readable = [it for it in CATALOGUE.usable() if it.read is not None]
    found = next((it for it in readable if it.knows(data)), None)
    if found is None:
        names = ", ".join(it.name for it in readable)
        raise ExportError(f"no format of recipes knows this file; say which it is: --from with one of {names}")
    return found
