"""Reads a table back from a file that was exported, with the types of its definition and no guess at any value.

A file of the Battery Data Format that others have written is read as well: labels or machine names. What is said in no
column is taken from the sidecar, or is null.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.tables.bdf import from_bdf
from orchestrator.tables.bdf_terms import term_of
from orchestrator.tables.columns import sample_schema
from orchestrator.tables.sidecar import PARQUET_KEY, Spans, read_sidecar

if TYPE_CHECKING:
    import polars as pl

_ENDINGS = (".csv", ".parquet", ".xlsx")
RECORDS_SHEET = "records"
"""The sheets of a workbook that hold rows begin so; a second one goes on where the first is full."""


class NotATable(Exception):
    """A file is no table of samples that can be read; the message says what was seen and what can be done."""


def read_table(path: Path | str) -> pl.DataFrame:
    """Return the sample table that a ``.csv``, ``.parquet`` or ``.xlsx`` file holds, whole and in its order.

    Raises NotATable, or OSError for a file that cannot be read.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending == ".csv":
        frame, facts = _csv(path), read_sidecar(path)
    elif ending == ".parquet":
        frame, facts = _parquet(path)
    elif ending == ".xlsx":
        frame, facts = _workbook(path), None
    else:
        raise NotATable(f"{path.name} is none of {', '.join(_ENDINGS)}; give a file that cellrig export has written")
    if "test_time_s" in frame.columns:
        return _own(frame, path)
    try:
        table = from_bdf(frame)
    except ValueError as err:
        raise NotATable(f"{path.name} is no table of the Battery Data Format: {err}") from err
    return _completed(table, facts, path) if facts is not None else table


def read_columns(path: Path) -> pl.DataFrame:
    """Return a ``.csv`` or ``.parquet`` file with all its columns, under the file's own heads. Raises NotATable."""
    return _csv(path) if path.suffix.lower() == ".csv" else _parquet(path)[0]


def _own(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    import polars as pl

    schema = sample_schema()
    if missing := [name for name in schema if name not in frame.columns]:
        raise NotATable(f"{path.name} has no column {missing[0]!r}; export the run again")
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _csv(path: Path) -> pl.DataFrame:
    """Read a file of comma-separated values; a header that nobody knows is read as text."""
    import polars as pl

    own = sample_schema()
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    if not header or len(set(header)) < len(header):
        raise NotATable(f"{path.name}: the first line must name each column once; it is {','.join(header)[:100]!r}")
    types: dict[str, Any] = {name: own.get(name) or _bdf_type(name) for name in header}
    try:
        return pl.read_csv(path, schema=types)
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

    with pq.ParquetFile(path) as file:
        metadata = file.schema_arrow.metadata or {}
        more = file.metadata.metadata or {}
    text = metadata.get(PARQUET_KEY) or more.get(PARQUET_KEY)
    frame = pl.read_parquet(path, hive_partitioning=False)
    return frame, json.loads(text) if text is not None else read_sidecar(path)


def _workbook(path: Path) -> pl.DataFrame:
    import polars as pl
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True)
    try:
        sheets = [book[name] for name in book.sheetnames if name.startswith(RECORDS_SHEET)]
        rows = [list(sheet.iter_rows(values_only=True)) for sheet in sheets]
    finally:
        book.close()
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
        columns = Spans(facts.get("records", [])).columns()
        if len(columns["test"]) != table.height:
            raise NotATable(
                f"{path.name} has {table.height} rows, and its sidecar tells of {len(columns['test'])}; "
                "one of the two was changed, export the run again"
            )
        table = table.with_columns(**columns)
    if (name := facts.get("left_out", {}).get("file")) is None:
        return table
    left_out = _own(_csv(path.with_name(name)), path.with_name(name))
    return pl.concat([table, left_out]).sort("test", "sequence", maintain_order=True)
