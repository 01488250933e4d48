"""The format ``neware-csv``: the record table as the vendor's BTSDA exports it, so that scripts for it go on working.

Columns and their order are those of a real export (reference neware-ct4008, section 9.5), in mA, mAh and mWh, with
``Total Time``: what cellpy calls the model TIOTECH. A step that was cut is one, as a tester that continues has it:
scripts take the largest capacity of a cycle for its charge. Four things differ, for the better: numbers have all
their digits, ``Date`` is UTC, times go to the millisecond, and columns that nobody measured are left out. A simulated
run has one column more behind them, ``Simulated``, which scripts that go by names pass over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.export.background import write_all
from orchestrator.export.continued_steps import ContinuedSteps
from orchestrator.export.errors import NothingToExport
from orchestrator.export.fit_rows import FitRows, with_whole_seams
from orchestrator.export.step_direction import direction

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.export.output import Output
    from orchestrator.export.source import RunSource

STEP_TYPES = {
    "cc": "CC Chg",
    "dc": "CC DChg",
    "cv": "CV Chg",
    "dv": "CV DChg",
    "cccv": "CCCV Chg",
    "cccd": "CCCV DChg",
    "cp": "CP Chg",
    "dp": "CP DChg",
    "cr": "CR Chg",
    "dr": "CR DChg",
    "rest": "Rest",
}

# 0.000157 A is 0.157 mA, and not 0.15700000000000003: a float has 15 digits that a person may rely on.
_DIGITS = 15


def write_neware_csv(source: RunSource, output: Output, name: str) -> None:
    """Write a run as ``neware-csv``; records without a voltage or a current are left out, and told."""
    path = output.file(name)
    fit = FitRows(output.file(f"{name}.left-out.csv", is_optional=True))

    continued = ContinuedSteps(source.data)

    def write(frame: pl.DataFrame) -> None:
        before = fit.rows
        rows = fit.of(frame)
        if rows.height:
            to_neware(continued.of(rows), before).write_csv(file, include_header=not before)

    with path.open("wb") as file:
        write_all(with_whole_seams(source.batches()), write)
    if not fit.rows:
        raise NothingToExport(f"run {source.run_id} has no record with time, voltage and current")
    if fit.why:
        source.notes.append(f"{fit.sentence}: in {name}.left-out.csv, and not in {name}")


def to_neware(frame: pl.DataFrame, rows_before: int = 0) -> pl.DataFrame:
    """Return rows of a sample table in the vendor's columns; ``rows_before`` were written before them."""
    import polars as pl

    way = direction()
    capacity, energy = _thousandfold("capacity_ah"), _thousandfold("energy_wh")

    def one_way(amount: pl.Expr, sign: int) -> pl.Expr:
        return pl.when(way == sign).then(amount).otherwise(pl.when(amount.is_null()).then(None).otherwise(0.0))

    columns = {
        "DataPoint": pl.int_range(pl.len(), dtype=pl.Int64) + 1 + rows_before,
        "Cycle Index": pl.col("cycle"),
        "Step Index": pl.col("step"),
        "Step Type": pl.col("mode").replace(STEP_TYPES),
        "Time": _clock("step_time_s"),
        "Total Time": _clock("test_time_s"),
        "Current(mA)": _thousandfold("current_a"),
        "Voltage(V)": pl.col("voltage_v"),
        "Capacity(mAh)": capacity,
        "Chg. Cap.(mAh)": one_way(capacity, 1),
        "DChg. Cap.(mAh)": one_way(capacity, -1),
        "Energy(mWh)": energy,
        "Chg. Energy(mWh)": one_way(energy, 1),
        "DChg. Energy(mWh)": one_way(energy, -1),
        "Date": pl.from_epoch((pl.col("unix_time_s") * 1e3).round().cast(pl.Int64), "ms").dt.strftime(
            "%Y-%m-%d %H:%M:%S%.3f"
        ),
        "Power(mW)": (pl.col("current_a") * 1e3 * pl.col("voltage_v")).round_sig_figs(_DIGITS),
        "T1(degC)": pl.col("temperature_degc"),
    }
    if frame["simulated"].head(1).any():
        columns["Simulated"] = pl.lit("yes")
    return frame.select(**columns)


def _thousandfold(name: str) -> pl.Expr:
    import polars as pl

    return (pl.col(name) * 1e3).round_sig_figs(_DIGITS)


def _clock(name: str) -> pl.Expr:
    """Return seconds as hours, minutes, seconds and milliseconds: ``123:45:06.500``."""
    import polars as pl

    ms = (pl.col(name) * 1e3).round().cast(pl.Int64)

    def part(divisor: int, modulus: int | None, digits: int) -> pl.Expr:
        value = ms // divisor if modulus is None else (ms // divisor) % modulus
        return value.cast(pl.String).str.zfill(digits)

    hours, minutes, seconds = part(3_600_000, None, 2), part(60_000, 60, 2), part(1000, 60, 2)
    return pl.concat_str(hours, pl.lit(":"), minutes, pl.lit(":"), seconds, pl.lit("."), part(1, 1000, 3))
