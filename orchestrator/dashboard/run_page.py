"""The page of a run: why it is as it is, its pictures, events, steps, notes, cell, recipe and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from orchestrator.api import pages
from orchestrator.api.picture_routes import details_of
from orchestrator.api.time_pictures import Clock
from orchestrator.dashboard.asking import form_of, order
from orchestrator.dashboard.pages import HEADERS, PageContext, page, pages_there, rig_facts, rig_time
from orchestrator.dashboard.run_facts import cycles_planned, fact_rows, kinds_of_picture, run_line
from orchestrator.dashboard.sentences import Speaker
from orchestrator.dashboard.told import told_in, told_query
from orchestrator.dashboard.words import Words
from orchestrator.events.kinds import EventKind
from orchestrator.store import Notes, Origins, Store

if TYPE_CHECKING:
    from orchestrator.store import EventRow

router = APIRouter()

PICTURES = ("time", "clock", "cycle", "capacity", "half-cycles", "impedance")
TABS = ("events", "notes", "steps", "cell", "files")
FORMATS = ("xlsx", "csv", "bdf-csv", "bdf-parquet", "crate")
_BY_CYCLE = ("xlsx", "csv", "bdf-csv", "bdf-parquet")
_AROUND_S = 1800.0
_NEWEST_EVENTS = 8
_LONGEST = 200
# Told to nobody: they say how the service did its work.
_QUIET = frozenset({"order key", "loaded", "limits as loaded"})


@router.get("/runs/{run_id}")
async def run_page(
    run_id: str,
    request: Request,
    x: Annotated[str, Query(max_length=20)] = "",
    tab: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Show a run; ``x`` chooses its picture, ``tab`` what else is looked up."""
    store: Store = request.app.state.stored()
    pages.check_run(store, run_id)
    line, row = run_line(store, run_id), store.run(run_id)
    query = request.query_params
    live = await _live_row(request, run_id)
    there = kinds_of_picture(store, line)
    shown = tab if tab in TABS else ""
    picture = "" if shown else x if x in PICTURES else _usual_picture(there, line.cycles)
    events = [event for event in store.events(run_id) if event.kind not in _QUIET]
    notes = Notes(store).of(run_id)
    cycles = query.get("cycles", "")[:_LONGEST]
    context, origin = PageContext.of(request), Origins(store).of(run_id) if shown == "cell" else None
    speaker = Speaker(context.lang, rig_facts(request).lab_zone, rig_time(request))
    values: dict[str, Any] = {
        "run": line, "live_row": live, "step": speaker.sentence(live.get("step")) if live else "",
        "there": there, "picture": picture, "tab": shown, "tabs": TABS,
        "events": _told(store, events, run_id, speaker), "notes": notes, "newest": _NEWEST_EVENTS,
        "planned": cycles_planned(row.program_json), "actions": _actions(request, live),
        "query": _picture_query(run_id, picture, query), "cycles": cycles, "formats": FORMATS, "by_cycle": _BY_CYCLE,
        "told": told_in(request), "has_launch": "/launch" in pages_there(request),
        "imported": row.imported_from,
        "over": query, "is_open": not row.state.has_ended, "link": lambda **to: _link(query, **to),
        "details": await details_of(request, store, run_id) if shown == "steps" else None,
        "facts": fact_rows(json.loads(row.facts_json), context.lang), "origin": origin, "has": Words.load().has,
        "bounds": fact_rows((origin.check or {}).get("proof") or {}, context.lang) if origin else [],
    }  # fmt: skip
    return page(request, "run.html", title_code="page.run", **values)


@router.post("/act/runs/{run_id}/notes")
async def add_note(run_id: str, request: Request) -> Response:
    """Add the note of a form, and come back to the notes with what came of it."""
    form, context = await form_of(request), PageContext.of(request)
    quoted = quote(run_id, safe="")
    told = await order(request, f"/runs/{quoted}/notes", {"text": form.get("text", ""), "by": context.person}, "")
    query = "tab=notes" if told.is_good else told_query(request, told.error, tab="notes")
    return RedirectResponse(f"/runs/{quoted}?{query}#tabs", 303, headers={**HEADERS})


async def _live_row(request: Request, run_id: str) -> Mapping[str, Any] | None:
    """Return what the rack says of a run now; None for one that is on no channel, or where the rack is not known."""
    rack = getattr(request.app.state, "rack", None)
    if rack is None or not hasattr(rack, "fresh"):
        return None
    rows = (await rack.fresh())["rows"]
    return next((row for row in rows if row.get("run_id") == run_id), None)


def _actions(request: Request, live: Mapping[str, Any] | None) -> list[str]:
    if live is None or PageContext.of(request).role == "viewer":
        return []
    return [name for name in ("hold", "resume", "acknowledge", "stop") if name in live.get("actions", ())]


def _usual_picture(there: list[str], cycles: int | None) -> str:
    """Return the picture that a person sees first: over time, and for cells with capacities over cycles once there."""
    return "time" if "half-cycles" in there or not cycles or cycles < 3 else "cycle"


def _picture_query(run_id: str, picture: str, given: Mapping[str, str]) -> str:
    """Return the query of the picture of this page."""
    wanted = [("runs", run_id), ("x", picture)]
    names = ("from", "to") if picture in ("time", "clock") else ("cycles",)
    wanted += [(name, given[name][:_LONGEST]) for name in names if given.get(name)]
    return urlencode(wanted)


def _told(store: Store, events: list[EventRow], run_id: str, speaker: Speaker) -> list[dict[str, Any]]:
    """Return events newest first, each as a sentence, with the run time at which it was, and a window around it.

    How a test ended is left out where the change of state that followed says the same.
    """
    clock = Clock.of(store, run_id)
    found = []
    states = [event.message.partition(": ")[2] for event in events if event.kind == EventKind.STATE]
    for event in reversed(events):
        if event.kind == EventKind.ENDED and event.message in states:
            continue
        at_s = clock.hours(event.at_unix_s) * 3600
        window = f"?x=time&from={max(0.0, at_s - _AROUND_S):.0f}&to={at_s + _AROUND_S:.0f}#tabs"
        said = speaker.event(event.kind, event.message)
        found.append({"event": event, "said": said, "hours": at_s / 3600, "window": window})
    return found


def _link(given: Mapping[str, str], **to: str) -> str:
    return "?" + urlencode({name: value for name, value in to.items() if value}) + "#tabs"
