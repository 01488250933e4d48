"""The paper's experiments that a cycler or a potentiostat can make, run on the simulated bench in virtual time.

Six cells are those of the demo; beside them, on the same rack, two cells are plated, and two are cycled with spectra.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.demo import CELLS, DemoCell, open_demo_store, run_cells
from orchestrator.events import Listener, Told
from orchestrator.rack.launch import Launch, launch
from orchestrator.rack.simulated_order import simulated_order
from orchestrator.runs.order_files import order_files
from protocols.loading import cell_document, parse_cell, recipe_document, recipe_of

PLATED = tuple(DemoCell(f"{kind}-plating", "li-plating-1.0", f"{kind}-li-li", "") for kind in ("bare", "coated"))
# A bare cell shorts after some 74 cycles: its spectra are those of the first 60.
_SPECTRA_CYCLES = ("recipe.steps[3].times=3",)
MEASURED = tuple(
    DemoCell(f"{kind}-spectra", "li-li-eis", f"{kind}-li-li", "", _SPECTRA_CYCLES) for kind in ("bare", "coated")
)
LABELS = tuple(cell.label for cell in (*CELLS, *PLATED, *MEASURED))
# So much of each recipe shows in seconds that everything works; its numbers are no cell's life.
_QUICK: Mapping[str, tuple[str, ...]] = {
    "li-li-0.2": ("recipe.steps[2].times=6",),
    "li-li-0.4": ("recipe.steps[2].times=6",),
    "lfp-200mA-g": ("recipe.steps[2].times=6",),
    "li-plating-1.0": ("recipe.steps[2].until.time=1 h",),
    "li-li-eis": ("recipe.steps[3].times=1", "recipe.steps[3].steps[1].times=2"),
}


@dataclass(frozen=True, slots=True)
class PaperRuns:
    """The runs of the paper's experiments: their store, and their ids by the labels of the cells."""

    store: Path
    run_ids: Mapping[str, str]
    seed: int
    is_quick: bool


def run_experiments(
    folder: Path, seed: int, listeners: Collection[Listener] = (), *, is_quick: bool = False
) -> PaperRuns:
    """Run all cells to their ends; the store in ``folder`` keeps earlier runs beside the new. Raises CannotOpen."""
    on_rack = [_shortened(cell, is_quick=is_quick) for cell in (*CELLS, *PLATED)]
    with open_demo_store(folder) as store:
        path = store.path
        runs = dict(zip((cell.label for cell in on_rack), run_cells(store, on_rack, seed, listeners), strict=True))
    for number, cell in enumerate(MEASURED, 1):
        runs[cell.label] = _measure(_shortened(cell, is_quick=is_quick), f"21-1-{number}", seed, path, tuple(listeners))
    return PaperRuns(path, runs, seed, is_quick)


def _shortened(cell: DemoCell, *, is_quick: bool) -> DemoCell:
    return replace(cell, changes=_QUICK[cell.recipe]) if is_quick else cell


def _measure(cell: DemoCell, channel: str, seed: int, store: Path, listeners: tuple[Listener, ...]) -> str:
    """Run a cell that visits the simulated CHI660E, and return its run id."""
    given = order_files(recipe_document(cell.recipe), cell_document(cell.cell), None, cell.changes)
    parsed = parse_cell(given.cell.text, given.cell.file)
    rack, files = simulated_order(parsed, channel, given, model=None, vary=(), seed=seed)
    recipe = recipe_of(files.recipe)

    def heard(told: Told) -> None:
        for listener in listeners:
            listener(told)

    return launch(Launch(recipe, parsed, channel, rack, label=cell.label, files=files), store, heard).run_id
