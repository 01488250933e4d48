"""``cellrig demo``: the paper's cells on a simulated CT-4008, in virtual time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import Json, Seed
from orchestrator.cli.extras import need
from orchestrator.cli.output import ProgressView, print_json, print_table, say, stopped_by_ctrl_c
from orchestrator.cli.tables import Column

if TYPE_CHECKING:
    from orchestrator.analysis.summary import RunSummary
    from orchestrator.demo import DemoResult

# The paper's words are wrapped before this run's numbers are.
_CELLS = (
    Column("cell"),
    Column("tested", "h", decimals=1),
    Column("cycles"),
    Column("this run", least=15),
    Column("the paper", least=15),
)


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for the store and the pictures.")
    ] = Path("cellrig-demo"),
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Run the paper's cells at once on a simulated CT-4008.

    The result of each stands beside that of the paper; a store and pictures are left in a folder. The store does not
    wait for the disk at each commit, as it does for real cells: a power cut may take the last records, a killed process
    takes none. The same seed makes them again.
    """
    need("report")
    from orchestrator.demo import run_demo

    with stopped_by_ctrl_c(f"stopped by Ctrl-C; what was recorded is in {out}"), ProgressView() as view:
        result = run_demo(out, seed, () if json else (view,))
    if json:
        print_json({"cells": [row.summary.demo_row() for row in result.rows]})
        return
    print_results(result)


def print_results(result: DemoResult) -> None:
    """Print what became of each cell, beside the paper's result."""
    rows = [
        (row.cell.label, row.summary.hours, row.summary.cycles, _found(row.summary), row.cell.paper)
        for row in result.rows
    ]
    print_table(_CELLS, rows)
    ends = [(row.cell.label, row.summary.ended_because) for row in result.rows]
    print_table(("cell", "ended because"), ends, "Ends")
    typer.echo()
    say(f"{result.samples} samples in {result.store}")
    say(f"look with: cellrig runs --store {result.store}")
    say(f"pictures: {', '.join(str(path) for path in result.pictures)}")


def _found(summary: RunSummary) -> str:
    """Describe the result of a run with the terms of the paper's column."""
    kept = summary.retention_percent_cycle_5_to_50
    if kept is not None:
        first, last = summary.capacity_mah_g_cycle_5, summary.capacity_mah_g_cycle_50
        return f"{first:.2f}, {last:.2f} mAh/g ({kept:.2f} %)"
    if summary.hours_to_short is not None:
        return f"short after {summary.hours_to_short:.0f} h"
    return f"no short in {summary.hours:.0f} h"
