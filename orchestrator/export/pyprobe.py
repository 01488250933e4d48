"""The format ``pyprobe``: a folder that PyProBE opens without any conversion, with its README.yaml and a record sheet.

PyProBE 2.6 counts cycles from the numbers of steps alone, and keeps what it has once converted for ever: so the rows
are in its own Parquet format, the README says which steps are the cycles, and the step number is the program's,
counted on from one segment to the next. What an interruption left of a step, and a contact check made again, bear the
number of the step that was cut, and are events of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.clock.iso_time import iso_utc
from orchestrator.export.background import write_all
from orchestrator.export.errors import NothingToExport
from orchestrator.export.fit_rows import FitRows, with_whole_seams
from orchestrator.export.pyprobe_readme import StepNumbers, readme_text
from orchestrator.export.step_direction import NetCharge
from orchestrator.export.workbook_files import new_workbook

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from orchestrator.export.output import Output
    from orchestrator.export.source import RunSource

README = "README.yaml"
"""The name that PyProBE looks for beside a file of data."""
RECORD_SHEET, RECORD = "record.xlsx", "record"
LEFT_OUT = "left-out.csv"


def write_pyprobe(source: RunSource, output: Output, name: str) -> None:
    """Write a run as a folder for PyProBE."""
    import pyarrow.parquet as pq

    table = output.file(f"{name}/{source.run_id}.parquet")
    readme, sheet = output.file(f"{name}/{README}"), output.file(f"{name}/{RECORD_SHEET}")
    fit = FitRows(output.file(f"{name}/{LEFT_OUT}", is_optional=True))
    rows, schema = _Rows(source), _schema()

    def write(frame: pl.DataFrame) -> None:
        fitting = fit.of(frame)
        if fitting.height:
            writer.write_table(rows.of(fitting).to_arrow().cast(schema))

    with pq.ParquetWriter(table, schema, compression="lz4", write_page_checksum=True) as writer:
        write_all(with_whole_seams(source.batches()), write)
    if not fit.rows:
        raise NothingToExport(f"run {source.run_id} has no record with time, voltage and current")
    recorded = {test.row.segment for test in source.data.tests if test.last is not None}
    readme.write_text(readme_text(source.data.program, recorded), encoding="utf-8")
    _write_record_sheet(sheet, source)
    if fit.why:
        source.notes.append(f"{fit.sentence}: in {name}/{LEFT_OUT}, and not in {source.run_id}.parquet")


class _Rows:
    """Turns batches of the sample table into PyProBE's columns, in order."""

    def __init__(self, source: RunSource) -> None:
        numbers = StepNumbers.of(source.data.program)
        self._offsets = {test.row.id: numbers.before(test.row.segment) for test in source.data.tests}
        self._charge = NetCharge()
        self._step: int | None = None

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of the next batch, which are of one test."""
        import polars as pl

        offset = self._offsets[int(frame["test"][0])]
        own = pl.when(pl.col("step") > 0).then(pl.col("step") + offset)
        step = frame.select(own.forward_fill().fill_null(self._step or offset + 1).alias("step"))["step"]
        self._step = int(step[-1])
        return frame.select(
            pl.from_epoch((pl.col("unix_time_s") * 1e6).round().cast(pl.Int64), "us").alias("Date"),
            pl.col("test_time_s").alias("Time [s]"),
            step.cast(pl.UInt64).alias("Step"),
            (pl.col("step_count") - 1).cast(pl.UInt64).alias("Event"),
            pl.col("current_a").alias("Current [A]"),
            pl.col("voltage_v").alias("Voltage [V]"),
            self._charge.of(frame).alias("Capacity [Ah]"),
            pl.col("temperature_degc").alias("Temperature [C]"),
            pl.col("cycle").alias("cellrig cycle"),
        )


def _schema() -> pa.Schema:
    import pyarrow as pa

    types = {
        "Date": pa.timestamp("us"),
        "Time [s]": pa.float64(),
        "Step": pa.uint64(),
        "Event": pa.uint64(),
        "Current [A]": pa.float64(),
        "Voltage [V]": pa.float64(),
        "Capacity [Ah]": pa.float64(),
        "Temperature [C]": pa.float64(),
        "cellrig cycle": pa.int64(),
    }
    return pa.schema(types.items())


def _write_record_sheet(path: Path, source: RunSource) -> None:
    """Write the list of cells that ``pyprobe.cell.make_cell_list`` reads: a line for the run, named by its cell."""
    run, cell = source.data.run, source.data.program.cell
    told: dict[str, Any] = {
        "Name": run.label or run.cell,
        "Run": run.run_id,
        "Recipe": run.recipe,
        "Channel": run.channel,
        "Ordered (UTC)": iso_utc(run.created_unix_s),
        "Kind": cell.kind,
        "Area [cm2]": cell.area_cm2,
        "Active mass [mg]": cell.active_mass_mg,
        "Nominal Capacity [Ah]": cell.nominal_capacity_ah,
        "Simulated": {True: "yes", False: "no", None: None}[run.simulated],
    }
    with new_workbook(path) as book:
        sheet = book.add_worksheet(RECORD)
        for at, (head, value) in enumerate(told.items()):
            sheet.write_string(0, at, head)
            if isinstance(value, str):
                sheet.write_string(1, at, value)
            elif value is not None:
                sheet.write_number(1, at, value)
