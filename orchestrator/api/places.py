"""Bounds the connections of a service: for each address and in all, and commands have places that nothing else takes.

A connection whose request is not finished, or not allowed, costs nobody anything: when there are too many of them the
oldest is closed to make a place, so that whoever holds idle connections, from the operator's own machine too, locks
nobody out. What is allowed takes a place of its kind while it is carried out and its answer is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

logger = logging.getLogger(__name__)

# How often it is logged that connections are closed to make place, in real seconds.
_TOLD_EVERY_S = 60.0
_STOPS = ("/stop", "/hold")
# So many answers to questions are made at once: a command waits for no more of them at each of its steps.
_READS_AT_ONCE = 2


class Kind(StrEnum):
    """What a request takes a place for."""

    STOP = "stops"
    COMMAND = "commands"
    READ = "reads"


def kind_of(method: str, path: str) -> Kind:
    """Return the kind of an allowed request."""
    if method in {"GET", "HEAD"}:
        return Kind.READ
    return Kind.STOP if path.endswith(_STOPS) else Kind.COMMAND


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections and requests there may be at once; ``each`` is for one address."""

    waiting: int = 512
    waiting_each: int = 256
    reads: int = 192
    reads_each: int = 96
    commands: int = 64
    stops: int = 64

    @classmethod
    def within(cls, descriptors: int) -> Bounds:
        """Return bounds that leave half of a process's file descriptors to the store and the instruments."""
        whole = cls()
        if descriptors >= 2 * (whole.waiting + whole.reads + whole.commands + whole.stops):
            return whole
        share = max(8, descriptors // 8)
        return cls(share, share, share, share, max(4, share // 2), max(4, share // 2))


class Holder(Protocol):
    """A connection, as far as its place is concerned."""

    @property
    def address(self) -> str:
        """The address of its client."""

    @property
    def unread_since_s(self) -> float | None:
        """Since when its client has not read what is written to it, in the loop's time; None if it reads."""

    @property
    def is_gone(self) -> bool:
        """Whether the connection is closed, or being closed."""

    def close_at_once(self) -> None:
        """Close the connection without waiting for its client."""


class NoPlace(Exception):
    """All places for requests of a kind are taken; the message says what to do."""


class Places:
    """The connections and requests of one service. ``clock`` is in real seconds."""

    def __init__(self, bounds: Bounds | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.bounds = bounds or Bounds()
        self._clock = clock
        # The oldest first.
        self._waiting: dict[str, dict[Holder, None]] = {}
        self._reading: list[Holder | None] = []
        self._commanding = {Kind.COMMAND: 0, Kind.STOP: 0}
        self.turns = asyncio.Semaphore(_READS_AT_ONCE)
        self._closed = 0
        self._told_s = -_TOLD_EVERY_S

    @property
    def waiting(self) -> int:
        """The number of connections without a request that is carried out."""
        return sum(map(len, self._waiting.values()))

    @property
    def reading(self) -> int:
        """The number of questions that are answered, and whose answers are being read."""
        return len(self._reading)

    def wait(self, holder: Holder) -> None:
        """Let a connection wait for its next request; the oldest that waits is closed if there are too many."""
        mine = self._waiting.setdefault(holder.address, {})
        mine.pop(holder, None)
        mine[holder] = None
        if len(mine) > self.bounds.waiting_each:
            self._close_oldest(holder.address)
        elif self.waiting > self.bounds.waiting:
            self._close_oldest(max(self._waiting, key=lambda address: len(self._waiting[address])))

    def leave(self, holder: Holder) -> None:
        """Forget a connection that waits: it is gone, or its request is carried out."""
        mine = self._waiting.get(holder.address, {})
        mine.pop(holder, None)
        if not mine:
            self._waiting.pop(holder.address, None)

    @contextmanager
    def taken(self, kind: Kind, holder: Holder | None) -> Iterator[None]:
        """Hold a place while an allowed request is carried out and its answer is read. Raises NoPlace."""
        if kind is Kind.READ:
            self._make_place_to_read(holder)
            self._reading.append(holder)
        else:
            most = self.bounds.stops if kind is Kind.STOP else self.bounds.commands
            if self._commanding[kind] >= most:
                raise NoPlace(f"{most} {kind.value} are being carried out at this moment; ask again in some seconds")
            self._commanding[kind] += 1
        if holder is not None:
            self.leave(holder)
        try:
            yield
        finally:
            if kind is Kind.READ:
                self._reading.remove(holder)
            else:
                self._commanding[kind] -= 1
            if holder is not None and not holder.is_gone:
                self.wait(holder)

    def _make_place_to_read(self, holder: Holder | None) -> None:
        address = holder.address if holder is not None else ""
        same: list[Holder | None] = [it for it in self._reading if it is not None and it.address == address]
        full_of = same if len(same) >= self.bounds.reads_each else self._reading
        if full_of is self._reading and len(self._reading) < self.bounds.reads:
            return
        unread = [it for it in full_of if it is not None and it.unread_since_s is not None and not it.is_gone]
        if not unread:
            raise NoPlace(f"{len(full_of)} clients read at this moment; close some, or ask again in some seconds")
        self._close(min(unread, key=lambda it: it.unread_since_s or 0.0))

    def _close_oldest(self, address: str) -> None:
        oldest = next(iter(self._waiting[address]))
        self.leave(oldest)
        self._close(oldest)

    def _close(self, holder: Holder) -> None:
        holder.close_at_once()
        self._closed += 1
        if self._clock() - self._told_s >= _TOLD_EVERY_S:
            self._told_s = self._clock()
            logger.warning(
                "%d connections were closed to make place for others, the last of %s: who opens so many, or does not "
                "read what he asks for?",
                self._closed,
                holder.address or "an unknown address",
            )
            self._closed = 0
