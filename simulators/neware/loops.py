"""Counts the passes of nested loops as the tester does: total passes, restarted in every outer pass.

Kept apart from the step machine because it is a rule that real data proved (reference 5.5) and that a property test
can state without a cell.
"""

from __future__ import annotations

from simulators.neware.schedule import Step


class LoopCounters:
    """The number of passes of each loop's block in the present pass of the enclosing loop."""

    def __init__(self) -> None:
        """Begin with no pass done."""
        self._done: dict[int, int] = {}

    def after(self, loop: Step) -> tuple[int, int]:
        """Count one pass as the loop step is reached; return the next step's number and 1 if that jumps back."""
        done = self._done.get(loop.number, 0) + 1
        if done < loop.loop_count:
            self._done[loop.number] = done
            return loop.loop_start, 1
        self._done[loop.number] = 0
        return loop.number + 1, 0
