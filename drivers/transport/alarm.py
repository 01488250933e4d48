"""A timer that is moved far more often than it rings, as one that bounds each of a thousand replies an hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf


class Alarm:
    """Calls ``ring`` once when its time has come.

    To move it later, or to clear it, is an assignment: the loop's own timer stays and looks again when it is due. A
    timer of the loop a reply would be pushed into its queue and cancelled each time, which costs more than the reply.
    """

    __slots__ = ("_at_s", "_loop", "_ring", "_timer")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._at_s = inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, after_s: float) -> None:
        """Ring after so many seconds, and not when it was to ring before."""
        loop = asyncio.get_running_loop()
        self._at_s = loop.time() + after_s
        if self._timer is not None and self._loop is loop:
            if self._timer.when() <= self._at_s:
                return
            self._timer.cancel()
        self._loop, self._timer = loop, loop.call_at(self._at_s, self._look)

    def clear(self) -> None:
        """Ring no more."""
        self._at_s = inf

    def close(self) -> None:
        """Ring no more, and leave no timer behind."""
        self._at_s = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._at_s == inf or self._loop is None:
            return
        if self._loop.time() < self._at_s:
            self._timer = self._loop.call_at(self._at_s, self._look)
            return
        self._at_s = inf
        self._ring()
