"""An event loop whose clock jumps to the next timer whenever nothing is ready, and the one source of wall time.

A 600-hour test then takes as long as its work takes, and nothing in the code knows the difference. The clock stands
still while a thread that the loop started, or a child process said to be `busy`, is still working. Other bytes that
another process has yet to send are not waited for: in virtual time both ends of a wire live in this process.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# The demo's first second: 2026-01-05T00:00:00Z.
DEMO_EPOCH_UNIX_S = 1767571200.0


class _JumpingSelector(selectors.DefaultSelector):
    """Asks the system without waiting; where asyncio would wait for a timer, the clock jumps instead."""

    def __init__(self) -> None:
        super().__init__()
        self.jump: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0) or (timeout is not None and self.jump()):
            return events
        return super().select(None)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector event loop in virtual time, starting at ``epoch_unix_s``."""

    def __init__(self, epoch_unix_s: float = DEMO_EPOCH_UNIX_S) -> None:
        self._now_s = 0.0
        self._working = 0
        self.epoch_unix_s = epoch_unix_s
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.jump = self._jump

    def time(self) -> float:
        """Give the virtual time in seconds since the loop was made."""
        return self._now_s

    def _jump(self) -> bool:
        """Move the clock to the next timer, unless a thread or a child process is at work."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio's own heap
        if self._working or not scheduled:
            return False
        self._now_s = max(self._now_s, scheduled[0].when())
        return True

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run a function on a thread; the clock waits for it."""
        self._working += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_is_done)
        return future

    def busy(self) -> Callable[[], None]:
        """Hold the clock still for a child process that works; calling what this gives lets it go on, once."""
        self._working += 1
        working = True

        def release() -> None:
            nonlocal working
            if working:
                working = False
                self._working -= 1

        return release

    def _thread_is_done(self, _: asyncio.Future[Any]) -> None:
        self._working -= 1


def run_virtual(main: Coroutine[Any, Any, T], epoch_unix_s: float = DEMO_EPOCH_UNIX_S) -> T:
    """Run a coroutine to its end in virtual time, as `asyncio.run` does in real time."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(epoch_unix_s)) as runner:
        return runner.run(main)


def wall_time() -> float:
    """Give the time as unix seconds: the running loop's epoch and time when it has an epoch, else the system's."""
    loop = asyncio.get_running_loop()
    epoch_unix_s: float | None = getattr(loop, "epoch_unix_s", None)
    return time.time() if epoch_unix_s is None else epoch_unix_s + loop.time()
