"""Reads orders that were pasted out of a spreadsheet: a line each, columns apart by tabs, semicolons or commas.

A first line with names of columns may say which is which; else they are recipe, cell, channel and label, in this order.

>>> [line.values for line in pasted("li-li-0.2; lot7-01; 21-1-3").lines]
[{'recipe': 'li-li-0.2', 'cell': 'lot7-01', 'channel': '21-1-3'}]
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO

COLUMNS = ("recipe", "cell", "channel", "label")
NEEDED = ("recipe", "cell", "channel")
LINES_MAX = 64
_SEPARATORS = ("\t", ";", ",")
_HEADS = {
    "recipe": {"recipe", "program", "schedule", "工步方案", "方案"},
    "cell": {"cell", "cell name", "电池"},
    "channel": {"channel", "ch", "通道"},
    "label": {"label", "name", "标签", "名称"},
}


@dataclass(frozen=True, slots=True)
class PastedLine:
    """A line: its number in the text from 1, its values by column, and what is wrong with it as a code, or nothing."""

    number: int
    values: Mapping[str, str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Pasted:
    """What was pasted: its lines with orders, and whether there are more of them than one list takes."""

    lines: tuple[PastedLine, ...]
    is_too_long: bool = False


def pasted(text: str) -> Pasted:
    """Read a pasted text. Empty lines are left out; nothing is raised, whatever it is."""
    separator = next((one for one in _SEPARATORS if one in text), _SEPARATORS[0])
    rows = [(number, _cells(line, separator)) for number, line in enumerate(text.splitlines(), 1)]
    filled = [(number, cells) for number, cells in rows if any(cells)]
    columns: tuple[str, ...] = COLUMNS
    if filled and (heads := _heads(filled[0][1])):
        columns, filled = heads, filled[1:]
    lines = [_line(number, cells, columns) for number, cells in filled]
    return Pasted(tuple(lines[:LINES_MAX]), len(lines) > LINES_MAX)


def _cells(line: str, separator: str) -> list[str]:
    """Split a line; one with a quote that is never closed is taken as it stands."""
    try:
        found = next(csv.reader(StringIO(line), delimiter=separator, strict=True), [])
    except csv.Error:
        found = line.split(separator)
    return [cell.strip() for cell in found]


def _heads(cells: list[str]) -> tuple[str, ...]:
    """Return the columns that a first line names; nothing if it names none of those that are needed."""
    known = [next((name for name, heads in _HEADS.items() if cell.casefold() in heads), "") for cell in cells]
    return tuple(known) if set(NEEDED) <= set(known) else ()


def _line(number: int, cells: list[str], columns: tuple[str, ...]) -> PastedLine:
    values = {name: cell for name, cell in zip(columns, cells, strict=False) if name and cell}
    if any(cells[len(columns) :]):
        return PastedLine(number, values, "list.too_many")
    missing = next((name for name in NEEDED if name not in values), "")
    return PastedLine(number, values, f"list.no_{missing}" if missing else "")
