"""Reads the recipe and the cell of an order: shipped names, names of earlier runs, or the texts of files.

What the store has is read on the loop's thread, to which it belongs; what takes long is made on a thread of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from orchestrator.api import models
from orchestrator.api.pages import check_run
from orchestrator.clock.scaled import in_loop_time
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import Terms
from orchestrator.rack.pending_orders import ANSWER_WITHIN_S
from orchestrator.rack.service import Service
from orchestrator.runs.order_files import EarlierRun, OrderFiles, order_files
from orchestrator.runs.request import RunRequest
from orchestrator.store import Origins, Store
from orchestrator.store.used_names import UsedNames
from protocols.document import Document

# Parts of an order that are kept with the run in other places, and those that say when it is carried out.
_NO_SETTINGS = {"recipe", "recipe_yaml", "recipe_file", "recipe_included"}
_NO_SETTINGS |= {"cell", "cell_yaml", "cell_file", "channel", "by", "check_id", "if_free"}


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """The files that an order names and that earlier runs have kept."""

    like: EarlierRun | None = None
    recipe: Document | None = None
    cell: Document | None = None


def kept_files(store: Store, order: models.OrderParts) -> KeptFiles:
    """Return what the store has of an order's files. Raises NoSuchThing for a run ``like`` that is not there."""
    from protocols.loading import shipped_cells, shipped_recipes

    like = recipe = cell = None
    if order.like is not None:
        check_run(store, order.like)
        like = EarlierRun(order.like, Origins(store).of(order.like))
    used = UsedNames(store)
    if order.recipe is not None and order.recipe not in shipped_recipes():
        run_id = used.run_with_recipe(order.recipe)
        recipe = None if run_id is None else Origins(store).of(run_id).recipe
    if order.cell is not None and order.cell not in shipped_cells():
        run_id = used.run_with_cell(order.cell)
        cell = None if run_id is None else Origins(store).of(run_id).cell
    return KeptFiles(like, recipe, cell)


def recipe_of_order(order: models.OrderParts, kept: KeptFiles) -> Document | None:
    """Return the recipe's file as it is given, before anything is set in it; None where none is.

    Raises UnknownName.
    """
    return kept.recipe or order.document() or (kept.like.origin.recipe if kept.like else None)


def cell_of_order(order: models.OrderParts, kept: KeptFiles) -> Document | None:
    """Return the cell's file as it is given, before anything is set in it; None where none is. Raises UnknownName.

    Only names that are shipped, or that a run was ordered with: no client reads this machine's files.
    """
    from protocols.errors import UnknownName
    from protocols.loading import cell_document, shipped_cells

    if order.cell_yaml:
        return Document(order.cell_file or "cell_yaml", order.cell_yaml)
    if order.cell is not None and kept.cell is None:
        if order.cell not in shipped_cells():
            raise UnknownName(f"there is no shipped cell {order.cell!r}; there are {', '.join(shipped_cells())}")
        return cell_document(order.cell)
    return kept.cell or (kept.like.origin.cell if kept.like else None)


def files_of(order: models.OrderParts, kept: KeptFiles) -> OrderFiles:
    """Gather the files of an order, with values set in them. Raises InputError and CannotRun."""
    given = kept.recipe or order.document()
    cell = cell_of_order(order, kept) if order.cell or order.cell_yaml else None
    settings = order.model_dump(exclude_defaults=True, exclude=_NO_SETTINGS)
    return order_files(given, cell, kept.like, order.set, settings)


def request_of(order: models.OrderParts, channel: str, files: OrderFiles) -> RunRequest:
    """Convert an order into a run's program for a channel, proven once for all who ask for the proof later on.

    Raises RecipeError and ResolveError.
    """
    from protocols.proof import prove

    program = files.program()
    if order.accept_voltage:
        program = program.started_at_any_voltage(order.accept_voltage)
    prove(program)
    confirmed_by, second = order.confirm_implausible or "", order.second_person or ""
    return RunRequest(program, channel, order.label, confirmed_by, files=files, second_person=second)


def check_id_of(request: RunRequest) -> str:
    """Return the id of what was checked: of its program, its cell's facts and name, and its channel."""
    told = "\n".join((request.program.sha256, request.channel, request.label))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


async def the_request(service: Service, order: models.StartOrder) -> RunRequest:
    """Read recipe and cell of an order, also out of an earlier run, on a thread: a long one delays no poll.

    Raises NoSuchThing, InputError, and CommandRefused when it takes too long, or is not what was checked.
    """
    service.supervisor_of(order.channel)
    kept = kept_files(service.store, order)
    try:
        async with asyncio.timeout(in_loop_time(ANSWER_WITHIN_S)):
            return await asyncio.to_thread(_checked_request, order, kept)
    except TimeoutError:
        late = f"the recipe was not read and judged within {ANSWER_WITHIN_S:g} s, so nothing is ordered"
        raise CommandRefused(f"{late}: order it again when this machine has less to do, or shorten it") from None


def _checked_request(order: models.StartOrder, kept: KeptFiles) -> RunRequest:
    request = request_of(order, order.channel, files_of(order, kept))
    if order.check_id is not None and order.check_id != check_id_of(request):
        raise CommandRefused(
            "this is not what was checked: the recipe, a value, the cell, its name or the channel is another one now. "
            "Nothing was ordered: check it again and see what follows from it"
        )
    return request


def terms_of(order: models.OrderParts) -> Terms:
    """Return what an order says of its place: it may wait, and which cell is there."""
    return Terms(order.queue, order.mounted or "", order.same_cell)
