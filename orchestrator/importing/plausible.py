"""Refuses a table that cannot be one measurement: numbers that no instrument gives, or records that are not in order.

A file may be whole and every cell of it a number, and yet its times be milliseconds, its sheets be in another order, or
two tests be in one table. Such a table is wrong in every picture and number that is made of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.read_run import Decisions

if TYPE_CHECKING:
    import polars as pl

_MOST_UNIX_S = 1e10
"""The year 2286: times of day in milliseconds lie above."""
_MOST_COUNT = 2**31 - 1
_LEAST_DEGC, _MOST_DEGC = -273.15, 1e4
_BOUNDS: dict[str, tuple[float, float]] = {
    "test_time_s": (-1e10, 1e10),
    "step_time_s": (-1e10, 1e10),
    # A clock that lost its battery begins at 1970 in its own zone.
    "unix_time_s": (-86400, _MOST_UNIX_S),
    "voltage_v": (-1e6, 1e6),
    "current_a": (-1e6, 1e6),
    "capacity_ah": (-1e9, 1e9),
    "energy_wh": (-1e12, 1e12),
    "temperature_degc": (_LEAST_DEGC, _MOST_DEGC),
    "cycle": (0, _MOST_COUNT),
    "step_count": (0, _MOST_COUNT),
    "step": (0, _MOST_COUNT),
}
"""What any column may hold, far beyond what any instrument for cells gives."""
_MOST_FOLD = 3.0
"""How far the tester's counts may be from the integral of the current: a held voltage with few records may be half."""
_FEWEST_RECORDS = 5
_SLACK_S = 2.0
"""How far a time may go back where a clock of seconds is rounded or set."""


def check_bounds(table: pl.DataFrame, name: str) -> None:
    """Raise ImportFailed for a number that is none, or that no instrument gives, with its record. Blanks are let be."""
    for column, (least, most) in _BOUNDS.items():
        values = table[column].drop_nulls()
        if values.is_between(least, most).all():
            continue
        bad = ~table[column].is_between(least, most).fill_null(value=True)
        at = bad.arg_true()[0]
        hint = " (are they milliseconds?)" if column == "unix_time_s" and (values > most).all() else ""
        raise ImportFailed(
            f"{name}, record {at + 1}: {column} is {table[column][at]:g}, which no instrument gives{hint}; "
            f"{bad.sum()} of {table.height} records are so; look at the units of the file, or export it again"
        )


def check_order(table: pl.DataFrame, decisions: Decisions, name: str) -> None:
    """Say what the numbers of a tester's records tell of their order. Raises ImportFailed for tests one over the other.

    Numbers that fall where a time or the cycle falls too are two tests, one test twice, or its sheets in another order.
    """
    import polars as pl

    numbers = table["sequence"] if "sequence" in table.columns else None
    if numbers is not None and not numbers.null_count():
        falls = (pl.col("sequence").diff() <= 0).fill_null(value=False)
        back = [
            (pl.col(one).diff() < -slack).fill_null(value=False)
            for one, slack in (("test_time_s", _SLACK_S), ("unix_time_s", _SLACK_S), ("cycle", 0))
            if one in table.columns
        ]
        both = table.select(falls.alias("falls"), (falls & pl.any_horizontal(*back)).alias("back") if back else falls)
        if back and both["back"].any():
            at = both["back"].arg_true()[0]
            raise ImportFailed(
                f"{name}, record {at + 1}: it has number {numbers[at]} after {numbers[at - 1]}, and its time goes back "
                "too: two tests in one file, one of them twice, or its parts in another order; export each test alone"
            )
        if fell := int(both["falls"].sum()):
            decisions.add("record numbers", "counted anew", f"the file's own fall or repeat {fell} times")
        elif lost := int((numbers.diff() - 1).fill_null(0).sum()):
            decisions.add(
                "record numbers", "the file's own", f"{lost} of them are missing: records were lost or left out before"
            )
    back_times = int((table["test_time_s"].diff() < -_SLACK_S).sum())
    if back_times:
        decisions.add("test time", f"goes back {back_times} times; kept", "the file")


def with_plausible_counts(table: pl.DataFrame, decisions: Decisions) -> pl.DataFrame:
    """Return the table without its capacities and energies where these cannot be those of its currents.

    A column that was never counted, one in another unit, and one that goes on over several steps all read as charge.
    The sum of the last counts of the steps is held against the integral of the current: both are rough where records
    are sparse, and a thousand apart where a unit is wrong.
    """
    import polars as pl

    if "capacity_ah" not in table.columns or not table["capacity_ah"].drop_nulls().len():
        return table
    step = pl.col("step_count")
    good = table.select("step_count", "test_time_s", "current_a", "capacity_ah").drop_nulls()
    amperes = pl.col("current_a").abs()
    passed = (amperes + amperes.shift().over(step)) / 2 * pl.col("test_time_s").diff().over(step)
    counted, integral = (
        good.with_columns(passed.alias("passed"))
        .group_by("step_count")
        .agg(pl.col("capacity_ah").last().abs(), pl.col("passed").sum() / 3600, pl.len().alias("records"))
        .filter(pl.col("records") >= _FEWEST_RECORDS)
        .select(pl.col("capacity_ah").sum(), pl.col("passed").sum())
        .row(0)
    )
    if integral <= 0 or counted / integral < 1 / _MOST_FOLD or counted / integral > _MOST_FOLD:
        if max(integral, counted) <= 0:
            return table
        decisions.add(
            "capacity",
            "left out, and energy",
            f"its counts add up to {counted * 1e3:.4g} mAh, the current over time to {integral * 1e3:.4g} mAh",
        )
        return table.drop("capacity_ah", "energy_wh", strict=False)
    return table
