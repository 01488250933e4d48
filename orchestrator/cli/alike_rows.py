"""Rows of a long table that repeat each other, told once: a ramp of forty currents is four rows, not 160.

Rows repeat where the same few follow each other three times or more. What is the same in all of them is told as it is,
and what differs as its first and its last value.

>>> rows = [(f"{test}.{step}", what.format(test)) for test in (2, 3, 4) for step, what in ((1, "{} mA"), (2, "rest"))]
>>> together(rows, loose)
[((0, 2, 4), ('2.1 to 4.1', '2 to 4 mA')), ((1, 3, 5), ('2.2 to 4.2', 'rest'))]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence

Row = Sequence[str]

MOST_ROWS = 40
"""A table of no more rows is told whole, but for rows that are the same."""
LEAST_TIMES = 3
_LONGEST = 12
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?")
# A value with its units, as "1 h 20 min": two of them differ as a whole.
_DURATION = re.compile(r"^\d+ (d|h|min|s)( \d+ (h|min|s))?$")


def exact(row: Row) -> Hashable:
    """Give all of a row but its name: rows are alike where nothing differs."""
    return tuple(row[1:])


def loose(row: Row) -> Hashable:
    """Give a row without its numbers: rows of a ramp are alike. What passes no charge, the last cell, is as it is."""
    if not row[-1]:
        return exact(row)
    return tuple("#" if _DURATION.match(cell) else _NUMBER.sub("#", cell) for cell in row[1:])


def together(rows: Sequence[Row], shape: Callable[[Row], Hashable]) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Give the rows of a table with those that repeat each other in one, each with the indices that it stands for.

    The first cell of a row is its name.
    """
    shapes = [shape(row) for row in rows]
    return [(indices, _one([rows[index] for index in indices])) for indices in _repeats(shapes)]


def _repeats(shapes: Sequence[Hashable]) -> Iterator[tuple[int, ...]]:
    """Yield the indices of each row of the shorter table."""
    start = 0
    while start < len(shapes):
        period, times = _longest(shapes, start)
        yield from (tuple(range(first, first + period * times, period)) for first in range(start, start + period))
        start += period * times


def _longest(shapes: Sequence[Hashable], start: int) -> tuple[int, int]:
    """Give how many rows from ``start`` on repeat as one, and how often: the shortest that cover most."""
    best = (1, 1)
    for period in range(1, min(_LONGEST, (len(shapes) - start) // LEAST_TIMES) + 1):
        same = 0
        while start + same + period < len(shapes) and shapes[start + same] == shapes[start + same + period]:
            same += 1
        times = same // period + 1
        if times >= LEAST_TIMES and times * period > best[0] * best[1]:
            best = period, times
    return best


def _one(rows: Sequence[Row]) -> tuple[str, ...]:
    name = rows[0][0] if len(rows) == 1 else f"{rows[0][0]} to {rows[-1][0]}"
    return name, *(_merged(cells) for cells in list(zip(*rows, strict=True))[1:])


def _merged(cells: Sequence[str]) -> str:
    """Give a cell for several: with the first and the last of each number that is not the same in all of them."""
    first, last = cells[0], cells[-1]
    if len(set(cells)) == 1:
        return first
    if _DURATION.match(first):
        return f"{first} to {last}"
    numbers = [_NUMBER.findall(cell) for cell in cells]
    if len({len(found) for found in numbers}) > 1:
        return f"{first} to {last}"
    columns = iter(list(zip(*numbers, strict=True)))

    def told(_: re.Match[str]) -> str:
        seen = next(columns)
        return seen[0] if len(set(seen)) == 1 else f"{seen[0]} to {seen[-1]}"

    return _NUMBER.sub(told, first)
