"""The formats for spectra: ``impedance-csv``, three columns without a header, and ``chi-txt``, as a CHI660E saves it.

A file for each measurement. impedance.py takes a header for a point that is not a number, loses the highest frequency
of a text without an empty line below its header, and fails on an empty last line (seen with 1.7.1). The last line
itself ends as all others do: else nobody can tell whether its last number is whole, and our own reader refuses it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.export.errors import ExportError, NothingToExport

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from orchestrator.export.output import Output
    from orchestrator.export.source import RunSource

_POINT = ("frequency_hz", "z_real_ohm", "z_imag_ohm")
_CHI_HEADER = "Freq/Hz, Z'/ohm, Z\"/ohm, Z/ohm, Phase/deg"


def spectrum_names(source: RunSource, ending: str) -> list[str]:
    """Return the usual name of each file: run, and number of the spectrum in it. Raises NothingToExport."""
    count = source.spectra["measurement"].n_unique()
    if not count:
        raise NothingToExport(f"run {source.run_id} has no impedance spectrum; its records go by --to csv and others")
    digits = len(str(count))
    return [f"{source.run_id}-eis-{number:0{digits}}{ending}" for number in range(1, count + 1)]


def write_impedance_csv(source: RunSource, output: Output, *names: str) -> None:
    """Write each spectrum of a run as ``impedance-csv``: frequency, real and imaginary part, in Hz and ohm."""
    if source.data.run.simulated:
        source.notes.append(
            f"run {source.run_id} is simulated, and impedance-csv has no place to say so: say it yourself"
        )
    for name, points in zip(names, _measurements(source), strict=True):
        points.select(_POINT).write_csv(output.file(name), include_header=False)


def write_chi_text(source: RunSource, output: Output, *names: str) -> None:
    """Write each spectrum of a run as ``chi-txt``."""
    for name, points in zip(names, _measurements(source), strict=True):
        output.file(name).write_text(chi_text(points, _note(source, points)), encoding="utf-8", newline="")


def chi_text(points: pl.DataFrame, note: str) -> str:
    """Return the text of one spectrum in the layout of a CHI660E: its last line has an end, and none is behind it."""
    first = points.row(0, named=True)
    began = datetime.fromtimestamp(first["unix_time_s"], UTC)
    head = [
        f"{began:%b}. {began.day}, {began.year}   {began:%H:%M:%S}",
        "A.C. Impedance",
        "Data Source:  Experiment",
        "Instrument Model:  CHI660E",
        "Header: ",
        f"Note: {note}",
        "",
        *([] if first["bias_v"] is None else [f"Init E (V) = {first['bias_v']!r}"]),
        f"High Frequency (Hz) = {points['frequency_hz'].max()!r}",
        f"Low Frequency (Hz) = {points['frequency_hz'].min()!r}",
        *([] if first["amplitude_v"] is None else [f"Amplitude (V) = {first['amplitude_v']!r}"]),
        "",
        _CHI_HEADER,
        "",
    ]
    # The last line has its end, or a reader could not tell a whole number from the beginning of one.
    return "".join(f"{line}\r\n" for line in (*head, *map(_chi_line, points.select(_POINT).iter_rows())))


def _chi_line(point: tuple[float, float, float]) -> str:
    from cmath import phase
    from math import degrees

    frequency_hz, real_ohm, imag_ohm = point
    impedance_ohm = complex(real_ohm, imag_ohm)
    numbers = (frequency_hz, real_ohm, imag_ohm, abs(impedance_ohm), degrees(phase(impedance_ohm)))
    return ", ".join(map(repr, numbers))


def _note(source: RunSource, points: pl.DataFrame) -> str:
    first = points.row(0, named=True)
    made = "simulated, " if source.data.run.simulated else ""
    return f"{made}run {source.run_id}, measurement {first['measurement']}, cycle {first['cycle']}; time in UTC"


def _measurements(source: RunSource) -> Iterator[pl.DataFrame]:
    """Yield the points of each spectrum, in order. Raises ExportError for a number that is not finite."""
    for points in source.spectra.partition_by("measurement", maintain_order=True):
        if not all(points[name].is_finite().all() for name in _POINT):
            raise ExportError(
                f"run {source.run_id}: measurement {points['measurement'][0]} has a number that is not finite"
            )
        yield points
