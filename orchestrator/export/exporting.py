"""Writes runs in one format: one after the other, each whole or not at all, under the names asked for or usual."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.export.errors import AlreadyThere, ExportError, NothingToExport
from orchestrator.export.formats import ExportFormat
from orchestrator.export.output import Output
from orchestrator.export.source import Progress, RunSource

if TYPE_CHECKING:
    from orchestrator.store import Store


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written of a run: its own files or folder, all files, and what a person should know of them.

    Nothing is its own where the run has nothing of what the format holds.
    """

    run_id: str
    own: tuple[Path, ...]
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def _untold(_run_id: str) -> Progress:
    """Show nothing."""
    return lambda _done, _all: None


def export_runs(
    store: Store,
    run_ids: Sequence[str],
    written_as: ExportFormat,
    out: Path | None = None,
    *,
    force: bool = False,
    progress: Callable[[str], Progress] = _untold,
    cycles: Sequence[int] | None = None,
) -> list[Exported]:
    """Write runs of a store in a format, and return what was written.

    ``out`` is a folder where one is there, where several files come, or where a file has an ending in this format and
    ``out`` has none: it is made. Else it is the file itself, or the folder of a format that is one. None is the present
    folder. All names are looked at before anything is written. Of several runs one that has nothing for the format
    hinders no other: its note says so, and no file is its own. ``cycles``: the records of these cycles alone, where the
    format can hold a part of a run. Raises ExportError, or StoreError for a run that the store does not have.
    """
    if cycles is not None and not written_as.by_cycle:
        raise ExportError(f"{written_as.name} holds whole runs only; for single cycles take csv, xlsx or bdf-csv")
    part = None if cycles is None else tuple(cycles)
    ordered = [RunSource(store, run_id, progress(run_id), cycles=part) for run_id in dict.fromkeys(run_ids)]
    done: dict[str, Exported] = {}
    sources, names = [], []
    for source in ordered:
        try:
            names.append(written_as.names(source, written_as.ending))
            sources.append(source)
        except NothingToExport as err:
            done[source.run_id] = _nothing(source, err)
    folder, names = _places(out, names) if names else (Path(), [])
    if not force:
        _check_free(folder, names)
    for source, mine in zip(sources, names, strict=True):
        try:
            done[source.run_id] = _write(source, written_as, folder, mine, force=force)
        except NothingToExport as err:
            done[source.run_id] = _nothing(source, err)
    if not any(it.own for it in done.values()):
        raise NothingToExport("; ".join(note for it in done.values() for note in it.notes))
    return [done[source.run_id] for source in ordered]


def _write(source: RunSource, written_as: ExportFormat, folder: Path, mine: list[str], *, force: bool) -> Exported:
    """Write one run under its names. Raises ExportError."""
    try:
        with Output(folder, force=force) as output:
            written_as.write(source, output, *mine)
    except OSError as err:
        raise ExportError(f"{folder / mine[0]} cannot be written ({err.strerror or err}); give another -o") from err
    source.notes.extend(_notes(source, mine, written_as.ending))
    own = tuple(folder / name for name in mine)
    return Exported(source.run_id, own, tuple(output.written), tuple(source.notes))


def _nothing(source: RunSource, err: NothingToExport) -> Exported:
    """Return what is said of a run that has nothing for the format."""
    return Exported(source.run_id, (), (), (str(err),))


def _notes(source: RunSource, names: list[str], ending: str) -> Iterator[str]:
    """Yield what a person should know of every format: a run that goes on, and a name that programs do not know."""
    if not source.data.run.state.has_ended:
        yield f"run {source.run_id} has not ended: this is what it has recorded so far"
    if ending.startswith(".") and not names[0].endswith(ending):
        yield f"{names[0]} does not end with {ending}, by which programs know what is in it"


def _places(out: Path | None, names: list[list[str]]) -> tuple[Path, list[list[str]]]:
    """Return the folder, and the names of the files of each run in it."""
    if out is None:
        return Path(), names
    is_one = len(names) == 1 and len(names[0]) == 1
    # One run goes where two would go under the same name, and no file comes without the ending that programs go by.
    is_folder = not out.suffix and not out.is_file() and bool(Path(names[0][0]).suffix)
    if out.is_dir() or not is_one or is_folder:
        return out, names
    return out.parent, [[out.name]]


def _check_free(folder: Path, names: list[list[str]]) -> None:
    """Raise ExportError for a file that is there already: before hours of others are written."""
    for name in (name for mine in names for name in mine):
        if (folder / name).exists():
            raise AlreadyThere(f"{folder / name} is there already; give another -o, or --force to replace it")
