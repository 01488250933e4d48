"""Recipes: the list, the page of one with its versions, runs, steps and course, and the editor."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestrator.api import models, written_files
from orchestrator.api.named_items import cells, recipes
from orchestrator.dashboard.asking import form_of
from orchestrator.dashboard.launch_view import LaunchView
from orchestrator.dashboard.order_form import LaunchForm
from orchestrator.dashboard.pages import PageContext, page
from orchestrator.dashboard.writing import (
    Draft,
    Refusal,
    asked,
    asked_version,
    compared,
    free_name,
    renamed,
    saved,
    seen_at,
    versions_of,
)
from orchestrator.rack.claims import NoSuchThing
from orchestrator.store import FileKind, Versions

router = APIRouter()
_KIND = FileKind.RECIPE
_USED = models.NameQuery(used=True)
_LONGEST = 100
_BEGINNING = """\
name: my-recipe
title: What it does, in a line
for: [li-li]
record: {every: 30 s}
steps:
  - {step: rest, until: {time: 10 min}}
  - step: repeat
    times: 10
    steps:
      - {step: constant_current, direction: charge, current: 0.1 mA/cm2, until: {time: 1 h, voltage: 0.5 V}}
      - {step: constant_current, direction: discharge, current: 0.1 mA/cm2, until: {time: 1 h, voltage: -0.5 V}}
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """What follows from a text with a cell: the cells to choose from, the chosen one, and the check, None unchecked."""

    cells: list[models.CellItem]
    cell: str
    check: Mapping[str, Any] | None
    view: LaunchView | None


@router.get("/recipes")
async def recipe_list(request: Request) -> Response:
    """List the recipes whose name, title or kind has the words of the address."""
    given = request.query_params.get("q", "")[:_LONGEST].strip()
    found = await recipes(request.app.state.stored(), models.NameQuery(used=True, search=given))
    shipped = set(written_files.shipped_names(_KIND))
    return page(request, "recipes.html", title_code="page.recipes", found=found, given=given, shipped=shipped)


@router.get("/recipes/new")
async def new_recipe(request: Request) -> Response:
    """Show the editor with a copy of a recipe, or with the beginning of one."""
    store, of = request.app.state.stored(), request.query_params.get("copy", "")
    text = _BEGINNING
    if of:
        taken = {item.name for item in await recipes(store, _USED)}
        text = renamed(written_files.named_file(store, _KIND, of, asked_version(request)).text, free_name(of, taken))
    return await _editor(request, Draft(_KIND, text), request.query_params.get("cell"), copied=of)


@router.get("/recipes/{name}")
async def recipe(name: str, request: Request) -> Response:
    """Show a recipe: its versions and their runs, its text and steps, its course for a cell, what differs."""
    store = request.app.state.stored()
    shown = written_files.named_file(store, _KIND, name, asked_version(request))
    preview = await _preview(request, shown.text, request.query_params.get("cell"))
    return page(
        request, "recipe.html", title_code="page.recipes", shown=shown, preview=preview,
        versions=versions_of(store, _KIND, name), compared=compared(request, _KIND, name),
        done=request.query_params.get("done", ""),
    )  # fmt: skip


@router.get("/recipes/{name}/edit")
async def edit_recipe(name: str, request: Request) -> Response:
    """Show the editor with a recipe of the rig's own; an older version becomes the next one when it is saved."""
    store = request.app.state.stored()
    shown = written_files.named_file(store, _KIND, name, asked_version(request))
    if shown.newest is None:
        raise NoSuchThing(f"{name} was not written on this rig: copy it, and write the copy")
    draft = Draft(_KIND, shown.text, name, shown.newest, shown.newest)
    return await _editor(request, draft, request.query_params.get("cell"))


@router.post("/act/recipes")
async def act_recipes(request: Request) -> Response:
    """Check what was written, or save it; what is not saved stands in the editor again, with the reason."""
    form = await form_of(request)
    draft, cell = Draft.given(_KIND, form, form.get("text", "")), form.get("cell", "")
    act = form.get("act")
    if act not in {"save", "over"}:
        return await _editor(request, draft, cell, copied=form.get("copied", ""))
    came = await saved(request, draft, form.get("key", ""), over=act == "over")
    if isinstance(came, str):
        return seen_at(f"{came}&cell={cell}" if cell.isascii() and cell else came)
    return await _editor(request, draft, cell, came, copied=form.get("copied", ""))


async def _editor(
    request: Request, draft: Draft, cell: str | None, refusal: Refusal | None = None, copied: str = ""
) -> Response:
    preview = await _preview(request, draft.text, cell)
    newest = Versions(request.app.state.stored(), _KIND).version_of(draft.of) if draft.of else None
    return page(
        request, "recipe_edit.html", title_code="recipes.edit", draft=draft, preview=preview, refusal=refusal,
        newest=newest.version if newest is not None else 0, copied=copied, key=secrets.token_urlsafe(18),
        status=409 if refusal is not None else 200,
    )  # fmt: skip


async def _preview(request: Request, text: str, cell: str | None) -> Preview:
    """Ask what follows from a text with a cell; None for the cell that fits and was used last."""
    known = await cells(request.app.state.stored(), _USED)
    if cell is None:
        told = await asked(request, "/recipes/check", {"text": text})
        if told is None or not told.is_good:
            return Preview(known, "", _problem(told), None)
        cell = next((item.name for item in known if item.kind in told.body["kinds"]), "")
    told = await asked(request, "/recipes/check", {"text": text} | ({"cell": cell} if cell else {}))
    if told is None or not told.is_good:
        return Preview(known, cell, _problem(told), None)
    ahead, lang = told.body["ahead"], PageContext.of(request).lang
    view = None if ahead is None else LaunchView.of(request, lang, LaunchForm(), ahead)
    return Preview(known, cell, told.body, view)


def _problem(told: Any) -> Mapping[str, Any] | None:  # noqa: ANN401 - an answer, or None
    """Return the answer that a check was refused, as one problem of the whole text; None where nobody answers."""
    if told is None:
        return None
    problem = {"line": 1, "field": "", "seen": "", "expected": "", "sentence": told.error}
    return {"name": None, "problems": [problem], "helps": [], "keys": [], "kinds": [], "plain": None, "ahead": None}
