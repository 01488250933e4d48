"""The recipes and cells that can be ordered by name, each with when it was last used."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable, Sequence
from typing import TypeVar

from orchestrator.api import models
from orchestrator.store import FileKind, Origins, Store, Version, Versions
from orchestrator.store.used_names import UsedName, UsedNames
from protocols.document import Document

_Item = TypeVar("_Item", models.RecipeItem, models.CellItem)


async def recipes(store: Store, query: models.NameQuery) -> list[models.RecipeItem]:
    """Return the recipes that a question asks for; what was kept of earlier runs is read on a thread."""
    used = UsedNames(store).recipes() if query.used else []
    versions = Versions(store, FileKind.RECIPE)
    newest = {one.name: one for one in versions.newest()}
    shipped = {item.name: item for item in await asyncio.to_thread(_shipped_recipes)}
    kept: list[tuple[str, Document | None]] = [(one.name, versions.document(one)) for one in newest.values()]
    kept += [(it.name, Origins(store).of(it.run_id).recipe) for it in used if it.name not in {*shipped, *newest}]
    found = await asyncio.to_thread(_kept_recipes, kept)
    told = [item.model_copy(update=_written(newest.get(item.name))) for item in found]
    known = _with_use([*told, *(item for name, item in shipped.items() if name not in newest)], used)
    return [item for item in known if _has(query.search, item.name, item.title, *item.kinds)]


async def cells(store: Store, query: models.NameQuery) -> list[models.CellItem]:
    """Return the cells that a question asks for."""
    used = UsedNames(store).cells() if query.used else []
    versions = Versions(store, FileKind.CELL)
    newest = {one.name: one for one in versions.newest()}
    shipped = await asyncio.to_thread(_shipped_cells)
    written = await asyncio.to_thread(_written_cells, [versions.document(one) for one in newest.values()])
    told = [item.model_copy(update=_written(newest.get(item.name))) for item in written]
    names = {item.name for item in shipped} | set(newest)
    own = [_cell(one.name, one.facts) for one in used if one.name not in names]
    known = _with_use([*told, *own, *(item for item in shipped if item.name not in newest)], used)
    return [item for item in known if _has(query.search, item.name, item.kind)]


def _with_use(items: Sequence[_Item], used: Iterable[UsedName]) -> list[_Item]:
    """Return items with when each was used last, those first that were used last; the others stay in their order."""
    uses = {one.name: one for one in used}
    told = [
        item.model_copy(update={"used_unix_s": use.used_unix_s, "used_in": use.run_id})
        if (use := uses.get(item.name)) is not None
        else item
        for item in items
    ]
    return sorted(told, key=lambda item: -(item.used_unix_s or 0.0))


def _has(search: str, *texts: str) -> bool:
    told = " ".join(texts).casefold()
    return all(word in told for word in search.casefold().split())


def _written(one: Version | None) -> dict[str, object]:
    """Return what is told of what was written on the rig; nothing of what is of an earlier run."""
    if one is None:
        return {}
    return {"version": one.version, "written_by": one.written_by, "written_unix_s": one.at_unix_s}


def _kept_recipes(kept: Sequence[tuple[str, Document | None]]) -> list[models.RecipeItem]:
    from protocols.errors import InputError

    found = []
    for name, document in kept:
        if document is None:
            continue
        try:
            item = _recipe(document)
        except InputError:
            # Of an older cellrig, which understood what this one does not: it cannot be ordered again.
            continue
        found.append(item.model_copy(update={"name": name}))
    return found


def _written_cells(documents: Sequence[Document]) -> list[models.CellItem]:
    from protocols.errors import InputError

    found = []
    for document in documents:
        try:
            found.append(_written_cell(document))
        except InputError:
            # Of an older cellrig: it cannot be ordered any more, and its page says why.
            continue
    return found


@functools.lru_cache(maxsize=256)
def _written_cell(document: Document) -> models.CellItem:
    from protocols.loading import parse_cell

    facts = parse_cell(document.text, document.file).facts()
    return _cell(document.file, {key: getattr(facts, key) for key in ("kind", *_SIZES)})


@functools.lru_cache(maxsize=256)
def _recipe(document: Document) -> models.RecipeItem:
    from protocols.loading import parameters_of, recipe_of

    recipe = recipe_of(document)
    parameters = [models.ParameterItem.model_validate(one.as_dict()) for one in parameters_of(document)]
    kinds = [kind.value for kind in recipe.for_kinds]
    return models.RecipeItem(name=document.file, kinds=kinds, title=recipe.title, parameters=parameters)


@functools.cache
def _shipped_recipes() -> list[models.RecipeItem]:
    from protocols.loading import recipe_document, shipped_recipes

    return [_recipe(document) for document in map(recipe_document, shipped_recipes())]


@functools.cache
def _shipped_cells() -> list[models.CellItem]:
    from protocols.loading import load_cell, shipped_cells

    facts = [(name, load_cell(name).facts()) for name in shipped_cells()]
    return [_cell(name, {key: getattr(it, key) for key in ("kind", *_SIZES)}) for name, it in facts]


_SIZES = ("area_cm2", "active_mass_mg")


def _cell(name: str, facts: object) -> models.CellItem:
    told = facts if isinstance(facts, dict) else {}
    return models.CellItem(name=name, kind=str(told.get("kind") or ""), **{key: told.get(key) for key in _SIZES})
