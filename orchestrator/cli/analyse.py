"""``cellrig analyse``: the numbers of any runs, by kind of cell, each with a definition (docs/analysis.md)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.analysis.parts import Part
from orchestrator.cli.arguments import DEFAULT_STORE, EveryColumn, Json, StoreFile
from orchestrator.cli.extras import need
from orchestrator.cli.output import FAILED, fail, print_json
from orchestrator.cli.tables import printable

if TYPE_CHECKING:
    from orchestrator.analysis.run_analysis import RunAnalysis
    from orchestrator.tables.run_data import RunData

_USUAL_LAST = 12

RunIds = Annotated[list[str], typer.Argument(metavar="RUN...", help="Run ids, as 'cellrig runs' lists them.")]
Tables = Annotated[
    list[Part] | None,
    typer.Option(
        "--table",
        "-t",
        metavar="NAME",
        help="cycles, retention, rates, resistances, half-cycles or another of docs/analysis.md; may be repeated. Else "
        "all that have a meaning for the cell.",
    ),
]
Reference = Annotated[
    int | None,
    typer.Option(
        "--reference",
        metavar="CYCLE",
        min=1,
        help="The cycle with which capacities are compared; else the first whole one.",
    ),
]
EndOfLife = Annotated[
    float, typer.Option("--end-of-life", metavar="PART", min=0.01, max=0.99, help="Part of it at which life ends.")
]
Delay = Annotated[
    float, typer.Option("--delay", metavar="S", min=1e-3, help="Delay of the DC resistance behind a change of current.")
]
Length = Annotated[
    float | None,
    typer.Option(
        "--length-um",
        metavar="UM",
        min=1e-6,
        help="For a titration: thickness of the film, or a third of the radius of particles.",
    ),
]
Smoothing = Annotated[
    float,
    typer.Option("--smoothing-mv", metavar="MV", min=0.1, max=200, help="Standard deviation of dQ/dV's smoothing."),
]
Cycles = Annotated[
    str | None, typer.Option("--cycles", help="For dQ/dV: 1,5,48-50 or last; else the first and the last whole one.")
]
CsvFolder = Annotated[
    Path | None, typer.Option("--csv", metavar="FOLDER", help="Write each table into this folder: RUN-TABLE.csv.")
]


def analyse(
    run_ids: RunIds,
    tables: Tables = None,
    reference: Reference = None,
    end_of_life: EndOfLife = 0.8,
    delay: Delay = 10.0,
    length_um: Length = None,
    smoothing_mv: Smoothing = 5.0,
    cycles: Cycles = None,
    csv: CsvFolder = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    last: Annotated[
        int, typer.Option("--last", min=0, help="How many of the last rows of a table to show; 0: all.")
    ] = _USUAL_LAST,
    columns: EveryColumn = None,
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Compute the numbers of runs: each kind of cell has its own.

    All cells: cycles, DC resistance, titration (with --length-um), spectra and trends (where asked for). Li/Li:
    plateau, nucleation and arc of half-cycles, hysteresis, failures, critical current density. Li/Cu: efficiencies by
    cycle and over a reservoir. Others: retention, rates, peaks of dQ/dV. A number that would have no meaning is left
    out, and its row says why. Definitions are in docs/analysis.md. A run that goes on is analysed as far as it is.
    """
    from orchestrator.analysis.run_analysis import AnalysisOrder, parts_of
    from orchestrator.analysis.run_analysis import analyse as analysis_of
    from orchestrator.store import open_store
    from orchestrator.tables.run_data import RunData

    parts = tuple(tables or ())
    if Part.SPECTRA in parts or Part.TRENDS in parts:
        need("report")
    found: list[RunAnalysis] = []
    with open_store(store, read_only=True) as opened:
        for run_id in dict.fromkeys(run_ids):
            data = RunData(opened, run_id)
            chosen, absent = (None, "") if cycles is None else _cycles(cycles, data)
            numbers = (reference, end_of_life, delay, length_um, smoothing_mv / 1e3, chosen)
            order = AnalysisOrder(parts, *numbers, leaves_out=len(set(run_ids)) > 1)
            try:
                done = analysis_of(data, order)
            except ValueError as err:
                fail(str(err), FAILED)
            found.append(replace(done, remarks=(*done.remarks, absent)) if absent else done)
    if parts and not any(set(parts) & set(parts_of(one.kind)) for one in found):
        fail("; ".join(f"{one.run_id}: {remark}" for one in found for remark in one.remarks), FAILED)
    files = [] if csv is None else _write(found, csv, force=force)
    _print(found, files, columns.value if columns else "", last or None, json=json)


def _print(found: list[RunAnalysis], files: list[Path], chosen: str, last: int | None, *, json: bool) -> None:
    from orchestrator.cli.analysis_tables import as_dict, print_analysis

    if json:
        print_json({"runs": [as_dict(one) for one in found], "files": [str(path) for path in files]})
        return
    for number, one in enumerate(found):
        if number:
            typer.echo()
        print_analysis(one, chosen, last)
    for path in files:
        typer.echo(printable(str(path)))


def _cycles(text: str, data: RunData) -> tuple[tuple[int, ...], str]:
    """Read --cycles for a run; say in words which of them it does not have. Raises BadParameter."""
    from orchestrator.report.picture_choices import ChosenCycles

    try:
        chosen = ChosenCycles.parse(text)
    except ValueError as err:
        raise typer.BadParameter(f"--cycles: {err}") from err
    there = [cycle.cycle for cycle in data.cycles]
    absent = f"no cycle {', '.join(missing)} in this run" if (missing := chosen.missing(there)) else ""
    return tuple(chosen.of(there, [cycle.cycle for cycle in data.cycles if cycle.is_whole])), absent


def _write(found: list[RunAnalysis], folder: Path, *, force: bool) -> list[Path]:
    """Write every table that has a row; all files appear together, or none does."""
    from orchestrator.cli.analysis_tables import write_csv
    from orchestrator.export.errors import ExportError
    from orchestrator.export.output import Output

    try:
        with Output(folder, force=force) as output:
            for one in found:
                for part, rows in one.tables.items():
                    if rows:
                        write_csv(output.file(f"{one.run_id}-{part}.csv"), rows)
        return output.written
    except ExportError as err:
        fail(str(err), FAILED)
    except OSError as err:
        fail(f"{folder} cannot take the files ({err.strerror}); give another --csv", FAILED)
