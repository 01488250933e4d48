"""Sends the pending stops of runs beside the polls of their tester, so that no stop keeps other cells unwatched.

A stop that its tester does not confirm climbs a ladder for minutes. A poll waits for it for a share of its period;
after that the stop goes on by itself, and the next poll joins it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from orchestrator.runs.run import Run

# Of a poll's period, how long a poll waits for a stop.
WAIT_SHARE = 0.5


class StopRepeats:
    """The pending stops of one tester's runs that are under way, one for each run."""

    def __init__(self, poll_period_s: float, isolating: Callable[[Run], AbstractAsyncContextManager[None]]) -> None:
        self._wait_s = WAIT_SHARE * poll_period_s
        self._isolating = isolating
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def send(self, run: Run) -> None:
        """Send a run's pending stop once more, or join the one that is under way; wait for it for a while.

        What goes wrong with it ends only that run's stop, which the next poll sends again.
        """
        task = self._under_way.get(run.run_id)
        if task is None:
            task = asyncio.create_task(self._stop(run), name=f"stop {run.run_id}")
            self._under_way[run.run_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(run.run_id, None))
        await asyncio.wait({task}, timeout=self._wait_s)

    async def _stop(self, run: Run) -> None:
        async with self._isolating(run):
            await run.stopping.again()
        run.publish()

    async def __aenter__(self) -> None:
        """Begin with nothing under way."""

    async def __aexit__(self, *_: object) -> None:
        """Cancel what is under way: the watch ends, and whoever follows it asks the tester."""
        tasks = set(self._under_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
