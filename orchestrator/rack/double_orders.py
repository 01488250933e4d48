"""Finds orders that were given twice within seconds, as by a double click: one test of one cell is meant."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from orchestrator.clock.scaled import in_loop_time
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run

# Nobody orders the same test of the same cell again on purpose in a shorter time. Real seconds, also on a scaled loop.
TWICE_WITHIN_S = 5.0

_Key = tuple[str, str, str, str, str]


@dataclass(slots=True)
class DoubleOrders:
    """The orders of the last seconds: their runs, and when in the loop's time."""

    _taken: dict[_Key, tuple[Run, float]] = field(default_factory=dict)

    def problem(self, request: RunRequest, by: str) -> str:
        """Return why an order is taken for the second click on one button, in a sentence; empty if it is not."""
        self._forget()
        if (before := self._taken.get(_key(request, by))) is None:
            return ""
        run, _ = before
        if run.state.is_over:
            return ""
        return (
            f"{by} has just ordered the same for {request.channel}: it is {run.run_id}. If it is meant to run twice, "
            f"order it again {TWICE_WITHIN_S:.0f} seconds later with --queue"
        )

    def taken(self, request: RunRequest, run: Run, by: str) -> None:
        """Remember the order of a run for some seconds, as it was given."""
        self._taken[_key(request, by)] = run, asyncio.get_running_loop().time()

    def _forget(self) -> None:
        since_s = asyncio.get_running_loop().time() - in_loop_time(TWICE_WITHIN_S)
        self._taken = {key: order for key, order in self._taken.items() if order[1] > since_s}


def _key(request: RunRequest, by: str) -> _Key:
    program = request.program
    return program.recipe, program.sha256, request.channel, request.label, by
