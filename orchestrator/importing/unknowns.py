"""Completes a table of a file: what every row must have is taken from the file, an option, or said to be missing.

Here are the rules that all kinds of files share: the sign, the clock, the numbers of executed steps and cycles.
"""

from __future__ import annotations

from datetime import datetime, timezone, tzinfo
from typing import TYPE_CHECKING

from orchestrator.analysis.sample_blocks import AT_REST
from orchestrator.clock.iso_time import iso_utc
from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.neware_words import KNOWN_MODES, mode_of
from orchestrator.importing.read_run import CHARGE_POSITIVE, DISCHARGE_POSITIVE, Decisions, ImportOptions
from orchestrator.tables.columns import sample_schema

if TYPE_CHECKING:
    import polars as pl

CHARGES = ("cc", "cv", "cccv", "cp", "cpcv", "cr")
DISCHARGES = ("dc", "dv", "cccd", "dp", "dpcv", "dr")
"""The tester's words (docs/store.md) for steps of one direction."""

TIME_DECIMALS = 6
# A change of current that shows in the voltage, and how many of them are no chance.
_CHANGED, _MOVED_V, _FEWEST_CHANGES = 0.5, 0.001, 3


def with_sign(table: pl.DataFrame, options: ImportOptions, decisions: Decisions, rule: str) -> pl.DataFrame:
    """Return the table with currents that are positive on charge; ``rule`` is what the format says of the sign.

    Where the steps' own words contradict the sign, and nobody has said which one it is, the file is refused.
    """
    import polars as pl

    if options.positive == DISCHARGE_POSITIVE:
        decisions.add("sign of the current", "turned: positive discharged", "--positive discharge")
        return table.with_columns(-pl.col("current_a"))
    if options.positive == CHARGE_POSITIVE:
        decisions.add("sign of the current", "positive charges", "--positive charge")
        return table
    if "mode" not in table.columns:
        decisions.add("sign of the current", "positive charges", rule + _told_by_voltage(table))
        return table
    largest = table["current_a"].abs().max()
    if not isinstance(largest, float) or not largest:
        decisions.add("sign of the current", "unknown" if largest is None else "none flows", "the file")
        return table
    flows = pl.col("current_a").abs() > 0.01 * largest
    charge = pl.col("mode").is_in(CHARGES) & flows
    discharge = pl.col("mode").is_in(DISCHARGES) & flows
    right, wrong = table.select(
        ((charge & (pl.col("current_a") > 0)) | (discharge & (pl.col("current_a") < 0))).sum().alias("right"),
        ((charge & (pl.col("current_a") < 0)) | (discharge & (pl.col("current_a") > 0))).sum().alias("wrong"),
    ).row(0)
    if wrong > right:
        raise ImportFailed(
            f"the current of {wrong} records contradicts their step ({right} agree): a charge with a negative current, "
            "or a discharge with a positive one. Say what positive current does: --positive discharge or charge"
        )
    agree = f"{rule}; {right} records of charges and discharges agree" if right else rule + _told_by_voltage(table)
    decisions.add("sign of the current", "positive charges", agree + (f", {wrong} do not" if wrong else ""))
    return table


def _told_by_voltage(table: pl.DataFrame) -> str:
    """Say at how many changes of current the voltage went the same way; every cell has a resistance above zero.

    Raises ImportFailed where it went the other way at most of them: positive current discharged.
    """
    import polars as pl

    largest = table["current_a"].abs().max()
    if not isinstance(largest, float) or not largest:
        return ""
    amperes, volts = pl.col("current_a").diff(), pl.col("voltage_v").diff()
    changed = (amperes.abs() > _CHANGED * largest) & (volts.abs() >= _MOVED_V)
    same, other = table.select(
        (changed & (amperes.sign() == volts.sign())).sum().alias("same"),
        (changed & (amperes.sign() == -volts.sign())).sum().alias("other"),
    ).row(0)
    if other >= _FEWEST_CHANGES and other > 2 * same:
        raise ImportFailed(
            f"the voltage falls where the current rises, at {other} of {same + other} changes, as if positive current "
            "discharged. Say what it does: --positive discharge or charge"
        )
    return f"; the voltage follows the current at {same} of {same + other} changes" if same + other else ""


def with_known_words(words: pl.Series, decisions: Decisions) -> pl.Series:
    """Return the kinds of steps in the store's words; one that nobody knows stays, which is told."""
    import polars as pl

    known = {word: mode_of(word) for word in words.drop_nulls().unique()}
    strange = sorted(word for word, mode in known.items() if word and mode == word and mode not in KNOWN_MODES)
    if strange:
        decisions.add(
            "kinds of steps", ", ".join(strange[:6]), "words that are not known; no direction follows from them"
        )
    return words.replace_strict(known, default=None, return_dtype=pl.String)


def wall_clock_unix_s(
    naive_s: pl.Series, options: ImportOptions, decisions: Decisions, told: str, name: str
) -> pl.Series:
    """Return Unix times of a wall clock that was read as if it were UTC, by the zone that a person says.

    Raises ImportFailed without one: which zone an instrument's computer was set to is in no such file.
    """
    import polars as pl

    zone = options.zone
    if zone is None:
        raise ImportFailed(
            f"{name}: {told} tell no time zone; say that of the computer which wrote them, such as "
            "--zone Europe/Zurich or --zone UTC"
        )
    decisions.add("time zone", str(zone), f"--zone; {told} tell none")
    if isinstance(zone, timezone):
        return naive_s - zone.utcoffset(None).total_seconds()
    moments = pl.from_epoch((naive_s * 1e6).round().cast(pl.Int64), "us")
    placed = moments.dt.replace_time_zone(str(zone), ambiguous="earliest", non_existent="null")
    unix_s = placed.dt.epoch("us").cast(pl.Float64) / 1e6
    if (lost := unix_s.null_count() - naive_s.null_count()) > 0:
        raise ImportFailed(f"{name}: {lost} times do not exist in {zone}, where the clock was put forward; try another")
    return unix_s


def moment_unix_s(naive: datetime, zone: tzinfo | None, told: str, name: str) -> float:
    """Return the Unix time of one moment of a wall clock. Raises ImportFailed without a zone."""
    if zone is None:
        raise ImportFailed(
            f"{name}: {told} tells no time zone; say that of the computer which wrote it, such as --zone Europe/Zurich"
        )
    return naive.replace(tzinfo=zone).timestamp()


def with_clock(table: pl.DataFrame, options: ImportOptions, decisions: Decisions, name: str) -> pl.DataFrame:
    """Return the table with a Unix time in each row: the file's, or one that a person has said it began at."""
    import polars as pl

    known = table["unix_time_s"].drop_nulls().len() if "unix_time_s" in table.columns else 0
    if not known:
        if options.started_unix_s is None:
            raise ImportFailed(
                f"{name} does not say when it was recorded; say when it began, with the offset from UTC: "
                "--started 2026-01-31T09:00+01:00"
            )
        decisions.add(
            "clock", f"began at {iso_utc(options.started_unix_s)}", "--started; the file tells no time of day"
        )
        first_s = table["test_time_s"].min()
        unix_s = pl.col("test_time_s") - first_s + options.started_unix_s
        return table.with_columns(unix_s.alias("unix_time_s"))
    if options.started_unix_s is not None:
        raise ImportFailed(f"{name} says itself when it was recorded; leave --started out")
    if known < table.height:
        decisions.add(
            "clock", f"{table.height - known} times were taken from the test time", "records without a time of day"
        )
        ahead = (pl.col("unix_time_s") - pl.col("test_time_s")).forward_fill().backward_fill()
        table = table.with_columns(pl.col("unix_time_s").fill_null(pl.col("test_time_s") + ahead))
    return table


def with_steps(table: pl.DataFrame, decisions: Decisions, name: str) -> pl.DataFrame:
    """Return the table with executed steps, steps and cycles in each row, numbered anew where the file does not say.

    An executed step begins where the step, the cycle or the word for it changes, or where its time begins anew.
    """
    import polars as pl

    columns = table.columns
    if "cycle" not in columns:
        table = table.with_columns(pl.lit(None, pl.Int64).alias("cycle"))
    is_told = "mode" in columns or any(one in columns for one in ("step", "step_count"))
    if "mode" not in columns:
        table = table.with_columns(pl.lit("", pl.String).alias("mode"))
    table = table.with_columns(pl.col("mode").fill_null(""))
    counts = table["step_count"] if "step_count" in columns else None
    if counts is not None and _is_count(table):
        decisions.add("executed steps", f"{counts.n_unique()}, as numbered in the file", "its column of them")
    else:
        why = "the file numbers none"
        if counts is not None and counts.null_count() < table.height:
            why = "its own numbers fall, begin below 1, or hold more than one step"
        begins = [
            pl.col(one).ne_missing(pl.col(one).shift()) for one in ("step", "cycle", "step_count") if one in columns
        ]
        if "step" not in columns or table["step"].null_count() == table.height:
            begins.append(pl.col("mode").ne_missing(pl.col("mode").shift()))
        if "step_time_s" in columns:
            begins.append((pl.col("step_time_s") < pl.col("step_time_s").shift()).fill_null(value=False))
        if not is_told:
            why += "; one begins where the direction of the current changes"
            way = current_way(table)
            begins.append(way.ne_missing(way.shift()))
        begun = pl.any_horizontal(*begins) | (pl.int_range(pl.len()) == 0)
        table = table.with_columns(begun.cast(pl.Int64).cum_sum().alias("step_count"))
        decisions.add("executed steps", f"{table['step_count'].n_unique()}, counted", why)
    if "step" not in columns or table["step"].null_count():
        decisions.add("step numbers", "those of the executed steps", "the file has none, or some that are no numbers")
        own = pl.col("step") if "step" in columns else pl.lit(None, pl.Int64)
        table = table.with_columns(own.fill_null(pl.col("step_count")).alias("step"))
    if "step_time_s" not in columns or table["step_time_s"].null_count():
        decisions.add("time in a step", "since its first record", "the file has none")
        since = pl.col("test_time_s") - pl.col("test_time_s").first().over("step_count")
        own = pl.col("step_time_s").fill_null(since) if "step_time_s" in columns else since
        table = table.with_columns(own.round(TIME_DECIMALS).alias("step_time_s"))
    return table


def current_way(table: pl.DataFrame) -> pl.Expr:
    """Return the direction of the current of each record: 1 charges, -1 discharges, 0 is a rest."""
    import polars as pl

    largest = table["current_a"].abs().max()
    least_a = AT_REST * largest if isinstance(largest, float) else 0.0
    flows = pl.col("current_a").abs() > least_a
    return pl.when(flows).then(pl.col("current_a").sign()).otherwise(0.0).cast(pl.Int64)


def _is_count(table: pl.DataFrame) -> bool:
    """Return whether the file's own counts of executed steps can stand: each is one step, and they rise."""
    import polars as pl

    counts = table["step_count"]
    if counts.null_count() or (counts < 1).any() or (counts.diff() < 0).any():
        return False
    others = [one for one in ("step", "cycle") if one in table.columns]
    changes = [(pl.col(one).ne_missing(pl.col(one).shift())) & (pl.col("step_count").diff() == 0) for one in others]
    return not changes or not table.select(pl.any_horizontal(*changes).fill_null(value=False).any()).item()


def with_cycles(table: pl.DataFrame, options: ImportOptions, decisions: Decisions) -> pl.DataFrame:
    """Return the table with a cycle in each row: the file's own number first, else counted by the direction.

    ``auto`` begins a cycle where the direction turns back to that of the first half-cycle.
    """
    import polars as pl

    missing = table["cycle"].null_count() if "cycle" in table.columns else table.height
    if options.cycles != "auto" and not missing:
        told = "--cycles raw" if options.cycles == "raw" else "its column of them; --cycles auto counts anew"
        last = table["cycle"].max()
        decisions.add("cycle numbers", f"the file's own, up to {last!r}", told)
        return table
    if options.cycles == "raw":
        raise ImportFailed(f"the file has no cycle numbers in {missing} of {table.height} records; leave --cycles out")
    # The direction in which most records of a step flow.
    flows = current_way(table).sum()
    way = (
        pl.when(pl.col("mode").first().is_in(CHARGES))
        .then(1)
        .when(pl.col("mode").first().is_in(DISCHARGES))
        .then(-1)
        .when(pl.col("mode").first() == "rest")
        .then(0)
        .otherwise(flows.sign())
    )
    steps = table.group_by("step_count", maintain_order=True).agg(way.cast(pl.Int64).alias("way"))
    ways = steps["way"].replace(0, None).forward_fill()
    known = ways.drop_nulls()
    begins = 0 if known.is_empty() else known[0]
    turns = ((ways == begins) & (ways.shift() == -begins)).fill_null(value=False)
    steps = steps.with_columns((turns.cast(pl.Int64).cum_sum() + 1).alias("cycle")).drop("way")
    table = table.drop("cycle", strict=False).join(steps, on="step_count", how="left", maintain_order="left")
    first = {1: "charge", -1: "discharge"}.get(begins, "no current")
    told = "--cycles auto" if options.cycles == "auto" else "the file has none"
    decisions.add("cycle numbers", f"counted, up to {steps['cycle'].max()!r}; each begins with its {first}", told)
    return table


def as_sample_table(table: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of the sample table, null where the file has none; records are numbered where it does not."""
    import polars as pl

    schema = sample_schema()
    if "sequence" not in table.columns or not _rises(table["sequence"]):
        table = table.with_columns((pl.int_range(pl.len(), dtype=pl.Int64) + 1).alias("sequence"))
    if "test" not in table.columns or table["test"].null_count():
        table = table.with_columns(pl.lit(1, pl.Int64).alias("test"))
    columns = [
        (pl.col(name) if name in table.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    ]
    return table.select(columns)


def _rises(sequence: pl.Series) -> bool:
    return not sequence.null_count() and bool((sequence.diff().fill_null(1) > 0).all()) and bool((sequence >= 0).all())


def check_finite(table: pl.DataFrame, name: str) -> None:
    """Raise ImportFailed for a table without rows, or with a number that is none."""
    import polars as pl

    if not table.height:
        raise ImportFailed(f"{name} has no record")
    for column in table.columns:
        if table[column].dtype == pl.Float64 and (bad := (~table[column].drop_nulls().is_finite()).sum()):
            raise ImportFailed(f"{name}: {bad} values of {column} are infinite or not a number; was the file damaged?")
