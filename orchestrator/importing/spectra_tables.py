"""Reads spectra as three columns without heads: frequency in Hz, real and imaginary part in ohm."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite
from pathlib import Path

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.read_run import Decisions, ImportOptions, ReadRun, ReadSpectrum
from orchestrator.importing.text_tables import decoded_head, first_line, separator_of
from orchestrator.tables.whole_lines import cut_line

_COLUMNS = 3
_MOST_ROWS = 1_000_000


def is_spectrum(header: list[str]) -> bool:
    """Return whether a first line is a point of a spectrum: three numbers, the first above zero."""
    try:
        values = [float(field) for field in header]
    except ValueError:
        return False
    return len(values) == _COLUMNS and values[0] > 0


def read_spectrum(path: Path, options: ImportOptions) -> ReadRun:
    """Read one spectrum. Raises ImportFailed."""
    head, encoding = decoded_head(path)
    separator = separator_of(head.partition("\n")[0])
    with path.open("rb") as file:
        if encoding != "utf-16" and (cut := cut_line(file, separator, _COLUMNS)) is not None:
            raise ImportFailed(f"{path.name}: {cut}")
    rows: list[tuple[float, float, float]] = []
    for number, line in enumerate(path.read_text(encoding=encoding).splitlines(), 1):
        if not line.strip():
            continue
        fields = line.split(separator)
        try:
            values = [float(field) for field in fields]
        except ValueError:
            values = []
        if len(values) != _COLUMNS or not all(map(isfinite, values)) or len(rows) >= _MOST_ROWS:
            raise ImportFailed(f"{path.name}, line {number}: {line[:40]!r} is no frequency with two parts")
        rows.append((values[0], values[1], values[2]))
    if not is_spectrum(first_line(head)) or any(a[0] == b[0] for a, b in pairwise(rows)) or min(rows)[0] <= 0:
        raise ImportFailed(f"{path.name} is no spectrum: a frequency is there twice, or is not above zero")
    if options.started_unix_s is None:
        raise ImportFailed(
            f"{path.name} does not say when it was measured; say when it began: --started 2026-01-31T09:00+01:00"
        )
    decisions = Decisions()
    decisions.add("clock", "began as said", "--started")
    decisions.add("columns", "frequency in Hz, real and imaginary part in ohm", "their number; the file has no heads")
    negative = sum(row[2] < 0 for row in rows)
    decisions.add(
        "sign of the imaginary part",
        f"as in the file, negative at {negative} of {len(rows)} frequencies",
        "the usual form of such files",
    )
    spectrum = ReadSpectrum(
        tuple(row[0] for row in rows), tuple(complex(row[1], row[2]) for row in rows), options.started_unix_s
    )
    return ReadRun("spectrum of three columns", "cellrig", decisions, None, (spectrum,), instrument="unknown")
