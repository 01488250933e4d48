"""Reads workbooks (.xlsx) as tables of text: sheets of records, one behind the other, and no formula."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.neware_words import is_record_table
from orchestrator.tables.table_files import ABOUT_SHEET, RECORDS_SHEET

if TYPE_CHECKING:
    import polars as pl

_MOST_COLUMNS = 200
_HEAD_ROWS = 20
_MOST_FACTS, _FACT_COLUMNS = 50, 3


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a workbook, whatever its name is. Raises ImportFailed for one that is damaged, also while it is read."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with path.open("rb") as file, closing(load_workbook(file, read_only=True)) as book:
            yield book
    except (
        *(InvalidFileException, BadZipFile, zlib.error, EOFError, OSError),
        *(KeyError, IndexError, ValueError, TypeError, AttributeError, SyntaxError),
    ) as err:
        why = str(err).partition("\n")[0][:200]
        raise ImportFailed(f"{path.name} is no workbook that can be read ({why}); save it again as .xlsx") from err


def is_own_workbook(path: Path) -> bool:
    """Return whether a workbook is one of cellrig's exports. Raises ImportFailed for a damaged one."""
    with _opened(path) as book:
        name = next((one for one in book.sheetnames if one.startswith(RECORDS_SHEET)), None)
        if name is None:
            return False
        first = next(book[name].iter_rows(max_row=1, values_only=True), ())
        return {"run_id", "test_time_s"} <= {str(cell) for cell in first}


def told_by_workbook(path: Path) -> dict[str, Any] | None:
    """Return what a workbook of cellrig says of its run, as a sidecar does. Raises ImportFailed for a damaged one."""
    run: dict[str, Any] = {}
    with _opened(path) as book:
        rows = (
            book[ABOUT_SHEET].iter_rows(max_row=_MOST_FACTS, values_only=True) if ABOUT_SHEET in book.sheetnames else ()
        )
        for row in rows:
            if len(row) < _FACT_COLUMNS or not row[0]:
                break
            run[str(row[0])] = "" if row[2] is None else str(row[2])
    with suppress(KeyError, ValueError):
        run["cell_facts"] = json.loads(run["cell_facts"])
    return {"run": run} if run else None


def read_records(path: Path) -> pl.DataFrame:
    """Return the sheets of records of a workbook that BTSDA has exported, all cells as text.

    Raises ImportFailed for a workbook without one, for a formula, and for a damaged file.
    """
    import polars as pl

    with _opened(path) as book:
        tables = [(name, *found) for name in book.sheetnames if (found := _table(book[name], path.name))]
        names = book.sheetnames
    if not tables:
        raise ImportFailed(
            f"{path.name} has no sheet of records: none of {', '.join(names)} has columns of a kind of "
            "step, voltage, current and time; export the layer 'record' as well"
        )
    first, header, rows = tables[0]
    for sheet, other, more in tables[1:]:
        if other != header:
            raise ImportFailed(
                f"{path.name}: the sheets {first} and {sheet} hold records under other heads ({', '.join(header)}; "
                f"{', '.join(other)}); export each alone, or all of one test with one choice of columns"
            )
        rows += more
    return pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String()), orient="row")


def _table(sheet: Any, name: str) -> tuple[list[str], list[list[str | None]]] | None:  # noqa: ANN401 - openpyxl has no types
    """Return heads and rows of a sheet, None for one that is no table of records."""
    rows = sheet.iter_rows()
    header: list[str] = []
    for _, cells in zip(range(_HEAD_ROWS), rows, strict=False):
        found = [str(cell.value).strip() if cell.value is not None else "" for cell in cells[:_MOST_COLUMNS]]
        if is_record_table(found):
            header = found
            break
    if not header:
        return None
    named = [at for at, head in enumerate(header) if head]
    chosen = [header[at] for at in named]
    if len(set(chosen)) < len(chosen):
        raise ImportFailed(f"{name}, sheet {sheet.title}: a column is there twice; export it again")
    return chosen, list(_rows(rows, named, name, sheet.title))


def _rows(rows: Iterator[Any], named: list[int], name: str, title: str) -> Iterator[list[str | None]]:
    for cells in rows:
        found: list[str | None] = []
        for at in named:
            cell = cells[at] if at < len(cells) else None
            if cell is not None and cell.data_type == "f":
                raise ImportFailed(
                    f"{name}, sheet {title}, cell {cell.coordinate} is a formula: only values are data; save them "
                    "as such"
                )
            found.append(None if cell is None else _text(cell.value))
        if any(one is not None for one in found):
            yield found


def _text(value: object) -> str | None:
    """Return a cell as BTSDA writes it in text."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02}:{seconds % 60:09.6f}"
    return repr(value) if isinstance(value, float) else str(value)
