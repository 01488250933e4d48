"""What the page that orders a run asks of a recipe before it does: what may be set, and what becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from fastapi import APIRouter

from orchestrator.api import models
from orchestrator.api.order_reading import kept_recipe
from orchestrator.api.parameters import TheStore
from orchestrator.api.tags import Tag
from orchestrator.clock.scaled import in_loop_time
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.pending_orders import ANSWER_WITHIN_S
from protocols.document import Document

router = APIRouter()


@router.post("/recipes/opened", tags=[Tag.SHIPPED])
async def opened(order: models.RecipeText, store: TheStore) -> models.OpenedRecipe:
    """Tell what may be set of a recipe, and the plain steps that it becomes with what is set; nothing is ordered.

    What is wrong in it is told in ``faults``, and the answer is 200 all the same.
    """
    document = kept_recipe(store, order)
    try:
        async with asyncio.timeout(in_loop_time(ANSWER_WITHIN_S)):
            return await asyncio.to_thread(_opened, order, document)
    except TimeoutError:
        raise CommandRefused(f"the recipe was not read within {ANSWER_WITHIN_S:g} s: shorten it") from None


def _opened(order: models.RecipeText, given: Document | None) -> models.OpenedRecipe:
    from protocols.changes import ChangedFile, changed, parse_change
    from protocols.errors import RecipeError, UnknownName
    from protocols.expansion import plain_text
    from protocols.loading import expansion_of, recipe_of

    if given is None:
        raise UnknownName("give either recipe, a name, or recipe_yaml, the text of a file")
    parameters: list[models.ParameterItem] = []
    try:
        wanted = [change for change in map(parse_change, order.set) if change.file is not ChangedFile.CELL]
        document = changed(given, wanted)
        found = expansion_of(document)
        parameters = [models.ParameterItem.model_validate(one.as_dict()) for one in found.parameters]
        recipe = recipe_of(document)
    except RecipeError as err:
        faults = [models.FileFault.model_validate(asdict(problem)) for problem in err.problems]
        return models.OpenedRecipe(name=None, title=None, kinds=[], parameters=parameters, plain=None, faults=faults)
    return models.OpenedRecipe(
        name=recipe.name,
        title=recipe.title,
        kinds=[kind.value for kind in recipe.for_kinds],
        parameters=parameters,
        plain=plain_text(found.root),
        faults=[],
    )
