"""Makes data frames of columns and of rows, with pandas or polars where they are installed: cellrig needs neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from typing import Any, TypeAlias

from cellrig.errors import MissingLibrary

Table: TypeAlias = Mapping[str, Any] | Sequence[Any]
"""Columns of equal length by name, or rows: frozen values of one class, whose fields are the columns."""


def to_pandas(table: Table) -> Any:  # noqa: ANN401 - pandas need not be installed
    """Return a ``pandas.DataFrame`` of columns (``StoredRun.samples``) or of rows (cycles, events, summaries).

    Columns keep their names, with the units in them, and their types; a missing reading is NaN. Raises MissingLibrary,
    or TypeError for what is no table.
    """
    return _library("pandas").DataFrame(_columns(table))


def to_polars(table: Table) -> Any:  # noqa: ANN401 - polars need not be installed
    """Return a ``polars.DataFrame``, of the same as ``to_pandas``. Raises MissingLibrary or TypeError."""
    return _library("polars").DataFrame(_columns(table), strict=False)


def _library(name: str) -> Any:  # noqa: ANN401 - a module
    try:
        return import_module(name)
    except ModuleNotFoundError as err:
        if err.name != name:
            raise
        raise MissingLibrary(f"{name} is not installed; install it with: python -m pip install {name}") from None


def _columns(table: Table) -> dict[str, Any]:
    if isinstance(table, Mapping):
        # Texts as a list: what an array of objects holds, polars does not look at.
        return {
            name: values.tolist() if getattr(values, "dtype", None) == "object" else values
            for name, values in table.items()
        }
    if not table:
        return {}
    first = table[0]
    if not is_dataclass(first) or any(type(row) is not type(first) for row in table):
        raise TypeError(f"a table is columns by name or a list of values of one class, not {type(first).__name__}")
    return {field.name: [_plain(getattr(row, field.name)) for row in table] for field in fields(first)}


def _plain(value: object) -> object:
    """Return a word of an enum as text: a store of a newer cellrig may have words that the enum has not."""
    return value.value if isinstance(value, Enum) else value
