"""Stops by a person's order, of a run, a channel or the rack: what the channel does decides, not what our tables say.

Each order is answered in time (``PendingOrders``): confirmed, or with what is known and what to do by hand. One that is
not confirmed goes on being carried out, and its last report is kept for whoever asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from drivers.errors import DriverError
from orchestrator.rack.channel_watch import BY_HAND, StopOutcome
from orchestrator.rack.pending_orders import PendingOrders
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import StoreError

if TYPE_CHECKING:
    from orchestrator.rack.supervisor import Supervisor
    from orchestrator.store import RunRow

_NOT_WRITTEN = "the {} is ordered, at the tester too where something runs; it cannot be written down yet"


class Rack(Protocol):
    """The parts of a service that its stops use."""

    supervisors: list[Supervisor]

    @property
    def runs(self) -> list[Run]:
        """The runs of this process."""

    def channels(self) -> list[str]:
        """Give all channels."""

    def supervisor_of(self, channel: str) -> Supervisor:
        """Return the supervisor of a channel. Raises NoSuchThing."""

    def find(self, run_id: str) -> tuple[Supervisor, Run]:
        """Return a run and its supervisor. Raises NoSuchThing."""

    def undecided_rows(self) -> list[tuple[Supervisor, RunRow]]:
        """Return the runs of an earlier process that are not recovered yet."""

    async def stop(self, run_id: str, by: str) -> Run:
        """Stop a run; it is confirmed afterwards, or unknown."""

    async def hold(self, run_id: str, by: str) -> Run:
        """Stop a run's current and keep the run. Raises CommandRefused."""


@dataclass(frozen=True, slots=True)
class StopReport:
    """What is known of one ordered stop.

    ``is_off``: the channel was seen to be off. ``is_pending``: the stop is being carried out. ``answers``: the tester
    has answered since the order, so that waiting for the confirmation is worth it.
    """

    channel: str
    run: Run | None
    is_off: bool
    words: str
    is_pending: bool = False
    answers: bool = True


class StopOrders:
    """The stops that people order of one service."""

    def __init__(self, rack: Rack, orders: PendingOrders) -> None:
        self._rack = rack
        self._orders = orders
        # The last report of each channel; a pending one until its stop has ended.
        self.last: dict[str, StopReport] = {}

    # Each answered in time

    async def stop_run(self, run_id: str, by: str) -> StopReport:
        """Stop one run, and its test if the channel works on it although the run is over. Raises StoreError."""
        supervisor, run = self._rack.find(run_id)
        if (other := self._other(run)) is not None:
            return await self._beside(run, other, by)
        return await self._answered(supervisor, run.request.channel, run, self._stop_run(supervisor, run, by))

    async def hold_run(self, run_id: str, by: str) -> StopReport:
        """Hold one run: ``is_off`` says that it is held and its channel off. Raises CommandRefused and StoreError."""
        supervisor, run = self._rack.find(run_id)
        return await self._answered(supervisor, run.request.channel, run, self._hold_run(supervisor, run, by), "hold")

    async def stop_channel(self, channel: str, by: str) -> StopReport:
        """Stop whatever works on a channel, a run of this service or not. Raises NoSuchThing and StoreError."""
        supervisor = self._rack.supervisor_of(channel)
        run = self._live(channel)
        return await self._answered(supervisor, channel, run, self._stop_channel(supervisor, channel, by))

    async def stop_rack(self, by: str) -> list[StopReport]:
        """Stop every run, and every channel that works, whatever the tables say. Raises StoreError.

        What begins while the testers are waited for is stopped too.
        """
        known = {run.run_id for run in self._rack.runs}
        reports = await self._stop_all(by)
        new = {run.request.channel for run in self._rack.runs if run.run_id not in known and not run.state.is_settled}
        reports += await asyncio.gather(*(self._stop_whole(channel, by) for channel in sorted(new)))
        return reports

    async def _stop_all(self, by: str) -> list[StopReport]:
        channels = {run.request.channel for run in self._rack.runs if not run.state.is_settled}
        channels |= {row.channel for _, row in self._rack.undecided_rows()}
        channels |= {it for it in self._rack.channels() if self._rack.supervisor_of(it).watch.stray(it)}
        stops = [self._stop_whole(channel, by) for channel in sorted(channels)]
        others = [self._stop_unknown(supervisor, channels, by) for supervisor in self._rack.supervisors]
        done = await asyncio.gather(asyncio.gather(*stops), asyncio.gather(*others))
        return [*done[0], *(report for reports in done[1] for report in reports)]

    async def _stop_whole(self, channel: str, by: str) -> StopReport:
        """Stop a channel as ``stop_channel`` does, and the runs that wait for it."""
        for run in list(self._rack.runs):
            if run.request.channel == channel and run.state is RunState.QUEUED:
                await self._rack.stop(run.run_id, by)
        return await self.stop_channel(channel, by)

    async def _beside(self, run: Run, other: Run, by: str) -> StopReport:
        """Stop a run whose channel another one has: the last report of the channel stays that of the other one."""
        is_over = run.state.is_over
        channel, what = run.request.channel, f"stop of {run.run_id}"
        is_given = await self._orders.give(what, self._rack.stop(run.run_id, by)) is not None
        words = _words(run) if is_given else f"the {what} is ordered, and not written down yet"
        words += f"; {other.run_id} has the channel"
        words += f": 'cellrig stop {other.run_id}' stops it" if is_over else ""
        # One that had not begun is off; where one has ended, the current is that of the other.
        return StopReport(channel, run, is_off=is_given and not is_over, words=words)

    async def _answered(
        self,
        supervisor: Supervisor,
        channel: str,
        run: Run | None,
        stop: Coroutine[Any, Any, StopReport],
        order: str = "stop",
    ) -> StopReport:
        """Give the report of a stop, or hold, that has begun, or what is known while it goes on."""
        since_s = asyncio.get_running_loop().time()
        what = f"{order} of {run.run_id} on {channel}" if run is not None else f"{order} of channel {channel}"
        self.last[channel] = _pending(supervisor, channel, run, since_s, order, what)
        report = await self._orders.give(what, self._kept(supervisor, channel, stop, order))
        if report is None:
            report = _pending(supervisor, channel, run, since_s, order, what)
            self.last[channel] = report
        return report

    async def _kept(
        self, supervisor: Supervisor, channel: str, stop: Coroutine[Any, Any, StopReport], order: str
    ) -> StopReport:
        """Carry out a stop and keep its report; behind it the tester is asked whether it answers at all."""
        stopping = asyncio.ensure_future(stop)
        await asyncio.sleep(0)
        question = supervisor.watch.ask_whether_it_answers(channel)
        await self._orders.give(f"question to {supervisor.tester.name}", question, within_s=0.0)
        try:
            report = self.last[channel] = await stopping
        except StoreError as err:
            self.last[channel] = StopReport(channel, None, is_off=False, words=f"{not_written(order)}: {err}")
            raise
        except DriverError as err:
            self.last[channel] = StopReport(channel, None, is_off=False, words=f"{err}; {BY_HAND}")
            raise
        except BaseException:
            # Refused, or cut short by the end of the service: nothing is known of it.
            self.last.pop(channel, None)
            raise
        return report

    async def _stop_unknown(self, supervisor: Supervisor, known: set[str], by: str) -> list[StopReport]:
        """Look at all other channels of a tester, and stop those that work: one order, answered in time."""
        if not supervisor.tester.traits.is_remote:
            return []
        found: list[str] = []

        async def look_and_stop() -> list[StopReport]:
            found.extend(await supervisor.watch.working(known))
            return list(await asyncio.gather(*(self.stop_channel(channel, by) for channel in found)))

        try:
            reports = await self._orders.give(f"rack stop of {supervisor.tester.name}", look_and_stop())
        except DriverError as err:
            return [_unseen(supervisor, str(err))]
        if reports is not None:
            return reports
        pending = [self.last[channel] for channel in found if channel in self.last]
        return pending or [_unseen(supervisor, "it has not answered yet, and what works there is stopped when it does")]

    # Each to its end

    async def _hold_run(self, supervisor: Supervisor, run: Run, by: str) -> StopReport:
        channel = run.request.channel
        await self._rack.hold(run.run_id, by)
        if run.state.is_over:
            # Stopped or completed before it could be held.
            outcome = await self._outcome_of(supervisor, run, by)
            return StopReport(channel, run, is_off=False, words=f"not held, it is over: {_words(run)}; {outcome.words}")
        if run.state is not RunState.HOLDING:
            return StopReport(channel, run, is_off=False, words=f"{_words(run)}; {BY_HAND}")
        if not supervisor.tester.traits.is_remote:
            return StopReport(channel, run, is_off=True, words=_words(run))
        # Somebody may have taken the channel at the tester before the hold.
        return await self._seen_off(supervisor, run, by)

    async def _stop_run(self, supervisor: Supervisor, run: Run, by: str) -> StopReport:
        channel = run.request.channel
        await self._rack.stop(run.run_id, by)
        if (other := self._other(run)) is not None:
            return StopReport(channel, run, is_off=False, words=f"{_words(run)}; {other.run_id} has the channel")
        if run.state.is_no_confirmed_stop or not supervisor.tester.traits.is_remote:
            return _of_run(run)
        return await self._seen_off(supervisor, run, by)

    async def _seen_off(self, supervisor: Supervisor, run: Run, by: str) -> StopReport:
        """Look at the channel of a run that was stopped or held; what works of it is stopped, anything else is told."""
        outcome = await self._outcome_of(supervisor, run, by)
        return StopReport(run.request.channel, run, outcome.is_off, f"{_words(run)}; {outcome.words}")

    async def _outcome_of(self, supervisor: Supervisor, run: Run, by: str) -> StopOutcome:
        channel = run.request.channel
        if supervisor.tester.traits.is_remote:
            return await supervisor.watch.stop_only(channel, by, run)
        return StopOutcome(True, f"channel {channel} is off")

    async def _stop_channel(self, supervisor: Supervisor, channel: str, by: str) -> StopReport:
        said: list[str] = []
        for undecided, row in self._rack.undecided_rows():
            if row.channel == channel:
                try:
                    said.append(await undecided.recovery.stop(row, by))
                except DriverError as err:
                    said.append(f"{row.run_id}: {err}")
        run = self._live(channel)
        if run is not None:
            await self._rack.stop(run.run_id, by)
            said.append(_words(run))
        if run is not None and (run.state.is_no_confirmed_stop or not supervisor.tester.traits.is_remote):
            return _of_run(run)
        outcome = await self._outcome(supervisor, channel, by)
        return StopReport(channel, run, outcome.is_off, "; ".join([*said, outcome.words]))

    async def _outcome(self, supervisor: Supervisor, channel: str, by: str) -> StopOutcome:
        if supervisor.tester.traits.is_remote:
            return await supervisor.watch.stop(channel, by)
        return StopOutcome(True, f"nothing works on channel {channel}: this service alone drives it")

    def _other(self, run: Run) -> Run | None:
        """Return the run that has the channel of one that does not have it; None where no other has it."""
        live = self._live(run.request.channel)
        return None if live is run else live

    def _live(self, channel: str) -> Run | None:
        """Return the run that a stop of a channel concerns: one that has begun and is not over."""
        runs = [run for run in self._rack.runs if run.request.channel == channel]
        live = [run for run in runs if not run.state.is_settled and run.state is not RunState.QUEUED]
        return live[-1] if live else None


def _words(run: Run) -> str:
    return run.reason or run.state.value


def not_written(order: str) -> str:
    """Say that an order, such as ``stop``, is carried out although the store does not take it."""
    return _NOT_WRITTEN.format(order)


def _of_run(run: Run) -> StopReport:
    is_off = not run.state.is_no_confirmed_stop
    return StopReport(run.request.channel, run, is_off, _words(run) if is_off else f"{_words(run)}; {BY_HAND}")


def _pending(
    supervisor: Supervisor, channel: str, run: Run | None, since_s: float, order: str, what: str
) -> StopReport:
    answers = supervisor.watch.answered_since(since_s)
    name = supervisor.tester.name
    known = f"{name} answers, and is asked whether it is off" if answers else f"{name} does not answer"
    if trouble := supervisor.trouble.sentence:
        known += f"; the {order} is sent all the same, but the store takes nothing: {trouble}"
    words = f"the {what} is ordered and not confirmed: {known}; it goes on being carried out, and is seen in "
    return StopReport(channel, run, False, f"{words}'cellrig status'; {BY_HAND}", is_pending=True, answers=answers)


def _unseen(supervisor: Supervisor, why: str) -> StopReport:
    name = supervisor.tester.name
    words = f"whether other channels of {name} work is not known: {why}; look at the tester, and stop them by hand"
    return StopReport(name, None, is_off=False, words=words, answers=False)
