"""Completes a table of Neware's records, whoever read it: the same decisions, in one order, for all of its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.importing.amounts import of_step
from orchestrator.importing.plausible import check_order, with_plausible_counts
from orchestrator.importing.standstills import with_rebuilt_time
from orchestrator.importing.unknowns import (
    as_sample_table,
    with_clock,
    with_cycles,
    with_known_words,
    with_sign,
    with_steps,
)

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.importing.read_run import Decisions, ImportOptions


def completed_records(
    table: pl.DataFrame,
    options: ImportOptions,
    decisions: Decisions,
    name: str,
    sign_rule: str,
    running: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the sample table of Neware's records, with all that the file does not say decided and told.

    ``table`` has the file's words for kinds of steps, and Unix times where it tells any; ``sign_rule`` is what the
    format says of the current's sign; ``running`` names counts that go on through steps. Its numbers were checked.
    Raises ImportFailed for what no option says.
    """
    table = table.with_columns(with_known_words(table["mode"], decisions))
    table = with_steps(with_sign(table, options, decisions, sign_rule), decisions, name)
    table = _with_counts_of_steps(table, running, decisions)
    if "test_time_s" not in table.columns:
        table = _with_summed_time(table)
    check_order(table, decisions, name)
    table = with_plausible_counts(table, decisions)
    table = with_clock(with_rebuilt_time(table, decisions), options, decisions, name)
    return as_sample_table(with_cycles(table, options, decisions))


def _with_counts_of_steps(table: pl.DataFrame, running: Sequence[str], decisions: Decisions) -> pl.DataFrame:
    """Return the table with counts that go on through steps as what each step has passed."""
    for column in running:
        decisions.add(
            f"{column.partition('_')[0]} of a step",
            "less what it was at the end of the step before",
            "charge and discharge run on",
        )
        table = table.with_columns(of_step(table[column], table).alias(column))
    return table


def _with_summed_time(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with the sum of the times of its steps as test time."""
    import polars as pl

    lasts = table.group_by("step_count", maintain_order=True).agg(pl.col("step_time_s").last().alias("took_s"))
    lasts = lasts.with_columns(pl.col("took_s").cum_sum().shift(fill_value=0.0).alias("before_s")).drop("took_s")
    joined = table.join(lasts, on="step_count", how="left", maintain_order="left")
    return joined.with_columns((pl.col("before_s") + pl.col("step_time_s")).round(6).alias("test_time_s"))
