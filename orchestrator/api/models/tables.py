"""The JSON answers that are tables: a run's samples, executed steps, cycles and spectra, with the words of each column.

The rows are plain arrays, because a page has thousands of values; their schema describes them column by column.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field

from drivers.interfaces import EndReason
from orchestrator.api.models.fields import UNIT, More, said
from orchestrator.judging.cycles import EfficiencyOf

_INTEGER, _NUMBER, _MAYBE, _TEXT = "integer", "number", ["number", "null"], "string"
_EFFICIENCIES = ", ".join(f"`{of.value}`" for of in EfficiencyOf)
_DIVIDED = next(iter(EfficiencyOf)).value
_END_REASONS = ", ".join(f"`{reason.value}`" for reason in EndReason)


class Column(NamedTuple):
    """One column: its name, its type in JSON Schema, its words, an example, and its unit if it has one."""

    name: str
    type: str | list[str]
    words: str
    example: object
    unit: str = ""

    def as_schema(self) -> dict[str, Any]:
        """Return the schema of the column's values."""
        described = f"{self.words}, in {self.unit}." if self.unit else f"{self.words}."
        schema = {"title": self.name, "type": self.type, "description": described, "examples": [self.example]}
        return schema | ({UNIT: self.unit} if self.unit else {})


_TEST = Column("test", _INTEGER, "Number of the test in the store", 1)
_STEP = Column("step", _INTEGER, "Number of the step in the program, counted from 1", 4)
_STEP_COUNT = Column("step_count", _INTEGER, "Number of the executed step, counted from 1; it never repeats", 12)
_CYCLE = Column("cycle", _INTEGER, "Cycle of the run, as the table of cycles counts; else the tester's counter", 3)
_MODE = Column("mode", _TEXT, "What the tester does in the step, in its words", "cc")
_CAPACITY = Column("capacity_ah", _MAYBE, "Charge since the step began, a magnitude", 0.000157, "Ah")
_ENERGY = Column("energy_wh", _MAYBE, "Energy since the step began, a magnitude", 6.4e-6, "Wh")

SAMPLE_COLUMNS = (
    _TEST,
    Column("sequence", _INTEGER, "Number of the record in its test, counted from 1", 118),
    Column("time_s", _NUMBER, "Time since the test began", 3480.0, "s"),
    Column("step_time_s", _NUMBER, "Time since the step began", 870.0, "s"),
    _STEP,
    _STEP_COUNT,
    _CYCLE,
    _MODE,
    Column("voltage_v", _MAYBE, "Voltage; null where the tester sent no number", 0.0412, "V"),
    Column("current_a", _MAYBE, "Current, positive when it charges", 0.000157, "A"),
    _CAPACITY,
    _ENERGY,
    Column(
        "unix_time_s", _NUMBER, "Time since 1970 in UTC by the tester's own clock, to the second", 1795797643.0, "s"
    ),
    Column("temperature_degc", _MAYBE, "Temperature of the cell's place; null where nobody measured it", 59.8, "degC"),
    Column(
        "time_utc",
        ["string", "null"],
        "The same as ISO 8601 in UTC, null where it is no date",
        "2026-11-27T16:40:43Z",
    ),
)
STEP_COLUMNS = (
    _TEST,
    _STEP_COUNT,
    _STEP,
    _CYCLE,
    _MODE,
    Column("start_s", _NUMBER, "When it began, since the test began", 2610.0, "s"),
    Column("duration_s", _NUMBER, "Time that it took", 3600.0, "s"),
    _CAPACITY._replace(words="Charge that passed, a magnitude"),
    _ENERGY._replace(words="Energy that passed, a magnitude"),
    Column("mean_voltage_v", _MAYBE, "Mean voltage weighted by charge, null where none passed", 0.0398, "V"),
    Column(
        "resistance_ohm",
        _MAYBE,
        "Mean voltage by mean current over the second half of the step, null without current",
        253.0,
        "ohm",
    ),
    Column("end_reason", _TEXT, f"Why it ended: one of {_END_REASONS}", "time"),
    Column("first_sequence", _INTEGER, "Number of its first record", 89),
    Column("last_sequence", _INTEGER, "Number of its last record", 209),
    Column(
        "step_name",
        _TEXT,
        "Name of the step: kind and direction as the recipe writes them, with a number where it has several alike",
        "constant_current charge",
    ),
)


def _half(half: str) -> tuple[Column, Column, Column, Column, Column]:
    return (
        Column(f"{half}_capacity_ah", _MAYBE, f"Capacity of the {half}, a magnitude", 0.000157, "Ah"),
        Column(f"{half}_capacity_mah_g", _MAYBE, f"Capacity of the {half} by the active mass", 143.2, "mAh/g"),
        Column(f"{half}_capacity_mah_cm2", _MAYBE, f"Capacity of the {half} by the area", 0.2, "mAh/cm2"),
        Column(f"{half}_mean_voltage_v", _MAYBE, f"Mean voltage of the {half}, weighted by charge", 3.42, "V"),
        Column(
            f"{half}_end_reason",
            ["string", "null"],
            f"Why the {half} ended, null where there is none: one of {_END_REASONS}",
            "time",
        ),
    )


_CHARGE, _DISCHARGE = _half("charge"), _half("discharge")
_PAIRS = [column for pair in zip(_CHARGE, _DISCHARGE, strict=True) for column in pair]
CYCLE_COLUMNS = (
    _TEST,
    Column("cycle", _INTEGER, "Number of the charge-discharge pair, counted from 1", 3),
    Column(
        "start_s", _NUMBER, "Time that the run had been tested for when it began, through all its tests", 2610.0, "s"
    ),
    *_PAIRS[:6],
    Column(
        "coulombic_efficiency",
        _MAYBE,
        "What a half took back over what the one before it had given, a fraction; null where there is none",
        0.997,
        "1",
    ),
    Column("efficiency_of", ["string", "null"], f"Which half was divided by which: one of {_EFFICIENCIES}", _DIVIDED),
    *_PAIRS[6:8],
    Column("polarisation_v", _MAYBE, "Mean voltage of the charge minus that of the discharge", 0.081, "V"),
    *_PAIRS[8:],
)
_SERIES = ("test", "sequence", "step_count", "time_s", "voltage_v", "current_a")
SERIES_COLUMNS = tuple(next(column for column in SAMPLE_COLUMNS if column.name == name) for name in _SERIES)
SPECTRUM_COLUMNS = (
    _TEST,
    Column("sequence", _INTEGER, "Number of the point in the order measured, counted from 1", 7),
    Column("frequency_hz", _NUMBER, "Frequency", 31622.8, "Hz"),
    Column("z_real_ohm", _NUMBER, "Real part of the impedance", 118.2, "ohm"),
    Column("z_imag_ohm", _NUMBER, "Imaginary part of the impedance, negative for a capacitor", -41.7, "ohm"),
)

_Row = list[float | int | str | None]


# Any: a field's metadata, as in ``said``.
def _names(columns: tuple[Column, ...]) -> Any:  # noqa: ANN401 - a field's metadata, as in ``said``
    names = [column.name for column in columns]
    return said("Names of the columns, with their units, in the order of a row's values", names)


def _rows(columns: tuple[Column, ...]) -> Any:  # noqa: ANN401 - a field's metadata, as in ``said``
    example = [column.example for column in columns]
    items: dict[str, Any] = {"type": "array", "prefixItems": [column.as_schema() for column in columns]}
    return Field(description="The rows, the oldest first.", examples=[[example]], json_schema_extra={"items": items})


class Table(BaseModel):
    """A page of rows, oldest first. Ask for the next with ``after_test`` and ``after`` as given here."""

    columns: list[str]
    rows: list[_Row]
    after_test: Annotated[int, said("Test of the last row, for `after_test` of the next question", 1)]
    after: Annotated[int, said("Number of the last row in its test, for `after` of the next question", 118)]
    more: More


class SampleTable(Table):
    """A page of samples. Ask for the next with ``after_test`` and ``after`` as given here."""

    columns: Annotated[list[str], _names(SAMPLE_COLUMNS)]
    rows: Annotated[list[_Row], _rows(SAMPLE_COLUMNS)]


class SeriesTable(BaseModel):
    """The records of a run, thinned: minima, maxima and the ends of executed steps, oldest first."""

    columns: Annotated[list[str], _names(SERIES_COLUMNS)]
    rows: Annotated[list[_Row], _rows(SERIES_COLUMNS)]
    records: Annotated[int, said("Number of records that the run has in all", 72000)]


class StepTable(Table):
    """A page of executed steps. Ask for the next with ``after_test`` and ``after`` as given here."""

    columns: Annotated[list[str], _names(STEP_COLUMNS)]
    rows: Annotated[list[_Row], _rows(STEP_COLUMNS)]


class CycleTable(Table):
    """A page of cycles. Ask for the next with ``after_test`` and ``after`` as given here."""

    columns: Annotated[list[str], _names(CYCLE_COLUMNS)]
    rows: Annotated[list[_Row], _rows(CYCLE_COLUMNS)]


class SpectrumTable(Table):
    """A page of impedance spectra. Ask for the next with ``after_test`` and ``after`` as given here."""

    columns: Annotated[list[str], _names(SPECTRUM_COLUMNS)]
    rows: Annotated[list[_Row], _rows(SPECTRUM_COLUMNS)]
