"""``cellrig run``, ``runs`` and ``show``: start a recipe on a channel, and show the stored runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.arguments import (
    DEFAULT_STORE,
    BenchFile,
    CellModel,
    ColumnNames,
    EveryColumn,
    Json,
    Like,
    LikeFrom,
    MaybeCell,
    MaybeChannel,
    MaybeRecipe,
    ModelSeed,
    StoreFile,
    Vary,
)
from orchestrator.cli.client import ServiceClient, Url
from orchestrator.cli.order_options import OrderOptions, with_order_options
from orchestrator.cli.output import print_json, say
from orchestrator.cli.run_filters import (
    Cells,
    Channels,
    Labels,
    Last,
    Recipes,
    RunFilters,
    Simulated,
    Since,
    States,
    Until,
)


@with_order_options
def run(
    *,
    context: typer.Context,
    recipe: MaybeRecipe = None,
    cell: MaybeCell = None,
    channel: MaybeChannel = None,
    like: Like = "",
    like_from: LikeFrom = None,
    bench: BenchFile = None,
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="Run on a simulated CT-4008, source meter or CHI660E, in virtual time."),
    ] = False,
    cell_model: CellModel = None,
    vary: Vary = None,
    store: StoreFile = DEFAULT_STORE,
    seed: ModelSeed = None,
    order: OrderOptions,
    wait: Annotated[bool, typer.Option("--wait", help="With the service: wait for the run's end.")] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Run a recipe for a cell on a channel, and keep every record.

    The service is asked to do it (see 'cellrig serve'), unless --bench or --simulate says to do it here and now.
    What is implausible for the cell is refused, unless --confirm-implausible says who takes it on, and
    --second-person who does so too where it is far outside; a cell outside the open-circuit window of the recipe
    too, unless --accept-voltage says why it is the right one. A busy channel is refused, unless --queue lets the
    run wait. Where the cell of an ended run is mounted, --same-cell or --mounted says which cell is there now.
    --like takes recipe, cell and channel of an earlier run out of its store. A simulated run, also on a bench with
    simulated = true, goes into a store of its own, beside the usual one: cellrig-simulated.db, which does not wait
    for the disk at each commit: a power cut may take the last records, a killed process takes none. The same seed
    makes them again.
    """
    from orchestrator.cli.given import Given

    varied = tuple(vary or ())
    _check(bench, simulate, cell_model is not None or bool(varied) or seed is not None, order)
    given = Given(recipe, cell, channel, like, like_from, tuple(order.set_values or ()))
    given.check()
    if bench is None and not simulate:
        from orchestrator.cli.run_by_service import order_run

        raise typer.Exit(order_run(order.order(given), ServiceClient(store, url), store, wait, json))
    from orchestrator.bench.settings import load_bench
    from orchestrator.cli.run_here import OrderHere, check_names, run_here

    there = None if bench is None else load_bench(bench)
    if there is None or there.is_simulated:
        store = own_store(context, store, by_bench=there is not None)
    check_names(channel=channel, label=order.label, **order.words())
    raise typer.Exit(run_here(OrderHere(given, bench, there, cell_model, varied, seed, order), store, json))


def own_store(context: typer.Context, store: Path, *, by_bench: bool = False) -> Path:
    """Return the store of a simulated run: the one that was typed, else one beside the usual. Raises CannotOpen."""
    from orchestrator.rack.simulated_store import check_takes_simulated
    from orchestrator.store.companion_files import simulated_path

    source = context.get_parameter_source("store")
    chosen = store if source is not None and source.name == "COMMANDLINE" else simulated_path(store)
    check_takes_simulated(chosen, by_bench=by_bench)
    return chosen


def _check(bench: Path | None, simulate: bool, has_model: bool, order: OrderOptions) -> None:
    """Check that the options of ``run`` go together. Raises BadParameter."""
    if simulate and bench is not None:
        raise typer.BadParameter("say either --simulate or --bench FILE")
    if not simulate and has_model:
        raise typer.BadParameter("--cell-model, --vary and --seed are for --simulate: a real cell has none of them")
    if order.queue and (simulate or bench is not None):
        raise typer.BadParameter("--queue is for the service: a run that is made here and now waits for nobody")
    if simulate and (order.mounted or order.same_cell):
        raise typer.BadParameter("--mounted and --same-cell are for real channels: a simulated one has the model on it")


def list_runs(
    store: StoreFile = DEFAULT_STORE,
    state: States = None,
    cell: Cells = None,
    channel: Channels = None,
    recipe: Recipes = None,
    label: Labels = None,
    since: Since = "",
    until: Until = "",
    simulated: Simulated = None,
    last: Last = None,
    columns: ColumnNames = "",
    json: Json = False,
) -> None:
    """List the runs in a store, newest last.

    Times are those of this machine. A run must pass every filter: '--state stopped --since 2026-11-27' lists what was
    ordered since that day and was stopped. Where one filter is repeated, any of its values will do.
    """
    from orchestrator.analysis.summary import summarize
    from orchestrator.cli.run_tables import print_runs
    from orchestrator.store import open_store

    names = (state or (), channel or (), recipe or (), label or (), cell or ())
    filters = RunFilters(*names, since, until, simulated, last)
    with open_store(store, read_only=True) as opened:
        rows = [summarize(opened, run_id) for run_id in filters.ids(opened)]
    if json:
        print_json({"runs": [row.as_dict() for row in rows]})
    elif rows:
        print_runs(rows, columns)
    else:
        say(f"no run in {store} passes {filters.words}" if filters.words else f"there is no run in {store}")


def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as 'cellrig runs' lists it.")],
    store: StoreFile = DEFAULT_STORE,
    steps: Annotated[int, typer.Option("--steps", min=0, help="How many of the last executed steps to list.")] = 10,
    cycles: Annotated[int, typer.Option("--cycles", min=0, help="How many of the last cycles to list.")] = 10,
    every: Annotated[
        bool, typer.Option("--all", help="Every event, also those of each start of a further test of a run of many.")
    ] = False,
    columns: EveryColumn = None,
    json: Json = False,
) -> None:
    """Show one run: its end, events, notes, last steps and cycles.

    Steps are named as in the recipe, and numbered from the top of its file where it has several of a name; no. is the
    number in the program and in the sample table. V/I is mean voltage over mean current of the second half of a step:
    the resistance of a Li/Li or Li/Cu cell, but not of a cell that has a voltage of its own. A step ended by external
    was ended by none of its own conditions: stopped, tripped or taken over; by host it was as its recipe says.
    """
    from orchestrator.analysis.summary import details
    from orchestrator.cli.run_tables import print_run
    from orchestrator.store import open_store

    with open_store(store, read_only=True) as opened:
        found = details(opened, run_id, steps, cycles)
    if json:
        print_json(found)
    else:
        print_run(found, columns.value if columns else "", every_event=every)
