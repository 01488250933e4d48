"""What an order on the command line gives: recipe, cell and channel, or an earlier run whose they are, and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from orchestrator.runs.order_files import OrderFiles


@dataclass(frozen=True, slots=True)
class Given:
    """Recipe, cell and channel as they were typed; of those that are None, the ones of the run ``like`` count.

    ``like_from`` is the store with that run, ``changes`` are values to set in the texts of recipe and cell.
    """

    recipe: str | None
    cell: str | None
    channel: str | None
    like: str = ""
    like_from: Path | None = None
    changes: tuple[str, ...] = ()

    def check(self) -> None:
        """Check that nothing is missing. Raises BadParameter."""
        missing = {"RECIPE": self.recipe, "--cell": self.cell, "--channel": self.channel}
        if not self.like and (names := [name for name, value in missing.items() if value is None]):
            raise typer.BadParameter(f"give {', '.join(names)}, or an earlier run with --like RUN")
        if self.like_from is not None and not self.like:
            raise typer.BadParameter("--from names the store of the run that --like names")


@dataclass(frozen=True, slots=True)
class Gathered:
    """An order with all its parts. ``before`` are the settings of the earlier run, if it was simulated."""

    files: OrderFiles
    channel: str
    before: Mapping[str, Any]


def gathered(given: Given, store: Path, settings: Mapping[str, Any]) -> Gathered:
    """Read the files of an order, and an earlier run from its store alone.

    Raises RecipeError, UnknownName, WrongChange, CannotRun, and StoreError for no such run.
    """
    from orchestrator.runs.order_files import EarlierRun, order_files
    from orchestrator.store import Origins, open_store
    from protocols.loading import cell_document, recipe_document

    recipe = recipe_document(given.recipe) if given.recipe is not None else None
    cell = cell_document(given.cell) if given.cell is not None else None
    like, channel, before = None, given.channel, {}
    if given.like:
        with open_store(given.like_from or store, read_only=True) as opened:
            row, origin = opened.run(given.like), Origins(opened).of(given.like)
        like = EarlierRun(given.like, origin)
        channel = channel or row.channel
        before = dict(origin.settings or {}) if row.simulated else {}
    kept = {"like": given.like, "from": str(given.like_from or ""), "set": list(given.changes), **settings}
    said = {name: value for name, value in kept.items() if value}
    return Gathered(order_files(recipe, cell, like, given.changes, said), channel or "", before)
