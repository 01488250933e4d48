"""``cellrig paper``: the paper's experiments on the simulated bench, and one page with its numbers beside ours."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import Json, Seed
from orchestrator.cli.extras import fit_on_one_thread, need
from orchestrator.cli.output import ProgressView, print_json, print_table, say, stopped_by_ctrl_c
from orchestrator.cli.report import files_of, tell, write_report
from orchestrator.cli.tables import Column

if TYPE_CHECKING:
    from orchestrator.paper.numbers import PaperNumber

_COLUMNS = (
    Column("experiment"),
    Column("quantity", least=16),
    Column("unit"),
    Column("paper", uneven=True),
    Column("ours", uneven=True, figures=4),
    Column("difference", uneven=True, figures=3),
)


def paper(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for the store and the page.")
    ] = Path("cellrig-paper"),
    seed: Seed = 1,
    quick: Annotated[bool, typer.Option("--quick", help="Cut every recipe short: a look in seconds.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write a PDF too, beside the page.")] = False,
    png: Annotated[bool, typer.Option("--png", help="Write each picture as a PNG too, beside the page.")] = False,
    json: Json = False,
) -> None:
    """Run the paper's experiments, simulated: one page.

    Li/Li cells at both rates, plating, LFP full cells and impedance, bare and coated: every number and figure that a
    tester or a potentiostat can give, beside the paper's, with the difference. Where no number of the paper is known,
    its column is empty and says so. The page is paper.html in the folder, beside a store with every record. The same
    seed makes the same numbers again.
    """
    need("report")
    fit_on_one_thread()
    from orchestrator.demo import open_demo_store
    from orchestrator.paper.experiments import run_experiments
    from orchestrator.paper.page import GENERATOR, find
    from orchestrator.paper.page import page as page_of
    from orchestrator.report.journal_page import style
    from orchestrator.store import open_store

    open_demo_store(out).close()
    files = files_of(out / "paper.html", GENERATOR, pdf=pdf)
    began_s = time.monotonic()
    with stopped_by_ctrl_c(f"stopped by Ctrl-C; what was recorded is in {out}"):
        with ProgressView() as view:
            runs = run_experiments(out, seed, () if json else (view,), is_quick=quick)
        with open_store(runs.store, read_only=True) as store, style():
            found = find(store, runs, tell)
            report, numbers = page_of(store, runs, found)
            written = write_report(report, files, out / "pictures" if png else None, 300)
    if json:
        print_json({"numbers": [number.as_dict() for number in numbers], "files": [str(path) for path in written]})
        return
    print_numbers(numbers)
    say(f"\nin {time.monotonic() - began_s:.0f} s; every record is in {runs.store}")
    for path in written:
        typer.echo(str(path))


def print_numbers(numbers: list[PaperNumber]) -> None:
    """Print the paper's numbers beside ours."""
    rows = [
        (it.experiment, it.quantity, it.unit, f"over {it.paper:g}" if it.at_least else it.paper, it.ours, it.difference)
        for it in numbers
    ]
    print_table(_COLUMNS, rows, "The paper's numbers and ours", is_first=True)
