"""Checks an order before it is given: what follows from its files, and every reason against it, by field and code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers.errors import CannotRun
from orchestrator.api import models
from orchestrator.api.order_reading import (
    KeptFiles,
    cell_of_order,
    check_id_of,
    files_of,
    recipe_of_order,
    request_of,
)
from orchestrator.preflight.outlook import Outlook, outlook
from orchestrator.rack.order_reasons import OrderReason, Value
from orchestrator.runs.request import RunRequest
from protocols.cell import Cell
from protocols.changeable import Changeable, changeable
from protocols.document import Document
from protocols.errors import InputError, RecipeError, ResolveError, UnknownName, WrongChange
from protocols.recipe import Recipe
from protocols.usual_bands import UsualBands


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """What a service judges an order by: whether people move leads here, and which values are usual."""

    moves_leads: bool
    bands: UsualBands
    second_person_factor: float


@dataclass(slots=True)
class PlannedOrder:
    """What is known of an order without asking an instrument: ``request`` and ``ahead`` are None until it is whole."""

    recipe: Recipe | None = None
    cell: Cell | None = None
    fields: list[Changeable] = field(default_factory=list)
    reasons: list[OrderReason] = field(default_factory=list)
    request: RunRequest | None = None
    ahead: Outlook | None = None
    check_id: str = ""


def planned(
    order: models.OrderParts, channel: str | None, kept: KeptFiles, by: JudgedBy, *, draw: bool = True
) -> PlannedOrder:
    """Read an order as far as it goes, and say what follows from it. It takes up to tenths of a second.

    What is wrong is told in ``reasons``; nothing is raised for it. ``draw``: its course is drawn.
    """
    found = PlannedOrder()
    recipe = _read(found, order, kept, "recipe")
    cell = _read(found, order, kept, "cell")
    if recipe is not None:
        _open_recipe(found, recipe)
    _judge_label(found, order)
    if recipe is None or cell is None:
        _read_alone(found, recipe, cell)
        return found
    _resolve(found, order, channel or "", kept)
    if found.request is not None:
        found.ahead = outlook(
            found.request.program,
            moves_leads=by.moves_leads,
            bands=by.bands,
            factor=by.second_person_factor,
            draw=draw,
        )
        found.check_id = check_id_of(found.request) if channel else ""
    return found


def _read(found: PlannedOrder, order: models.OrderParts, kept: KeptFiles, what: str) -> Document | None:
    """Return the file of a recipe or a cell; None where it is not given, or there is none."""
    read = recipe_of_order if what == "recipe" else cell_of_order
    try:
        document = read(order, kept)
    except UnknownName as err:
        name = (order.recipe if what == "recipe" else order.cell) or ""
        found.reasons.append(OrderReason(f"{what}.unknown", what, str(err), {"name": name}))
        return None
    if document is None:
        if order.like is not None:
            words = f"the {what} of {order.like} was not kept: choose it by name"
            found.reasons.append(OrderReason(f"{what}.not_kept", what, words, {"run": order.like}))
        else:
            found.reasons.append(OrderReason(f"{what}.missing", what, f"choose a {what}"))
    return document


def _open_recipe(found: PlannedOrder, recipe: Document) -> None:
    """Tell what may be set of a recipe, as it stands before anything is set."""
    try:
        found.fields = changeable(recipe)
    except InputError:
        # What is wrong in it is told when it is read with what is set.
        found.fields = []


def _read_alone(found: PlannedOrder, recipe: Document | None, cell: Document | None) -> None:
    """Read the one of both files that is given, as it stands."""
    from protocols.loading import parse_cell, recipe_of

    try:
        found.recipe = None if recipe is None else recipe_of(recipe)
        found.cell = None if cell is None else parse_cell(cell.text, cell.file)
    except RecipeError as err:
        found.reasons += _problems(err, "cell" if recipe is None else "recipe")
    except WrongChange as err:
        found.reasons.append(OrderReason("set.wrong", "set", str(err)))


def _judge_label(found: PlannedOrder, order: models.OrderParts) -> None:
    if order.mounted and order.same_cell:
        words = "say either which cell is there now, or that it is the same cell"
        found.reasons.append(OrderReason("label.two_words", "label", words))


def _resolve(found: PlannedOrder, order: models.OrderParts, channel: str, kept: KeptFiles) -> None:
    """Read both files with what is set in them, and make the program of them; errors become reasons."""
    from protocols.loading import parse_cell, recipe_of

    try:
        files = files_of(order, kept)
        try:
            found.recipe = recipe_of(files.recipe)
        except RecipeError as err:
            found.reasons += _problems(err, "recipe")
        try:
            found.cell = parse_cell(files.cell.text, files.cell.file)
        except RecipeError as err:
            found.reasons += _problems(err, "cell")
        if found.recipe is None or found.cell is None:
            return
        if found.cell.kind not in found.recipe.for_kinds:
            found.reasons.append(_wrong_kind(found.recipe, found.cell))
            return
        found.request = request_of(order, channel, files)
    except WrongChange as err:
        found.reasons.append(OrderReason("set.wrong", "set", str(err)))
    except ResolveError as err:
        found.reasons += [OrderReason("recipe.unfit", "recipe", reason) for reason in err.reasons]
    except RecipeError as err:
        found.reasons += _problems(err, "recipe")
    except (InputError, CannotRun) as err:
        found.reasons.append(OrderReason("order.refused", "", str(err)))


def _problems(err: RecipeError, what: str) -> Iterator[OrderReason]:
    for one in err.problems:
        values: dict[str, Value] = {
            "file": one.file,
            "line": one.line,
            "at": one.field,
            "seen": one.seen,
            "expected": one.expected,
        }
        place = "set" if one.field.startswith("parameters") else what
        yield OrderReason(f"{what}.faulty", place, str(one), values)


def _wrong_kind(recipe: Recipe, cell: Cell) -> OrderReason:
    kinds = ", ".join(kind.value for kind in recipe.for_kinds)
    words = f"{recipe.name} is for {kinds} cells; {cell.name} is {cell.kind.value}. Choose another recipe or cell."
    return OrderReason(
        "launch.kind",
        "recipe",
        words,
        {"recipe": recipe.name, "kinds": kinds, "cell": cell.name, "kind": cell.kind.value},
    )
