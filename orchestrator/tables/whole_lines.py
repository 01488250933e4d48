"""Checks that a text of columns was not cut off: readers take a line that lacks fields as one with blank cells.

polars does so without a word: of a file that was cut within its last line a current of -0.0002 A is read as 0 A, and
the columns behind it as blanks. A line with too many fields is refused by polars itself.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from typing import BinaryIO

_PIECE_BYTES = 2**20


def cut_line(file: BinaryIO, separator: str, columns: int, encoding: str = "utf-8") -> str | None:
    """Return in words where a text has a line with fewer fields than columns, or one without an end; None if nowhere.

    The file is read from its place to its end; an encoding in which line break and separator are single bytes.
    """
    begin, last, lines, separators, quotes = file.tell(), b"\n", 0, 0, 0
    while piece := file.read(_PIECE_BYTES):
        lines += piece.count(b"\n")
        separators += piece.count(separator.encode())
        quotes += piece.count(b'"')
        last = piece[-1:]
    if last != b"\n":
        return (
            "its last line has no end, so that its last number may be cut off: copy the file again, or add a line "
            "break there if it is whole"
        )
    if not quotes and separators == lines * (columns - 1):
        return None
    file.seek(begin)
    text = TextIOWrapper(file, encoding, errors="replace", newline="")
    try:
        return _short_line(csv.reader(_lines(text), delimiter=separator), columns)
    finally:
        text.detach()


def _lines(text: Iterable[str]) -> Iterator[str]:
    """Yield lines without what ``csv`` refuses."""
    return (line.replace("\0", "") for line in text)


def _short_line(rows: Iterable[list[str]], columns: int) -> str | None:
    for number, fields in enumerate(rows, 1):
        if len(fields) < columns:
            return f"its line {number} has {len(fields)} of {columns} columns, as after a cut: copy the file again"
    return None
