"""The page on which a person starts a test: what is chosen, what follows from it, and every reason against it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from orchestrator.api.models import CellItem, NameQuery, RecipeItem
from orchestrator.api.named_items import cells, recipes
from orchestrator.api.pages import check_run
from orchestrator.dashboard.asking import ask, form_of, order
from orchestrator.dashboard.launch_view import LaunchView, sizes_of
from orchestrator.dashboard.order_form import LIKE, NEW, LaunchForm, confirms
from orchestrator.dashboard.pages import HEADERS, PageContext, page
from orchestrator.rack.claims import NoSuchThing
from orchestrator.store import Mountings

router = APIRouter()
PATH = "/launch"
_USED = NameQuery(used=True)
_NO_QUERY = frozenset({"csrf", "act", "key", "check_id"})


@router.get(PATH)
async def launch(request: Request) -> Response:
    """Show the form, filled in as the address says, with what follows from it."""
    form = LaunchForm.of(request.query_params)
    known = await cells(request.app.state.stored(), _USED)
    named = await recipes(request.app.state.stored(), _USED)
    form = _filled_in(request, form, named, known)
    checked = await _checked(request, form, known)
    return _page(request, form, named, known, checked, started=request.query_params.get("started", ""))


@router.post("/act/launch")
async def act_launch(request: Request) -> Response:
    """Start the test of a form, or show again what follows from it."""
    given = await form_of(request)
    form = LaunchForm.of(given)
    if given.get("act") != "start" or not (form.check_id and form.cell):
        query = urlencode({name: value for name, value in given.items() if name not in _NO_QUERY and value})
        return _seen_at(f"{PATH}?{query}")
    known = await cells(request.app.state.stored(), _USED)
    checked = await _checked(request, form, known)
    refusal = ""
    if not (missing := _unconfirmed(form, checked)):
        body = _order(request, form, known) | {"check_id": form.check_id, "if_free": True}
        if checked["doubts"]:
            body["confirm_implausible"] = body["by"]
        if form.second_person:
            body["second_person"] = form.second_person
        told = await order(request, "/runs", body, form.key)
        if told.is_good:
            return _seen_at(f"{PATH}?{urlencode({'started': told.body['run_id']})}")
        refusal = told.error
        checked = await _checked(request, form, known)
    named = await recipes(request.app.state.stored(), _USED)
    return _page(request, form, named, known, checked, refusal=refusal, unconfirmed=missing, status=409)


def _seen_at(address: str) -> Response:
    return RedirectResponse(address, 303, headers={**HEADERS, "cache-control": "no-store"})


def _filled_in(request: Request, form: LaunchForm, named: list[RecipeItem], known: list[CellItem]) -> LaunchForm:
    """Fill in what a person would choose most likely: what was used last, or in the run to repeat."""
    form = _with_recipe(request, form, named)
    return _with_facts(request, form, named, known)


def _with_facts(request: Request, form: LaunchForm, named: list[RecipeItem], known: list[CellItem]) -> LaunchForm:
    """Fill in the facts of a cell that is new: those of the one used last, unless each of its kind is weighed."""
    if form.facts or not form.is_new_name({item.name for item in known}):
        return form
    store = request.app.state.stored()
    if form.like:
        return form if _weighed(Mountings(store).facts(form.like)) else replace(form, facts=LIKE)
    kinds = next((item.kinds for item in named if item.name == form.recipe), [])
    used = (it for it in known if it.kind in kinds and it.used_unix_s is not None)
    last = next(used, None)
    if last is None or last.active_mass_mg is not None:
        return form
    return replace(form, facts=last.name)


def _weighed(facts: Mapping[str, Any]) -> bool:
    return facts.get("active_mass_mg") is not None


def _with_recipe(request: Request, form: LaunchForm, named: list[RecipeItem]) -> LaunchForm:
    if form.facts == NEW and not form.new["kind"]:
        kinds = next((item.kinds for item in named if item.name == form.recipe), [])
        form = replace(form, new={**form.new, "kind": kinds[0] if kinds else ""})
    if form.like:
        try:
            check_run(request.app.state.stored(), form.like)
        except NoSuchThing:
            return replace(form, like="")
        of = request.app.state.stored().run(form.like).recipe
        return replace(form, like_recipe=of, recipe=form.recipe or of)
    if not form.recipe and named and named[0].used_unix_s is not None and "recipe" not in request.query_params:
        return replace(form, recipe=named[0].name)
    return form


def _order(request: Request, form: LaunchForm, known: list[CellItem]) -> dict[str, Any]:
    return form.order({item.name for item in known}) | {"by": PageContext.of(request).person}


async def _checked(request: Request, form: LaunchForm, known: list[CellItem]) -> dict[str, Any]:
    """Ask what follows from a form; what the service refuses to check is told as a reason."""
    told = await ask(request, "/runs/check", _order(request, form, known))
    if told.is_good:
        found: dict[str, Any] = told.body
        if not form.cell and not any(reason["field"] == "cell" for reason in found["reasons"]):
            # The sizes of the run to repeat are shown; which cell is meant is not said yet.
            missing = {"code": "cell.missing", "field": "cell", "text": "choose a cell", "values": {}}
            found = {**found, "reasons": [*found["reasons"], missing], "may_start": False, "check_id": ""}
        return found
    bare = await ask(request, "/runs/check", {})
    reason = {"code": "order.refused", "field": "", "text": told.error, "values": {}}
    return {**(bare.body or {}), "reasons": [reason], "may_start": False, "check_id": ""}


def _unconfirmed(form: LaunchForm, checked: dict[str, Any]) -> list[int]:
    """Return the numbers of the doubts whose value was not named, or named otherwise."""
    return [
        number
        for number, doubt in enumerate(checked["doubts"])
        if not (
            confirms(form.confirms.get(number, ""), doubt["value"])
            if doubt["value"]
            else form.confirms.get(number, "") == "yes"
        )
    ]


def _page(
    request: Request,
    form: LaunchForm,
    named: list[RecipeItem],
    known: list[CellItem],
    checked: dict[str, Any],
    *,
    refusal: str = "",
    unconfirmed: list[int] | None = None,
    started: str = "",
    status: int = 200,
) -> Response:
    context = PageContext.of(request)
    run = _started(request, started) if started else None
    view = LaunchView.of(request, context.lang, form, checked)
    return page(
        request,
        "launch.html",
        title_code="launch.title",
        status=status,
        form=form,
        key=form.key or secrets.token_urlsafe(18),
        recipes=named,
        cells=known,
        names={item.name for item in known},
        check=checked,
        view=view,
        sizes_of=sizes_of,
        refusal=refusal,
        unconfirmed=unconfirmed or [],
        started=run,
    )


def _started(request: Request, run_id: str) -> Any:  # noqa: ANN401 - a row of the store, or None
    try:
        check_run(request.app.state.stored(), run_id)
    except NoSuchThing:
        return None
    return request.app.state.stored().run(run_id)
