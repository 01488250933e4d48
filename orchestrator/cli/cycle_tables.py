"""The tables of a run's cycles, and of its reservoir tests, as ``cellrig show`` prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.cli.output import print_table, say
from orchestrator.cli.tables import Column, significant

Row = Mapping[str, Any]

_CYCLES = (
    Column("cycle"),
    Column("start", "h", decimals=3, goes=3),
    Column("charge", "mAh", goes=1),
    Column("charge", "mAh/g", goes=5),
    Column("charge", "mAh/cm2", goes=7),
    Column("discharge", "mAh"),
    Column("discharge", "mAh/g"),
    Column("discharge", "mAh/cm2", goes=6),
    Column("efficiency", "%", decimals=2),
    Column("of", goes=4),
    Column("charge", "V", decimals=4),
    Column("discharge", "V", decimals=4),
    Column("polarisation", "V", decimals=4, goes=2),
)
RESERVOIR_PARTS = (
    Column("part"),
    Column("cycle"),
    Column("plated", "mAh"),
    Column("stripped", "mAh"),
    Column("ended by"),
)


def print_cycles(cycles: Sequence[Row], title: str, chosen: str = "") -> None:
    """Print the cycles; a half that did not run is empty."""
    print_table(_CYCLES, [_cycle_row(row) for row in cycles], title, chosen)


def _cycle_row(row: Row) -> tuple[object, ...]:
    return (
        row["cycle"],
        row["start_s"] / 3600,
        milli(row["charge_capacity_ah"]),
        row["charge_capacity_mah_g"],
        row["charge_capacity_mah_cm2"],
        milli(row["discharge_capacity_ah"]),
        row["discharge_capacity_mah_g"],
        row["discharge_capacity_mah_cm2"],
        _percent(row["coulombic_efficiency"]),
        row["efficiency_of"],
        row["charge_mean_voltage_v"],
        row["discharge_mean_voltage_v"],
        row["polarisation_v"],
    )


def print_reservoirs(tests: Sequence[Row], chosen: str = "") -> None:
    """Print each reservoir test: every part in its place, what it gives, and what is to be known of it."""
    for test in tests:
        title, rows = reservoir_parts(test)
        print_table(RESERVOIR_PARTS, rows, title, chosen)
        for remark in test["remarks"]:
            say(f"  {remark}", 2)


def reservoir_parts(test: Row) -> tuple[str, list[tuple[object, ...]]]:
    """Return the title of a reservoir test and its parts, in the columns ``RESERVOIR_PARTS``."""
    rows: list[tuple[object, ...]] = []
    for number, first in enumerate(test["conditioning"], 1):
        ended = first["strip_ended_by"]
        rows.append((f"plating {number}", first["cycle"], milli(first["plated_ah"]), None, None))
        rows.append((f"strip {number}", first["cycle"], None, milli(first["stripped_ah"]), ended))
    rows.append(("reservoir", test["reservoir_cycle"], milli(test["reservoir_ah"]), None, None))
    cycled = milli(test["cycled_plated_ah"]), milli(test["cycled_stripped_ah"])
    rows.append((f"{test['n']} cycles of {significant(test['set_ah'] * 1e3)} mAh", None, *cycled, None))
    final = test["final_cycle"], None, milli(test["final_strip_ah"]), test["final_strip_ended_by"]
    rows.append(("final strip", *final))
    efficiency = _percent(test["efficiency"])
    told = "" if efficiency is None else f": mean efficiency {significant(efficiency)} %"
    return f"Reservoir test{told}", rows


def milli(value: float | None) -> float | None:
    """Return a value in thousandths of its unit; None stays None."""
    return None if value is None else value * 1e3


def _percent(value: float | None) -> float | None:
    return None if value is None else value * 100
