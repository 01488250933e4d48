"""The formats ``bdf-csv`` and ``bdf-parquet``: the Battery Data Format, ontology 1.3.0, a sidecar beside each file.

Labels stand in the header, because readers of the field refuse or misread machine names (ampworks 0.1.0, batterydf
0.1.0). Text has the columns of BDF alone; Parquet bears ours too, and the sidecar's text in its metadata.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from orchestrator.clock.iso_time import iso_utc
from orchestrator.export.background import write_all
from orchestrator.export.errors import NothingToExport
from orchestrator.export.fit_rows import FitRows, with_whole_seams
from orchestrator.tables.bdf import OWN_COLUMNS, labels_of, to_bdf
from orchestrator.tables.bdf_terms import BASE_ADDRESS, ONTOLOGY_VERSION
from orchestrator.tables.columns import SAMPLE_COLUMNS, ColumnType, TableColumn
from orchestrator.tables.sidecar import ENDING, PARQUET_KEY, Spans, encoded

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from orchestrator.export.output import Output
    from orchestrator.export.source import RunSource

_SIGN_RULE = "positive current charges the cell; capacities and energies of a step are magnitudes"
# Fast, and a tenth larger than the next levels make it.
_ZSTD_LEVEL = 1


def write_bdf_csv(source: RunSource, output: Output, name: str) -> None:
    """Write a run as ``bdf-csv``."""
    table = _Table(source, output, name, own=())

    def write(frame: pl.DataFrame) -> None:
        to_bdf(frame).write_csv(file, include_header=file.tell() == 0)

    with table.path.open("wb") as file:
        write_all(table.batches(), write)
    table.finish()


def write_bdf_parquet(source: RunSource, output: Output, name: str) -> None:
    """Write a run as ``bdf-parquet``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = _Table(source, output, name, own=OWN_COLUMNS)
    schema = _arrow_schema(OWN_COLUMNS)

    def write(frame: pl.DataFrame) -> None:
        writer.write_table(to_bdf(frame, OWN_COLUMNS).to_arrow().cast(schema))

    # Few words and few numbers of steps come again and again. A dictionary of readings is as large as they are: it
    # doubles the time, and makes the file larger; each record has a sequence number of its own.
    few = [field.name for field in schema if not pa.types.is_float64(field.type) and field.name != "sequence"]
    options = {"compression": "zstd", "compression_level": _ZSTD_LEVEL, "use_dictionary": few}
    with pq.ParquetWriter(table.path, schema, write_page_checksum=True, **options) as writer:
        write_all(table.batches(), write)
        writer.add_key_value_metadata({PARQUET_KEY: table.sidecar_text.encode()})
    table.finish()


class _Table:
    """The rows of one file, and what its sidecar says when all of them are written."""

    def __init__(self, source: RunSource, output: Output, name: str, own: tuple[str, ...]) -> None:
        self._source, self._name, self._own = source, name, own
        self.path = output.file(name)
        self._sidecar = output.file(name + ENDING)
        self._left_out_name = f"{name}.left-out.csv"
        self._fit = FitRows(output.file(self._left_out_name, is_optional=True))
        self._spans = Spans()

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the rows that BDF takes."""
        for frame in with_whole_seams(self._source.batches()):
            fit = self._fit.of(frame)
            self._spans.add(fit)
            if fit.height:
                yield fit

    @cached_property
    def sidecar_text(self) -> str:
        """The text of the sidecar, once all rows are written. Raises NothingToExport for a table without rows."""
        return encoded(self._facts())

    def _facts(self) -> dict[str, Any]:
        if not self._fit.rows:
            more = f" ({self._fit.sentence})" if self._fit.why else ""
            raise NothingToExport(f"run {self._source.run_id} has no record with time, voltage and current{more}")
        return {
            "format": {"name": "Battery Data Format", "ontology": ONTOLOGY_VERSION, "terms": BASE_ADDRESS},
            "made_by": f"cellrig {version('cellrig')}",
            "made_utc": iso_utc(time.time()),
            "file": self._name,
            "rows": self._fit.rows,
            "sign_rule": _SIGN_RULE,
            "columns": _described(self._own),
            "run": self._source.facts,
            "tests": self._source.tests,
            "gaps": self._source.gaps,
            "left_out": {
                "rows": sum(self._fit.why.values()),
                "why": self._fit.why,
                "file": self._left_out_name if self._fit.why else None,
            },
            "records": self._spans.spans,
        }

    def finish(self) -> None:
        """Write the sidecar, and tell a person what was left out."""
        self._sidecar.write_text(self.sidecar_text, encoding="utf-8")
        if self._fit.why:
            self._source.notes.append(f"{self._fit.sentence}: in {self._left_out_name}, and not in {self._name}")


def _described(own: tuple[str, ...]) -> list[dict[str, str | None]]:
    """Return the columns of a file in words: header, unit, meaning, and the address of the term that BDF has for it."""
    ours = {column.name: column for column in SAMPLE_COLUMNS}
    labelled = [(label, ours[name]) for name, label in labels_of().items()]
    return [_column(header, column) for header, column in (*labelled, *((name, ours[name]) for name in own))]


def _column(header: str, column: TableColumn) -> dict[str, str | None]:
    return {
        "header": header,
        "unit": column.unit or None,
        "type": column.type.value if column.name != "step" else ColumnType.TEXT.value,
        "meaning": column.meaning,
        "term": BASE_ADDRESS + column.bdf_name if column.bdf_name else None,
    }


def _arrow_schema(own: tuple[str, ...]) -> pa.Schema:
    """Return the schema of the Parquet file: float64 and int64, each column with its unit and meaning."""
    import pyarrow as pa

    types = {"text": pa.large_string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    return pa.schema(
        pa.field(
            str(told["header"]),
            types[str(told["type"])],
            metadata={key: str(value) for key, value in told.items() if key in ("unit", "meaning", "term") and value},
        )
        for told in _described(own)
    )
