"""``cellrig run --bench`` and ``--simulate``: make a run here and now, without the service."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.cells import asked
from orchestrator.cli.client import named
from orchestrator.cli.output import DONE, FAILED, WRONG_USE, ProgressView, fail, print_json, stopped_by_ctrl_c
from orchestrator.cli.step_table import step_table
from orchestrator.rack.mounted_cells import Terms
from orchestrator.states import RunState

if TYPE_CHECKING:
    from orchestrator.bench.settings import BenchSettings
    from orchestrator.bench.simulated import SimulatedRack
    from orchestrator.rack.launch import Launch


@dataclass(frozen=True, slots=True)
class OrderHere:
    """The order of a run that is made by this process: on a bench file's instruments, or (None) simulated ones."""

    recipe: str
    cell: str
    channel: str
    bench: Path | None
    cell_model: str | None
    vary: tuple[str, ...]
    seed: int
    confirm_implausible: str
    terms: Terms
    by: str
    accept_voltage: str = ""
    label: str = ""

    def loaded(self) -> Launch:
        """Read the files of the order."""
        from orchestrator.bench.settings import load_bench
        from orchestrator.bench.simulated import rack_with, read_variation
        from orchestrator.rack.launch import Launch
        from protocols.loading import load_cell, load_recipe

        cell = load_cell(self.cell)
        is_real = self.bench is not None
        if self.bench:
            where: BenchSettings | SimulatedRack = load_bench(self.bench)
        else:
            where = rack_with(cell, self.channel, self.cell_model, self.seed, read_variation(self.vary))
        # A simulated run asks nobody for a name, and keeps one that is given.
        by = named(self.by) if is_real or self.by else ""
        recipe = load_recipe(self.recipe)
        return Launch(
            recipe,
            cell,
            self.channel,
            where,
            self.confirm_implausible,
            self.terms,
            by,
            accept_voltage=self.accept_voltage,
            label=self.label,
        )


def run_here(order: OrderHere, store: Path, json: bool) -> int:
    """Run to the end, show it, and return the exit status."""
    from orchestrator.rack.launch import launch, mounted_before
    from orchestrator.rack.lock import AlreadyOwned

    loaded = order.loaded()
    _tell_currents(loaded)
    if not json:
        before = mounted_before(loaded, store)
        loaded = replace(loaded, terms=asked(loaded.terms, before, loaded.channel, loaded.label))
    try:
        with stopped_by_ctrl_c(f"stopped by Ctrl-C; what was recorded is in {store}"), ProgressView() as view:
            result = launch(loaded, store, view)
    except AlreadyOwned as err:
        fail(f"{err}; a service does the run when --bench is left out", FAILED)
    row = _run_row(store, result.run_id)
    if json:
        print_json(row)
    else:
        typer.echo(f"{result.run_id} {row['state']}: {row['ended_because']}")
        typer.echo(f"{row['samples']} samples over {row['hours']:.2f} h in {store}")
    return DONE if row["state"] == RunState.COMPLETED else FAILED


def check_names(**names: str | None) -> None:
    """Refuse what the service refuses as a name, in its words."""
    from pydantic import ValidationError

    from orchestrator.api.models import LocalOrder

    try:
        LocalOrder.model_validate(names)
    except ValidationError as err:
        fail("\n".join(f"{error['loc'][0]}: {error['msg']}" for error in err.errors()), WRONG_USE)


def _tell_currents(order: Launch) -> None:
    """Show each step's current in all units before anything runs, on stderr: stdout is for the result."""
    from orchestrator.rack.launch import checked_program
    from protocols.plausibility import plausibility

    seen = plausibility(checked_program(order), order.bench.usual_bands)
    typer.echo(step_table([asdict(step) for step in seen.steps], seen.untold), err=True)
    for sentence in seen.sentences if order.confirmed_by else ():
        typer.echo(f"confirmed by {order.confirmed_by}: {sentence}", err=True)


def _run_row(path: Path, run_id: str) -> dict[str, object]:
    from orchestrator.analysis.summary import summarize
    from orchestrator.store import open_store

    with open_store(path, read_only=True) as store:
        return summarize(store, run_id).as_dict()
