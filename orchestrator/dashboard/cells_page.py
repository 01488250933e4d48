"""Cells: the list, the page of one with what follows from its sizes, and the form."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestrator.api import models, written_files
from orchestrator.api.named_items import cells
from orchestrator.dashboard.asking import form_of
from orchestrator.dashboard.cell_form import AMOUNTS, CAPACITY_UNITS, KINDS, LINES, CellForm
from orchestrator.dashboard.pages import page
from orchestrator.dashboard.words import Words
from orchestrator.dashboard.writing import (
    Draft,
    Refusal,
    asked,
    asked_version,
    compared,
    free_name,
    saved,
    seen_at,
    versions_of,
)
from orchestrator.rack.claims import NoSuchThing
from orchestrator.store import FileKind, Versions
from protocols.errors import InputError
from protocols.loading import parse_cell

router = APIRouter()
_KIND = FileKind.CELL
_USED = models.NameQuery(used=True)
_LONGEST = 100
_FIELD_OF = {key: name for name, (key, _) in AMOUNTS.items()} | {key: name for name, key in LINES.items()}


@router.get("/cells")
async def cell_list(request: Request) -> Response:
    """List the cells whose name or kind has the words of the address."""
    given = request.query_params.get("q", "")[:_LONGEST].strip()
    found = await cells(request.app.state.stored(), models.NameQuery(used=True, search=given))
    shipped = set(written_files.shipped_names(_KIND))
    return page(request, "cells.html", title_code="page.cells", found=found, given=given, shipped=shipped)


@router.get("/cells/new")
async def new_cell(request: Request) -> Response:
    """Show the form, empty or filled in as another cell is."""
    store, of = request.app.state.stored(), request.query_params.get("copy", "")
    form = CellForm.of({"kind": KINDS[0]})
    if of:
        shown = written_files.named_file(store, _KIND, of, asked_version(request))
        taken = {item.name for item in await cells(store, _USED)}
        form = _form_of(shown, free_name(parse_name(of), taken))
    return await _editor(request, form, Draft(_KIND, form.text), copied=of)


@router.get("/cells/{name}/edit")
async def edit_cell(name: str, request: Request) -> Response:
    """Show the form with a cell of the rig's own; an older version becomes the next one when it is saved."""
    shown = written_files.named_file(request.app.state.stored(), _KIND, name, asked_version(request))
    if shown.newest is None:
        raise NoSuchThing(f"{name} was not written on this rig: copy it, and write the copy")
    form = _form_of(shown, name)
    return await _editor(request, form, Draft(_KIND, form.text, name, shown.newest, shown.newest))


@router.get("/cells/{name:path}")
async def cell(name: str, request: Request) -> Response:
    """Show a cell: its versions and their runs, its file, what follows from it. Runs name cells with any sign in it."""
    store = request.app.state.stored()
    shown = written_files.named_file(store, _KIND, name, asked_version(request))
    return page(
        request, "cell.html", title_code="page.cells", shown=shown, check=await _checked(request, shown.text),
        versions=versions_of(store, _KIND, name), compared=compared(request, _KIND, name),
        done=request.query_params.get("done", ""), has=Words.load().has,
    )  # fmt: skip


@router.post("/act/cells")
async def act_cells(request: Request) -> Response:
    """Check what was filled in, or save it; what is not saved stands in the form again, with the reason."""
    given = await form_of(request)
    form = CellForm.of(given)
    draft = Draft.given(_KIND, given, form.text)
    act, copied = given.get("act"), given.get("copied", "")
    if act not in {"save", "over"} or list(form.contradictions()):
        return await _editor(request, form, draft, copied=copied)
    came = await saved(request, draft, given.get("key", ""), over=act == "over")
    return seen_at(came) if isinstance(came, str) else await _editor(request, form, draft, came, copied)


async def _editor(
    request: Request, form: CellForm, draft: Draft, refusal: Refusal | None = None, copied: str = ""
) -> Response:
    newest = Versions(request.app.state.stored(), _KIND).version_of(draft.of) if draft.of else None
    return page(
        request, "cell_edit.html", title_code="cells.edit", form=form, draft=draft, refusal=refusal, copied=copied,
        check=await _checked(request, draft.text), contradictions=list(form.contradictions()), kinds=KINDS,
        amounts=AMOUNTS, lines=LINES, units=CAPACITY_UNITS, field_of=_FIELD_OF, key=secrets.token_urlsafe(18),
        newest=newest.version if newest is not None else 0, has=Words.load().has,
        status=409 if refusal is not None else 200,
    )  # fmt: skip


async def _checked(request: Request, text: str) -> Mapping[str, Any] | None:
    """Ask what follows from a cell's file; None where nobody answers."""
    told = await asked(request, "/cells/check", {"text": text})
    if told is None:
        return None
    if not told.is_good:
        problem = {"line": 1, "field": "", "seen": "", "expected": "", "sentence": told.error}
        return {"problems": [problem], "cell": None, "quantities": [], "doubts": [], "notes": []}
    found: Mapping[str, Any] = told.body
    return found


def _form_of(shown: models.NamedFile, name: str) -> CellForm:
    try:
        return CellForm.of_cell(parse_cell(shown.text, shown.name), name)
    except InputError as err:
        raise NoSuchThing(f"{shown.name} cannot be read by this cellrig: {err}") from err


def parse_name(name: str) -> str:
    """Return a name of a cell as the name of a file may be: runs call cells otherwise too."""
    letters = "".join(one if one.isascii() and (one.isalnum() or one in "_.-") else "-" for one in name).lstrip("-_.")
    return letters[:64] or "cell"
