"""Turns the sample table and the impedance table into columns of the Battery Data Format, and back, value by value.

Nothing is computed: a column is renamed, the program's step becomes a text, and the tester's word for what it did
becomes the word that the field uses. Both can be turned back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.tables.bdf_terms import BY_LABEL, Obligation, term_of
from orchestrator.tables.columns import SAMPLE_COLUMNS, TableColumn, sample_schema

if TYPE_CHECKING:
    import polars as pl

STEP_TYPES = {
    "cc": "CC_CHG",
    "dc": "CC_DCH",
    "cv": "CV_CHG",
    "dv": "CV_DCH",
    "cccv": "CCCV_CHG",
    "cccd": "CCCV_DCH",
    "cp": "CP_CHG",
    "dp": "CP_DCH",
    "cr": "CR_CHG",
    "dr": "CR_DCH",
    "rest": "REST",
}
"""The tester's word and that of BDF; a word that is not here stays as the tester said it."""

_MODES = {word: mode for mode, word in STEP_TYPES.items()}

OWN_COLUMNS = tuple(column.name for column in SAMPLE_COLUMNS if not column.bdf_label)
"""The columns that BDF has no term for; a file that may have more columns bears them under their own names."""


def labels_of(columns: Sequence[TableColumn] = SAMPLE_COLUMNS) -> dict[str, str]:
    """Return the BDF label of each column that has one, the required ones first."""
    ordered = sorted(columns, key=lambda column: not column.is_required)
    return {column.name: column.bdf_label for column in ordered if column.bdf_label}


def to_bdf(frame: pl.DataFrame, own: Sequence[str] = ()) -> pl.DataFrame:
    """Return the rows of a sample table under the labels of BDF, followed by columns of our ``own``."""
    import polars as pl

    turned = frame.with_columns(pl.col("step").cast(pl.String), pl.col("mode").replace(STEP_TYPES))
    labels = labels_of()
    return turned.select(*(pl.col(name).alias(label) for name, label in labels.items()), *own)


def from_bdf(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows in the columns of the sample table; headers are labels or machine names, also mixed.

    A column that is not there is null; one that the sample table has not is dropped. A step that is no whole number
    is null. Raises ValueError for a required column that is missing, for one that is there under two names, and for
    one whose values are of another type, such as dates or counts with a fraction.
    """
    import polars as pl

    headers: dict[str, str] = {}
    for head in frame.columns:
        if (term := term_of(head)) is None:
            continue
        if term.label in headers:
            raise ValueError(f"{headers[term.label]!r} and {head!r} are one column under two names; leave one out")
        headers[term.label] = head
    labels = labels_of()
    required = [label for label in labels.values() if BY_LABEL[label].obligation is Obligation.REQUIRED]
    if missing := [label for label in required if label not in headers]:
        raise ValueError(f"there is no column {missing[0]!r}; the columns are {', '.join(frame.columns)}")
    columns = []
    for name, dtype in sample_schema().items():
        header = headers.get(labels[name]) if name in labels else name if name in frame.columns else None
        column = pl.lit(None) if header is None else pl.col(header)
        if name == "step" and header is not None:
            column = column.cast(pl.String)
        elif name == "mode" and header is not None:
            column = column.cast(pl.String).replace(_MODES)
        elif header is not None:
            check_type(frame[header], dtype)
        columns.append(column.cast(dtype, strict=name != "step").alias(name))
    return frame.select(columns) if frame.width else pl.DataFrame(schema=sample_schema())


def check_type(values: pl.Series, wanted: pl.DataType) -> None:
    """Raise ValueError for values that a cast would turn into others: dates into numbers, 1.5 cycles into 1."""
    found = values.dtype
    if not wanted.is_numeric():
        return
    if not (found.is_numeric() or str(found) in ("String", "Null")):
        raise ValueError(f"{values.name!r} holds {found}, and no numbers")
    if wanted.is_integer() and not found.is_integer() and found.is_numeric() and (values % 1 != 0).any():
        raise ValueError(f"{values.name!r} holds counts with a fraction")
