"""Several runs in one picture, whose address is that of the page, and what is first, last and best in each."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestrator.api.models import RunQuery
from orchestrator.dashboard.pages import page
from orchestrator.dashboard.run_facts import cycle_facts, kinds_of_picture, run_line, run_lines
from orchestrator.report.picture_data import MOST_RUNS
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.store.errors import StoreError

router = APIRouter()

PICTURES = ("time", "cycle", "capacity", "half-cycles", "impedance")
_LONGEST = 200


@router.get("/compare")
async def compare(request: Request) -> Response:
    """Show the runs of the address in one picture; without any, the runs that could be chosen."""
    store: Store = request.app.state.stored()
    asked = [run for given in request.query_params.getlist("runs") for run in given.replace(" ", ",").split(",") if run]
    asked = list(dict.fromkeys(asked))
    lines, missing = [], []
    for run_id in asked[:MOST_RUNS]:
        try:
            store.run(run_id)
        except StoreError:
            missing.append(run_id[:_LONGEST])
            continue
        lines.append(run_line(store, run_id))
    there = sorted({kind for line in lines for kind in kinds_of_picture(store, line)}, key=PICTURES.index)
    x = request.query_params.get("x", "")
    picture = x if x in PICTURES else "cycle"
    cycles = request.query_params.get("cycles", "")[:_LONGEST]
    window = {name: request.query_params.get(name, "")[:_LONGEST] for name in ("from", "to")}
    rows = [{"run": line, "look": look, "facts": cycle_facts(store, line)} for look, line in enumerate(lines)]
    others, _ = run_lines(store, RunQuery()) if len(lines) < MOST_RUNS else ([], False)
    chosen = {line.run_id for line in lines}

    def link(**changes: Any) -> str:  # noqa: ANN401 - texts and lists of them
        values = {"runs": [line.run_id for line in lines], "x": picture, "cycles": cycles, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value}, doseq=True)

    query = {"runs": [line.run_id for line in lines], "x": picture}
    if cycles and picture in ("capacity", "impedance"):
        query["cycles"] = cycles
    if picture == "time" and all(window.values()):
        query |= window
    return page(
        request, "compare.html", title_code="page.compare",
        rows=rows, missing=missing, too_many=len(asked) > MOST_RUNS, most=MOST_RUNS, picture=picture, there=there,
        others=[line for line in others if line.run_id not in chosen], query=urlencode(query, doseq=True), link=link,
        cycles=cycles, is_open=not all(RunState(line.state).is_settled for line in lines),
    )  # fmt: skip
