"""The list of runs: searched and filtered by its address, marked runs are compared."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from orchestrator.api.models import RunQuery
from orchestrator.clock.iso_time import unix_time
from orchestrator.dashboard.pages import page
from orchestrator.dashboard.run_facts import filters_there, run_lines
from orchestrator.report.picture_data import MOST_RUNS
from orchestrator.states import RunState
from orchestrator.store import Store

router = APIRouter()

_LONGEST = 100
_DAY_S = 86_400.0
SPANS = {"1": 1.0, "7": 7.0, "30": 30.0}
# A group of states that people ask for, by its name.
_GROUPS = {
    "open": [state.value for state in RunState if not state.has_ended],
    "ended": [state.value for state in RunState if state.has_ended],
}
FIELDS = ("q", "state", "recipe", "cell", "since")


@router.get("/runs")
async def runs(request: Request) -> Response:
    """Show the newest runs that pass the filters of the address."""
    store: Store = request.app.state.stored()
    given = {name: request.query_params.get(name, "")[:_LONGEST].strip() for name in FIELDS}
    problem = ""
    query = RunQuery()
    try:
        asked: dict[str, Any] = {
            "state": _GROUPS.get(given["state"], [given["state"]] if given["state"] else []),
            "recipe": [given["recipe"]] if given["recipe"] else [],
            "since": _since(given["since"]),
        }
        query = RunQuery.model_validate(asked)
    except (ValidationError, ValueError):
        problem = "runs.wrong_filter"
    before = request.query_params.get("before", "")
    cells = [given["cell"]] if given["cell"] else []
    after = int(before) if before.isdecimal() and len(before) < 16 else None
    lines, more = run_lines(store, query, given["q"], cells, after)
    kept = {name: value for name, value in given.items() if value}
    return page(
        request, "runs.html", title_code="page.runs",
        runs=lines, given=given, there=filters_there(store), groups=tuple(_GROUPS), spans=tuple(SPANS),
        older=urlencode({**kept, "before": lines[-1].number}) if more else "", problem=problem, most=MOST_RUNS,
        is_filtered=bool(kept),
    )  # fmt: skip


def _since(text: str) -> float | None:
    """Read since when: so many days ago, or a date. Raises ValueError."""
    if not text:
        return None
    return time.time() - SPANS[text] * _DAY_S if text in SPANS else unix_time(text)
