"""``cellrig spectra``: the potentiostat's measurements of a run, in numbers and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.extras import need
from orchestrator.cli.output import FAILED, fail, print_json, print_table

if TYPE_CHECKING:
    from orchestrator.report.impedance import ImpedanceReport


def spectra(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as 'cellrig runs' lists it.")],
    store: StoreFile = DEFAULT_STORE,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for pictures: Nyquist, Bode, resistances.")
    ] = None,
    series_ohm: Annotated[
        float, typer.Option("--series-ohm", min=0, help="Resistance of contacts and leads, for the conductivity.")
    ] = 0.0,
    json: Json = False,
) -> None:
    """Fit a run's impedance spectra, check them, report the state of the cell, and draw them."""
    need("report")
    from orchestrator.report.impedance import draw, impedance_report
    from orchestrator.store import open_store

    with open_store(store, read_only=True) as opened:
        report = impedance_report(opened, run_id, series_ohm)
    if not report.spectra:
        fail(f"{run_id} has no impedance spectrum; a recipe measures one by a step 'eis'", FAILED)
    try:
        pictures = draw(report, out) if out is not None else []
    except (OSError, ValueError) as err:
        fail(f"{out} cannot take the pictures ({getattr(err, 'strerror', None) or err}); give another --out", FAILED)
    if json:
        print_json({**report.as_dict(), "pictures": [str(path) for path in pictures]})
        return
    print_table(
        ("cycle", "electrolyte ohm", "interface ohm", "conductivity S/cm", "steady", "remark"),
        [_row(report, index) for index in range(len(report.rows))],
        f"Spectra of {run_id}",
    )
    if report.assessment is not None:
        typer.echo(f"\n{report.sentence}")
    for path in pictures:
        typer.echo(str(path))


def _row(report: ImpedanceReport, index: int) -> tuple[Any, ...]:
    row, sigma = report.rows[index], report.conductivities[index]
    interface = "-" if row.interface is None else _with_error(row.interface.value, row.interface.error)
    shown = "-" if sigma is None else f"{sigma.value.value:.3g}"
    return (
        row.cycle,
        _with_error(row.electrolyte.value, row.electrolyte.error),
        interface,
        shown,
        "yes" if row.steady else "no",
        row.remark,
    )


def _with_error(value: float, error: float) -> str:
    return f"{value:.4g} +- {error:.2g}"
