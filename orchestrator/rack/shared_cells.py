"""Cells that several instruments are wired to: one of them may energise a cell at any time, and no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from drivers.capabilities import LooksAtIdleCells
from drivers.errors import CannotRun, DriverError
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus
from orchestrator.clock.scaled import in_loop_time
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import StoreError

logger = logging.getLogger(__name__)

LOOK_S = 5.0
"""How often the other instruments of a cell are asked while one has it: a live value is as old at worst."""


class SharedCells:
    """The cells of a bench to which more than one channel is wired; ``hold`` is the service's.

    The other channels of a cell that a run has start nothing and do not look at it. A test that somebody starts there
    by hand, or an output that is switched on, holds the run. What was energised before this process is not known until
    each channel was asked.
    """

    def __init__(
        self,
        wired: Sequence[Sequence[str]],
        supervisors: Sequence[Supervisor],
        hold: Callable[[str, str], Awaitable[Run]],
    ) -> None:
        self._wired, self._supervisors, self._hold = wired, supervisors, hold
        self._others = {channel: [it for it in group if it != channel] for group in wired for channel in group}
        for channel, others in self._others.items():
            self._keep_off(channel, f"channel {others[0]}")

    def problem(self, channel: str, *, begins: bool = False) -> str:
        """Return why nothing is ordered on a channel: another one has a run for its cell, both named; else nothing.

        ``begins``: only what has begun is against it, not what waits.
        """
        for other in self._others.get(channel, ()):
            together = _together(channel, other)
            supervisor = self._supervisor(other)
            if other in supervisor.undecided:
                return f"{together}, and it is not known yet what became of a run on {other}: try again in a minute"
            run = self._run_on(other)
            if run is not None and not (begins and run.state is RunState.QUEUED):
                return f"{together}, and {run.run_id} on {other} is {run.state.value}: it must end first"
        return ""

    async def keep_others_off(self, run: Run) -> str:
        """Keep the other channels of a run's cell off it before each of its tests; return why it must not begin now."""
        channel = run.request.channel
        if why := self.problem(channel, begins=True):
            return why
        for other in self._others.get(channel, ()):
            if why := self._keep_off(other, f"channel {channel}"):
                return f"{_together(channel, other)}: {why}"
            if (status := await self._seen(other)) is None:
                return f"{_together(channel, other)}, and {other} is not seen: see that its instrument answers"
            if status.state.is_busy:
                return f"{_together(channel, other)}: {_busy(status)}"
        self._keep_off(channel, "")
        return ""

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Ask the channels of shared cells until the block ends."""
        task = asyncio.create_task(self._watch(), name="watch shared cells") if self._wired else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            for group in self._wired:
                try:
                    await self._look(group)
                except Exception:  # a task's root: the watch over the other cells goes on
                    logger.exception("the channels of one cell, %s, could not be looked after", ", ".join(group))
            await asyncio.sleep(in_loop_time(LOOK_S))

    async def _look(self, group: Sequence[str]) -> None:
        owner = next((channel for channel in group if self._has_begun(channel)), None)
        seen = {channel: await self._seen(channel) for channel in group if channel != owner}
        if owner is None:
            self._leave_to_one(seen, group)
            return
        for channel, status in seen.items():
            self._keep_off(channel, f"channel {owner}")
            run = self._run_on(owner)
            if status is not None and status.state.is_busy and run is not None and run.is_watched:
                await self._hold_for(
                    run, f"channel {owner} and channel {channel} are wired to one cell: {_busy(status)}"
                )

    def _leave_to_one(self, seen: Mapping[str, ChannelStatus | None], group: Sequence[str]) -> None:
        """Let one channel alone connect a cell without a run to see its voltage, and none while another drives it."""
        lookers = [channel for channel in group if isinstance(self._tester(channel), LooksAtIdleCells)]
        # A source meter that does not answer gives nothing by itself; what a tester does then is not known.
        driving = [
            channel for channel, it in seen.items() if (channel not in lookers if it is None else it.state.is_busy)
        ]
        for number, channel in enumerate(lookers):
            others = [it for it in driving if it != channel]
            by = others[0] if others else lookers[0] if number else ""
            self._keep_off(channel, f"channel {by}" if by else "")

    async def _hold_for(self, run: Run, why: str) -> None:
        logger.error("run %s is held: %s", run.run_id, why)
        try:
            await self._hold(run.run_id, f"the watch over shared cells: {why}")
        except (CommandRefused, DriverError, StoreError) as err:
            logger.error("run %s is not held yet: %s", run.run_id, err)

    async def _seen(self, channel: str) -> ChannelStatus | None:
        """Return what a channel is seen to do; None when it is not seen."""
        try:
            status = (await self._tester(channel).status([channel]))[channel]
        except DriverError as err:
            logger.info("channel %s of a shared cell is not seen: %s", channel, err)
            return None
        return None if status.state is ChannelState.ABSENT else status

    def _has_begun(self, channel: str) -> bool:
        run = self._run_on(channel)
        return run is not None and run.state is not RunState.QUEUED

    def _run_on(self, channel: str) -> Run | None:
        """Return the run that a channel's cell is for: the one that is not over and has come furthest."""
        here = [it for it in self._supervisor(channel).runs if it.request.channel == channel and not it.state.is_over]
        return min(here, key=lambda it: it.state is RunState.QUEUED, default=None)

    def _keep_off(self, channel: str, by: str) -> str:
        """Keep a channel that looks at idle cells off its cell, or no more; return why that is not possible now."""
        tester = self._tester(channel)
        try:
            if isinstance(tester, LooksAtIdleCells):
                tester.keep_off(channel, by)
        except CannotRun as err:
            return str(err)
        return ""

    def _tester(self, channel: str) -> BatteryTester:
        return self._supervisor(channel).tester

    def _supervisor(self, channel: str) -> Supervisor:
        return next(it for it in self._supervisors if channel in it.tester.channel_names())


def _together(channel: str, other: str) -> str:
    return f"channel {channel} and channel {other} are wired to one cell"


def _busy(status: ChannelStatus) -> str:
    """Return the words for a channel that drives a cell, or may."""
    test = f"with {status.barcode!r} on it" if status.barcode else f"({status.detail or 'not by us'})"
    return f"{status.channel} is {status.state.value} {test}; it must be stopped"
