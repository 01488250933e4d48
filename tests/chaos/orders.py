"""What the operator may order in a night; each says whether there was something to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from drivers.errors import DriverError
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import NO_TERMS, MountedCells, Terms
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from protocols.program import Program
from simulators.neware.step_machine import Status
from tests.chaos.plan import Happening, pick

if TYPE_CHECKING:
    from tests.chaos.night import Night

STOP_BOUND_S = 300.0


async def submit(night: Night, it: Happening) -> bool:
    """Order a run, unless two wait there already."""
    return _submit(night, it, night.programs[it.channel])


async def submit_measuring(night: Night, it: Happening) -> bool:
    """Order a run that measures spectra between its cycles."""
    return _submit(night, it, night.measuring[it.channel])


def _submit(night: Night, it: Happening, programs: Sequence[Program]) -> bool:
    service = night.host.service
    if (
        service is None
        or sum(run.request.channel == it.channel and not run.state.has_ended for run in service.runs) > 1
    ):
        return False
    # One cell stays on each channel: an order is for it, at once or behind the run that is there.
    terms = Terms(queue=bool(MountedCells(service.store).open_runs(it.channel)), same_cell=True)
    if not terms.queue and service.cells.on(it.channel) is None:
        terms = NO_TERMS
    try:
        service.submit(RunRequest(pick(programs, it.luck), it.channel, it.channel), "ada", terms)
    except CommandRefused:
        return False
    return True


def _some(service: Service | None, luck: float, wanted: Callable[[Run], bool]) -> Run | None:
    runs = [run for run in service.runs if wanted(run)] if service else []
    return pick(runs, luck) if runs else None


async def stop(night: Night, it: Happening) -> bool:
    """Stop some run; while the link is good this is confirmed soon, whatever the tester does."""
    service = night.host.service
    run = _some(service, it.luck, lambda run: not run.state.is_settled)
    return run is not None and await stop_run(night, run)


async def hold(night: Night, it: Happening) -> bool:
    """Hold some run that works; while the link is good this is confirmed as soon as a stop."""
    service = night.host.service
    run = _some(service, it.luck, lambda run: run.state in {RunState.RUNNING, RunState.UNSEEN})
    if service is None or run is None:
        return False
    with _bounded_stop(night, [run]):
        await _while_alive(night, service.hold(run.run_id, "ada"))
    return True


async def stop_run(night: Night, run: Run) -> bool:
    """Stop a run that the service looks after; False when it is dead."""
    service = night.host.service
    if service is None:
        return False
    with _bounded_stop(night, [run]):
        await _while_alive(night, service.stop(run.run_id, "ada"))
    return True


async def submit_and_stop(night: Night, it: Happening) -> bool:
    """Order a run and think better of it within its start."""
    service = night.host.service
    if service is None or not await submit(night, it):
        return False
    run = service.runs[-1]
    await asyncio.sleep(it.luck * 1000 % 12.0)
    if night.host.service is service and not run.state.is_settled:
        await stop_run(night, run)
    return True


async def stop_rack(night: Night, it: Happening) -> bool:
    """Stop everything."""
    service = night.host.service
    if service is None:
        return False
    with _bounded_stop(night, [run for run in service.runs if not run.state.is_settled]):
        await _while_alive(night, service.stop_rack("ada"))
    return True


class _bounded_stop:  # noqa: N801 - used as a context
    """Check a stop that was ordered while the link was good and stayed so."""

    def __init__(self, night: Night, runs: list[Run]) -> None:
        self._night, self._runs = night, runs
        self._began = (night.host.process, night.troubles_so_far, night.link_troubles)
        self._began_s = asyncio.get_running_loop().time()

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Check, unless the link or the service was lost meanwhile."""
        night = self._night
        good = self._began[2] == 0 and (night.host.process, night.troubles_so_far, 0) == self._began
        if not good or error is not None:
            return
        took_s = asyncio.get_running_loop().time() - self._began_s
        assert took_s <= STOP_BOUND_S, f"a stop took {took_s:.0f} s on a good link"
        for run in self._runs:
            settled = (
                run.state.is_settled
                or run.state is RunState.HOLDING
                or self._cannot_be_stopped(run)
                or says_leads(run.state, run.reason)
            )
            assert settled, f"{run.run_id} is {run.state}: {run.reason}, after a stop on a good link"

    def _cannot_be_stopped(self, run: Run) -> bool:
        """Tell whether a channel is paused and deaf to stops: goto and reset, which are left, need one that works."""
        name = run.request.channel
        if name not in self._night.bench.tester.channels:
            return False
        machine = self._night.bench.tester.channel(name).machine
        crooked = self._night.invariants.crooked
        was_deaf = any(channel == name and ended_s >= self._began_s for channel, _, ended_s in crooked)
        return machine.status is Status.PAUSE and (machine.trouble.stop != "obey" or was_deaf)


def says_leads(state: str, reason: str) -> bool:
    """Tell whether a run is held, and says that its cell may be at the potentiostat's leads."""
    return state == RunState.HOLDING and any(word in reason for word in ("leads", "potentiostat"))


async def resume(night: Night, it: Happening) -> bool:
    """Go on with some held run, or let one start that waits for a person."""
    service = night.host.service
    run = _some(service, it.luck, lambda run: run.state is RunState.HOLDING or run.status.waits_for_a_word)
    if service is None or run is None:
        return False
    try:
        if run.state is RunState.QUEUED:
            service.cells.mounted(run.run_id, "ada")
        else:
            await _while_alive(night, service.resume(run.run_id, "ada"))
    except (CommandRefused, DriverError):
        return False
    return True


async def acknowledge(night: Night, it: Happening) -> bool:
    """Acknowledge some trip."""
    service = night.host.service
    run = _some(service, it.luck, lambda run: run.state is RunState.TRIPPED)
    if service is None or run is None:
        return False
    night.invariants.look(night.host)
    service.acknowledge(run.run_id, "ada")
    return True


async def _while_alive(night: Night, order: Awaitable[object]) -> None:
    """Wait for an order until it is carried out or its service is dead."""
    process = night.host.process
    assert process is not None
    ordered = asyncio.ensure_future(order)
    await asyncio.wait({ordered, process.task}, return_when=asyncio.FIRST_COMPLETED)
    if not ordered.done():
        ordered.cancel()
        await asyncio.wait({ordered})
    if night.host.process is process and not ordered.cancelled():
        ordered.result()
    elif not ordered.cancelled():
        ordered.exception()
