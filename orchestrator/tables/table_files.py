"""Reads a table back from a file that was exported, with the types of its definition and no guess at any value.

A file of the Battery Data Format that others have written is read as well: labels or machine names. What is said in no
column is taken from the sidecar, or is null.
"""

from __future__ import annotations

import csv
import json
import zlib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from orchestrator.tables.bdf import check_type, from_bdf
from orchestrator.tables.bdf_terms import term_of
from orchestrator.tables.columns import sample_schema
from orchestrator.tables.sidecar import PARQUET_KEY, Spans, read_sidecar
from orchestrator.tables.whole_lines import cut_line

if TYPE_CHECKING:
    import polars as pl

_ENDINGS = (".csv", ".parquet", ".xlsx")
RECORDS_SHEET = "records"
"""The sheets of a workbook that hold rows begin so; a second one goes on where the first is full."""
ABOUT_SHEET = "about"
"""The sheet that says what the run is: names in its first column, values in its third, down to an empty row."""


class NotATable(Exception):
    """A file is no table of samples that can be read; the message says what was seen and what can be done."""


def read_table(path: Path | str, ending: str = "") -> pl.DataFrame:
    """Return the sample table that a ``.csv``, ``.parquet`` or ``.xlsx`` file holds, whole and in its order.

    ``ending`` says which of them it is where its name does not. Raises NotATable, or OSError for a file that cannot be
    read.
    """
    import polars as pl

    path = Path(path)
    ending = ending or path.suffix.lower()
    if ending not in _ENDINGS:
        raise NotATable(f"{path.name} is none of {', '.join(_ENDINGS)}; give a file that cellrig export has written")
    frame, facts = _read(path, ending)
    try:
        if "test_time_s" in frame.columns:
            return _own(frame, path)
        table = from_bdf(frame)
    except (ValueError, pl.exceptions.PolarsError) as err:
        raise NotATable(f"{path.name} is no table of the Battery Data Format: {err}") from err
    if facts is None or "records" not in facts:  # another program's
        return table
    try:
        return _completed(table, facts, path)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as err:
        raise NotATable(f"the sidecar of {path.name} is damaged ({err}); export the run again") from err


def _read(path: Path, ending: str) -> tuple[pl.DataFrame, dict[str, Any] | None]:
    """Return the columns of a file and what its sidecar says. Raises NotATable for a damaged one."""
    import polars as pl
    from openpyxl.utils.exceptions import InvalidFileException
    from pyarrow import ArrowException

    try:
        if ending == ".csv":
            return _csv(path), read_sidecar(path)
        return _parquet(path) if ending == ".parquet" else (_workbook(path), None)
    except ArrowException as err:
        raise NotATable(f"{path.name} is damaged ({err}); copy it again") from err
    except (NotATable, ValueError):
        raise
    except OSError as err:
        if err.errno is not None:
            raise
        # pyarrow says so of what it cannot make sense of.
        raise NotATable(f"{path.name} is damaged ({err}); copy it again") from err
    except (
        *(pl.exceptions.PolarsError, pl.exceptions.PanicException, InvalidFileException, TypeError),
        *(BadZipFile, zlib.error, EOFError, KeyError, IndexError, SyntaxError),
    ) as err:
        why = str(err).partition("\n")[0][:200]
        raise NotATable(f"{path.name} is damaged, or no {ending} ({why}); copy it again") from err


def read_columns(path: Path, ending: str) -> pl.DataFrame:
    """Return all columns of a file of that ``ending``, under the file's own heads. Raises NotATable, OSError."""
    return _read(path, ending)[0]


def _own(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    import polars as pl

    schema = sample_schema()
    if missing := [name for name in schema if name not in frame.columns]:
        raise NotATable(f"{path.name} has no column {missing[0]!r}; export the run again")
    for name, dtype in schema.items():
        check_type(frame[name], dtype)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _csv(path: Path) -> pl.DataFrame:
    """Read a file of comma-separated values; a header that nobody knows is read as text."""
    import polars as pl

    own = sample_schema()
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    if not header or len(set(header)) < len(header):
        raise NotATable(f"{path.name}: the first line must name each column once; it is {','.join(header)[:100]!r}")
    with path.open("rb") as file:
        cut = cut_line(file, ",", len(header))
    if cut is not None:
        raise NotATable(f"{path.name}: {cut}")
    types: dict[str, Any] = {name: own.get(name) or _bdf_type(name) for name in header}
    try:
        # An open file: polars would look for others by a name with brackets or a star in it.
        with path.open("rb") as file:
            return pl.read_csv(file, schema=types)
    except pl.exceptions.PolarsError as err:
        why = str(err).partition("\n")[0]
        raise NotATable(
            f"{path.name} cannot be read as a table (are fields apart by commas, and decimals by points?): {why}"
        ) from err


def _bdf_type(header: str) -> Any:  # noqa: ANN401 - a type of polars
    import polars as pl

    term = term_of(header)
    if term is None or term.is_text:
        return pl.String()
    return pl.Int64() if term.is_count else pl.Float64()


def _parquet(path: Path) -> tuple[pl.DataFrame, dict[str, Any] | None]:
    import polars as pl
    import pyarrow.parquet as pq

    # pyarrow holds each page against its checksum, where the file has them as ours do; polars 2.1 reads on.
    with path.open("rb") as opened, pq.ParquetFile(opened, page_checksum_verification=True) as file:
        metadata = file.schema_arrow.metadata or {}
        more = file.metadata.metadata or {}
        frame = pl.DataFrame(file.read())
    text = metadata.get(PARQUET_KEY) or more.get(PARQUET_KEY)
    return frame, json.loads(text) if text is not None else read_sidecar(path)


def _workbook(path: Path) -> pl.DataFrame:
    import polars as pl
    from openpyxl import load_workbook

    with path.open("rb") as file, closing(load_workbook(file, read_only=True)) as book:
        sheets = [book[name] for name in book.sheetnames if name.startswith(RECORDS_SHEET)]
        rows = [list(sheet.iter_rows(values_only=True)) for sheet in sheets]
    if not rows:
        raise NotATable(f"{path.name} has no sheet {RECORDS_SHEET!r}; give a file that cellrig export has written")
    schema = sample_schema()
    header = [str(name) for name in rows[0][0]]
    if unknown := [name for name in header if name not in schema]:
        raise NotATable(f"{path.name} has a column {unknown[0]!r}; give a file that cellrig export has written")
    table = [row for part in rows for row in part[1:]]
    return pl.DataFrame(table, schema={name: schema[name] for name in header}, orient="row")


def _completed(table: pl.DataFrame, facts: dict[str, Any], path: Path) -> pl.DataFrame:
    """Add to the rows what only the sidecar says, and the rows that were left out of the file."""
    import polars as pl

    run = facts.get("run", {})
    told: list[pl.Expr] = []
    if table["run_id"].null_count() == table.height:
        told.append(pl.lit(run.get("run_id"), dtype=pl.String).alias("run_id"))
    if table["simulated"].null_count() == table.height:
        told.append(pl.lit(run.get("simulated"), dtype=pl.Boolean).alias("simulated"))
    table = table.with_columns(told)
    if table["sequence"].null_count() == table.height and table.height:
        spans = Spans(facts["records"])
        if spans.rows != table.height:
            raise NotATable(
                f"{path.name} has {table.height} rows, and its sidecar tells of {spans.rows}; "
                "one of the two was changed, export the run again"
            )
        table = table.with_columns(**spans.columns())
    if (name := facts.get("left_out", {}).get("file")) is None:
        return table
    left_out = _own(_csv(path.with_name(name)), path.with_name(name))
    return pl.concat([table, left_out]).sort("test", "sequence", maintain_order=True)
