"""The direction of each record's current, and the charge passed in it: what formats with two columns for them need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

CHARGING = ("cc", "cv", "cccv", "cp", "cr")
DISCHARGING = ("dc", "dv", "cccd", "dp", "dr")


def direction() -> pl.Expr:
    """Return 1 where the tester charged, -1 where it discharged, 0 at rest; by the current if its word says neither."""
    import polars as pl

    by_current = pl.col("current_a").sign().fill_null(0.0).cast(pl.Int64)
    return (
        pl.when(pl.col("mode").is_in(CHARGING))
        .then(1)
        .when(pl.col("mode").is_in(DISCHARGING))
        .then(-1)
        .when(pl.col("mode") == "rest")
        .then(0)
        .otherwise(by_current)
    )


@dataclass(slots=True)
class NetCharge:
    """Sums the tester's capacity over the steps of a run, with the sign of each: what was charged less what was taken.

    Fed the batches in order. A record without a capacity counts as the one before it.
    """

    _net_ah: float = 0.0
    _step_count: int = 0
    _in_step_ah: float = 0.0

    def of(self, frame: pl.DataFrame) -> pl.Series:
        """Return the net charge in Ah at each row of the next batch."""
        import polars as pl

        if not frame.height:
            return pl.Series("net_ah", [], dtype=pl.Float64)
        first = pl.when(pl.col("step_count") == self._step_count).then(self._in_step_ah).otherwise(0.0)
        told = frame.select(
            "step_count",
            direction().alias("direction"),
            pl.col("capacity_ah").forward_fill().over("step_count").fill_null(first).alias("ah"),
        )
        before = pl.col("ah").shift(1).over("step_count")
        step_ah = told.with_columns((pl.col("ah") - before.fill_null(first)).alias("more"))
        net = step_ah.select((pl.col("more") * pl.col("direction")).cum_sum().alias("net_ah") + self._net_ah)["net_ah"]
        self._net_ah = float(net[-1])
        self._step_count, self._in_step_ah = int(frame["step_count"][-1]), float(told["ah"][-1])
        return net
