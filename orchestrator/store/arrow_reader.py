"""Writes the samples of one test of a store to standard output as an Arrow stream; ``arrow_pages`` starts this program.

It reads through the SQLite driver of ADBC, which needs a third of the time of Python's sqlite3 and brings an SQLite of
its own. Two of them must not open one file in one process: when one closes it, the locks of the other are gone (POSIX
drops all locks of a process on a file with its first ``close``). Therefore this is a process of its own, which imports
neither sqlite3 nor anything of cellrig (docs/decisions/0050-many-samples-are-read-by-a-second-process.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

COLUMNS = {
    "sequence": "int64",
    "time_s": "float64",
    "step_time_s": "float64",
    "unix_time_s": "float64",
    "mode": "string",
    "voltage_v": "float64",
    "current_a": "float64",
    "capacity_ah": "float64",
    "energy_wh": "float64",
    "temperature_degc": "float64",
}
"""What is read of a sample, in this order, with its Arrow type; a missing reading is null."""

_BATCH_ROWS = "adbc.sqlite.query.batch_rows"


def pages(uri: str, test: int, last: int, rows: int) -> Iterator[Any]:
    """Yield the samples of a test up to sequence number ``last`` as record batches of at most ``rows`` rows.

    No transaction is open between two pages, so that the store's log can be folded back meanwhile.
    """
    import adbc_driver_manager
    import adbc_driver_sqlite

    with ExitStack() as opened:
        database = opened.enter_context(adbc_driver_sqlite.connect(uri))
        connection = opened.enter_context(adbc_driver_manager.AdbcConnection(database))
        statement = opened.enter_context(adbc_driver_manager.AdbcStatement(connection))
        # As in ``orchestrator.store.connection``: damage becomes an error, not a wrong row.
        statement.set_sql_query("PRAGMA cell_size_check = ON")
        statement.execute_update()
        # The driver takes the types of a page from its first batch: a page has no second one.
        statement.set_options(**{_BATCH_ROWS: str(rows + 1)})
        after = -1
        while after < last:
            statement.set_sql_query(
                f"SELECT {', '.join(COLUMNS)} FROM sample WHERE test = {test} AND sequence > {after} "  # noqa: S608 - whole numbers, and names of ours
                f"AND sequence <= {last} ORDER BY sequence LIMIT {rows}"
            )
            page = _typed(statement.execute_query()[0])
            if page is None:
                return
            after = page.column(0)[-1].as_py()
            yield page


def _typed(stream: Any) -> Any:  # noqa: ANN401 - of a library without types
    """Return the only batch of a page with the types of ``COLUMNS``; None for a page without rows.

    The driver calls a column without any value whole numbers. Any other change of type raises ArrowInvalid.
    """
    import pyarrow as pa

    batches = [batch for batch in pa.RecordBatchReader.from_stream(stream) if batch.num_rows]
    if not batches:
        return None
    (batch,) = batches
    schema = pa.schema(list(COLUMNS.items()))
    for field, values in zip(schema, batch.columns, strict=True):
        if values.type != field.type and values.null_count != len(values):
            raise pa.ArrowInvalid(f"{field.name} has values of the type {values.type}, not {field.type}")
    return batch.cast(schema)


def main(uri: str, test: str, last: str, rows: str) -> None:
    """Write the pages to standard output as one stream."""
    import pyarrow as pa

    stream = pa.ipc.new_stream(sys.stdout.buffer, pa.schema(list(COLUMNS.items())))
    for page in pages(uri, int(test), int(last), int(rows)):
        stream.write_batch(page)
        sys.stdout.buffer.flush()
    # Not after an error: the end that this writes would make a part look whole.
    stream.close()
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
