"""Reads the text of a table: encoding, separator and heads are found, cells stay text."""

from __future__ import annotations

import csv
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.importing.errors import ImportFailed
from orchestrator.tables.whole_lines import cut_line

if TYPE_CHECKING:
    import polars as pl

_ENCODINGS = ("utf-8-sig", "gbk", "cp1252")
_SEPARATORS = (",", "\t", ";")
_LOOKED_AT_BYTES = 2**20
_LONGEST_LINE = 2**16


def decoded_head(path: Path) -> tuple[str, str]:
    """Return the beginning of a text and its encoding. Raises ImportFailed for what is no text."""
    with path.open("rb") as file:
        data = file.read(_LOOKED_AT_BYTES)
    whole = len(data) < _LOOKED_AT_BYTES
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data[: len(data) // 2 * 2].decode("utf-16", errors="ignore"), "utf-16"
    for encoding in _ENCODINGS:
        cut = data if whole else data[: data.rfind(b"\n") + 1]
        try:
            return cut.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise ImportFailed(f"{path.name} is no text in UTF-8, GBK or Windows-1252")


def first_line(text: str) -> list[str]:
    """Return the fields of the first line of a text, by the separator that it has most of."""
    line = text.partition("\n")[0].rstrip("\r")
    return [field.strip() for field in next(csv.reader([line[:_LONGEST_LINE]], delimiter=separator_of(line)), [])]


def separator_of(line: str) -> str:
    """Return the separator of a line of heads."""
    return max(_SEPARATORS, key=line.count)


def read_text_table(path: Path) -> pl.DataFrame:
    """Return a table of text, all cells as text. Raises ImportFailed."""
    import polars as pl

    head, encoding = decoded_head(path)
    line = head.partition("\n")[0]
    header = first_line(head)
    if len(set(header) - {""}) < len([one for one in header if one]):
        raise ImportFailed(f"{path.name}: a column is there twice; export it again")
    data = path.read_bytes()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as err:
        raise ImportFailed(f"{path.name} is cut off, or no text in one encoding ({err.reason})") from err
    table = BytesIO(text.encode())
    if (cut := cut_line(table, separator_of(line), len(header))) is not None:
        raise ImportFailed(f"{path.name}: {cut}")
    table.seek(0)
    names = [one or f"column {at}" for at, one in enumerate(header, 1)]
    try:
        return pl.read_csv(
            table,
            separator=separator_of(line),
            has_header=False,
            skip_lines=1,
            schema=dict.fromkeys(names, pl.String()),
            truncate_ragged_lines=True,
        )
    except pl.exceptions.PolarsError as err:
        why = str(err).partition("\n")[0][:200]
        raise ImportFailed(
            f"{path.name} cannot be read as a table (are there decimal commas, or more fields than heads?): {why}"
        ) from err
