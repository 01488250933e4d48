"""What lies parallel to a cell: metal that comes at once or grows, wanders, flickers, and may go again."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shunt:
    """Metal of ``ohm`` between two times, in seconds of the test, pauses included.

    Over ``onset_s`` its conductance grows evenly in the logarithm, from a thousandth. ``wander`` is the part by which
    it moves, ``flicker_s`` how long it is there and away in turn (0: always there).
    """

    begins_s: float
    ends_s: float
    ohm: float
    onset_s: float = 0.0
    wander: float = 0.0
    wander_s: float = 600.0
    flicker_s: float = 0.0

    def siemens(self, at_s: float) -> float:
        """Return the conductance at a time."""
        since = at_s - self.begins_s
        if since < 0.0 or at_s >= self.ends_s:
            return 0.0
        if self.flicker_s and int(since / self.flicker_s) % 2:
            return 0.0
        value = 1.0 / self.ohm
        if since < self.onset_s:
            value *= 10.0 ** (-3.0 * (1.0 - since / self.onset_s))
        if self.wander:
            value /= 1.0 + self.wander * (
                0.6 * math.sin(since / self.wander_s) + 0.4 * math.sin(since * 3.7 / self.wander_s)
            )
        return value


def total_siemens(shunts: tuple[Shunt, ...], at_s: float) -> float:
    """Return the conductance of all of them at a time."""
    return sum(shunt.siemens(at_s) for shunt in shunts)
