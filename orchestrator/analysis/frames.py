"""Rows of an analysis as a polars data frame with stated types, and spectra out of an impedance table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from enum import Enum
from math import nan
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from drivers.interfaces import Spectrum
from orchestrator.analysis.sample_blocks import Table, names_of

if TYPE_CHECKING:
    import polars as pl


def to_frame(rows: Sequence[Any], kind: type) -> pl.DataFrame:
    """Return rows of one dataclass as a data frame: its fields are the columns, with types that no value decides.

    Words of an enum are texts; None, and a reading that is NaN, is null. A field that holds several values is left out.
    Raises ModuleNotFoundError where polars is not installed (extra ``data``).
    """
    import polars as pl

    types = {int: pl.Int64(), float: pl.Float64(), bool: pl.Boolean(), str: pl.String()}
    hints = get_type_hints(kind)
    schema = {field.name: types[found] for field in fields(kind) if (found := _plain_type(hints[field.name]))}
    columns = {name: [_plain(getattr(row, name)) for row in rows] for name in schema}
    return pl.DataFrame(columns, schema=schema)


def _plain_type(hint: Any) -> type | None:  # noqa: ANN401 - a type as it is written
    """Return the type of a column's values; None for a field that is no single value."""
    if isinstance(hint, UnionType):
        hint = next(one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is not None or not isinstance(hint, type):
        return None
    if issubclass(hint, Enum):
        return str
    return hint if hint in (int, float, bool, str) else None


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return None if value != value else value


def spectra_of(table: Table) -> list[tuple[int, Spectrum]]:
    """Return the spectra of an impedance table with their cycles, in the order of the rows.

    Columns are ``measurement``, ``cycle``, ``frequency_hz``, ``z_real_ohm``, ``z_imag_ohm`` (negative for a capacitor)
    and, where known, ``bias_v``. ``spectrum_rows`` takes what this returns.
    """
    names = names_of(table)
    needed = ("measurement", "cycle", "frequency_hz", "z_real_ohm", "z_imag_ohm")
    if missing := [name for name in needed if name not in names]:
        raise ValueError(f"the table has no column {missing[0]!r}; spectra need {', '.join(needed)}")
    columns = [list(table[name]) for name in needed]
    bias = list(table["bias_v"]) if "bias_v" in names else [None] * len(columns[0])
    found: dict[int, tuple[int, float, list[float], list[complex]]] = {}
    for measurement, cycle, hertz, real, imaginary, bias_v in zip(*columns, bias, strict=True):
        at = found.setdefault(measurement, (cycle, nan if bias_v is None else bias_v, [], []))
        at[2].append(hertz)
        at[3].append(complex(real, imaginary))
    return [(cycle, Spectrum(tuple(hertz), tuple(ohm), bias_v)) for cycle, bias_v, hertz, ohm in found.values()]
