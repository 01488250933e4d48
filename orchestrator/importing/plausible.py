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
    "unix_time_s": (0, _MOST_UNIX_S),
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
