"""Writes the rows of a table into Parquet and reads them back, the same values of the same types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.packaging.errors import PackageError
from orchestrator.packaging.stored_rows import ROWS_AT_ONCE, Row, RunTable, stored_rows

if TYPE_CHECKING:
    import sqlite3

    import pyarrow as pa

# Fast, and a tenth larger than the next levels make it.
_ZSTD_LEVEL = 1


def write_table(
    connection: sqlite3.Connection, table: RunTable, run_id: str, path: Path, progress: Callable[[int], None]
) -> int:
    """Write a run's rows of a table, in bounded memory, and return how many; ``progress`` is told of each batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([pa.field(name, _arrow_type(table.name, type_)) for name, type_ in table.columns])
    texts = [name for name, type_ in table.columns if type_ == "TEXT"]
    rows = 0
    with pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=_ZSTD_LEVEL, use_dictionary=texts
    ) as writer:
        for page in stored_rows(connection, table, run_id):
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*page, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.table(columns, schema=schema))
            rows += len(page)
            progress(len(page))
    return rows


def read_names(data: pa.Buffer) -> list[str]:
    """Return the names of the columns of a table."""
    import pyarrow.parquet as pq

    return list(pq.ParquetFile(_reader(data)).schema_arrow.names)


def read_rows(data: pa.Buffer, size: int = ROWS_AT_ONCE, columns: Sequence[str] | None = None) -> Iterator[list[Row]]:
    """Yield the rows of a table as they were stored, in lists; None: with all columns."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(_reader(data)).iter_batches(size, columns=columns):
        yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _reader(data: pa.Buffer) -> pa.BufferReader:
    import pyarrow as pa

    return pa.BufferReader(data)


def _arrow_type(table: str, type_: str) -> Any:  # noqa: ANN401 - of a library without types
    import pyarrow as pa

    types = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string(), "BLOB": pa.binary()}
    if type_ not in types:
        raise PackageError(f"the table {table} has a column of the type {type_}, which a package cannot hold")
    return types[type_]
