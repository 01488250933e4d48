"""The book of a shift: who ordered what in which words, which cell was where, and which channels are latched.

It is kept by the people's own doing and by what the tester shows, not read from the service's tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.events import RunUpdate, Told
from orchestrator.states import RunState
from tests.orders.plan import CHANNELS, Order


class Meant(Enum):
    """What a person's word on a run says of the cell."""

    EMPTY = "the channel is empty, as far as the service is told, so this is its cell"
    THIS = "the cell that is there is the one that is meant"
    BEHIND = "the cell of the run before is meant, when that has completed"


@dataclass(frozen=True, slots=True)
class Word:
    """A person's word that a run may start, and when it was said, in the loop's time."""

    meant: Meant
    at_s: float


@dataclass(slots=True)
class Wanted:
    """A run that somebody has ordered: whether it is implausible, who has taken that on, and all words on it."""

    order: Order
    is_implausible: bool
    confirmed_by: str
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Start:
    """A start that has left the service, for the order with a name."""

    name: str
    run_id: str
    channel: str
    sent_s: float


class Book:
    """What a shift's people know, and what they have seen."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.now_s = clock
        self.wanted: dict[str, Wanted] = {}
        self.starts: dict[str, Start] = {}
        self.foreign: set[tuple[str, int]] = set()
        # By channel the runs that have tripped, each since when.
        self.latched: dict[str, dict[str, float]] = defaultdict(dict)
        # When somebody has said of a channel that it is empty.
        self.emptied_s: dict[str, list[float]] = defaultdict(list)
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

    def acknowledge(self, channel: str, run_id: str) -> None:
        """Note that a person acknowledges the trip of a run, by name."""
        self.latched[channel].pop(run_id, None)

    # What is seen

    def sent(self, barcode: str, name: str, run_id: str, channel: str) -> None:
        """Note that a start leaves the service."""
        self.starts[barcode] = Start(name, run_id, channel, self.now_s())

    async def hear(self, update: Told) -> None:
        """Note what the service tells of a run."""
        if not isinstance(update, RunUpdate):
            return
        before = self.states.get(update.run_id)
        self.states[update.run_id] = update.state
        if update.state is RunState.TRIPPED and before is not RunState.TRIPPED:
            self.latched[update.channel][update.run_id] = self.now_s()
