"""``cellrig run``, ``runs`` and ``show``: start a recipe on a channel, and show the stored runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.arguments import (
    DEFAULT_STORE,
    AcceptVoltage,
    BenchFile,
    CellModel,
    ConfirmImplausible,
    Json,
    Label,
    Like,
    LikeFrom,
    MaybeCell,
    MaybeChannel,
    MaybeRecipe,
    ModelSeed,
    Mounted,
    Queue,
    SameCell,
    SetValues,
    StoreFile,
    Vary,
)
from orchestrator.cli.client import By, ServiceClient, Url
from orchestrator.cli.given import Given
from orchestrator.cli.origin_lines import origin_lines
from orchestrator.cli.output import print_json, print_table
from orchestrator.clock.local_time import local_time

# What a run has shown, as ``show`` names it where there is something.
_RESULTS = {
    "hours_to_short": "hours to the short",
    "density_at_short_ma_cm2": "mA/cm2 at the short",
    "charge_to_short_mah": "mAh to the short, in all",
    "step_charge_at_short_mah": "mAh to the short, in its step",
    "capacity_mah_g_cycle_5": "mAh/g, discharge of cycle 5",
    "capacity_mah_g_cycle_50": "mAh/g, discharge of cycle 50",
    "retention_percent_cycle_5_to_50": "% of cycle 5 left in cycle 50",
    "reservoir_efficiency_percent": "% efficiency, reservoir method",
}


def run(
    context: typer.Context,
    recipe: MaybeRecipe = None,
    cell: MaybeCell = None,
    channel: MaybeChannel = None,
    like: Like = "",
    like_from: LikeFrom = None,
    set_values: SetValues = None,
    bench: BenchFile = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Run on a simulated CT-4008, in virtual time.")] = False,
    cell_model: CellModel = None,
    vary: Vary = None,
    store: StoreFile = DEFAULT_STORE,
    seed: ModelSeed = None,
    label: Label = "",
    wait: Annotated[bool, typer.Option("--wait", help="With the service: wait for the run's end.")] = False,
    by: By = "",
    queue: Queue = False,
    mounted: Mounted = "",
    same_cell: SameCell = False,
    confirm_implausible: ConfirmImplausible = "",
    accept_voltage: AcceptVoltage = "",
    url: Url = None,
    json: Json = False,
) -> None:
    """Run a recipe for a cell on a channel, and keep every record.

    The service is asked to do it (see 'cellrig serve'), unless --bench or --simulate says to do it here and now.
    What is implausible for the cell is refused, unless --confirm-implausible says who takes it on; a cell outside the
    open-circuit window of the recipe too, unless --accept-voltage says why it is the right one. A busy channel is
    refused, unless --queue lets the run wait. Where the cell of an ended run is mounted, --same-cell or --mounted says
    which cell is there now. --like takes recipe, cell and channel of an earlier run out of its store. A simulated run
    goes into a store of its own, beside the usual one: cellrig-simulated.db.
    """
    from orchestrator.rack.mounted_cells import Terms

    varied = tuple(vary or ())
    _check(bench, simulate, cell_model is not None or bool(varied) or seed is not None, queue, mounted, same_cell)
    given = Given(recipe, cell, channel, like, like_from, tuple(set_values or ()))
    given.check()
    terms = Terms(queue, mounted, same_cell)
    if bench is None and not simulate:
        from orchestrator.cli.run_by_service import Order, order_run

        ordered = Order(given, channel or "", label, by, terms, confirm_implausible, accept_voltage)
        raise typer.Exit(order_run(ordered, ServiceClient(store, url), store, wait, json))
    from orchestrator.cli.run_here import OrderHere, check_names, run_here

    if simulate:
        store = own_store(context, store)
    words = {"by": by, "confirm_implausible": confirm_implausible, "accept_voltage": accept_voltage, "mounted": mounted}
    check_names(channel=channel, label=label, **{key: word or None for key, word in words.items()})
    here = OrderHere(given, bench, cell_model, varied, seed, confirm_implausible, terms, by, accept_voltage, label)
    raise typer.Exit(run_here(here, store, json))


def own_store(context: typer.Context, store: Path) -> Path:
    """Return the store of a simulated run: the one that was typed, else one beside the usual. Raises CannotOpen."""
    from orchestrator.rack.simulated_store import check_takes_simulated
    from orchestrator.store.companion_files import simulated_path

    source = context.get_parameter_source("store")
    chosen = store if source is not None and source.name == "COMMANDLINE" else simulated_path(store)
    check_takes_simulated(chosen)
    return chosen


def _check(
    bench: Path | None,
    simulate: bool,
    has_model: bool,
    queue: bool,
    mounted: str,
    same_cell: bool,
) -> None:
    """Check that the options of ``run`` go together. Raises BadParameter."""
    if simulate and bench is not None:
        raise typer.BadParameter("say either --simulate or --bench FILE")
    if not simulate and has_model:
        raise typer.BadParameter("--cell-model, --vary and --seed are for --simulate: a real cell has none of them")
    if queue and (simulate or bench is not None):
        raise typer.BadParameter("--queue is for the service: a run that is made here and now waits for nobody")
    if simulate and (mounted or same_cell):
        raise typer.BadParameter("--mounted and --same-cell are for real channels: a simulated one has the model on it")


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
    for row in rows:
        row["state"] = f"{row['state']} (simulated)" if row["simulated"] else row["state"]
    print_table(columns, [tuple(_shown(row[key]) for key in keys) for row in rows])


def _milli(value: float | None) -> float | None:
    return None if value is None else round(value * 1e3, 5)


def _shown(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return round(value, 2) if isinstance(value, float) else value


def _time_left(ahead: dict[str, Any], simulated: bool | None) -> str:
    """Say how long a run still takes, as of its newest record."""
    from orchestrator.events.time_left import left_words
    from orchestrator.states import EndBasis

    end_unix_s = None if simulated else ahead["expected_end_unix_s"]
    left = left_words(ahead["time_left_s"], end_unix_s, EndBasis(ahead["end_known_by"]))
    at = "" if ahead["at_unix_s"] is None or simulated else f", by its record of {local_time(ahead['at_unix_s'])}"
    return f"{left}{at}"


def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as 'cellrig runs' lists it.")],
    store: StoreFile = DEFAULT_STORE,
    steps: Annotated[int, typer.Option("--steps", min=0, help="How many of the last executed steps to list.")] = 10,
    cycles: Annotated[int, typer.Option("--cycles", min=0, help="How many of the last cycles to list.")] = 10,
    json: Json = False,
) -> None:
    """Show one run: its end, events, last steps and cycles.

    Steps are named as in the recipe, and numbered from the top of its file where it has several of a name; no. is the
    number in the program and in the sample table. V/I is mean voltage over mean current of the second half of a step:
    the resistance of a Li/Li or Li/Cu cell, but not of a cell that has a voltage of its own.
    """
    from orchestrator.analysis.summary import details
    from orchestrator.cli.cycle_tables import print_cycles, print_reservoirs
    from orchestrator.store import open_store

    with open_store(store, read_only=True) as opened:
        found = details(opened, run_id, steps, cycles)
    if json:
        print_json(found)
        return
    _print_facts(found)
    events = [(local_time(e["at_unix_s"], seconds=True), e["kind"], e["message"]) for e in found["events"]]
    print_table(("when", "event", "what"), events, "Events")
    print_table(
        ("no.", "step", "cycle", "start h", "duration s", "mAh", "mean V", "V/I ohm", "ended by"),
        [
            (
                s["step"] or None,
                s["step_name"] or s["mode"],
                s["cycle"],
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
    if found["cycles"]:
        print_cycles(found["cycles"])
    print_reservoirs(found["reservoir"])
    _print_gaps(found["gaps"])


def _print_facts(found: dict[str, Any]) -> None:
    """Print a run in lines: what was ordered and came of it, the time left, where it comes from."""
    for key, value in found["run"].items():
        if key in _RESULTS and value is None:
            continue
        shown = f"{value:.4g}" if key in _RESULTS else _shown(value)
        typer.echo(f"{_RESULTS.get(key, key.replace('_', ' ')):32} {'-' if value is None else shown}")
    if found["ahead"]:
        typer.echo(f"{'time left':32} {_time_left(found['ahead'], found['run']['simulated'])}")
    for key, value in origin_lines(found["origin"]):
        typer.echo(f"{key:32} {value or '-'}")


def _print_gaps(gaps: list[dict[str, Any]]) -> None:
    """Print the gaps in which something happened or was lost."""
    if unplanned := [gap for gap in gaps if gap["lost_records"] or gap["effects"]]:
        print_table(
            ("from", "to", "at h", "lost records", "why"),
            [
                (
                    local_time(g["from_unix_s"], seconds=True),
                    local_time(g["to_unix_s"], seconds=True),
                    round(g["time_s"] / 3600, 3),
                    g["lost_records"],
                    "; ".join(g["effects"]),
                )
                for g in unplanned
            ],
            "Gaps",
        )
