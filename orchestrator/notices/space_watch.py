"""Finds a store's disk that takes nothing more: the event that says so cannot be stored on it.

It judges as housekeeping does (``orchestrator.store.disk_space``), and frees nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.store.disk_space import FLOOR_BYTES, SpaceReport, SpaceVerdict

# The disk is looked at so often: a question to the system that costs microseconds, and a full disk is told in seconds.
SPACE_S = 10.0
# A full disk has room again with twice the bytes below which it is full: one about that limit is one alarm, not many.
_ROOM_FLOORS = 2


class SpaceWatch:
    """Whether the disk is full, as last seen."""

    def __init__(self, look: Callable[[], SpaceReport]) -> None:
        """Take what checks the disk once; it may raise OSError, and nothing is known then."""
        self._look = look
        self._due_s = float("-inf")
        self.is_full = False

    def look(self, now_s: float) -> SpaceReport | None:
        """Check the disk if it is time to, and return what was seen; None where nothing new is known.

        ``is_full`` says how it is judged; ``now_s`` is the loop's time, in seconds.
        """
        if now_s < self._due_s:
            return None
        self._due_s = now_s + SPACE_S
        try:
            report = self._look()
        except OSError:
            return None
        is_below = self.is_full and report.free_bytes < _ROOM_FLOORS * FLOOR_BYTES
        self.is_full = report.verdict is SpaceVerdict.HOLD or is_below
        return report
