"""``cellrig spectra``: the potentiostat's measurements of a run, in numbers and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, EveryColumn, Json, StoreFile
from orchestrator.cli.extras import fit_on_one_thread, need
from orchestrator.cli.output import FAILED, fail, print_json, print_table, say
from orchestrator.cli.tables import Column, printable
from orchestrator.clock.local_time import local_time

if TYPE_CHECKING:
    from orchestrator.analysis.impedance import Quantity
    from orchestrator.report.impedance import ImpedanceReport

# By the verdict of the Kramers-Kronig test.
_STEADY = {"steady": "yes", "changed": "no", "unknown": "not known"}

_COLUMNS = (
    Column("test"),
    Column("step", goes=2),
    Column("measured", goes=1),
    Column("cycle"),
    Column("place degC", goes=3),
    Column("electrolyte", "ohm"),
    Column("interface", "ohm"),
    Column("conductivity", "S/cm"),
    Column("steady"),
)
# Where nobody measured a temperature, there is no column of it.
_PLACE = 4


def spectra(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as 'cellrig runs' lists it.")],
    store: StoreFile = DEFAULT_STORE,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder for pictures: Nyquist, Bode, resistances."),
    ] = None,
    series_ohm: Annotated[
        float,
        typer.Option("--series-ohm", min=0, help="Resistance of contacts and leads in ohm, for the conductivity."),
    ] = 0.0,
    columns: EveryColumn = None,
    json: Json = False,
) -> None:
    """Fit, check and draw a run's impedance spectra.

    The resistances of the cell and their errors are told, and what they say of its state. Where the place of the cell
    has a temperature, each spectrum and its conductivity has it beside it.
    """
    need("report")
    fit_on_one_thread()
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
    print_spectra(report, columns.value if columns else "")
    for path in pictures:
        typer.echo(printable(str(path)))


def print_spectra(report: ImpedanceReport, chosen: str = "") -> None:
    """Print the fits of a run's spectra, and what they say of the cell."""
    title = f"Spectra of {report.run_id}"
    columns: tuple[Column, ...] = _COLUMNS
    rows = [_row(report, index) for index in range(len(report.rows))]
    if all(measured.temperature_degc is None for measured in report.spectra):
        columns = tuple(column for n, column in enumerate(columns) if n != _PLACE)
        rows = [(*row[:_PLACE], *row[_PLACE + 1 :]) for row in rows]
    print_table(columns, rows, f"{title} (simulated)" if report.simulated else title, chosen, is_first=True)
    for measured, row in zip(report.spectra, report.rows, strict=True):
        if row.remark:
            say(f"test {measured.test}, cycle {row.cycle}: {row.remark}", 2)
    if report.assessment is not None:
        typer.echo()
        say(report.sentence)


def _row(report: ImpedanceReport, index: int) -> tuple[Any, ...]:
    measured, row, sigma = report.spectra[index], report.rows[index], report.conductivities[index]
    return (
        measured.test,
        report.step_names[index],
        local_time(measured.started_unix_s),
        row.cycle,
        None if measured.temperature_degc is None else f"{measured.temperature_degc:.1f}",
        _with_error(row.electrolyte),
        _with_error(row.interface),
        None if sigma is None else f"{sigma.value.value:.3g}",
        _STEADY[row.steady.value],
    )


def _with_error(quantity: Quantity | None) -> str | None:
    return None if quantity is None else f"{quantity.value:.4g} +- {quantity.error:.2g}"
