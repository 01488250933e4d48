"""Reads tables of the Battery Data Format and of cellrig's own exports: every row as it is, with all its digits.

Labels and machine names, also mixed, as batterydf leaves them (reference readers, S5). A file of ours is known by what
it says of itself; a file of others by its heads.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.importing.amounts import with_bdf_amounts
from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.files import FileKind, kind_of
from orchestrator.importing.plausible import with_plausible_counts
from orchestrator.importing.read_run import Decisions, ImportOptions, ReadRun
from orchestrator.importing.unknowns import (
    as_sample_table,
    check_finite,
    with_clock,
    with_cycles,
    with_known_words,
    with_sign,
    with_steps,
)
from orchestrator.importing.workbooks import told_by_workbook
from orchestrator.tables.bdf import labels_of
from orchestrator.tables.bdf_terms import BY_NAME, term_of
from orchestrator.tables.sidecar import PARQUET_KEY, read_sidecar
from orchestrator.tables.table_files import NotATable, read_columns, read_table

if TYPE_CHECKING:
    import polars as pl

_ENDINGS = {FileKind.TEXT: ".csv", FileKind.PARQUET: ".parquet", FileKind.WORKBOOK: ".xlsx"}
_NEEDED = frozenset({"test_time_second", "voltage_volt", "current_ampere"})
_OWN = frozenset({"run_id", "test", "sequence", "test_time_s", "voltage_v", "current_a"})
_RECORD_NUMBER = BY_NAME["record_index"].label
# The pattern of names that the format asks for: Institution__Cell__YYYYMMDD_XXX.
_NAME = re.compile(r"[^_]+(?:_[^_]+)*__(?P<cell>.+)__\d{8}_.+")


def is_bdf(header: list[str]) -> bool:
    """Return whether heads are those of the Battery Data Format."""
    return {term.name for head in header if (term := term_of(head)) is not None} >= _NEEDED


def lacking(header: list[str]) -> list[str]:
    """Return the labels that a table lacks to be one of the Battery Data Format; none for one of another kind.

    A table of another program may have its labels, and the time in hours.
    """
    found = {term.name for head in header if (term := term_of(head)) is not None}
    if "voltage_volt" not in found:
        return []
    return [BY_NAME[name].label for name in sorted(_NEEDED - found)]


def is_own(header: list[str]) -> bool:
    """Return whether heads are those of a table of cellrig."""
    return set(header) >= _OWN


def read_bdf(path: Path, options: ImportOptions) -> ReadRun:
    """Read a table in text or Parquet. Raises ImportFailed."""
    kind = kind_of(path)
    try:
        table = read_table(path, _ENDINGS[kind])
        is_ours = not table["test"].null_count() and not table["sequence"].null_count()
        columns = None if is_ours else read_columns(path, _ENDINGS[kind])
    except (NotATable, ValueError) as err:
        raise ImportFailed(f"{path.name} cannot be read: {err}") from err
    if not table.height:
        raise ImportFailed(f"{path.name} has no record")
    facts = told_by(path, kind)
    decisions = Decisions()
    decisions.add("units", "V, A, Ah, Wh and s", "the format")
    if columns is None:
        try:
            return _ours(table, facts or {}, options, decisions)
        except (AttributeError, KeyError, TypeError, ValueError) as err:
            raise ImportFailed(f"the sidecar of {path.name} is damaged ({err}); export the run again") from err
    return _of_others(table, columns, path, options, decisions)


def _ours(table: pl.DataFrame, facts: dict[str, Any], options: ImportOptions, decisions: Decisions) -> ReadRun:
    """Return a run that cellrig has exported: its numbers are taken as they stand."""
    decisions.add("sign of the current", "positive charges", "the format")
    decisions.add("cycle numbers", "the run's own", "exported by cellrig")
    decisions.add("time zone", "UTC", "the format keeps seconds since 1970")
    if options.positive or options.cycles or options.started_unix_s is not None:
        raise ImportFailed("this table was exported by cellrig, which says all of it itself; leave the options out")
    run = facts.get("run", {})
    known = table["simulated"].drop_nulls()
    starts = {int(one["test"]): float(one["from_test_time_s"]) for one in facts.get("tests", [])}
    tests = facts.get("tests") or [{}]
    return ReadRun(
        "table of cellrig",
        "cellrig",
        decisions,
        table,
        cell_name=str(run.get("cell", "")),
        instrument=str(tests[0].get("instrument", "")),
        channel=str(run.get("channel", "")),
        label=str(run.get("label", "")),
        cell=_cell(run),
        simulated=bool(known[0]) if known.len() else None,
        starts_s=starts,
    )


def _cell(run: dict[str, Any]) -> Any:  # noqa: ANN401 - facts of a cell, or None
    from pydantic import TypeAdapter, ValidationError

    from protocols.program import CellFacts

    try:
        return TypeAdapter(CellFacts).validate_python(run["cell_facts"])
    except (KeyError, ValidationError):
        return None


def _of_others(
    table: pl.DataFrame, columns: pl.DataFrame, path: Path, options: ImportOptions, decisions: Decisions
) -> ReadRun:
    """Return a run of a table of another program, whose own columns are ``columns``."""
    import polars as pl
    import polars.selectors as cs

    # What others write for a reading that is missing.
    table = table.with_columns(cs.float().fill_nan(None)).with_columns(with_known_words(table["mode"], decisions))
    numbers = {_label(head): head for head in columns.columns}.get(_RECORD_NUMBER)
    if numbers is not None:
        table = table.with_columns(columns[numbers].cast(pl.Int64, strict=False).alias("sequence"))
    empty = [name for name in table.columns if table[name].null_count() == table.height]
    table = table.drop(empty)
    for name in ("test_time_s", "voltage_v", "current_a"):
        lacking = table[name].null_count() if name in table.columns else table.height
        if lacking:
            raise ImportFailed(f"{path.name}: {lacking} records have no {name}, which the format requires")
    check_finite(table, path.name)
    if "unix_time_s" in table.columns:
        decisions.add("time zone", "UTC", "the format keeps seconds since 1970")
    back = int((table["test_time_s"].diff() < 0).sum())
    if back:
        decisions.add("test time", f"goes back {back} times; kept", "the file, against its format")
    table = with_sign(table, options, decisions, "the format counts a charge as positive")
    table, used = with_bdf_amounts(with_steps(table, decisions, path.name), columns, decisions)
    table = with_plausible_counts(table, decisions)
    table = with_cycles(with_clock(table, options, decisions, path.name), options, decisions)
    taken = {*used, *labels_of().values(), _RECORD_NUMBER}
    unused = [head for head in columns.columns if head not in used and _label(head) not in taken]
    decisions.leave_out(unused)
    stem = path.name.removesuffix(".gz").split(".bdf")[0].removesuffix(".csv").removesuffix(".parquet")
    named = _NAME.fullmatch(stem)
    if named is not None:
        decisions.add("cell", named["cell"], "the name of the file, as the format asks for it")
    return ReadRun(
        "Battery Data Format",
        "cellrig",
        decisions,
        as_sample_table(table),
        cell_name=named["cell"] if named is not None else "",
    )


def _label(head: str) -> str:
    term = term_of(head)
    return head if term is None else term.label


def told_by(path: Path, kind: FileKind) -> dict[str, Any] | None:
    """Return what a table's sidecar says, or a Parquet file or workbook itself; None without any."""
    import json

    if kind is FileKind.WORKBOOK:
        return told_by_workbook(path)
    if kind is FileKind.PARQUET:
        import pyarrow.parquet as pq

        with path.open("rb") as opened, pq.ParquetFile(opened) as file:
            text = (file.schema_arrow.metadata or {}).get(PARQUET_KEY) or (file.metadata.metadata or {}).get(
                PARQUET_KEY
            )
        if text is not None:
            found = json.loads(text)
            return found if isinstance(found, dict) else None
    try:
        return read_sidecar(path)
    except ValueError as err:
        raise ImportFailed(f"the sidecar of {path.name} cannot be read: {err}") from err
