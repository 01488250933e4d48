"""The demo: the paper's cells at once on the simulated rack, in virtual time, through the same path as real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from orchestrator.analysis.summary import RunSummary, summarize
from orchestrator.bench import SimulatedRack, channel_envelope, open_simulated_rack
from orchestrator.events import Subscriber
from orchestrator.run import RunRequest
from orchestrator.store import open_store
from orchestrator.supervisor import Supervisor
from orchestrator.virtual_time import run_virtual
from protocols.envelope import problems
from protocols.loading import load_cell, load_recipe
from protocols.resolve import resolve


@dataclass(frozen=True, slots=True)
class DemoCell:
    """One cell of the demo: its label, what runs on it, and what the paper says of it in a few words."""

    label: str
    recipe: str
    cell: str
    paper: str


CELLS = (
    DemoCell("bare-li-li-0.2", "li-li-0.2", "bare-li-li", "short after about 140 h"),
    DemoCell("coated-li-li-0.2", "li-li-0.2", "coated-li-li", "steady for over 600 h"),
    DemoCell("bare-li-li-0.4", "li-li-0.4", "bare-li-li", "short after about 80 h"),
    DemoCell("coated-li-li-0.4", "li-li-0.4", "coated-li-li", "steady for over 200 h"),
)
PAPER: Mapping[str, str] = MappingProxyType({cell.label: cell.paper for cell in CELLS})


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo left: its store, its number of samples, a summary of each cell in order."""

    store: Path
    samples: int
    summaries: tuple[RunSummary, ...]


def run_demo(folder: Path, seed: int, subscriber: Subscriber) -> DemoResult:
    """Run all cells to their ends. The store in ``folder`` keeps earlier demos' runs beside the new ones."""
    folder.mkdir(parents=True, exist_ok=True)
    return run_virtual(_demo(folder / "cellrig.db", seed, subscriber))


async def _demo(store: Path, seed: int, subscriber: Subscriber) -> DemoResult:
    channels = {cell.label: f"21-1-{n}" for n, cell in enumerate(CELLS, 1)}
    requests = []
    for cell in CELLS:
        program = resolve(load_recipe(cell.recipe), load_cell(cell.cell))
        if reasons := problems(program, channel_envelope(None, channels[cell.label])):
            raise AssertionError(f"the demo's own recipe does not fit its own rack: {reasons}")
        requests.append(RunRequest(program, channels[cell.label], cell.label))
    rack = SimulatedRack({channels[cell.label]: cell.cell for cell in CELLS}, seed)
    with open_store(store) as opened:
        async with open_simulated_rack(rack) as (tester, _):
            runs = await Supervisor(opened, tester, [subscriber]).run(requests)
        summaries = tuple(summarize(opened, run.run_id) for run in runs)
    return DemoResult(store, sum(summary.samples for summary in summaries), summaries)
