"""Runs recipes on the simulated CT-4008 (with a simulated CHI660E for spectra), in virtual time, into a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cellrig.planning import Source, documents
from orchestrator.analysis.summary import RunSummary, summarize
from orchestrator.api.models import LocalOrder
from orchestrator.events import RunUpdate, Told
from orchestrator.rack.launch import Launch, launch
from orchestrator.rack.mounted_cells import NO_TERMS
from orchestrator.rack.simulated_order import simulated_order
from orchestrator.rack.simulated_store import check_takes_simulated
from orchestrator.runs.order_files import order_files
from orchestrator.store import open_store
from protocols.loading import parse_cell, recipe_of

# Of the built-in rack: it can go below zero volts, as Li/Li cells need.
_CHANNEL = "21-1-1"


def simulate(
    recipe: Source,
    cell: Source,
    store: str | Path = "cellrig-simulated.db",
    *,
    channel: str = _CHANNEL,
    cell_model: str | None = None,
    vary: Sequence[str] = (),
    seed: int = 1,
    changes: Sequence[str] = (),
    label: str = "",
    by: str = "",
    confirm_implausible: str = "",
    accept_voltage: str = "",
    progress: Callable[[RunUpdate], None] | None = None,
) -> RunSummary:
    """Run a recipe for a cell on a simulated rack to its end, and return the run in a few numbers.

    It goes the way of a real run, in virtual time (600 h take seconds), and every record is in ``store``, which is made
    if need be and holds simulated runs only. The result's ``run_id`` finds it there; read ``state`` for how it ended.

    ``channel`` is one of the rack's, ``21-1-1`` to ``21-2-8`` (unit 2 cannot go below zero volts), or ``chi660e``.
    ``cell_model`` is a shipped model of a simulated cell or a file, else the usual one of the cell; ``vary`` are lines
    of TOML that replace its settings (``"short.ohm = 3"``); ``seed`` decides all that is random. ``changes`` set values
    in the files (``"cell.area=1.131 cm2"``). ``confirm_implausible`` names who takes on what is implausible,
    ``accept_voltage`` says why the cell may start outside of the window of its open-circuit voltage. ``progress`` is
    called with the run's position after each poll, on a thread of its own.

    Raises InputError, with its kinds, for recipe and cell; CannotRun for a program that the channel cannot run;
    SettingsError for a cell model; StoreError, with CannotOpen for a store of real runs; ValueError for a name without
    a letter or a digit.
    """
    said = {"confirm_implausible": confirm_implausible, "accept_voltage": accept_voltage}
    _check_names(channel, label, {"by": by, **said})
    path = Path(store)
    check_takes_simulated(path)
    settings = {name: word for name, word in {**said, "label": label, "set": list(changes)}.items() if word}
    files = order_files(*documents(recipe, cell), None, changes, settings)
    parsed = parse_cell(files.cell.text, files.cell.file)
    rack, files = simulated_order(
        parsed, channel, files, model=cell_model, vary=vary, seed=seed, accept_voltage=accept_voltage
    )
    loaded = recipe_of(files.recipe)
    order = Launch(loaded, parsed, channel, rack, confirm_implausible, NO_TERMS, by, accept_voltage, label, files)

    def heard(told: Told) -> None:
        if progress is not None and isinstance(told, RunUpdate):
            progress(told)

    run_id = _apart_from_a_loop(lambda: launch(order, path, heard).run_id)
    with open_store(path, read_only=True) as opened:
        return summarize(opened, run_id)


def _check_names(channel: str, label: str, names: Mapping[str, str]) -> None:
    """Refuse what the service refuses as a name. Raises ValueError."""
    given = {name: word or None for name, word in names.items()}
    LocalOrder.model_validate({"channel": channel, "label": label, **given})


def _apart_from_a_loop(work: Callable[[], str]) -> str:
    """Return what a function gives that runs an event loop: on a thread where one runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()
