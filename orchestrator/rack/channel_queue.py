"""Decides which queued run of each channel may start, and tells why the others wait for a person.

A run that completed by itself lets the next one start. After a stop or a trip nothing starts on that channel without a
new word of a person: what was ordered before it waits until it is resumed by name. The order of events in the store
decides, not a clock, so that a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.runs.store_outage import StoreTrouble
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.store.errors import explained

_LAST_WORD = "SELECT max(id) FROM event WHERE run_id = ? AND kind = ?"
# The newest run that had begun on the channel and was stopped or tripped after an event.
_ENDED_SINCE = """
    SELECT run.run_id, run.state FROM event JOIN run USING (run_id)
    WHERE event.id > ? AND event.kind = ? AND run.channel = ? AND run.state IN ('stopped', 'tripped') AND EXISTS (
        SELECT 1 FROM event AS begun
        WHERE begun.run_id = run.run_id AND begun.kind = event.kind AND begun.message LIKE 'preflight%'
    )
    ORDER BY event.id DESC LIMIT 1
"""


class ChannelQueue:
    """The queues of one tester's channels; the runs themselves are the supervisor's."""

    def __init__(self, store: Store, trouble: StoreTrouble) -> None:
        self._store = store
        self._trouble = trouble
        # The newest event at the time of each order of this process.
        self._words: dict[str, int] = {}

    def ordered(self, run: Run) -> None:
        """Record that a person has ordered the start of a queued run just now."""
        with explained(self._store.path):
            (newest,) = self._store.connection.execute("SELECT max(id) FROM event").fetchone()
        self._words[run.run_id] = newest or 0

    def reason_to_wait(self, run: Run) -> str:
        """Return why a queued run needs a new word of a person, or an empty text. Raises StoreError."""
        ask = self._store.connection.execute
        with explained(self._store.path):
            (stored,) = ask(_LAST_WORD, (run.run_id, EventKind.COMMAND)).fetchone()
            word = max(stored or 0, self._words.get(run.run_id, 0))
            found = ask(_ENDED_SINCE, (word, EventKind.STATE, run.request.channel)).fetchone()
        if found is None:
            return ""
        run_id, state = found
        return (
            f"waits for a person: {run_id} was {state} on {run.request.channel} after this run was ordered. "
            f"See that the right cell is on the channel, then: cellrig resume {run.run_id}"
        )

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
                    elif why != run.reason:
                        run.wait(why)
        return list(first.values())
