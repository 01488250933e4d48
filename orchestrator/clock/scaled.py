"""An event loop whose clock runs faster than the world's: waits shorten, work does not.

Two processes with the same speed and origin agree on the time, as a service and a simulated tester that outlives it do.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _ShortWaits(selectors.DefaultSelector):
    """Waits for one ``speed``-th of what it is asked to."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None or timeout <= 0 else timeout / self._speed)


class ScaledTimeLoop(asyncio.SelectorEventLoop):
    """A selector event loop whose time is ``speed`` times that of the monotonic clock since ``origin_s``."""

    def __init__(self, speed: float, epoch_unix_s: float, origin_s: float | None = None) -> None:
        self.speed = speed
        self.epoch_unix_s = epoch_unix_s
        self._origin_s = time.monotonic() if origin_s is None else origin_s
        super().__init__(_ShortWaits(speed))

    def time(self) -> float:
        """Give the scaled time in seconds since the origin."""
        return (time.monotonic() - self._origin_s) * self.speed


def run_scaled(main: Coroutine[Any, Any, T], speed: float, epoch_unix_s: float, origin_s: float | None = None) -> T:
    """Run a coroutine to its end in scaled time, as `asyncio.run` does in real time."""
    with asyncio.Runner(loop_factory=lambda: ScaledTimeLoop(speed, epoch_unix_s, origin_s)) as runner:
        return runner.run(main)
