"""Settles the runs that a process has left on a channel when it died, before ``cellrig run --bench`` orders another."""

from __future__ import annotations

import asyncio
import logging

from drivers.errors import CannotRun, DriverError
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.run import ADVICE, Run
from orchestrator.states import Ending, RunState
from orchestrator.store import RunRow

logger = logging.getLogger(__name__)

_MOST_POLLS = 20
"""A run whose test is over is collected and ended within a few polls; a tester that is silent meanwhile is told of."""
_DIED = "the process that carried it out died"


async def settle_left_runs(supervisor: Supervisor, channel: str) -> list[Run]:
    """Ask the tester what became of the runs that a dead process has left on a channel, and end them in the store.

    A test that is over is collected to its last record. One that no tester carries on ends as stopped, with its
    records. Returns those that have ended. Raises CannotRun for a test that still goes on, with what a person can do.
    """
    recovery = supervisor.recovery
    recovery.close_leftovers()
    ended: list[Run] = []
    for row in recovery.unfinished():
        if row.channel != channel or row.state is RunState.QUEUED or row.state.is_left_to_a_person:
            continue
        try:
            run = await recovery.recover(row)
            if run.is_watched:
                await _see_it_end(supervisor, run)
        except DriverError as err:
            raise CannotRun(_told(row, f"what became of it cannot be asked: {err}")) from err
        if run.state is RunState.HOLDING:
            # What a held run waits for is no advice on one that has ended.
            run.finish(Ending(RunState.STOPPED, f"{_DIED}: {run.reason.removesuffix(ADVICE)}"))
        if not run.state.is_over:
            at_tester = f"its test goes on at {supervisor.tester.name}"
            raise CannotRun(_told(row, at_tester if run.is_watched else f"it is {run.state.value}: {run.reason}"))
        logger.warning("run %s on %s was left by a dead process and is %s now", row.run_id, channel, run.state.value)
        ended.append(run)
    return ended


async def _see_it_end(supervisor: Supervisor, run: Run) -> None:
    """Supervise a run whose test is over until all of it is stored; one that works is left alone."""
    tester, channel = supervisor.tester, run.request.channel
    if (await tester.status([channel]))[channel].state.is_busy:
        return
    supervisor.adopt(run)
    try:
        async with asyncio.timeout(_MOST_POLLS * tester.poll_period_s):
            await supervisor.serve(lambda: run.status.needs_no_supervision)
    except TimeoutError:
        logger.warning("run %s is not settled yet", run.run_id)


def _told(row: RunRow, what: str) -> str:
    return (
        f"{row.run_id} ({row.label}) is on {row.channel}, and {_DIED}; {what}. 'cellrig serve' with this bench and "
        f"store looks after it to its end; 'cellrig stop --direct --channel {row.channel}' with them stops it: order "
        "this again then"
    )
