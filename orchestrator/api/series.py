"""The thinned series of a run, for pictures: whole runs of any length in few points, and without holding up anybody.

The columns of the runs that were asked for last stay in memory, so that only new records are read. They are read by
short statements with pauses, each over before the next: no snapshot of the store stays open meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from orchestrator.api import models, pages, series_windows
from orchestrator.api.parameters import OF_RECORDS, RunId, TheStore
from orchestrator.api.run_traces import RunTraces
from orchestrator.store import Store
from orchestrator.store.archives import refuse_archived
from orchestrator.store.errors import explained

if TYPE_CHECKING:
    from orchestrator.analysis.thinning import Columns

router = APIRouter()

# Records that are read by one statement: about a millisecond, in which nothing else is answered.
_READ_AT_ONCE = 1000
# Records whose columns stay in memory, 48 bytes each: four runs of 600 h with a record every 30 s.
_KEPT_RECORDS = 300_000
_COLUMNS = ("test", "sequence", "step_count", "time_s", "voltage_v", "current_a")
_SQL = (
    f"SELECT {', '.join(_COLUMNS)} FROM sample WHERE test = ? AND sequence > ? "  # noqa: S608 names of ours
    f"ORDER BY sequence LIMIT {_READ_AT_ONCE}"
)


class RunColumns:
    """The columns of the runs of one store that were asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Columns] = OrderedDict()
        self._store: Store | None = None
        self._reading = asyncio.Lock()

    async def of(self, store: Store, run_id: str) -> Columns:
        """Return the columns of a run as it is stored now. Raises StoreError."""
        async with self._reading:
            if store is not self._store:
                # It was opened anew: another file may stand in its place.
                self._kept.clear()
                self._store = store
            kept = self._kept.pop(run_id, None)
            new = await self._behind(store, run_id, kept)
            self._kept[run_id] = columns = await asyncio.to_thread(_joined, kept, new)
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _KEPT_RECORDS:
                self._kept.popitem(last=False)
            return columns

    async def _behind(self, store: Store, run_id: str, kept: Columns | None) -> list[tuple[Any, ...]]:
        last_test, last = (int(kept.test[-1]), int(kept.sequence[-1])) if kept is not None and len(kept) else (0, 0)
        rows: list[tuple[Any, ...]] = []
        for test in store.tests(run_id):
            after = last if test.id == last_test else 0
            while test.id >= last_test:
                with explained(store.path):
                    refuse_archived(store.connection, test.id, after)
                    page = store.connection.execute(_SQL, (test.id, after)).fetchall()
                    refuse_archived(store.connection, test.id, after)
                rows += page
                await asyncio.sleep(0)
                if len(page) < _READ_AT_ONCE:
                    break
                after = page[-1][1]
        return rows


def _joined(kept: Columns | None, new: list[tuple[Any, ...]]) -> Columns:
    import numpy as np

    from orchestrator.analysis.thinning import Columns

    if kept is not None and not new:
        return kept
    table = np.array(new, dtype=np.float64).reshape(-1, len(_COLUMNS)).T
    added = [column.astype(np.int64) for column in table[:3]] + list(table[3:])
    if kept is not None:
        added = [np.concatenate((getattr(kept, name), more)) for name, more in zip(_COLUMNS, added, strict=True)]
    return Columns(*added)


@router.get("/runs/{run_id}/series", response_model=models.SeriesTable | models.SeriesWindow, **OF_RECORDS)
async def series(
    run_id: RunId,
    store: TheStore,
    request: Request,
    query: Annotated[models.SeriesQuery, Query()],
) -> Response:
    """Return a run's records thinned for a picture: minima, maxima and the ends of steps stay; 2000 points unless said.

    With ``x`` the rows are those of a window from ``from`` to ``to``, over run time or over the clock, and the answer
    has an ``ETag``: that of the newest record. ``every`` gives the extremes of each so many seconds of test time
    instead.
    """
    pages.check_run(store, run_id)
    if query.x is not None:
        traces: RunTraces = request.app.state.traces
        by_clock = query.x is models.SeriesAxis.CLOCK
        window = await traces.window(
            store, run_id, query.points or 2000, by_clock=by_clock, begin=query.begin, end=query.end
        )
        tag = {"ETag": series_windows.tag_of(window)}
        if request.headers.get("if-none-match") == tag["ETag"]:
            return Response(status_code=304, headers=tag)
        told = series_windows.as_answer(window, query.x, query.y)
        return Response(told, media_type="application/json", headers=tag)
    kept: RunColumns = request.app.state.columns
    columns = await kept.of(store, run_id)
    told = await asyncio.to_thread(as_answer, columns, query.points, query.every)
    return Response(told, media_type="application/json")


def as_answer(columns: Columns, points: int | None = None, every_s: float | None = None) -> bytes:
    """Return the JSON of a run's columns, thinned to so many points or by so many seconds."""
    import numpy as np

    from orchestrator.analysis.thinning import thinned_by, thinned_to

    chosen = thinned_to(columns, points or 2000) if every_s is None else thinned_by(columns, every_s)
    told = [getattr(columns, name)[chosen] for name in _COLUMNS]
    # JSON has no word for what was not measured.
    lists = [it.tolist() if np.isfinite(it).all() else [x if isfinite(x) else None for x in it.tolist()] for it in told]
    rows = list(zip(*lists, strict=True))
    document = {"columns": list(_COLUMNS), "rows": rows, "records": len(columns)}
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
