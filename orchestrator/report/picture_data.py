"""A picture as numbers: what a page draws, what is drawn into a file, and the same as a table: one source.

Every quantity has a code, by which pages translate it, a name for files and a unit. Nothing is averaged or rounded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from math import isfinite
from typing import Any

Value = float | None
MOST_RUNS = 12
"""Runs of one picture at most: more cannot be told apart."""


class Shown(StrEnum):
    """What a picture is of, by what it has on its horizontal axis."""

    TIME = "time"
    CLOCK = "clock"
    CYCLE = "cycle"
    CAPACITY = "capacity"
    HALF_CYCLES = "half-cycles"
    IMPEDANCE = "impedance"


QUANTITIES = {
    "time": "time",
    "clock": "time by the clock",
    "cycle": "cycle",
    "voltage": "voltage",
    "current": "current",
    "charge-capacity": "charge capacity",
    "discharge-capacity": "discharge capacity",
    "capacity": "capacity",
    "efficiency": "coulombic efficiency",
    "retention": "capacity retention",
    "resistance": "resistance",
    "overpotential": "overpotential",
    "overpotential-start": "overpotential at the start",
    "overpotential-plateau": "overpotential of the plateau",
    "overpotential-end": "overpotential at the end",
    "charge-overpotential": "mean overpotential of charge",
    "discharge-overpotential": "mean overpotential of discharge",
    "charge-passed": "charge passed",
    "z-real": "Z'",
    "z-imag": "-Z''",
    "z-real-fit": "Z' of the fit",
    "z-imag-fit": "-Z'' of the fit",
    "frequency": "frequency",
    "modulus": "|Z|",
    "phase": "-phase",
    "modulus-fit": "|Z| of the fit",
    "phase-fit": "-phase of the fit",
}
"""The English name of each quantity, by its code."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A quantity with its unit, "" for a number without one."""

    quantity: str
    unit: str = ""

    @property
    def words(self) -> str:
        """The axis as it stands in a file."""
        name = QUANTITIES[self.quantity]
        return f"{name} / {self.unit}" if self.unit else name


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: a quantity of a run, or of a part of it (``curve``), over the axis of its panel.

    ``look`` counts curves that must be told apart: each has a colour, a dash and a marker. None between two values: no
    line may be drawn there. ``hollow``: markers are not filled. ``right``: by the axis at the right.
    """

    run: str
    curve: str
    y_axis: Axis
    x: Sequence[Value]
    y: Sequence[Value]
    look: int = 0
    name: str = ""
    points: bool = False
    line: bool = True
    hollow: bool = False
    right: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes. ``equal``: both have one scale. ``limits`` are values of y with words, drawn dashed."""

    x_axis: Axis
    y_axis: Axis
    lines: Sequence[Line]
    right_axis: Axis | None = None
    right_range: tuple[float, float] | None = None
    equal: bool = False
    log_x: bool = False
    log_y: bool = False
    height: int = 3
    limits: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """A span of x that is drawn behind the curves: ``kind`` is a code, ``words`` say what it is."""

    begin: float
    end: float
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at an x, in a sentence; ``event`` is its number in the store, 0 for none."""

    x: float
    kind: str
    words: str
    event: int = 0


@dataclass(frozen=True, slots=True)
class RunName:
    """A run of a picture, and how it is called in it."""

    run: str
    name: str
    simulated: bool | None
    look: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of runs. ``records`` are the records behind it, ``drawn`` those that are in it; 0 where none counts."""

    shown: Shown
    runs: Sequence[RunName]
    panels: Sequence[Panel]
    bands: Sequence[Band] = ()
    marks: Sequence[Mark] = ()
    remarks: Sequence[str] = ()
    records: int = 0
    drawn: int = 0
    facts: Sequence[dict[str, Any]] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return the picture for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, told: dict[str, Any]) -> Picture:
        """Return the picture that ``as_dict`` told."""
        panels = [
            Panel(
                Axis(**one["x_axis"]),
                Axis(**one["y_axis"]),
                [Line(**{**line, "y_axis": Axis(**line["y_axis"])}) for line in one["lines"]],
                Axis(**one["right_axis"]) if one["right_axis"] else None,
                tuple(one["right_range"]) if one["right_range"] else None,
                **{name: one[name] for name in ("equal", "log_x", "log_y", "height")},
                limits=[(value, words) for value, words in one["limits"]],
            )
            for one in told["panels"]
        ]
        rest = {name: told[name] for name in ("remarks", "records", "drawn", "facts")}
        return cls(
            Shown(told["shown"]),
            [RunName(**one) for one in told["runs"]],
            panels,
            [Band(**one) for one in told["bands"]],
            [Mark(**one) for one in told["marks"]],
            **rest,
        )


def known(values: Iterable[float]) -> list[Value]:
    """Return values for JSON: what is not a number is None."""
    return [float(value) if isfinite(value) else None for value in values]


def as_csv(picture: Picture) -> str:
    """Return the numbers of a picture as text: a row of names, a row of units, and a row for each point.

    Curves of one run over the same x share their rows; a value that is not there is empty.
    """
    groups: dict[tuple[str, str, Axis, tuple[Value, ...]], list[Line]] = {}
    for panel in picture.panels:
        for line in panel.lines:
            groups.setdefault((line.run, line.curve, panel.x_axis, tuple(line.x)), []).append(line)
    xs = list(dict.fromkeys(axis for _, _, axis, _ in groups))
    ys = list(dict.fromkeys(line.y_axis for lines in groups.values() for line in lines))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", "curve", *(QUANTITIES[axis.quantity] for axis in (*xs, *ys))])
    writer.writerow(["", "", *(axis.unit for axis in (*xs, *ys))])
    for (run, curve, axis, x), lines in groups.items():
        by_axis = {line.y_axis: line.y for line in lines}
        for at, value in enumerate(x):
            values = [by_axis[one][at] if one in by_axis else None for one in ys]
            if value is None or all(one is None for one in values):
                continue
            row = [value if one == axis else None for one in xs] + values
            writer.writerow([run, curve, *("" if one is None else repr(one) for one in row)])
    return out.getvalue()


def with_remarks(picture: Picture, more: Sequence[str]) -> Picture:
    """Return the picture with more remarks."""
    return replace(picture, remarks=[*picture.remarks, *more])
