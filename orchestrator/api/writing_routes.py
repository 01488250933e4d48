"""The orders that save a version of a recipe or a cell, and the checks of their texts, which save nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter

from orchestrator.api import models, told_errors, written_files
from orchestrator.api.launch_routes import TheDesk, judged_by
from orchestrator.api.order_reading import kept_files
from orchestrator.api.routes import TheService
from orchestrator.api.tags import Tag
from orchestrator.api.text_check import checked_cell, checked_recipe
from orchestrator.api.version_routes import FileNamed
from orchestrator.clock.scaled import in_loop_time
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.pending_orders import ANSWER_WITHIN_S
from orchestrator.rack.service import Service
from orchestrator.store import FileKind

router = APIRouter()
T = TypeVar("T")

_SAVED: Any = {
    "status_code": 201,
    "tags": [Tag.SHIPPED],
    "responses": told_errors.refused("another version was saved meanwhile, or the name is taken"),
}


@router.post("/recipes/check", tags=[Tag.SHIPPED])
async def check_recipe_text(order: models.RecipeTextCheck, service: TheService, desk: TheDesk) -> models.CheckedRecipe:
    """Tell everything that is wrong in the text of a recipe, with help for its keys; nothing is saved.

    With a cell also what follows: currents, times, limits and the course. The answer is 200 for a faulty text too. Few
    texts are checked at once; when too many wait, the answer is 503 with ``Retry-After``.
    """

    async def made() -> models.CheckedRecipe:
        kept = kept_files(service.store, models.OrderParts(cell=order.cell))
        by = judged_by(service)
        return await _in_time(checked_recipe, order.text, order.cell, kept, by, wall_time())

    return await desk.ask(f"recipe text {order.model_dump_json()}", made)


@router.post("/cells/check", tags=[Tag.SHIPPED])
async def check_cell_text(order: models.CellTextCheck, service: TheService, desk: TheDesk) -> models.CheckedCellText:
    """Tell everything that is wrong in the text of a cell's file, and what follows from it; nothing is saved."""

    async def made() -> models.CheckedCellText:
        return await _in_time(checked_cell, order.text, judged_by(service).bands)

    return await desk.ask(f"cell text {order.model_dump_json()}", made)


@router.post("/recipes/{name}", **_SAVED)
async def save_recipe(name: FileNamed, order: models.SaveOrder, service: TheService) -> models.FileVersion:
    """Save the next version of a recipe of this rig. No version is ever changed, and none is removed.

    The text is sound and bears the name; a name that is shipped cannot be taken.
    """
    return await _saved(service, FileKind.RECIPE, name, order)


@router.post("/cells/{name}", **_SAVED)
async def save_cell(name: FileNamed, order: models.SaveOrder, service: TheService) -> models.FileVersion:
    """Save the next version of a cell of this rig. No version is ever changed, and none is removed."""
    return await _saved(service, FileKind.CELL, name, order)


async def _saved(service: Service, kind: FileKind, name: str, order: models.SaveOrder) -> models.FileVersion:
    written_files.check_name(kind, name)
    await _in_time(written_files.check_sound, kind, name, order.text)
    # The store belongs to the thread of the loop.
    return written_files.as_model(written_files.save(service.store, kind, name, order, wall_time()))


async def _in_time(work: Callable[..., T], *given: object) -> T:
    try:
        async with asyncio.timeout(in_loop_time(ANSWER_WITHIN_S)):
            return await asyncio.to_thread(work, *given)
    except TimeoutError:
        late = f"the text was not read and judged within {ANSWER_WITHIN_S:g} s: shorten it, or try again later"
        raise CommandRefused(late) from None
