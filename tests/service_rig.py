"""A service on a simulated rack, and what tests order from it and check of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestrator.rack.mounted_cells import Terms
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.rig import CHANNEL, Rig, li_li_program, same_rows

OTHER = "21-1-5"
# An order may wait; it is the next test of the cell of the run before, at once or behind it.
QUEUE, SAME, NEXT = Terms(queue=True), Terms(same_cell=True), Terms(queue=True, same_cell=True)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    """Run a service; leaving the block kills it as SIGTERM would."""
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(0)
    try:
        yield service
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def serving(rig: Rig, store: Store, *others: Rig) -> AsyncIterator[Service]:
    """Run a service; leaving the block kills it as SIGTERM would, without a word to the tester."""
    async with running(Service(store, [rig.tester, *(other.tester for other in others)])) as service:
        yield service


def request(channel: str = CHANNEL, cycles: int = 3, half_cycle_s: float = 1200.0) -> RunRequest:
    """Give a short Li/Li run."""
    return RunRequest(li_li_program(cycles, half_cycle_s), channel, channel)


def state(run: Run) -> RunState:
    """Give a run's state as it is now."""
    return run.state


def check_rows(rig: Rig, store: Store, run_id: str, channel: str = CHANNEL) -> None:
    """Assert that every test of a run is stored row for row."""
    for test in store.tests(run_id):
        same_rows(rig.bench, list(store.samples(test.id)), test.tester_test_id or 0, channel)
