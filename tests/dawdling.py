"""Threads that take their time: virtual time must not show it."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from orchestrator.clock.virtual import PATIENCE_S, VirtualTimeLoop

T = TypeVar("T")


class Dawdling(ThreadPoolExecutor):
    """Threads that begin and end their work after random delays of real time, another one for each seed."""

    def __init__(self, seed: int, longest_s: float) -> None:
        super().__init__(8)
        self._random = random.Random(seed)
        self._longest_s = longest_s

    def submit(self, work: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:  # noqa: ANN401 - of Executor
        """Do it on a thread, with a delay before it and one after it."""
        before_s, after_s = (self._random.uniform(0, self._longest_s) for _ in range(2))

        def late() -> T:
            time.sleep(before_s)
            try:
                return work(*args, **kwargs)
            finally:
                time.sleep(after_s)

        return super().submit(late)


def run_dawdling(
    main: Coroutine[Any, Any, T], seed: int, *, patience_s: float = PATIENCE_S, longest_s: float = 0.004
) -> T:
    """Run in virtual time with threads that dawdle."""

    async def dawdled() -> T:
        asyncio.get_running_loop().set_default_executor(Dawdling(seed, longest_s))
        return await main

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(patience_s=patience_s)) as runner:
        return runner.run(dawdled())
