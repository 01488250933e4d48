"""Turns a tester's counts of charge and energy into those of each step, whatever a file counts them from.

A run keeps what a step has passed, from 0 in each. Files count by step, by cycle or from the start of the test, both
directions in one column or each in its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.tables.bdf_terms import term_of

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.importing.read_run import Decisions

_UNITS = {"capacity": "ah", "energy": "wh"}
# The terms of BDF by which a step's amount is known, the plainest first; and those that run on through steps.
_OF_STEP = (
    ("step_cumulative_{}_{}",),
    ("step_net_{}_{}",),
    ("step_charging_{}_{}", "step_discharging_{}_{}"),
    ("step_{}_{}",),
)
_RUNNING = (
    ("cumulative_{}_{}",),
    ("charging_{}_{}", "discharging_{}_{}"),
    ("cycle_cumulative_{}_{}",),
    ("cycle_charging_{}_{}", "cycle_discharging_{}_{}"),
    ("schedule_charging_{}_{}", "schedule_discharging_{}_{}"),
)


def with_bdf_amounts(table: pl.DataFrame, frame: pl.DataFrame, decisions: Decisions) -> tuple[pl.DataFrame, set[str]]:
    """Return the table with ``capacity_ah`` and ``energy_wh`` of its steps, and the columns of ``frame`` they are from.

    ``frame`` has the columns of the file, row by row those of the table, which has executed steps.
    """
    import polars as pl

    headers = {term.name: header for header in frame.columns if (term := term_of(header)) is not None}
    used: set[str] = set()
    for quantity, unit in _UNITS.items():
        for terms in (*_OF_STEP, *_RUNNING):
            found = [headers[name] for term in terms if (name := term.format(quantity, unit)) in headers]
            if not found:
                continue
            ways = [frame[header].cast(pl.Float64).fill_nan(None).abs() for header in found]
            is_running = terms in _RUNNING
            whole = both_ways(ways)
            table = table.with_columns((of_step(whole, table) if is_running else whole).alias(f"{quantity}_{unit}"))
            since = "less what it was at the end of the step before" if is_running else "which begins anew in each step"
            decisions.add(f"{quantity} of a step", " and ".join(found), since)
            used.update(found)
            break
    return table, used


def both_ways(ways: list[pl.Series]) -> pl.Series:
    """Return the sum of the amounts of both directions, null where neither is known."""
    import polars as pl

    is_known = pl.any_horizontal(*(pl.lit(way).is_not_null() for way in ways))
    return pl.select(pl.when(is_known).then(pl.sum_horizontal(*ways))).to_series()


def of_step(running: pl.Series, table: pl.DataFrame) -> pl.Series:
    """Return what each executed step has passed, of a count that runs on through steps, or begins anew at some."""
    import polars as pl

    counts = pl.DataFrame({"step": table["step_count"], "running": running})
    begins = pl.col("step").ne_missing(pl.col("step").shift())
    first = pl.col("running").drop_nulls().first()
    before = pl.col("running").forward_fill().shift().fill_null(first)
    # A count that is lower in a step than before it has begun anew.
    base = pl.when(begins).then(pl.when(first.over("step") < before).then(0.0).otherwise(before)).forward_fill()
    return counts.select((pl.col("running") - base).alias("of step")).to_series()
