"""What every benchmark gives back: figures with units and aims, and how they are shown."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from statistics import quantiles
from typing import Any, TypeVar

T = TypeVar("T")


class Size(IntEnum):
    """How much a benchmark does: enough to say that it runs, rough figures in a minute, or figures to quote."""

    SMOKE = 0
    QUICK = 1
    FULL = 2

    def of(self, full: T, quick: T, smoke: T) -> T:
        """Give the value of this size."""
        return (smoke, quick, full)[self]


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should be: at most, or at least, a bound. An aim is shown, never enforced."""

    bound: float
    at_most: bool

    def met_by(self, value: float) -> bool:
        """Tell whether a value is on the right side of the bound."""
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {shown(self.bound)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. A unit of ``x`` marks a ratio."""

    name: str
    value: float
    unit: str
    aim: Aim | None = None

    def as_dict(self, benchmark: str) -> dict[str, Any]:
        """Give what ``--json`` prints."""
        aim = self.aim
        return {
            "benchmark": benchmark,
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "aim": None if aim is None else {"bound": aim.bound, "at_most": aim.at_most},
            "met": None if aim is None else aim.met_by(self.value),
        }


def shown(value: float) -> str:
    """Write a value with three significant figures, large ones with separators."""
    magnitude = abs(value)
    if magnitude >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if magnitude >= 100 else f"{value:.1f}" if magnitude >= 10 else f"{value:.2f}"


def percentile_99(values: Sequence[float]) -> float:
    """Give the value that one in a hundred exceeds."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[98]


def conditions() -> dict[str, Any]:
    """Say where and under what load the figures were measured; the load is that of the minute before."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": platform.system(),
        "cores": os.cpu_count(),
        "load": load,
    }


def table(results: Mapping[str, Sequence[Figure]]) -> str:
    """Lay all figures out in plain columns, one line each."""
    rows: list[tuple[str, ...]] = [("", "figure", "value", "unit", "aim", "")]
    for benchmark, figures in results.items():
        for n, figure in enumerate(figures):
            aim = figure.aim
            verdict = "" if aim is None else "met" if aim.met_by(figure.value) else "MISSED"
            label = benchmark if n == 0 else ""
            rows.append((label, figure.name, shown(figure.value), figure.unit, str(aim or ""), verdict))
    return columns(rows, right={2})


def columns(rows: Sequence[Sequence[str]], right: Collection[int]) -> str:
    """Lay rows out in plain columns under a line below the first; the columns ``right`` stand at their right edge."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.rjust(widths[n]) if n in right else cell.ljust(widths[n]) for n, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
