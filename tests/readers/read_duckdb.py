"""Opens a Parquet file and a text with DuckDB, by the lines of ``docs/export.md``; prints what it has read."""

import json
import sys

import duckdb

told = {}
for kind, path in zip(("parquet", "csv"), sys.argv[1:], strict=True):
    table = duckdb.read_parquet(path) if kind == "parquet" else duckdb.read_csv(path)
    ordered = table.order('"Test Time / s", "Step Count / 1"')
    columns = ordered.select(
        "Test Time / s", "Voltage / V", "Current / A", "Cycle Count / 1", "Step Cumulative Capacity / Ah", "Step Type"
    ).fetchall()
    told[kind] = [list(column) for column in zip(*columns, strict=True)]
sys.stdout.write(json.dumps(told))
