"""What people say of the cells on the channels of one service: with an order, of a queued run, of an empty channel."""

from __future__ import annotations

import json
from typing import Protocol

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind, RunUpdate
from orchestrator.events.time_left import left_of
from orchestrator.rack.claims import Claims, CommandRefused
from orchestrator.rack.mounted_cells import MountedCells, Terms, Word
from orchestrator.rack.queue_times import QueueTimes, queue_times
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import MountingKind, Mountings, RunOnChannel, Store

_SAID = Word(MountingKind.MOUNTED)


class Rack(Protocol):
    """The parts of a service that words on cells use."""

    store: Store
    claims: Claims
    supervisors: list[Supervisor]

    @property
    def runs(self) -> list[Run]:
        """The runs of this process."""

    @property
    def no_starts(self) -> str | None:
        """Why nothing is started at present."""

    def supervisor_of(self, channel: str) -> Supervisor:
        """Return the supervisor of a channel. Raises NoSuchThing."""

    def find(self, run_id: str) -> tuple[Supervisor, Run]:
        """Return a run and its supervisor. Raises NoSuchThing."""


class CellOrders:
    """The words on cells of one service."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._cells = MountedCells(rack.store)

    def on(self, channel: str) -> RunOnChannel | None:
        """Return the run whose cell is on a channel, going on or over; None when the channel is empty."""
        return self._cells.on(channel)

    def admitted(self, request: RunRequest, terms: Terms) -> tuple[RunRequest, Word]:
        """Return an order with the name of its cell, and the word on it. Raises CommandRefused."""
        return self._cells.admitted(request, terms, self._until)

    def elsewhere(self, label: str, channel: str) -> dict[str, RunOnChannel]:
        """Return the runs whose cells of a name are on other channels of this rack, by channel."""
        there = {it for supervisor in self._rack.supervisors for it in supervisor.tester.channels()}
        there -= set(self._cells.channels_of_cell(channel))
        return {it: run for it, run in self._cells.with_label(label).items() if it in there}

    def waits(self, run: Run) -> str:
        """Say what a run that was just queued waits for; empty if it starts at once."""
        channel, word = run.request.channel, Mountings(self._rack.store).last_word(run.run_id)
        before = [other.run_id for other in self._cells.open_runs(channel) if other.run_id != run.run_id]
        if not before:
            return self._rack.supervisor_of(channel).queue.reason_to_wait(run)
        if word is not None and word.kind is MountingKind.SAME_CELL:
            return f"it starts by itself when {before[-1]} has completed"
        return f"it waits behind {before[-1]}; when its cell is on {channel}, then: cellrig mounted {run.run_id}"

    def queue_times(self, channel: str, present: RunUpdate | None) -> QueueTimes:
        """Return when the runs that wait behind the present one are expected to begin, and the channel to be free."""
        waiting = [run for run in self._rack.runs if run.request.channel == channel and run.state is RunState.QUEUED]
        return queue_times(present, waiting, Mountings(self._rack.store))

    def mounted(self, run_id: str, by: str) -> Run:
        """Store that the cell of a queued run is on its channel: it may start. Raises CommandRefused."""
        supervisor, run = self._rack.find(run_id)
        channel = run.request.channel
        if run.state is not RunState.QUEUED:
            raise CommandRefused(f"run {run_id} is {run.state.value}: only a queued run waits for its cell")
        for other in self._cells.begun_runs(channel):
            if other.state is RunState.TRIPPED:
                raise CommandRefused(
                    f"{other.run_id} on {channel} was stopped for safety: look at the cell, then "
                    f"'cellrig ack {other.run_id}', and order this again"
                )
            raise CommandRefused(
                f"{other.run_id} ({other.label}) is on {channel} and {other.state.value}: say that the cell of "
                f"{run_id} is mounted when that run is over and it is so"
            )
        if not supervisor.queue.reason_to_wait(run):
            raise CommandRefused(f"run {run_id} is queued and starts by itself: its cell is said to be on {channel}")
        for other_run in supervisor.runs:
            if other_run.request.channel == channel and other_run is not run and _is_due(supervisor, other_run):
                raise CommandRefused(
                    f"{other_run.run_id} ({other_run.request.label}) is about to start on {channel}, because its cell "
                    f"is said to be there: 'cellrig stop {other_run.run_id}' if that is wrong"
                )
        if self._rack.no_starts is not None:
            raise CommandRefused(self._rack.no_starts)
        self._rack.claims.check(channel, by)
        with self._rack.store.transaction():
            run.journal.note(EventKind.COMMAND, f"start ordered by {by}: its cell is mounted")
            supervisor.queue.say(run, _SAID, by)
            run.wait("")
        supervisor.wake()
        return run

    def empty(self, channel: str, by: str) -> None:
        """Store that no cell is on a channel. Raises CommandRefused while a run is there, or something works."""
        wired = self._cells.channels_of_cell(channel)
        for at, run in [(one, run) for one in wired for run in self._cells.begun_runs(one)]:
            first = f"'cellrig ack {run.run_id}'" if run.state is RunState.TRIPPED else f"'cellrig stop {run.run_id}'"
            raise CommandRefused(f"{run.run_id} ({run.label}) is on {at} and {run.state.value}: {first} first")
        for at in wired:
            if works := self._rack.supervisor_of(at).watch.words(at):
                raise CommandRefused(f"{at} {works}")
        self._rack.claims.check(channel, by)
        on, now = self._cells.on(channel), wall_time()
        was = f"{on.label} of {on.run_id} was on it" if on else "nothing was known to be on it"
        with self._rack.store.transaction():
            data = json.dumps({"by": by, "channel": channel})
            self._rack.store.add_event(
                None, EventKind.CHANNEL_EMPTY, f"channel {channel} is empty, said by {by}; {was}", now, data
            )
            Mountings(self._rack.store).add(channel, MountingKind.EMPTY, None, by, now)

    def _until(self, run_id: str) -> str:
        """Say how long a run goes on; empty when it does not go on."""
        for run in self._rack.runs:
            if run.run_id == run_id and run.state.is_live:
                update = run.update()
                return f", {left_of(update)}"
        return ""


def _is_due(supervisor: Supervisor, run: Run) -> bool:
    return run.state is RunState.QUEUED and not supervisor.queue.reason_to_wait(run)
