"""``cellrig report``: runs as one page to file, in HTML and as a PDF."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.extras import fit_on_one_thread, need
from orchestrator.cli.output import FAILED, WRONG_USE, fail, print_json
from orchestrator.cli.pages import check_page, check_pdf, write_page
from orchestrator.cli.tables import printable
from orchestrator.report.group_by import GroupBy

if TYPE_CHECKING:
    from orchestrator.report.blocks import Report

RunIds = Annotated[list[str], typer.Argument(metavar="RUN...", help="Run ids, as 'cellrig runs' lists them.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="An .html, or a .pdf alone; else RUN-report.html here. An older is replaced.",
    ),
]
Pdf = Annotated[bool, typer.Option("--pdf", help="Write a PDF too, beside the page.")]
Png = Annotated[Path | None, typer.Option("--png", metavar="FOLDER", help="Write each picture there too, as a PNG.")]
Dpi = Annotated[int, typer.Option("--dpi", min=72, max=1200, help="Dots per inch of the PNGs.")]


def report(
    run_ids: RunIds,
    out: Out = None,
    pdf: Pdf = False,
    png: Png = None,
    dpi: Dpi = 300,
    by: Annotated[
        GroupBy,
        typer.Option("--by", help="What replicates have in common: cell file and recipe, or label without its number."),
    ] = GroupBy.CELL,
    title: Annotated[str, typer.Option("--title", help="A title; else the runs by their names.")] = "",
    fits: Annotated[bool, typer.Option("--fits/--no-fits", help="Fit impedance spectra: half a second each.")] = True,
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Write a report on runs: one page, and a PDF.

    The page needs nothing else. Of each run: what ran, on which cell, by which instruments, under which limits;
    verdicts and their evidence, every interruption and deviation, temperatures, numbers and pictures. Several runs are
    compared, with mean, standard deviation and n of replicates; where these are not comparable, it says why. It needs
    the store alone, and no instrument. A run that goes on is reported as far as it is.
    """
    need("report")
    fit_on_one_thread()
    from orchestrator.cli.analysis_tables import text_tables
    from orchestrator.report.journal_page import NoRoom, style
    from orchestrator.report.run_report import GENERATOR, ReportOrder
    from orchestrator.report.run_report import report as report_on
    from orchestrator.store import open_store

    runs = tuple(dict.fromkeys(run_ids))
    files = files_of(out or Path(f"{runs[0]}{'-and-more' if len(runs) > 1 else ''}-report.html"), GENERATOR, pdf=pdf)
    with open_store(store, read_only=True) as opened, style():
        try:
            made = report_on(opened, ReportOrder(runs, title, by, fits), text_tables, tell)
            written = write_report(made, files, png, dpi)
        except NoRoom as err:
            fail(str(err), FAILED)
    if json:
        print_json({"runs": list(runs), "files": [str(path) for path in written]})
        return
    for path in written:
        typer.echo(printable(str(path)))


def tell(words: str) -> None:
    """Tell on stderr what is at hand, where a person looks on."""
    if sys.stderr.isatty():
        typer.echo(printable(words), err=True)


def files_of(out: Path, generator: str, *, pdf: bool) -> tuple[Path, ...]:
    """Return the files to write, a page and a PDF, after a look at what is there. Raises BadParameter."""
    if out.suffix.lower() == ".pdf":
        files: tuple[Path, ...] = (out,)
    else:
        check_page(out, generator)
        files = (out, out.with_suffix(".pdf")) if pdf else (out,)
    for file in files:
        if file.suffix.lower() == ".pdf":
            check_pdf(file, generator)
        if not file.absolute().parent.is_dir():
            fail(f"{file.parent} is no folder; make it, or give another --out", WRONG_USE)
    return files


def write_report(made: Report, files: tuple[Path, ...], png: Path | None, dpi: int) -> list[Path]:
    """Write a report into its files, and its pictures into a folder; return all of them.

    Which letters of the pictures no font of this machine has is told on stderr.
    """
    from orchestrator.report.blocks_html import page
    from orchestrator.report.journal_page import PictureKind, boxes_of, encoded

    for file in files:
        if file.suffix.lower() == ".pdf":
            from orchestrator.report.blocks_pdf import pdf

            write_page(file, pdf(made))
        else:
            write_page(file, page(made))
    written = list(files)
    if png is not None:
        try:
            png.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            fail(f"{png} cannot be made a folder ({err.strerror}); give another --png", FAILED)
        for picture in made.pictures:
            file = png / f"{picture.name}.png"
            write_page(file, encoded(picture.figure, PictureKind.PNG, dpi, picture.caption, picture.contents))
            written.append(file)
    if note := boxes_of([picture.figure for picture in made.pictures]):
        typer.echo(printable(f"cellrig: {note}"), err=True)
    return written
