"""What a picture of runs may show: its horizontal axis, and which cycles of a run are drawn in it.

Imports nothing heavy: the command line reads it before a picture is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

USUAL_CYCLES = 5
"""So many curves of one run can be told apart in a small picture."""


class Over(StrEnum):
    """What a picture has on its horizontal axis."""

    TIME = "time"
    CYCLE = "cycle"
    CAPACITY = "capacity"
    VOLTAGE = "voltage"
    PLATED = "plated"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class ChosenCycles:
    """Cycles as they were asked for: first and last number of each range, and whether the last cycle is among them."""

    ranges: tuple[tuple[int, int], ...] = ()
    last: bool = False

    @classmethod
    def parse(cls, text: str) -> ChosenCycles:
        """Read a choice. Raises ValueError with what would be right."""
        ranges, last = [], False
        for piece in filter(None, (part.strip() for part in text.split(","))):
            found = re.fullmatch(r"(\d+)(?:-(\d+))?", piece)
            if piece == "last":
                last = True
            elif found and 1 <= int(found[1]) <= int(found[2] or found[1]):
                ranges.append((int(found[1]), int(found[2] or found[1])))
            else:
                raise ValueError(f"{piece!r} is no cycle: say numbers from 1, ranges or last, such as 1,5,48-50,last")
        if not ranges and not last:
            raise ValueError("no cycle is named: say numbers from 1, ranges or last, such as 1,5,48-50,last")
        return cls(tuple(ranges), last)

    def of(self, there: Sequence[int], whole: Sequence[int]) -> list[int]:
        """Return those of the cycles that are ``there``; the last is the last of the ``whole`` ones."""
        found = {number for number in there if any(low <= number <= high for low, high in self.ranges)}
        return sorted(found | ({whole[-1]} if self.last and whole else set()))

    def missing(self, there: Sequence[int]) -> list[str]:
        """Return the numbers and ranges of which nothing is there, in words."""
        absent = [(low, high) for low, high in self.ranges if not any(low <= number <= high for number in there)]
        return [str(low) if low == high else f"{low}-{high}" for low, high in absent]


def usual_cycles(whole: Sequence[int], count: int) -> list[int]:
    """Return so many of the whole cycles, evenly over the run, the first and the last among them."""
    if len(whole) <= count:
        return list(whole)
    return sorted({whole[round(n * (len(whole) - 1) / (count - 1))] for n in range(count)})
