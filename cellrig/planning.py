"""Resolves recipes for cells and forecasts them: time, currents in all units, charge. Nothing is simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from orchestrator.runs.order_files import order_files
from protocols.cell import Cell
from protocols.document import Document
from protocols.errors import WrongChange
from protocols.expected_path import notes as decision_notes
from protocols.forecast import forecast as forecast_of
from protocols.loading import cell_document, load_cell, load_recipe, parse_cell, recipe_document, recipe_of
from protocols.plausibility import StepValues, plausibility
from protocols.program import Program
from protocols.recipe import Recipe
from protocols.resolve import resolve as resolve_parts

Source: TypeAlias = str | Path | Document
"""A recipe or a cell: the name of a shipped one, the path of a file, or a text with a name (``Document``)."""


@dataclass(frozen=True, slots=True)
class RunForecast:
    """The forecast of a recipe for a cell, from its program alone.

    ``expected_duration_s`` is what a healthy cell takes, ``longest_duration_s`` an upper bound. ``charge_ah`` is the
    sum of magnitudes, both ways; ``records`` a generous estimate; ``cycles`` the number of the last cycle. All are
    infinite where a step has no bound. ``steps`` tells the current of each step, a magnitude, in mA, mA/cm2, mA/g and
    C, None where the cell's file does not allow the unit. ``implausible`` are sentences on what lies outside the usual
    bands for the cell's kind: such a run is refused until a person confirms it. ``notes`` are worth a look.
    ``open_circuit_v`` is the window in which the cell must rest to be started, None if there is none.
    """

    program: Program
    expected_duration_s: float
    longest_duration_s: float
    charge_ah: float
    records: float
    cycles: int
    steps: tuple[StepValues, ...]
    implausible: tuple[str, ...]
    notes: tuple[str, ...]
    open_circuit_v: tuple[float, float] | None


def documents(recipe: Source, cell: Source) -> tuple[Document, Document]:
    """Return the texts of a recipe and a cell. Raises RecipeError or UnknownName."""
    return (
        recipe if isinstance(recipe, Document) else recipe_document(recipe),
        cell if isinstance(cell, Document) else cell_document(cell),
    )


def resolve(recipe: Source | Recipe, cell: Source | Cell, changes: Sequence[str] = ()) -> Program:
    """Return the program of a recipe for a cell: absolute amperes, volts and seconds, signed, step by step.

    ``changes`` are values to set in the files, such as ``"cell.active_mass=1.21 mg"``, and of the recipe's parameters,
    such as ``"current=0.3 mA/cm2"``. Raises ResolveError with every
    reason why there is no such program, RecipeError with every mistake in a file, UnknownName, or WrongChange.
    """
    if isinstance(recipe, Recipe) or isinstance(cell, Cell):
        if changes:
            raise WrongChange("values are set in the text of a file: give recipe and cell by their names or files")
        return resolve_parts(_recipe(recipe), _cell(cell))
    return order_files(*documents(recipe, cell), None, changes).program()


def forecast(recipe: Source | Recipe, cell: Source | Cell, changes: Sequence[str] = ()) -> RunForecast:
    """Return the forecast of a recipe for a cell; ``changes`` and errors are those of ``resolve``."""
    program = resolve(recipe, cell, changes)
    ahead, seen = forecast_of(program), plausibility(program)
    window = program.cycling[0].guards.open_circuit if program.cycling else None
    return RunForecast(
        program=program,
        expected_duration_s=ahead.expected_duration_s,
        longest_duration_s=ahead.planned_duration_s,
        charge_ah=ahead.charge_ah,
        records=ahead.records,
        cycles=ahead.cycles,
        steps=seen.steps,
        implausible=seen.sentences,
        notes=(*seen.notes, *decision_notes(program, ahead.between_s)),
        open_circuit_v=None if window is None else (window.low_v, window.high_v),
    )


def _recipe(recipe: Source | Recipe) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    return recipe_of(recipe) if isinstance(recipe, Document) else load_recipe(recipe)


def _cell(cell: Source | Cell) -> Cell:
    if isinstance(cell, Cell):
        return cell
    return parse_cell(cell.text, cell.file) if isinstance(cell, Document) else load_cell(cell)
