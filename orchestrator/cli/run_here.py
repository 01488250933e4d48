"""``cellrig run --bench`` and ``--simulate``: make a run here and now, without the service."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.cli.cells import asked
from orchestrator.cli.client import named
from orchestrator.cli.given import Given, gathered
from orchestrator.cli.output import DONE, FAILED, WRONG_USE, ProgressView, fail, print_json, say, stopped_by_ctrl_c
from orchestrator.cli.step_table import step_table
from orchestrator.states import RunState

if TYPE_CHECKING:
    from orchestrator.bench.settings import BenchSettings
    from orchestrator.bench.simulated import SimulatedRack
    from orchestrator.cli.given import Gathered
    from orchestrator.cli.order_options import OrderOptions
    from orchestrator.rack.launch import Launch
    from orchestrator.runs.order_files import OrderFiles
    from protocols.cell import Cell


@dataclass(frozen=True, slots=True)
class OrderHere:
    """The order of a run that is made by this process: on a bench file's instruments, or (None) simulated ones.

    ``there`` is what the file ``bench`` says, read once: between two reads it may change.
    """

    given: Given
    bench: Path | None
    there: BenchSettings | None
    cell_model: str | None
    vary: tuple[str, ...]
    seed: int | None
    options: OrderOptions

    def loaded(self, store: Path) -> Launch:
        """Read the files of the order, and the earlier run that it names, from ``store`` if no other is named."""
        from orchestrator.rack.launch import Launch
        from protocols.loading import parse_cell, recipe_of

        found = gathered(self.given, store, self._settings())
        files = found.files
        cell, accept = parse_cell(files.cell.text, files.cell.file), self.options.accept_voltage
        if self.there is not None:
            where: BenchSettings | SimulatedRack = self.there
        else:
            # A simulated cell is as it was: what was said of its voltage then holds again.
            accept = accept or str(found.before.get("accept_voltage", ""))
            where, files = self._simulated(cell, found, accept)
        recipe = recipe_of(files.recipe)
        said = self.options
        by = named(said.by, needed=self.bench is not None)
        launched = Launch(recipe, cell, found.channel, where, said.confirm_implausible, said.terms(), by, accept)
        return replace(launched, label=said.label, files=files, second_person=said.second_person)

    def _settings(self) -> dict[str, Any]:
        """Return what was said of this run besides its files; what was not said is left out later."""
        said = self.options
        words = {name: word or "" for name, word in said.words().items() if name != "by"}
        return {"bench": str(self.bench or ""), "label": said.label, **words, "same_cell": said.same_cell}

    def _simulated(self, cell: Cell, found: Gathered, accept: str) -> tuple[SimulatedRack, OrderFiles]:
        """Return the rack, with the cell model and the seed of the order, else those of the earlier simulated run."""
        from orchestrator.rack.simulated_order import simulated_order

        before = found.before
        model = self.cell_model or before.get("cell_model")
        return simulated_order(
            cell,
            found.channel,
            found.files,
            model=model,
            vary=self.vary or tuple(before.get("vary", ())),
            seed=int(before.get("seed", 1)) if self.seed is None else self.seed,
            accept_voltage=accept,
            text=None if self.cell_model else str(before.get("cell_model_toml", "")),
        )


def run_here(order: OrderHere, store: Path, json: bool) -> int:
    """Run to the end, show it, and return the exit status."""
    from orchestrator.rack.launch import launch, mounted_before
    from orchestrator.rack.lock import AlreadyOwned

    loaded = order.loaded(store)
    _tell_currents(loaded)
    if not json:
        before = mounted_before(loaded, store)
        loaded = replace(loaded, terms=asked(loaded.terms, before, loaded.channel, loaded.label))
    try:
        with stopped_by_ctrl_c(f"stopped by Ctrl-C; what was recorded is in {store}"), ProgressView() as view:
            result = launch(loaded, store, view)
    except AlreadyOwned as err:
        a_service = "; a service does the run when --bench is left out" if err.is_service else ""
        fail(f"{err}{a_service}", FAILED)
    row = _run_row(store, result.run_id)
    if json:
        print_json(row)
    else:
        simulated = " (simulated)" if row["simulated"] else ""
        say(f"{result.run_id}{simulated} {row['state']}: {row['ended_because']}")
        say(f"{row['samples']} samples over {row['hours']:.2f} h in {store}")
        say(f"look with: cellrig show {result.run_id} --store {store}")
    return DONE if row["state"] == RunState.COMPLETED else FAILED


def check_names(**names: str | None) -> None:
    """Refuse what the service refuses as a name, in its words."""
    from pydantic import ValidationError

    from orchestrator.api.models import LocalOrder

    try:
        LocalOrder.model_validate(names)
    except ValidationError as err:
        fail(
            "\n".join(f"{error['loc'][0]}: {error['msg'].removeprefix('Value error, ')}" for error in err.errors()),
            WRONG_USE,
        )


def _tell_currents(order: Launch) -> None:
    """Show each step's current in all units before anything runs, on stderr: stdout is for the result."""
    from orchestrator.rack.launch import checked_program, untried
    from protocols.plausibility import plausibility

    seen = plausibility(checked_program(order), order.bench.usual_bands)
    typer.echo(step_table([asdict(step) for step in seen.steps], (*seen.untold, *seen.rests)), err=True)
    for note in seen.notes:
        say(f"note: {note}", err=True)
    for sentence in seen.sentences if order.confirmed_by else ():
        say(f"confirmed by {order.confirmed_by}: {sentence}", err=True)
    for sentence in untried(order):
        say(f"warning: {sentence}", err=True)


def _run_row(path: Path, run_id: str) -> dict[str, object]:
    from orchestrator.analysis.summary import summarize
    from orchestrator.store import open_store

    with open_store(path, read_only=True) as store:
        return summarize(store, run_id).as_dict()
