"""Reads BTSDA's text of all layers: lines of cycles, of their steps, and of the steps' records, told by their blanks.

A line of a cycle begins with its number, one of a step with one blank field, one of a record with two. Three lines of
heads come first. In some files a cycle's line and that of its first step are one line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.neware_words import Head, heads_of, is_record_table
from orchestrator.importing.text_tables import (
    check_names,
    decoded_head,
    fields_of,
    separator_of,
    text_columns,
    whole_text,
)

if TYPE_CHECKING:
    import polars as pl

_HEAD_LINES = 3


def is_layered(head: str) -> bool:
    """Return whether a text begins with heads of cycles, of steps with their kind, and of records."""
    cycles, steps, records = _heads(head)
    if not cycles or not cycles[0] or not steps or steps[0] or not records or any(records[:2]):
        return False
    outer = _outer(cycles, steps)
    return "cycle" in outer and is_record_table([*records[2:], *(one.header for _, one in outer.values())])


def read_layered(path: Path) -> pl.DataFrame:
    """Return the records, each with cycle, step and kind of step from the lines above it; all cells are text.

    Raises ImportFailed.
    """
    import polars as pl

    head, encoding = decoded_head(path)
    cycles, steps, records = _heads(head)
    check_names([*records, *(one.header for _, one in _outer(cycles, steps).values())], path.name)
    line = head.split("\n", _HEAD_LINES)[_HEAD_LINES - 1]
    separator = separator_of(line)
    # Only the lines of records have all fields.
    text = whole_text(path, encoding, separator, 1)
    _check_records(text, separator, len(records), path.name)
    below = text.split("\n", _HEAD_LINES)[_HEAD_LINES]
    names = [f"field {at}" for at in range(max(len(cycles) + len(steps) - 1, len(records)))]
    # The first line says how many fields the longest has: that of a cycle has fewer.
    rows = text_columns(f"{separator.join(names)}\n{below}", separator, names, 0, path.name).slice(1)
    is_cycle = pl.col(names[0]).is_not_null()
    is_step = ~is_cycle & pl.col(names[1]).is_not_null()
    begins_step = is_cycle & pl.col(names[len(cycles)]).is_not_null()
    told: list[pl.Expr] = []
    for role, (at, one) in _outer(cycles, steps).items():
        of_cycle = pl.when(is_cycle).then(names[at])
        of_step = pl.when(is_step).then(names[at]).when(begins_step).then(names[len(cycles) + at - 1])
        value = of_cycle if role == "cycle" else pl.when(is_step | begins_step).then(of_step.fill_null(""))
        told.append(value.forward_fill().alias(one.header))
    own = [pl.col(names[at]).alias(one) for at, one in enumerate(records) if one]
    found = rows.select(*told, *own, (is_cycle | is_step).alias("is above"))
    found = found.filter(~pl.col("is above")).drop("is above")
    orphans = found.select(pl.any_horizontal(pl.col(one.header).is_null() for _, one in _outer(cycles, steps).values()))
    if orphans.to_series().any():
        raise ImportFailed(f"{path.name} has records before the line of their step; export it again")
    return found


def _check_records(text: str, separator: str, columns: int, name: str) -> None:
    """Raise ImportFailed for the line of a record that lacks fields."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(separator * 2) and (there := line.count(separator) + 1) < columns:
            raise ImportFailed(
                f"{name}: its line {number} has {there} of {columns} columns, as after a cut: copy the file again"
            )


def _heads(head: str) -> list[list[str]]:
    """Return the fields of the three lines of heads, without the blank ones at their ends."""
    lines = head.split("\n", _HEAD_LINES)[:_HEAD_LINES]
    heads = [fields_of(line, separator_of(lines[-1])) for line in lines]
    for one in heads:
        while one and not one[-1]:
            one.pop()
    return [*heads, [], [], []][:_HEAD_LINES]


def _outer(cycles: list[str], steps: list[str]) -> dict[str, tuple[int, Head]]:
    """Return the columns that a record takes from the lines above it, by role, with their places in those."""
    found = {}
    for role, header in (("cycle", cycles[:1]), ("step", steps), ("mode", steps)):
        if (one := heads_of(header).get(role)) is not None:
            found[role] = (header.index(one.header), one)
    return found
