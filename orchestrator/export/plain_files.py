"""The formats ``csv`` and ``xlsx``: the sample table as it is, every column under its own name, blanks where unknown.

A workbook is written row by row: a sheet holds a million rows, and the next one goes on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.export.background import write_all
from orchestrator.export.errors import NothingToExport
from orchestrator.export.fit_rows import check_finite
from orchestrator.export.workbook_files import new_workbook
from orchestrator.tables.columns import SAMPLE_COLUMNS
from orchestrator.tables.table_files import ABOUT_SHEET, RECORDS_SHEET

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.export.output import Output
    from orchestrator.export.source import RunSource

_SHEET_ROWS = 1_000_000
"""Rows of a sheet, below the 1,048,576 that Excel has room for."""
_WIDTHS = {"run_id": 10, "mode": 8}
_USUAL_WIDTH = 15


def write_csv(source: RunSource, output: Output, name: str) -> None:
    """Write a run as ``csv``."""
    rows = 0

    def write(frame: pl.DataFrame) -> None:
        nonlocal rows
        check_finite(frame)
        frame.write_csv(file, include_header=not rows)
        rows += frame.height

    with output.file(name).open("wb") as file:
        write_all(source.batches(), write)
    if not rows:
        raise NothingToExport(f"run {source.run_id} has no record {source.of_what}yet")


def write_xlsx(source: RunSource, output: Output, name: str) -> None:
    """Write a run as ``xlsx``: sheets of records, and one that says what the run and the columns are."""
    with new_workbook(output.file(name), constant_memory=True) as book:
        bold = book.add_format({"bold": True})
        _about(book.add_worksheet(ABOUT_SHEET), bold, source)
        sheets = _Sheets(book, bold)
        for frame in source.batches():
            check_finite(frame)
            for row in frame.iter_rows():
                sheets.add(row)
    if not sheets.rows:
        raise NothingToExport(f"run {source.run_id} has no record {source.of_what}yet")


class _Sheets:
    """The sheets of records; a new one is begun where one is full."""

    def __init__(self, book: Any, bold: Any) -> None:  # noqa: ANN401 - of a library without types
        self._book, self._bold = book, bold
        self._sheet: Any = None
        self.rows = 0

    def add(self, row: tuple[Any, ...]) -> None:
        """Write the next row."""
        place = self.rows % _SHEET_ROWS
        if place == 0:
            self._begin()
        for at, value in enumerate(row):
            if value is None:
                continue
            if isinstance(value, str):
                self._sheet.write_string(place + 1, at, value)
            elif isinstance(value, bool):
                self._sheet.write_boolean(place + 1, at, value)
            else:
                self._sheet.write_number(place + 1, at, value)
        self.rows += 1

    def _begin(self) -> None:
        number = self.rows // _SHEET_ROWS
        self._sheet = self._book.add_worksheet(RECORDS_SHEET if not number else f"{RECORDS_SHEET} {number + 1}")
        self._sheet.freeze_panes(1, 0)
        for at, column in enumerate(SAMPLE_COLUMNS):
            self._sheet.set_column(at, at, _WIDTHS.get(column.name, _USUAL_WIDTH))
            self._sheet.write_string(0, at, column.name, self._bold)


def _about(sheet: Any, bold: Any, source: RunSource) -> None:  # noqa: ANN401 - of a library without types
    """Write what the run is, and what each column is; the facts of its cell as JSON, for programs."""
    sheet.set_column(0, 1, 20)
    sheet.set_column(2, 2, 90)
    facts = [(key, value) for key, value in source.facts.items() if value is not None]
    texts = [(key, "", json.dumps(value) if isinstance(value, dict) else str(value)) for key, value in facts]
    lines = [*texts, ("", "", "")]
    lines.append(("column", "unit", "meaning"))
    lines += [(column.name, column.unit, column.meaning) for column in SAMPLE_COLUMNS]
    for row, line in enumerate(lines):
        for at, text in enumerate(line):
            sheet.write_string(row, at, text, bold if line[0] == "column" else None)
