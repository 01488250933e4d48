"""``cellrig plot``: a picture of any runs, at a journal's size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.extras import need
from orchestrator.cli.output import FAILED, fail, print_json
from orchestrator.cli.tables import printable
from orchestrator.report.picture_choices import ChosenCycles, Over

if TYPE_CHECKING:
    from orchestrator.report.journal_page import Page, PictureKind

# Fewer dots cannot be read in print; with more the file only grows.
_LEAST_DPI, _USUAL_DPI, _MOST_DPI = 72, 300, 1200
_LEAST_HEIGHT_MM, _MOST_HEIGHT_MM = 40.0, 600.0

_WITHOUT_VOLTAGE = frozenset({Over.CYCLE, Over.PLATED, Over.RATE})

RunIds = Annotated[list[str], typer.Argument(metavar="RUN...", help="Run ids, as 'cellrig runs' lists them.")]
MaybeOver = Annotated[
    Over | None,
    typer.Option("--over", help="The horizontal axis; else time for Li/Li cells, cycle for others with several."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="A .png, .svg or .pdf; else RUN-OVER.png in this folder."),
]
Cycles = Annotated[
    str | None,
    typer.Option("--cycles", help="For --over capacity and voltage: 1,5,48-50 or last; else a few over the whole run."),
]
Width = Annotated[
    str, typer.Option("--width", metavar="single|double|MM", help="Columns of a journal (89, 183 mm), or mm.")
]
Height = Annotated[
    float | None,
    typer.Option("--height", metavar="MM", min=_LEAST_HEIGHT_MM, max=_MOST_HEIGHT_MM, help="Else by the width."),
]
Dpi = Annotated[int, typer.Option("--dpi", min=_LEAST_DPI, max=_MOST_DPI, help="Dots per inch of a .png.")]
VoltageRange = Annotated[
    tuple[float, float] | None,
    typer.Option("--voltage-range", metavar="LOW HIGH", help="Axis of voltage in V; else it fits all data."),
]


def plot(
    run_ids: RunIds,
    over: MaybeOver = None,
    out: Out = None,
    cycles: Cycles = None,
    width: Width = "single",
    height: Height = None,
    dpi: Dpi = _USUAL_DPI,
    title: Annotated[str, typer.Option("--title", help="A title above the picture; none unless said.")] = "",
    voltage_range: VoltageRange = None,
    temperature: Annotated[
        bool, typer.Option("--temperature", help="Over time: the temperature of the cell's place too.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Draw runs over time, cycles, capacity, voltage or rate.

    Over time: voltage and current, with --temperature that of the cell's place; over cycles: capacity and
    efficiency; over capacity: voltage; over voltage: dQ/dV; over plated charge: overpotentials of Li/Li cells; over
    rate: the capacities of a rate test. Several runs are laid over each other, named by their labels. Of Li/Li
    cells the mean overpotential is drawn over cycles. Axes fit all data; what could mislead is told on stderr.
    Nothing is averaged: of long runs the highest and the lowest value of each stripe are drawn.
    """
    need("report")
    from orchestrator.report.journal_page import NoRoom, boxes_of, encoded, style
    from orchestrator.report.picture_sheet import NothingToDraw, PictureOrder
    from orchestrator.report.run_pictures import contents, draw_runs, usual_over
    from orchestrator.store import open_store

    chosen, page, kind = _cycles(cycles, over), _page(width, height, title), kind_of(out)
    _check_range(voltage_range, over)
    over = _over_time(over) if temperature else over
    runs = list(dict.fromkeys(run_ids))
    with open_store(store, read_only=True) as opened, style():
        over = over or (usual_over(opened, runs) if chosen is None else Over.CAPACITY)
        _check_range(voltage_range, over)
        file = out if out is not None else Path(_usual_name(runs, over))
        if file.exists() and not force:
            fail(f"{file} is there already; give another -o, or --force to replace it", FAILED)
        try:
            figure, notes = draw_runs(opened, runs, PictureOrder(over, page, chosen, voltage_range, temperature))
            picture = encoded(figure, kind, dpi, title, contents(opened, runs, over))
        except (NothingToDraw, NoRoom) as err:
            fail(str(err), FAILED)
        if boxes := boxes_of([figure]):
            notes = [*notes, boxes]
    try:
        file.write_bytes(picture)
    except OSError as err:
        fail(f"{file} cannot be written ({err.strerror}); give another -o", FAILED)
    for note in notes:
        typer.echo(printable(f"cellrig: {note}"), err=True)
    if json:
        print_json({"picture": str(file), "runs": runs, "over": over.value, "notes": notes})
    else:
        typer.echo(printable(str(file)))


def _over_time(over: Over | None) -> Over:
    """Return what a picture with temperatures is drawn over. Raises BadParameter where something else was asked."""
    if over not in (None, Over.TIME):
        raise typer.BadParameter(f"--temperature is for --over time, not for {over}")
    return Over.TIME


def _check_range(range_v: tuple[float, float] | None, over: Over | None) -> None:
    """Check --voltage-range. Raises BadParameter."""
    if range_v is not None and not range_v[0] < range_v[1]:
        raise typer.BadParameter(f"--voltage-range {range_v[0]:g} {range_v[1]:g}: the lower voltage first")
    if range_v is not None and over in _WITHOUT_VOLTAGE:
        raise typer.BadParameter(f"--voltage-range is for --over time, capacity and voltage, not for {over}")


def _cycles(text: str | None, over: Over | None) -> ChosenCycles | None:
    """Read --cycles. Raises BadParameter."""
    if text is None:
        return None
    if over not in (None, Over.CAPACITY, Over.VOLTAGE):
        raise typer.BadParameter(f"--cycles is for --over capacity and voltage: over {over} all cycles are drawn")
    try:
        return ChosenCycles.parse(text)
    except ValueError as err:
        raise typer.BadParameter(f"--cycles: {err}") from err


def _page(width: str, height: float | None, title: str) -> Page:
    """Read --width and --title. Raises BadParameter."""
    from orchestrator.report.journal_page import Page, width_mm

    if not title.isprintable():
        raise typer.BadParameter(f"--title {title!r}: a title is one line, without control characters")
    try:
        return Page(width_mm(width), height, title)
    except ValueError as err:
        raise typer.BadParameter(f"--width: {err}") from err


def kind_of(out: Path | None) -> PictureKind:
    """Return the format of a picture that the ending of its file names. Raises BadParameter."""
    from orchestrator.report.journal_page import PictureKind

    if out is None:
        return PictureKind.PNG
    try:
        return PictureKind(out.suffix.lower())
    except ValueError:
        endings = ", ".join(kind.value for kind in PictureKind)
        raise typer.BadParameter(f"-o {out}: a picture ends with one of {endings}") from None


def _usual_name(runs: list[str], over: Over) -> str:
    more = f"-and-{len(runs) - 1}-more" if len(runs) > 2 else "".join(f"-{run}" for run in runs[1:])
    return f"{runs[0]}{more}-{over}.png"
