"""A window of a run's records as the answer to a question: rows of the columns that were asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from orchestrator.api.models.series import SeriesAxis, SeriesValue

if TYPE_CHECKING:
    from orchestrator.analysis.thinning import Floats
    from orchestrator.analysis.trace_buckets import Trace
    from orchestrator.api.run_traces import Window

_OF_AXIS = {SeriesAxis.TIME: "time_s", SeriesAxis.CLOCK: "unix_s"}
_OF_VALUE = {SeriesValue.VOLTAGE: "voltage_v", SeriesValue.CURRENT: "current_a"}


def tag_of(window: Window) -> str:
    """Return the entity tag of a window's answer: the newest record of its run, when it was, and how many there are.

    Another store at the same address counts its tests and records by the same numbers; and records of a gap come later
    than newer ones.
    """
    test, sequence = window.last
    _, newest_unix_s = window.newest_s or (0.0, 0.0)
    return f'"{test}-{sequence}-{window.records}-{newest_unix_s:.3f}"'


def rows_of(window: Window, x: SeriesAxis, values: Sequence[SeriesValue]) -> list[list[float | int | None]]:
    """Return a row for each record: its x, the values, and 1 where a gap lies before it."""
    trace = window.trace
    if not len(trace):
        return []
    columns = [_told(_column(trace, _OF_AXIS[x])), *(_told(_column(trace, _OF_VALUE[value])) for value in values)]
    behind_gap = [0, *(int(after > before) for before, after in zip(trace.gaps[:-1], trace.gaps[1:], strict=True))]
    return [list(row) for row in zip(*columns, behind_gap, strict=True)]


def columns_of(x: SeriesAxis, values: Sequence[SeriesValue]) -> list[str]:
    """Return the names of the columns of these rows."""
    return [_OF_AXIS[x], *(_OF_VALUE[value] for value in values), "gap"]


def as_answer(window: Window, x: SeriesAxis, values: Sequence[SeriesValue]) -> bytes:
    """Return the JSON of a window."""
    rows = rows_of(window, x, values)
    at = 0 if x is SeriesAxis.TIME else 1
    document = {
        "columns": columns_of(x, values),
        "rows": rows,
        "records": window.records,
        "is_thinned": not window.is_whole,
        "first": None if window.first_s is None else window.first_s[at],
        "newest": None if window.newest_s is None else window.newest_s[at],
    }
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()


def _column(trace: Trace, name: str) -> Floats:
    values: Floats = getattr(trace, name)
    return values


def _told(values: Floats) -> list[float | None]:
    # JSON has no word for what was not measured.
    return [value if isfinite(value) else None for value in values.tolist()]
