"""The demo: the paper's cells at once on the simulated rack, in virtual time, through the same code as real ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.analysis.summary import RunSummary, summarize
from orchestrator.bench.simulated import SimulatedRack, open_simulated_rack
from orchestrator.clock.virtual import run_virtual
from orchestrator.events import Bus, Listener
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.order_files import order_files
from orchestrator.runs.request import RunRequest
from orchestrator.store import CannotOpen, Durability, Store, open_store
from protocols.loading import cell_document, recipe_document


@dataclass(frozen=True, slots=True)
class DemoCell:
    """One cell of the demo: its label, its recipe, the paper's result in a few words, and values set in its files."""

    label: str
    recipe: str
    cell: str
    paper: str
    changes: tuple[str, ...] = ()


CELLS = (
    DemoCell("bare-li-li-0.2", "li-li-0.2", "bare-li-li", "short after about 140 h"),
    DemoCell("coated-li-li-0.2", "li-li-0.2", "coated-li-li", "steady for over 600 h"),
    DemoCell("bare-li-li-0.4", "li-li-0.4", "bare-li-li", "short after about 80 h"),
    DemoCell("coated-li-li-0.4", "li-li-0.4", "coated-li-li", "steady for over 200 h"),
    DemoCell("bare-lfp", "lfp-200mA-g", "bare-lfp", "126.39, 47.49 mAh/g (37.57 %)"),
    DemoCell("coated-lfp", "lfp-200mA-g", "coated-lfp", "143.85, 139.85 mAh/g (97.22 %)"),
)


@dataclass(frozen=True, slots=True)
class DemoRow:
    """One cell's result beside the paper's."""

    cell: DemoCell
    summary: RunSummary


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The results of the demo: its store, its number of samples, a row for each cell, its pictures."""

    store: Path
    samples: int
    rows: tuple[DemoRow, ...]
    pictures: tuple[Path, ...]


def run_demo(folder: Path, seed: int, listeners: Collection[Listener] = ()) -> DemoResult:
    """Run all cells to their ends and draw them. The store in ``folder`` keeps earlier demos' runs beside the new."""
    with open_demo_store(folder) as store:
        runs = run_cells(store, CELLS, seed, listeners)
        rows = tuple(DemoRow(cell, summarize(store, run)) for cell, run in zip(CELLS, runs, strict=True))
        pictures = draw(store, dict(zip((cell.label for cell in CELLS), runs, strict=True)), folder)
        return DemoResult(store.path, sum(row.summary.samples for row in rows), rows, pictures)


def open_demo_store(folder: Path) -> Store:
    """Open the store of a demo in a folder, which is made if need be. Raises CannotOpen."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise CannotOpen(f"{folder} cannot be made a folder ({err.strerror}); give another --out") from err
    return open_store(folder / "cellrig.db", durability=Durability.KILLED_PROCESS)


def run_cells(store: Store, cells: Sequence[DemoCell], seed: int, listeners: Collection[Listener] = ()) -> list[str]:
    """Run up to eight cells at once on the first unit of the simulated rack, to their ends; return their run ids."""
    return run_virtual(_run_all(store, cells, seed, listeners))


async def _run_all(store: Store, cells: Sequence[DemoCell], seed: int, listeners: Collection[Listener]) -> list[str]:
    channels = {cell.label: f"21-1-{n}" for n, cell in enumerate(cells, 1)}
    rack = SimulatedRack({channels[cell.label]: cell.cell for cell in cells}, seed=seed)
    requests = []
    for cell in cells:
        files = order_files(recipe_document(cell.recipe), cell_document(cell.cell), None, cell.changes, {"seed": seed})
        program = files.program()
        if reasons := rack.problems(program, channels[cell.label]):
            raise AssertionError(f"the demo's own recipe does not fit its own rack: {reasons}")
        request = RunRequest(program, channels[cell.label], cell.label, files=files, simulated=True)
        requests.append(request.judged(rack.usual_bands))
    async with open_simulated_rack(rack) as (tester, _):
        return [run.run_id for run in await Supervisor(store, tester, Bus(listeners)).run(requests)]


def draw(store: Store, runs: dict[str, str], folder: Path) -> tuple[Path, ...]:
    """Draw the four pictures of the demo's runs (run ids by cell label) and return their paths."""
    from orchestrator.report import figures

    paths = tuple(folder / f"figure-{name}.png" for name in ("3a", "3b", "5a", "5b"))
    for path, rate, limit_v in ((paths[0], "0.2", 0.25), (paths[1], "0.4", 0.45)):
        pair = [figures.Trace(runs[f"{kind}-li-li-{rate}"], f"{kind} Li") for kind in ("bare", "coated")]
        title = f"Li/Li symmetric cells, {rate} mA cm$^{{-2}}$, {rate} mAh cm$^{{-2}}$, 60 °C"
        figures.voltage_over_time(store, pair, path, title, limit_v)
    lfp = [figures.Trace(runs[f"{kind}-lfp"], f"{kind} Li") for kind in ("bare", "coated")]
    title = "LFP full cells, 200 mA g$^{-1}$, 2.8 to 4.0 V, 60 °C"
    figures.capacity_over_cycles(store, lfp, paths[2], title)
    figures.voltage_over_capacity(store, lfp, (5, 50), paths[3], title)
    return paths
