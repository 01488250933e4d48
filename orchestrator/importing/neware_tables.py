"""Reads the tables that BTSDA exports: CSV and XLSX, with English or Chinese heads, in the units that the heads name.

All cells are read as text. A value is moved to the unit of the store by its decimal point, so that 0.157 mA is
0.000157 A and no neighbour of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.importing.amounts import both_ways
from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.neware_records import completed_records
from orchestrator.importing.neware_words import Head, head_of, heads_of, shift_of_current
from orchestrator.importing.read_run import Decisions, ImportOptions, ReadRun
from orchestrator.importing.unknowns import check_finite, wall_clock_unix_s

if TYPE_CHECKING:
    import polars as pl

_CLOCK = r"^(?:(\d+)[-d ]+)?(\d+):(\d{1,2}):(\d{1,2}(?:\.\d+)?)$"
_PLAIN = r"^[+-]?(?:\d+\.?\d*|\.\d+)$"
_DATES = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y.%m.%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
)


def read_neware_table(text: pl.DataFrame, options: ImportOptions, name: str, what: str) -> ReadRun:
    """Return the run of a table of records, all cells of which are text; ``what`` names the kind of file.

    Raises ImportFailed for what is no such table, and for what the file does not say and no option does.
    """
    import polars as pl

    heads, decisions = heads_of(text.columns), Decisions()
    columns: dict[str, pl.Series] = {
        "voltage_v": _quantity(text, heads["voltage"], heads["voltage"].shift, name),
        "current_a": _quantity(
            text, heads["current"], _current_shift(heads["current"], options, decisions, name), name
        ),
    }
    _say_units(heads, decisions)
    for header in text.columns:
        if (head := head_of(header)) is not None and heads[head.role].header != header:
            decisions.add(
                "columns", f"{header} was passed over", f"{heads[head.role].header} is for the same, and is first"
            )
    for role in ("sequence", "cycle", "step"):
        if role in heads:
            columns[role] = _whole(text[heads[role].header], heads[role].header, name)
    columns["mode"] = text[heads["mode"].header].fill_null("")
    columns |= _times(text, heads, name)
    running = []
    for amount, column in (("capacity", "capacity_ah"), ("energy", "energy_wh")):
        found, is_running = _amount(text, heads, amount, name)
        if found is not None:
            columns[column] = found
        if is_running:
            running.append(column)
    if "temperature" in heads:
        columns["temperature_degc"] = _quantity(text, heads["temperature"], 0, name)
    if "date" in heads:
        naive_s = _dates(text[heads["date"].header], heads["date"].header, name)
        told = f"the times of the column {heads['date'].header!r}"
        columns["unix_time_s"] = wall_clock_unix_s(naive_s, options, decisions, told, name)
    table = pl.DataFrame(columns).rename({"total_time_s": "test_time_s"}, strict=False)
    check_finite(table, name)
    rule = "Neware's exports count a charge as positive"
    done = completed_records(table, options, decisions, name, rule, running)
    decisions.leave_out([one for one in text.columns if head_of(one) is None and not one.startswith("column ")])
    simulated = _is_simulated(text, heads, decisions)
    return ReadRun(what, "cellrig", decisions, done, instrument="neware", simulated=simulated)


def _is_simulated(text: pl.DataFrame, heads: dict[str, Head], decisions: Decisions) -> bool | None:
    """Return True for a simulated run that cellrig has exported; None where nobody says it."""
    if "simulated" not in heads or not (text[heads["simulated"].header] == "yes").all():
        return None
    decisions.add("simulated", "yes", f"the column {heads['simulated'].header!r}, which cellrig writes")
    return True


def _current_shift(head: Head, options: ImportOptions, decisions: Decisions, name: str) -> int:
    if head.shift is not None:
        return head.shift
    if head.unit or options.current_unit is None:
        raise ImportFailed(
            f"{name}: the column {head.header!r} names no unit that is known; say it: --unit mA (or A, uA)"
        )
    shift = shift_of_current(options.current_unit)
    if shift is None:
        raise ImportFailed(f"--unit {options.current_unit} is no unit of a current; say A, mA or uA")
    decisions.add("unit of the current", options.current_unit, f"--unit; the column {head.header!r} names none")
    return shift


def _say_units(heads: dict[str, Head], decisions: Decisions) -> None:
    amounts = [f"{way}{amount}" for amount in ("capacity", "energy") for way in ("", "charge_", "discharge_")]
    said = [heads[role].header for role in ("current", "voltage", *amounts) if role in heads]
    decisions.add("units", ", ".join(said), "the heads of the columns")


def _quantity(text: pl.DataFrame, head: Head, shift: int | None, name: str) -> pl.Series:
    """Return a column of numbers with the decimal point moved; a blank is null. Raises ImportFailed for other texts."""
    import polars as pl

    if shift is None:
        raise ImportFailed(f"{name}: the column {head.header!r} names no unit that is known; export it with one")
    words = text[head.header].str.strip_chars()
    words = words.replace(["", "--", "-", "NaN", "nan"], None)
    is_plain = words.str.contains(_PLAIN)
    moved = pl.select(
        pl.when(is_plain).then(words + f"e{shift}" if shift else words).cast(pl.Float64, strict=False)
    ).to_series()
    if not is_plain.fill_null(value=True).all():
        others = words.cast(pl.Float64, strict=False) * 10.0**shift
        moved = pl.select(pl.coalesce(moved, others)).to_series()
    _check(moved, words, head.header, name)
    return moved


def _check(found: pl.Series, words: pl.Series, header: str, name: str) -> None:
    bad = found.is_null() & words.is_not_null()
    if bad.any():
        at = bad.arg_true()[0]
        raise ImportFailed(
            f"{name}, record {at + 1}: {header} is {words[at][:40]!r}, which is no value; a decimal comma and cells of "
            "error words are not read, export the file anew"
        )


def _whole(words: pl.Series, header: str, name: str) -> pl.Series:
    import polars as pl

    found = words.str.strip_chars().str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    _check(found, words, header, name)
    return found


def _amount(text: pl.DataFrame, heads: dict[str, Head], amount: str, name: str) -> tuple[pl.Series | None, bool]:
    """Return a step's capacity or energy, of one column or the sum of both ways, and whether it runs on through steps.

    A record in which both ways have passed something is of a count that the step before did not end.
    """
    import polars as pl

    if amount in heads:
        return _quantity(text, heads[amount], heads[amount].shift, name).abs(), False
    ways = [heads[f"{way}_{amount}"] for way in ("charge", "discharge") if f"{way}_{amount}" in heads]
    if not ways:
        return None, False
    columns = [_quantity(text, head, head.shift, name).abs() for head in ways]
    passed = pl.select(pl.all_horizontal(*(column > 0 for column in columns)).any()).item()
    return both_ways(columns), len(columns) > 1 and bool(passed)


def _times(text: pl.DataFrame, heads: dict[str, Head], name: str) -> dict[str, pl.Series]:
    return {
        role: _clock(text[heads[role].header], heads[role], name)
        for role in ("step_time_s", "total_time_s")
        if role in heads
    }


def _clock(words: pl.Series, head: Head, name: str) -> pl.Series:
    """Return times in seconds: ``123:45:06.500``, ``1-02:03:04``, or numbers where the head says their unit."""
    import polars as pl

    words = words.str.strip_chars()
    if words.head(100).str.contains(":").any():
        parts = pl.DataFrame({"text": words}).select(
            pl.col("text").str.extract(_CLOCK, part).alias(unit)
            for part, unit in ((1, "d"), (2, "h"), (3, "m"), (4, "s"))
        )
        whole = pl.col("d").cast(pl.Int64).fill_null(0) * 86400
        whole = whole + pl.col("h").cast(pl.Int64) * 3600 + pl.col("m").cast(pl.Int64) * 60
        ms = (pl.col("s").cast(pl.Float64) * 1e6).round().cast(pl.Int64)
        found = parts.select(((whole * 1_000_000 + ms) / 1e6).alias("s")).to_series()
        _check(found, words, head.header, name)
        return found
    factor = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "ms": 1e-3}.get(head.unit.casefold())
    if factor is None:
        raise ImportFailed(
            f"{name}: the column {head.header!r} has plain numbers and names no unit; export it as h:m:s, or in s"
        )
    found = words.cast(pl.Float64, strict=False)
    _check(found, words, head.header, name)
    return found if factor == 1.0 else found * factor


def _dates(words: pl.Series, header: str, name: str) -> pl.Series:
    import polars as pl

    words = words.str.strip_chars()
    for form in _DATES:
        found = words.str.to_datetime(form, time_unit="us", strict=False)
        if not found.null_count() - words.null_count():
            return found.dt.epoch("us").cast(pl.Float64) / 1e6
    at = words.str.to_datetime(_DATES[0], time_unit="us", strict=False).is_null().arg_true()[0]
    raise ImportFailed(f"{name}, record {at + 1}: {header} is {str(words[at])[:40]!r}, which is no date and time")
