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
    line = text.partition("\n")[0]
    return fields_of(line, separator_of(line))


def fields_of(line: str, separator: str) -> list[str]:
    """Return the fields of a line."""
    line = line.rstrip("\r\n")[:_LONGEST_LINE]
    return [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]


def separator_of(line: str) -> str:
    """Return the separator of a line of heads."""
    return max(_SEPARATORS, key=line.count)


def read_text_table(path: Path) -> pl.DataFrame:
    """Return a table of text, all cells as text. Raises ImportFailed."""
    head, encoding = decoded_head(path)
    line = head.partition("\n")[0]
    header = first_line(head)
    check_names(header, path.name)
    text = whole_text(path, encoding, separator_of(line), len(header))
    names = [one or f"column {at}" for at, one in enumerate(header, 1)]
    return text_columns(text, separator_of(line), names, 1, path.name)


def check_names(header: list[str], name: str) -> None:
    """Raise ImportFailed for heads of which one is there twice."""
    if len(set(header) - {""}) < len([one for one in header if one]):
        raise ImportFailed(f"{name}: a column is there twice; export it again")


def whole_text(path: Path, encoding: str, separator: str, columns: int) -> str:
    """Return the text of a file of which each line has that many fields or more.

    Raises ImportFailed for one that was cut off.
    """
    try:
        text = path.read_bytes().decode(encoding)
    except UnicodeDecodeError as err:
        raise ImportFailed(f"{path.name} is cut off, or no text in one encoding ({err.reason})") from err
    if (cut := cut_line(BytesIO(text.encode()), separator, columns)) is not None:
        raise ImportFailed(f"{path.name}: {cut}")
    return text


def text_columns(text: str, separator: str, names: list[str], skipped: int, name: str) -> pl.DataFrame:
    """Return the lines of a text behind the first ``skipped`` as columns of text. Raises ImportFailed."""
    import polars as pl

    try:
        return pl.read_csv(
            BytesIO(text.encode()),
            separator=separator,
            has_header=False,
            skip_lines=skipped,
            schema=dict.fromkeys(names, pl.String()),
            truncate_ragged_lines=True,
        )
    except pl.exceptions.PolarsError as err:
        why = str(err).partition("\n")[0][:200]
        raise ImportFailed(
            f"{name} cannot be read as a table (are there decimal commas, or more fields than heads?): {why}"
        ) from err
