"""Finds the times in which nothing was recorded and which only a table's clock saw.

Readers add up the times of steps: an hour in which nothing was recorded is missing then (reference readers, S3). Where
the clock went further between two records than the sum did, the difference is added.

A clock that was put back is not followed there, and neither is it where it was put forward by as much: at the end of
summer time a wall clock has an hour twice, and a table of it goes back by an hour and forward again. Steps back below
``PUT_S`` are the jitter of the clock: what it went further by less than twice the largest of them is none either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.importing.read_run import Decisions
from orchestrator.importing.unknowns import TIME_DECIMALS

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

FINE_CLOCK_S, COARSE_CLOCK_S = 0.05, 2.0
"""How far a clock may go from the sum of the times before that is a standstill: one with fractions, one of seconds."""
PUT_S = 60.0
"""A clock that goes back further was put back, by a person or a time server: none jitters so far."""
_JITTERS = 2.0
# A clock that is put forward by as much as back, within this part: it drifts meanwhile.
_ALIKE = 0.01


def with_rebuilt_time(table: pl.DataFrame, decisions: Decisions) -> pl.DataFrame:
    """Return the table with ``test_time_s`` from the sum of its times and the standstills that only a clock saw."""
    import polars as pl

    if "unix_time_s" not in table.columns or table["unix_time_s"].null_count() or table.height < 2:
        return table
    fine = table.select((pl.col("unix_time_s") % 1 != 0).any()).item()
    slack_s = FINE_CLOCK_S if fine else COARSE_CLOCK_S
    ahead = table.select((pl.col("unix_time_s").diff() - pl.col("test_time_s").diff()).fill_null(0.0))
    hidden_s, back, forward = _hidden(ahead.to_series().to_numpy(), slack_s)
    span_s = float(table["unix_time_s"][-1] - table["unix_time_s"][0])
    sum_s = float(table["test_time_s"][-1] - table["test_time_s"][0])
    not_followed = _not_followed(back, forward)
    total_s, count = float(hidden_s.sum()), int((hidden_s > 0).sum())
    if not total_s and back:
        decisions.add("test time", f"the sum of the times of its steps, {sum_s:.3f} s", not_followed)
        return table
    if not total_s:
        agrees = "" if abs(span_s - sum_s) <= slack_s / 2 else ", and no standstill between two records shows"
        decisions.add("test time", f"as in the file, {sum_s:.3f} s", f"its clock went {span_s:.3f} s{agrees}")
        return table
    told = f"the times of its steps add up to {sum_s:.3f} s, its clock went {span_s:.3f} s: {count} standstills are "
    told += "between records" + (f"; {not_followed}" if back else "")
    decisions.add("test time", f"{sum_s + total_s:.3f} s, rebuilt by the clock", told)
    return table.with_columns((pl.col("test_time_s") + pl.Series(hidden_s.cumsum())).round(TIME_DECIMALS))


def _hidden(lag_s: NDArray[np.float64], slack_s: float) -> tuple[NDArray[np.float64], int, int]:
    """Return the standstill before each record (s), and how often the clock went back and was put forward again.

    ``lag_s`` is by how much the clock went further from the record before than the sum of times did.
    """
    back = np.flatnonzero(lag_s < -slack_s)
    jitter_s = max((-lag_s[at] for at in back if -lag_s[at] < PUT_S), default=0.0)
    least_s = max(slack_s, _JITTERS * jitter_s)
    hidden_s = np.where(lag_s > least_s, lag_s, 0.0)
    forward = 0
    for at in back:
        size_s = -lag_s[at]
        alike = np.flatnonzero((hidden_s > 0) & (np.abs(hidden_s - size_s) <= max(slack_s, _ALIKE * size_s)))
        if size_s >= PUT_S and len(alike):
            hidden_s[alike[np.abs(alike - at).argmin()]] = 0.0
            forward += 1
    return hidden_s, len(back), forward


def _not_followed(back: int, forward: int) -> str:
    again = f", and forward again {forward} times," if forward else ""
    return f"the clock goes back {back} times{again} and is not followed there"
