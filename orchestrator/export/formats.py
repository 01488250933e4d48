"""The formats in which runs can be exported: ours, and those of other packages, found by name.

A package of your own adds one by an entry point of the group ``cellrig.formats``: its name is the format's, its object
an ``ExportFormat`` of that name. One that cannot be used is told in a sentence and hinders no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orchestrator.export.catalogue import Catalogue, OfferedFormat
from orchestrator.extensions import FORMATS

if TYPE_CHECKING:
    from orchestrator.export.output import Output
    from orchestrator.export.source import RunSource


class Writer(Protocol):
    """Writes one run: reads it from ``source``, asks ``output`` for paths of these ``names``, and writes there."""

    def __call__(self, source: RunSource, output: Output, *names: str) -> None:
        """Write the run. Raises ExportError for a run that has nothing to write, or something that cannot be said."""
        ...


def _by_run(source: RunSource, ending: str) -> list[str]:
    return [f"{source.name}{ending}"]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format.

    ``ending`` follows the run's id in the usual name of a file. ``about`` says in one sentence what it is and who
    reads it. ``libraries`` are those that must be importable. ``names`` gives the usual names of a run's files: one,
    unless the format has a file for each of several things. A writer may add files beside it. ``by_cycle``: it can
    hold some cycles of a run alone.
    """

    name: str
    ending: str
    about: str
    write: Writer
    libraries: tuple[str, ...] = ("polars",)
    names: Callable[[RunSource, str], list[str]] = _by_run
    by_cycle: bool = False


def _loaded(module: str, function: str) -> Writer:
    """Return a writer whose module is imported when it writes first: the list of formats loads no library."""

    def write(source: RunSource, output: Output, *names: str) -> None:
        from importlib import import_module

        getattr(import_module(f"orchestrator.{module}"), function)(source, output, *names)

    return write


def _by_spectrum(source: RunSource, ending: str) -> list[str]:
    from orchestrator.export.spectra_files import spectrum_names

    return spectrum_names(source, ending)


OURS = (
    ExportFormat(
        "bdf-csv",
        ".bdf.csv",
        "Battery Data Format 1.3.0 as text, with a sidecar; batterydf, navani, ampworks, bds",
        _loaded("export.bdf_files", "write_bdf_csv"),
        by_cycle=True,
    ),
    ExportFormat(
        "bdf-parquet",
        ".bdf.parquet",
        "Battery Data Format 1.3.0 as Parquet, with a sidecar; polars, pandas, DuckDB; small and exact",
        _loaded("export.bdf_files", "write_bdf_parquet"),
        ("polars", "pyarrow"),
        by_cycle=True,
    ),
    ExportFormat(
        "csv",
        ".csv",
        "all columns of cellrig as text; any program",
        _loaded("export.plain_files", "write_csv"),
        by_cycle=True,
    ),
    ExportFormat(
        "xlsx",
        ".xlsx",
        "all columns of cellrig as a workbook; Excel, Origin, LibreOffice",
        _loaded("export.plain_files", "write_xlsx"),
        ("polars", "xlsxwriter"),
        by_cycle=True,
    ),
    ExportFormat(
        "neware-csv",
        "-neware.csv",
        "the columns of the vendor's own export, in mA and mAh; scripts for BTSDA, cellpy (TIOTECH), PyProBE",
        _loaded("export.neware_csv", "write_neware_csv"),
    ),
    ExportFormat(
        "pyprobe",
        "-pyprobe",
        "a folder for PyProBE: its Parquet, README.yaml, and a record sheet",
        _loaded("export.pyprobe", "write_pyprobe"),
        ("polars", "pyarrow", "xlsxwriter"),
    ),
    ExportFormat(
        "impedance-csv",
        ".csv",
        "each spectrum as three columns without a header: Hz, Z', Z\" in ohm; impedance.py, ZView",
        _loaded("export.spectra_files", "write_impedance_csv"),
        names=_by_spectrum,
    ),
    ExportFormat(
        "chi-txt",
        ".txt",
        "each spectrum as text in the layout of a CHI660E; impedance.py, scripts for CHI",
        _loaded("export.spectra_files", "write_chi_text"),
        names=_by_spectrum,
    ),
    # On the floor above, as a format of another package would be: it needs the pictures of reports.
    ExportFormat(
        "crate",
        ".cellrig.zip",
        "all there is of a run, in a zip that cellrig verify can check: RO-Crate 1.1, Parquet, BattINFO",
        _loaded("packaging.formats", "write_crate"),
        ("polars", "pyarrow"),
    ),
    ExportFormat(
        "crate-folder",
        "-crate",
        "the same as a folder",
        _loaded("packaging.formats", "write_crate_folder"),
        ("polars", "pyarrow"),
    ),
)


_CATALOGUE = Catalogue(OURS, FORMATS, ExportFormat)


def offered_formats() -> list[OfferedFormat]:
    """Return all formats, ours first."""
    return _CATALOGUE.offered()


def foreign_formats() -> list[OfferedFormat]:
    """Return the formats that other installed packages offer."""
    return _CATALOGUE.foreign()


def find_format(name: str) -> ExportFormat:
    """Return a format by its name. Raises ExportError for one that is not there, twice, or broken."""
    return _CATALOGUE.find(name)
