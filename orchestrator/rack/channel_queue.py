"""Decides which queued run of each channel may start, and tells why the others wait for a person.

A run starts on a person's word that its cell is on the channel. The word holds until another run begins there, or
somebody says that the channel is empty. "The same cell as that of the run before" holds as long as that very run was
the last one and completed. After any other end nothing starts without a new word. The order of rows in the store
decides, not a clock, so that a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.mounted_cells import Word
from orchestrator.runs.run import Run
from orchestrator.runs.store_outage import StoreTrouble
from orchestrator.states import RunState
from orchestrator.store import Mounting, MountingKind, Mountings, Store

# Stores what else belongs to a run that is queued, in the transaction that stores the run.
Keep: TypeAlias = Callable[[Run], None]

_SAID = {MountingKind.MOUNTED: "is on {}", MountingKind.SAME_CELL: "is still on {}, as for {}"}


def keep_nothing(_: Run) -> None:
    """Store nothing else."""


class ChannelQueue:
    """The queues of one tester's channels; the runs themselves are the supervisor's."""

    def __init__(self, store: Store, trouble: StoreTrouble) -> None:
        self._store = store
        self._mountings = Mountings(store)
        self._trouble = trouble

    def say(self, run: Run, word: Word, by: str) -> None:
        """Store what was said of the cell of a queued run, and by whom."""
        channel, label = run.request.channel, run.request.label
        with self._store.transaction():
            if by and word.kind in _SAID:
                what = f"{label} {_SAID[word.kind].format(channel, word.follows)}, said by {by}"
                run.journal.note(EventKind.CELL_MOUNTED, what, {"by": by, "cell": label, "word": word.kind.value})
            self._mountings.add(channel, word.kind, run.run_id, by, wall_time(), word.follows)

    def begin(self, run: Run) -> None:
        """Take a run out of the queue: it begins, and its cell is the one on the channel from now on."""
        with self._store.transaction():
            run.go(RunState.PREFLIGHT)
            self._mountings.add(run.request.channel, MountingKind.BEGUN, run.run_id, "", wall_time())

    def reason_to_wait(self, run: Run) -> str:
        """Return why a queued run needs a word of a person, in a sentence; empty if it may start. Raises StoreError."""
        channel, label = run.request.channel, run.request.label
        if not (why := self._doubt(run)):
            return ""
        return f"waits for a person: {why}. See that {label} is on {channel}, then: cellrig mounted {run.run_id}"

    def _doubt(self, run: Run) -> str:
        """Return why it is not known that the cell of a run is on its channel; empty if a person's word holds."""
        channel = run.request.channel
        word = self._mountings.last_word(run.run_id)
        if word is not None and (broken := self._mountings.broken_since(channel, word.event)):
            return f"{broken[0]} {broken[1].in_the_past} on {channel} after this run was ordered"
        use = self._mountings.last_use(channel)
        if use is not None and use.kind is MountingKind.EMPTY and (word is None or word.id < use.id):
            return f"{channel} is empty, said {use.said_by}"
        if word is None or word.kind is MountingKind.QUEUED:
            was = f"; {self._cell_of(use)} was on it last" if use is not None else ""
            return f"nobody has said that its cell is mounted{was}"
        if word.kind is MountingKind.SAME_CELL:
            before = self._before(word)
            is_next = use is not None and use.run_id == before
            return "" if is_next else f"it is for the cell of {before}, which was not the last run on {channel}"
        return "" if use is None or use.id < word.id else f"{self._cell_of(use)} has been on {channel} meanwhile"

    def _before(self, word: Mounting) -> str | None:
        """Return the run whose cell an order is for; of runs that were taken out of the queue, the one before them."""
        while word.follows is not None and self._mountings.was_dropped(word.follows):
            of_dropped = self._mountings.last_word(word.follows)
            if of_dropped is None or of_dropped.kind is not MountingKind.SAME_CELL:
                break
            word = of_dropped
        return word.follows

    def _cell_of(self, use: Mounting) -> str:
        return f"{self._mountings.run(use.run_id).label} of {use.run_id}" if use.run_id else "no cell"

    def startable(self, runs: Collection[Run], held: Collection[str]) -> list[Run]:
        """Return the oldest queued run of each free channel that waits for nobody, and store why the others wait.

        A trip occupies its channel until it is acknowledged.
        """
        taken = set(held)
        taken |= {run.request.channel for run in runs if not run.state.is_over and run.state is not RunState.QUEUED}
        first: dict[str, Run] = {}
        for run in runs:
            if run.state is RunState.QUEUED and run.request.channel not in taken | first.keys():
                with self._trouble.tolerating(f"run {run.run_id}"):
                    why = self.reason_to_wait(run)
                    if not why:
                        first[run.request.channel] = run
                    elif why != run.reason and not self._is_behind(run, runs):
                        run.wait(why)
        return list(first.values())

    def _is_behind(self, run: Run, runs: Collection[Run]) -> bool:
        """Return whether a queued run is for the cell of another that is queued too: that one waits for the word."""
        word = self._mountings.last_word(run.run_id)
        queued = {other.run_id for other in runs if other.state is RunState.QUEUED}
        return word is not None and word.follows in queued
