"""The rack: what needs a person first, then a tile for each channel; stops and other orders also without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from orchestrator.dashboard.asking import form_of, order
from orchestrator.dashboard.pages import HEADERS, PageContext, page, rig_facts, rig_time
from orchestrator.dashboard.rack_view import ACTS, ORDERS, Filter, Row, counts, shown, units, word_of
from orchestrator.dashboard.sentences import Speaker
from orchestrator.dashboard.told import told_in, told_query

router = APIRouter()

VIEWS = ("compact", "roomy", "table")
MOST_NEEDS = 3
_FILTERS = ("show", "kind", "label", "cell", "unit")
_LONGEST_FILTER = 64
# What is refused where the channel has changed since its person looked.
_SEEN = frozenset({"resume", "plugged", "cell_out"})
_LONGEST_REV = 20


@router.get("/rack")
async def rack(request: Request) -> Response:
    """Show the rack as it is now; ``ask`` shows the question of an order, for a browser without scripts."""
    context, facts = PageContext.of(request), rig_facts(request)
    now: Mapping[str, Any] = await request.app.state.rack.fresh()
    speaker = Speaker(context.lang, facts.lab_zone, rig_time(request))
    rows: list[Row] = list(now["rows"])
    query = request.query_params
    wanted = Filter(**{name: query.get(name, "")[:_LONGEST_FILTER] for name in _FILTERS})
    is_wall = query.get("wall") == "1"
    may_act = context.role != "viewer" and not is_wall
    is_live = now.get("control") != "silent"
    tiles = {row["channel"]: shown(row, speaker, is_live=is_live, may_act=may_act, speed=facts.speed) for row in rows}
    told = [
        {
            **need,
            "until": speaker.moment((need.get("put_off") or {}).get("until_at")),
            "sentence": speaker.need(need),
            "look": _need_look(need, tiles),
            "acts": _need_acts(need, is_live),
        }
        for need in now["needs"]
    ]
    needs = [need for need in told if not need.get("put_off")]
    later = [need for need in told if need.get("put_off")]
    return page(
        request, "rack.html", title_code="page.rack",
        units=units(rows), tiles=tiles, needs=needs, later=later, wanted=wanted, counts=counts(rows), wall=is_wall,
        view=query["view"] if query.get("view") in VIEWS else "compact", most_needs=MOST_NEEDS,
        kinds=sorted({str(row["kind"]) for row in rows if row["kind"]}), may_act=may_act, acts=(*ACTS, "hold"),
        has_launch="/launch" in request.app.state.paths, ask=_ask(request, rows, speaker) if may_act else None,
        told=told_in(request), link=lambda **changes: _link(request, changes),
    )  # fmt: skip


@router.post("/act/rack")
async def act(request: Request) -> Response:
    """Send the order of a form, and say what came of it: on the rack, or on the page of the run that asked."""
    form = await form_of(request)
    context, facts = PageContext.of(request), rig_facts(request)
    speaker = Speaker(context.lang, facts.lab_zone, rig_time(request))
    name, channel, run, back = (form.get(key, "") for key in ("act", "channel", "run", "back"))
    if context.role == "viewer" or name not in ORDERS:
        return _back(request, speaker.t("ask.not_now"), back)
    if name == "acknowledge" and not form.get("looked"):
        return _back(request, speaker.t("ask.looked_first"), back)
    row = next((row for row in (await request.app.state.rack.fresh())["rows"] if row["channel"] == channel), None)
    if name != "rack_stop" and (row is None or (row["run_id"] or "") != run):
        return _back(request, speaker.t("ask.changed", channel=channel), back)
    path = ORDERS[name].format(run=quote(run, safe=""), channel=quote(channel, safe=""))
    told = await order(request, f"/{path}", _body(name, form) | {"by": context.person}, form.get("key", ""))
    said = speaker.t("order.sent") if told.is_good else speaker.t("order.refused", reason=told.error)
    return _back(request, said, back)


def _body(name: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Return what an order says of what its person has seen, as ``static/rack_acts.js`` does."""
    if name == "rack_stop":
        return {"runs": [run for run in form.get("runs", "").split(" ") if run]}
    body: dict[str, Any] = {"run_id": form["run"]} if form.get("run") else {}
    rev = form.get("rev", "")
    if name in _SEEN and rev.isdecimal() and len(rev) < _LONGEST_REV:
        body["rev"] = int(rev)
    if name == "acknowledge":
        body["note"] = " ".join(form.get("note", "").split())
    return body


def _back(request: Request, sentence: str, run: str) -> Response:
    """Go back to the page that asked, the rack or a run's, with what came of it."""
    there = f"/runs/{quote(run, safe='')}" if run else "/rack"
    return RedirectResponse(f"{there}?{told_query(request, sentence)}", 303, headers={**HEADERS})


def _ask(request: Request, rows: list[Row], speaker: Speaker) -> dict[str, Any] | None:
    """Return the question before an order that the address names: ``ask`` and its channel; None without one."""
    name, _, channel = request.query_params.get("ask", "").partition(" ")
    if name == "rack_stop":
        return _ask_all(rows, speaker)
    row = next((row for row in rows if row["channel"] == channel), None)
    if row is None or name not in row["actions"] or name not in ORDERS:
        return None
    label = row["label"] or row["cell_in"] or ""
    title = speaker.t(f"ask.{name}", run=row["run_id"] or "", label=label, channel=channel)
    also = ("hold",) if name == "stop" and "hold" in row["actions"] else ()
    lost = ""
    if name in {"stop", "stop_again"}:
        cell = shown(row, speaker, is_live=True, may_act=False)
        values = {"state": word_of(row["state"], speaker), "cycle": cell.parts["cycle"] or cell.parts["step"]}
        left = cell.parts["left"]
        lost = speaker.t("body.where", **values, left=left) if left else speaker.t("body.where_short", **values)
    return {
        "act": name, "title": title, "channel": channel, "run": row["run_id"] or "", "lost": lost,
        "acts": (*also, name), "rev": row["rev"], "runs": "", "cells": (),
        "back": row["run_id"] if request.query_params.get("back") == row["run_id"] else "",
    }  # fmt: skip


def _ask_all(rows: list[Row], speaker: Speaker) -> dict[str, Any]:
    """Return the question before the stop of the rack: how many tests, and which, the longest first."""
    tests = [row for row in rows if any(act.startswith("stop") for act in row["actions"])]
    tests.sort(key=lambda row: -(row["left_s"] or 0.0))
    cells = []
    for row in tests:
        parts = shown(row, speaker, is_live=True, may_act=False).parts
        values = {"channel": row["channel"], "label": row["label"] or "", "left": parts["left"] or parts["word"]}
        cells.append(speaker.t("body.cell_left", **values))
    runs = " ".join(row["run_id"] for row in tests if row["run_id"])
    return {
        "act": "rack_stop", "title": speaker.t("ask.rack_stop", count=len(tests)), "channel": "", "run": "", "lost": "",
        "acts": ("rack_stop",), "rev": "", "runs": runs, "cells": cells, "back": "",
    }  # fmt: skip


def _need_look(need: Mapping[str, Any], tiles: Mapping[str, Any]) -> tuple[str, str]:
    """Return icon and fill of a need: those of its channel, else by how urgent it is."""
    state = str(need["code"]).partition(".")[0]
    for channel in need["channels"]:
        if channel in tiles and tiles[channel].look.fill:
            return tiles[channel].look.icon, tiles[channel].look.fill
    if need["priority"] == "A":
        return "unknown", "act"
    return ("unseen", "gone") if state in {"unseen", "no_answer"} else ("awaiting_operator", "wait")


def _need_acts(need: Mapping[str, Any], is_live: bool) -> list[str]:
    return [name for name in ACTS if name in need["actions"] and (is_live or name.startswith("stop"))][:1]


def _link(request: Request, changes: Mapping[str, str]) -> str:
    """Return the address of this page with some of its filters changed; an empty text takes one out."""
    kept = {name: request.query_params.get(name, "") for name in (*_FILTERS, "view", "wall")}
    found = {name: value for name, value in {**kept, **changes}.items() if value}
    return f"?{urlencode(found)}" if found else "/rack"
