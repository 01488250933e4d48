"""An event loop with a clock faster than real time: waits become shorter, computing does not.

Processes of one machine with the same clock agree on the time, as a service and a simulated tester that outlives it do.
Waits for people and for other programs stay as long as they are in real time: ``in_loop_time`` says how long that is.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from orchestrator.clock.virtual import wall_time

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """A clock that shows ``epoch_unix_s`` at ``origin_s`` of the monotonic clock, and is ``speed`` times as fast.

    The origin is lost when the machine starts anew, and so is every process that goes by this clock.
    """

    speed: float
    epoch_unix_s: float
    origin_s: float


class _ShortWaits(selectors.DefaultSelector):
    """A selector that waits for one ``speed``-th of the requested time."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None or timeout <= 0 else timeout / self._speed)


class ScaledTimeLoop(asyncio.SelectorEventLoop):
    """A selector event loop whose time is ``speed`` times that of the monotonic clock since ``origin_s``.

    ``alone``: no person and no program of real time takes part, so that waits for them become shorter too.
    """

    def __init__(
        self, speed: float, epoch_unix_s: float, origin_s: float | None = None, *, alone: bool = False
    ) -> None:
        self.speed = speed
        self.speed_of_others = 1.0 if alone else speed
        self.is_alone = alone
        self.epoch_unix_s = epoch_unix_s
        self._origin_s = time.monotonic() if origin_s is None else origin_s
        super().__init__(_ShortWaits(speed))

    def time(self) -> float:
        """Return the scaled time in seconds since the origin."""
        return (time.monotonic() - self._origin_s) * self.speed


def in_loop_time(real_s: float) -> float:
    """Return the seconds of the running loop's time that pass in ``real_s`` seconds of real time.

    For waits that people and other programs see: a client's next request, a heartbeat, a tester's reply. A loop in
    virtual time has no other time than its own.
    """
    speed: float = getattr(asyncio.get_running_loop(), "speed_of_others", 1.0)
    return real_s * speed


def others_unix_s() -> float:
    """Return the time (unix) by which people and other programs go: the system's, also where the loop's is scaled.

    For what is compared with their times, such as the names of backups. In virtual time, and alone, it is the loop's.
    """
    loop = asyncio.get_running_loop()
    return time.time() if isinstance(loop, ScaledTimeLoop) and not loop.is_alone else wall_time()


def run_by(clock: ScaledClock | None, main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end with a scaled clock, or (None) in real time."""
    if clock is None:
        return asyncio.run(main)
    return run_scaled(main, clock.speed, clock.epoch_unix_s, clock.origin_s)


def run_scaled(
    main: Coroutine[Any, Any, T],
    speed: float,
    epoch_unix_s: float,
    origin_s: float | None = None,
    *,
    alone: bool = False,
) -> T:
    """Run a coroutine to its end in scaled time, as ``asyncio.run`` does in real time; ``alone`` as in the loop."""
    with asyncio.Runner(loop_factory=lambda: ScaledTimeLoop(speed, epoch_unix_s, origin_s, alone=alone)) as runner:
        return runner.run(main)
