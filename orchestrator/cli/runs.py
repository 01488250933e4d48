"""``cellrig run``, ``runs`` and ``show``: start a recipe on a channel, and show the stored runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import (
    DEFAULT_STORE,
    BenchFile,
    CellName,
    ChannelName,
    ConfirmImplausible,
    Json,
    RecipeName,
    Seed,
    StoreFile,
)
from orchestrator.cli.client import By, ServiceClient, Url
from orchestrator.cli.output import (
    DONE,
    FAILED,
    WRONG_USE,
    ProgressView,
    fail,
    print_json,
    print_table,
    stopped_by_ctrl_c,
)
from orchestrator.cli.step_table import step_table
from orchestrator.states import RunState

if TYPE_CHECKING:
    from orchestrator.rack.launch import Launch


def run(
    recipe: RecipeName,
    cell: CellName,
    channel: ChannelName,
    bench: BenchFile = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Run on a simulated CT-4008, in virtual time.")] = False,
    cell_model: Annotated[
        str | None, typer.Option("--cell-model", help="With --simulate: the model in the channel; else the cell's own.")
    ] = None,
    store: StoreFile = DEFAULT_STORE,
    seed: Seed = 1,
    label: Annotated[str, typer.Option("--label", help="With the service: name for tables; else the cell's.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="With the service: wait for the run's end.")] = False,
    by: By = "",
    confirm_implausible: ConfirmImplausible = "",
    url: Url = None,
    json: Json = False,
) -> None:
    """Run a recipe for a cell on a channel, and keep every record.

    The service is asked to do it (see 'cellrig serve'), unless --bench or --simulate says to do it here and now.
    What is implausible for the cell is refused, unless --confirm-implausible says who takes it on.
    """
    from orchestrator.bench.settings import load_bench
    from orchestrator.bench.simulated import rack_with
    from orchestrator.rack.launch import Launch, launch
    from orchestrator.rack.lock import AlreadyOwned
    from protocols.loading import load_cell, load_recipe

    if simulate and bench is not None:
        raise typer.BadParameter("say either --simulate or --bench FILE")
    if not simulate and (cell_model is not None or seed != 1):
        raise typer.BadParameter("--cell-model and --seed are for --simulate: a real cell has neither")
    if bench is None and not simulate:
        from orchestrator.cli.run_by_service import Order, order_run

        ordered = Order(recipe, cell, channel, label, by, confirm_implausible)
        raise typer.Exit(order_run(ordered, ServiceClient(store, url), wait, json))
    _check_names(channel=channel, label=label, by=by or None, confirm_implausible=confirm_implausible or None)
    loaded = load_cell(cell)
    where = rack_with(loaded, channel, cell_model, seed) if bench is None else load_bench(bench)
    order = Launch(load_recipe(recipe), loaded, channel, where, confirm_implausible)
    _tell_currents(order)
    try:
        with stopped_by_ctrl_c(f"stopped by Ctrl-C; what was recorded is in {store}"), ProgressView() as view:
            result = launch(order, store, view)
    except AlreadyOwned as err:
        fail(f"{err}; a service does the run when --bench is left out", FAILED)
    row = _run_row(store, result.run_id)
    if json:
        print_json(row)
    else:
        typer.echo(f"{result.run_id} {row['state']}: {row['ended_because']}")
        typer.echo(f"{row['samples']} samples over {row['hours']:.2f} h in {store}")
    raise typer.Exit(DONE if row["state"] == RunState.COMPLETED else FAILED)


def _check_names(**names: str | None) -> None:
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


def list_runs(store: StoreFile = DEFAULT_STORE, json: Json = False) -> None:
    """List the runs in a store, newest last."""
    from orchestrator.analysis.summary import summarize
    from orchestrator.store import open_store

    with open_store(store, read_only=True) as opened:
        rows = [summarize(opened, run.run_id).as_dict() for run in opened.runs()]
    if json:
        print_json({"runs": rows})
        return
    columns = ("run", "label", "recipe", "channel", "state", "hours", "cycles", "samples", "ended because")
    keys = ("run", "label", "recipe", "channel", "state", "hours", "cycles", "samples", "ended_because")
    print_table(columns, [tuple(_shown(row[key]) for key in keys) for row in rows])


def _milli(value: float | None) -> float | None:
    return None if value is None else round(value * 1e3, 5)


def _shown(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value


def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as 'cellrig runs' lists it.")],
    store: StoreFile = DEFAULT_STORE,
    steps: Annotated[int, typer.Option("--steps", min=0, help="How many of the last executed steps to list.")] = 10,
    json: Json = False,
) -> None:
    """Show one run: its end and the reason, its events, and its last steps."""
    from orchestrator.analysis.summary import details
    from orchestrator.store import open_store

    with open_store(store, read_only=True) as opened:
        found = details(opened, run_id, steps)
    if json:
        print_json(found)
        return
    for key, value in found["run"].items():
        typer.echo(f"{key.replace('_', ' '):14} {'-' if value is None else _shown(value)}")
    print_table(("when", "event", "what"), [(e["at"], e["kind"], e["message"]) for e in found["events"]], "Events")
    print_table(
        ("step", "cycle", "mode", "start h", "duration s", "mAh", "mean V", "ohm", "ended by"),
        [
            (
                s["step"] or "check",
                s["cycle"],
                s["mode"],
                round(s["start_s"] / 3600, 3),
                round(s["duration_s"], 1),
                _milli(s["capacity_ah"]),
                None if s["mean_voltage_v"] is None else round(s["mean_voltage_v"], 4),
                None if s["resistance_ohm"] is None else round(s["resistance_ohm"], 1),
                s["end_reason"],
            )
            for s in found["steps"]
        ],
        f"Last {len(found['steps'])} steps",
    )
    if unplanned := [gap for gap in found["gaps"] if gap["lost_records"] or gap["effects"]]:
        print_table(
            ("from", "to", "at h", "lost records", "why"),
            [
                (g["from"], g["to"], round(g["time_s"] / 3600, 3), g["lost_records"], "; ".join(g["effects"]))
                for g in unplanned
            ],
            "Gaps",
        )
