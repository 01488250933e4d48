"""Checks a table against BDF 1.3.0: what ``bdf validate`` of batterydf lets pass is found here.

That program says yes to blanks, to infinities, to a time that runs backwards and to a table without rows: its yes
means that three headers are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.tables.bdf_terms import BY_LABEL, TERMS, BdfTerm, Obligation

if TYPE_CHECKING:
    import polars as pl

_NEVER_DECREASING = ("Test Time / s", "Cycle Count / 1", "Step Count / 1")
_REQUIRED = tuple(term for term in TERMS if term.obligation is Obligation.REQUIRED)


def bdf_problems(frame: pl.DataFrame, own: tuple[str, ...] = ()) -> list[str]:
    """Return what is wrong with a table, a sentence each; nothing for one that is as BDF wants it.

    Headers must be labels in force, the columns of ``own`` apart. Required columns must have a finite number in every
    row; others may have blanks, but no infinities. Time, cycles and steps never go back.
    """
    found = [f"the required column {term.label!r} is missing" for term in _REQUIRED if term.label not in frame.columns]
    if not frame.height:
        found.append("there is no row")
    for name in frame.columns:
        term = BY_LABEL.get(name)
        if term is None:
            found += [] if name in own else [f"the column {name!r} is no label of BDF"]
        elif term.obligation is Obligation.DEPRECATED:
            found.append(f"the column {name!r} is deprecated")
        else:
            found += _column_problems(frame[name], term)
    return found


def _column_problems(values: pl.Series, term: BdfTerm) -> list[str]:
    import polars as pl

    wanted: type[pl.DataType]
    wanted = pl.String if term.is_text else pl.Int64 if term.is_count else pl.Float64
    if values.dtype != wanted:
        return [f"{term.label}: {values.dtype} in the place of {wanted.__name__}"]
    found = []
    if term.obligation is Obligation.REQUIRED and values.null_count():
        found.append(f"{term.label}: {values.null_count()} blanks")
    if term.is_text:
        return found
    known = values.drop_nulls()
    if not term.is_count and not known.is_finite().all():
        found.append(f"{term.label}: not every number is finite")
    least = 0 if term.is_count else term.least
    if least is not None and known.len() and (known < least).any():
        found.append(f"{term.label}: less than {least:g}")
    if term.label in _NEVER_DECREASING and (known.diff() < 0).any():
        found.append(f"{term.label}: goes back")
    return found
