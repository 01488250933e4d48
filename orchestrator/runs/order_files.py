"""The files that a run is ordered with: given with the order, or those of an earlier run out of the store alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drivers.errors import CannotRun
from orchestrator.store import Origin
from protocols.changes import ChangedFile, changed, parse_change
from protocols.document import Document
from protocols.loading import parse_cell, recipe_of
from protocols.program import Program
from protocols.resolve import resolve


@dataclass(frozen=True, slots=True)
class OrderFiles:
    """The files of an order, whole, and the ``settings`` that were given beside them, by name."""

    recipe: Document
    cell: Document
    settings: Mapping[str, Any] = field(default_factory=dict)

    def program(self) -> Program:
        """Resolve the files. Raises RecipeError or ResolveError."""
        return resolve(recipe_of(self.recipe), parse_cell(self.cell.text, self.cell.file))


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run whose files another one is ordered with."""

    run_id: str
    origin: Origin


def order_files(
    recipe: Document | None,
    cell: Document | None,
    like: EarlierRun | None,
    changes: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> OrderFiles:
    """Gather the files of an order: those given, the others those of an earlier run, with values set in their texts.

    ``changes`` are such as ``cell.area=1.131 cm2``, and ``current=0.3 mA/cm2`` for a parameter of the recipe. Raises
    CannotRun for a run whose files were not kept, WrongChange for a value that cannot be set, RecipeError for a file
    that is none.
    """
    recipe = recipe or _kept(like, "recipe", like.origin.recipe if like else None)
    cell = cell or _kept(like, "cell", like.origin.cell if like else None)
    parsed = [parse_change(text) for text in changes]
    return OrderFiles(
        changed(recipe, [change for change in parsed if change.file is not ChangedFile.CELL]),
        changed(cell, [change for change in parsed if change.file is ChangedFile.CELL]),
        settings or {},
    )


def _kept(like: EarlierRun | None, what: str, document: Document | None) -> Document:
    if like is None:
        raise CannotRun(f"the order has no {what}, and names no earlier run whose {what} it is")
    if document is None:
        raise CannotRun(
            f"the {what} file of {like.run_id} was not kept: the run is of an older cellrig, or was ordered without "
            f"one. Give the {what} by its name or file beside it"
        )
    return document
