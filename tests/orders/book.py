"""The book of a shift: who ordered what in which words, which cell was where, and which channels are latched.

It is kept by the people's own doing and by what the tester shows, not read from the service's tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.events import RunUpdate, Told
from orchestrator.states import RunState
from tests.orders.plan import CHANNELS, Order


@dataclass(slots=True)
class Wanted:
    """A run that somebody has ordered: what it is for, and who has taken on that it is implausible."""

    order: Order
    is_implausible: bool
    confirmed_by: str
    # When a person said last that it may start on the cell that is in the holder, in the loop's time.
    words_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Start:
    """A start that has left the service."""

    label: str
    channel: str
    sent_s: float


class Book:
    """What a shift's people know, and what they have seen."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.now_s = clock
        self.wanted: dict[str, Wanted] = {}
        self.starts: dict[str, Start] = {}
        self.foreign: set[tuple[str, int]] = set()
        # By channel and label of the run that tripped: since when.
        self.latched: dict[str, dict[str, float]] = defaultdict(dict)
        self.tripped: set[str] = set()
        self.states: dict[str, RunState] = {}
        self.claims: dict[str, tuple[str, float]] = {}
        # The cells that have been in each holder: number, since when.
        self._cells = {channel: [(number, clock())] for number, channel in enumerate(CHANNELS)}
        self._newest_cell = len(CHANNELS)

    # What people do

    def exchange(self, channel: str) -> int:
        """Put a fresh cell into a holder; gives its number."""
        self._newest_cell += 1
        self._cells[channel].append((self._newest_cell, self.now_s()))
        return self._newest_cell

    def cell(self, channel: str, at_s: float) -> int:
        """Give the number of the cell that was in a holder at a time."""
        return [number for number, since_s in self._cells[channel] if since_s <= at_s][-1]

    def claim_of_another(self, channel: str, by: str) -> str:
        """Give who else has the channel for himself; empty if nobody."""
        owner, until_s = self.claims.get(channel, ("", 0.0))
        return owner if owner not in {"", by} and self.now_s() < until_s else ""

    def acknowledge(self, channel: str, label: str) -> None:
        """Note that a person acknowledges the trip of a run, by name."""
        self.latched[channel].pop(label, None)

    # What is seen

    def sent(self, channel: str, barcode: str, label: str) -> None:
        """Note that a start leaves the service."""
        self.starts[barcode] = Start(label, channel, self.now_s())

    async def hear(self, update: Told) -> None:
        """Note what the service tells of a run."""
        if not isinstance(update, RunUpdate):
            return
        before = self.states.get(update.run_id)
        self.states[update.run_id] = update.state
        if update.state is RunState.TRIPPED and before is not RunState.TRIPPED:
            self.latched[update.channel][update.label] = self.now_s()
            self.tripped.add(update.label)
