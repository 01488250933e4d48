"""The definition of the sample table and of the impedance table: names, types, units, and the terms of BDF.

One definition for every format that is written, for what is read back from it, and for analyses
(docs/decisions/0044-the-table-of-a-run.md). A column is never left out: where nothing is known its values are null.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class ColumnType(StrEnum):
    """The type of a column; a format never chooses another one by looking at values."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table.

    ``unit`` is "" for texts, counts and numbers of something. ``bdf_label`` and ``bdf_name`` are the label and the
    machine name in the Battery Data Format (ontology 1.3.0), "" for a column that BDF has no term for. ``is_required``:
    a row without this value is no measurement, and BDF takes none.
    """

    name: str
    type: ColumnType
    unit: str
    meaning: str
    bdf_label: str = ""
    bdf_name: str = ""
    is_required: bool = False


_TEXT, _INTEGER, _NUMBER, _BOOLEAN = ColumnType

# Both tables have these; what a value is may be another thing in the second.
_RUN_ID = TableColumn("run_id", _TEXT, "", "The run, as its store names it.")
_CYCLE = TableColumn(
    "cycle",
    _INTEGER,
    "",
    "The run's one cycle number; a rest bears that of the half-cycle before it, a fresh cell 0.",
    "Cycle Count / 1",
    "cycle_count",
)
_UNIX_TIME = TableColumn(
    "unix_time_s",
    _NUMBER,
    "s",
    "Seconds since 1970 in UTC by the tester's clock, often whole ones; null where unknown.",
    "Unix Time / s",
    "unix_time_second",
)
_TEMPERATURE = TableColumn(
    "temperature_degc",
    _NUMBER,
    "degC",
    "The temperature of the cell's place; null where nobody measured it.",
    "Ambient Temperature / degC",
    "ambient_temperature_celsius",
)

SAMPLE_COLUMNS: tuple[TableColumn, ...] = (
    _RUN_ID,
    TableColumn("test", _INTEGER, "", "The store's number of the test: a run that was interrupted has several."),
    TableColumn(
        "sequence",
        _INTEGER,
        "",
        "The tester's number of the record; with the test it finds the record in the store.",
    ),
    TableColumn(
        "test_time_s",
        _NUMBER,
        "s",
        "Time since the beginning of the run's first test; the time between two tests is that of the clock.",
        "Test Time / s",
        "test_time_second",
        is_required=True,
    ),
    _UNIX_TIME,
    _CYCLE,
    TableColumn(
        "step",
        _INTEGER,
        "",
        "The step of the program, from 1 in each of its segments; 0 for a contact check made again.",
        "Step ID",
        "step_id",
    ),
    TableColumn(
        "step_count",
        _INTEGER,
        "",
        "The executed step, from 1, one more at each over the whole run; what a cut left of one is another.",
        "Step Count / 1",
        "step_count",
    ),
    TableColumn(
        "step_time_s", _NUMBER, "s", "Time since the executed step began.", "Step Time / s", "step_time_second"
    ),
    TableColumn(
        "mode",
        _TEXT,
        "",
        "What the tester did: cc, cv, cccv charge, dc, dv discharge, rest and so on, in its own word.",
        "Step Type",
        "step_type",
    ),
    TableColumn(
        "voltage_v",
        _NUMBER,
        "V",
        "The cell's voltage; null where the tester gave none.",
        "Voltage / V",
        "voltage_volt",
        is_required=True,
    ),
    TableColumn(
        "current_a",
        _NUMBER,
        "A",
        "The current; positive charges the cell. Null where the tester gave none.",
        "Current / A",
        "current_ampere",
        is_required=True,
    ),
    TableColumn(
        "capacity_ah",
        _NUMBER,
        "Ah",
        "The tester's capacity since the executed step began, a magnitude; null where it said none.",
        "Step Cumulative Capacity / Ah",
        "step_cumulative_capacity_ah",
    ),
    TableColumn(
        "energy_wh",
        _NUMBER,
        "Wh",
        "The tester's energy since the executed step began, a magnitude; null where it said none.",
        "Step Cumulative Energy / Wh",
        "step_cumulative_energy_wh",
    ),
    _TEMPERATURE,
    TableColumn("simulated", _BOOLEAN, "", "Whether no cell was real; null where that was not kept."),
)
"""The columns of the sample table, in their order: a row for each record of a tester."""

IMPEDANCE_COLUMNS: tuple[TableColumn, ...] = (
    _RUN_ID,
    TableColumn("measurement", _INTEGER, "", "The store's number of the measurement."),
    replace(_CYCLE, meaning="The cycle that lay behind the measurement; 0 on a fresh cell."),
    TableColumn("frequency_hz", _NUMBER, "Hz", "The frequency.", "Frequency / Hz", "frequency_hertz", is_required=True),
    TableColumn(
        "z_real_ohm",
        _NUMBER,
        "ohm",
        "The real part of the impedance.",
        "Real Impedance / ohm",
        "real_impedance_ohm",
        is_required=True,
    ),
    TableColumn(
        "z_imag_ohm",
        _NUMBER,
        "ohm",
        "The imaginary part; negative for a capacitor.",
        "Imaginary Impedance / ohm",
        "imaginary_impedance_ohm",
        is_required=True,
    ),
    replace(_UNIX_TIME, meaning="When the measurement began: seconds since 1970 in UTC by this computer's clock."),
    TableColumn("bias_v", _NUMBER, "V", "The voltage about which was measured; null where it was not kept."),
    TableColumn("amplitude_v", _NUMBER, "V", "The peak of the sine; null where it was not kept."),
    _TEMPERATURE,
)
"""The columns of the impedance table, in their order: a row for each frequency, in the order measured."""


def sample_schema() -> dict[str, pl.DataType]:
    """Return the names and polars types of the sample table."""
    return _schema(SAMPLE_COLUMNS)


def impedance_schema() -> dict[str, pl.DataType]:
    """Return the names and polars types of the impedance table."""
    return _schema(IMPEDANCE_COLUMNS)


def _schema(columns: tuple[TableColumn, ...]) -> dict[str, pl.DataType]:
    import polars as pl

    types = {
        ColumnType.TEXT: pl.String(),
        ColumnType.INTEGER: pl.Int64(),
        ColumnType.NUMBER: pl.Float64(),
        ColumnType.BOOLEAN: pl.Boolean(),
    }
    return {column.name: types[column.type] for column in columns}
