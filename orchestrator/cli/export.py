"""``cellrig export``: runs as files of the formats that other programs read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.extras import need_libraries
from orchestrator.cli.output import FAILED, WRONG_USE, fail, print_json, print_table, say, stopped_by_ctrl_c
from orchestrator.cli.tables import Column, printable

if TYPE_CHECKING:
    from orchestrator.export.exporting import Exported
    from orchestrator.export.source import Progress
    from orchestrator.store import Store

RunIds = Annotated[list[str] | None, typer.Argument(metavar="RUN", help="Run ids, as 'cellrig runs' lists them.")]
Format = Annotated[str, typer.Option("--to", metavar="FORMAT", help="The format; --list tells which there are.")]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        metavar="PATH",
        help="The file, by its ending, or a folder; else RUN and the ending of the format, here.",
    ),
]
Cycles = Annotated[
    str, typer.Option("--cycles", metavar="CYCLES", help="The records of these alone: 10, or 1,5,48-50; of one run.")
]
ListFormats = Annotated[bool, typer.Option("--list", help="List the formats, and who reads them.")]

# So much is done within a second or so, and needs no progress in a log.
_LEAST_SHOWN = {"records": 1_000_000, "bytes": 200_000_000}


def export(
    run_ids: RunIds = None,
    to: Format = "",
    out: Out = None,
    list_formats: ListFormats = False,
    cycles: Cycles = "",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Write runs into files for other programs.

    Records keep their values, signs and gaps: nothing is filled in, rounded or smoothed. A file appears when it is
    whole; what a format cannot hold is told, and kept beside it. A run that goes on is written up to now.
    """
    if list_formats:
        _list(json)
        return
    if not run_ids or not to:
        fail("say which runs and which format: cellrig export R000001 --to bdf-csv; --list tells them", WRONG_USE)
    from orchestrator.export.errors import ExportError
    from orchestrator.export.exporting import export_runs
    from orchestrator.export.formats import find_format
    from orchestrator.store import open_store

    try:
        written_as = find_format(to)
    except ExportError as err:
        fail(str(err), WRONG_USE)
    need_libraries("data", written_as.libraries)
    folder_or_file = None if out is None else Path(out)
    if out is not None and out.endswith(("/", "\\")):
        Path(out).mkdir(parents=True, exist_ok=True)
    with stopped_by_ctrl_c("stopped; what was not whole is not there"), open_store(store, read_only=True) as opened:
        try:
            chosen = _cycles(opened, run_ids, cycles) if cycles else None
            done = export_runs(opened, run_ids, written_as, folder_or_file, force=force, progress=shown, cycles=chosen)
        except ExportError as err:
            fail(str(err), FAILED)
    _tell(done, to, json)
    if any(not it.own for it in done):
        raise typer.Exit(FAILED)


def _cycles(store: Store, run_ids: list[str], text: str) -> list[int]:
    """Read --cycles. Raises BadParameter."""
    from orchestrator.api.maker import Refused, chosen_cycles

    if len(run_ids) > 1:
        raise typer.BadParameter("--cycles is for one run: each has cycles of its own")
    try:
        return chosen_cycles(store, run_ids[0], text)
    except (Refused, ValueError) as err:
        raise typer.BadParameter(f"--cycles: {err}") from None


def _tell(done: list[Exported], to: str, json: bool) -> None:
    for note in (note for it in done for note in it.notes):
        typer.echo(printable(f"cellrig: {note}"), err=True)
    if json:
        rows = [{"run": it.run_id, "files": [str(file) for file in it.files], "notes": list(it.notes)} for it in done]
        print_json({"format": to, "exports": rows})
    else:
        for path in (path for it in done for path in it.own):
            typer.echo(printable(str(path)))


def _list(json: bool) -> None:
    from orchestrator.export.formats import offered_formats

    formats = offered_formats()
    if json:
        print_json(
            {
                "formats": [
                    {"name": it.name, "package": it.package, "about": it.about, "problem": it.problem} for it in formats
                ]
            }
        )
        return
    print_table(
        (Column("format"), Column("what it is, and who reads it")),
        [(it.name, it.problem or it.about) for it in formats],
    )
    say("\nWrite one: cellrig export RUN --to FORMAT")


def shown(run_id: str, what: str = "records") -> Progress:
    """Show how many records are written: a bar on a terminal, tenths of long runs elsewhere, always on stderr.

    ``what`` is counted.
    """
    if sys.stderr.isatty():
        return _bar(run_id)
    told = 0

    def tell(done: int, rows: int) -> None:
        nonlocal told
        tenth = done * 10 // max(rows, 1)
        if rows >= _LEAST_SHOWN[what] and tenth > told:
            told = tenth
            typer.echo(f"{run_id}: {done:,} of {rows:,} {what}", err=True)

    return tell


def _bar(run_id: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4)
    task = bars.add_task(run_id)

    def tell(done: int, rows: int) -> None:
        if not bars.live.is_started:
            bars.start()
        bars.update(task, completed=done, total=rows)
        if done >= rows:
            bars.stop()

    return tell
