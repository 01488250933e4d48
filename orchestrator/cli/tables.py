"""Lays out tables and sentences for the width at hand: which columns go first, where sentences are wrapped.

A terminal has its width, or that of ``COLUMNS``; a pipe has none, unless ``COLUMNS`` gives one, and a row is one line
there. Nothing is padded at its end and no word is broken: one that is longer than a line, such as a path, stays whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, isfinite, log10
from typing import TextIO

_GAP = "  "
# The width of a terminal that does not tell its own.
_USUAL_WIDTH = 80
# A column of sentences is not made narrower than this: more lines than words would follow.
_SENTENCE_WIDTH = 20
# Testers measure to some 0.1 % of their range: five figures lose none of that.
_FIGURES = 5
# What stands for a value that is not there.
_NOTHING = "-"
# A row of more lines is hard to read beside the others.
_HIGH = 3
# A SHA-256 is wider than a column of sentences: its first digits tell it, and a pipe has it whole.
_HASH = r"\b([0-9a-f]{12})[0-9a-f]{52}\b"

# Where no line breaks: before a unit, before a time's offset, within days and hours, within a number's thousands.
_BEFORE_UNIT = (
    r"(?<=\d) (?=(?:[mk]?V|[mu]?Ah?|mA/cm2|mAh/cm2|mAh?/g|[mk]?ohm|[mk]?Hz|h|min|s|d|C|%)(?!\w))"
    r"|(?<=:\d\d) (?=[+-]\d{4}\b)|(?<=\d d) (?=\d+ h\b)|(?<=\d) (?=\d{3}\b)"
)
_TIE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, with its unit behind it in the head.

    Where the width does not suffice, columns with the largest ``goes`` are left out first; 0 stays. ``least`` is the
    width down to which the column is wrapped at spaces; 0 is never wrapped. For the last one, of sentences, others go
    until it has the width ``wants``; if it becomes high all the same, and is ``below``, it has lines of its own below
    each row. Fractions of all columns of a unit have the same decimals: ``decimals``, else as many as give the largest
    of them ``figures`` significant figures; each value has these figures if the column is ``uneven``.
    """

    name: str
    unit: str = ""
    goes: int = 0
    least: int = 0
    wants: int = 0
    below: bool = False
    decimals: int | None = None
    figures: int = _FIGURES
    uneven: bool = False

    @property
    def head(self) -> str:
        """The name with its unit."""
        return f"{self.name} {self.unit}" if self.unit else self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is laid out: its head, the lines of each row, and the columns that are left out."""

    head: str
    rule: str
    rows: tuple[tuple[str, ...], ...]
    left_out: tuple[Column, ...]


def width_of(stream: TextIO) -> int | None:
    """Return how many columns a stream shows: ``COLUMNS``, else its terminal's, else None: it is a pipe or a file."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except (OSError, ValueError):
        return _USUAL_WIDTH


def cell_width(text: str) -> int:
    """Return how many columns of a terminal a text takes: a Chinese letter takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def one_line(value: object) -> str:
    """Return a value as text of one line: what is no letter, as an instrument's words may hold, is a space."""
    return " ".join(printable(str(value)).split())


def printable(text: str) -> str:
    """Return a text with a space for what is no letter: an escape sequence in a name commands no terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def wrapped(text: str, width: int | None) -> list[str]:
    """Return a text in lines that are at most so wide, broken at spaces, but not between a number and its unit.

    A longer word has a line of its own.
    """
    if width is None or cell_width(text) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    for word in re.sub(_BEFORE_UNIT, _TIE, text).split(" "):
        if line and cell_width(line) + 1 + cell_width(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [piece.replace(_TIE, " ") for piece in (*lines, line)]


def hanging(text: str, width: int | None, indent: int) -> str:
    """Return a text, each of its lines wrapped at spaces, with so many spaces before what follows in another line."""
    text = "\n".join(printable(line) for line in text.splitlines())
    if width is None:
        return text
    indent = indent if width - indent >= _SENTENCE_WIDTH else 0
    lines: list[str] = []
    for line in text.splitlines():
        first, *more = wrapped(line[indent:], width - indent)
        lines += [line[:indent] + first, *(" " * indent + rest for rest in more)]
    return "\n".join(lines)


def significant(value: float, figures: int = 4) -> str:
    """Return a number with so many significant figures at most, without zeros at its end, and no exponent."""
    if not isfinite(value):
        return _NOTHING
    text = f"{value:z.{_decimals(abs(value), figures)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def laid_out(columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int | None) -> Table:
    """Lay out a table; ``width`` None: each row is one line with all its columns.

    None is a dash, and a column of nothing else is no column. Numbers are right-aligned. If no column may be wrapped,
    the last one may that holds words.
    """
    kept = [n for n in range(len(columns)) if not rows or any(row[n] is not None for row in rows)]
    texts = _texts(columns, kept, rows)
    if width is not None:
        texts = {n: [re.sub(_HASH, r"\1...", text) for text in told] for n, told in texts.items()}
    numeric = {n for n in kept if any(isinstance(row[n], int | float) for row in rows)}
    told = _with_a_wrapped(columns, [n for n in kept if n not in numeric])
    natural = {n: max(map(cell_width, (told[n].head, *texts[n]))) for n in kept}
    least = {n: _least(told[n], natural[n], texts[n], is_last=n == kept[-1]) for n in kept}
    wanted = {n: min(natural[n], max(least[n], told[n].wants)) for n in kept}
    shown = list(kept)
    while width is not None and _total(wanted, shown) > width and any(told[n].goes for n in shown):
        shown.remove(max(shown, key=lambda n: told[n].goes))
    widths = _widths([least, wanted, natural], shown, width)
    made = [tuple(_row(row, shown, widths, numeric)) for row in zip(*(texts[n] for n in shown), strict=True)]
    is_high = any(len(row) > _HIGH for row in made) and shown[-1] == len(columns) - 1
    if width is not None and is_high and told[-1].below:
        return _with_last_below(columns, rows, width, texts[shown[-1]])
    head = "\n".join(_row([told[n].head for n in shown], shown, widths, numeric))
    rule = _GAP.join("-" * min(widths[n], natural[n]) for n in shown)
    return Table(head, rule, tuple(made), tuple(columns[n] for n in kept if n not in shown))


def column_texts(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> list[tuple[int, list[str]]]:
    """Return the columns that have a value, each by its place with the texts of its values; all where one has."""
    kept = [n for n in range(len(columns)) if any(row[n] is not None for row in rows)]
    kept = kept if len(kept) > 1 else list(range(len(columns)))
    return list(_texts(columns, kept, rows).items())


def _with_last_below(
    columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int, sentences: Sequence[str]
) -> Table:
    """Lay out a table with the sentences of its last column below each row, from the second column on."""
    table = laid_out(columns[:-1], [row[:-1] for row in rows], width)
    indent = len(table.rule.split(_GAP)[0]) + len(_GAP)
    below = [wrapped(sentence, width - indent) for sentence in sentences]
    made = [
        (*row, *(" " * indent + line for line in lines if line != _NOTHING))
        for row, lines in zip(table.rows, below, strict=True)
    ]
    return replace(table, head=f"{table.head}\n{' ' * indent}{columns[-1].head}", rows=tuple(made))


def _with_a_wrapped(columns: Sequence[Column], words: Sequence[int]) -> list[Column]:
    told = list(columns)
    if words and not any(column.least for column in columns):
        told[words[-1]] = replace(told[words[-1]], least=_SENTENCE_WIDTH)
    return told


def _least(column: Column, natural: int, texts: Sequence[str], *, is_last: bool) -> int:
    """Return the smallest width of a column: in the last one a long word is in nobody's way."""
    if not column.least:
        return natural
    longest = 0 if is_last else max((cell_width(word) for text in texts for word in text.split()), default=0)
    return min(natural, max(column.least, longest, cell_width(column.head)))


def _total(widths: dict[int, int], shown: Sequence[int]) -> int:
    return sum(widths[n] for n in shown) + len(_GAP) * (len(shown) - 1)


def _widths(rising: Sequence[dict[int, int]], shown: Sequence[int], width: int | None) -> dict[int, int]:
    """Return the width of each column: all have the first, the others are reached one by one while there is room."""
    first, *more = rising
    if width is None:
        return rising[-1]
    widths = {n: first[n] for n in shown}
    spare = max(0, width - _total(widths, shown))
    for aims in more:
        for n in shown:
            added = min(spare, aims[n] - widths[n])
            widths[n] += added
            spare -= added
    return widths


def _row(texts: Sequence[str], shown: Sequence[int], widths: dict[int, int], numeric: set[int]) -> list[str]:
    """Return the lines of one row."""
    cells = [wrapped(text, widths[n]) for n, text in zip(shown, texts, strict=True)]
    lines = []
    for k in range(max(map(len, cells))):
        pieces = []
        for n, cell in zip(shown, cells, strict=True):
            piece = cell[k] if k < len(cell) else ""
            padding = " " * max(0, widths[n] - cell_width(piece))
            pieces.append(padding + piece if n in numeric else piece + padding)
        lines.append(_GAP.join(pieces).rstrip())
    return lines


def _texts(columns: Sequence[Column], kept: Sequence[int], rows: Sequence[Sequence[object]]) -> dict[int, list[str]]:
    """Return the values of each column as texts."""
    largest: dict[str, float] = {}
    for n in kept:
        sizes = [abs(value) for row in rows if isinstance(value := row[n], float) and isfinite(value)]
        largest[columns[n].unit] = max([largest.get(columns[n].unit, 0.0), *sizes])
    texts = {}
    for n in kept:
        column = columns[n]
        decimals = _decimals(largest[column.unit], column.figures) if column.decimals is None else column.decimals
        texts[n] = [_text(row[n], None if column.uneven else decimals, column.figures) for row in rows]
    return texts


def _text(value: object, decimals: int | None, figures: int) -> str:
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return _NOTHING
    if isinstance(value, float):
        return f"{value:z.{_decimals(abs(value), figures) if decimals is None else decimals}f}"
    return one_line(value)


def _decimals(largest: float, figures: int) -> int:
    """Return how many decimals give a magnitude so many significant figures."""
    return max(0, figures - 1 - floor(log10(largest))) if largest else 0
