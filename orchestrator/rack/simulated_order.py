"""Makes the simulated rack of an order, and keeps with the order all that a run like it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.bench.simulated import SimulatedRack, model_text, rack_with, read_variation
from orchestrator.bench.simulated_sizes import with_sizes_of
from orchestrator.runs.order_files import OrderFiles
from protocols.cell import Cell


def simulated_order(
    cell: Cell,
    channel: str,
    files: OrderFiles,
    *,
    model: str | None,
    vary: Sequence[str],
    seed: int,
    accept_voltage: str = "",
    text: str | None = None,
) -> tuple[SimulatedRack, OrderFiles]:
    """Return the rack with the order's cell model on its channel, and the files with these settings kept beside them.

    ``model`` is a shipped cell model or a file, None for the usual one of the cell; ``vary`` are lines of TOML that
    replace its settings; a size that they do not say is that of the cell's file. ``text`` is that of the model's file
    where it was kept before; else it is read here, and kept: a run like this one does not need the file. Raises
    SettingsError.
    """
    if text is None:
        text = model_text(model) if model else ""
    variation = read_variation(vary)
    rack = with_sizes_of(rack_with(cell, channel, model, seed, variation, text), cell, variation)
    told = {"simulate": True, "cell_model": model, "vary": list(vary), "seed": seed, "accept_voltage": accept_voltage}
    told["cell_model_toml"] = text
    kept = {name: value for name, value in told.items() if value not in (None, [], "")}
    return rack, replace(files, settings={**files.settings, **kept})
