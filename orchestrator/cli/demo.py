"""``cellrig demo``: the paper's cells on a simulated CT-4008, in virtual time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.arguments import Json, Seed
from orchestrator.cli.output import ProgressView, print_json, print_table, stopped_by_ctrl_c


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the store.")] = Path("cellrig-demo"),
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Run the paper's cells at once on a simulated CT-4008 and show what each did."""
    from orchestrator.demo import PAPER, run_demo

    with stopped_by_ctrl_c(f"stopped by Ctrl-C; what was recorded is in {out}"), ProgressView(quiet=json) as view:
        result = run_demo(out, seed, view)
    rows = [summary.demo_row() for summary in result.summaries]
    if json:
        print_json({"cells": rows})
        return
    columns = ("cell", "recipe", "hours", "cycles", "hours to short", "paper", "ended because")
    table = [
        (
            row["cell"],
            row["recipe"],
            round(summary.hours, 1),
            row["cycles"],
            None if summary.hours_to_short is None else round(summary.hours_to_short, 1),
            PAPER[summary.label],
            row["ended_because"],
        )
        for row, summary in zip(rows, result.summaries, strict=True)
    ]
    print_table(columns, table)
    typer.echo(f"{result.samples} samples in {result.store}; look with: cellrig runs --store {result.store}")
