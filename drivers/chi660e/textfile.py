"""Reads the text file of a measurement; its layout is a setting of the vendor's program that cannot be queried.

Separator, header blocks, columns, line ends and encoding are found, not assumed (reference chi660e, section 9). What is
cut off raises ``Incomplete``, what is no such file ``WrongFile``. Some real files lack the last line end: their last
row counts as whole when it is written like the row before it; whether rows are missing is for the technique to say.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from types import MappingProxyType

from drivers.chi660e import headers
from drivers.errors import Incomplete, WrongFile

_CLOCK = re.compile(r"\d{1,2}:\d{2}:\d{2}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DIGITS = re.compile(r"[+-]?\d*\.(?P<decimals>\d+)(?:[eE](?P<exponent>[+-]?\d+))?")
_PARAMETER = re.compile(r"(?P<name>[^=]*[^=\s])\s*=\s*(?P<value>.*)")
_SEGMENT = re.compile(r"Segment\s*\d+\s*:?", re.IGNORECASE)
# Whatever is longer is no file of a measurement. The rows are twice the program's own most.
_LINE_MAX, _LINES_BEFORE_ROWS_MAX, _LINES_MAX = 4096, 10_000, 4_000_000
ROWS_MAX = 2 * 262_144


@dataclass(frozen=True, slots=True)
class Memo:
    """The first block of a file: the time of saving (as written there), and its description of itself."""

    saved: str
    technique: str
    file: str
    source: str
    model: str
    header: str
    note: str


@dataclass(frozen=True, slots=True)
class TextFile:
    """A parsed text file: ``memo`` is None and ``parameters`` empty if these blocks are switched off.

    ``parameters`` are by the name in the file, unit included; ``words`` are the lines without an equals sign among
    them. ``columns`` are roles (``headers.role``), and every row has as many numbers. ``ends_with_line`` tells whether
    the last row has its line end.
    """

    memo: Memo | None
    parameters: Mapping[str, str]
    words: tuple[str, ...]
    results: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    ends_with_line: bool = True

    def column(self, role: str) -> tuple[float, ...]:
        """Return one column. Raises WrongFile when there is none."""
        if role not in self.columns:
            raise WrongFile(f"the file has the columns {', '.join(self.columns)}, and none of {role}")
        at = self.columns.index(role)
        return tuple(row[at] for row in self.rows)

    def parameter(self, name: str) -> str | None:
        """Return a parameter by its name without unit, ignoring case; None when the file has none."""
        plain = headers.squeeze(name)
        return next((value for key, value in self.parameters.items() if headers.parameter(key) == plain), None)


def read(data: bytes, rows_max: int = ROWS_MAX) -> TextFile:
    """Read a whole text file, one line after another. Raises Incomplete or WrongFile."""
    if not data:
        raise Incomplete("the text file is empty")
    text = _decode(data)
    ends_with_line = text.endswith("\n")
    if not ends_with_line:
        text += "\n"
    # The lines before the rows, and some of these: the others are made one by one, so that they cost no memory.
    rest = _lines(text)
    lines = list(islice(rest, _LINES_BEFORE_ROWS_MAX))
    memo, first = _memo(lines)
    at = next((n for n in range(first, len(lines)) if _starts_table(lines[n])), None)
    if at is None:
        raise Incomplete("the text file has no column heads: it is cut off, or its numeric data are switched off")
    parameters, words, results = _blocks(lines[first:at])
    body = chain(islice(lines, at + 1, None), rest)
    columns, rows = _table(lines[at], body, rows_max, ends_with_line=ends_with_line)
    return TextFile(memo, MappingProxyType(parameters), words, results, columns, rows, ends_with_line)


def _lines(text: str) -> Iterator[str]:
    begin = 0
    for _ in range(_LINES_MAX):
        if (end := text.find("\n", begin)) < 0:
            return
        if end - begin > _LINE_MAX:
            raise WrongFile(f"the text file has a line of {end - begin} characters, more than any measurement makes")
        yield text[begin:end].removesuffix("\r")
        begin = end + 1
    raise WrongFile(f"the text file has more than {_LINES_MAX} lines, more than any measurement makes")


def _decode(data: bytes) -> str:
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16")
        if data[1:2] == b"\0":
            return data.decode("utf-16-le")
    except UnicodeDecodeError as err:
        raise Incomplete("the text file ends within a character") from err
    if b"\0" in data:
        raise WrongFile("the text file holds bytes that are no text")
    for encoding in ("utf-8-sig", "gbk"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as err:
            if encoding == "gbk" and err.end >= len(data):
                raise Incomplete("the text file ends within a character") from err
    raise WrongFile("the text file is neither UTF-8 nor GBK")


def _memo(lines: Sequence[str]) -> tuple[Memo | None, int]:
    """Read the block at the top, if it is there: a line with the time, the technique, then named lines."""
    if len(lines) < 3 or not _CLOCK.search(lines[0]) or not lines[1].strip():
        return None, 0
    named: dict[str, str] = {}
    at = 3
    # The third line is ``File: ...``, or a remark that nothing was saved.
    for at in range(2, len(lines)):
        name, colon, value = lines[at].partition(":")
        if not lines[at].strip():
            break
        if colon:
            named.setdefault(headers.squeeze(name), value.strip())
    return (
        Memo(
            saved=lines[0].strip(),
            technique=lines[1].strip(),
            file=named.get("file", ""),
            source=named.get("datasource", ""),
            model=named.get("instrumentmodel", ""),
            header=named.get("header", ""),
            note=named.get("note", ""),
        ),
        at,
    )


def _blocks(lines: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """Part the lines between memo and column heads into parameters, bare words and results."""
    parameters: dict[str, str] = {}
    words: list[str] = []
    results: list[str] = []
    has_results = False
    for line in map(str.strip, lines):
        if not line:
            continue
        has_results = has_results or line.casefold().rstrip(":") == "results"
        found = _PARAMETER.fullmatch(line)
        if has_results:
            results.append(line)
        elif found is not None:
            parameters.setdefault(found["name"].strip(), found["value"].strip())
        else:
            words.append(line)
    return parameters, tuple(words), tuple(results)


def _starts_table(line: str) -> bool:
    """Return whether a line holds column heads: at least one known head, and no parameter."""
    return "=" not in line and any(map(headers.is_known, _fields(line, _separator(line))))


def _separator(line: str) -> str:
    """Return the separator between the fields of a line: a blank beside commas and tabs is none."""
    return next((mark for mark in (",", "\t") if mark in line), " ")


def _table(
    head: str, body: Iterator[str], rows_max: int, *, ends_with_line: bool
) -> tuple[tuple[str, ...], tuple[tuple[float, ...], ...]]:
    separator = _separator(head)
    heads = _fields(head, separator)
    if len(heads) == 1:
        # The separator is a line end: a line for every head, and one for every number.
        value = ""
        for line in body:
            value = line.strip()
            if not value or _NUMBER.fullmatch(value):
                break
            heads.append(value)
            if len(heads) > _LINE_MAX:
                raise WrongFile(f"the text file has {len(heads)} columns, more than any measurement makes")
        values = (line for line in map(str.strip, chain([value], body)) if line)
        table: Iterable[list[str]] = iter(lambda: list(islice(values, len(heads))), [])
    else:
        table = (_fields(line, separator) for line in body if line.strip() and not _SEGMENT.fullmatch(line.strip()))
    columns = tuple(headers.role(head) for head in heads)
    return columns, _rows(iter(table), len(columns), rows_max, ends_with_line=ends_with_line)


def _rows(
    table: Iterator[list[str]], columns: int, rows_max: int, *, ends_with_line: bool
) -> tuple[tuple[float, ...], ...]:
    rows: list[tuple[float, ...]] = []
    before: list[str] = []
    fields = next(table, None)
    if fields is None:
        raise Incomplete("the text file has no rows")
    while fields is not None:
        following = next(table, None)
        if following is None and not ends_with_line and not _is_written_like(fields, before):
            raise Incomplete(f"the text file ends within a line: row {len(rows) + 1} is {', '.join(fields)!r}")
        rows.append(_numbers(fields, columns, len(rows) + 1, is_last=following is None))
        if len(rows) > rows_max:
            raise WrongFile(f"the text file has more than {rows_max} rows, more than any measurement makes")
        before, fields = fields, following
    return tuple(rows)


def _is_written_like(fields: Sequence[str], before: Sequence[str]) -> bool:
    """Return whether a row is written like the one before it, so that no digit of its last number can be missing."""
    if len(fields) != len(before):
        return False
    last, example = _DIGITS.fullmatch(fields[-1]), _DIGITS.fullmatch(before[-1])
    if last is None or example is None or len(last["decimals"]) != len(example["decimals"]):
        return False
    exponent, usual = last["exponent"] or "", example["exponent"] or ""
    # ``1.2e-1`` behind ``1.2e-10`` may be the beginning of ``1.2e-11``.
    return bool(exponent) == bool(usual) and not (len(exponent) < len(usual) and usual.startswith(exponent))


def _fields(line: str, separator: str) -> list[str]:
    fields = line.split() if separator == " " else [field.strip() for field in line.split(separator)]
    return fields[:-1] if len(fields) > 1 and not fields[-1] else fields


def _numbers(fields: Sequence[str], count: int, row: int, *, is_last: bool) -> tuple[float, ...]:
    kind = Incomplete if is_last else WrongFile
    if len(fields) != count:
        raise kind(f"row {row} of the text file has {len(fields)} numbers where {count} belong")
    values = []
    for field in fields:
        value = float(field) if _NUMBER.fullmatch(field) else math.nan
        if not math.isfinite(value):
            raise kind(f"row {row} of the text file holds {field!r}, which is no number")
        values.append(value)
    return tuple(values)
