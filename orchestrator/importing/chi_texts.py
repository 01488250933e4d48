"""Reads text that a CHI660E's program has saved: spectra and traces, with the reader of the instrument's own driver.

Such a file says neither the zone of its clock nor which direction of current it counts as positive: both are settings
of the program. A technique that records the potential alone has no current in its file, and none is made up.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.chi660e import headers, textfile
from drivers.errors import DriverError
from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.read_run import Decisions, ImportOptions, ReadRun, ReadSpectrum
from orchestrator.importing.unknowns import (
    as_sample_table,
    moment_unix_s,
    with_clock,
    with_cycles,
    with_sign,
    with_steps,
)

if TYPE_CHECKING:
    import polars as pl

_SAVED = re.compile(
    r"(?P<month>[A-Za-z]{3})[a-z]*\.?\s+(?P<day>\d{1,2}),\s*(?P<year>\d{4})\s+(?P<clock>\d{1,2}:\d{2}:\d{2})"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MOST_BYTES = 2**29
_HEAD_LINES = 10_000


def is_chi_text(head: str) -> bool:
    """Return whether the beginning of a text has the column heads of a CHI660E, in a line of its own."""
    lines = (line for line in head.splitlines()[:_HEAD_LINES] if line.strip() and "=" not in line)
    return any(headers.is_known(field) for line in lines for field in re.split(r"[,\t]", line))


def read_chi_text(path: Path, options: ImportOptions) -> ReadRun:
    """Read a text of a CHI660E. Raises ImportFailed."""
    if path.stat().st_size > _MOST_BYTES:
        raise ImportFailed(f"{path.name} is larger than any measurement of a CHI660E")
    try:
        file = textfile.read(path.read_bytes())
    except DriverError as err:
        raise ImportFailed(f"{path.name} is no whole text of a CHI660E: {err}") from err
    technique = _technique(file, path.name)
    decisions = Decisions()
    decisions.add("technique", technique, "the file" if file.memo else "its columns")
    started_unix_s = _started_unix_s(file, options, decisions, path.name)
    memo = file.memo
    run = ReadRun(
        f"CHI660E text, {technique}",
        "cellrig",
        decisions,
        None,
        instrument="chi660e",
        cell_name=memo.header.strip() if memo is not None else "",
        simulated=True if memo is not None and memo.note.startswith("simulated") else None,
    )
    if technique == "imp":
        run.spectra = (_spectrum(file, started_unix_s, decisions, path.name),)
    else:
        run.table = _trace(file, technique, started_unix_s, options, decisions, path.name)
    return run


def _technique(file: textfile.TextFile, name: str) -> str:
    found = headers.tech(file.memo.technique) if file.memo is not None else None
    if found is None:
        fitting = [tech for tech in ("imp", "cv", "i-t", "ocpt") if set(headers.COLUMNS[tech]) <= set(file.columns)]
        found = fitting[0] if fitting else None
    if found is None or not set(headers.COLUMNS[found]) <= set(file.columns):
        columns = ", ".join(file.columns)
        if file.memo is None:
            raise ImportFailed(
                f"{name} has the columns {columns}, neither those of a CHI660E nor others that are read here; "
                "tables of others come in as Battery Data Format (docs/import.md)"
            )
        raise ImportFailed(f"{name} has {file.memo.technique} with the columns {columns}, which is not read here")
    return found


def _started_unix_s(file: textfile.TextFile, options: ImportOptions, decisions: Decisions, name: str) -> float:
    saved = _SAVED.search(file.memo.saved) if file.memo is not None else None
    if options.started_unix_s is not None:
        decisions.add("clock", "began as said", "--started")
        return options.started_unix_s
    if saved is None or saved["month"].casefold() not in _MONTHS:
        raise ImportFailed(
            f"{name} does not say when it was measured; say when it began: --started 2026-01-31T09:00+01:00"
        )
    hour, minute, second = map(int, saved["clock"].split(":"))
    month = _MONTHS.index(saved["month"].casefold()) + 1
    try:
        naive = datetime(int(saved["year"]), month, int(saved["day"]), hour, minute, second)  # noqa: DTZ001 - the file says no zone
    except ValueError as err:
        raise ImportFailed(f"{name} was saved at {saved[0]!r}, which is no time") from err
    unix_s = moment_unix_s(naive, options.zone, f"its time {saved[0]!r}", name)
    decisions.add("time zone", str(options.zone), "--zone; the file tells none")
    decisions.add("clock", f"{saved[0]}", "the time in the file's first line, which the program writes as it saves")
    return unix_s


def _spectrum(file: textfile.TextFile, started_unix_s: float, decisions: Decisions, name: str) -> ReadSpectrum:
    frequency, real, imaginary = (file.column(role) for role in ("frequency", "real", "imaginary"))
    if any(later >= earlier for earlier, later in pairwise(frequency)) or frequency[-1] <= 0:
        raise ImportFailed(f"{name}: the frequencies do not fall from row to row")
    negative = sum(value < 0 for value in imaginary)
    decisions.add(
        "sign of the imaginary part",
        f"as in the file, negative at {negative} of {len(imaginary)} frequencies",
        "the program writes that of a capacitor as negative",
    )
    bias_v, amplitude_v = (_number(file, parameter) for parameter in ("Init E", "Amplitude"))
    return ReadSpectrum(frequency, tuple(map(complex, real, imaginary)), started_unix_s, bias_v, amplitude_v)


def _number(file: textfile.TextFile, parameter: str) -> float | None:
    text = file.parameter(parameter)
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _trace(
    file: textfile.TextFile,
    technique: str,
    started_unix_s: float,
    options: ImportOptions,
    decisions: Decisions,
    name: str,
) -> pl.DataFrame:
    import polars as pl

    time_s = file.column("time") if "time" in file.columns else _swept_time_s(file, decisions, name)
    voltage_v = file.column("potential") if "potential" in file.columns else _held_v(file, len(time_s), decisions, name)
    current_a: list[float | None] = [None] * len(time_s)
    if "current" in file.columns:
        if options.positive is None:
            raise ImportFailed(
                f"{name} does not say which current is positive, a setting of the program: as it is delivered cathodic "
                "ones are (--positive discharge), else anodic ones (--positive charge)"
            )
        current_a = list(file.column("current"))
    elif technique == "ocpt":
        decisions.add("current", "none", "the technique passes none and records none")
    else:
        decisions.add("current", "unknown", f"{technique} records the potential alone, and no current is made up")
    table = pl.DataFrame(
        {"test_time_s": time_s, "voltage_v": voltage_v, "current_a": current_a},
        schema={"test_time_s": pl.Float64, "voltage_v": pl.Float64, "current_a": pl.Float64},
    ).with_columns(pl.lit(technique).alias("mode"), (pl.col("test_time_s") + started_unix_s).alias("unix_time_s"))
    if (table["test_time_s"].diff() < 0).any():
        raise ImportFailed(f"{name}: its times fall from one row to the next")
    if "current" in file.columns:
        table = with_sign(table, options, decisions, "--positive")
    table = table.with_columns(pl.lit(1, pl.Int64).alias("cycle"))
    decisions.add("cycle numbers", "1", "a measurement of a potentiostat is one")
    unsaid = ImportOptions()
    table = with_clock(with_steps(table, decisions, name), unsaid, decisions, name)
    return as_sample_table(with_cycles(table, ImportOptions(cycles="raw"), Decisions()))


def _swept_time_s(file: textfile.TextFile, decisions: Decisions, name: str) -> list[float]:
    """Return the times of a sweep's rows, from its scan rate. Raises ImportFailed where the file does not say it."""
    rate = _number(file, "Scan Rate")
    if not rate or rate < 0:
        raise ImportFailed(f"{name} has neither times nor a scan rate; save it with its parameters")
    time_s, found = 0.0, [0.0]
    for before, after in pairwise(file.column("potential")):
        time_s += abs(after - before) / rate
        found.append(time_s)
    decisions.add("test time", "from the potential", f"the scan rate of {rate:g} V/s in the file")
    return found


def _held_v(file: textfile.TextFile, rows: int, decisions: Decisions, name: str) -> list[float]:
    held = _number(file, "Init E")
    if held is None:
        raise ImportFailed(f"{name} has no potential, and its parameters do not say which was held; save it with them")
    decisions.add("voltage", f"{held:g} V, as it was set", "Init E of the file, which records the current alone")
    return [held] * rows
