"""Exchanges recipes with other programs: writes one for a cell, reads one back, and says what is not the same.

>>> from protocols.formats.ours import OURS
>>> sorted(OURS)
['battinfo', 'neware-xml', 'pybamm', 'unicycler']
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.cell import Cell, CellKind
from protocols.errors import InputError
from protocols.formats.differences import differences
from protocols.formats.file_contents import FormatError, Note
from protocols.formats.imported import Imported, imported
from protocols.formats.plan import plan_of
from protocols.formats.recipe_format import RecipeFormat
from protocols.recipe import Recipe
from protocols.resolve import resolve


@dataclass(frozen=True, slots=True)
class Exported:
    """A file for another program.

    ``read_back``: what is other where the file is imported again for the same cell; empty where the program is equal,
    None for a format that is not read.
    """

    data: bytes
    notes: tuple[Note, ...]
    read_back: tuple[str, ...] | None

    @property
    def lost(self) -> tuple[Note, ...]:
        """What of the test itself is not in the file."""
        return tuple(note for note in self.notes if note.is_lost)


def export_recipe(recipe: Recipe, cell: Cell, to: RecipeFormat, unix_s: float) -> Exported:
    """Write a recipe for a cell in a format, and read it again where that can be read.

    Raises ResolveError where the recipe cannot be run with the cell, FormatError where the format cannot hold it.
    """
    if to.write is None:
        raise FormatError(f"{to.name} is read, not written")
    plan = plan_of(recipe, cell)
    written = to.write(plan, unix_s)
    if to.read is None:
        return Exported(written.data, written.notes, None)
    try:
        again = imported(to.read(written.data), written.data, f"{recipe.name}{to.ending}", cell.kind, cell)
        found = differences(plan.program, resolve(again.recipe, cell))
    except InputError as err:
        found = (f"read again it is no recipe for this cell: {err}",)
    return Exported(written.data, written.notes, found)


def import_recipe(data: bytes, file: str, of: RecipeFormat, kind: CellKind, cell: Cell | None = None) -> Imported:
    """Make a recipe for a kind of cell of another program's file. Raises FormatError."""
    if of.read is None:
        raise FormatError(f"{of.name} is written, not read")
    return imported(of.read(data), data, file, kind, cell)
