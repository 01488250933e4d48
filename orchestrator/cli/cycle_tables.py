"""The tables of a run's cycles, and of its reservoir tests, as ``cellrig show`` prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from orchestrator.cli.output import print_table

Row = Mapping[str, Any]


def print_cycles(cycles: Sequence[Row]) -> None:
    """Print the cycles; a half that did not run is empty."""
    print_table(
        ("cycle", "start h", "charge mAh", "discharge mAh", "efficiency %", "of", "charge V", "discharge V"),
        [
            (
                row["cycle"],
                round(row["start_s"] / 3600, 3),
                _milli(row["charge_capacity_ah"]),
                _milli(row["discharge_capacity_ah"]),
                _percent(row["coulombic_efficiency"]),
                row["efficiency_of"],
                _rounded(row["charge_mean_voltage_v"]),
                _rounded(row["discharge_mean_voltage_v"]),
            )
            for row in cycles
        ],
        f"Last {len(cycles)} cycles",
    )


def print_reservoirs(tests: Sequence[Row]) -> None:
    """Print each reservoir test: every part in its place, what it gives, and what is to be known of it."""
    for test in tests:
        n, efficiency = test["n"], _percent(test["efficiency"])
        rows: list[tuple[object, ...]] = []
        for number, first in enumerate(test["conditioning"], 1):
            ended = first["strip_ended_by"]
            rows.append((f"plating {number}", first["cycle"], _milli(first["plated_ah"]), None, None))
            rows.append((f"strip {number}", first["cycle"], None, _milli(first["stripped_ah"]), ended))
        rows.append(("reservoir", test["reservoir_cycle"], _milli(test["reservoir_ah"]), None, None))
        cycled = _milli(test["cycled_plated_ah"]), _milli(test["cycled_stripped_ah"])
        rows.append((f"{n} cycles of {_milli(test['set_ah'])} mAh", None, *cycled, None))
        final = test["final_cycle"], None, _milli(test["final_strip_ah"]), test["final_strip_ended_by"]
        rows.append(("final strip", *final))
        title = "Reservoir test" if efficiency is None else f"Reservoir test: mean efficiency {efficiency} %"
        print_table(("part", "cycle", "plated mAh", "stripped mAh", "ended by"), rows, title)
        for remark in test["remarks"]:
            typer.echo(f"  {remark}")


def _milli(value: float | None) -> float | None:
    return None if value is None else round(value * 1e3, 5)


def _percent(value: float | None) -> float | None:
    return None if value is None else round(value * 100, 3)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
