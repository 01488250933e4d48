"""Makes the executed steps of an imported table: its numbers, why each ended, and where it stands among the cycles.

No program tells them: ends and half-cycles are what ``orchestrator.analysis.step_ends`` reads off the steps alone, and
cycle numbers are the table's. A rest that another step follows was ended by its time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from drivers.interfaces import EndReason
from orchestrator.analysis.sample_blocks import NoSuchTable
from orchestrator.analysis.step_ends import inferred_ends, inferred_places
from orchestrator.analysis.step_statistics import StepRow, step_rows, with_charge
from orchestrator.importing.errors import ImportFailed
from orchestrator.judging.steps import ExecutedStep
from protocols.half_cycles import CyclePlace

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class FoundStep:
    """One executed step of a table's ``test``; ``executed`` is in the table's time."""

    test: int
    executed: ExecutedStep
    place: CyclePlace

    def moved(self, by_s: float) -> ExecutedStep:
        """Return the step on an axis of time that begins at another moment."""
        return replace(self.executed, start_s=self.executed.start_s + by_s)


def executed_steps(table: pl.DataFrame) -> list[FoundStep]:
    """Return the executed steps of a sample table, in order. Raises ImportFailed for a table that has none."""
    import polars as pl

    try:
        # A clock that stumbled keeps its times in the records; the steps are in the order of recording.
        rows = step_rows(table.with_columns(pl.col("test_time_s").cum_max()))
    except NoSuchTable as err:
        raise ImportFailed(f"the table cannot be cut into steps: {err}") from err
    ends = _ends(rows)
    numbers = _numbers(table)
    return [
        _found(row, place, ends.get(row.step_count, EndReason.EXTERNAL), numbers[row.test, row.step_count])
        for row, place in zip(rows, inferred_places(rows), strict=True)
    ]


def _ends(rows: list[StepRow]) -> dict[int, EndReason]:
    powered = {row.step_count for row in with_charge(rows)}
    rests = {row.step_count: EndReason.TIME for row in rows[:-1] if row.step_count not in powered}
    return rests | inferred_ends(rows)


def _found(row: StepRow, place: CyclePlace, end: EndReason, numbers: dict[str, Any]) -> FoundStep:
    executed = replace(
        row.executed(end),
        start_s=numbers["time_s"] - numbers["step_time_s"],
        duration_s=numbers["step_time_s"],
        energy_wh=abs(row.energy_wh or 0.0) if numbers["energy_wh"] is None else numbers["energy_wh"],
        resistance_ohm=numbers["resistance_ohm"],
        first_sequence=numbers["first"],
        last_sequence=numbers["last"],
    )
    return FoundStep(row.test, executed, place)


def _numbers(table: pl.DataFrame) -> dict[tuple[int, int], dict[str, Any]]:
    """Return what comes of the first and last record of each step, and its resistance, by test and step count."""
    import polars as pl

    key = ["test", "step_count"]
    whole = table.group_by(key, maintain_order=True).agg(
        pl.col("sequence").first().alias("first"),
        pl.col("sequence").last().alias("last"),
        pl.col("test_time_s").last().alias("time_s"),
        pl.col("step_time_s").last(),
        pl.col("energy_wh").last(),
    )
    found = whole.join(_resistances(table), on=key, how="left")
    return {(row["test"], row["step_count"]): row for row in found.iter_rows(named=True)}


def _resistances(table: pl.DataFrame) -> pl.DataFrame:
    """Return mean |V| over mean |I| of the second half of each step, by the trapezoid rule (``ExecutedStep``)."""
    import polars as pl

    key = ["test", "step_count"]
    good = table.filter(pl.col("voltage_v").is_not_null() & pl.col("current_a").is_not_null())
    half = good.filter(pl.col("step_time_s") >= pl.col("step_time_s").last().over(key) / 2)
    dt_s = pl.col("step_time_s").diff().over(key)
    twice = [
        ((pl.col(name).abs() + pl.col(name).abs().shift().over(key)) * dt_s).alias(name)
        for name in ("voltage_v", "current_a")
    ]
    last = good.group_by(key, maintain_order=True).agg(
        pl.col("voltage_v").last().abs().alias("last_v"), pl.col("current_a").last().abs().alias("last_a")
    )
    sums = half.select(*key, *twice).group_by(key, maintain_order=True).agg(pl.col("voltage_v", "current_a").sum())
    is_none = (pl.col("voltage_v") == 0) & (pl.col("current_a") == 0)
    volt = pl.when(is_none).then(pl.col("last_v")).otherwise(pl.col("voltage_v"))
    curr = pl.when(is_none).then(pl.col("last_a")).otherwise(pl.col("current_a"))
    return sums.join(last, on=key).select(*key, pl.when(curr > 0).then(volt / curr).alias("resistance_ohm"))
