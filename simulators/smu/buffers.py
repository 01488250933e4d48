"""The reading buffers of a unit: a 2400's one, and a 2450's by their names."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from simulators.smu.status import Complaint

_LONGEST = 100_000
_OWN = ("defbuffer1", "defbuffer2")
_USUAL = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement: values in V, A and ohm, None where nothing was measured; the unit's time; its status.

    ``programmed`` is the level that was sourced, or what was read back of it. ``unix_time_s`` is for time stamps.
    """

    voltage_v: float | None
    current_a: float | None
    resistance_ohm: float | None
    time_s: float
    status: int
    value: float = 0.0
    programmed: float = 0.0


@dataclass(slots=True)
class Buffer:
    """Readings in their order; the oldest one goes when it is full."""

    readings: deque[Reading] = field(default_factory=lambda: deque(maxlen=_LONGEST))

    def part(self, first: int, last: int) -> list[Reading]:
        """Return readings by number, from 1 on. Raises -222 for numbers that there are not."""
        if not 1 <= first <= last <= len(self.readings):
            raise Complaint(-222)
        return list(islice(self.readings, first - 1, last))


class Buffers:
    """All buffers of one unit, and a 2400's latest sample."""

    def __init__(self) -> None:
        self.named = {name: Buffer() for name in _OWN}
        self.trace: deque[Reading] = deque(maxlen=_USUAL)
        self.trace_feeds = False
        self.latest: list[Reading] = []

    def find(self, name: str) -> Buffer:
        """Return a buffer by name. Raises -222 for one that there is not."""
        buffer = self.named.get(name.lower())
        if buffer is None:
            raise Complaint(-222)
        return buffer

    def make(self, name: str, points: int) -> None:
        """Make a buffer for so many readings."""
        self.named[name.lower()] = Buffer(deque(maxlen=points))

    def size_trace(self, points: int) -> None:
        """Give a 2400's buffer another size, empty."""
        self.trace = deque(maxlen=points)

    @property
    def trace_is_full(self) -> bool:
        """Return whether a 2400's buffer has all its readings."""
        return len(self.trace) == self.trace.maxlen

    def feed_trace(self, readings: list[Reading]) -> None:
        """Store readings in a 2400's buffer until it is full."""
        if self.trace_feeds:
            for reading in readings:
                if not self.trace_is_full:
                    self.trace.append(reading)
