"""Parts the records that a format takes from those that it cannot: without a voltage or a current, or out of order.

What is left out is kept whole in a file beside the export, and is told: a format that wants a number in every row gets
no zero in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from orchestrator.export.errors import ExportError
from orchestrator.tables.columns import SAMPLE_COLUMNS, ColumnType

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

_NUMBERS = [column.name for column in SAMPLE_COLUMNS if column.type is ColumnType.NUMBER]


@dataclass(slots=True)
class FitRows:
    """Fed the batches of a run in order; ``left_out`` is where the others are written, once there are any."""

    left_out: Path
    rows: int = 0
    why: dict[str, int] = field(default_factory=dict)
    _last_s: float = -inf

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that every format takes: time, voltage and current known, time not before that of another.

        Of a record whose time jumps ahead and those that go on from before it, the one that jumps is left out. Raises
        ExportError for a number that is not finite.
        """
        import polars as pl

        check_finite(frame)
        time_s = frame["test_time_s"]
        earliest = time_s.cum_max().shift(1).fill_null(self._last_s).clip(lower_bound=self._last_s)
        if time_s.null_count() == 0 and (time_s >= earliest).all() and not _has_blanks(frame):
            self._last_s = float(time_s[-1]) if frame.height else self._last_s
            self.rows += frame.height
            return frame
        ahead = _jumps_ahead(time_s, self._last_s)
        earliest = time_s.set(ahead, None).cum_max().forward_fill().shift(1).fill_null(self._last_s)
        earliest = earliest.clip(lower_bound=self._last_s)
        reason = (
            pl.when(pl.col("test_time_s").is_null() | pl.col("voltage_v").is_null())
            .then(pl.lit("no voltage"))
            .when(pl.col("current_a").is_null())
            .then(pl.lit("no current"))
            .when(ahead)
            .then(pl.lit("made later than the records behind it"))
            .when(pl.col("test_time_s") < earliest)
            .then(pl.lit("made before the record before it"))
        )
        told = frame.with_columns(reason.alias("why"))
        out = told.filter(pl.col("why").is_not_null())
        for why, rows in out.group_by("why", maintain_order=True).len().iter_rows():
            self.why[why] = self.why.get(why, 0) + rows
        with self.left_out.open("ab") as file:
            out.drop("why").write_csv(file, include_header=file.tell() == 0)
        fit = told.filter(pl.col("why").is_null()).drop("why")
        if fit.height:
            self._last_s = float(fit["test_time_s"][-1])
        self.rows += fit.height
        return fit

    @property
    def sentence(self) -> str:
        """What was left out, for a person; "" for nothing."""
        if not self.why:
            return ""
        return ", ".join(f"{rows} {'record' if rows == 1 else 'records'} {why}" for why, rows in self.why.items())


def with_whole_seams(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield frames in order, two of one test as one where time goes back between them: which jumped is seen then."""
    import polars as pl

    held: pl.DataFrame | None = None
    for frame in frames:
        if held is not None and held.height and frame.height:
            last_s, next_s = held["test_time_s"][-1], frame["test_time_s"][0]
            is_one_test = held["test"][-1] == frame["test"][0]
            if is_one_test and last_s is not None and next_s is not None and next_s < last_s:
                held = pl.concat([held, frame])
                continue
        if held is not None:
            yield held
        held = frame
    if held is not None:
        yield held


def _jumps_ahead(time_s: pl.Series, last_s: float) -> pl.Series:
    """Return which records are later than the two behind them, where the next one goes on from the one before."""
    before, after, second = time_s.shift(1).fill_null(last_s), time_s.shift(-1), time_s.shift(-2)
    is_ahead = (time_s > after) & (after >= before) & (second.is_null() | (second < time_s))
    return is_ahead.fill_null(value=False)


def check_finite(frame: pl.DataFrame) -> None:
    """Raise ExportError for a number of a sample table that is not finite."""
    import polars as pl

    infinite = frame.select(pl.col(_NUMBERS).is_finite().all()).row(0, named=True)
    if wrong := [name for name, is_finite in infinite.items() if is_finite is False]:
        raise ExportError(
            f"run {frame['run_id'][0]} has a {wrong[0]} that is no finite number in test {frame['test'][0]}; "
            "no format can say so. cellrig store check tells more"
        )


def _has_blanks(frame: pl.DataFrame) -> bool:
    return bool(frame["voltage_v"].null_count() or frame["current_a"].null_count())
