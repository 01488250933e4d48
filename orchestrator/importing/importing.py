"""Imports one file: finds out what it is, reads it, says what was decided, and stores it whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.files import FileKind, ends_with_a_line, kind_of
from orchestrator.importing.originals import Originals, sha256_of
from orchestrator.importing.outcome import Imported
from orchestrator.importing.plausible import check_bounds
from orchestrator.importing.read_run import ImportOptions, ReadRun
from orchestrator.importing.writing import NewRun, Progress, cell_of, write_run
from orchestrator.store.imports import ImportedFile, Imports
from orchestrator.tables.sidecar import sidecar_path

if TYPE_CHECKING:
    from orchestrator.store import Store

LONGEST_NAME, LONGEST_LABEL = 200, 64
"""Letters of the names that a run bears: more of a label takes no order."""
LIBRARIES = {
    FileKind.NEWARE_NDA: ("import", ("fastnda",)),
    FileKind.NEWARE_NDAX: ("import", ("fastnda",)),
    FileKind.WORKBOOK: ("data", ("openpyxl", "polars")),
    FileKind.PARQUET: ("data", ("polars", "pyarrow")),
    FileKind.TEXT: ("data", ("polars",)),
    FileKind.STORE: ("data", ()),
}
"""The extra and the libraries that each kind of file needs."""


def read_file(path: Path, options: ImportOptions, kind: FileKind | None = None) -> ReadRun:
    """Read one file that holds one run. Raises ImportFailed, OSError."""
    match kind or kind_of(path):
        case FileKind.NEWARE_NDA:
            from orchestrator.importing.neware_binary import read_nda

            return read_nda(path, options)
        case FileKind.NEWARE_NDAX:
            from orchestrator.importing.neware_binary import read_ndax

            return read_ndax(path, options)
        case FileKind.WORKBOOK:
            return _read_workbook(path, options)
        case FileKind.PARQUET:
            from orchestrator.importing.bdf_tables import read_bdf

            return read_bdf(path, options)
        case FileKind.STORE:
            raise ImportFailed(f"{path.name} is a store: it holds runs, not one run")
        case FileKind.TEXT:
            read = _read_text(path, options)
            if not ends_with_a_line(path):
                read.decisions.add("end of the file", "taken as whole", "its last line is not ended; was it cut off?")
            return read


def _read_workbook(path: Path, options: ImportOptions) -> ReadRun:
    from orchestrator.importing.bdf_tables import read_bdf
    from orchestrator.importing.neware_tables import read_neware_table
    from orchestrator.importing.workbooks import is_own_workbook, read_records

    if is_own_workbook(path):
        return read_bdf(path, options)
    return read_neware_table(read_records(path), options, path.name, "Neware workbook")


def _read_text(path: Path, options: ImportOptions) -> ReadRun:
    """Read a text by what its first line says."""
    from orchestrator.importing.text_tables import decoded_head, first_line

    head, _ = decoded_head(path)
    header = first_line(head)
    from orchestrator.importing.bdf_tables import is_bdf, is_own, lacking, read_bdf
    from orchestrator.importing.chi_texts import is_chi_text, read_chi_text
    from orchestrator.importing.layered_texts import is_layered, read_layered
    from orchestrator.importing.neware_tables import read_neware_table
    from orchestrator.importing.neware_words import is_record_table
    from orchestrator.importing.spectra_tables import is_spectrum, read_spectrum
    from orchestrator.importing.text_tables import read_text_table

    if is_own(header) or is_bdf(header):
        return read_bdf(path, options)
    if is_record_table(header):
        return read_neware_table(read_text_table(path), options, path.name, "Neware text")
    if is_layered(head):
        return read_neware_table(read_layered(path), options, path.name, "Neware text of all layers")
    if lacked := lacking(header):
        raise ImportFailed(
            f"{path.name} has columns of the Battery Data Format, and none {' and none '.join(map(repr, lacked))}: "
            "a time in hours or a current in mA is none of its columns; write them in its units"
        )
    if is_spectrum(header):
        return read_spectrum(path, options)
    if is_chi_text(head):
        return read_chi_text(path, options)
    raise ImportFailed(
        f"{path.name} begins with {', '.join(header)[:200]!r}: neither columns of the Battery Data Format, nor kind of "
        "step, voltage, current and time of BTSDA's records (alone, or below their steps), nor text of a CHI660E; "
        "tables of others come in as Battery Data Format"
    )


def import_file(
    store: Store | None,
    path: Path,
    options: ImportOptions,
    *,
    by: str,
    progress: Progress,
    again: bool = False,
    said: Callable[[str], None] = lambda _sentence: None,
) -> list[Imported]:
    """Import one file into a store, or only say what would be imported (``store`` None).

    A file that was imported before is told and passed over, unless ``again``. ``said`` is told what goes on. Raises
    ImportFailed, StoreError, OSError; nothing is left then of what it had begun.
    """
    if not _is_text(path.name):
        raise ImportFailed(f"{path.name!a} is a name in another encoding than this computer's; rename the file")
    kind = kind_of(path)
    if kind is FileKind.STORE:
        from orchestrator.importing.cellrig_stores import import_store

        return import_store(store, path, options, by=by, progress=progress, again=again)
    sha256 = sha256_of(path)
    if store is not None and not again and (known := _known(store, path, sha256)) is not None:
        return [known]
    said(f"reading {path.name}")
    read = read_file(path, options, kind)
    if read.table is not None:
        check_bounds(read.table, path.name)
    read.channel = one_line(options.channel or read.channel)
    label = one_line(options.label or read.label, LONGEST_LABEL)
    new = NewRun(_cell(read, path, options), label, options.cell_file)
    decisions = tuple(read.decisions.made)
    if store is None:
        return [Imported(path.name, "", "", read.format, read.reader, sha256, read.records, decisions)]
    file = ImportedFile(one_line(path.name), sha256, "", read.format, read.reader, decisions, by, time.time())
    originals = Originals(store.path)
    try:
        originals.keep(path, sha256)
        if (sidecar := sidecar_path(path)).is_file():
            originals.keep(sidecar, sha256_of(sidecar))
        with store.transaction():
            # Another import of the file may have come in since it was looked for.
            if not again and (known := _known(store, path, sha256)) is not None:
                return [known]
            run_id = write_run(store, read, file, new, progress)
    except BaseException:
        originals.undo()
        raise
    return [Imported(path.name, "", run_id, read.format, read.reader, sha256, read.records, decisions)]


def _known(store: Store, path: Path, sha256: str) -> Imported | None:
    """Return the run as which a file was imported before; None for a new file."""
    run_id = Imports(store).found(sha256)
    file = None if run_id is None else Imports(store).of(run_id)
    if run_id is None or file is None:
        return None
    return Imported(path.name, "", run_id, file.format, file.reader, sha256, 0, file.decisions, is_known=True)


def one_line(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a name as one line of letters: in a file it may be of any length, with bytes that no picture can bear."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:longest]


def _is_text(name: str) -> bool:
    """Return whether a file's name can be stored: one of another computer may be bytes that no text stands for."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cell(read: ReadRun, path: Path, options: ImportOptions) -> Any:  # noqa: ANN401 - facts of a cell
    if options.cell is not None:
        read.decisions.add("cell", f"{options.cell.name}, {options.cell.kind}", "--cell")
        return options.cell
    cell = cell_of(read, path.name.partition(".")[0])
    cell = replace(cell, name=one_line(cell.name) or "unnamed")
    if read.cell is not None:
        told = "the file"
    else:
        told = "the file names it, and no kind; give --cell" if read.cell_name else "the file's own name; give --cell"
    read.decisions.add("cell", f"{cell.name}, {cell.kind}", told)
    return cell
